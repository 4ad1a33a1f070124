/*
 * Inside `hearthmail dns` only: what its files share.  The list and all
 * judgements are lib/publish's; here are the machine, the network, the screen.
 */
#ifndef CMD_COMMAND_GUIDE_H
#define CMD_COMMAND_GUIDE_H

#include "publish/publish.h"

#define GUIDE_ADDRESSES 32

struct guide {
	const struct conf *conf;
	const char *domain; /* only this one, of the configuration; or NULL */
	bool network;	    /* mail hosts may be connected to */
	struct in6_addr address[GUIDE_ADDRESSES];
	struct publish_host host;
	struct buf certificate; /* what host.certificate points into */
	char ca[64];
	struct publish_list list;
	/* The system's name servers: they answer for names that cannot exist;
	 * they do not answer. */
	bool resolver_lies, resolver_dead;
	char failed[160]; /* nothing could be looked up, and why; "" */
};

/* ---- guide.c ---- */

/* How many entries are in trouble. */
size_t guide_troubles(const struct guide *g);
/* No name could be looked up.  Reverse names of private addresses do not count:
 * they are answered without any name server. */
bool guide_knows_nothing(const struct guide *g);
/* The domain is one of those that were asked for. */
bool guide_shows(const struct guide *g, const struct conf_domain *d);

/* ---- guide_machine.c: before the walls ---- */

/* Addresses, those that mail leaves from, the certificate in use. */
void guide_look_at_machine(struct guide *g);
void guide_fini(struct guide *g);

/* ---- guide_ask.c ---- */

/* Asks all questions, from within the dns process's walls, and has the answers
 * judged. */
int guide_ask(struct guide *g, struct err *err) RC_USE_RESULT;

/* ---- guide_connect.c ---- */

/* Can the address be spoken to on port 25?  Fills the entry. */
struct ev_loop;
typedef void guide_connected_fn(void *arg);
void guide_connect(struct ev_loop *loop, struct publish *p,
    const struct dns_answer *addresses, guide_connected_fn *fn, void *arg);

/* ---- guide_print.c ---- */

void guide_print_zone(const struct guide *g);
void guide_print_screen(const struct guide *g);
void guide_print_brief(const struct guide *g);

/* ---- guide_json.c ---- */

/* checked: there are states. */
void guide_print_json(const struct guide *g, bool checked);

#endif
