/* What could not be looked at for viruses: it comes again, and not for ever. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "smtp/ops.h"
#include "smtp/unscanned.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

static struct smtp_unscanned *u;

static struct smtp_unscanned_id
one(uint64_t n)
{
	return (struct smtp_unscanned_id){n, n};
}

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

#define MINUTE ((int64_t)60 * 1000)

/* When it comes, in minutes; + is taken, - is not. */
static const struct {
	int at[8];
	const char *want;
} often[] = {
    {{0, 0, 0, 1, 2, 3}, "------"},
    {{0, 5, 10, 19, 20}, "----+"},
    {{0, 5, 10, 19, 21, 22}, "----++"},
    {{0, 10, 20}, "--+"},
    {{0, 4, 8, 20}, "---+"},
    /* Two tries in close succession are one. */
    {{0, 1, 20, 21, 25}, "----+"},
    {{0, 17, 21}, "---"},
    {{0, 30, 90}, "--+"},
    {{0, 24 * 60, 48 * 60, 48 * 60}, "--++"},
    /* After days it is another one. */
    {{0, 10, 10 + 4 * 24 * 60 + 1}, "---"},
    {{0, 10, 20, 21 + 4 * 24 * 60}, "--+-"},
};

START_TEST(smtp_unscanned__so_often)
{
	size_t i;
	bool enough;

	for (i = 0; often[_i].want[i] != '\0'; i++) {
		enough = smtp_unscanned_failed(
		    u, one(7), 1000 + often[_i].at[i] * MINUTE, false);
		ck_assert_msg(enough == (often[_i].want[i] == '+'),
		    "row %d, try %zu", _i, i);
	}
}
END_TEST

START_TEST(smtp_unscanned__each_by_itself)
{
	(void)smtp_unscanned_failed(u, one(7), 0, false);
	(void)smtp_unscanned_failed(u, one(8), 0, false);
	(void)smtp_unscanned_failed(u, one(7), 10 * MINUTE, false);
	ck_assert(smtp_unscanned_failed(u, one(7), 20 * MINUTE, false));
	ck_assert(!smtp_unscanned_failed(u, one(8), 20 * MINUTE, false));
	/* Once it was looked at, counting begins anew. */
	smtp_unscanned_done(u, 7);
	smtp_unscanned_done(u, 9);
	ck_assert_uint_eq(u->n, 1);
	ck_assert(!smtp_unscanned_failed(u, one(7), 30 * MINUTE, false));
	ck_assert(smtp_unscanned_failed(u, one(8), 30 * MINUTE, false));
	/* And after days nothing is left. */
	ck_assert(smtp_unscanned_any(u, 30 * MINUTE + SMTP_UNSCANNED_KEPT_MS));
	ck_assert(
	    !smtp_unscanned_any(u, 30 * MINUTE + SMTP_UNSCANNED_KEPT_MS + 1));
	ck_assert_uint_eq(u->n, 0);
}
END_TEST

static struct smtp_unscanned_id
id_of(const char *sender, const char *recipients, const char *text)
{
	static const unsigned char secret[16] = {1};
	struct smtp_unscanned_id id;
	struct smtp_scanned m = {.sender = sv_str(sender),
	    .recipients = sv_str(recipients),
	    .fd = memfd_create("mail", MFD_CLOEXEC),
	    .size = strlen(text)};

	ck_assert_int_eq(write(m.fd, text, m.size), (ssize_t)m.size);
	id = smtp_unscanned_id(secret, &m);
	(void)close(m.fd);
	return id;
}

static uint64_t
key_of(const char *sender, const char *text)
{
	return id_of(sender, "anna@example.org", text).content;
}

/* Tries for one are not tries for another; but what is too much for the daemon
 * is so for all of them. */
