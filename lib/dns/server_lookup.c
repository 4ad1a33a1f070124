/* Questions to the resolver in force (DNS_QUERY), and their answers. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "dns/packet.h"
#include "dns/server_priv.h"
#include "ipc/msg_dns.h"

void
dns_asked_begin(struct dns_asked *a, struct ipc_client *c, const struct msg *m,
    const char *name, uint32_t type)
{
	a->s = c->arg;
	ipc_request_begin(&a->request, c, m);
	memcpy(a->name, name, strlen(name) + 1);
	a->type = (enum dns_type)type;
	a->deadline = clk_mono() + a->s->o.limits.answer_ms;
}

void
dns_lookup_forget(struct dns_lookup *q)
{
	struct dns_server *s = q->a.s;

	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		s->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	else
		s->last = q->prev;
	ipc_request_end(&q->a.request);
	s->open--;
	free(q);
}

void
dns_lookup_make_reply(
    const struct dns_packet *p, enum dns_security security, struct msg *m)
{
	static const struct dns_packet none = {.rc = RC_TEMP};
	struct dns_reply r = {.security = (uint8_t)security};
	struct sv rest, record;

	if (p == NULL)
		p = &none;
	r.rc = p->rc;
	r.ttl = p->ttl;
	r.canonical = sv_str(p->canonical);
	r.record = xcalloc(p->n + 1, sizeof *r.record);
	rest = buf_sv(&p->data);
	while (r.nrecord < p->n && dns_packet_next(&rest, &record))
		r.record[r.nrecord++] = record;
	msg_init(m, MSG_REPLY);
	dns_reply_put(m, &r);
	free(r.record);
}

void
dns_lookup_reply(struct dns_lookup *q, const struct dns_packet *p,
    enum dns_security security)
{
	struct msg m;

	if (!ipc_request_is_awaited(&q->a.request))
		return;
	dns_lookup_make_reply(p, security, &m);
	ipc_request_answer(&q->a.request, &m);
}

static void
log_bogus(const struct dns_lookup *q, const char *why)
{
	char name[LOG_Q_MAX], text[LOG_Q_MAX];

	mlog(LOG_INFO, "dns.bogus", "name=%s type=%u why=%s",
	    log_q(name, sv_str(q->a.name)), (unsigned)q->a.type,
	    log_q(text, sv_str(why)));
}

/* What the resolver says about a query. */
static void
on_answer(const struct resolver_answer *a, void *arg)
{
	static const struct dns_packet_limits limits = DNS_PACKET_LIMITS;
	struct dns_lookup *q = arg;
	struct dns_server *s = q->a.s;
	struct dns_packet p;
	int rc = RC_TEMP;

	if (a->ok && a->security != DNS_BOGUS)
		rc = dns_packet_read(
		    a->packet, q->a.name, q->a.type, &limits, &p);
	/* A bogus answer is an answer: the network is not to blame. */
	dns_ladder_lookup(&s->ladder,
	    a->security == DNS_BOGUS || (rc == RC_OK && p.rc != RC_TEMP),
	    clk_mono());
	if (a->security == DNS_BOGUS)
		log_bogus(q, a->why != NULL ? a->why : "");
	dns_lookup_reply(q, rc == RC_OK ? &p : NULL, a->security);
	if (rc == RC_OK)
		buf_fini(&p.data);
	dns_lookup_forget(q);
}

static void
lookup_start(struct dns_lookup *q)
{
	struct dns_server *s = q->a.s;
	char name[DNS_ESCAPED_MAX];

	/* Before it is asked: the answer may come, and free it, at once. */
	q->asked = true;
	dns_name_escape(q->a.name, name);
	if (resolver_ask(s->main, name, (int)q->a.type, on_answer, q) == RC_OK)
		return;
	dns_lookup_reply(q, NULL, DNS_INSECURE);
	dns_lookup_forget(q);
}

void
dns_lookup_start_all(struct dns_server *s)
{
	struct dns_lookup *q, *next;

	for (q = s->first; q != NULL; q = next) {
		next = q->next;
		if (!q->asked && !ipc_request_is_awaited(&q->a.request))
			dns_lookup_forget(q);
		else if (!q->asked)
			lookup_start(q);
	}
}

void
dns_lookup_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type)
{
	struct dns_server *s = c->arg;
	struct dns_lookup *q = xcalloc(1, sizeof *q);

	dns_asked_begin(&q->a, c, m, name, type);
	q->prev = s->last;
	if (s->last != NULL)
		s->last->next = q;
	else
		s->first = q;
	s->last = q;
	s->open++;
	if (s->main != NULL)
		lookup_start(q);
}
