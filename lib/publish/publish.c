/* Which records there should be. */
#include "base/clk.h"
#include "publish/mta_sts.h"
#include "publish/publish_priv.h"

#include <arpa/inet.h>

#include "clients/clients.h"

#define STRING_MAX 255 /* [RFC 1035 3.3] */

/* ---- the host ---- */

static bool
is_v4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a);
}

static bool
is_public(const struct in6_addr *a, bool v4)
{
	return is_v4(a) == v4 && !publish_is_private(a);
}

bool
publish_is_sender(const struct publish_host *h, const struct in6_addr *a)
{
	size_t i;

	for (i = 0; i < h->nsender && h->relay == NULL; i++)
		if (memcmp(&h->sender[i], a, sizeof *a) == 0)
			return true;
	return false;
}

static void
add_addresses(struct publish_list *l, const struct publish_host *h, bool v4)
{
	enum dns_type type = v4 ? DNS_A : DNS_AAAA;
	struct publish *p;
	bool any = false, sends = false;
	size_t i;

	for (i = 0; i < h->naddress; i++)
		sends |= is_public(&h->address[i], v4) &&
			 publish_is_sender(h, &h->address[i]);
	for (i = 0; i < h->naddress; i++) {
		if (!is_public(&h->address[i], v4))
			continue;
		p = publish_add(l, PUBLISH_ADDRESS, type);
		publish_set_name(p, "%s", h->hostname);
		publish_put_address(&h->address[i], &p->value);
		/* To be found, one address is enough, and IPv4 is it; but those
		 * that mail leaves from are looked for, too. */
		p->ip = h->address[i];
		p->advice = (any || sends || !v4) &&
			    !publish_is_sender(h, &h->address[i]);
		any = true;
	}
	if (any)
		return;
	p = publish_add(l, PUBLISH_ADDRESS, type);
	publish_set_name(p, "%s", h->hostname);
	p->advice = !v4;
}

void
publish_add_host(struct publish_list *l, const struct publish_host *h)
{
	add_addresses(l, h, true);
	add_addresses(l, h, false);
}

/* Behind a router: those that others are told. */
static void
take_published(const struct publish *p, struct publish_host *h)
{
	const struct dns_answer *a =
	    lookup_get(p->q, LOOKUP_MAILFROM, p->type, sv_str(p->name));
	struct in6_addr ip;
	size_t i;

	for (i = 0; a != NULL && i < a->n && h->nsender < PUBLISH_SENDERS; i++)
		if (dns_addr(a->record[i], &ip) == RC_OK &&
		    !publish_is_private(&ip))
			h->sender[h->nsender++] = ip;
}

void
publish_find_senders(const struct publish_list *l, struct publish_host *h)
{
	bool v4 = false;
	size_t i;

	for (i = 0; i < h->nsender; i++)
		v4 |= is_v4(&h->sender[i]);
	for (i = 0; i < l->n && !v4; i++)
		if (l->p[i].kind == PUBLISH_ADDRESS && l->p[i].type == DNS_A &&
		    l->p[i].value.n == 0)
			take_published(&l->p[i], h);
}

static void
add_tlsa(struct publish_list *l, const struct publish_host *h)
{
	struct publish *p = publish_add(l, PUBLISH_TLSA, DNS_TLSA);

	publish_set_name(p, "_25._tcp.%s", h->hostname);
	p->advice = true;
	if (h->next_key[0] == '\0')
		return;
	p = publish_add(l, PUBLISH_NEXT_TLSA, DNS_TLSA);
	publish_set_name(p, "_25._tcp.%s", h->hostname);
	p->advice = true;
}

void
publish_add_senders(
    struct publish_list *l, const struct publish_host *h, const struct conf *c)
{
	bool direct = h->relay == NULL && c->outside;
	struct publish *p;
	size_t i;

	for (i = 0; i < h->nsender && direct; i++) {
		p = publish_add(l, PUBLISH_PTR, DNS_PTR);
		dns_reverse(&h->sender[i], p->name);
		p->ip = h->sender[i];
		buf_addf(&p->value, "%s.", h->hostname);
	}
	p = publish_add(l, PUBLISH_DNSSEC, DNS_A);
	publish_set_name(p, "%s", h->hostname);
	p->hint = true;
	add_tlsa(l, h);
	p = publish_add(l, PUBLISH_CAA, DNS_CAA);
	publish_set_name(p, "%s", h->hostname);
	p->advice = p->hint = true;
	if (direct)
		publish_add_block_lists(l, h, c);
}

