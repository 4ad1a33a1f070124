/* What `hearthmail dns` says of answers. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "publish/publish.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/publish/fixture.h"
#include "test/unit/unit.h"

#define KEY "v=DKIM1; k=ed25519; p=AAAABBBB"

static struct conf *conf;
static struct in6_addr own[4];
static struct publish_host host;
static struct publish_list list;
static struct zone *zone;

static void
add_own(const char *text)
{
	struct in6_addr *a = &own[host.naddress++];

	*a = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	if (strchr(text, ':') != NULL)
		ck_assert_int_eq(inet_pton(AF_INET6, text, a), 1);
	else
		ck_assert_int_eq(inet_pton(AF_INET, text, a->s6_addr + 12), 1);
	if (!publish_is_private(a))
		host.sender[host.nsender++] = *a;
}

static void
setup(void)
{
	struct conf_errors e = {0};

	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.example.org\n"
			  "domains: [example.org]\naccounts: { anna: {} }\n"
			  "listen: { pop3s: [], imaps: [1993] }\n"
			  "dns: { block_lists: \"bl.test 127.0.0.2 "
			  "127.0.0.4-127.0.0.6\" }\n"),
		"f", &conf, &e),
	    RC_OK);
	host = (struct publish_host){.hostname = "mail.example.org",
	    .address = own,
	    .ca = "letsencrypt.org"};
	zone = zone_new();
}

static void
teardown(void)
{
	zone_free(&zone);
	publish_list_fini(&list);
	conf_free(&conf);
}

/* "www A 192.0.2.1|@ TXT x|a.b.test. A ...": names of example.org, or whole. */
static void
fill(const char *lines)
{
	struct sv rest = sv_str(lines), line, name;
	struct buf b;

	buf_init(&b, 10000);
	while (rest.n > 0) {
		line = sv_split(&rest, '|');
		name = sv_split(&line, ' ');
		buf_reset(&b);
		if (sv_ends(name, SV(".")))
			buf_addsv(&b, sv_first(name, name.n - 1));
		else if (sv_eq(name, SV("@")))
			buf_adds(&b, "example.org");
		else
			buf_addf(&b, "%.*s.example.org", SV_ARG(name));
		buf_addf(&b, " %.*s", SV_ARG(line));
		zone_add(zone, b.p);
	}
	buf_fini(&b);
}

/* As the command does it: the host's addresses first. */
static void
make(void)
{
	size_t i;

	publish_add_host(&list, &host);
	publish_add_domain(&list, conf, conf->domain[0].name,
	    SV("hm-ed-202611 active " KEY "\n"), "");
	for (i = 0; i < list.n; i++)
		if (list.p[i].kind == PUBLISH_ADDRESS)
			fixture_judge(&list.p[i], &host, zone);
	publish_find_senders(&list, &host);
	publish_add_senders(&list, &host, conf);
}

static struct publish *
find(enum publish_kind kind, enum dns_type type)
{
	size_t i;

	for (i = 0; i < list.n; i++)
		if (list.p[i].kind == kind && list.p[i].type == type)
			return &list.p[i];
	return NULL;
}

