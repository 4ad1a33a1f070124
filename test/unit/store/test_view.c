#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static struct store *
with_messages(int n)
{
	struct store *st = fixture_open();

	for (int i = 0; i < n; i++)
		fixture_add(st, "INBOX", "x\r\n", 0);
	return st;
}

/* "e3,1 x4 f2:3": expunged numbers, the new count, flags. */
static const char *
sync_text(struct view *v, bool with_expunges)
{
	static char out[200];
	struct view_changes c;
	uint64_t need = 0;
	struct buf b;

	buf_init(&b, sizeof out - 1);
	view_sync(v, with_expunges, &c, &need);
	for (uint32_t i = 0; i < c.nexpunged; i++)
		buf_addf(&b, "%s%u", i > 0 ? "," : "e", c.expunged_seqno[i]);
	if (c.exists_changed)
		buf_addf(&b, " x%u", c.exists);
	if (c.flags.n > 0) {
		buf_adds(&b, " f");
		rangeset_print(&c.flags, &b);
	}
	if (c.keywords_changed)
		buf_adds(&b, " k");
	if (c.gone)
		buf_adds(&b, " gone");
	ck_assert_uint_eq(rangeset_count(&c.expunged), c.nexpunged);
	strcpy(out, b.p);
	buf_fini(&b);
	view_changes_fini(&c);
	return out;
}

