/* Whom people here have written to, and whether it is them. */
#include "base/alloc.h"
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

static int
fake_ask(void *ctx, const char *name, bool any, enum dns_type type, int64_t ms,
    dns_done_fn *fn, void *arg)
{
	struct dns_answer a;
	size_t i, n;

	(void)ctx;
	(void)any;
	(void)ms;
	dns_answer_init(&a);
	a.rc = RC_NOTFOUND;
	for (i = 0; i < sizeof zone / sizeof zone[0]; i++) {
		if (type != DNS_TXT || strcmp(zone[i].name, name) != 0)
			continue;
		n = strlen(zone[i].text);
		a.rc = RC_OK;
		a.n = 1;
		a.bytes = xmalloc(n + 1);
		a.bytes[0] = (char)n;
		memcpy(a.bytes + 1, zone[i].text, n);
		a.record = xcalloc(1, sizeof *a.record);
		a.record[0] = sv_of(a.bytes, n + 1);
	}
	fn(&a, arg);
	dns_answer_fini(&a);
	return RC_OK;
}

static void
start(void)
{
	fixture_init(&k, false);
	ops = fixture_ops;
	ops.ask = fake_ask;
	k.o.ops = &ops;
	k.not_loopback = true;
}

static void
stop(void)
{
	fixture_fini(&k);
}

/* ---- rows ---- */

/* anna has written to ben at two domains, and to one of us. */
static int
fake_knows(void *ctx, const char *account, const char *address, bool *yes)
{
	static const char *const ours[] = {
	    "ben@good.test", "ben@plain.test", "ben@none.test", "me@own.test"};
	size_t i;

	(void)ctx;
	*yes = false;
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

UNIT_TESTS(known)
{
	TCase *tc = tcase_create("known");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, smtp_known__rows, 0,
	    (int)(sizeof correspondents / sizeof correspondents[0]));
	tcase_add_test(tc, smtp_known__when_nobody_can_say);
	return tc;
}