static const struct {
	const char *own; /* address */
	enum publish_kind kind;
	enum dns_type type;
	const char *there;
	enum publish_state want;
	const char *words;
	bool warn;
} rows[] = {
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1", PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ MX 6 x.example.test",
	PUBLISH_RIGHT, "other hosts", true},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ MX 4 x.example.test",
	PUBLISH_RIGHT, "x.example.test first", true},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ MX 5 x.example.test",
	PUBLISH_DIFFERENT, "another host", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 mx.example.test|mx.example.test. A 192.0.2.1", PUBLISH_RIGHT,
	"", false},
    {"10.0.0.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 mx.example.test|mx.example.test. A 192.0.2.1|mail A 192.0.2.1",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ MX 0 ", PUBLISH_DIFFERENT, "no mail",
	false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "", PUBLISH_MISSING, "registered", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ A 192.0.2.1", PUBLISH_MISSING,
	"does not find", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ CNAME w.example.test|w.example.test. MX 1 mail.example.org|mail A "
	"192.0.2.1",
	PUBLISH_RIGHT, "CNAME to w.example.test", true},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ MX 10 192.0.2.1", PUBLISH_DIFFERENT,
	"names a host", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ MX 10 mail.example.org.example.org",
	PUBLISH_DIFFERENT, "appended twice", false},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ MX 10 "
	"mail.example.org.example.org",
	PUBLISH_RIGHT, "appended twice", true},
    {"192.0.2.1", PUBLISH_MX, DNS_MX,
	"@ MX 5 mail.example.org|mail CNAME h.example.test|h.example.test. A "
	"192.0.2.1",
	PUBLISH_RIGHT, "CNAME", true},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "@ TIMEOUT", PUBLISH_UNKNOWN, "no answer",
	false},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "mail A 192.0.2.1", PUBLISH_RIGHT, "",
	false},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "mail A 192.0.2.1|mail A 192.0.2.2",
	PUBLISH_RIGHT, "not all", true},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "mail A 192.0.2.2", PUBLISH_DIFFERENT,
	"another machine", false},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "found", false},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "router",
	false},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "mail A 192.168.1.5",
	PUBLISH_DIFFERENT, "cannot be reached from outside", false},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "mail A 192.0.2.9", PUBLISH_RIGHT,
	"cannot be checked", true},
    {"100.64.0.1", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "router",
	false},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_AAAA, "", PUBLISH_RIGHT, "none", false},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_AAAA, "mail AAAA 2001:db8::1",
	PUBLISH_DIFFERENT, "remove", false},
    {"2001:db8::1", PUBLISH_ADDRESS, DNS_AAAA, "mail AAAA 2001:db8::1",
	PUBLISH_RIGHT, "", false},
    {"2001:db8::1", PUBLISH_ADDRESS, DNS_AAAA, "", PUBLISH_MISSING,
	"mail leaves from", false},
    {"fd00::1", PUBLISH_ADDRESS, DNS_AAAA, "", PUBLISH_RIGHT, "none", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR,
	"1.2.0.192.in-addr.arpa. PTR mail.example.org|mail A 192.0.2.1",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR,
	"1.2.0.192.in-addr.arpa. PTR mail.example.org|mail A 192.0.2.2",
	PUBLISH_DIFFERENT, "does not lead back", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR,
	"1.2.0.192.in-addr.arpa. PTR x.example.test", PUBLISH_DIFFERENT,
	"refuse", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR,
	"1.2.0.192.in-addr.arpa. PTR x.example.test|x.example.test. A "
	"192.0.2.1",
	PUBLISH_DIFFERENT, "it is not mail.example.org", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR,
	"1.2.0.192.in-addr.arpa. PTR x.example.test|1.2.0.192.in-addr.arpa. "
	"PTR mail.example.org|mail A 192.0.2.1",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR, "", PUBLISH_MISSING, "provider", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT hello|@ TXT v=SPF1 +MX "
	"~all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf1 ip4:192.0.2.1 -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf1 ip4:192.0.2.0/24 -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 "
	"a:mail.example.org -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 "
	"include:_s.example.org -all|_s TXT v=spf1 a:mail.example.org -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 "
	"redirect=_s.example.org|_s TXT v=spf1 mx:example.org -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 -mx "
	"ip4:192.0.2.11 -all",
	PUBLISH_DIFFERENT, "does not include this server", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf1 mx -all",
	PUBLISH_DIFFERENT, "gets \"fail\"", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 ?mx -all",
	PUBLISH_DIFFERENT, "gets \"neutral\"", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx|@ TXT v=spf1 "
	"-all",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ TXT v=spf1 include:nope.example.test -all", PUBLISH_DIFFERENT,
	"it includes nope.example.test, which has no SPF record", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf10 mx", PUBLISH_DIFFERENT,
	"must begin with", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf1;mx", PUBLISH_DIFFERENT,
	"must begin with", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "@ TXT \"v=spf1 mx -all\"",
	PUBLISH_DIFFERENT, "quotation marks", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ TXT \342\200\234v=spf1 mx -all\342\200\235", PUBLISH_DIFFERENT,
	"typographic", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ TXT example.org. IN TXT v=spf1 mx -all", PUBLISH_DIFFERENT,
	"whole line", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "example.org TXT v=spf1 mx -all",
	PUBLISH_DIFFERENT, "enter only \"@\"", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "", PUBLISH_MISSING, "verify", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx",
	PUBLISH_RIGHT, "forbids nobody", true},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 +all",
	PUBLISH_RIGHT, "anybody", true},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx ptr -all",
	PUBLISH_RIGHT, "\"ptr\"", true},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx mxx -all",
	PUBLISH_DIFFERENT, "invalid", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|h0 A 192.0.2.9|h1 A "
	"192.0.2.9|h2 A 192.0.2.9|h3 A 192.0.2.9|h4 A 192.0.2.9|h5 A "
	"192.0.2.9|h6 A 192.0.2.9|h7 A 192.0.2.9|h8 A 192.0.2.9|h9 A "
	"192.0.2.9|h10 A 192.0.2.9|@ TXT v=spf1 mx a:h0.example.org "
	"a:h1.example.org a:h2.example.org a:h3.example.org a:h4.example.org "
	"a:h5.example.org a:h6.example.org a:h7.example.org a:h8.example.org "
	"-all",
	PUBLISH_RIGHT, "10 of 10", true},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|h0 A 192.0.2.9|h1 A "
	"192.0.2.9|h2 A 192.0.2.9|h3 A 192.0.2.9|h4 A 192.0.2.9|h5 A "
	"192.0.2.9|h6 A 192.0.2.9|h7 A 192.0.2.9|h8 A 192.0.2.9|h9 A "
	"192.0.2.9|h10 A 192.0.2.9|@ TXT v=spf1 mx a:h0.example.org "
	"a:h1.example.org a:h2.example.org a:h3.example.org a:h4.example.org "
	"a:h5.example.org a:h6.example.org a:h7.example.org a:h8.example.org "
	"a:h9.example.org -all",
	PUBLISH_DIFFERENT, "11 DNS lookups", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 1 m1.example.org|m1 A 192.0.2.1|@ MX 2 m2.example.org|m2 A "
	"192.0.2.2|@ MX 3 m3.example.org|m3 A 192.0.2.3|@ MX 4 "
	"m4.example.org|m4 A 192.0.2.4|@ TXT v=spf1 mx -all",
	PUBLISH_RIGHT, "4 lookups in it find nothing", true},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 1 m1.example.org|m1 A 192.0.2.1|@ MX 2 m2.example.org|m2 A "
	"192.0.2.2|@ TXT v=spf1 mx -all",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 "
	"a:n1.example.org a:n2.example.org a:n3.example.org mx -all",
	PUBLISH_DIFFERENT, "invalid", false},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.1|@ TXT v=spf1 "
	"include:nothing.example.org mx -all",
	PUBLISH_DIFFERENT, "invalid", false},
    {"192.168.1.5", PUBLISH_SPF, DNS_TXT, "@ TXT v=spf1 mx -all", PUBLISH_RIGHT,
	"cannot be checked before", true},
    {"192.168.1.5", PUBLISH_SPF, DNS_TXT,
	"@ MX 5 MAIL.example.org|mail A 192.0.2.9|@ TXT v=spf1 mx -all",
	PUBLISH_RIGHT, "", false},
    {"2001:db8::1", PUBLISH_SPF, DNS_TXT,
	"@ MX 1 mail.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx -all",
	PUBLISH_DIFFERENT, "2001:db8::1 gets \"fail\"", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1;k=ed25519;p=AAAA BBBB ;",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; s=*; p=AAAABBBB",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT k=ed25519; s=email:tlsrpt; h=sha256; "
	"p=AAAABBBB",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; s=tlsrpt; p=AAAABBBB",
	PUBLISH_DIFFERENT, "for mail", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; h=rsa-sha256; "
	"p=AAAABBBB",
	PUBLISH_DIFFERENT, "h= does not name sha256", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; p=AAAABBBB", PUBLISH_DIFFERENT,
	"type of the key", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; t=y; p=AAAABBBB",
	PUBLISH_RIGHT, "t=y", true},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=AAAABBBC",
	PUBLISH_DIFFERENT, "a different key", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=AAAA*BBB",
	PUBLISH_DIFFERENT, "base64", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=AAAA",
	PUBLISH_DIFFERENT, "end is missing", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "hm-ed-202611._domainkey TXT BBBB",
	PUBLISH_DIFFERENT, "beginning is missing", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=", PUBLISH_DIFFERENT,
	"no key", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "", PUBLISH_MISSING, "checked", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; "
	"p=AAAABBBB|hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=AAAABBBB",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; "
	"p=AAAABBBB|hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; p=CCCCDDDD",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; "
	"p=AAAABBBB|hm-ed-202611._domainkey TXT \"v=DKIM1; k=ed25519; "
	"p=AAAABBBB\"",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1; k=ed25519; "
	"p=AAAABBBB|hm-ed-202611._domainkey TXT v=spf1 -all",
	PUBLISH_RIGHT, "another kind", true},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT \"v=DKIM1; k=ed25519; p=AAAABBBB\"",
	PUBLISH_DIFFERENT, "quotation marks", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT v=DKIM1\\; k=ed25519\\; p=AAAABBBB",
	PUBLISH_DIFFERENT, "backslashes", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey TXT s1.dkim.example.test", PUBLISH_DIFFERENT,
	"CNAME was entered as TXT", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "*._domainkey TXT v=spf1 -all",
	PUBLISH_MISSING, "wildcard", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "* TXT v=spf1 -all", PUBLISH_MISSING,
	"wildcard", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey CNAME k.example.test|k.example.test. TXT "
	"v=DKIM1; k=ed25519; p=AAAABBBB",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey CNAME k.example.test", PUBLISH_DIFFERENT,
	"CNAME to k.example.test", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611._domainkey.example.org TXT v=DKIM1; k=ed25519; "
	"p=AAAABBBB",
	PUBLISH_DIFFERENT, "enter only \"hm-ed-202611._domainkey\"", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "@ TXT v=DKIM1; k=ed25519; p=AAAABBBB",
	PUBLISH_DIFFERENT, "at example.org itself", false},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT,
	"hm-ed-202611 TXT v=DKIM1; k=ed25519; p=AAAABBBB", PUBLISH_DIFFERENT,
	"must be \"hm-ed-202611._domainkey\"", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1;p=reject;rua=mailto:a@sub.example.org",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT v=DMARC1; p=reject",
	PUBLISH_RIGHT, "without rua=", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=none; rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "none", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; t=y; rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "t=y", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; sp=none; "
	"rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "sp=none", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; np=none; "
	"rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "np=none", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; psd=y; "
	"rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "registries", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; pct=50; "
	"rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "pct=", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT v=DMARC1; sp=reject",
	PUBLISH_DIFFERENT, "no policy", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; rua=mailto:x@example.org", PUBLISH_DIFFERENT,
	"no policy", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT v=DMARC1; p=rejct",
	PUBLISH_DIFFERENT, "no policy", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; "
	"rua=mailto:postmaster@example.org|_dmarc TXT v=DMARC1; p=none",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT x", PUBLISH_MISSING, "",
	false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT v=dmarc1; p=none",
	PUBLISH_DIFFERENT, "must begin with", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "_dmarc TXT \"v=DMARC1; p=reject\"",
	PUBLISH_DIFFERENT, "quotation marks", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "@ TXT v=DMARC1; p=reject",
	PUBLISH_DIFFERENT, "must be \"_dmarc\"", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc.example.org TXT v=DMARC1; p=reject", PUBLISH_DIFFERENT,
	"enter only \"_dmarc\"", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc.org. TXT v=DMARC1; p=reject; sp=quarantine; psd=n; "
	"rua=mailto:x@example.org",
	PUBLISH_RIGHT, "policy of org", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; rua=mailto:me@example.test",
	PUBLISH_RIGHT, "example.org._report._dmarc.example.test", true},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; "
	"rua=mailto:me@example.test|example.org._report._dmarc.example.test. "
	"TXT v=DMARC1",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; "
	"rua=mailto:me@example.test|*._report._dmarc.example.test. TXT "
	"v=DMARC1;",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT,
	"_dmarc TXT v=DMARC1; p=reject; rua=https://example.org/x",
	PUBLISH_RIGHT, "not mailto:", true},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT,
	"_smtp._tls TXT v=TLSRPTv1; rua=mailto:postmaster@example.org",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT,
	"_smtp._tls TXT "
	"v=TLSRPTv1;rua=https://example.org/r,mailto:x@example.org;",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT, "_smtp._tls TXT v=TLSRPTv1",
	PUBLISH_DIFFERENT, "rua=", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT,
	"_smtp._tls TXT v=TLSRPTv1; rua=ftp:x", PUBLISH_DIFFERENT,
	"rua=", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT,
	"_smtp._tls TXT v=TLSRPTv1; rua=mailto:a@b.test|_smtp._tls TXT "
	"v=TLSRPTv1; rua=mailto:a@c.test",
	PUBLISH_DIFFERENT, "more than one", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT,
	"_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:a@b.test",
	PUBLISH_DIFFERENT, "enter only \"_smtp._tls\"", false},
    {"192.0.2.1", PUBLISH_TLSRPT, DNS_TXT, "", PUBLISH_MISSING, "report",
	false},
    {"192.0.2.1", PUBLISH_MTA_STS, DNS_TXT, "", PUBLISH_MISSING, "not needed",
	false},
    {"192.0.2.1", PUBLISH_MTA_STS, DNS_TXT, "_mta-sts TXT v=STSv1; id=1",
	PUBLISH_DIFFERENT, "nothing serves", false},
    {"192.0.2.1", PUBLISH_MTA_STS, DNS_TXT,
	"_mta-sts TXT v=STSv1; id=1|mta-sts A 192.0.2.1", PUBLISH_RIGHT,
	"does not serve", true},
    {"192.0.2.1", PUBLISH_MTA_STS, DNS_TXT,
	"_mta-sts TXT v=STSv1; id=1|mta-sts A 192.0.2.77", PUBLISH_RIGHT,
	"another host serves", true},
    {"192.0.2.1", PUBLISH_CAA, DNS_CAA, "", PUBLISH_MISSING, "any authority",
	false},
    {"192.0.2.1", PUBLISH_CAA, DNS_CAA, "@ CAA 0 issue letsencrypt.org",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_CAA, DNS_CAA, "@ CAA 0 issue ;", PUBLISH_RIGHT,
	"no authority", true},
    {"192.0.2.1", PUBLISH_CAA, DNS_CAA,
	"mail CAA 0 issue ca.example.test|@ CAA 0 issue letsencrypt.org",
	PUBLISH_RIGHT, "not be renewed", true},
    {"192.0.2.1", PUBLISH_CAA, DNS_CAA, "@ CAA 0 iodef mailto:x@example.org",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_AUTOCONFIG, DNS_A, "", PUBLISH_MISSING, "not needed",
	false},
    {"192.0.2.1", PUBLISH_AUTOCONFIG, DNS_A, "autoconfig A 192.0.2.1",
	PUBLISH_RIGHT, "does not answer there", true},
    {"192.0.2.1", PUBLISH_AUTOCONFIG, DNS_A, "autoconfig A 192.0.2.77",
	PUBLISH_RIGHT, "another host", false},
    {"192.0.2.1", PUBLISH_DNSSEC, DNS_MX, "", PUBLISH_RIGHT, "not needed",
	false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "2.0.0.127.bl.test. A 127.0.0.2|",
	PUBLISH_RIGHT, "", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.0.0.2|1.2.0.192.bl.test. A 127.0.0.2",
	PUBLISH_DIFFERENT, "192.0.2.1 is listed (127.0.0.2)", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.0.0.2|1.2.0.192.bl.test. A 127.0.0.5",
	PUBLISH_DIFFERENT, "listed", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.0.0.2|1.2.0.192.bl.test. A 127.0.0.3",
	PUBLISH_UNKNOWN, "not one of its codes", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.0.0.2|1.2.0.192.bl.test. A 127.255.255.254",
	PUBLISH_UNKNOWN, "not one of its codes", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.0.0.2|1.2.0.192.bl.test. A "
	"127.0.0.2|1.2.0.192.bl.test. A 203.0.113.9",
	PUBLISH_UNKNOWN, "not one of its codes", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.127.bl.test. A 127.255.255.254|1.2.0.192.bl.test. A "
	"127.255.255.254",
	PUBLISH_UNKNOWN, "refuses to answer this server", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "", PUBLISH_UNKNOWN,
	"empty, so dead", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "*.bl.test. A 127.0.0.2",
	PUBLISH_UNKNOWN, "lists 127.0.0.1", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "*.bl.test. A 203.0.113.9",
	PUBLISH_UNKNOWN, "lists 127.0.0.1", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "1.2.0.192.bl.test. TIMEOUT",
	PUBLISH_UNKNOWN, "no answer", false},
    {"192.0.2.1", PUBLISH_BLOCK_LIST, DNS_A, "2.0.0.127.bl.test. TIMEOUT",
	PUBLISH_UNKNOWN, "no answer to test", false},
    {"2001:db8::1", PUBLISH_BLOCK_LIST, DNS_A,
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl."
	"test. A 127.0.0.2",
	PUBLISH_UNKNOWN, "no IPv6", false},
    {"2001:db8::1", PUBLISH_BLOCK_LIST, DNS_A,
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl."
	"test. A "
	"127.0.0.2|1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0."
	"0.2.bl.test. A 127.0.0.2",
	PUBLISH_DIFFERENT, "2001:db8::1 is listed", false},
};