START_TEST(store_view__numbers_and_uids)
{
	struct store *st = with_messages(5);
	struct view *v = fixture_view(st, "INBOX");

	fixture_flag(v, 2, 3, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	ck_assert_str_eq(fixture_uids(v), "1,2,3,4,5");
	ck_assert_str_eq(sync_text(v, true), "e3,2");
	ck_assert_str_eq(fixture_uids(v), "1,4,5");
	ck_assert_uint_eq(view_seqno(v, 4), 2);
	ck_assert_uint_eq(view_seqno(v, 3), 0);
	ck_assert_uint_eq(view_seqno(v, 9), 0);
	ck_assert_uint_eq(view_seqno_from(v, 2), 2);
	ck_assert_uint_eq(view_seqno_from(v, 6), 4);
	ck_assert_uint_eq(view_uid(v, 0), 0);
	ck_assert_uint_eq(view_uid(v, 4), 0);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_view__expunged_message_is_read_until_reported)
{
	struct store *st = with_messages(4);
	struct view *a = fixture_view(st, "INBOX"),
		    *b = fixture_view(st, "INBOX");
	struct store_msg m[4];
	uint64_t need = 0;
	char got[3];

	fixture_flag(a, 2, 2, STORE_OP_ADD, STORE_DELETED | STORE_FLAGGED);
	fixture_expunge(a);
	ck_assert_str_eq(sync_text(a, true), "e2");
	ck_assert_str_eq(sync_text(b, false), " f2");
	ck_assert_uint_eq(view_msgs(b, 1, 4, m, &need), 4);
	ck_assert_uint_eq(m[1].uid, 2);
	ck_assert(m[1].expunged && !m[0].expunged && !m[2].expunged);
	ck_assert_uint_eq(m[1].system, STORE_DELETED | STORE_FLAGGED);
	ck_assert_uint_eq(m[3].uid, 4);
	ck_assert_int_eq(store_read(st, m[1].body, 0, got, 3), RC_OK);
	ck_assert_str_eq(sync_text(b, true), "e2");
	ck_assert_str_eq(sync_text(b, true), "");
	view_close(&a);
	view_close(&b);
	store_close(&st);
}
END_TEST

START_TEST(store_view__new_mail_is_seen_by_old_versions)
{
	struct store *st = with_messages(3);
	struct view *a = fixture_view(st, "INBOX"),
		    *b = fixture_view(st, "INBOX");

	fixture_flag(a, 1, 1, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(a);
	fixture_add(st, "INBOX", "y\r\n", 0);
	ck_assert_str_eq(sync_text(b, false), " x4 f1");
	ck_assert_str_eq(fixture_uids(b), "1,2,3,4");
	/* One that comes and goes between two looks is never mentioned. */
	fixture_add(st, "INBOX", "z\r\n", STORE_DELETED);
	fixture_add(st, "INBOX", "z\r\n", 0);
	ck_assert_str_eq(sync_text(a, true), "e1 x5");
	fixture_expunge(a);
	ck_assert_str_eq(sync_text(b, true), "e1 x4");
	ck_assert_str_eq(fixture_uids(b), "2,3,4,6");
	ck_assert_str_eq(sync_text(a, true), "e4");
	ck_assert_str_eq(fixture_uids(a), "2,3,4,6");
	view_close(&b);
	view_close(&a);
	store_close(&st);
}
END_TEST

START_TEST(store_view__many_versions_merge)
{
	struct store *st = with_messages(20);
	struct view *idle = fixture_view(st, "INBOX"), *mid, *busy;

	busy = fixture_view(st, "INBOX");
	for (uint32_t i = 0; i < 5; i++) {
		fixture_flag(busy, i + 1, i + 1, STORE_OP_ADD, STORE_DELETED);
		fixture_expunge(busy);
		(void)sync_text(busy, true);
	}
	mid = fixture_view(st, "INBOX");
	for (uint32_t i = 0; i < 5; i++) {
		fixture_flag(busy, 1, 1, STORE_OP_ADD, STORE_DELETED);
		fixture_expunge(busy);
		(void)sync_text(busy, true);
	}
	ck_assert_str_eq(fixture_uids(busy), "11,12,13,14,15,16,17,18,19,20");
	ck_assert_str_eq(
	    fixture_uids(mid), "2,4,6,8,10,11,12,13,14,15,16,17,18,19,20");
	ck_assert_uint_eq(view_count(idle), 20);
	ck_assert_str_eq(sync_text(idle, true), "e10,9,8,7,6,5,4,3,2,1");
	ck_assert_str_eq(fixture_uids(idle), fixture_uids(busy));
	ck_assert_str_eq(sync_text(mid, true), "e5,4,3,2,1");
	ck_assert_str_eq(sync_text(idle, true), "");
	view_close(&mid);
	view_close(&idle);
	view_close(&busy);
	store_close(&st);
}
END_TEST

/* Against a plain model: random expunges, appends and syncs of three views. */
START_TEST(store_view__agrees_with_a_model)
{
	struct store *st = with_messages(10);
	struct view *v[3];
	uint32_t seen[3][400], n[3];
	uint32_t seed = (uint32_t)_i * 7919 + 17;
	uint32_t uid = 10;

	for (int i = 0; i < 3; i++) {
		v[i] = fixture_view(st, "INBOX");
		n[i] = 10;
		for (uint32_t k = 0; k < 10; k++)
			seen[i][k] = k + 1;
	}
	for (int step = 0; step < 150; step++) {
		struct view_changes c;
		uint64_t need = 0;
		int who;

		seed = seed * 1103515245 + 12345;
		who = (int)(seed >> 16) % 3;
		switch (seed >> 24 & 3) {
		case 0:
			fixture_add(st, "INBOX", "x\r\n", 0);
			uid++;
			break;
		case 1:
			if (n[who] == 0)
				break;
			fixture_flag(v[who], 1 + (seed >> 8) % n[who],
			    1 + (seed >> 8) % n[who], STORE_OP_ADD,
			    STORE_DELETED);
			fixture_expunge(v[who]);
			break;
		default:
			view_sync(v[who], (seed >> 26 & 3) != 0, &c, &need);
			for (uint32_t k = 0; k < c.nexpunged; k++) {
				uint32_t s = c.expunged_seqno[k];

				ck_assert_uint_le(s, n[who]);
				ck_assert(rangeset_has(
				    &c.expunged, seen[who][s - 1]));
				memmove(&seen[who][s - 1], &seen[who][s],
				    (n[who] - s) * sizeof(uint32_t));
				n[who]--;
			}
			ck_assert_uint_ge(c.exists, n[who]);
			for (; n[who] < c.exists; n[who]++)
				seen[who][n[who]] =
				    view_uid(v[who], n[who] + 1);
			view_changes_fini(&c);
		}
		for (int i = 0; i < 3; i++) {
			struct store_msg m[400];

			ck_assert_uint_eq(view_count(v[i]), n[i]);
			ck_assert_uint_eq(
			    view_msgs(v[i], 1, 400, m, &need), n[i]);
			for (uint32_t k = 0; k < n[i]; k++) {
				ck_assert_uint_eq(m[k].uid, seen[i][k]);
				ck_assert_uint_eq(
				    view_seqno(v[i], m[k].uid), k + 1);
			}
		}
	}
	for (int i = 0; i < 3; i++) {
		struct view *w = fixture_view(st, "INBOX");
		struct view_changes c;
		uint64_t need = 0;

		view_sync(v[i], true, &c, &need);
		view_changes_fini(&c);
		ck_assert_str_eq(fixture_uids(v[i]), fixture_uids(w));
		view_close(&w);
		view_close(&v[i]);
	}
	store_close(&st);
}
END_TEST

START_TEST(store_view__flags_of_others_are_reported_once)
{
	struct store *st = with_messages(3);
	struct view *a = fixture_view(st, "INBOX"),
		    *b = fixture_view(st, "INBOX");

	fixture_flag(a, 1, 2, STORE_OP_ADD, STORE_SEEN);
	ck_assert_str_eq(sync_text(a, true), "");
	ck_assert_str_eq(sync_text(b, true), " f1:2");
	ck_assert_str_eq(sync_text(b, true), "");
	/* Nothing changes: nothing to report. */
	fixture_flag(a, 1, 2, STORE_OP_ADD, STORE_SEEN);
	ck_assert_str_eq(sync_text(b, true), "");
	fixture_keyword(b, 3, 3, "$Forwarded");
	ck_assert_str_eq(sync_text(a, true), " f3 k");
	view_close(&b);
	fixture_flag(a, 1, 3, STORE_OP_SET, 0);
	ck_assert_str_eq(sync_text(a, true), "");
	view_close(&a);
	store_close(&st);
}
END_TEST

START_TEST(store_view__long_flag_history_is_reported_too)
{
	struct store *st = with_messages(3);
	struct view *a = fixture_view(st, "INBOX"),
		    *b = fixture_view(st, "INBOX");

	for (int i = 0; i < 1500; i++)
		fixture_flag(a, 1 + (uint32_t)(i & 1), 1 + (uint32_t)(i & 1),
		    i & 2 ? STORE_OP_ADD : STORE_OP_REMOVE,
		    i & 4 ? STORE_SEEN : STORE_FLAGGED);
	ck_assert_str_eq(sync_text(b, true), " f1:2");
	view_close(&b);
	view_close(&a);
	store_close(&st);
}
END_TEST

START_TEST(store_view__deleted_mailbox_is_gone)
{
	struct store *st = fixture_open();
	struct view *v;
	struct store_msg m;
	uint64_t need = 0;
	struct err err;

	fixture_create(st, "a");
	fixture_add(st, "a", "x\r\n", 0);
	v = fixture_view(st, "a");
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_OK);
	fixture_create(st, "a");
	ck_assert(view_gone(v));
	ck_assert_str_eq(sync_text(v, true), " gone");
	ck_assert_uint_eq(view_msgs(v, 1, 1, &m, &need), 0);
	ck_assert_int_eq(view_expunge(v, NULL, &need, &err), RC_NOTFOUND);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_view__info)
{
	struct store *st = fixture_open();
	struct view_info i;
	uint64_t need = 0;
	struct view *v;

	fixture_add(st, "INBOX", "x\r\n", STORE_SEEN);
	fixture_add(st, "INBOX", "x\r\n", STORE_SEEN);
	fixture_add(st, "INBOX", "x\r\n", 0);
	v = fixture_view(st, "INBOX");
	view_info(v, &i, &need);
	ck_assert_uint_eq(i.first_unseen, 3);
	ck_assert_uint_eq(i.unseen, 1);
	ck_assert_uint_eq(i.uidnext, 4);
	ck_assert(i.highest_modseq > 0 && !i.keywords_full);
	fixture_flag(v, 2, 2, STORE_OP_REMOVE, STORE_SEEN);
	view_info(v, &i, &need);
	ck_assert_uint_eq(i.first_unseen, 2);
	fixture_flag(v, 1, 3, STORE_OP_ADD, STORE_SEEN);
	view_info(v, &i, &need);
	ck_assert_uint_eq(i.first_unseen, 0);
	view_close(&v);
	store_close(&st);
}
END_TEST

static int told;

static void
tell(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&told, 1, __ATOMIC_SEQ_CST);
}

