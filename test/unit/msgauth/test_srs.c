#include "msgauth/srs.h"

#include "base/ascii.h"
#include "test/unit/unit.h"

#define DAY 86400
#define NOW 1795536046

static const struct sv both[] = {
    {"0123456789abcdef", 16}, {"an older key, still good", 24}};
static const struct srs_keys keys = {.key = both, .n = 2, .days = 20};
static const struct srs_keys old = {.key = both + 1, .n = 1, .days = 20};
static const struct srs_keys others = {
    .key = (const struct sv[]){{"somebody else's key", 19}},
    .n = 1,
    .days = 20};

static void
forward(const struct srs_keys *k, int64_t now, const char *sender,
    const char *domain, struct buf *out)
{
	buf_reset(out);
	ck_assert_int_eq(
	    srs_forward(k, now, sv_str(sender), sv_str(domain), out), RC_OK);
}

static int
reverse(
    const struct srs_keys *k, int64_t now, const char *address, struct buf *out)
{
	buf_reset(out);
	return srs_reverse(k, now, sv_str(address), out);
}

static const char *const senders[] = {"ben@home.test", "a=b=c@x.test",
    "SRS0@x.test", "srs1=x@x.test", "a..b@x.test", ".a.@x.test",
    "prvs=1234=ben@home.test", "-@x.test", "!#$%&'*+/?^_`{|}~@x.test"};