START_TEST(publish_judge__row)
{
	struct publish *p;

	add_own(rows[_i].own);
	fill(rows[_i].there);
	make();
	p = find(rows[_i].kind, rows[_i].type);
	ck_assert_ptr_nonnull(p);
	fixture_judge(p, &host, zone);
	ck_assert_msg(p->state == rows[_i].want && p->warn == rows[_i].warn &&
			  strstr(p->words.p, rows[_i].words) != NULL &&
			  (rows[_i].words[0] != '\0' ||
			      p->state != PUBLISH_RIGHT || p->words.n == 0),
	    "\"%s\": %s%s, %s", rows[_i].there, publish_state_name(p->state),
	    p->warn ? " (warns)" : "", p->words.p);
}
END_TEST

/* imaps is on another port here, pop3s is off. */
static const struct {
	const char *service, *there;
	enum publish_state want;
	bool warn;
} srv_rows[] = {
    {"_imaps", "0 1 1993 mail.example.org", PUBLISH_RIGHT, false},
    {"_imaps", "9 9 1993 MAIL.example.org", PUBLISH_RIGHT, false},
    {"_imaps", "0 1 993 mail.example.org", PUBLISH_DIFFERENT, false},
    {"_imaps", "0 1 1993 x.example.test", PUBLISH_DIFFERENT, false},
    {"_imaps", "0 1 1993 imap.example.org", PUBLISH_RIGHT, true},
    {"_imaps", "0 0 0 ", PUBLISH_RIGHT, false},
    {"_submissions", "0 1 465 mail.example.org", PUBLISH_RIGHT, false},
};

