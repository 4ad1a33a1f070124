#include <check.h>
#include <string.h>

#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

/* 20 bytes. */
#define TEXT "Subject: x\r\n\r\nabcd\r\n"

static struct store_usage
usage(struct store *st)
{
	struct store_usage u;
	uint64_t need = 0;

	store_usage(st, &u, &need);
	return u;
}

static int
copy_all(struct view *v, const char *to, bool move)
{
	struct rangeset all = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct err err = {0};
	uint32_t validity;
	uint64_t need = 0;
	int r;

	rangeset_add(&all, 1, view_count(v));
	r = view_copy(v, &all, to, move, &validity, &src, &dst, &need, &err);
	if (r == RC_NOSPACE) {
		ck_assert_ptr_nonnull(strstr(err.text, "quota"));
		ck_assert_uint_eq(src.n + dst.n, 0);
	}
	rangeset_fini(&dst);
	rangeset_fini(&src);
	rangeset_fini(&all);
	return r;
}

START_TEST(store_quota__counts_what_is_in_mailboxes)
{
	struct store *st = fixture_open();
	struct view *v;

	ck_assert_uint_eq(usage(st).bytes, 0);
	for (int i = 0; i < 3; i++)
		fixture_add(st, "INBOX", TEXT, 0);
	fixture_add(st, "Archive", TEXT, 0);
	v = fixture_view(st, "INBOX");
	ck_assert_int_eq(copy_all(v, "Sent", false), RC_OK);
	for (int again = 0; again < 2; again++) {
		ck_assert_uint_eq(usage(st).bytes, 140);
		ck_assert_uint_eq(usage(st).messages, 7);
		view_close(&v);
		fixture_again(&st);
		v = fixture_view(st, "INBOX");
	}
	fixture_flag(v, 1, 2, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	ck_assert_uint_eq(usage(st).bytes, 100);
	ck_assert_int_eq(copy_all(v, "Sent", true), RC_OK);
	ck_assert_uint_eq(usage(st).bytes, 100);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_quota__refuses_append_and_copy_only)
{
	const uint8_t id[16] = {7};
	struct store_add a = {.mailbox = "INBOX"};
	struct store *st = fixture_open();
	struct store_added out;
	struct err err = {0};
	struct view *v;

	store_set_quota(st, 50);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_OK);
	ck_assert_int_eq(store_room(st, 30, &err), RC_OK);
	ck_assert_int_eq(store_room(st, 31, &err), RC_NOSPACE);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_OK);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_NOSPACE);
	ck_assert_uint_eq(usage(st).bytes, 40);
	v = fixture_view(st, "INBOX");
	ck_assert_int_eq(copy_all(v, "Sent", false), RC_NOSPACE);
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_DELETED);
	/* Somebody has promised that it arrives. */
	a.delivery_id = id;
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_OK);
	ck_assert_uint_eq(usage(st).bytes, 60);
	a.delivery_id = NULL;
	ck_assert_int_eq(copy_all(v, "Archive", true), RC_OK);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_NOSPACE);
	view_close(&v);
	v = fixture_view(st, "Archive");
	fixture_expunge(v);
	ck_assert_uint_eq(usage(st).bytes, 40);
	store_set_quota(st, 60);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_OK);
	store_set_quota(st, 0);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_OK);
	view_close(&v);
	store_close(&st);
}
END_TEST

/* Of REPLACE the difference counts [RFC 8508 3.4]. */
START_TEST(store_quota__of_replace_is_the_difference)
{
	struct store_add a = {.mailbox = "Drafts"};
	struct store *st = fixture_open();
	struct store_added out;
	struct view *v;

	fixture_add(st, "Drafts", TEXT, 0);
	store_set_quota(st, 21);
	v = fixture_view(st, "Drafts");
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT, &out), RC_NOSPACE);
	a.replaces_in = v;
	a.replaces = 1;
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT "..", &out), RC_NOSPACE);
	ck_assert_int_eq(fixture_try_add(st, &a, TEXT ".", &out), RC_OK);
	ck_assert_uint_eq(out.uid, 2);
	ck_assert_uint_eq(usage(st).bytes, 21);
	view_close(&v);
	store_close(&st);
}
END_TEST

UNIT_TESTS(quota)
{
	TCase *t = tcase_create("quota");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_quota__counts_what_is_in_mailboxes);
	tcase_add_test(t, store_quota__refuses_append_and_copy_only);
	tcase_add_test(t, store_quota__of_replace_is_the_difference);
	return t;
}
