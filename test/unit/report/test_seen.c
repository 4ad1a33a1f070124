/* What we have seen, by day and domain, and what is handed out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "history/feedback.h"
#include "history/reports_priv.h"
#include "test/unit/report/folder.h"
#include "test/unit/unit.h"

#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#define DAY 86400

static struct history_reports *h;

static void
start(void)
{
	folder_start(&h);
}

static void
stop(void)
{
	folder_stop(&h);
}

static struct feedback_dkim dkim[] = {{T("a.test"), T("s"), T("pass")}};

static struct feedback_seen
sample(int64_t day)
{
	return (struct feedback_seen){.when = day * DAY + 77,
	    .accepted = true,
	    .policy = {.domain = T("a.test"), .p = T("none")},
	    .row = {.address = T("192.0.2.7"),
		.count = 1,
		.author = T("a.test"),
		.dkim = dkim,
		.ndkim = 1}};
}

static void
see(const struct feedback_seen *s)
{
	ck_assert_int_eq(history_feedback_seen(h, s), RC_OK);
}

static void
want(int64_t day, const char *domain, const char *address)
{
	const struct feedback_wanted w = {
	    day * DAY, sv_str(domain), sv_str(address)};

	ck_assert_int_eq(history_feedback_wanted(h, &w), RC_OK);
}

/* "a.test 100 p=none to=x@a.test 192.0.2.7=3" */
static void
next(int64_t day, struct buf *out)
{
	struct feedback_due f;
	struct msg m;
	uint32_t i;

	buf_reset(out);
	history_feedback_next(h, day * DAY + 5, &m);
	ck_assert(buf_ok(&m.b));
	ck_assert_int_eq(feedback_due_get(&m, &f), RC_OK);
	if (f.rc != RC_OK) {
		buf_adds(out, rc_name(f.rc));
	} else {
		ck_assert_int_eq(f.end, f.begin + DAY - 1);
		buf_addf(out, "%.*s %lld p=%.*s", SV_ARG(f.policy.domain),
		    (long long)(f.begin / DAY), SV_ARG(f.policy.p));
		for (i = 0; i < f.nto; i++)
			buf_addf(out, " to=%.*s", SV_ARG(f.to[i]));
		for (i = 0; i < f.nrow && i < 5; i++)
			buf_addf(out, " %.*s=%llu", SV_ARG(f.row[i].address),
			    (unsigned long long)f.row[i].count);
		if (i < f.nrow)
			buf_addf(out, " and %u", f.nrow - i);
	}
	feedback_due_fini(&f);
	msg_fini(&m);
}

static void
done(int64_t day, const char *domain)
{
	const struct feedback_done d = {day * DAY, sv_str(domain)};

	ck_assert_int_eq(history_feedback_done(h, &d), RC_OK);
}