START_TEST(publish_judge__srv_has_host_and_port)
{
	struct publish *p;
	struct buf line;
	size_t i;

	add_own("192.0.2.1");
	buf_init(&line, 1000);
	buf_addf(&line, "mail A 192.0.2.1|imap A 192.0.2.1|%s._tcp SRV %s",
	    srv_rows[_i].service, srv_rows[_i].there);
	fill(line.p);
	make();
	for (i = 0; i < list.n; i++) {
		p = &list.p[i];
		if (p->kind != PUBLISH_SRV)
			continue;
		ck_assert_ptr_null(strstr(p->name, "pop3s"));
		fixture_judge(p, &host, zone);
		if (sv_starts(sv_str(p->name), sv_str(srv_rows[_i].service)) &&
		    strchr(p->name, '.') ==
			p->name + strlen(srv_rows[_i].service)) {
			ck_assert_int_eq(p->state, srv_rows[_i].want);
			ck_assert_int_eq(p->warn, srv_rows[_i].warn);
		} else {
			ck_assert_int_eq(p->state, PUBLISH_MISSING);
			ck_assert(!publish_is_trouble(p));
		}
	}
	buf_fini(&line);
}
END_TEST

/* What is to be pasted still names the others that send for the domain; pasted,
 * it is right. */
