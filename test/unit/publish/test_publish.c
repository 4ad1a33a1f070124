/* What `hearthmail dns` says of answers. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "publish/publish.h"
#include "dns/packet.h"
#include "test/unit/unit.h"

#define KEY "v=DKIM1; k=ed25519; p=AAAABBBB"

static struct conf *conf;
static struct in6_addr own[4];
static struct publish_host host = {"mail.example.org", own, 0};
static struct publish_list list;

static void
add_own(const char *text)
{
	struct in6_addr *a = &own[host.naddress++];

	*a = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	if (strchr(text, ':') != NULL)
		ck_assert_int_eq(inet_pton(AF_INET6, text, a), 1);
	else
		ck_assert_int_eq(inet_pton(AF_INET, text, a->s6_addr + 12), 1);
}

static void
setup(void)
{
	struct conf_errors e = {0};

	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.example.org\n"
			  "domains: [example.org]\naccounts: { anna: {} }\n"
			  "listen: { pop3s: [], imaps: [1993] }\n"),
		"f", &conf, &e),
	    RC_OK);
	host.naddress = 0;
}

static void
teardown(void)
{
	publish_list_fini(&list);
	conf_free(&conf);
}

static void
make(void)
{
	publish_add_host(&list, &host);
	publish_add_domain(&list, conf, conf->domain[0].name,
	    SV("hm-ed-202611 " KEY "\n"), "");
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

/* ---- answers: "10 mail.example.org|20 x.example.test", texts likewise ---- */

static void
put_name(struct buf *out, const char *name)
{
	struct dns_wire w;

	dns_wire_of(name, &w);
	buf_add(out, w.b, w.n);
}

static void
encode(enum dns_type type, struct sv text, struct buf *out)
{
	struct in6_addr a;
	char *s = sv_dup(text);
	char *blank = strchr(s, ' ');

	switch ((int)type) {
	case DNS_MX:
		buf_addc(out, 0);
		buf_addc(out, (char)(s[0] - '0'));
		put_name(out, blank + 1);
		break;
	case DNS_SRV: /* port's two bytes as letters */
		buf_add(out, "\0\0\0\1", 4);
		buf_addc(out, 7);
		buf_addc(out, (char)201); /* 1993 */
		put_name(out, s);
		break;
	case DNS_PTR:
		put_name(out, s);
		break;
	case DNS_A:
		ck_assert_int_eq(inet_pton(AF_INET, s, &a), 1);
		buf_add(out, &a, 4);
		break;
	case DNS_AAAA:
		ck_assert_int_eq(inet_pton(AF_INET6, s, &a), 1);
		buf_add(out, &a, 16);
		break;
	default:
		ck_assert_uint_lt(text.n, 256);
		buf_addc(out, (char)text.n);
		buf_addsv(out, text);
		break;
	}
	free(s);
}

static void
judge(struct publish *p, const char *text)
{
	struct dns_answer a = {.rc = RC_OK};
	struct sv record[8], rest = sv_str(text);
	struct buf b[8];
	size_t i;

	a.record = record;
	while (rest.n > 0) {
		buf_init(&b[a.n], 1000);
		encode(p->type, sv_split(&rest, '|'), &b[a.n]);
		record[a.n] = buf_sv(&b[a.n]);
		a.n++;
	}
	publish_judge(p, &host, &a);
	for (i = 0; i < a.n; i++)
		buf_fini(&b[i]);
}

