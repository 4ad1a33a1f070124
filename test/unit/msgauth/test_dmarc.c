#include "msgauth/dmarc.h"

#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

/* ---- the author ---- */

static const struct {
	const char *header;
	enum dmarc_author want;
	const char *domain;
} authors[] = {
    {"From: \"\\\"Acme, Inc.\\\"\" <orders@net.shop.test>\r\n",
	DMARC_AUTHOR_ONE, "net.shop.test"},
    {"From: \"'X, Y' via Club\" <club@lists.test>\r\n", DMARC_AUTHOR_ONE,
	"lists.test"},
    {"From: =?utf-8?q?a=40b.test?= (x (y@z.test) \\) ) <ben@HOME.test>\r\n",
	DMARC_AUTHOR_ONE, "home.test"},
    {"From: a@bank.test, b@evil.test\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: anna@home.test, ben@Home.Test\r\n", DMARC_AUTHOR_ONE, "home.test"},
    {"From: Team: anna@home.test, ben@home.test;\r\n", DMARC_AUTHOR_ONE,
	"home.test"},
    {"From: Team: anna@home.test, ben@evil.test;\r\n", DMARC_AUTHOR_DOMAINS,
	""},
    {"From: a@m\xc3\xbcller.test, b@xn--mller-kva.test\r\n", DMARC_AUTHOR_ONE,
	"xn--mller-kva.test"},
    {"From: a@M\xc3\x9cLLER.Test\r\n", DMARC_AUTHOR_ONE, "xn--mller-kva.test"},
    {"From: a@home.test\r\nfrom: a@home.test\r\n", DMARC_AUTHOR_FIELDS, ""},
    {"To: a@home.test\r\n", DMARC_AUTHOR_NONE, ""},
    {"From: undisclosed\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From:\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From: <>\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From: Team:;\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From: a@[192.0.2.1]\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From: a@home.test.\r\n", DMARC_AUTHOR_ONE, "home.test"},
    /* All programs take what stands before an angle for a name. */
    {"From: a@bank.test <b@evil.test>\r\n", DMARC_AUTHOR_ONE, "evil.test"},
    {"From: <a@bank.test> <b@evil.test>\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: a@bank.test, b@[192.0.2.1]\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: b@[192.0.2.1], a@bank.test\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: a@bank.test, b@evil..test\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: a@bank.test, b@a+b.test\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: a@bank.test@evil.test\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: a@bank.test\xff\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: MAILER-DAEMON\r\n", DMARC_AUTHOR_SYNTAX, ""},
    {"From : a@home.test\r\n", DMARC_AUTHOR_ONE, "home.test"},
    /* Blanks within a domain are none of it. */
    {"From: A <a@bank .test>\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: A <a@bank (x).test\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: a@bank .test>\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: A a@bank\r\n .test\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: A a@b\xc3\xbc"
     "cher.test>\r\n",
	DMARC_AUTHOR_ONE, "xn--bcher-kva.test"},
    {"From: A a@bank.test\xff>\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    /* Some programs leave such a character out. */
    {"From: a@bank\x7f.test\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: A <a@bank\x01.test>\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: A <a@bank.te\rst>\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: A <a@bank\xe3\x80\x80.test>\r\n", DMARC_AUTHOR_UNCLEAR, ""},
    {"From: Doe, John <j@bank.test>\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: Team: a@bank.test\r\n", DMARC_AUTHOR_ONE, "bank.test"},
    {"From: <b@evil.test> a@bank.test\r\n", DMARC_AUTHOR_DOMAINS, ""},
    {"From: <@relay.test,@two.test:a@bank.test>\r\n", DMARC_AUTHOR_ONE,
	"bank.test"},
};

START_TEST(dmarc_author__row)
{
	struct fieldset *f = fieldset_new(sv_str(authors[_i].header));
	char domain[DNS_NAME_MAX];
	enum dmarc_author got = dmarc_author(f, domain);

	ck_assert_msg(
	    got == authors[_i].want && strcmp(domain, authors[_i].domain) == 0,
	    "%s: %d %s", authors[_i].header, (int)got, domain);
	fieldset_free(&f);
}
END_TEST

START_TEST(dmarc_author__behind_many_fields)
{
	char domain[DNS_NAME_MAX];
	struct fieldset *f;
	struct buf b;
	int i;

	buf_init(&b, 1000000);
	buf_adds(&b, "From: a@bank.test\r\n");
	for (i = 1; i < FIELDSET_MAX; i++)
		buf_adds(&b, "X: y\r\n");
	f = fieldset_new(buf_sv(&b));
	ck_assert_int_eq(dmarc_author(f, domain), DMARC_AUTHOR_ONE);
	fieldset_free(&f);
	buf_adds(&b, "From: b@evil.test\r\n");
	f = fieldset_new(buf_sv(&b));
	ck_assert_int_eq(dmarc_author(f, domain), DMARC_AUTHOR_TOO_MANY);
	fieldset_free(&f);
	buf_fini(&b);
}
END_TEST

/* ---- records ---- */

static const struct {
	const char *text;
	bool record, usable;
	enum dmarc_policy p, sp, np;
	const char *rua;
} records[] = {
    {"v=DMARC1; p=reject", true, true, DMARC_P_REJECT, DMARC_P_REJECT,
	DMARC_P_REJECT, ""},
    {"v=DMARC1;p=none;sp=quarantine;np=reject;", true, true, DMARC_P_NONE,
	DMARC_P_QUARANTINE, DMARC_P_REJECT, ""},
    {"v=DMARC1; p=Quarantine; np=none", true, true, DMARC_P_QUARANTINE,
	DMARC_P_QUARANTINE, DMARC_P_NONE, ""},
    {" v = DMARC1 ; p = reject", true, true, DMARC_P_REJECT, DMARC_P_REJECT,
	DMARC_P_REJECT, ""},
    {"v=dmarc1; p=reject", false, false, 0, 0, 0, ""},
    {"v=DMARC10; p=reject", false, false, 0, 0, 0, ""},
    {"p=reject; v=DMARC1", false, false, 0, 0, 0, ""},
    {"x; v=DMARC1; p=reject", false, false, 0, 0, 0, ""},
    {"", false, false, 0, 0, 0, ""},
    {"v=DMARC1", true, false, 0, 0, 0, ""},
    {"v=DMARC1; p=rejct", true, false, 0, 0, 0, ""},
    {"v=DMARC1; p=reject; sp=x; rua=mailto:a@b.test", true, true, DMARC_P_NONE,
	DMARC_P_NONE, DMARC_P_NONE, "mailto:a@b.test"},
    {"v=DMARC1; rua=a@b.test, mailto:c@d.test!10m ,x", true, true, DMARC_P_NONE,
	DMARC_P_NONE, DMARC_P_NONE, "mailto:c@d.test"},
    {"v=DMARC1; rua=nonsense", true, false, 0, 0, 0, ""},
    /* [RFC 9989 4.8] what is wrong is left out; pct is gone */
    {"v=DMARC1; junk; p=reject; pct=0; =; aspf=x", true, true, DMARC_P_REJECT,
	DMARC_P_REJECT, DMARC_P_REJECT, ""},
};

START_TEST(dmarc_record__row)
{
	struct dmarc_record r = {.usable = false};
	bool is = dmarc_record_parse(sv_str(records[_i].text), &r) == RC_OK;

	ck_assert_msg(
	    is == records[_i].record && r.usable == records[_i].usable, "%s",
	    records[_i].text);
	ck_assert_msg(r.p == records[_i].p && r.sp == records[_i].sp &&
			  r.np == records[_i].np &&
			  strcmp(r.rua, records[_i].rua) == 0,
	    "%s", records[_i].text);
	ck_assert(!r.strict_spf);
}
END_TEST

/* ---- the walk ---- */

static const struct {
	const char *zone[6];
	const char *name, *org;
} walks[] = {
    /* the examples of RFC 9989 4.10.2 */
    {{"_dmarc.mail.example.com TXT v=DMARC1; p=none",
	 "_dmarc.example.com TXT v=DMARC1; p=none"},
	"a.mail.example.com", "example.com"},
    {{"_dmarc.mail.example.com TXT v=DMARC1; psd=n",
	 "_dmarc.example.com TXT v=DMARC1; p=none"},
	"a.mail.example.com", "mail.example.com"},
    {{"_dmarc.com TXT v=DMARC1; psd=y"}, "a.mail.example.com", "example.com"},
    {{"_dmarc.mail.example.com TXT v=DMARC1",
	 "_dmarc.example.com TXT v=DMARC1; psd=y"},
	"mail.example.com", "mail.example.com"},
    {{"_dmarc.gov TXT v=DMARC1; p=reject; psd=y"}, "x.agency.gov",
	"agency.gov"},
    /* at the start psd=y says nothing of what is below */
    {{"_dmarc.co.test TXT v=DMARC1; psd=y"}, "co.test", "co.test"},
    {{"a.test A 192.0.2.1"}, "a.b.test", "a.b.test"},
    /* two records are none */
    {{"_dmarc.b.test TXT v=DMARC1; p=none", "_dmarc.b.test TXT v=DMARC1; p=x"},
	"a.b.test", "a.b.test"},
    {{"_dmarc.b.test TXT v=DMARC1; p=none", "_dmarc.b.test TXT v=spf1 -all"},
	"a.b.test", "b.test"},
    {{"_dmarc.b.test CNAME _dmarc.esp.test", "_dmarc.esp.test CNAME x.esp.test",
	 "x.esp.test TXT v=DMARC1; p=none"},
	"a.b.test", "b.test"},
    {{"_dmarc.test TIMEOUT"}, "a.b.test", ""},
    {{"_dmarc.test TIMEOUT", "_dmarc.b.test TXT v=DMARC1; psd=n"}, "a.b.test",
	"b.test"},
    {{"_dmarc.i.j.mail.example.com TXT v=DMARC1; psd=y"},
	"a.b.c.d.e.f.g.h.i.j.mail.example.com", "h.i.j.mail.example.com"},
    /* one that is not asked for */
    {{"_dmarc.f.g.h.i.j.mail.example.com TXT v=DMARC1; psd=n"},
	"a.b.c.d.e.f.g.h.i.j.mail.example.com",
	"a.b.c.d.e.f.g.h.i.j.mail.example.com"},
};

START_TEST(dmarc_walk__row)
{
	struct lookup *l = lookup_new();
	struct zone *z = zone_new();
	struct dmarc_walk w;
	size_t i;

	for (i = 0; i < 6 && walks[_i].zone[i] != NULL; i++)
		zone_add(z, walks[_i].zone[i]);
	while (
	    dmarc_walk(l, LOOKUP_ALIGN, sv_str(walks[_i].name), &w) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	ck_assert_str_eq(w.org, walks[_i].org);
	ck_assert_int_eq(w.failed, walks[_i].org[0] == '\0');
	ck_assert_uint_le(zone_asked(z), DMARC_WALK_MAX);
	zone_free(&z);
	lookup_free(&l);
}
END_TEST

/* ---- the judgement ---- */

#define REJECT(name) "_dmarc." name " TXT v=DMARC1; p=reject"

static const struct {
	const char *name;
	const char *zone[6];
	const char *author;
	const char *spf;
	enum auth_result spf_result;
	const char *dkim;
	enum auth_result dkim_result;
	enum auth_result want;
	enum dmarc_policy disposition;
} rows[] = {
    {"no record", {"a.test A 192.0.2.1"}, "a.test", "a.test", AUTH_PASS, "",
	AUTH_NONE, AUTH_NONE, DMARC_P_NONE},
    {"SPF, same", {REJECT("a.test")}, "a.test", "a.test", AUTH_PASS, "",
	AUTH_NONE, AUTH_PASS, DMARC_P_NONE},
    {"DKIM, relaxed", {REJECT("a.test")}, "x.a.test", "", AUTH_NONE, "y.a.test",
	AUTH_PASS, AUTH_PASS, DMARC_P_NONE},
    {"DKIM, strict", {"_dmarc.a.test TXT v=DMARC1; p=reject; adkim=s"},
	"x.a.test", "", AUTH_NONE, "a.test", AUTH_PASS, AUTH_FAIL,
	DMARC_P_REJECT},
    {"SPF, strict", {"_dmarc.a.test TXT v=DMARC1; p=quarantine; aspf=s"},
	"a.test", "x.a.test", AUTH_PASS, "", AUTH_NONE, AUTH_FAIL,
	DMARC_P_QUARANTINE},
    {"nothing aligned", {REJECT("a.test")}, "a.test", "b.test", AUTH_PASS,
	"c.test", AUTH_PASS, AUTH_FAIL, DMARC_P_REJECT},
    {"a suffix is not a parent", {REJECT("a.test"), REJECT("bad-a.test")},
	"a.test", "", AUTH_NONE, "bad-a.test", AUTH_PASS, AUTH_FAIL,
	DMARC_P_REJECT},
    {"each has its own walk",
	{"_dmarc.mail.corp.test TXT v=DMARC1; p=reject; psd=n",
	    REJECT("corp.test")},
	"a.mail.corp.test", "", AUTH_NONE, "corp.test", AUTH_PASS, AUTH_FAIL,
	DMARC_P_REJECT},
    {"and the other way round",
	{"_dmarc.mail.corp.test TXT v=DMARC1; p=reject; psd=n",
	    REJECT("corp.test")},
	"corp.test", "", AUTH_NONE, "a.mail.corp.test", AUTH_PASS, AUTH_FAIL,
	DMARC_P_REJECT},
    {"below a public suffix", {"_dmarc.co.test TXT v=DMARC1; p=reject; psd=y"},
	"a.co.test", "", AUTH_NONE, "b.co.test", AUTH_PASS, AUTH_FAIL,
	DMARC_P_REJECT},
    {"the organisation's policy before the suffix's",
	{"_dmarc.co.test TXT v=DMARC1; p=reject; psd=y",
	    "_dmarc.a.co.test TXT v=DMARC1; p=quarantine; sp=none"},
	"x.a.co.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_NONE},
    {"equal names need no walk", {REJECT("a.test"), "_dmarc.test TIMEOUT"},
	"a.test", "", AUTH_NONE, "a.test", AUTH_PASS, AUTH_PASS, DMARC_P_NONE},
    {"sp of a subdomain that exists",
	{"_dmarc.a.test TXT v=DMARC1; p=none; sp=quarantine; np=reject",
	    "x.a.test A 192.0.2.1"},
	"x.a.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL,
	DMARC_P_QUARANTINE},
    {"np of one that does not",
	{"_dmarc.a.test TXT v=DMARC1; p=none; sp=quarantine; np=reject"},
	"x.a.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_REJECT},
    {"np, and it cannot be known",
	{"_dmarc.a.test TXT v=DMARC1; p=none; np=reject", "x.a.test TIMEOUT"},
	"x.a.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_TEMPERROR, DMARC_P_NONE},
    {"sp and np are not for the domain itself",
	{"_dmarc.a.test TXT v=DMARC1; p=none; sp=reject; np=reject"}, "a.test",
	"", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_NONE},
    {"own record before the organisation's",
	{"_dmarc.x.a.test TXT v=DMARC1; p=none", REJECT("a.test")}, "x.a.test",
	"", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_NONE},
    {"t=y, reject", {"_dmarc.a.test TXT v=DMARC1; p=reject; t=y"}, "a.test", "",
	AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_QUARANTINE},
    {"t=y, quarantine", {"_dmarc.a.test TXT v=DMARC1; p=quarantine; t=y"},
	"a.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_NONE},
    {"pct=0 is nothing", {"_dmarc.a.test TXT v=DMARC1; p=reject; pct=0"},
	"a.test", "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL, DMARC_P_REJECT},
    {"the key cannot be looked up", {REJECT("a.test")}, "a.test", "b.test",
	AUTH_PASS, "a.test", AUTH_TEMPERROR, AUTH_TEMPERROR, DMARC_P_NONE},
    {"and another passed", {REJECT("a.test")}, "a.test", "a.test", AUTH_PASS,
	"a.test", AUTH_TEMPERROR, AUTH_PASS, DMARC_P_NONE},
    {"SPF cannot be looked up", {REJECT("a.test")}, "a.test", "a.test",
	AUTH_TEMPERROR, "", AUTH_NONE, AUTH_TEMPERROR, DMARC_P_NONE},
    {"a stranger's failure buys nothing", {REJECT("a.test")}, "a.test",
	"slow.evil.test", AUTH_TEMPERROR, "slow.evil.test", AUTH_TEMPERROR,
	AUTH_FAIL, DMARC_P_REJECT},
    {"the author's record cannot be looked up", {"_dmarc.a.test TIMEOUT"},
	"a.test", "a.test", AUTH_PASS, "", AUTH_NONE, AUTH_TEMPERROR,
	DMARC_P_NONE},
    {"a signature that is not trusted", {REJECT("a.test")}, "a.test", "",
	AUTH_NONE, "a.test", AUTH_POLICY, AUTH_FAIL, DMARC_P_REJECT},
    {"softfail", {REJECT("a.test")}, "a.test", "a.test", AUTH_SOFTFAIL, "",
	AUTH_NONE, AUTH_FAIL, DMARC_P_REJECT},
    {"unusable at the author, usable above",
	{"_dmarc.x.a.test TXT v=DMARC1; p=nix", REJECT("a.test")}, "x.a.test",
	"", AUTH_NONE, "", AUTH_NONE, AUTH_NONE, DMARC_P_NONE},
};

START_TEST(dmarc_evaluate__row)
{
	struct dmarc_identifier spf = {
	    sv_str(rows[_i].spf), rows[_i].spf_result, false};
	struct dmarc_identifier dkim = {
	    sv_str(rows[_i].dkim), rows[_i].dkim_result, false};
	struct lookup *l = lookup_new();
	struct zone *z = zone_new();
	struct dmarc_outcome o;
	size_t i;

	for (i = 0; i < 6 && rows[_i].zone[i] != NULL; i++)
		zone_add(z, rows[_i].zone[i]);
	while (dmarc_evaluate(l, DMARC_AUTHOR_ONE, sv_str(rows[_i].author),
		   &spf, &dkim, 1, &o) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	ck_assert_msg(
	    o.result == rows[_i].want && o.disposition == rows[_i].disposition,
	    "%s: %s %s", rows[_i].name, auth_result_name(o.result),
	    dmarc_policy_name(o.disposition));
	zone_free(&z);
	lookup_free(&l);
}
END_TEST

/* What is still to come counts only where it could be aligned. */
START_TEST(dmarc_evaluate__waits_for_what_matters)
{
	struct dmarc_identifier spf = {SV("b.test"), AUTH_NONE, true};
	struct dmarc_identifier dkim = {SV("a.test"), AUTH_NONE, true};
	struct lookup *l = lookup_new();
	struct zone *z = zone_new();
	struct dmarc_outcome o;

	zone_add(z, REJECT("a.test"));
	ck_assert_int_eq(dmarc_evaluate(l, DMARC_AUTHOR_ONE, SV("a.test"), &spf,
			     &dkim, 1, &o),
	    RC_MORE);
	ck_assert_uint_eq(zone_answer(z, l), 2);
	ck_assert_int_eq(dmarc_evaluate(l, DMARC_AUTHOR_ONE, SV("a.test"), &spf,
			     &dkim, 1, &o),
	    RC_MORE);
	dkim.pending = false;
	dkim.result = AUTH_FAIL;
	ck_assert_int_eq(dmarc_evaluate(l, DMARC_AUTHOR_ONE, SV("a.test"), &spf,
			     &dkim, 1, &o),
	    RC_OK);
	ck_assert_int_eq(o.disposition, DMARC_P_REJECT);
	ck_assert_int_eq(
	    dmarc_evaluate(l, DMARC_AUTHOR_DOMAINS, SV(""), &spf, &dkim, 1, &o),
	    RC_OK);
	ck_assert_int_eq(o.result, AUTH_PERMERROR);
	zone_free(&z);
	lookup_free(&l);
}
END_TEST

UNIT_TESTS(dmarc)
{
	TCase *tc = tcase_create("dmarc");

	tcase_add_loop_test(tc, dmarc_author__row, 0,
	    (int)(sizeof authors / sizeof authors[0]));
	tcase_add_test(tc, dmarc_author__behind_many_fields);
	tcase_add_loop_test(tc, dmarc_record__row, 0,
	    (int)(sizeof records / sizeof records[0]));
	tcase_add_loop_test(
	    tc, dmarc_walk__row, 0, (int)(sizeof walks / sizeof walks[0]));
	tcase_add_loop_test(
	    tc, dmarc_evaluate__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, dmarc_evaluate__waits_for_what_matters);
	return tc;
}
