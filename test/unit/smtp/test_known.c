/* Whom people here have written to, and whether it is them. */
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

static struct fixture k;
static struct smtp_ops ops;

/* ---- names ---- */

static const struct {
	const char *name, *text;
} zone[] = {
    {"good.test", "v=spf1 ip4:192.0.2.7 -all"},
    {"_dmarc.good.test", "v=DMARC1; p=reject"},
    {"plain.test", "v=spf1 ip4:192.0.2.7 -all"},
};

static bool has_name; /* the peer's address */

static int
fake_ask(void *ctx, const char *name, bool any, enum dns_type type, int64_t ms,
    dns_done_fn *fn, void *arg)
{
	struct dns_answer a;
	size_t i;

	(void)ctx;
	(void)any;
	(void)ms;
	dns_answer_init(&a);
	a.rc = RC_NOTFOUND;
	for (i = 0; i < sizeof zone / sizeof zone[0]; i++) {
		if (type != DNS_TXT || strcmp(zone[i].name, name) != 0)
			continue;
		fixture_text(&a, sv_str(zone[i].text));
	}
	if (has_name && type == DNS_PTR)
		fixture_record(&a, sv_of("\6client\7example\4test", 21));
	if (has_name && type == DNS_A &&
	    strcmp(name, "client.example.test") == 0)
		fixture_record(&a, sv_of("\300\0\2\7", 4));
	fn(&a, arg);
	dns_answer_fini(&a);
	return RC_OK;
}

static void
start(void)
{
	fixture_init_asking(&k, &ops, fake_ask);
}

static void
stop(void)
{
	fixture_fini(&k);
}

/* ---- rows ---- */

static unsigned asked_of_one; /* questions about one account */

/* anna has written to ben at two domains, and to one of us. */
static int
fake_knows(void *ctx, const char *account, const char *address, bool *yes)
{
	static const char *const ours[] = {
	    "ben@good.test", "ben@plain.test", "ben@none.test", "me@own.test"};
	size_t i;

	(void)ctx;
	*yes = false;
	asked_of_one += account[0] != '\0';
	for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
		*yes =
		    *yes ||
		    (strcmp(address, ours[i]) == 0 &&
			(account[0] == '\0' || strcmp(account, "anna") == 0));
	return RC_OK;
}

static bool
fake_own(void *ctx, struct sv domain)
{
	(void)ctx;
	return sv_eq(domain, SV("own.test"));
}

static const struct {
	const char *name, *sender, *from;
	enum verdict_known anna;
} correspondents[] = {
    {"with a policy", "ben@good.test", "Ben <Ben@Good.test>", VERDICT_KNOWN},
    {"without one, by SPF", "ben@plain.test", "ben@plain.test", VERDICT_KNOWN},
    {"by another sender of that domain", "bounce+7@plain.test",
	"ben@plain.test", VERDICT_KNOWN},
    {"nothing confirms it", "ben@none.test", "ben@none.test", VERDICT_CLAIMED},
    {"SPF of another domain", "x@good.test", "ben@plain.test", VERDICT_CLAIMED},
    {"another of that domain", "eve@plain.test", "eve@plain.test",
	VERDICT_STRANGER},
    {"only the envelope", "ben@plain.test", "eve@plain.test", VERDICT_STRANGER},
    {"a forwarder's envelope", "ben@good.test", "eve@none.test",
	VERDICT_STRANGER},
    {"a name only", "x@plain.test", "\"ben@plain.test\" <x@plain.test>",
	VERDICT_STRANGER},
    {"two authors", "ben@plain.test", "ben@plain.test, eve@plain.test",
	VERDICT_STRANGER},
    {"one of us from outside", "me@own.test", "me@own.test", VERDICT_STRANGER},
    {"a bounce", "", "ben@none.test", VERDICT_CLAIMED},
};