static const struct {
	const char *there, *value;
} spf_rows[] = {
    {"@ TXT v=spf1 include:_s.example.org ~all",
	"v=spf1 mx include:_s.example.org ~all"},
    {"@ TXT V=SPF1  -mx ip4:203.0.113.1", "v=spf1 mx ip4:203.0.113.1 -all"},
    {"@ TXT v=spf1 redirect=_s.example.org",
	"v=spf1 mx redirect=_s.example.org"},
    {"@ TXT v=spf1 ip4:203.0.113.1 a -all|@ TXT v=spf1 a "
     "include:_s.example.org ~all",
	"v=spf1 mx a include:_s.example.org ip4:203.0.113.1 -all"},
    /* Whatever the order of answers; and never everybody. */
    {"@ TXT v=spf1 include:nope.example.org a:mail.example.org +all|@ TXT "
     "v=spf1 mx -all",
	"v=spf1 mx a:mail.example.org -all"},
    {"@ TXT v=spf1 mx -all|@ TXT v=spf1 include:nope.example.org "
     "a:mail.example.org +all",
	"v=spf1 mx a:mail.example.org -all"},
    {"@ TXT v=spf1 ip4:203.0.113.1 all|@ TXT v=spf1 +mx +all",
	"v=spf1 mx ip4:203.0.113.1 ~all"},
    {"@ TXT v=spf1 ip4:203.0.113.1 ?all|@ TXT v=spf1 a +all",
	"v=spf1 mx a ip4:203.0.113.1 ?all"},
    /* Invalid because of what it includes. */
    {"@ TXT v=spf1 include:nope.example.org ip4:203.0.113.1 ~all",
	"v=spf1 mx ip4:203.0.113.1 ~all"},
    {"@ TXT v=spf1 ?include:nope.example.org mx include:_s.example.org +all",
	"v=spf1 mx include:_s.example.org ~all"},
    {"@ TXT v=spf1 a redirect=nope.example.org", "v=spf1 mx a -all"},
    {"@ TXT v=spf1 redirect=_s.example.org|@ TXT v=spf1 a ~all",
	"v=spf1 mx a include:_s.example.org ~all"},
};

