/* Pages of what was expunged, and bringing several back at once. */
#include <stdio.h>
#include <string.h>

#include "account/expunged.h"
#include "base/clk.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define DAY_MS (24 * 3600 * 1000ll)

static struct store *store;
static int64_t begun;

/* Nine messages, one an hour, of two senders. */
static void
setup(void)
{
	static const struct store_opts o = {.retention_ms = 30 * DAY_MS};
	struct view *v;
	char text[200];
	unsigned i;

	fixture_make();
	store = fixture_open_with(&o);
	begun = clk_now();
	for (i = 1; i <= 9; i++) {
		(void)snprintf(text, sizeof text,
		    "From: %s <%s@x.test>\r\nSubject: No %u\r\n\r\nx\r\n",
		    i % 3 == 0 ? "Zoe" : "Ben", i % 3 == 0 ? "zoe" : "ben", i);
		(void)fixture_add(store, "INBOX", text, 0);
		clk_set_offset(i * 3600000ll);
		v = fixture_view(store, "INBOX");
		fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_DELETED);
		fixture_expunge(v);
		view_close(&v);
	}
}

static void
teardown(void)
{
	clk_set_offset(0);
	store_close(&store);
	fixture_remove();
}

/* The numbers of those on the page, oldest first, and how many there are. */
static void
is(const struct expunged_query *q, const struct expunged_window *w,
    uint64_t total, const char *numbers)
{
	char seen[100] = "";
	struct err err = {.text = ""};
	struct buf lines;
	uint64_t n = 0;
	struct sv rest;

	buf_init(&lines, 0);
	ck_assert_int_eq(expunged_page(store, q, w, &lines, &n, &err), RC_OK);
	for (rest = buf_sv(&lines); rest.n > 0;) {
		struct sv line = sv_split(&rest, '\n');

		(void)strncat(seen, line.p + line.n - 1, 1);
	}
	ck_assert_str_eq(seen, numbers);
	ck_assert_uint_eq(n, total);
	buf_fini(&lines);
}

START_TEST(expunged_page__has_the_newest_but_for_those_before)
{
	static const struct expunged_query all = {.since = 0};
	static const struct expunged_query ben = {.from = {"BEN@", 4}};
	static const struct expunged_query zoe = {
	    .from = {"zoe", 3}, .subject = {"no", 2}};
	struct expunged_query late = {.since = begun + 5 * 3600000ll};
	const struct expunged_window early = {begun + 5 * 3600000ll, 0, 100};

	is(&all, &(struct expunged_window){0, 0, 4}, 9, "6789");
	is(&all, &(struct expunged_window){0, 4, 4}, 9, "2345");
	is(&all, &(struct expunged_window){0, 8, 4}, 9, "1");
	is(&all, &(struct expunged_window){0, 9, 4}, 9, "");
	is(&all, &(struct expunged_window){0, SIZE_MAX, 4}, 9, "");
	is(&all, &(struct expunged_window){0, 0, SIZE_MAX}, 9, "123456789");
	is(&all, &early, 9 - 5, "1234");
	is(&late, &(struct expunged_window){0, 0, 2}, 5, "89");
	is(&ben, &(struct expunged_window){0, 0, 2}, 6, "78");
	is(&ben, &(struct expunged_window){0, 4, 100}, 6, "12");
	is(&ben, &(struct expunged_window){0, 6, 100}, 6, "");
	is(&ben, &early, 3, "124");
	is(&zoe, &(struct expunged_window){0, 1, 1}, 3, "6");
}
END_TEST

START_TEST(expunged_run__brings_back_several_by_their_ids)
{
	struct expunged_query q = {.action = EXPUNGED_UNDELETE};
	struct store_status s = fixture_status(store, "INBOX");
	struct err err = {.text = ""};
	struct expunged_sum sum;
	struct buf lines;
	char ids[100];

	buf_init(&lines, 0);
	(void)snprintf(
	    ids, sizeof ids, "%u.3 %u.7 %u.99 %u.33", s.id, s.id, s.id, s.id);
	q.id = sv_str(ids);
	ck_assert_int_eq(expunged_run(store, &q, &lines, &sum, &err), RC_OK);
	ck_assert_uint_eq(sum.messages, 2);
	ck_assert_uint_eq(fixture_status(store, "INBOX").messages, 2);
	is(&(struct expunged_query){.since = 0},
	    &(struct expunged_window){0, 0, 100}, 7, "1245689");
	buf_fini(&lines);
}
END_TEST

UNIT_TESTS(expunged)
{
	TCase *t = tcase_create("expunged");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, expunged_page__has_the_newest_but_for_those_before);
	tcase_add_test(t, expunged_run__brings_back_several_by_their_ids);
	return t;
}