void
publish_add_receiver(struct publish_list *l, const char *domain)
{
	struct publish *p = publish_add(l, PUBLISH_PORT_25, DNS_MX);

	publish_set_name(p, "%s", domain);
	p->advice = true;
}

/* ---- a domain ---- */

static struct publish *
add_of(struct publish_list *l, enum publish_kind kind, enum dns_type type,
    const char *domain)
{
	struct publish *p = publish_add(l, kind, type);

	p->domain = domain;
	publish_set_name(p, "%s", domain);
	return p;
}

/*
 * TLS from the first byte is preferred, and IMAP to POP3: by priority, which
 * counts across these names, too [RFC 6186 3.4, 8314 4.5.2].  What begins in
 * the clear is offered for submission, which many only have there, and for the
 * others where there is nothing else.
 */
static void
add_srv(struct publish_list *l, const struct conf *c, const char *domain)
{
	static const struct {
		enum clients_protocol protocol;
		const char *implicit, *starttls;
		unsigned priority;
	} order[] = {
	    {CLIENTS_SUBMISSION, "submissions", "submission", 0},
	    {CLIENTS_IMAP, "imaps", "imap", 0},
	    {CLIENTS_POP3, "pop3s", "pop3", 10},
	};
	struct clients_server s;
	struct publish *p;
	size_t i, j;

	clients_server_of(c, &s);
	if (s.web) {
		/* Outlook, and Thunderbird after it, where there is no
		 * autodiscover.DOMAIN. */
		p = add_of(l, PUBLISH_SRV, DNS_SRV, domain);
		p->advice = p->hint = true;
		publish_set_name(p, "_autodiscover._tcp.%s", domain);
		buf_addf(&p->value, "0 1 %u %s.", s.web_port, s.hostname);
	}
	for (i = 0; i < sizeof order / sizeof order[0]; i++)
		for (j = 0; j < (i == 0 ? 2u : 1u); j++) {
			const struct clients_port *at =
			    &s.port[order[i].protocol][j];

			if (at->number == 0)
				continue;
			p = add_of(l, PUBLISH_SRV, DNS_SRV, domain);
			p->advice = true;
			publish_set_name(p, "_%s._tcp.%s",
			    at->implicit ? order[i].implicit
					 : order[i].starttls,
			    domain);
			buf_addf(&p->value, "%u 1 %u %s.",
			    j > 0 ? 10 : order[i].priority, at->number,
			    s.hostname);
		}
}

static void
add_dkim(
    struct publish_list *l, const char *domain, struct sv dkim, const char *why)
{
	struct publish *p;

	while (dkim.n > 0) {
		struct sv line = sv_split(&dkim, '\n');
		struct sv selector = sv_split(&line, ' ');
		struct sv state = sv_split(&line, ' ');

		p = add_of(l, PUBLISH_DKIM, DNS_TXT, domain);
		p->key = sv_eq(state, SV("announced"))	? PUBLISH_KEY_NEXT
			 : sv_eq(state, SV("retiring")) ? PUBLISH_KEY_OLD
							: PUBLISH_KEY_ACTIVE;
		p->advice = p->key != PUBLISH_KEY_ACTIVE;
		publish_set_name(
		    p, "%.*s._domainkey.%s", SV_ARG(selector), domain);
		buf_addsv(&p->value, line);
		why = NULL;
	}
	if (why == NULL)
		return;
	p = add_of(l, PUBLISH_DKIM, DNS_TXT, domain);
	p->lookup = false;
	publish_set_name(p, "_domainkey.%s", domain);
	buf_adds(&p->words, why);
}

void
publish_report_address(const char *domain, struct buf *out)
{
	buf_addf(out, "postmaster@%s", domain);
}

/* The smarthost of all mail, or NULL; one that is only used where direct
 * delivery is refused does not count. */
static const struct conf_relay *
relay_of_all(const struct conf *c)
{
	const struct conf_relay *r = conf_relay_for(c, SV("."));

	return r != NULL && !r->fallback ? r : NULL;
}

/*
 * Mail that a smarthost sends leaves from addresses that only its owner knows:
 * it is named, others are not excluded for good, and the words of the judgement
 * say that its owner has an include for this.
 */
static void
add_spf(struct publish_list *l, const struct conf *c, const char *domain)
{
	struct publish *p = add_of(l, PUBLISH_SPF, DNS_TXT, domain);
	const struct conf_relay *r = relay_of_all(c);
	struct in6_addr ip;

	if (r == NULL)
		buf_adds(&p->value, "v=spf1 mx -all");
	else if (inet_pton(AF_INET, r->host, &ip) == 1)
		buf_addf(&p->value, "v=spf1 mx ip4:%s ~all", r->host);
	else if (inet_pton(AF_INET6, r->host, &ip) == 1)
		buf_addf(&p->value, "v=spf1 mx ip6:%s ~all", r->host);
	else
		buf_addf(&p->value, "v=spf1 mx a:%s ~all", r->host);
}