START_TEST(smtp_known__rows)
{
	const struct fixture_delivery *g = &k.got[0];
	struct buf in, out;

	ops.knows = fake_knows;
	ops.is_own = fake_own;
	asked_of_one = 0;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO client.example.test\r\nMAIL FROM:<%s>\r\n"
	    "RCPT TO:<anna@example.org>\r\nRCPT TO:<ben@example.org>\r\n"
	    "DATA\r\nFrom: %s\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    correspondents[_i].sender, correspondents[_i].from);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(k.ngot == 1, "%s: %s", correspondents[_i].name, out.p);
	ck_assert(sv_eq(buf_sv(&g->accounts), SV("anna ben")));
	ck_assert_msg(g->known[0] == correspondents[_i].anna, "%s: %u",
	    correspondents[_i].name, g->known[0]);
	ck_assert_uint_eq(g->known[1], VERDICT_STRANGER);
	/* Of somebody whom nobody knows no more is asked. */
	ck_assert_uint_eq(
	    asked_of_one, correspondents[_i].anna == VERDICT_STRANGER ? 0 : 2);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* The queue is away: mail is delivered as a stranger's. */
static int
knows_nothing(void *ctx, const char *account, const char *address, bool *yes)
{
	(void)ctx;
	(void)account;
	(void)address;
	(void)yes;
	return RC_TEMP;
}

START_TEST(smtp_known__when_nobody_can_say)
{
	struct buf out;

	ops.knows = knows_nothing;
	buf_init(&out, 4096);
	fixture_talk(&k,
	    SV("EHLO client.example.test\r\nMAIL FROM:<ben@good.test>\r\n"
	       "RCPT TO:<anna@example.org>\r\nDATA\r\nFrom: ben@good.test"
	       "\r\n\r\nhello\r\n.\r\nQUIT\r\n"),
	    0, &out);
	ck_assert_uint_eq(k.ngot, 1);
	ck_assert_uint_eq(k.got[0].known[0], VERDICT_STRANGER);
	buf_fini(&out);
}
END_TEST

/* ---- greylisting ---- */

static bool greylists;
static struct buf asked; /* triples, each with a blank behind it */

static bool
fake_greylists(void *ctx)
{
	(void)ctx;
	return greylists;
}

/* Who sends to pass.test has come before. */
static bool
fake_grey(void *ctx, const char *peer, const char *name, struct sv triple)
{
	(void)ctx;
	(void)peer;
	(void)name;
	buf_addsv(&asked, triple);
	buf_addc(&asked, ';');
	return !sv_ends(triple, SV(" pass.test"));
}

static const struct {
	const char *name, *helo, *sender, *to;
	bool off, local;
	const char *want;
} greys[] = {
    {"a stranger", "client.example.test", "x@none.test", "anna@example.org",
	false, false, "450 4.7.1"},
    {"it is off", "client.example.test", "x@none.test", "anna@example.org",
	true, false, "250 2.0.0"},
    {"this machine", "client.example.test", "x@none.test", "anna@example.org",
	false, true, "250 2.0.0"},
    {"confirmed by SPF", "client.example.test", "x@plain.test",
	"anna@example.org", false, false, "250 2.0.0"},
    {"written to", "client.example.test", "ben@none.test", "anna@example.org",
	false, false, "250 2.0.0"},
    {"a bounce of one", "client.example.test", "", "anna@example.org", false,
	false, "450 4.7.1"},
};

START_TEST(smtp_grey__rows)
{
	struct buf in, out;

	ops.knows = fake_knows;
	ops.greylists = fake_greylists;
	ops.grey = fake_grey;
	greylists = !greys[_i].off;
	k.not_loopback = !greys[_i].local;
	buf_init(&asked, 4096);
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO %s\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
	    "From: %s\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    greys[_i].helo, greys[_i].sender, greys[_i].to,
	    greys[_i].sender[0] != '\0' ? greys[_i].sender : "x@none.test");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(sv_find(buf_sv(&out), sv_str(greys[_i].want)) < out.n,
	    "%s: %s", greys[_i].name, out.p);
	ck_assert_uint_eq(k.ngot, greys[_i].want[0] == '2');
	if (greys[_i].want[0] == '4' && greys[_i].sender[0] != '\0')
		ck_assert_msg(
		    sv_ends(buf_sv(&asked), SV(" x@none.test example.org;")),
		    "%s", asked.p);
	buf_fini(&out);
	buf_fini(&in);
	buf_fini(&asked);
}
END_TEST

/* Confirmed or not, from an address with a name: HELO decides. */
static const struct {
	const char *helo;
	bool suspicious;
} helos[] = {
    {"client.example.test", false}, {"[192.0.2.7]", false},
    {"[192.0.2.8]", true}, {"192.0.2.7", true}, {"localhost", true},
    {"MAIL.example.org", true}, /* ours */
};

START_TEST(smtp_grey__by_helo)
{
	struct buf in, out;
	const char *want = helos[_i].suspicious ? "450 4.7.1" : "250 2.0.0";

	has_name = true;
	ops.knows = fake_knows;
	ops.greylists = fake_greylists;
	ops.grey = fake_grey;
	greylists = true;
	buf_init(&asked, 4096);
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO %s\r\nMAIL FROM:<x@none.test>\r\n"
	    "RCPT TO:<anna@example.org>\r\nDATA\r\nFrom: x@none.test\r\n"
	    "\r\nhello\r\n.\r\nQUIT\r\n",
	    helos[_i].helo);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(sv_find(buf_sv(&out), sv_str(want)) < out.n, "%s: %s",
	    helos[_i].helo, out.p);
	has_name = false;
	buf_fini(&out);
	buf_fini(&in);
	buf_fini(&asked);
}
END_TEST

UNIT_TESTS(known)
{
	TCase *tc = tcase_create("known");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, smtp_known__rows, 0,
	    (int)(sizeof correspondents / sizeof correspondents[0]));
	tcase_add_test(tc, smtp_known__when_nobody_can_say);
	tcase_add_loop_test(
	    tc, smtp_grey__rows, 0, (int)(sizeof greys / sizeof greys[0]));
	tcase_add_loop_test(
	    tc, smtp_grey__by_helo, 0, (int)(sizeof helos / sizeof helos[0]));
	return tc;
}