START_TEST(smtp_unscanned__recipients)
{
	const char *text = "Subject: a\r\n\r\nbody\r\n";
	struct smtp_unscanned_id anna = id_of("", "anna@example.org", text);
	struct smtp_unscanned_id ben = id_of("", "ben@example.org", text);
	struct smtp_unscanned_id both = id_of("", "a@x.test b@x.test", text);
	struct smtp_unscanned_id turned = id_of("", "b@x.test a@x.test", text);

	ck_assert(anna.content == ben.content && anna.mail != ben.mail);
	ck_assert(both.mail == turned.mail && both.mail != anna.mail);
	ck_assert(!smtp_unscanned_failed(u, anna, MINUTE, false));
	ck_assert(!smtp_unscanned_failed(u, both, 11 * MINUTE, false));
	ck_assert(!smtp_unscanned_failed(u, ben, 21 * MINUTE, false));
	ck_assert(!smtp_unscanned_failed(u, anna, 22 * MINUTE, false));
	ck_assert(smtp_unscanned_failed(u, anna, 32 * MINUTE, false));
	ck_assert(!smtp_unscanned_failed(u, ben, 32 * MINUTE, true));
	ck_assert(smtp_unscanned_rests(u, anna.content, 33 * MINUTE));
	smtp_unscanned_done(u, ben.content);
	ck_assert_uint_eq(u->n, 0);
}
END_TEST

START_TEST(smtp_unscanned__is_known_by)
{
	uint64_t key = key_of("a@x.test", "Subject: a\r\n\r\nbody\r\n");

	ck_assert(key == key_of("a@x.test", "Date: b\r\n\r\nbody\r\n"));
	ck_assert(key != key_of("b@x.test", "Subject: a\r\n\r\nbody\r\n"));
	ck_assert(key != key_of("", "Subject: a\r\n\r\nbody\r\n"));
	ck_assert(key != key_of("a@x.test", "Subject: a\r\n\r\nbodz\r\n"));
	ck_assert(key_of("a@x.testb", "\r\n\r\nody\r\n") !=
		  key_of("a@x.test", "\r\n\r\nbody\r\n"));
}
END_TEST

START_TEST(smtp_unscanned__is_left_alone)
{
	(void)smtp_unscanned_failed(u, one(7), 1000, true);
	(void)smtp_unscanned_failed(u, one(8), 1000, false);
	ck_assert(smtp_unscanned_rests(u, 7, 2000));
	ck_assert(!smtp_unscanned_rests(u, 8, 2000));
	ck_assert(!smtp_unscanned_rests(u, 9, 2000));
	/* Tries in between do not begin the hour anew. */
	(void)smtp_unscanned_failed(u, one(7), 2000, false);
	ck_assert(!smtp_unscanned_rests(u, 7, 1000 + SMTP_UNSCANNED_AGAIN_MS));
}
END_TEST

START_TEST(smtp_unscanned__is_bounded)
{
	int64_t at = 0;
	uint64_t i;

	for (i = 1; i <= 3 * SMTP_UNSCANNED_ROWS; i++) {
		at = (int64_t)i * MINUTE;
		(void)smtp_unscanned_failed(u, one(i), at, true);
		/* One that keeps coming is not forgotten for those. */
		(void)smtp_unscanned_failed(u, one(1), at, false);
	}
	ck_assert_uint_eq(u->n, SMTP_UNSCANNED_ROWS);
	ck_assert(smtp_unscanned_failed(u, one(1), at, false));
	ck_assert(!smtp_unscanned_rests(u, 2, 3));
}
END_TEST

/* ---- in a session ---- */

static struct fixture k;
static struct smtp_ops ops;
static enum clamd_says says;

static int
fake_scan(void *ctx, const struct smtp_scanned *m, struct clamd_answer *out)
{
	(void)ctx;
	ck_assert(sv_eq(m->sender, SV("x@x.test")));
	ck_assert(sv_eq(m->recipients, SV("anna@example.org ben@example.org")));
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
	/* Its sender does not fare worse for that. */
	ck_assert_int_eq(k.got[0].unscanned,
	    rows[_i].says == CLAMD_NEVER && rows[_i].stranger);
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

UNIT_TESTS(unscanned)
{
	TCase *tc = tcase_create("unscanned");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, smtp_unscanned__so_often, 0,
	    (int)(sizeof often / sizeof often[0]));
	tcase_add_test(tc, smtp_unscanned__each_by_itself);
	tcase_add_test(tc, smtp_unscanned__is_known_by);
	tcase_add_test(tc, smtp_unscanned__recipients);
	tcase_add_test(tc, smtp_unscanned__is_left_alone);
	tcase_add_test(tc, smtp_unscanned__is_bounded);
	tcase_add_loop_test(tc, smtp_unscanned__in_a_session, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	return tc;
}