static void
add_reports(struct publish_list *l, const char *domain)
{
	struct publish *p = add_of(l, PUBLISH_DMARC, DNS_TXT, domain);

	publish_set_name(p, "_dmarc.%s", domain);
	buf_adds(&p->value, "v=DMARC1; p=quarantine; rua=mailto:");
	publish_report_address(domain, &p->value);
	p = add_of(l, PUBLISH_TLSRPT, DNS_TXT, domain);
	p->advice = true;
	publish_set_name(p, "_smtp._tls.%s", domain);
	buf_adds(&p->value, "v=TLSRPTv1; rua=mailto:");
	publish_report_address(domain, &p->value);
}

/* Where this server has no policy, there may be another one's. */
static void
add_mta_sts(struct publish_list *l, const struct conf *c, const char *domain)
{
	struct publish *p = add_of(l, PUBLISH_MTA_STS, DNS_TXT, domain);

	publish_set_name(p, "_mta-sts.%s", domain);
	p->advice = true;
	p->policy = conf_mta_sts(c, sv_str(domain));
	p->hint = p->policy == NULL;
	(void)publish_mta_sts_record(
	    c, sv_str(domain), clk_now() / 1000, &p->value);
}

/* What this server has no part in, but may be there. */
static void
add_others(struct publish_list *l, const struct conf *c, const char *domain)
{
	static const char *const hosts[] = {"autoconfig", "autodiscover"};
	struct publish *p;
	size_t i;

	for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		p = add_of(l, PUBLISH_AUTOCONFIG, DNS_A, domain);
		p->advice = p->hint = true;
		p->ours = c->nlisten[CONF_HTTPS] > 0;
		publish_set_name(p, "%s.%s", hosts[i], domain);
	}
	p = add_of(l, PUBLISH_DNSSEC, DNS_MX, domain);
	p->hint = true;
}

void
publish_add_domain(struct publish_list *l, const struct conf *c,
    const char *domain, struct sv dkim, const char *why)
{
	struct publish *p = add_of(l, PUBLISH_MX, DNS_MX, domain);

	buf_addf(&p->value, "10 %s.", c->hostname);
	add_spf(l, c, domain);
	add_dkim(l, domain, dkim, why);
	add_reports(l, domain);
	add_srv(l, c, domain);
	add_mta_sts(l, c, domain);
	add_others(l, c, domain);
}

/* ---- as text ---- */

const char *
publish_type_name(const struct publish *p)
{
	switch (p->type) {
	case DNS_A:
		return "A";
	case DNS_AAAA:
		return "AAAA";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_SRV:
		return "SRV";
	case DNS_PTR:
		return "PTR";
	case DNS_TLSA:
		return "TLSA";
	case DNS_CAA:
		return "CAA";
	case DNS_NS:
	case DNS_CNAME:
	case DNS_SOA:
		break;
	}
	return "";
}

const char *
publish_kind_name(const struct publish *p)
{
	static const char *const names[] = {
	    [PUBLISH_MX] = "MX",
	    [PUBLISH_SPF] = "SPF",
	    [PUBLISH_DKIM] = "DKIM",
	    [PUBLISH_DMARC] = "DMARC",
	    [PUBLISH_SRV] = "SRV",
	    [PUBLISH_PTR] = "PTR",
	    [PUBLISH_TLSRPT] = "TLSRPT",
	    [PUBLISH_TLSA] = "TLSA",
	    [PUBLISH_NEXT_TLSA] = "next TLSA",
	    [PUBLISH_MTA_STS] = "MTA-STS",
	    [PUBLISH_CAA] = "CAA",
	    [PUBLISH_AUTOCONFIG] = "autoconfig",
	    [PUBLISH_DNSSEC] = "DNSSEC",
	    [PUBLISH_BLOCK_LIST] = "block list",
	    [PUBLISH_PORT_25] = "port 25",
	};

	return p->kind == PUBLISH_ADDRESS ? publish_type_name(p)
					  : names[p->kind];
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

void
publish_file_line(const struct publish *p, struct buf *out)
{
	/* Not in the owner's zone but in that of the network. */
	if (p->kind == PUBLISH_PTR)
		buf_adds(out, "; ask your provider: ");
	publish_zone_line(p, out);
}
