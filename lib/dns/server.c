#include "dns/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "dns/direct.h"
#include "dns/ladder.h"
#include "dns/packet.h"
#include "dns/resolver.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"
#include "ipc/server.h"

#define TICK_MS		1000
#define FORBIDDEN_LINES 20
#define HOUR_MS		3600000
#define FAR_MAX		4     /* each has some 50 resolvers at most */
#define FAR_BYTES_MAX	40000 /* of records in an answer */

/* Who asks. */
struct client {
	struct ipc_client ipc;	   /* must be first */
	struct dns_server_few few; /* may NULL: as it likes */
	int64_t hour;		   /* began then */
	unsigned asked;		   /* in it */
	unsigned forbidden;
};

struct query {
	struct dns_server *s;
	struct ipc_request request; /* answered by its deadline, or before */
	char name[DNS_NAME_MAX];
	enum dns_type type;
	int64_t deadline;
	bool asked; /* the resolver in force has it */
	struct query *prev, *next;
};

/* DNS_AUTHORITY. */
struct far_query {
	struct dns_server *s;
	struct ipc_request request;
	char name[DNS_NAME_MAX];
	enum dns_type type;
	int64_t deadline;      /* of its start */
	struct direct *direct; /* NULL: it waits for a way */
	struct far_query *next;
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
	struct query *first, *last; /* by deadline */
	unsigned open;
	struct far_query *far;
	unsigned nfar;
};

static void probe_done(struct dns_server *s, bool ok);
static void probe_next(struct dns_server *s);
static void wake_up(struct dns_server *s);

/* ---- answers ---- */

static void
query_forget(struct query *q)
{
	struct dns_server *s = q->s;

	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		s->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	else
		s->last = q->prev;
	ipc_request_end(&q->request);
	s->open--;
	free(q);
}

static void
make_reply(
    const struct dns_packet *p, enum dns_security security, struct msg *m)
{
	struct dns_reply r = {
	    .rc = p->rc,
	    .security = (uint8_t)security,
	    .ttl = p->ttl,
	    .canonical = sv_str(p->canonical),
	    .record = xcalloc(p->n + 1, sizeof *r.record),
	};
	struct sv rest = buf_sv(&p->data), record;

	while (r.nrecord < p->n && dns_packet_next(&rest, &record))
		r.record[r.nrecord++] = record;
	msg_init(m, MSG_REPLY);
	dns_reply_put(m, &r);
	free(r.record);
}

/* The one reply that a query gets; p NULL: RC_TEMP.  The query counts as open
 * until the resolver is done with it, for that is what costs. */
static void
query_reply(
    struct query *q, const struct dns_packet *p, enum dns_security security)
{
	const struct dns_packet none = {.rc = RC_TEMP};
	struct msg m;

	if (!ipc_request_is_awaited(&q->request))
		return;
	make_reply(p != NULL ? p : &none, security, &m);
	ipc_request_answer(&q->request, &m);
}

static void
log_bogus(const struct query *q, const char *why)
{
	char name[LOG_Q_MAX], text[LOG_Q_MAX];

	mlog(LOG_INFO, "dns.bogus", "name=%s type=%u why=%s",
	    log_q(name, sv_str(q->name)), (unsigned)q->type,
	    log_q(text, sv_str(why)));
}

/* What the resolver says about a query. */
static void
on_answer(const struct resolver_answer *a, void *arg)
{
	static const struct dns_packet_limits limits = DNS_PACKET_LIMITS;
	struct query *q = arg;
	struct dns_server *s = q->s;
	struct dns_packet p;
	int rc = RC_TEMP;

	if (a->ok && a->security != DNS_BOGUS)
		rc = dns_packet_read(a->packet, q->name, q->type, &limits, &p);
	/* A bogus answer is an answer: the network is not to blame. */
	dns_ladder_lookup(&s->ladder,
	    a->security == DNS_BOGUS || (rc == RC_OK && p.rc != RC_TEMP),
	    clk_mono());
	if (a->security == DNS_BOGUS)
		log_bogus(q, a->why != NULL ? a->why : "");
	query_reply(q, rc == RC_OK ? &p : NULL, a->security);
	if (rc == RC_OK)
		buf_fini(&p.data);
	query_forget(q);
}