START_TEST(publish_judge__spf_keeps_the_others)
{
	static const char others[] =
	    "|_s TXT v=spf1 ip4:203.0.113.5 -all|mail A 192.0.2.1|"
	    "@ MX 1 mail.example.org";
	struct publish *p;
	struct buf text;

	buf_init(&text, 2000);
	add_own("192.0.2.1");
	buf_addf(&text, "%s%s", spf_rows[_i].there, others);
	fill(text.p);
	make();
	p = find(PUBLISH_SPF, DNS_TXT);
	fixture_judge(p, &host, zone);
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	ck_assert(!p->elsewhere);
	ck_assert_str_eq(p->value.p, spf_rows[_i].value);
	zone_free(&zone);
	zone = zone_new();
	buf_reset(&text);
	buf_addf(&text, "@ TXT %s%s", spf_rows[_i].value, others);
	fill(text.p);
	publish_list_fini(&list);
	make();
	p = find(PUBLISH_SPF, DNS_TXT);
	fixture_judge(p, &host, zone);
	ck_assert_msg(p->state == PUBLISH_RIGHT, "%s", p->words.p);
	buf_fini(&text);
}
END_TEST

/* A real key of more than 255 bytes: what providers make of it. */
START_TEST(publish_judge__names_a_key_that_was_cut)
{
	struct publish *p;
	struct buf key, line;
	size_t i;

	add_own("192.0.2.1");
	buf_init(&key, 1000);
	buf_init(&line, 2000);
	buf_adds(&key, "v=DKIM1; k=rsa; p=");
	for (i = 0; i < 98; i++)
		buf_adds(&key, "ABCD");
	buf_addf(&line, "hm-ed-202611._domainkey TXT %.*s",
	    SV_ARG(sv_first(buf_sv(&key), 255)));
	fill(line.p);
	make();
	p = find(PUBLISH_DKIM, DNS_TXT);
	buf_set(&p->value, buf_sv(&key));
	fixture_judge(p, &host, zone);
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	ck_assert_ptr_nonnull(strstr(p->words.p, "cut off after 255 bytes"));
	buf_fini(&line);
	buf_fini(&key);
}
END_TEST

