/* The resolver in force, and the probes that say which one it is to be. */
#include <stdlib.h>

#include "base/clk.h"
#include "base/log.h"
#include "dns/server_priv.h"

static void probe_done(struct dns_server *s, bool ok);

static int
make_resolver(struct dns_server *s, const struct dns_rung *g,
    struct resolver **out, struct err *err)
{
	const struct resolver_opts way = dns_server_opts_way(&s->o, g);

	return resolver_new(s->loop, &way, out, err);
}

static void
free_old(void *arg)
{
	struct dns_server *s = arg;

	s->freeing = false;
	resolver_free(&s->old);
	if (s->dead)
		free(s);
	else
		dns_path_probe(s);
}

/* A resolver's end, from wherever we are called. */
static void
retire(struct dns_server *s, struct resolver **r)
{
	if (*r == NULL)
		return;
	/* At most one a turn of the loop: the one in force and the spare are
	 * never retired by the same event. */
	must(s->old == NULL);
	resolver_mute(*r);
	s->old = *r;
	*r = NULL;
	s->freeing = true;
	ev_post(s->loop, free_old, s);
}

/* For the log. */
static const char *
path_text(enum dns_path p)
{
	switch (p) {
	case DNS_PATH_ROOT:
		return "recursion from the root";
	case DNS_PATH_FORWARD:
		return "the name servers of dns.forward";
	case DNS_PATH_SYSTEM:
		return "the system's name servers";
	}
	return "";
}

/* Who does not answer. */
static const char *
servers_text(enum dns_path p)
{
	return p == DNS_PATH_ROOT ? "the name servers of the Internet"
				  : path_text(p);
}

static void
log_mode(const struct dns_server *s)
{
	static const char *const names[] = {"recursion", "forward", "system"};
	int now = s->ladder.now;
	const struct dns_rung *g = &s->ladder.rung[now];

	mlog(now == 0 && g->validate ? LOG_INFO : LOG_WARN, "dns.mode",
	    "mode=%s validation=%s text=\"%s%s%s\"", names[g->path],
	    g->validate ? "yes" : "no", path_text(g->path),
	    g->validate ? "" : ", WITHOUT VALIDATION: answers can be forged",
	    now == 0 ? "" : "; better modes are tried every five minutes");
}

static const char *
delayed(const struct dns_server *s, const char **before)
{
	*before = s->o.delayed != NULL ? "; " : "";
	return s->o.delayed != NULL ? s->o.delayed(s->o.arg) : "";
}

void
dns_server_status(const struct dns_server *s, struct buf *out)
{
	const char *before, *what = delayed(s, &before);
	const struct dns_rung *g;

	if (s->ladder.now < 0) {
		buf_adds(out, "no working name servers found yet\n");
		return;
	}
	g = &s->ladder.rung[s->ladder.now];
	if (s->ladder.down) {
		buf_addf(out, DNS_STATUS_DOWN "%s%s%s%s\n",
		    s->ladder.bad_since != 0
			? "answers cannot be validated, from "
			: "no answers from ",
		    servers_text(s->ladder.rung[0].path), before, what);
		return;
	}
	buf_addf(out, "%s%s\n", path_text(g->path),
	    g->validate ? ", validating"
			: ", WITHOUT VALIDATION: answers can be forged");
}

/* The spare takes over; what was open is asked anew. */
static void
switch_over(struct dns_server *s)
{
	struct dns_lookup *q;

	for (q = s->first; q != NULL; q = q->next)
		q->asked = false;
	retire(s, &s->main);
	s->main = s->spare;
	s->spare = NULL;
	dns_lookup_start_all(s);
	dns_far_start_all(s);
}

static void
log_down(const struct dns_server *s)
{
	const char *before, *what = delayed(s, &before);

	if (s->ladder.bad_since != 0)
		mlog(LOG_WARN, "dns.down",
		    "text=\"answers cannot be validated%s%s; after a day of "
		    "this, validation is turned off (dns.validate)\"",
		    before, what);
	else
		mlog(LOG_WARN, "dns.down", "text=\"no answers from %s%s%s\"",
		    servers_text(s->ladder.rung[0].path), before, what);
}

/* Nothing works.  Questions are answered all the same, with errors, and who
 * has waited for the first round waits no longer. */
static void
go_down(struct dns_server *s)
{
	struct err err;

	log_down(s);
	if (s->main != NULL)
		return;
	if (make_resolver(s, &s->ladder.rung[0], &s->main, &err) == RC_OK)
		dns_lookup_start_all(s);
	else
		mlog(LOG_ERROR, "dns.resolver", "error=\"%s\"", err.text);
}

/* ---- probes ---- */

static void
on_probe(const struct resolver_answer *a, void *arg)
{
	struct dns_server *s = arg;
	const struct dns_rung *g = &s->ladder.rung[s->ladder.probing];
	unsigned rcode;
	bool ok;

	rcode = a->ok && a->packet.n >= 4 ? a->packet.p[3] & 0x0f : 2;
	ok = (rcode == 0 || rcode == 3) &&
	     (g->validate ? a->security == DNS_SECURE
			  : a->security != DNS_BOGUS);
	if (!ok || s->probe_second) {
		probe_done(s, ok);
		return;
	}
	/* The root itself is fine.  One name further on: a network that
	 * answers for the root only, from its own cache, shows here.  In a
	 * root of one's own this name may not exist, which is proven, too. */
	s->probe_second = true;
	if (resolver_ask(s->spare, "org.", DNS_SOA, on_probe, s) != RC_OK)
		probe_done(s, false);
}

static void
on_probe_end(void *arg)
{
	struct dns_server *s = arg;

	s->probe_end = NULL;
	probe_done(s, false);
}

static void
probe_start(struct dns_server *s, int rung)
{
	struct err err;

	s->probe_second = false;
	s->probe_end =
	    ev_timer_add(s->loop, s->o.limits.probe_ms, on_probe_end, s);
	/* The first of all was made before the walls. */
	if (s->spare == NULL &&
	    make_resolver(s, &s->ladder.rung[rung], &s->spare, &err) != RC_OK) {
		mlog(LOG_ERROR, "dns.resolver", "error=\"%s\"", err.text);
		probe_done(s, false);
		return;
	}
	if (resolver_ask(s->spare, ".", DNS_NS, on_probe, s) != RC_OK)
		probe_done(s, false);
}

static void
probe_done(struct dns_server *s, bool ok)
{
	enum dns_ladder_news news;

	ev_timer_del(&s->probe_end);
	news = dns_ladder_result(&s->ladder, ok, clk_mono());
	switch (news) {
	case DNS_LADDER_CHANGED:
	case DNS_LADDER_BACK:
		switch_over(s);
		log_mode(s);
		break;
	case DNS_LADDER_DOWN:
		go_down(s);
		break;
	case DNS_LADDER_SAME:
		break;
	}
	retire(s, &s->spare);
}

void
dns_path_probe(struct dns_server *s)
{
	int rung;

	/* One that is on its way out is waited for. */
	if (s->old != NULL)
		return;
	rung = dns_ladder_next(&s->ladder, clk_mono());
	if (rung >= 0)
		probe_start(s, rung);
}

int
dns_path_make_first(struct dns_server *s, struct err *err)
{
	return make_resolver(s, &s->ladder.rung[0], &s->spare, err);
}
