/* What protects names and certificates: DNSSEC, TLSA, CAA. */
#include <sodium.h>

#include "base/ascii.h"
#include "publish/publish_priv.h"

/* ---- DNSSEC ---- */

int
publish_judge_dnssec(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	if (h->unvalidated)
		return publish_say(p, PUBLISH_UNKNOWN,
		    "validation is turned off (dns.validate)");
	if (a->security == DNS_SECURE) {
		publish_found(p, SV("signed"));
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	}
	publish_found(p, SV("not signed"));
	return publish_say(p, PUBLISH_RIGHT,
	    "not needed; the registrar of the domain can sign it");
}

/* ---- TLSA [RFC 6698, 7672 3.1] ---- */

enum {
	TLSA_TA = 2, /* usage: an authority, the certificate itself */
	TLSA_EE = 3
};

#define DIGEST_MAX 64

static void
put_hex(struct sv bytes, struct buf *out)
{
	size_t i;

	for (i = 0; i < bytes.n; i++)
		buf_addf(out, "%02x", (unsigned char)bytes.p[i]);
}

/* What a record of this kind says of data; empty: no such kind. */
static struct sv
digest(unsigned matching, struct sv data, unsigned char out[DIGEST_MAX])
{
	switch (matching) {
	case 0:
		return data;
	case 1:
		(void)crypto_hash_sha256(
		    out, (const unsigned char *)data.p, data.n);
		return sv_of(out, crypto_hash_sha256_BYTES);
	case 2:
		(void)crypto_hash_sha512(
		    out, (const unsigned char *)data.p, data.n);
		return sv_of(out, crypto_hash_sha512_BYTES);
	default:
		return SV("");
	}
}

static bool
fits(const struct publish_host *h, const struct dns_tlsa *t)
{
	unsigned char bytes[DIGEST_MAX];
	size_t i, n = t->usage == TLSA_EE   ? h->ncertificate > 0
		      : t->usage == TLSA_TA ? h->ncertificate
					    : 0;

	for (i = t->usage == TLSA_TA ? 1 : 0; i < n && t->selector < 2; i++) {
		const struct publish_certificate *c = &h->certificate[i];
		struct sv d = digest(
		    t->matching, t->selector == 1 ? c->spki : c->der, bytes);

		if (d.n > 0 && sv_eq(d, t->data))
			return true;
	}
	return false;
}

/* Only where it protects something, and of the key, which may stay the same
 * when the certificate is renewed. */
static void
offer(struct publish *p, const struct publish_host *h)
{
	unsigned char bytes[DIGEST_MAX];

	buf_reset(&p->value);
	/* The hash of nothing would be a record, too. */
	if (h->ncertificate == 0 || h->certificate[0].spki.n == 0)
		return;
	buf_adds(&p->value, "3 1 1 ");
	put_hex(digest(1, h->certificate[0].spki, bytes), &p->value);
}

int
publish_judge_tlsa(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	const struct dns_answer *host = publish_ask(p, h->hostname, DNS_A);
	bool right = false;
	struct dns_tlsa t;
	struct buf text;
	size_t i;

	if (host == NULL)
		return RC_MORE;
	buf_init(&text, PUBLISH_VALUE_MAX);
	for (i = 0; i < a->n; i++) {
		if (dns_tlsa(a->record[i], &t) != RC_OK)
			continue;
		buf_reset(&text);
		buf_addf(&text, "%u %u %u ", t.usage, t.selector, t.matching);
		put_hex(t.data, &text);
		publish_found(p, buf_sv(&text));
		right |= fits(h, &t);
	}
	buf_fini(&text);
	if (a->security == DNS_SECURE && host->security == DNS_SECURE)
		offer(p, h);
	if (h->ncertificate == 0)
		return a->n == 0 ? publish_say(p, PUBLISH_MISSING, "not needed")
				 : publish_say(p, PUBLISH_UNKNOWN,
				       "the certificate in use could not be "
				       "read");
	if (right)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (a->n > 0 && a->security != DNS_SECURE)
		return publish_warn(p,
		    "it is not looked at, as the zone is not signed, and it "
		    "is not of this certificate: remove it");
	if (a->n > 0)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it is not of this server's certificate: careful senders "
		    "refuse to deliver mail");
	if (p->value.n > 0)
		return publish_say(p, PUBLISH_MISSING,
		    "lets senders verify the certificate; its key must then "
		    "stay "
		    "the same at renewals");
	return publish_say(
	    p, PUBLISH_MISSING, "not useful, as the zone is not signed");
}

/*
 * While keys change, a record for each must be there, or mail stops when the
 * next one comes into use [RFC 7671 8.1]: who publishes one publishes both.
 */
