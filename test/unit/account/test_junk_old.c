/* Old junk goes by itself: by the time that is believed, and into Restore. */
#include <stdio.h>

#include "account/junk_old.h"
#include "base/clk.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define DAY_MS (24 * 3600 * 1000ll)
#define AGE    (30 * DAY_MS)
#define KEPT   "2,3,4,5"

static struct store *st;

/* One of each age; those that stay are not the first. */
static void
setup(void)
{
	static const struct {
		int64_t days;
		uint32_t flags;
	} row[] = {{-31, 0}, {-31, STORE_FLAGGED}, {-29, 0}, {0, STORE_SEEN}};
	const struct store_opts o = {.retention_ms = AGE};
	size_t i;

	fixture_make();
	st = fixture_open_with(&o);
	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		clk_set_offset(row[i].days * DAY_MS);
		(void)fixture_add(
		    st, "Junk", "Subject: x\r\n\r\nx\r\n", row[i].flags);
		(void)fixture_add(
		    st, "INBOX", "Subject: y\r\n\r\ny\r\n", row[i].flags);
	}
	/* A machine whose clock begins at 1970 until it is set. */
	clk_set_offset(-clk_now() + DAY_MS);
	(void)fixture_add(st, "Junk", "Subject: z\r\n\r\nz\r\n", 0);
	clk_set_offset(0);
}

static void
teardown(void)
{
	clk_set_offset(0);
	store_close(&st);
	fixture_remove();
}

static const char *
uids(const char *mailbox)
{
	static char out[100];
	struct view *v = fixture_view(st, mailbox);

	(void)snprintf(out, sizeof out, "%s", fixture_uids(v));
	view_close(&v);
	return out;
}

START_TEST(junk_old__is_expunged)
{
	uint64_t need = 0;

	ck_assert_uint_eq(junk_old_expunge(st, AGE, &need), 1);
	ck_assert_str_eq(uids("Junk"), KEPT);
	ck_assert_str_eq(uids("INBOX"), "1,2,3,4");
	ck_assert_uint_eq(junk_old_expunge(st, AGE, &need), 0);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
}
END_TEST

/* A clock that is years ahead for a while. */
START_TEST(junk_old__not_by_a_clock_that_leaps)
{
	struct believed kept = {.time = clk_now(), .mono = clk_mono()};
	uint64_t need = 0;

	store_clock_set(st, &kept);
	clk_set_offset(3650 * DAY_MS);
	ck_assert_uint_eq(junk_old_expunge(st, AGE, &need), 1);
	ck_assert_str_eq(uids("Junk"), KEPT);
	clk_set_offset(0);
	ck_assert_uint_eq(junk_old_expunge(st, AGE, &need), 0);
	ck_assert_str_eq(uids("Junk"), KEPT);
}
END_TEST

START_TEST(junk_old__without_a_folder)
{
	struct store_mailbox_list all;
	uint64_t need = 0;
	struct err err;

	ck_assert_int_eq(store_mailbox_delete(st, "Junk", &need, &err), RC_OK);
	ck_assert_uint_eq(junk_old_expunge(st, AGE, &need), 0);
	store_mailbox_list(st, &all, &need);
	ck_assert_uint_gt(all.n, 0);
	store_mailbox_list_fini(&all);
}
END_TEST

UNIT_TESTS(junk_old)
{
	TCase *tc = tcase_create("junk_old");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, junk_old__is_expunged);
	tcase_add_test(tc, junk_old__not_by_a_clock_that_leaps);
	tcase_add_test(tc, junk_old__without_a_folder);
	return tc;
}
