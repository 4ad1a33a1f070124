/* What could not be looked at for viruses: it comes again, and not for ever. */
#include <stdlib.h>

#include "base/alloc.h"
#include "smtp/unscanned.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

static struct smtp_unscanned *u;

static void
start(void)
{
	u = xcalloc(1, sizeof *u);
}

static void
stop(void)
{
	free(u);
}

START_TEST(smtp_unscanned__so_often)
{
	ck_assert(!smtp_unscanned_failed(u, 7, 1000, false));
	ck_assert(!smtp_unscanned_failed(u, 8, 1000, false));
	ck_assert(!smtp_unscanned_failed(u, 7, 2000, false));
	ck_assert(smtp_unscanned_failed(u, 7, 3000, false));
	ck_assert(smtp_unscanned_failed(u, 7, 4000, false));
	ck_assert(!smtp_unscanned_failed(u, 8, 4000, false));
	/* Once it was looked at, counting begins anew. */
	smtp_unscanned_done(u, 7);
	smtp_unscanned_done(u, 9);
	ck_assert_uint_eq(u->n, 1);
	ck_assert(!smtp_unscanned_failed(u, 7, 5000, false));
	ck_assert(smtp_unscanned_failed(u, 8, 5000, false));
}
END_TEST

START_TEST(smtp_unscanned__is_left_alone)
{
	(void)smtp_unscanned_failed(u, 7, 1000, true);
	(void)smtp_unscanned_failed(u, 8, 1000, false);
	ck_assert(smtp_unscanned_rests(u, 7, 2000));
	ck_assert(!smtp_unscanned_rests(u, 8, 2000));
	ck_assert(!smtp_unscanned_rests(u, 9, 2000));
	/* Tries in between do not begin the hour anew. */
	(void)smtp_unscanned_failed(u, 7, 2000, false);
	ck_assert(!smtp_unscanned_rests(u, 7, 1000 + SMTP_UNSCANNED_AGAIN_MS));
}
END_TEST

START_TEST(smtp_unscanned__is_bounded)
{
	uint64_t i;

	for (i = 1; i <= 3 * SMTP_UNSCANNED_ROWS; i++) {
		(void)smtp_unscanned_failed(u, i, (int64_t)i, true);
		/* One that keeps coming is not forgotten for those. */
		(void)smtp_unscanned_failed(u, 1, (int64_t)i, false);
	}
	ck_assert_uint_eq(u->n, SMTP_UNSCANNED_ROWS);
	ck_assert(smtp_unscanned_failed(u, 1, (int64_t)i, false));
	ck_assert(!smtp_unscanned_rests(u, 2, 3));
}
END_TEST

/* ---- in a session ---- */

static struct fixture k;
static struct smtp_ops ops;
static enum clamd_says says;

static int
fake_scan(void *ctx, int fd, uint64_t size, struct clamd_answer *out)
{
	(void)ctx;
	(void)fd;
	(void)size;
	*out = (struct clamd_answer){.says = says, .name = "x"};
	return RC_OK;
}

static const struct {
	enum clamd_says says;
	bool stranger;
	const char *want, *accounts;
} rows[] = {
    {CLAMD_CLEAN, true, "250 2.0.0", "anna ben"},
    {CLAMD_FOUND, true, "554 5.7.1", ""},
    {CLAMD_FAILED, true, "451 4.7.1", ""},
    {CLAMD_FAILED, false, "250 2.0.0", "anna ben"},
    {CLAMD_NEVER, true, "250 2.0.0", "anna(junk) ben(junk)"},
    {CLAMD_NEVER, false, "250 2.0.0", "anna ben"},
    {CLAMD_TOO_LARGE, true, "250 2.0.0", "anna ben"},
};

START_TEST(smtp_unscanned__in_a_session)
{
	struct buf out;

	fixture_init(&k, false);
	ops = fixture_ops;
	ops.scan = fake_scan;
	k.o.ops = &ops;
	k.not_loopback = rows[_i].stranger;
	says = rows[_i].says;
	buf_init(&out, 4096);
	fixture_talk(&k,
	    SV("EHLO c\r\nMAIL FROM:<x@x.test>\r\nRCPT TO:<anna@example.org>"
	       "\r\nRCPT TO:<ben@example.org>\r\nDATA\r\nSubject: x\r\n\r\n"
	       "hello\r\n.\r\nQUIT\r\n"),
	    0, &out);
	ck_assert_msg(
	    sv_find(buf_sv(&out), sv_str(rows[_i].want)) < out.n, "%s", out.p);
	ck_assert_msg(
	    sv_eq(buf_sv(&k.got[0].accounts), sv_str(rows[_i].accounts)), "%s",
	    k.got[0].accounts.p);
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

UNIT_TESTS(unscanned)
{
	TCase *tc = tcase_create("unscanned");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, smtp_unscanned__so_often);
	tcase_add_test(tc, smtp_unscanned__is_left_alone);
	tcase_add_test(tc, smtp_unscanned__is_bounded);
	tcase_add_loop_test(tc, smtp_unscanned__in_a_session, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	return tc;
}