static void
query_start(struct query *q)
{
	struct dns_server *s = q->s;
	char name[DNS_ESCAPED_MAX];

	/* Before it is asked: the answer may come, and free it, at once. */
	q->asked = true;
	dns_name_escape(q->name, name);
	if (resolver_ask(s->main, name, (int)q->type, on_answer, q) == RC_OK)
		return;
	query_reply(q, NULL, DNS_INSECURE);
	query_forget(q);
}

/* Asks (again) what the resolver in force has not been asked. */
static void
start_waiting(struct dns_server *s)
{
	struct query *q, *next;

	for (q = s->first; q != NULL; q = next) {
		next = q->next;
		if (!q->asked && !ipc_request_is_awaited(&q->request))
			query_forget(q);
		else if (!q->asked)
			query_start(q);
	}
}

/* ---- questions ---- */

static bool
is_known_type(uint32_t type)
{
	static const enum dns_type known[] = {DNS_A, DNS_NS, DNS_CNAME, DNS_PTR,
	    DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA, DNS_CAA};
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i] == type)
			return true;
	return false;
}

/* May a question with that name be asked, and how is it kept? */
static bool
take_name(const struct dns_question *q, char name[DNS_NAME_MAX])
{
	if (!q->any)
		return dns_name_normalise(q->name, name) == RC_OK;
	return (q->type == DNS_A || q->type == DNS_AAAA || q->type == DNS_MX ||
		   q->type == DNS_TXT) &&
	       dns_name_any(q->name, name) == RC_OK;
}

static void
query_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type)
{
	struct dns_server *s = c->arg;
	struct query *q = xcalloc(1, sizeof *q);

	q->s = s;
	ipc_request_begin(&q->request, c, m);
	memcpy(q->name, name, strlen(name) + 1);
	q->type = (enum dns_type)type;
	q->deadline = clk_mono() + s->o.limits.answer_ms;
	q->prev = s->last;
	if (s->last != NULL)
		s->last->next = q;
	else
		s->first = q;
	s->last = q;
	s->open++;
	wake_up(s);
	if (s->main != NULL)
		query_start(q);
}

/* ---- questions to a zone's own servers ---- */

static struct resolver_opts
way_of(const struct dns_server *s, const struct dns_rung *g)
{
	const struct dns_server_opts *o = &s->o;
	struct resolver_opts ro = {.root = &o->hints};

	if (g->path == DNS_PATH_FORWARD)
		ro.forward = &o->forward;
	else if (g->path == DNS_PATH_SYSTEM)
		ro.forward = &o->system;
	if (g->validate)
		ro.anchors = o->anchors.n > 0 ? buf_sv(&o->anchors)
					      : sv_str(dns_root_anchors);
	return ro;
}

/* room: bytes that its records may have. */
static void
put_far(const struct dns_authority_server *s, size_t room,
    struct dns_direct_answer *out)
{
	const struct dns_answer *a = &s->answer;
	const struct sv *last = a->n > 0 ? &a->record[a->n - 1] : NULL;
	size_t n = last != NULL ? (size_t)(last->p - a->bytes) + last->n : 0;
	bool fits = n <= room;

	out->name = sv_str(s->name);
	out->address = sv_str(s->address);
	out->unroutable = s->unroutable;
	/* What does not fit counts as no answer. */
	out->rc = fits ? a->rc : RC_TEMP;
	out->security = (uint8_t)a->security;
	out->ttl = a->ttl;
	out->canonical = sv_str(a->canonical);
	out->records = sv_of(a->bytes, fits ? n : 0);
}

static void
far_reply(const struct dns_authority *a, struct msg *m)
{
	struct dns_direct d = {.rc = a->rc,
	    .zone = sv_str(a->zone),
	    .negative_ttl = a->negative_ttl};

	d.server = xcalloc(a->n + 1, sizeof *d.server);
	for (; d.n < a->n; d.n++)
		put_far(&a->server[d.n], FAR_BYTES_MAX / a->n, &d.server[d.n]);
	msg_init(m, MSG_REPLY);
	dns_direct_put(m, &d);
	free(d.server);
}

