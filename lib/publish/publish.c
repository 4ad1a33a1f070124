#include "publish/publish.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"

#define VALUE_MAX  4096
#define FOUND_MAX  2048 /* of what others have published: enough to see it */
#define STRING_MAX 255

/* ---- the list ---- */

static struct publish *
add(struct publish_list *l, enum publish_kind kind, enum dns_type type)
{
	struct publish *p;

	l->p = xgrow(l->p, &l->cap, l->n + 1, sizeof *l->p);
	p = &l->p[l->n++];
	memset(p, 0, sizeof *p);
	p->kind = kind;
	p->type = type;
	p->lookup = true;
	buf_init(&p->value, VALUE_MAX);
	buf_init(&p->found, FOUND_MAX);
	buf_init(&p->words, VALUE_MAX);
	return p;
}

static void __attribute__((format(printf, 2, 3)))
set_name(struct publish *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(p->name, sizeof p->name, fmt, ap) >= (int)sizeof p->name)
		p->lookup = false;
	va_end(ap);
}

void
publish_list_fini(struct publish_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		buf_fini(&l->p[i].value);
		buf_fini(&l->p[i].found);
		buf_fini(&l->p[i].words);
	}
	free(l->p);
	*l = (struct publish_list){NULL, 0, 0};
}

/* ---- the host ---- */

static bool
is_v4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a);
}