START_TEST(srs__there_and_back)
{
	struct buf a, b;
	size_t i;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	forward(&keys, NOW, senders[_i], "us.test", &a);
	ck_assert(srs_is(buf_sv(&a)));
	ck_assert(sv_ends(buf_sv(&a), SV("@us.test")));
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	ck_assert_str_eq(b.p, senders[_i]);
	/* Somebody has folded the case. */
	for (i = 0; i < a.n; i++)
		a.p[i] = ascii_lower(a.p[i]);
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	ck_assert(sv_ieq(buf_sv(&b), sv_str(senders[_i])));
	for (i = 0; i < a.n; i++)
		a.p[i] = ascii_upper(a.p[i]);
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	a.p[4] = '+';
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	a.p[4] = '-';
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

/* Three hosts in a row: the bounce goes from the last to the first. */
START_TEST(srs__three_hosts)
{
	struct buf a, b, c;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	buf_init(&c, 2000);
	forward(&others, NOW, "ben@home.test", "first.test", &a);
	forward(&keys, NOW, a.p, "us.test", &b);
	ck_assert(sv_starts(buf_sv(&b), SV("SRS1=")));
	ck_assert(sv_find(buf_sv(&b), SV("=first.test==")) < b.n);
	ck_assert_int_eq(reverse(&keys, NOW, b.p, &c), RC_OK);
	ck_assert_str_eq(c.p, a.p);
	/* The third one writes SRS1 of SRS1: still back to the first. */
	forward(&others, NOW, b.p, "third.test", &c);
	ck_assert_int_eq(reverse(&others, NOW, c.p, &b), RC_OK);
	ck_assert_str_eq(b.p, a.p);
	ck_assert_int_eq(reverse(&others, NOW, b.p, &c), RC_OK);
	ck_assert_str_eq(c.p, "ben@home.test");
	buf_fini(&c);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

START_TEST(srs__is_good_for_some_days)
{
	struct buf a, b;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	forward(&keys, NOW, "ben@home.test", "us.test", &a);
	ck_assert_int_eq(reverse(&keys, NOW + 20 * DAY, a.p, &b), RC_OK);
	ck_assert_int_eq(reverse(&keys, NOW + 22 * DAY, a.p, &b), RC_TIMEOUT);
	ck_assert_int_eq(reverse(&keys, NOW - DAY, a.p, &b), RC_OK);
	ck_assert_int_eq(reverse(&keys, NOW - 3 * DAY, a.p, &b), RC_TIMEOUT);
	/* where the count of days begins again */
	forward(&keys, (int64_t)1023 * DAY, "ben@home.test", "us.test", &a);
	ck_assert_int_eq(reverse(&keys, (int64_t)1030 * DAY, a.p, &b), RC_OK);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

/* Of the second kind, too: what has come through another forwarder. */
START_TEST(srs__a_second_one_is_good_for_some_days)
{
	struct buf a, b, c;
	size_t i;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	buf_init(&c, 2000);
	forward(&others, NOW, "ben@home.test", "first.test", &a);
	for (i = 0; i < 2; i++) {
		forward(&keys, NOW, a.p, "us.test", &b);
		ck_assert(sv_starts(buf_sv(&b), SV("SRS1=")));
		ck_assert_int_eq(
		    reverse(&keys, NOW + 20 * DAY, b.p, &c), RC_OK);
		ck_assert_int_eq(
		    reverse(&keys, NOW + 22 * DAY, b.p, &c), RC_TIMEOUT);
		ck_assert_int_eq(reverse(&keys, NOW - DAY, b.p, &c), RC_OK);
		/* One of another host, and in the end of ours. */
		forward(&others, NOW, b.p, "third.test", &a);
	}
	/* Its day is covered by the hash. */
	b.p[5 + 13] = b.p[5 + 13] == 'a' ? 'b' : 'a';
	ck_assert_int_eq(reverse(&keys, NOW, b.p, &c), RC_DENIED);
	buf_fini(&c);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

/* The gate knows ours whatever their context, and the key. */
START_TEST(srs_gate__tells_ours)
{
	struct srs_keys club = old;
	struct buf a;
	size_t i, key = 9;

	club.context = SV("club@us.test");
	buf_init(&a, 2000);
	for (i = 0; i < 2; i++) {
		forward(&club, NOW, i == 0 ? "ben@home.test" : "SRS0=h=d=x=y@z",
		    "us.test", &a);
		ck_assert_int_eq(srs_gate(&keys, buf_sv(&a), &key), RC_OK);
		ck_assert_uint_eq(key, 1);
		ck_assert_int_eq(
		    srs_gate(&others, buf_sv(&a), &key), RC_DENIED);
		a.p[5] = a.p[5] == 'a' ? 'b' : 'a';
		ck_assert_int_eq(srs_gate(&keys, buf_sv(&a), &key), RC_DENIED);
	}
	ck_assert_int_eq(srs_gate(&keys, SV("x@us.test"), &key), RC_NOTFOUND);
	buf_fini(&a);
}
END_TEST

START_TEST(srs__old_and_foreign_keys)
{
	struct buf a, b;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	forward(&old, NOW, "ben@home.test", "us.test", &a);
	ck_assert_int_eq(reverse(&keys, NOW, a.p, &b), RC_OK);
	forward(&keys, NOW, "ben@home.test", "us.test", &a);
	ck_assert_int_eq(reverse(&old, NOW, a.p, &b), RC_DENIED);
	ck_assert_int_eq(reverse(&others, NOW, a.p, &b), RC_DENIED);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

/* Any byte of the local part that is another when the case is folded. */
/* What the hash covers without being written comes back only with the same,
 * for addresses of both kinds. */
START_TEST(srs__context)
{
	static const char *const senders_of[] = {
	    "ben@home.test", "SRS0=hhhh=dd=home.test=ben@first.test"};
	struct srs_keys club = keys, team = keys;
	struct buf a, b, c;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	buf_init(&c, 2000);
	club.context = SV("club@us.test");
	team.context = SV("team@us.test");
	forward(&keys, NOW, senders_of[_i], "us.test", &a);
	forward(&club, NOW, senders_of[_i], "us.test", &b);
	ck_assert_uint_eq(a.n, b.n);
	ck_assert_int_eq(reverse(&club, NOW, b.p, &c), RC_OK);
	ck_assert_str_eq(c.p, senders_of[_i]);
	ck_assert_int_eq(reverse(&team, NOW, b.p, &c), RC_DENIED);
	ck_assert_int_eq(reverse(&keys, NOW, b.p, &c), RC_DENIED);
	ck_assert_int_eq(reverse(&club, NOW, a.p, &c), RC_DENIED);
	buf_fini(&c);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

START_TEST(srs__any_byte)
{
	struct buf a, b, c;
	size_t i, k;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	buf_init(&c, 2000);
	forward(&others, NOW, "ben@home.test", "first.test", &a);
	forward(&keys, NOW, a.p, "us.test", &c);
	forward(&keys, NOW, "ben@home.test", "us.test", &a);
	for (k = 0; k < 2; k++) {
		struct buf *s = k == 0 ? &a : &c;

		for (i = 5; s->p[i] != '@'; i++) {
			char was = s->p[i];

			s->p[i] = was == 'x' ? 'y' : 'x';
			ck_assert_int_eq(
			    reverse(&keys, NOW, s->p, &b), RC_DENIED);
			s->p[i] = was;
		}
	}
	buf_fini(&c);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

static const struct {
	const char *address;
	int want;
} rows[] = {
    {"ben@us.test", RC_NOTFOUND},
    {"SRS0@us.test", RC_NOTFOUND},
    {"SRS2=aaaa=bb=x.test=y@us.test", RC_NOTFOUND},
    {"", RC_NOTFOUND},
    {"SRS0=", RC_NOTFOUND},
    {"SRS0=@us.test", RC_NOTFOUND},
    {"SRS0==@us.test", RC_DENIED},
    {"SRS0=====@us.test", RC_DENIED},
    {"SRS0=9y/C+4/9=XQ=shop.test=a@us.test", RC_DENIED},
    {"SRS0=aaaaaaaa=aa=x.test=y@us.test", RC_DENIED},
    {"SRS1=aaaaaaaa=x.test==aaaaaaaa=aa=x.test=y@us.test", RC_DENIED},
    {"SRS1=aaaaaaaa=x.test@us.test", RC_DENIED},
    {"SRS1=a==@us.test", RC_DENIED},
};

START_TEST(srs_reverse__row)
{
	struct buf b;

	buf_init(&b, 2000);
	ck_assert_msg(
	    reverse(&keys, NOW, rows[_i].address, &b) == rows[_i].want, "%s",
	    rows[_i].address);
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(srs_forward__refuses)
{
	static const char *const odd[] = {"\"john doe\"@x.test",
	    "\"a> SIZE=1 X=\"@x.test", "a b@x.test", "a\"b@x.test",
	    "a@b@x.test", "\"a\"@x.test", "a\\b@x.test", "a>b@x.test",
	    "a\r\nb@x.test", "a\xc3\xa4@x.test", "a@[192.0.2.1]", "a@x.test>",
	    "a@x test", "\"SRS0=hhhh=dd=x.test=a b\"@x.test",
	    "SRS0=hhhh=dd=x.test=a\"b@x.test", "SRS1=hhhh=x.test==a b@x.test"};
	struct buf a, b;
	size_t k;
	int i;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	ck_assert_int_eq(
	    srs_forward(&keys, NOW, SV(""), SV("us.test"), &b), RC_SYNTAX);
	ck_assert_int_eq(
	    srs_forward(&keys, NOW, SV("a"), SV("us.test"), &b), RC_SYNTAX);
	ck_assert_int_eq(
	    srs_forward(&keys, NOW, SV("@x"), SV("us.test"), &b), RC_SYNTAX);
	ck_assert_int_eq(
	    srs_forward(&keys, NOW, SV("a@b=c"), SV("us.test"), &b), RC_SYNTAX);
	for (i = 0; i < SRS_LOCAL_MAX; i++)
		buf_addc(&a, 'a');
	buf_adds(&a, "@x.test");
	ck_assert_int_eq(
	    srs_forward(&keys, NOW, buf_sv(&a), SV("us.test"), &b), RC_TOOBIG);
	for (k = 0; k < sizeof odd / sizeof odd[0]; k++)
		ck_assert_msg(srs_forward(&keys, NOW, sv_str(odd[k]),
				  SV("us.test"), &b) == RC_SYNTAX,
		    "%s", odd[k]);
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
	buf_fini(&a);
}
END_TEST

UNIT_TESTS(srs)
{
	TCase *tc = tcase_create("srs");

	tcase_add_loop_test(tc, srs__there_and_back, 0,
	    (int)(sizeof senders / sizeof senders[0]));
	tcase_add_test(tc, srs__three_hosts);
	tcase_add_test(tc, srs__is_good_for_some_days);
	tcase_add_test(tc, srs__a_second_one_is_good_for_some_days);
	tcase_add_test(tc, srs_gate__tells_ours);
	tcase_add_test(tc, srs__old_and_foreign_keys);
	tcase_add_loop_test(tc, srs__context, 0, 2);
	tcase_add_test(tc, srs__any_byte);
	tcase_add_loop_test(
	    tc, srs_reverse__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, srs_forward__refuses);
	return tc;
}
