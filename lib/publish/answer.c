/* Answers and words: what all judgements share. */
#include <stdio.h>

#include "base/ascii.h"
#include "msgauth/spf.h"
#include "publish/publish_priv.h"

/* ---- words ---- */

void
publish_found(struct publish *p, struct sv text)
{
	size_t i;

	if (p->found.n > 0)
		buf_adds(&p->found, ", ");
	for (i = 0; i < text.n; i++)
		buf_addc(
		    &p->found, ascii_is_print(text.p[i]) ? text.p[i] : '?');
}

int
publish_say(struct publish *p, enum publish_state s, const char *fmt, ...)
{
	va_list ap;

	p->state = s;
	p->warn = false;
	buf_reset(&p->words);
	va_start(ap, fmt);
	buf_addv(&p->words, fmt, ap);
	va_end(ap);
	return RC_OK;
}

int
publish_warn(struct publish *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->warn)
		buf_reset(&p->words);
	else
		buf_adds(&p->words, "; ");
	p->state = PUBLISH_RIGHT;
	p->warn = true;
	va_start(ap, fmt);
	buf_addv(&p->words, fmt, ap);
	va_end(ap);
	return RC_OK;
}

bool
publish_same_host(const char *a, const char *b)
{
	return sv_ieq(sv_str(a), sv_str(b));
}

/* ---- answers ---- */

const struct dns_answer *
publish_ask(struct publish *p, const char *name, enum dns_type type)
{
	static const struct dns_answer none = {.rc = RC_NOTFOUND};

	if (!lookup_name_valid(sv_str(name)))
		return &none;
	return lookup_get(p->q, LOOKUP_MAILFROM, type, sv_str(name));
}

const struct dns_answer *
publish_askf(struct publish *p, enum dns_type type, const char *fmt, ...)
{
	char name[DNS_NAME_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	return publish_ask(p, n < (int)sizeof name ? name : "", type);
}

static bool
has_address(const struct in6_addr *all, size_t n, const struct in6_addr *ip)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (memcmp(&all[i], ip, sizeof *ip) == 0)
			return true;
	return false;
}

static bool
leads_to(const struct publish_host *h, const struct dns_answer *a,
    const struct dns_answer *ours)
{
	struct in6_addr ip;
	size_t i;

	for (i = 0; i < a->n; i++)
		if (dns_addr(a->record[i], &ip) == RC_OK &&
		    !publish_is_private(&ip) &&
		    (has_address(h->address, h->naddress, &ip) ||
			lookup_has_addr(ours, &ip, 128)))
			return true;
	return false;
}

int
publish_leads_here(
    struct publish *p, const struct publish_host *h, const char *host)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	bool more = false;
	size_t i;

	if (host[0] == '\0')
		return RC_NOTFOUND;
	if (publish_same_host(host, h->hostname))
		return RC_OK;
	for (i = 0; i < 2; i++) {
		const struct dns_answer *a = publish_ask(p, host, types[i]);
		const struct dns_answer *ours =
		    publish_ask(p, h->hostname, types[i]);

		if (a != NULL && ours != NULL && leads_to(h, a, ours))
			return RC_OK;
		more |= a == NULL || ours == NULL;
	}
	return more ? RC_MORE : RC_NOTFOUND;
}

/* At the domain itself there are all kinds of texts. */
static bool
counts(const struct publish *p, struct sv record)
{
	struct buf text;
	bool yes;

	if (p->kind != PUBLISH_SPF)
		return true;
	buf_init(&text, PUBLISH_TEXT_MAX);
	yes = dns_txt(record, &text) == RC_OK && spf_is_record(buf_sv(&text));
	buf_fini(&text);
	return yes;
}

static bool
has_record(const struct dns_answer *a, struct sv record)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (sv_eq(a->record[i], record))
			return true;
	return false;
}

static bool
has_all(const struct publish *p, const struct dns_answer *a,
    const struct dns_answer *b)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (counts(p, a->record[i]) && !has_record(b, a->record[i]))
			return false;
	return true;
}

bool
publish_same_answer(const struct publish *p, const struct dns_answer *a,
    const struct dns_answer *b)
{
	return has_all(p, a, b) && has_all(p, b, a);
}
