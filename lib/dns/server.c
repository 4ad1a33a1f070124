#include "dns/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "dns/server_priv.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"

#define TICK_MS		1000
#define FORBIDDEN_LINES 20
#define HOUR_MS		3600000
#define FAR_MAX		4 /* each has some 50 resolvers at most */

/* Who asks. */
struct client {
	struct ipc_client ipc;	   /* must be first */
	struct dns_server_few few; /* may NULL: as it likes */
	int64_t hour;		   /* began then */
	unsigned asked;		   /* in it */
	unsigned forbidden;
};

static void
on_tick(void *arg)
{
	struct dns_server *s = arg;
	int64_t now = clk_mono(), wait;
	struct dns_lookup *q;

	for (q = s->first; q != NULL && q->a.deadline <= now; q = q->next)
		dns_lookup_reply(q, NULL, DNS_INSECURE);
	dns_far_give_up(s);
	dns_path_probe(s);
	/* At rest until the ladder wants to look again. */
	wait = dns_ladder_due(&s->ladder) - now;
	if (s->first != NULL || s->far != NULL || s->old != NULL ||
	    wait < TICK_MS)
		wait = TICK_MS;
	s->resting = wait > TICK_MS;
	s->tick = ev_timer_add(s->loop, wait, on_tick, s);
}

/* There is a question: the ticks come every second again. */
static void
wake_up(struct dns_server *s)
{
	if (!s->resting)
		return;
	s->resting = false;
	ev_timer_del(&s->tick);
	s->tick = ev_timer_add(s->loop, TICK_MS, on_tick, s);
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
	bool far = m->type == DNS_AUTHORITY;
	char name[DNS_NAME_MAX];
	struct dns_question q;
	struct msg no;

	if ((m->type != DNS_QUERY && !far) || dns_question_get(m, &q) != RC_OK)
		return;
	if (is_refused(c, &q, far, name)) {
		if (far)
			dns_far_make_reply(NULL, &no);
		else
			dns_lookup_make_reply(NULL, DNS_INSECURE, &no);
		ipc_client_answer(c, m->id, &no);
		return;
	}
	wake_up(c->arg);
	if (far)
		dns_far_new(c, m, name, q.type);
	else
		dns_lookup_new(c, m, name, q.type);
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
	r = dns_path_make_first(s, err);
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
		dns_far_end(s->far, NULL);
	while (s->first != NULL)
		dns_lookup_forget(s->first);
	ipc_server_free(&s->clients);
	dns_server_opts_fini(&s->o);
	/* A post cannot be taken back. */
	if (s->freeing)
		s->dead = true;
	else
		free(s);
}
