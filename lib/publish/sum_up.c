/* Of all records of a domain: can others send to it, and believe it? */
#include "publish/publish_priv.h"

struct count {
	size_t right, unknown, bad; /* of one kind */
};

static struct count
count(const struct publish_list *l, const char *domain, enum publish_kind kind)
{
	struct count c = {0, 0, 0};
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct publish *p = &l->p[i];

		if (p->kind != kind ||
		    (p->domain != NULL && p->domain != domain))
			continue;
		/* No IPv6 is fine, but leads nowhere. */
		if (p->state == PUBLISH_RIGHT)
			c.right += kind != PUBLISH_ADDRESS || p->found.n > 0;
		else if (p->state == PUBLISH_UNKNOWN && !p->advice)
			c.unknown++;
		else if (publish_is_trouble(p))
			c.bad++;
	}
	return c;
}

/* One thing that is in the way, or may be. */
static void
blame(enum publish_answer *answer, struct buf *why, const char *name,
    enum publish_answer how)
{
	if (*answer != PUBLISH_NO)
		*answer = how;
	if (why->n > 0)
		buf_adds(why, ", ");
	buf_adds(why, name);
}

/* All of a kind must be right, or one of them if that is enough. */
static void
need(const struct publish_list *l, const char *domain, enum publish_kind kind,
    bool one, enum publish_answer *answer, struct buf *why)
{
	const struct publish p = {.kind = kind, .type = DNS_A};
	struct count c = count(l, domain, kind);
	const char *name =
	    kind == PUBLISH_ADDRESS ? "address" : publish_kind_name(&p);

	if (one && c.right > 0)
		return;
	if (c.bad > 0)
		blame(answer, why, name, PUBLISH_NO);
	else if (c.unknown > 0)
		blame(answer, why, name, PUBLISH_MAYBE);
}

void
publish_sum_up(const struct publish_list *l, const char *domain,
    struct publish_verdict *out)
{
	struct publish_verdict *v = out;

	*v = (struct publish_verdict){
	    .reached = PUBLISH_YES, .believed = PUBLISH_YES};
	buf_init(&v->why_reached, 256);
	buf_init(&v->why_believed, 256);
	need(l, domain, PUBLISH_MX, false, &v->reached, &v->why_reached);
	need(l, domain, PUBLISH_ADDRESS, true, &v->reached, &v->why_reached);
	need(l, domain, PUBLISH_TLSA, false, &v->reached, &v->why_reached);
	need(l, domain, PUBLISH_SPF, false, &v->believed, &v->why_believed);
	need(l, domain, PUBLISH_DKIM, true, &v->believed, &v->why_believed);
	need(l, domain, PUBLISH_DMARC, false, &v->believed, &v->why_believed);
	need(l, domain, PUBLISH_PTR, false, &v->believed, &v->why_believed);
	need(l, domain, PUBLISH_BLOCK_LIST, false, &v->believed,
	    &v->why_believed);
	need(l, domain, PUBLISH_PORT_25, true, &v->believed, &v->why_believed);
}

void
publish_verdict_fini(struct publish_verdict *v)
{
	buf_fini(&v->why_reached);
	buf_fini(&v->why_believed);
}
