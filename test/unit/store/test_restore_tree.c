#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "store/store_priv.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define DAY_MS (24 * 3600 * 1000ll)

static const struct store_opts with_tree = {.segment_bytes = 65536,
    .low_water_bytes = 1,
    .retention_ms = 30 * DAY_MS,
    .restore_tree = true};

static struct store *
with(int messages)
{
	struct store *st;

	fixture_make();
	st = fixture_open_with(&with_tree);
	for (int i = 0; i < messages; i++)
		(void)fixture_add(st, "INBOX", "Subject: x\r\n\r\nx\r\n", 0);
	return st;
}

static void
expunge(struct store *st, const char *mailbox, uint32_t lo, uint32_t hi)
{
	struct view *v = fixture_view(st, mailbox);

	fixture_flag(v, lo, hi, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	view_close(&v);
}

static void
again(struct store **st, bool from_log)
{
	store_close(st);
	if (from_log)
		fixture_forget_checkpoint();
	*st = fixture_open_with(&with_tree);
}

/* ---- what vanished ---- */

static const char *
vanished(struct view *v, uint64_t since, const struct rangeset *known)
{
	static struct rangeset out;
	uint64_t need = 0;

	view_vanished(v, since, known, &out, &need);
	return fixture_set(&out);
}

START_TEST(view_vanished__since_a_modseq)
{
	struct store *st = with(10);
	struct rangeset known = RANGESET_EMPTY;
	uint64_t first = fixture_status(st, "INBOX").modseq, second;
	struct view *v;

	expunge(st, "INBOX", 2, 4);
	second = fixture_status(st, "INBOX").modseq;
	expunge(st, "INBOX", 7, 7); /* UID 10 */
	rangeset_add(&known, 3, 7);
	for (int round = 0; round < 3; round++) {
		v = fixture_view(st, "INBOX");
		ck_assert_str_eq(vanished(v, first, NULL), "2:4,10");
		ck_assert_str_eq(vanished(v, second, NULL), "10");
		ck_assert_str_eq(vanished(v, second + 100, NULL), "");
		ck_assert_str_eq(vanished(v, first, &known), "3:4");
		view_close(&v);
		again(&st, round == 1);
	}
	rangeset_fini(&known);
	store_close(&st);
	fixture_remove();
}
END_TEST

START_TEST(view_vanished__not_what_the_view_still_shows)
{
	struct store *st = with(5);
	uint64_t first = fixture_status(st, "INBOX").modseq, need = 0;
	struct view *v = fixture_view(st, "INBOX");
	struct view_changes c;

	expunge(st, "INBOX", 2, 3);
	ck_assert_str_eq(vanished(v, first, NULL), "");
	view_sync(v, true, &c, &need);
	ck_assert_str_eq(fixture_set(&c.expunged), "2:3");
	view_changes_fini(&c);
	ck_assert_str_eq(vanished(v, first, NULL), "2:3");
	view_close(&v);
	store_close(&st);
	fixture_remove();
}
END_TEST

START_TEST(view_vanished__what_is_forgotten_is_all_that_is_not_there)
{
	enum {
		MANY = 9000
	};
	struct store *st = with(1);
	struct rangeset all = RANGESET_EMPTY;
	uint64_t need = 0, old = 0, recent = 0;
	struct view *v = fixture_view(st, "INBOX");
	uint32_t validity;
	struct err err;

	/* Every second of many copies goes, each with a change of its own. */
	rangeset_add(&all, 1, 1);
	for (uint32_t i = 0; i < MANY; i++) {
		struct rangeset src = RANGESET_EMPTY, dst = RANGESET_EMPTY;

		ck_assert_int_eq(view_copy(v, &all, "Archive", false, &validity,
				     &src, &dst, &need, &err),
		    RC_OK);
		rangeset_fini(&src);
		rangeset_fini(&dst);
	}
	view_close(&v);
	v = fixture_view(st, "Archive");
	old = fixture_status(st, "Archive").modseq;
	for (uint32_t uid = 1; uid < MANY; uid += 2) {
		struct rangeset one = RANGESET_EMPTY;

		rangeset_add(&one, uid, uid);
		if (uid == MANY - 5)
			recent = fixture_status(st, "Archive").modseq;
		ck_assert_int_eq(view_remove(v, &one, &need, &err), RC_OK);
		rangeset_fini(&one);
	}
	view_close(&v);
	again(&st, false);
	v = fixture_view(st, "Archive");
	ck_assert_str_eq(vanished(v, recent, NULL), "8995,8997,8999");
	rangeset_reset(&all);
	rangeset_add(&all, 1, 6);
	ck_assert_str_eq(vanished(v, old, &all), "1,3,5");
	rangeset_fini(&all);
	view_close(&v);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* Whoever moves mail to and fro does not fill the memory with it. */
START_TEST(tombstones__of_moves_are_bounded)
{
	struct store *st = with(200);
	struct rangeset all = RANGESET_EMPTY;
	uint64_t need = 0;
	uint32_t validity;
	struct err err;

	rangeset_add(&all, 1, 200);
	for (int i = 0; i < 300; i++) {
		struct rangeset src = RANGESET_EMPTY, dst = RANGESET_EMPTY;
		struct view *v = fixture_view(st, i % 2 ? "Archive" : "INBOX");

		ck_assert_int_eq(view_copy(v, &all, i % 2 ? "INBOX" : "Archive",
				     true, &validity, &src, &dst, &need, &err),
		    RC_OK);
		view_close(&v);
		rangeset_fini(&src);
		rangeset_fini(&dst);
	}
	ck_assert_uint_le(st->ntombstone, MOVED_MAX);
	again(&st, false);
	ck_assert_uint_le(st->ntombstone, MOVED_MAX);
	again(&st, true);
	ck_assert_uint_le(st->ntombstone, MOVED_MAX);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 200);
	rangeset_fini(&all);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* ---- the tree ---- */

/* The names below Restore, one line each. */
static const char *
days(struct store *st)
{
	static char text[400];
	struct store_mailbox_list l;
	uint64_t need = 0;

	text[0] = '\0';
	store_mailbox_list(st, &l, &need);
	for (size_t i = 0; i < l.n; i++)
		if (strncmp(
			l.m[i].name, STORE_RESTORE, strlen(STORE_RESTORE)) == 0)
			(void)snprintf(text + strlen(text),
			    sizeof text - strlen(text), "%s%s ", l.m[i].name,
			    l.m[i].selectable ? "" : "(no)");
	store_mailbox_list_fini(&l);
	return text;
}

static void
set_clock(int year, int month, int day)
{
	struct clk_tm t = {.year = year, .month = month, .day = day, .hour = 9};

	clk_set_offset(0);
	clk_set_offset(clk_secs(&t) * 1000 - clk_now());
}

START_TEST(restore_tree__by_day_and_back_again)
{
	struct rangeset some = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct view_changes c;
	uint64_t need = 0;
	uint32_t validity;
	struct store *st;
	struct err err;
	struct view *v;

	set_clock(2026, 3, 30);
	st = with(6);
	ck_assert_str_eq(days(st), "");
	expunge(st, "INBOX", 1, 2);
	set_clock(2026, 4, 1);
	expunge(st, "INBOX", 1, 1);
	for (int round = 0; round < 3; round++) {
		ck_assert_str_eq(days(st),
		    "Restore(no) Restore/2026-03-30 Restore/2026-04-01 ");
		again(&st, round == 1);
	}
	v = fixture_view(st, "Restore/2026-03-30");
	ck_assert(view_in_restore(v));
	ck_assert_str_eq(fixture_uids(v), "1,2");
	ck_assert_uint_eq(fixture_status(st, "Restore/2026-03-30").messages, 2);
	rangeset_add(&some, 2, 2);
	ck_assert_int_eq(view_copy(v, &some, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
	view_sync(v, true, &c, &need);
	ck_assert_str_eq(fixture_set(&c.expunged), "2");
	view_changes_fini(&c);
	view_close(&v);
	/* It is somewhere now, and so no longer here, also after a restart. */
	again(&st, true);
	v = fixture_view(st, "Restore/2026-03-30");
	ck_assert_str_eq(fixture_uids(v), "1");
	view_close(&v);
	ck_assert_uint_eq(fixture_status(st, "Archive").messages, 1);
	/* Deleted once more it stands under the new day, once. */
	expunge(st, "Archive", 1, 1);
	v = fixture_view(st, "Restore/2026-04-01");
	ck_assert_uint_eq(view_count(v), 2);
	view_close(&v);
	rangeset_fini(&some);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

/* A client that comes back asks by it whether there is anything new. */
START_TEST(restore_tree__has_the_modseq_of_its_messages)
{
	const char *day = "Restore/2026-03-30";
	struct view_info info;
	uint64_t before, need = 0;
	struct store *st;
	struct view *v;

	set_clock(2026, 3, 30);
	st = with(3);
	expunge(st, "INBOX", 1, 1);
	before = fixture_status(st, day).modseq;
	(void)fixture_add(st, "Archive", "x\r\n", 0);
	ck_assert_uint_eq(fixture_status(st, day).modseq, before);
	v = fixture_view(st, day);
	view_info(v, &info, &need);
	ck_assert_uint_eq(info.highest_modseq, before);
	view_close(&v);
	again(&st, true);
	ck_assert_uint_eq(fixture_status(st, day).modseq, before);
	expunge(st, "INBOX", 1, 1);
	ck_assert_uint_gt(fixture_status(st, day).modseq, before);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

/* What has gone from the end is asked for below UIDNEXT [RFC 7162 3.2.5]. */
START_TEST(restore_tree__never_takes_numbers_back)
{
	const char *day = "Restore/2026-03-30";
	struct rangeset last = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct store_status before, now;
	uint64_t need = 0;
	uint32_t validity;
	struct store *st;
	struct err err;
	struct view *v;

	set_clock(2026, 3, 30);
	st = with(3);
	expunge(st, "INBOX", 1, 1);
	expunge(st, "INBOX", 1, 1);
	before = fixture_status(st, day);
	ck_assert_uint_eq(before.uidnext, 3);
	v = fixture_view(st, day);
	rangeset_add(&last, 2, 2);
	ck_assert_int_eq(view_copy(v, &last, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	view_close(&v);
	for (int round = 0; round < 3; round++) {
		now = fixture_status(st, day);
		ck_assert_uint_eq(now.messages, 1);
		ck_assert_uint_eq(now.uidnext, before.uidnext);
		ck_assert_uint_eq(now.modseq, before.modseq);
		again(&st, round == 1);
	}
	rangeset_fini(&last);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

/* Two who move the same message out of Restore/ make it one. */
START_TEST(restore_tree__two_who_move)
{
	struct rangeset one = RANGESET_EMPTY;
	uint64_t need = 0;
	uint32_t validity;
	struct store *st;
	struct view *v[2];
	struct err err;

	set_clock(2026, 3, 30);
	st = with(2);
	expunge(st, "INBOX", 1, 1);
	rangeset_add(&one, 1, 1);
	for (int i = 0; i < 2; i++)
		v[i] = fixture_view(st, "Restore/2026-03-30");
	for (int i = 0; i < 2; i++) {
		struct rangeset src = RANGESET_EMPTY, dst = RANGESET_EMPTY;

		ck_assert_int_eq(view_copy(v[i], &one, "Archive", true,
				     &validity, &src, &dst, &need, &err),
		    RC_OK);
		ck_assert_uint_eq(rangeset_count(&src), i == 0);
		view_close(&v[i]);
		rangeset_fini(&src);
		rangeset_fini(&dst);
	}
	ck_assert_uint_eq(fixture_status(st, "Archive").messages, 1);
	rangeset_fini(&one);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

START_TEST(restore_tree__is_read_only_and_its_name_is_taken)
{
	struct store_flags seen = {.system = STORE_SEEN};
	struct rangeset all = RANGESET_EMPTY, changed = RANGESET_EMPTY,
			failed = RANGESET_EMPTY;
	uint64_t need = 0;
	struct store *st;
	struct err err;
	struct view *v;

	set_clock(2026, 3, 30);
	st = with(2);
	expunge(st, "INBOX", 1, 1);
	rangeset_add(&all, 1, 1);
	v = fixture_view(st, "Restore/2026-03-30");
	ck_assert_int_eq(view_store(v, &all, STORE_OP_ADD, &seen, NULL,
			     &changed, &failed, &need, &err),
	    RC_DENIED);
	ck_assert_int_eq(view_expunge(v, NULL, &need, &err), RC_DENIED);
	view_close(&v);
	ck_assert_int_eq(
	    store_mailbox_create(st, "Restore/x", 0, &need, &err), RC_DENIED);
	ck_assert_int_eq(
	    store_mailbox_rename(st, "Archive", "Restore", &need, &err),
	    RC_DENIED);
	ck_assert_int_eq(
	    store_mailbox_delete(st, "Restore", &need, &err), RC_NOTFOUND);
	rangeset_fini(&all);
	rangeset_fini(&changed);
	rangeset_fini(&failed);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

START_TEST(restore_tree__hides_behind_a_folder_of_that_name)
{
	struct store_opts off = with_tree;
	struct store *st;

	off.restore_tree = false;
	fixture_make();
	st = fixture_open_with(&off);
	fixture_create(st, "Restore");
	(void)fixture_add(st, "INBOX", "x\r\n", 0);
	expunge(st, "INBOX", 1, 1);
	ck_assert_str_eq(days(st), "Restore ");
	again(&st, false);
	ck_assert_str_eq(days(st), "Restore ");
	fixture_create(st, "Restore/x");
	store_close(&st);
	fixture_remove();
}
END_TEST

/* ---- as it was ---- */

static uint32_t
count_at(struct store *st, int64_t at, const char *mailbox)
{
	struct store_status s;
	char name[100];
	uint64_t need = 0;

	(void)snprintf(
	    name, sizeof name, "Restore/@%lld/%s", (long long)at, mailbox);
	return store_status(st, name, &s, &need) == RC_OK ? s.messages : 0;
}

START_TEST(store_as_of__moves_expunges_and_deleted_mailboxes)
{
	struct rangeset some = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct store_mailbox_list l;
	uint64_t need = 0;
	int64_t first, second;
	uint32_t validity;
	struct store *st;
	struct err err;
	struct view *v;

	set_clock(2026, 3, 30);
	st = with(4);
	fixture_create(st, "Trip");
	(void)fixture_add(st, "Trip", "x\r\n", 0);
	first = clk_now() / 1000;
	set_clock(2026, 4, 2);
	v = fixture_view(st, "INBOX");
	rangeset_add(&some, 1, 1);
	ck_assert_int_eq(view_copy(v, &some, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	view_close(&v);
	second = clk_now() / 1000;
	set_clock(2026, 4, 3);
	expunge(st, "INBOX", 1, 1);
	ck_assert_int_eq(store_mailbox_delete(st, "Trip", &need, &err), RC_OK);
	for (int round = 0; round < 3; round++) {
		ck_assert_uint_eq(count_at(st, first, "INBOX"), 4);
		ck_assert_uint_eq(count_at(st, first, "Archive"), 0);
		ck_assert_uint_eq(count_at(st, first, "Trip"), 1);
		ck_assert_uint_eq(count_at(st, first - 90000, "INBOX"), 0);
		ck_assert_uint_eq(count_at(st, second, "INBOX"), 3);
		ck_assert_uint_eq(count_at(st, second, "Archive"), 1);
		again(&st, round == 1);
	}
	store_mailbox_list_at(st, first, &l, &need);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_ptr_nonnull(strstr(l.m[0].name, "/INBOX"));
	ck_assert_ptr_nonnull(strstr(l.m[1].name, "/Trip"));
	store_mailbox_list_fini(&l);
	rangeset_fini(&some);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	store_close(&st);
	fixture_remove();
	clk_set_offset(0);
}
END_TEST

UNIT_TESTS(restore_tree)
{
	TCase *t = tcase_create("restore_tree");

	tcase_add_test(t, view_vanished__since_a_modseq);
	tcase_add_test(t, view_vanished__not_what_the_view_still_shows);
	tcase_add_test(
	    t, view_vanished__what_is_forgotten_is_all_that_is_not_there);
	tcase_add_test(t, tombstones__of_moves_are_bounded);
	tcase_add_test(t, restore_tree__by_day_and_back_again);
	tcase_add_test(t, restore_tree__has_the_modseq_of_its_messages);
	tcase_add_test(t, restore_tree__never_takes_numbers_back);
	tcase_add_test(t, restore_tree__two_who_move);
	tcase_add_test(t, restore_tree__is_read_only_and_its_name_is_taken);
	tcase_add_test(t, restore_tree__hides_behind_a_folder_of_that_name);
	tcase_add_test(t, store_as_of__moves_expunges_and_deleted_mailboxes);
	return t;
}