/* Whatever others publish is harmless on a terminal and in its length. */
START_TEST(publish_judge__shows_strangers_bytes_safely)
{
	struct publish *p;
	size_t i;

	add_own("192.0.2.1");
	fill("hm-ed-202611._domainkey TXT p=\033[2J\x9b\r\n\x01");
	make();
	p = find(PUBLISH_DKIM, DNS_TXT);
	fixture_judge(p, &host, zone);
	ck_assert_str_eq(p->found.p, "p=?[2J????");
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	for (i = 0; i < p->found.n; i++)
		ck_assert(p->found.p[i] >= ' ' && p->found.p[i] <= '~');
}
END_TEST

/* Given up: all that is open is unknown, and nothing more is asked. */
START_TEST(publish_judge__no_answer_is_no_verdict)
{
	size_t i;

	add_own("192.0.2.1");
	make();
	for (i = 0; i < list.n; i++) {
		struct publish *p = &list.p[i];

		if (p->kind == PUBLISH_ADDRESS)
			continue;
		lookup_expire(p->q);
		ck_assert_int_eq(publish_judge(p, &host), RC_OK);
		ck_assert_int_eq(p->state, PUBLISH_UNKNOWN);
	}
}
END_TEST

/* A smarthost sends: what is printed names it, and nothing is said of our
 * address. */
START_TEST(publish_add_domain__knows_a_relay)
{
	struct conf_relay relay = {
	    .host = (char *)(uintptr_t) "out.example.test"};
	struct publish *p;

	add_own("192.0.2.1");
	conf->relay = xcalloc(1, sizeof relay);
	conf->relay[0] = relay;
	conf->relay[0].host = xstrdup(relay.host);
	conf->nrelay = 1;
	host.relay = &conf->relay[0];
	fill("@ TXT v=spf1 include:spf.example.test -all");
	make();
	p = find(PUBLISH_SPF, DNS_TXT);
	ck_assert_str_eq(p->value.p, "v=spf1 mx a:out.example.test ~all");
	fixture_judge(p, &host, zone);
	ck_assert(p->state == PUBLISH_RIGHT && p->warn);
	ck_assert_ptr_null(find(PUBLISH_PTR, DNS_PTR));
	ck_assert_ptr_null(find(PUBLISH_BLOCK_LIST, DNS_A));
}
END_TEST

START_TEST(publish_zone_line__cuts_long_texts)
{
	struct publish *p;
	struct buf out;
	size_t i;

	buf_init(&out, 4096);
	make();
	p = find(PUBLISH_DKIM, DNS_TXT);
	publish_zone_line(p, &out);
	ck_assert_str_eq(
	    out.p, "hm-ed-202611._domainkey.example.org. TXT \"" KEY "\"");
	buf_reset(&out);
	buf_reset(&p->value);
	for (i = 0; i < 511; i++)
		buf_addc(&p->value, 'x');
	publish_zone_line(p, &out);
	ck_assert_uint_eq(out.n,
	    strlen("hm-ed-202611._domainkey.example.org. TXT") + 511 + 9);
	ck_assert(sv_ends(buf_sv(&out), SV("x\" \"x\"")));
	buf_fini(&out);
}
END_TEST