static void
far_end(struct far_query *q, const struct dns_authority *a)
{
	struct dns_authority none;
	struct far_query **at = &q->s->far;
	struct msg m;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->s->nfar--;
	if (ipc_request_is_awaited(&q->request)) {
		dns_authority_init(&none);
		far_reply(a != NULL ? a : &none, &m);
		ipc_request_answer(&q->request, &m);
	}
	ipc_request_end(&q->request);
	direct_free(&q->direct);
	free(q);
}

static void
on_far(struct dns_authority *a, void *arg)
{
	far_end(arg, a);
}

/* Those that wait begin, if there is a way now. */
static void
start_far(struct dns_server *s)
{
	struct direct_opts o = {.port = DIRECT_PORT,
	    .find_ms = DIRECT_FIND_MS,
	    .answer_ms = DIRECT_ANSWER_MS};
	struct far_query *q;

	if (s->main == NULL || s->ladder.now < 0)
		return;
	o.way = way_of(s, &s->ladder.rung[s->ladder.now]);
	for (q = s->far; q != NULL; q = q->next)
		if (q->direct == NULL)
			q->direct = direct_new(
			    s->loop, &o, q->name, q->type, on_far, q);
}

static void
far_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type)
{
	struct dns_server *s = c->arg;
	struct far_query *q = xcalloc(1, sizeof *q);

	q->s = s;
	ipc_request_begin(&q->request, c, m);
	memcpy(q->name, name, strlen(name) + 1);
	q->type = (enum dns_type)type;
	q->deadline = clk_mono() + s->o.limits.answer_ms;
	q->next = s->far;
	s->far = q;
	s->nfar++;
	wake_up(s);
	start_far(s);
}

/* No way has been found for so long: those that wait get no answer. */
static void
give_up_far(struct dns_server *s)
{
	struct far_query *q, *next;

	for (q = s->far; q != NULL; q = next) {
		next = q->next;
		if (q->direct == NULL && q->deadline <= clk_mono())
			far_end(q, NULL);
	}
}

/* Counts it. */
static bool
is_too_much(struct client *c)
{
	int64_t now = clk_mono();

	if (c->asked == 0 || now - c->hour >= HOUR_MS) {
		c->hour = now;
		c->asked = 0;
	}
	if (c->asked++ == c->few.per_hour)
		mlog(LOG_WARN, "dns.enough",
		    "text=\"no more questions from auth in this hour\"");
	return c->asked > c->few.per_hour;
}

static bool
is_forbidden(
    struct client *c, const char *name, const struct dns_question *q, bool far)
{
	char text[LOG_Q_MAX];

	if (c->few.may == NULL)
		return far &&
		       !((const struct dns_server *)c->ipc.arg)->o.direct;
	if (far && q->type == DNS_TXT && c->few.may(name, c->few.arg))
		return is_too_much(c);
	/* Who asks so has been taken over, and would fill the log, too. */
	if (c->forbidden++ < FORBIDDEN_LINES)
		mlog(LOG_WARN, "dns.forbidden", "name=%s type=%u",
		    log_q(text, sv_str(name)), (unsigned)q->type);
	return true;
}

static bool
is_refused(struct ipc_client *c, const struct dns_question *q, bool far,
    char name[DNS_NAME_MAX])
{
	const struct dns_server *s = c->arg;

	return !take_name(q, name) || (far && q->any) ||
	       !is_known_type(q->type) || c->open >= s->o.limits.per_line ||
	       (far ? s->nfar >= FAR_MAX : s->open >= s->o.limits.all) ||
	       is_forbidden((struct client *)c, name, q, far);
}

