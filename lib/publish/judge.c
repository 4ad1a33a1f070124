/* What is there, and what it means. */
#include "base/alloc.h"
#include "publish/publish_priv.h"

static publish_judge_fn *
judge_of(enum publish_kind kind)
{
	switch (kind) {
	case PUBLISH_MX:
		return publish_judge_mx;
	case PUBLISH_ADDRESS:
		return publish_judge_address;
	case PUBLISH_SPF:
		return publish_judge_spf;
	case PUBLISH_DKIM:
		return publish_judge_dkim;
	case PUBLISH_DMARC:
		return publish_judge_dmarc;
	case PUBLISH_SRV:
		return publish_judge_srv;
	case PUBLISH_PTR:
		return publish_judge_ptr;
	case PUBLISH_TLSRPT:
		return publish_judge_tlsrpt;
	case PUBLISH_TLSA:
		return publish_judge_tlsa;
	case PUBLISH_NEXT_TLSA:
		return publish_judge_next_tlsa;
	case PUBLISH_MTA_STS:
		return publish_judge_mta_sts;
	case PUBLISH_CAA:
		return publish_judge_caa;
	case PUBLISH_AUTOCONFIG:
		return publish_judge_autoconfig;
	case PUBLISH_DNSSEC:
		return publish_judge_dnssec;
	case PUBLISH_BLOCK_LIST:
		return publish_judge_block_list;
	case PUBLISH_PORT_25:
		break; /* is not asked for in the DNS */
	}
	return NULL;
}

static int
say_failure(struct publish *p, const struct dns_answer *a)
{
	if (a->security == DNS_BOGUS && p->kind != PUBLISH_BLOCK_LIST)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "its DNSSEC signature is wrong: validating resolvers "
		    "reject it");
	return publish_say(
	    p, PUBLISH_UNKNOWN, "no answer from the name servers");
}

int
publish_judge(struct publish *p, const struct publish_host *h)
{
	publish_judge_fn *judge = judge_of(p->kind);
	const struct dns_answer *a;

	if (!p->lookup || judge == NULL)
		return RC_OK;
	a = publish_ask(p, p->name, p->type);
	if (a == NULL)
		return RC_MORE;
	buf_reset(&p->found);
	buf_reset(&p->words);
	p->state = PUBLISH_UNKNOWN;
	p->warn = p->elsewhere = false;
	p->security = a->security;
	p->ttl = a->ttl;
	if (a->rc != RC_OK && a->rc != RC_NOTFOUND)
		return say_failure(p, a);
	return judge(p, h, a);
}

static void
copy_answer(const struct dns_answer *a, struct dns_answer *out)
{
	size_t i, at = 0, n = 0;

	*out = *a;
	for (i = 0; i < a->n; i++)
		n += a->record[i].n;
	out->bytes = xmalloc(n + 1);
	out->record = xcalloc(a->n + 1, sizeof *out->record);
	for (i = 0; i < a->n; i++) {
		memcpy(out->bytes + at, a->record[i].p, a->record[i].n);
		out->record[i] = sv_of(out->bytes + at, a->record[i].n);
		at += a->record[i].n;
	}
}

void
publish_judge_answer(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct lookup_question q;
	struct dns_answer copy;

	/* The first question is for the name itself. */
	if (publish_judge(p, h) == RC_MORE && lookup_open(p->q, &q)) {
		copy_answer(a, &copy);
		lookup_answer(p->q, q.id, &copy);
		dns_answer_fini(&copy);
	}
	if (publish_judge(p, h) == RC_MORE) {
		lookup_expire(p->q);
		(void)!publish_judge(p, h);
	}
}

bool
publish_would_be_right(const struct publish *p, const struct publish_host *h,
    const struct dns_answer *a)
{
	struct publish_list one = {NULL, 0, 0};
	struct publish *t = publish_add(&one, p->kind, p->type);
	bool right;

	t->domain = p->domain;
	t->ip = p->ip;
	t->list = p->list;
	memcpy(t->name, p->name, sizeof t->name);
	buf_addsv(&t->value, buf_sv(&p->value));
	publish_judge_answer(t, h, a);
	right = t->state == PUBLISH_RIGHT;
	publish_list_fini(&one);
	return right;
}

bool
publish_is_trouble(const struct publish *p)
{
	return p->state != PUBLISH_RIGHT && !p->hint &&
	       (!p->advice || p->state == PUBLISH_DIFFERENT);
}

bool
publish_is_record(const struct publish *p)
{
	return p->value.n > 0 && p->kind != PUBLISH_BLOCK_LIST &&
	       p->kind != PUBLISH_PORT_25 && p->kind != PUBLISH_DNSSEC;
}
