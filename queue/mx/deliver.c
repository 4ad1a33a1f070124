#include "queue/mx/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define REFUSED_PREFIX 24 /* where a status code may be */

struct way {
	const struct deliver *d;
	bool *open;	 /* recipients that the next host may be asked for */
	unsigned nhosts; /* that said something */
	bool four_only;
	bool four_later; /* somebody over IPv4 may take it later */
};

static bool
is_four(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip);
}

bool
deliver_is_policy(const struct client_rcpt *to)
{
	struct sv reply_text = sv_first(sv_str(to->reply_text), REFUSED_PREFIX);

	return to->code / 100 == 5 &&
	       sv_find(reply_text, SV("5.7.")) < reply_text.n;
}

/* Refused for the address that we come from, with a status code or without. */
static bool
is_about_address(const struct client_rcpt *to)
{
	static const char *const words[] = {
	    "ptr", "rdns", "reverse", "ipv6", "block", "blacklist"};
	struct sv reply_text = sv_str(to->reply_text);
	size_t i;

	if (deliver_is_policy(to))
		return true;
	/* Behind the words is the host's own name and address. */
	reply_text = sv_first(reply_text, sv_rchr(reply_text, '('));
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (to->code / 100 == 5 &&
		    sv_ifind(reply_text, sv_str(words[i])) < reply_text.n)
			return true;
	return false;
}

static bool
has_four(const struct route *route)
{
	size_t i;

	for (i = 0; i < route->n; i++)
		if (is_four(&route->address[i].ip))
			return true;
	return false;
}

/* Is this recipient to be tried elsewhere? */
static bool
stays_open(struct way *w, const struct client *c, const struct client_rcpt *to)
{
	if (to->code / 100 == 4)
		return !to->unsure;
	if (to->unable)
		return true;
	if (is_four(client_ip(c)) || !is_about_address(to) ||
	    !has_four(w->d->route))
		return false;
	w->four_only = true;
	return true;
}

/* True: another address may be tried. */
static bool
weigh(struct way *w, const struct client *c)
{
	const struct client_message *m = w->d->m;
	bool any = false, settled = false;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		const struct client_rcpt *to = &m->rcpt[i];

		settled = settled || to->code / 100 == 2 || to->unsure;
		w->open[i] = w->open[i] && stays_open(w, c, to);
		any = any || w->open[i];
	}
	return any && !settled && ++w->nhosts < DELIVER_HOSTS_MAX;
}

static void
take_verdict(struct way *w, const struct client *c,
    const struct client_rcpt *answer, struct client_rcpt *to)
{
	bool four = is_four(client_ip(c));

	if (!four && w->four_later && is_about_address(answer))
		return;
	/* One that may take it later is asked again. */
	if (answer->unable && to->code / 100 == 4)
		return;
	*to = *answer;
	w->four_later = w->four_later || (four && answer->code / 100 == 4);
}

/* The transaction, for those who are open. */
static int
send_open(struct way *w, struct client *c)
{
	struct client_message m = *w->d->m;
	struct client_rcpt *all = m.rcpt;
	size_t n = m.nrcpt, i, k = 0;
	int r;

	m.rcpt = xcalloc(n, sizeof *m.rcpt);
	for (i = 0; i < n; i++)
		if (w->open[i])
			m.rcpt[k++].address = all[i].address;
	m.nrcpt = k;
	r = client_send(c, &m, w->d->why);
	if (r == RC_OK && w->d->heard != NULL)
		w->d->heard(w->d->arg, c, &m);
	else if (r != RC_OK && w->d->missed != NULL)
		w->d->missed(w->d->arg, c, NULL, &m);
	for (i = k = 0; r == RC_OK && i < n; i++)
		if (w->open[i])
			take_verdict(w, c, &m.rcpt[k++], &all[i]);
	free(m.rcpt);
	return r;
}

/* Takes c.  RC_OK: it has said something. */
static int
send_over(struct way *w, struct client *c, bool *go_on)
{
	int r = send_open(w, c);

	*go_on = true;
	if (r == RC_OK) {
		*go_on = weigh(w, c);
		w->d->rest(w->d->arg, c);
	} else {
		client_close(&c);
	}
	return r;
}

static bool
is_wanted(const struct way *w, const struct route_address *a,
    const struct in6_addr *tried)
{
	return memcmp(&a->ip, tried, sizeof *tried) != 0 &&
	       (!w->four_only || is_four(&a->ip));
}

/* One of the host that comes first. */
static bool
is_best(const struct route *route, const struct route_address *a)
{
	return strcmp(route->address[0].host, a->host) == 0;
}

/* The best host is ourselves. */
static bool
refuse_all(const struct deliver *d)
{
	size_t i;

	for (i = 0; i < d->m->nrcpt; i++) {
		struct client_rcpt *to = &d->m->rcpt[i];

		to->code = 550;
		memcpy(
		    to->reply_text, d->why->reply_text, sizeof to->reply_text);
	}
	return true;
}

bool
deliver_route(const struct deliver *d)
{
	struct way w = {.d = d};
	struct in6_addr tried = {0};
	bool reached = false, go_on = true;
	struct client *c = d->rested(d->arg);
	size_t i;

	w.open = xcalloc(d->m->nrcpt, sizeof *w.open);
	for (i = 0; i < d->m->nrcpt; i++)
		w.open[i] = true;
	if (c != NULL) {
		struct in6_addr ip = *client_ip(c);

		if (send_over(&w, c, &go_on) == RC_OK) {
			reached = true;
			tried = ip;
		}
	}
	for (i = 0; i < d->route->n && go_on && d->may_go_on(d->arg); i++) {
		const struct route_address *a = &d->route->address[i];
		struct client_why before = *d->why;
		int r;

		if (!is_wanted(&w, a, &tried))
			continue;
		r = client_open(d->o, a, &c, d->why);
		if (r == RC_PERM) {
			/* Those behind us are worse than we. */
			if (reached || !is_best(d->route, a))
				*d->why = before;
			else
				reached = refuse_all(d);
			break;
		}
		if (r != RC_OK && d->missed != NULL)
			d->missed(d->arg, NULL, a, d->m);
		if (r == RC_OK && send_over(&w, c, &go_on) == RC_OK)
			reached = true;
	}
	free(w.open);
	return reached;
}
