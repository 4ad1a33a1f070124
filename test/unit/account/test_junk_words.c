/* What an answer of the junk process means for a message, and in words. */
#include "account/junk_words.h"
#include "msgauth/verdict.h"
#include "test/unit/unit.h"

static const struct {
	const char *name;
	int64_t margin;
	bool taught, known;
	uint32_t threshold;
	bool junk;
	const char *begin; /* of the field's value */
} opinions[] = {
    {"a stranger's", 3000, false, false, 50, true, "yes score=95 reasons=none"},
    {"a friend's", 3000, false, true, 50, false, "no score=49 reasons=known"},
    {"a friend's, taught", 3000, true, true, 50, true, "yes score=95 "},
    {"a friend's, wanted anyway", -3000, false, true, 50, false,
	"no score=5 reasons=none"},
    {"a low threshold", -500, false, true, 30, false,
	"no score=29 reasons=known"},
    {"a high threshold", 2000, false, false, 90, false, "no score=88 "},
    {"taught, and above", 5000, true, false, 90, true, "yes score=99 "},
};

START_TEST(junk_words__opinion)
{
	const struct junk_told told = {.rc = RC_OK,
	    .junk = opinions[_i].margin > 0,
	    .taught = opinions[_i].taught,
	    .margin = opinions[_i].margin};
	struct junk_opinion o =
	    junk_opinion_of(&told, opinions[_i].known, opinions[_i].threshold);
	struct buf b;

	buf_init(&b, 1024);
	junk_field(&told, &o, &b);
	ck_assert_msg(o.junk == opinions[_i].junk, "%s", opinions[_i].name);
	ck_assert_msg(
	    sv_starts(sv_skip(buf_sv(&b), 19), sv_str(opinions[_i].begin)),
	    "%s: %s", opinions[_i].name, b.p);
	buf_fini(&b);
}
END_TEST

/* Of what was found out when it came. */
static const struct {
	struct verdict v;
	unsigned known; /* the signal's value; 0: there is none */
} signals[] = {
    {{.received = 1}, 0},
    {{.received = 1, .known = VERDICT_KNOWN, .verified = true}, 1},
    {{.received = 1, .known = VERDICT_CLAIMED}, 2},
};

START_TEST(junk_words__signal_of_correspondents)
{
	struct junk_signal s[JUNK_SIGNALS];
	unsigned known = 0;
	struct buf b;
	size_t i, n;

	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&signals[_i].v, &b);
	n = junk_signals_of(buf_sv(&b), s);
	ck_assert_uint_gt(n, 0);
	for (i = 0; i < n; i++)
		if (s[i].what == JUNK_SIG_KNOWN)
			known = s[i].value;
	ck_assert_uint_eq(known, signals[_i].known);
	ck_assert(junk_is_known(buf_sv(&b)) == (known == 1));
	ck_assert_uint_eq(n, 5 + (known > 0));
	buf_fini(&b);
}
END_TEST

/* What has come of others before: only where there was any. */
START_TEST(junk_words__signals_of_standing)
{
	const struct verdict v = {.received = 1,
	    .known = VERDICT_CLAIMED,
	    .domain_standing = 2,
	    .network_standing = 6};
	struct junk_signal s[JUNK_SIGNALS];
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&v, &b);
	ck_assert_uint_eq(junk_signals_of(buf_sv(&b), s), JUNK_SIGNALS);
	ck_assert_int_eq(s[6].what, JUNK_SIG_DOMAIN);
	ck_assert_uint_eq(s[6].value, 2);
	ck_assert_int_eq(s[7].what, JUNK_SIG_NETWORK);
	ck_assert_uint_eq(s[7].value, 6);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(junk_words)
{
	TCase *tc = tcase_create("junk_words");

	tcase_add_loop_test(tc, junk_words__opinion, 0,
	    (int)(sizeof opinions / sizeof opinions[0]));
	tcase_add_loop_test(tc, junk_words__signal_of_correspondents, 0,
	    (int)(sizeof signals / sizeof signals[0]));
	tcase_add_test(tc, junk_words__signals_of_standing);
	return tc;
}
