/* What is kept of a judgement, as bytes. */
#include "msgauth/verdict.h"

#include "test/unit/unit.h"

static struct verdict
whole(void)
{
	struct verdict v = {.received = 1795536046123,
	    .spf = AUTH_SOFTFAIL,
	    .helo = AUTH_NEUTRAL,
	    .dkim = AUTH_PASS,
	    .arc = AUTH_FAIL,
	    .dmarc = AUTH_FAIL,
	    .iprev = AUTH_PERMERROR,
	    .author = DMARC_AUTHOR_ONE,
	    .published = DMARC_P_REJECT,
	    .disposition = DMARC_P_QUARANTINE,
	    .aligned = VERDICT_SPF_ALIGNED | VERDICT_DKIM_ALIGNED,
	    .action = VERDICT_JUNK,
	    .override = VERDICT_LIST,
	    .domain = "a.home.test",
	    .org = "home.test",
	    .aligned_domain = "b.home.test",
	    .other = "club@lists.test",
	    .listed = "zen.test=127.0.0.2",
	    .known = VERDICT_CLAIMED,
	    .author_address = "ben@a.home.test",
	    .domain_standing = 2,
	    .network_standing = 5};

	memset(&v.peer, 0x20, sizeof v.peer);
	return v;
}

static void
same(const struct verdict *a, const struct verdict *b)
{
	struct buf x, y;

	buf_init(&x, 3000);
	buf_init(&y, 3000);
	verdict_print(a, &x);
	verdict_print(b, &y);
	ck_assert_str_eq(x.p, y.p);
	ck_assert_int_eq(a->author, b->author);
	ck_assert_int_eq(a->known, b->known);
	ck_assert_int_eq(a->verified, b->verified);
	ck_assert_str_eq(a->author_address, b->author_address);
	buf_fini(&x);
	buf_fini(&y);
}

START_TEST(verdict__comes_back)
{
	struct verdict v = whole(), got;
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&v, &b);
	ck_assert_int_eq(verdict_decode(buf_sv(&b), &got), RC_OK);
	same(&v, &got);
	buf_fini(&b);
}
END_TEST

START_TEST(verdict__fits_whatever_is_in_it)
{
	struct verdict v = whole(), got;
	struct buf b;

	memset(v.domain, 'a', sizeof v.domain - 1);
	memset(v.org, 'a', sizeof v.org - 1);
	memset(v.aligned_domain, 'a', sizeof v.aligned_domain - 1);
	memset(v.other, 'a', sizeof v.other - 1);
	memset(v.listed, 'a', sizeof v.listed - 1);
	memset(v.author_address, 'a', sizeof v.author_address - 1);
	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&v, &b);
	ck_assert(buf_ok(&b));
	ck_assert_int_eq(verdict_decode(buf_sv(&b), &got), RC_OK);
	same(&v, &got);
	buf_fini(&b);
}
END_TEST

/* Another account has another way. */
START_TEST(verdict__for_one_account)
{
	struct verdict v = whole(), got;
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode_for(&v,
	    &(struct verdict_own){
		.override = VERDICT_OWNER, .known = VERDICT_KNOWN},
	    &b);
	ck_assert_int_eq(verdict_decode(buf_sv(&b), &got), RC_OK);
	ck_assert_int_eq(got.action, VERDICT_DELIVERED);
	ck_assert_int_eq(got.override, VERDICT_OWNER);
	ck_assert_str_eq(got.other, "");
	ck_assert_str_eq(got.domain, v.domain);
	ck_assert_int_eq(got.known, VERDICT_KNOWN);
	buf_fini(&b);
}
END_TEST

#define TIME "\1\10\0\0\1\0\0\0\0\1"

static const struct {
	const char *name;
	struct sv bytes;
	int rc;
} rows[] = {
    {"nothing", SV(""), RC_SYNTAX},
    {"the time", SV(TIME), RC_OK},
    {"a tag that is not known", SV(TIME "\37\3abc"), RC_OK},
    {"an order that is not rising", SV("\6\1a" TIME), RC_SYNTAX},
    {"twice", SV(TIME TIME), RC_SYNTAX},
    {"cut off", SV("\6\5home"), RC_SYNTAX},
    {"no length", SV("\6"), RC_SYNTAX},
    {"a short time", SV("\1\7\0\0\1\0\0\0\0"), RC_SYNTAX},
    {"more than is known", SV("\5\3\1\1\1"), RC_OK},
    {"an action that is none", SV("\5\2\2\1"), RC_SYNTAX},
    {"a result that is none", SV("\3\6\1\1\10\1\1\1"), RC_SYNTAX},
    {"known in a way that is none", SV("\13\2\3\1"), RC_SYNTAX},
    {"a standing that is none", SV("\15\2\20\1"), RC_SYNTAX},
    {"an author with a blank", SV("\14\3a b"), RC_SYNTAX},
    {"few results", SV("\3\5\1\1\1\1\1"), RC_SYNTAX},
    {"a name with a blank", SV("\6\3a b"), RC_SYNTAX},
    {"a name with a NUL", SV("\6\3a\0b"), RC_SYNTAX},
};

START_TEST(verdict__reads_what_is_right)
{
	struct verdict v;

	ck_assert_msg(verdict_decode(rows[_i].bytes, &v) == rows[_i].rc, "%s",
	    rows[_i].name);
}
END_TEST

UNIT_TESTS(verdict)
{
	TCase *tc = tcase_create("verdict");

	tcase_add_test(tc, verdict__comes_back);
	tcase_add_test(tc, verdict__fits_whatever_is_in_it);
	tcase_add_test(tc, verdict__for_one_account);
	tcase_add_loop_test(tc, verdict__reads_what_is_right, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	return tc;
}