int
publish_judge_next_tlsa(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	const struct dns_answer *host = publish_ask(p, h->hostname, DNS_A);
	unsigned char bytes[DIGEST_MAX];
	struct dns_tlsa t;
	bool there = false;
	struct buf hex;
	size_t i;

	if (host == NULL)
		return RC_MORE;
	buf_reset(&p->value);
	if (a->security == DNS_SECURE && host->security == DNS_SECURE)
		buf_addf(&p->value, "3 1 1 %s", h->next_key);
	/* What is there are those of all keys; an authority's is for all of
	 * them. */
	for (i = 0; i < a->n; i++) {
		struct sv d;

		if (dns_tlsa(a->record[i], &t) != RC_OK || t.selector > 1)
			continue;
		if (t.usage == TLSA_TA && fits(h, &t))
			there = true;
		if (t.usage != TLSA_EE || t.selector != 1 || t.matching > 2)
			continue;
		d = t.matching == 0 ? digest(1, t.data, bytes) : t.data;
		buf_init(&hex, PUBLISH_VALUE_MAX);
		put_hex(d, &hex);
		there |= sv_ieq(buf_sv(&hex), sv_str(h->next_key));
		buf_fini(&hex);
	}
	if (there) {
		publish_found(p, buf_sv(&p->value));
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	}
	p->advice = a->n == 0 || a->security != DNS_SECURE;
	if (p->advice)
		return publish_say(p, PUBLISH_MISSING,
		    "not needed, as there is none of the present key");
	return publish_say(p, PUBLISH_MISSING,
	    "add it beside the other: the next certificate has this key, and "
	    "careful senders would refuse to deliver mail");
}

/* ---- CAA [RFC 8659] ---- */

struct caa {
	struct sv tag, value;
};

static bool
read_caa(struct sv record, struct caa *out)
{
	size_t n;

	if (record.n < 2)
		return false;
	n = (unsigned char)record.p[1];
	if (n == 0 || record.n - 2 < n)
		return false;
	out->tag = sv_first(sv_skip(record, 2), n);
	out->value = sv_skip(record, 2 + n);
	return true;
}

struct issuers {
	bool any;     /* there is an "issue" */
	bool allowed; /* ours is among them */
	bool nobody;  /* all are ";" */
};

static void
look_at_issuers(struct publish *p, const struct publish_host *h,
    const struct dns_answer *a, struct issuers *out)
{
	struct buf text;
	struct caa c;
	size_t i;

	*out = (struct issuers){.nobody = true};
	buf_init(&text, PUBLISH_TEXT_MAX);
	for (i = 0; i < a->n; i++) {
		struct sv ca;

		if (!read_caa(a->record[i], &c))
			continue;
		buf_reset(&text);
		buf_addsv(&text, c.tag);
		buf_adds(&text, " \"");
		buf_addsv(&text, c.value);
		buf_adds(&text, "\"");
		publish_found(p, buf_sv(&text));
		if (!sv_ieq(c.tag, SV("issue")))
			continue;
		ca = sv_trim(sv_first(c.value, sv_chr(c.value, ';')));
		out->any = true;
		out->nobody &= ca.n == 0;
		out->allowed |= h->ca != NULL && sv_ieq(ca, sv_str(h->ca));
	}
	buf_fini(&text);
}

/* The closest name upwards that has any [RFC 8659 3]. */
static const struct dns_answer *
find_set(struct publish *p, const struct dns_answer *own, bool *more)
{
	struct sv name = sv_str(p->name);
	const struct dns_answer *a = own;
	char text[DNS_NAME_MAX];

	while (a->n == 0) {
		(void)sv_split(&name, '.');
		if (name.p == NULL || sv_chr(name, '.') == name.n)
			return NULL;
		sv_copy(name, text, sizeof text);
		a = publish_ask(p, text, DNS_CAA);
		*more = a == NULL;
		if (a == NULL)
			return NULL;
	}
	return a;
}

int
publish_judge_caa(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct issuers i;
	bool more = false;

	a = find_set(p, a, &more);
	if (more)
		return RC_MORE;
	buf_reset(&p->value);
	if (a == NULL && h->ca != NULL)
		buf_addf(&p->value, "0 issue \"%s\"", h->ca);
	if (a == NULL)
		return publish_say(p, PUBLISH_MISSING,
		    "any authority may issue certificates for this host");
	look_at_issuers(p, h, a, &i);
	if (i.any && i.nobody)
		return publish_warn(p,
		    "no authority may issue a certificate for this host: the "
		    "next one cannot be had");
	if (i.any && h->ca != NULL && !i.allowed)
		return publish_warn(p,
		    "%s, which has issued the certificate in use, is not "
		    "among them: it will not be renewed",
		    h->ca);
	return publish_say(p, PUBLISH_RIGHT, "%s", "");
}