static const struct {
	const char *own; /* addresses */
	enum publish_kind kind;
	enum dns_type type;
	const char *there;
	enum publish_state want;
	const char *words;
} rows[] = {
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "5 MAIL.example.org", PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "5 mail.example.org|6 x.example.test",
	PUBLISH_RIGHT, "other hosts"},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "5 x.example.test", PUBLISH_DIFFERENT,
	"another host"},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "0 ", PUBLISH_DIFFERENT, "no mail"},
    {"192.0.2.1", PUBLISH_MX, DNS_MX, "", PUBLISH_MISSING, "find"},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "192.0.2.1", PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "192.0.2.1|192.0.2.2", PUBLISH_RIGHT,
	"not all"},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "192.0.2.2", PUBLISH_DIFFERENT,
	"another machine"},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "found"},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "router"},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "192.168.1.5", PUBLISH_DIFFERENT,
	"cannot be reached from outside"},
    {"192.168.1.5", PUBLISH_ADDRESS, DNS_A, "192.0.2.9", PUBLISH_RIGHT,
	"cannot be checked"},
    {"100.64.0.1", PUBLISH_ADDRESS, DNS_A, "", PUBLISH_MISSING, "router"},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_AAAA, "", PUBLISH_RIGHT, "none"},
    {"192.0.2.1", PUBLISH_ADDRESS, DNS_AAAA, "2001:db8::1", PUBLISH_DIFFERENT,
	"remove"},
    {"2001:db8::1", PUBLISH_ADDRESS, DNS_AAAA, "2001:db8::1", PUBLISH_RIGHT,
	""},
    {"fd00::1", PUBLISH_ADDRESS, DNS_AAAA, "", PUBLISH_RIGHT, "none"},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR, "mail.example.org", PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_PTR, DNS_PTR, "x.example.test", PUBLISH_DIFFERENT,
	"refuse"},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf1 mx -all", PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "hello|v=SPF1 +MX ~all", PUBLISH_RIGHT,
	""},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf1 ip4:192.0.2.1 -all",
	PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf1 a:mail.example.org -all",
	PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf1 -mx ip4:192.0.2.11 -all",
	PUBLISH_DIFFERENT, "does not include this server"},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf1 mx|v=spf1 -all",
	PUBLISH_DIFFERENT, "more than one"},
    {"192.0.2.1", PUBLISH_SPF, DNS_TXT, "v=spf10 mx", PUBLISH_MISSING, ""},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "v=DKIM1;k=ed25519;p=AAAA BBBB ;",
	PUBLISH_RIGHT, ""},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "p=AAAABBB", PUBLISH_DIFFERENT,
	"a different key"},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "v=DKIM1; p=", PUBLISH_DIFFERENT,
	"no key"},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, "", PUBLISH_MISSING, "checked"},
    {"192.0.2.1", PUBLISH_DKIM, DNS_TXT, KEY "|" KEY, PUBLISH_DIFFERENT,
	"more than one"},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "v=DMARC1; p=reject", PUBLISH_RIGHT,
	""},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "v=DMARC1; p=none", PUBLISH_RIGHT,
	"none"},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "v=DMARC1; sp=reject",
	PUBLISH_DIFFERENT, "no policy"},
    {"192.0.2.1", PUBLISH_DMARC, DNS_TXT, "x", PUBLISH_MISSING, ""},
};

START_TEST(publish_judge__row)
{
	struct publish *p;

	add_own(rows[_i].own);
	make();
	p = find(rows[_i].kind, rows[_i].type);
	ck_assert_ptr_nonnull(p);
	judge(p, rows[_i].there);
	ck_assert_msg(p->state == rows[_i].want &&
			  strstr(p->words.p, rows[_i].words) != NULL &&
			  (rows[_i].words[0] != '\0' ||
			      p->state != PUBLISH_RIGHT || p->words.n == 0),
	    "\"%s\": %s, %s", rows[_i].there, publish_state_name(p->state),
	    p->words.p);
}
END_TEST

/* imaps is on another port here, pop3s is off. */
START_TEST(publish_judge__srv_has_host_and_port)
{
	struct publish *p;
	size_t i;

	add_own("192.0.2.1");
	make();
	for (i = 0; i < list.n; i++) {
		p = &list.p[i];
		if (p->kind != PUBLISH_SRV)
			continue;
		ck_assert_ptr_null(strstr(p->name, "pop3s"));
		judge(p, "mail.example.org");
		ck_assert_int_eq(p->state, strstr(p->name, "_imaps") != NULL
					       ? PUBLISH_RIGHT
					       : PUBLISH_DIFFERENT);
		judge(p, "x.example.test");
		ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
		judge(p, "");
		ck_assert_int_eq(p->state, PUBLISH_MISSING);
	}
}
END_TEST

/* Whatever others publish is harmless on a terminal and in its length. */
START_TEST(publish_judge__shows_strangers_bytes_safely)
{
	struct publish *p;
	size_t i;

	add_own("192.0.2.1");
	make();
	p = find(PUBLISH_DKIM, DNS_TXT);
	judge(p, "p=\033[2J\x9b\r\n\x01");
	ck_assert_str_eq(p->found.p, "p=?[2J????");
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	for (i = 0; i < p->found.n; i++)
		ck_assert(p->found.p[i] >= ' ' && p->found.p[i] <= '~');
}
END_TEST

START_TEST(publish_judge__no_answer_is_no_verdict)
{
	struct dns_answer a = {.rc = RC_TIMEOUT};
	struct publish *p;

	add_own("192.0.2.1");
	make();
	p = find(PUBLISH_SPF, DNS_TXT);
	publish_judge(p, &host, &a);
	ck_assert_int_eq(p->state, PUBLISH_UNKNOWN);
	a = (struct dns_answer){.rc = RC_TEMP, .security = DNS_BOGUS};
	publish_judge(p, &host, &a);
	ck_assert_int_eq(p->state, PUBLISH_DIFFERENT);
	a = (struct dns_answer){.rc = RC_NOTFOUND};
	publish_judge(p, &host, &a);
	ck_assert_int_eq(p->state, PUBLISH_MISSING);
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

UNIT_TESTS(publish)
{
	TCase *tc = tcase_create("publish");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, publish_judge__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, publish_judge__srv_has_host_and_port);
	tcase_add_test(tc, publish_judge__shows_strangers_bytes_safely);
	tcase_add_test(tc, publish_judge__no_answer_is_no_verdict);
	tcase_add_test(tc, publish_zone_line__cuts_long_texts);
	tcase_add_test(tc, publish_add_domain__says_why_there_are_no_keys);
	return tc;
}