START_TEST(store_view__notify_once_after_the_flush)
{
	struct store *st = with_messages(1);
	struct view *v = NULL, *other = fixture_view(st, "INBOX");
	uint64_t need = 0;

	told = 0;
	ck_assert_int_eq(
	    view_open(st, "INBOX", false, tell, NULL, &v, &need), RC_OK);
	fixture_flag(other, 1, 1, STORE_OP_ADD, STORE_SEEN);
	ck_assert_int_eq(told, 0);
	ck_assert_int_eq(store_flush(st, UINT64_MAX), RC_OK);
	ck_assert_int_eq(told, 1);
	fixture_add(st, "INBOX", "x\r\n", 0);
	ck_assert_int_eq(told, 1);
	ck_assert_str_eq(sync_text(v, true), " x2 f1");
	ck_assert_int_eq(store_flush(st, UINT64_MAX), RC_OK);
	ck_assert_int_eq(told, 1);
	fixture_add(st, "INBOX", "x\r\n", 0);
	ck_assert_int_eq(told, 2);
	/* Its own change is not news. */
	(void)sync_text(v, true);
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	ck_assert_int_eq(store_flush(st, UINT64_MAX), RC_OK);
	ck_assert_int_eq(told, 2);
	view_close(&v);
	fixture_add(st, "INBOX", "x\r\n", 0);
	ck_assert_int_eq(told, 2);
	view_close(&other);
	store_close(&st);
}
END_TEST