/* What another version has written does not hold up the rest. */
START_TEST(seen__what_is_not_understood_is_skipped)
{
	struct feedback_seen s = sample(100);
	struct buf b;

	buf_init(&b, 1000);
	see(&s);
	want(100, "a.test", "x@a.test");
	s.policy.domain = SV("b.test");
	see(&s);
	want(100, "b.test", "x@b.test");
	ck_assert_int_eq(sqlite3_exec(h->h,
			     "UPDATE policy SET published = x'ff', accepted = 9"
			     " WHERE domain = 'a.test'",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	next(101, &b);
	ck_assert_str_eq(b.p, "b.test 100 p=none to=x@b.test 192.0.2.7=1");
	buf_fini(&b);
}
END_TEST

START_TEST(seen__a_day_that_is_over)
{
	struct feedback_seen s = sample(100);
	struct buf out;

	buf_init(&out, 4096);
	next(101, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	see(&s);
	see(&s);
	s.row.dkim_aligned = true; /* another outcome is another row */
	see(&s);
	s.policy.p = SV("reject"); /* the last policy counts */
	see(&s);
	s.row.address = SV("192.0.2.8");
	see(&s);
	want(100, "a.test", "x@a.test");
	want(100, "a.test", "x@a.test");
	want(100, "a.test", "y@a.test");
	next(100, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	next(101, &out);
	ck_assert_str_eq(out.p,
	    "a.test 100 p=reject to=x@a.test to=y@a.test 192.0.2.7=2 "
	    "192.0.2.7=2 192.0.2.8=1");
	/* Until it is on its way. */
	next(101, &out);
	ck_assert_str_ne(out.p, "RC_NOTFOUND");
	done(100, "a.test");
	next(101, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	buf_fini(&out);
}
END_TEST

/* Nothing accepted, nobody who asks, too late: no report, and no trace. */
START_TEST(seen__who_gets_none)
{
	struct feedback_seen s = sample(100);
	struct buf out;

	buf_init(&out, 4096);
	s.accepted = false;
	see(&s);
	want(100, "a.test", "x@a.test");
	s.accepted = true;
	s.policy.domain = SV("b.test");
	see(&s);
	next(101, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	want(100, "b.test", "x@b.test"); /* it is gone */
	next(101, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	see(&s);
	want(100, "b.test", "x@b.test");
	next(100 + FEEDBACK_DAYS + 1, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	next(101, &out);
	ck_assert_str_eq(out.p, "RC_NOTFOUND");
	buf_fini(&out);
}
END_TEST

START_TEST(seen__addresses_rest)
{
	struct feedback_seen s = sample(100);
	struct feedback_rest r = {T("x@a.test"), 130 * DAY};
	struct buf out;

	buf_init(&out, 4096);
	ck_assert_int_eq(history_feedback_rest(h, &r), RC_OK);
	see(&s);
	want(100, "a.test", "x@a.test");
	want(100, "a.test", "y@a.test");
	next(101, &out);
	ck_assert_str_eq(out.p, "a.test 100 p=none to=y@a.test 192.0.2.7=1");
	done(100, "a.test");
	s.when = 130 * DAY;
	see(&s);
	want(130, "a.test", "x@a.test");
	next(131, &out);
	ck_assert_str_eq(out.p, "a.test 130 p=none to=x@a.test 192.0.2.7=1");
	buf_fini(&out);
}
END_TEST

START_TEST(seen__bounded)
{
	struct feedback_seen s = sample(100);
	char text[40];
	struct buf out;
	unsigned i;

	buf_init(&out, 4096);
	for (i = 0; i < 2 * FEEDBACK_ROWS_MAX; i++) {
		(void)snprintf(
		    text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
		s.row.address = sv_str(text);
		see(&s);
	}
	see(&s); /* what has no room is not counted either */
	for (i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof text, "x%u@a.test", i);
		want(100, "a.test", text);
	}
	next(101, &out);
	ck_assert_msg(sv_ends(buf_sv(&out), SV("and 195")), "%s", out.p);
	ck_assert(sv_find(buf_sv(&out), SV("x3@")) < out.n);
	ck_assert(sv_find(buf_sv(&out), SV("x4@")) == out.n);
	done(100, "a.test");
	s.row.address = SV("192.0.2.7");
	for (i = 0; i < FEEDBACK_DOMAINS_MAX + 10; i++) {
		(void)snprintf(text, sizeof text, "d%u.test", i);
		s.policy.domain = sv_str(text);
		see(&s);
		want(100, text, "x@a.test");
	}
	for (i = 0;; i++) {
		next(101, &out);
		if (strcmp(out.p, "RC_NOTFOUND") == 0)
			break;
		buf_truncate(&out, sv_chr(buf_sv(&out), ' '));
		done(100, out.p);
	}
	ck_assert_uint_eq(i, FEEDBACK_DOMAINS_MAX);
	buf_fini(&out);
}
END_TEST

/* Rows as large as they can be: it still is one message. */
START_TEST(seen__fits_a_message)
{
	static char x[REPORT_TEXT_MAX];
	static struct feedback_dkim many[FEEDBACK_DKIM_MAX];
	struct feedback_seen s = sample(100);
	char text[40];
	struct buf out;
	unsigned i;

	memset(x, 'x', sizeof x - 1);
	for (i = 0; i < FEEDBACK_DKIM_MAX; i++)
		many[i] =
		    (struct feedback_dkim){sv_str(x), sv_str(x), T("pass")};
	s.row.dkim = many;
	s.row.ndkim = FEEDBACK_DKIM_MAX;
	buf_init(&out, 4096);
	for (i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof text, "10.0.0.%u", i);
		s.row.address = sv_str(text);
		see(&s);
	}
	want(100, "a.test", "x@a.test");
	next(101, &out);
	ck_assert(sv_starts(buf_sv(&out), SV("a.test 100 ")));
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(seen)
{
	TCase *t = tcase_create("seen");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, seen__what_is_not_understood_is_skipped);
	tcase_add_test(t, seen__a_day_that_is_over);
	tcase_add_test(t, seen__who_gets_none);
	tcase_add_test(t, seen__addresses_rest);
	tcase_add_test(t, seen__bounded);
	tcase_add_test(t, seen__fits_a_message);
	return t;
}