static void
on_question(struct ipc_client *c, struct msg *m)
{
	const struct dns_packet none = {.rc = RC_TEMP};
	struct dns_authority none_far;
	bool far = m->type == DNS_AUTHORITY;
	char name[DNS_NAME_MAX];
	struct dns_question q;
	struct msg no;

	if ((m->type != DNS_QUERY && !far) || dns_question_get(m, &q) != RC_OK)
		return;
	if (is_refused(c, &q, far, name)) {
		dns_authority_init(&none_far);
		if (far)
			far_reply(&none_far, &no);
		else
			make_reply(&none, DNS_INSECURE, &no);
		ipc_client_answer(c, m->id, &no);
	} else if (far) {
		far_new(c, m, name, q.type);
	} else {
		query_new(c, m, name, q.type);
	}
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client), .msg = on_question};

void
dns_server_add_client(struct dns_server *s, int fd)
{
	(void)ipc_server_add(s->clients, fd);
}

void
dns_server_add_few(
    struct dns_server *s, int fd, const struct dns_server_few *few)
{
	((struct client *)ipc_server_add(s->clients, fd))->few = *few;
}

/* ---- ways ---- */

static int
make_resolver(struct dns_server *s, const struct dns_rung *g,
    struct resolver **out, struct err *err)
{
	const struct resolver_opts way = way_of(s, g);

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
		probe_next(s);
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
	struct query *q;

	for (q = s->first; q != NULL; q = q->next)
		q->asked = false;
	retire(s, &s->main);
	s->main = s->spare;
	s->spare = NULL;
	start_waiting(s);
	start_far(s);
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
		start_waiting(s);
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

static void
probe_next(struct dns_server *s)
{
	int rung;

	/* One that is on its way out is waited for. */
	if (s->old != NULL)
		return;
	rung = dns_ladder_next(&s->ladder, clk_mono());
	if (rung >= 0)
		probe_start(s, rung);
}

static void
on_tick(void *arg)
{
	struct dns_server *s = arg;
	int64_t now = clk_mono(), wait;
	struct query *q;

	for (q = s->first; q != NULL && q->deadline <= now; q = q->next)
		query_reply(q, NULL, DNS_INSECURE);
	give_up_far(s);
	probe_next(s);
	/* At rest until the ladder wants to look again. */
	wait = dns_ladder_due(&s->ladder) - now;
	if (s->first != NULL || s->far != NULL || s->old != NULL ||
	    wait < TICK_MS)
		wait = TICK_MS;
	s->resting = wait > TICK_MS;
	s->tick = ev_timer_add(s->loop, wait, on_tick, s);
}

/* There is a question, or the ladder has heard something: the ticks come
 * every second again. */
static void
wake_up(struct dns_server *s)
{
	if (!s->resting)
		return;
	s->resting = false;
	ev_timer_del(&s->tick);
	s->tick = ev_timer_add(s->loop, TICK_MS, on_tick, s);
}

/* ---- life ---- */

int
dns_server_new(struct ev_loop *loop, struct dns_server_opts *o,
    struct dns_server **out, struct err *err)
{
	struct dns_server *s = xcalloc(1, sizeof *s);
	int r;

	s->loop = loop;
	s->clients = ipc_server_new(loop, &client_ops, s);
	s->o = *o;
	dns_ladder_init(&s->ladder, o->hints.n > 0, o->forward.n > 0,
	    o->system.n > 0, o->validate);
	r = make_resolver(s, &s->ladder.rung[0], &s->spare, err);
	if (r != RC_OK) {
		ipc_server_free(&s->clients);
		free(s);
		return r;
	}
	*out = s;
	return RC_OK;
}

void
dns_server_start(struct dns_server *s)
{
	on_tick(s);
}

void
dns_server_free(struct dns_server **sp)
{
	struct dns_server *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	ev_timer_del(&s->tick);
	ev_timer_del(&s->probe_end);
	resolver_free(&s->old);
	resolver_free(&s->spare);
	resolver_free(&s->main);
	while (s->far != NULL)
		far_end(s->far, NULL);
	while (s->first != NULL)
		query_forget(s->first);
	ipc_server_free(&s->clients);
	dns_server_opts_fini(&s->o);
	/* A post cannot be taken back. */
	if (s->freeing)
		s->dead = true;
	else
		free(s);
}
