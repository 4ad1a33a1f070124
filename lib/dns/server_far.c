/* Questions to each of a zone's own servers (DNS_AUTHORITY): dns/direct.h has
 * them asked. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "dns/server_priv.h"
#include "ipc/msg_dns.h"

#define FAR_BYTES_MAX 40000 /* of records in an answer */

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

void
dns_far_make_reply(const struct dns_authority *a, struct msg *m)
{
	struct dns_authority none;
	struct dns_direct d = {.n = 0};

	dns_authority_init(&none);
	if (a == NULL)
		a = &none;
	d.rc = a->rc;
	d.zone = sv_str(a->zone);
	d.negative_ttl = a->negative_ttl;
	d.server = xcalloc(a->n + 1, sizeof *d.server);
	for (; d.n < a->n; d.n++)
		put_far(&a->server[d.n], FAR_BYTES_MAX / a->n, &d.server[d.n]);
	msg_init(m, MSG_REPLY);
	dns_direct_put(m, &d);
	free(d.server);
}

void
dns_far_end(struct dns_far *q, const struct dns_authority *a)
{
	struct dns_far **at = &q->a.s->far;
	struct msg m;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->a.s->nfar--;
	if (ipc_request_is_awaited(&q->a.request)) {
		dns_far_make_reply(a, &m);
		ipc_request_answer(&q->a.request, &m);
	}
	ipc_request_end(&q->a.request);
	direct_free(&q->direct);
	free(q);
}

static void
on_far(struct dns_authority *a, void *arg)
{
	dns_far_end(arg, a);
}

/* Those that wait begin, if there is a way now. */
void
dns_far_start_all(struct dns_server *s)
{
	struct direct_opts o = {.port = DIRECT_PORT,
	    .find_ms = DIRECT_FIND_MS,
	    .answer_ms = DIRECT_ANSWER_MS};
	struct dns_far *q;

	if (s->main == NULL || s->ladder.now < 0)
		return;
	o.way = dns_server_opts_way(&s->o, &s->ladder.rung[s->ladder.now]);
	for (q = s->far; q != NULL; q = q->next)
		if (q->direct == NULL)
			q->direct = direct_new(
			    s->loop, &o, q->a.name, q->a.type, on_far, q);
}

void
dns_far_new(
    struct ipc_client *c, const struct msg *m, const char *name, uint32_t type)
{
	struct dns_server *s = c->arg;
	struct dns_far *q = xcalloc(1, sizeof *q);

	dns_asked_begin(&q->a, c, m, name, type);
	q->next = s->far;
	s->far = q;
	s->nfar++;
	dns_far_start_all(s);
}

/* No way has been found for so long: those that wait get no answer. */
void
dns_far_give_up(struct dns_server *s)
{
	struct dns_far *q, *next;

	for (q = s->far; q != NULL; q = next) {
		next = q->next;
		if (q->direct == NULL && q->a.deadline <= clk_mono())
			dns_far_end(q, NULL);
	}
}