bool
publish_is_private(const struct in6_addr *a)
{
	const unsigned char *b = a->s6_addr;

	if (!is_v4(a))
		return (b[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(a) ||
		       IN6_IS_ADDR_LOOPBACK(a);
	return b[12] == 10 || b[12] == 127 || b[12] == 0 ||
	       (b[12] == 172 && (b[13] & 0xf0) == 16) ||
	       (b[12] == 192 && b[13] == 168) ||
	       (b[12] == 169 && b[13] == 254) ||
	       (b[12] == 100 && (b[13] & 0xc0) == 64);
}

static void
put_address(const struct in6_addr *a, struct buf *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (is_v4(a))
		(void)inet_ntop(AF_INET, a->s6_addr + 12, text, sizeof text);
	else
		(void)inet_ntop(AF_INET6, a, text, sizeof text);
	buf_adds(out, text);
}

static bool
is_ours(const struct publish_host *h, const struct in6_addr *a)
{
	size_t i;

	for (i = 0; i < h->naddress; i++)
		if (memcmp(&h->address[i], a, sizeof *a) == 0)
			return true;
	return false;
}

static bool
is_public(const struct in6_addr *a, bool v4)
{
	return is_v4(a) == v4 && !publish_is_private(a);
}

static void
add_addresses(struct publish_list *l, const struct publish_host *h, bool v4)
{
	enum dns_type type = v4 ? DNS_A : DNS_AAAA;
	struct publish *p;
	bool any = false;
	size_t i;

	for (i = 0; i < h->naddress; i++) {
		if (!is_public(&h->address[i], v4))
			continue;
		p = add(l, PUBLISH_ADDRESS, type);
		set_name(p, "%s", h->hostname);
		put_address(&h->address[i], &p->value);
		/* One address is enough to be found, and IPv4 is it. */
		p->advice = any || !v4;
		any = true;
	}
	if (any)
		return;
	p = add(l, PUBLISH_ADDRESS, type);
	set_name(p, "%s", h->hostname);
	p->advice = !v4;
}

void
publish_add_host(struct publish_list *l, const struct publish_host *h)
{
	size_t i;

	add_addresses(l, h, true);
	add_addresses(l, h, false);
	for (i = 0; i < h->naddress; i++) {
		struct publish *p;

		if (publish_is_private(&h->address[i]))
			continue;
		p = add(l, PUBLISH_PTR, DNS_PTR);
		dns_reverse(&h->address[i], p->name);
		buf_addf(&p->value, "%s.", h->hostname);
		p->advice = true;
	}
}

/* ---- a domain ---- */

static void
add_srv(struct publish_list *l, const struct conf *c, const char *domain,
    enum conf_service s)
{
	struct publish *p;

	if (c->nlisten[s] == 0 || c->listen[s][0].port == 0)
		return;
	p = add(l, PUBLISH_SRV, DNS_SRV);
	p->domain = domain;
	p->advice = true;
	set_name(p, "_%s._tcp.%s", conf_service_name(s), domain);
	buf_addf(&p->value, "0 1 %u %s.", c->listen[s][0].port, c->hostname);
}

static void
add_dkim(
    struct publish_list *l, const char *domain, struct sv dkim, const char *why)
{
	struct publish *p;

	while (dkim.n > 0) {
		struct sv line = sv_split(&dkim, '\n');
		struct sv selector = sv_split(&line, ' ');

		p = add(l, PUBLISH_DKIM, DNS_TXT);
		p->domain = domain;
		set_name(p, "%.*s._domainkey.%s", SV_ARG(selector), domain);
		buf_addsv(&p->value, line);
		why = NULL;
	}
	if (why == NULL)
		return;
	p = add(l, PUBLISH_DKIM, DNS_TXT);
	p->domain = domain;
	p->lookup = false;
	set_name(p, "_domainkey.%s", domain);
	buf_adds(&p->words, why);
}

void
publish_report_address(const char *domain, struct buf *out)
{
	buf_addf(out, "postmaster@%s", domain);
}

void
publish_add_domain(struct publish_list *l, const struct conf *c,
    const char *domain, struct sv dkim, const char *why)
{
	static const enum conf_service found[] = {
	    CONF_SUBMISSIONS, CONF_SUBMISSION, CONF_IMAPS, CONF_POP3S};
	struct publish *p = add(l, PUBLISH_MX, DNS_MX);
	size_t i;

	p->domain = domain;
	set_name(p, "%s", domain);
	buf_addf(&p->value, "10 %s.", c->hostname);
	p = add(l, PUBLISH_SPF, DNS_TXT);
	p->domain = domain;
	set_name(p, "%s", domain);
	buf_adds(&p->value, "v=spf1 mx -all");
	add_dkim(l, domain, dkim, why);
	p = add(l, PUBLISH_DMARC, DNS_TXT);
	p->domain = domain;
	set_name(p, "_dmarc.%s", domain);
	buf_adds(&p->value, "v=DMARC1; p=quarantine; rua=mailto:");
	publish_report_address(domain, &p->value);
	for (i = 0; i < sizeof found / sizeof found[0]; i++)
		add_srv(l, c, domain, found[i]);
}

/* ---- what is there ---- */

/* One more of what was found; others' bytes. */
static void
put_found(struct publish *p, struct sv text)
{
	size_t i;

	if (p->found.n > 0)
		buf_adds(&p->found, ", ");
	for (i = 0; i < text.n; i++)
		buf_addc(
		    &p->found, ascii_is_print(text.p[i]) ? text.p[i] : '?');
}

static void __attribute__((format(printf, 3, 4)))
verdict(struct publish *p, enum publish_state s, const char *fmt, ...)
{
	va_list ap;

	p->state = s;
	buf_reset(&p->words);
	va_start(ap, fmt);
	buf_addv(&p->words, fmt, ap);
	va_end(ap);
}

static bool
same_host(const char *a, const char *b)
{
	return sv_ieq(sv_str(a), sv_str(b));
}

static void
judge_mx(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	char host[DNS_NAME_MAX], text[DNS_NAME_MAX + 16];
	bool ours = false, null = false;
	uint16_t preference;
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (dns_mx(a->record[i], &preference, host) != RC_OK)
			continue;
		(void)snprintf(text, sizeof text, "%u %s.", preference, host);
		put_found(p, sv_str(text));
		ours |= same_host(host, h->hostname);
		null |= host[0] == '\0';
	}
	if (ours)
		verdict(p, PUBLISH_RIGHT, "%s",
		    a->n > 1 ? "mail may go to other hosts, too" : "");
	else if (null)
		verdict(p, PUBLISH_DIFFERENT,
		    "it says that the domain accepts no mail");
	else if (a->n > 0)
		verdict(p, PUBLISH_DIFFERENT, "mail goes to another host");
	else
		verdict(p, PUBLISH_MISSING,
		    "mail for the domain does not find this server");
}

/* Nothing is known of what it should be: behind a router, or without IPv6. */
static void
judge_unknown_address(struct publish *p, size_t n, bool all_private)
{
	if (p->type == DNS_AAAA && n == 0)
		verdict(p, PUBLISH_RIGHT,
		    "none, as this machine has no public IPv6 address");
	else if (p->type == DNS_AAAA)
		verdict(p, PUBLISH_DIFFERENT,
		    "this machine has no public IPv6 address: mail sent there "
		    "waits or is lost; remove the record");
	else if (n == 0)
		verdict(p, PUBLISH_MISSING,
		    "this machine has only private addresses: publish the "
		    "public address of your router, which forwards the ports");
	else if (all_private)
		verdict(p, PUBLISH_DIFFERENT,
		    "a private address, which cannot be reached from outside: "
		    "publish your router's public address");
	else
		verdict(p, PUBLISH_RIGHT,
		    "this machine has only private addresses; whether this is "
		    "your router's address cannot be checked from here");
}

static void
judge_address(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	bool there = false, foreign = false, all_private = true;
	struct in6_addr addr;
	struct buf text;
	size_t i, n = 0;

	buf_init(&text, 64);
	for (i = 0; i < a->n; i++) {
		if (dns_addr(a->record[i], &addr) != RC_OK)
			continue;
		buf_reset(&text);
		put_address(&addr, &text);
		put_found(p, buf_sv(&text));
		there |= sv_eq(buf_sv(&text), buf_sv(&p->value));
		foreign |= !is_ours(h, &addr);
		all_private &= publish_is_private(&addr);
		n++;
	}
	buf_fini(&text);
	if (p->value.n == 0)
		judge_unknown_address(p, n, all_private);
	else if (there)
		verdict(p, PUBLISH_RIGHT, "%s",
		    foreign ? "but not all of them are this machine's" : "");
	else if (n > 0)
		verdict(p, PUBLISH_DIFFERENT, "that is another machine");
	else
		verdict(p, PUBLISH_MISSING, "%s",
		    p->advice ? "it can be found without this"
			      : "it cannot be found");
}

/* The value of a tag in a list "a=b; c=d" [RFC 6376 3.2], without blanks. */
static bool
tag(struct sv text, struct sv name, struct buf *out)
{
	buf_reset(out);
	while (text.n > 0) {
		struct sv value = sv_split(&text, ';');
		struct sv n = sv_trim(sv_split(&value, '='));
		size_t i;

		if (!sv_eq(n, name))
			continue;
		for (i = 0; i < value.n; i++)
			if (value.p[i] != ' ' && value.p[i] != '\t')
				buf_addc(out, value.p[i]);
		return true;
	}
	return false;
}

/* Does one of its words let this host send? */
static bool
spf_lets(const struct publish_host *h, struct sv text)
{
	struct buf want;
	bool ok = false;
	size_t i;

	buf_init(&want, 512);
	while (text.n > 0 && !ok) {
		struct sv w = sv_split(&text, ' ');

		if (w.n > 0 && w.p[0] == '+')
			w = sv_skip(w, 1);
		ok = sv_ieq(w, SV("mx"));
		buf_reset(&want);
		buf_addf(&want, "a:%s", h->hostname);
		ok |= sv_ieq(w, buf_sv(&want));
		for (i = 0; i < h->naddress && !ok; i++) {
			buf_reset(&want);
			buf_adds(
			    &want, is_v4(&h->address[i]) ? "ip4:" : "ip6:");
			put_address(&h->address[i], &want);
			ok = sv_ieq(w, buf_sv(&want));
		}
	}
	buf_fini(&want);
	return ok;
}

static void
judge_spf(
    struct publish *p, const struct publish_host *h, struct sv text, size_t n)
{
	if (n == 0)
		verdict(p, PUBLISH_MISSING,
		    "others cannot verify that this server may send for the "
		    "domain");
	else if (n > 1)
		verdict(p, PUBLISH_DIFFERENT,
		    "with more than one SPF record, all are ignored");
	else if (spf_lets(h, text))
		verdict(p, PUBLISH_RIGHT, "%s", "");
	else
		verdict(p, PUBLISH_DIFFERENT,
		    "it does not include this server (mx)");
}

static void
judge_dkim(struct publish *p, struct sv text, size_t n)
{
	struct buf want, have;

	buf_init(&want, VALUE_MAX);
	buf_init(&have, VALUE_MAX);
	(void)tag(buf_sv(&p->value), SV("p"), &want);
	if (n == 0)
		verdict(p, PUBLISH_MISSING,
		    "signatures of this server cannot be checked");
	else if (n > 1)
		verdict(p, PUBLISH_DIFFERENT,
		    "there is more than one, so all are ignored");
	else if (!tag(text, SV("p"), &have) || have.n == 0)
		verdict(p, PUBLISH_DIFFERENT, "it has no key");
	else if (!sv_eq(buf_sv(&want), buf_sv(&have)))
		verdict(p, PUBLISH_DIFFERENT,
		    "it is a different key, or part of it is missing: this "
		    "server's signatures fail");
	else
		verdict(p, PUBLISH_RIGHT, "%s", "");
	buf_fini(&have);
	buf_fini(&want);
}

static void
judge_dmarc(struct publish *p, struct sv text, size_t n)
{
	struct buf policy;

	buf_init(&policy, VALUE_MAX);
	if (n == 0)
		verdict(p, PUBLISH_MISSING,
		    "large mail hosts trust mail less without it");
	else if (n > 1)
		verdict(p, PUBLISH_DIFFERENT,
		    "there is more than one, so all are ignored");
	else if (!tag(text, SV("p"), &policy) ||
		 (!sv_ieq(buf_sv(&policy), SV("none")) &&
		     !sv_ieq(buf_sv(&policy), SV("quarantine")) &&
		     !sv_ieq(buf_sv(&policy), SV("reject"))))
		verdict(p, PUBLISH_DIFFERENT, "it has no policy (p=)");
	else if (sv_ieq(buf_sv(&policy), SV("none")))
		verdict(p, PUBLISH_RIGHT,
		    "with the policy \"none\": forged mail is delivered");
	else
		verdict(p, PUBLISH_RIGHT, "%s", "");
	buf_fini(&policy);
}

/* Is it the kind of text that we look for?  A name may have others. */
static bool
is_kind(enum publish_kind kind, struct sv text)
{
	if (kind == PUBLISH_SPF)
		return sv_ieq(text, SV("v=spf1")) ||
		       sv_istarts(text, SV("v=spf1 "));
	if (kind == PUBLISH_DMARC)
		return sv_starts(text, SV("v=DMARC1"));
	return true;
}

static void
judge_text(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct buf text, one;
	size_t i, n = 0;

	buf_init(&text, 65536);
	buf_init(&one, 65536);
	for (i = 0; i < a->n; i++) {
		buf_reset(&one);
		if (dns_txt(a->record[i], &one) != RC_OK ||
		    !is_kind(p->kind, buf_sv(&one)))
			continue;
		put_found(p, buf_sv(&one));
		buf_reset(&text);
		buf_addsv(&text, buf_sv(&one));
		n++;
	}
	if (p->kind == PUBLISH_SPF)
		judge_spf(p, h, buf_sv(&text), n);
	else if (p->kind == PUBLISH_DKIM)
		judge_dkim(p, buf_sv(&text), n);
	else
		judge_dmarc(p, buf_sv(&text), n);
	buf_fini(&one);
	buf_fini(&text);
}

static void
judge_srv(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct buf want;
	struct dns_srv s;
	bool ours = false;
	size_t i;

	buf_init(&want, 1024);
	for (i = 0; i < a->n; i++) {
		if (dns_srv(a->record[i], &s) != RC_OK)
			continue;
		buf_reset(&want);
		buf_addf(&want, "%u %u %u %s.", s.priority, s.weight, s.port,
		    s.host);
		put_found(p, buf_sv(&want));
		/* Port and host; the order among several is the owner's. */
		buf_reset(&want);
		buf_addf(&want, " %u %s.", s.port, s.host);
		ours |= same_host(s.host, h->hostname) &&
			sv_ends(buf_sv(&p->value), buf_sv(&want));
	}
	buf_fini(&want);
	if (ours)
		verdict(p, PUBLISH_RIGHT, "%s", "");
	else if (a->n > 0)
		verdict(p, PUBLISH_DIFFERENT,
		    "mail programs that look for it go elsewhere");
	else
		verdict(p, PUBLISH_MISSING,
		    "mail programs need the server's name entered by hand");
}

static void
judge_ptr(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	char host[DNS_NAME_MAX];
	bool ours = false;
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (dns_host(a->record[i], host) != RC_OK)
			continue;
		put_found(p, sv_str(host));
		ours |= same_host(host, h->hostname);
	}
	if (ours)
		verdict(p, PUBLISH_RIGHT, "%s", "");
	else
		verdict(p, a->n > 0 ? PUBLISH_DIFFERENT : PUBLISH_MISSING,
		    "many hosts then refuse mail; the provider of the "
		    "address can set it");
}