/* Two public addresses, of which one sends: the other need not be there. */
static const struct {
	const char *there;
	enum publish_state sender, other;
} two_rows[] = {
    {"mail A 192.0.2.9", PUBLISH_RIGHT, PUBLISH_RIGHT},
    {"mail A 192.0.2.9|mail A 192.0.2.1", PUBLISH_RIGHT, PUBLISH_RIGHT},
    {"mail A 192.0.2.1", PUBLISH_DIFFERENT, PUBLISH_RIGHT},
    {"mail A 203.0.113.1", PUBLISH_DIFFERENT, PUBLISH_DIFFERENT},
    {"", PUBLISH_MISSING, PUBLISH_MISSING},
};

START_TEST(publish_judge__any_own_address_is_right)
{
	size_t i, n = 0;

	add_own("192.0.2.1");
	add_own("192.0.2.9");
	host.sender[0] = own[1];
	host.nsender = 1;
	fill(two_rows[_i].there);
	make();
	for (i = 0; i < list.n; i++) {
		struct publish *p = &list.p[i];

		if (p->kind != PUBLISH_ADDRESS || p->type != DNS_A)
			continue;
		ck_assert_msg(p->state == (n == 0 ? two_rows[_i].other
						  : two_rows[_i].sender),
		    "%s: %s", p->value.p, p->words.p);
		ck_assert_int_eq(p->advice, n == 0);
		n++;
	}
	ck_assert_uint_eq(n, 2);
}
END_TEST

/* It is out of the owner's zone: name servers would refuse the file. */
START_TEST(publish_file_line__comments_ptr)
{
	struct buf out;

	buf_init(&out, 4096);
	add_own("192.0.2.1");
	make();
	publish_file_line(find(PUBLISH_PTR, DNS_PTR), &out);
	ck_assert_str_eq(out.p,
	    "; ask your provider: 1.2.0.192.in-addr.arpa. PTR "
	    "mail.example.org.");
	buf_fini(&out);
}
END_TEST

/* Without keys there is a record that says why, and nothing to look up. */
START_TEST(publish_add_domain__says_why_there_are_no_keys)
{
	struct publish *p;

	publish_add_domain(
	    &list, conf, conf->domain[0].name, SV(""), "not yet");
	p = find(PUBLISH_DKIM, DNS_TXT);
	ck_assert(!p->lookup && p->value.n == 0);
	ck_assert_str_eq(p->words.p, "not yet");
	ck_assert_int_eq(p->state, PUBLISH_UNKNOWN);
}
END_TEST

/* One long record: what no receiver would look up is not asked for. */
START_TEST(publish_judge__spf_is_counted_up_to_a_limit)
{
	struct publish *p;
	struct buf b;
	int i;

	buf_init(&b, 10000);
	buf_adds(
	    &b, "@ MX 5 mail.example.org|mail A 192.0.2.1|@ TXT v=spf1 mx");
	for (i = 0; i < 100; i++)
		buf_addf(&b, " a:h%d.example.org", i);
	buf_adds(&b, " -all");
	add_own("192.0.2.1");
	fill(b.p);
	make();
	p = find(PUBLISH_SPF, DNS_TXT);
	ck_assert_ptr_nonnull(p);
	fixture_judge(p, &host, zone);
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	ck_assert_msg(strstr(p->words.p, "more than 40 DNS lookups") != NULL,
	    "%s", p->words.p);
	ck_assert_uint_gt(zone_asked_for(zone, "h30.example.org"), 0);
	ck_assert_uint_eq(zone_asked_for(zone, "h50.example.org"), 0);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(publish)
{
	TCase *tc = tcase_create("publish");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, publish_judge__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, publish_judge__spf_is_counted_up_to_a_limit);
	tcase_add_loop_test(tc, publish_judge__srv_has_host_and_port, 0,
	    (int)(sizeof srv_rows / sizeof srv_rows[0]));
	tcase_add_loop_test(tc, publish_judge__spf_keeps_the_others, 0,
	    (int)(sizeof spf_rows / sizeof spf_rows[0]));
	tcase_add_test(tc, publish_judge__names_a_key_that_was_cut);
	tcase_add_test(tc, publish_add_domain__knows_a_relay);
	tcase_add_test(tc, publish_judge__shows_strangers_bytes_safely);
	tcase_add_test(tc, publish_judge__no_answer_is_no_verdict);
	tcase_add_loop_test(tc, publish_judge__any_own_address_is_right, 0,
	    (int)(sizeof two_rows / sizeof two_rows[0]));
	tcase_add_test(tc, publish_file_line__comments_ptr);
	tcase_add_test(tc, publish_zone_line__cuts_long_texts);
	tcase_add_test(tc, publish_add_domain__says_why_there_are_no_keys);
	return tc;
}