START_TEST(store_view__notify_when_the_mailbox_goes)
{
	struct store *st = fixture_open();
	struct view *v = NULL;
	uint64_t need = 0;
	struct err err;

	told = 0;
	fixture_create(st, "a");
	ck_assert_int_eq(
	    view_open(st, "a", false, tell, NULL, &v, &need), RC_OK);
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_OK);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
	ck_assert_int_eq(told, 1);
	ck_assert_str_eq(sync_text(v, true), " gone");
	view_close(&v);
	store_close(&st);
}
END_TEST

static void *
deliver_many(void *arg)
{
	for (int i = 0; i < 50; i++)
		fixture_add(arg, "INBOX", "x\r\n", 0);
	return NULL;
}

START_TEST(store_view__threads)
{
	struct store *st = fixture_open();
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, deliver_many, st);
	for (int i = 0; i < 200; i++) {
		struct view *v = NULL;
		uint64_t need = 0;

		ck_assert_int_eq(
		    view_open(st, "INBOX", false, tell, NULL, &v, &need),
		    RC_OK);
		if (view_count(v) > 0)
			fixture_flag(v, 1, view_count(v),
			    i & 1 ? STORE_OP_ADD : STORE_OP_REMOVE, STORE_SEEN);
		(void)sync_text(v, true);
		view_close(&v);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 200);
	store_close(&st);
}
END_TEST

UNIT_TESTS(view)
{
	TCase *t = tcase_create("view");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_view__numbers_and_uids);
	tcase_add_test(t, store_view__expunged_message_is_read_until_reported);
	tcase_add_test(t, store_view__new_mail_is_seen_by_old_versions);
	tcase_add_test(t, store_view__many_versions_merge);
	tcase_add_loop_test(t, store_view__agrees_with_a_model, 0, 8);
	tcase_add_test(t, store_view__flags_of_others_are_reported_once);
	tcase_add_test(t, store_view__long_flag_history_is_reported_too);
	tcase_add_test(t, store_view__deleted_mailbox_is_gone);
	tcase_add_test(t, store_view__info);
	tcase_add_test(t, store_view__notify_once_after_the_flush);
	tcase_add_test(t, store_view__notify_when_the_mailbox_goes);
	tcase_add_test(t, store_view__threads);
	return t;
}