void
publish_judge(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	buf_reset(&p->found);
	if (a->rc != RC_OK && a->rc != RC_NOTFOUND) {
		verdict(p,
		    a->security == DNS_BOGUS ? PUBLISH_DIFFERENT
					     : PUBLISH_UNKNOWN,
		    a->security == DNS_BOGUS
			? "its DNSSEC signature is wrong: validating resolvers "
			  "reject it"
			: "no answer from the name servers");
		return;
	}
	switch (p->kind) {
	case PUBLISH_MX:
		judge_mx(p, h, a);
		break;
	case PUBLISH_ADDRESS:
		judge_address(p, h, a);
		break;
	case PUBLISH_SPF:
	case PUBLISH_DKIM:
	case PUBLISH_DMARC:
		judge_text(p, h, a);
		break;
	case PUBLISH_SRV:
		judge_srv(p, h, a);
		break;
	case PUBLISH_PTR:
		judge_ptr(p, h, a);
		break;
	}
}

/* ---- as text ---- */

const char *
publish_type_name(const struct publish *p)
{
	switch (p->kind) {
	case PUBLISH_MX:
		return "MX";
	case PUBLISH_ADDRESS:
		return p->type == DNS_A ? "A" : "AAAA";
	case PUBLISH_SPF:
	case PUBLISH_DKIM:
	case PUBLISH_DMARC:
		return "TXT";
	case PUBLISH_SRV:
		return "SRV";
	case PUBLISH_PTR:
		return "PTR";
	}
	return "";
}

const char *
publish_state_name(enum publish_state s)
{
	static const char *const names[] = {
	    "unknown", "right", "missing", "different"};

	return names[s];
}

void
publish_zone_line(const struct publish *p, struct buf *out)
{
	struct sv rest = buf_sv(&p->value);

	buf_addf(out, "%s. %s", p->name, publish_type_name(p));
	if (p->type != DNS_TXT) {
		buf_addf(out, " %s", p->value.p);
		return;
	}
	for (; rest.n > 0; rest = sv_skip(rest, STRING_MAX)) {
		buf_adds(out, " \"");
		buf_addsv(out, sv_first(rest, STRING_MAX));
		buf_addc(out, '"');
	}
}
