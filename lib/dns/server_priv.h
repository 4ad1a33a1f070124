/*
 * Inside the server only.  Of its files each needs only those before it:
 * load.c, server_lookup.c and server_far.c, server_path.c, server.c.
 */
#ifndef DNS_SERVER_PRIV_H
#define DNS_SERVER_PRIV_H

#include "dns/direct.h"
#include "dns/ladder.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "ipc/server.h"

/* What a question of either kind has. */
struct dns_asked {
	struct dns_server *s;
	struct ipc_request request; /* answered by its deadline, or before */
	char name[DNS_NAME_MAX];
	enum dns_type type;
	int64_t deadline; /* of DNS_AUTHORITY: of its start */
};

/* DNS_QUERY. */
struct dns_lookup {
	struct dns_asked a;
	bool asked; /* the resolver in force has it */
	struct dns_lookup *prev, *next;
};

/* DNS_AUTHORITY. */
struct dns_far {
	struct dns_asked a;
	struct direct *direct; /* NULL: it waits for a way */
	struct dns_far *next;
};

struct dns_server {
	struct ev_loop *loop;
	struct dns_server_opts o;
	struct dns_ladder ladder;
	struct resolver *main;	/* in force; NULL until the first round */
	struct resolver *spare; /* the probe's */
	struct resolver *old;	/* to be freed outside of its callbacks */
	struct ev_timer *tick, *probe_end;
	bool resting;	   /* the tick is further away than TICK_MS */
	bool probe_second; /* the probe's second question is under way */
	bool freeing;	   /* free_old is posted, and names us */
	bool dead;	   /* free_old frees us, too */
	struct ipc_server *clients;
	struct dns_lookup *first, *last; /* by deadline */
	unsigned open;
	struct dns_far *far;
	unsigned nfar;
};

struct dns_packet;

/* ---- load.c ---- */

/* The resolver of that rung; it points into *o. */
struct resolver_opts dns_server_opts_way(
    const struct dns_server_opts *o, const struct dns_rung *g);

/* ---- server_lookup.c ---- */

/* m asks, by c, a client of a struct dns_server; name is normalised. */
void dns_asked_begin(struct dns_asked *a, struct ipc_client *c,
    const struct msg *m, const char *name, uint32_t type);
/* p NULL: RC_TEMP. */
void dns_lookup_make_reply(
    const struct dns_packet *p, enum dns_security security, struct msg *m);
void dns_lookup_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type);
/* The one reply that a query gets; p NULL: RC_TEMP.  The query counts as open
 * until the resolver is done with it, for that is what costs. */
void dns_lookup_reply(struct dns_lookup *q, const struct dns_packet *p,
    enum dns_security security);
/* The resolver is done with it; q is freed. */
void dns_lookup_forget(struct dns_lookup *q);
/* Asks (again) what the resolver in force has not been asked. */
void dns_lookup_start_all(struct dns_server *s);

/* ---- server_far.c ---- */

/* a NULL: RC_TEMP. */
void dns_far_make_reply(const struct dns_authority *a, struct msg *m);
void dns_far_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type);
/* Answers, if anybody still waits, and frees q; a NULL: RC_TEMP. */
void dns_far_end(struct dns_far *q, const struct dns_authority *a);
/* Those that wait begin, if there is a way now. */
void dns_far_start_all(struct dns_server *s);
/* No way has been found for so long: those that wait get no answer. */
void dns_far_give_up(struct dns_server *s);

/* ---- server_path.c ---- */

/* The first resolver is made before the walls, as s->spare. */
int dns_path_make_first(struct dns_server *s, struct err *err) RC_USE_RESULT;
/* The next probe, if it is time for one and the last resolver is gone. */
void dns_path_probe(struct dns_server *s);

#endif
