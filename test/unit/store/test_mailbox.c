#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static char *
list(struct store *st)
{
	struct store_mailbox_list l;
	uint64_t need = 0;
	struct buf b;

	buf_init(&b, 1 << 20);
	store_mailbox_list(st, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		buf_addf(&b, "%s%s", i > 0 ? " " : "", l.m[i].name);
		if (!l.m[i].exists)
			buf_addc(&b, '?');
		else if (!l.m[i].selectable)
			buf_addc(&b, '-');
		if (l.m[i].has_children)
			buf_addc(&b, '+');
		if (l.m[i].subscribed)
			buf_addc(&b, '*');
	}
	store_mailbox_list_fini(&l);
	return buf_take(&b);
}

#define ck_list(st, want)                    \
	do {                                 \
		char *got = list(st);        \
		ck_assert_str_eq(got, want); \
		free(got);                   \
	} while (0)

#define FIRST "INBOX* Archive* Drafts* Junk* Sent* Trash*"

START_TEST(store_mailbox__new_account_has_the_usual_ones)
{
	struct store *st = fixture_open();
	struct store_mailbox_list l;
	uint64_t need = 0;

	ck_list(st, FIRST);
	store_mailbox_list(st, &l, &need);
	ck_assert_int_eq(l.m[1].use, STORE_USE_ARCHIVE);
	ck_assert_int_eq(l.m[4].use, STORE_USE_SENT);
	store_mailbox_list_fini(&l);
	fixture_again(&st);
	ck_list(st, FIRST);
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__keeps_several_uses)
{
	static const unsigned uses[] = {STORE_USE_NONE, STORE_USE_DRAFTS,
	    STORE_USE_FLAGGED, STORE_USE_DRAFTS | STORE_USE_SENT,
	    STORE_USE_ALL | STORE_USE_FLAGGED | STORE_USE_JUNK};
	struct store *st = fixture_open();
	struct store_mailbox_list l;
	uint64_t need = 0;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		char name[] = "a0";

		name[1] = (char)('0' + i);
		ck_assert_int_eq(
		    store_mailbox_create(st, name, uses[i], &need, &err),
		    RC_OK);
	}
	fixture_again(&st);
	store_mailbox_list(st, &l, &need);
	for (i = 0; i < sizeof uses / sizeof uses[0]; i++)
		ck_assert_uint_eq(l.m[6 + i].use, uses[i]);
	store_mailbox_list_fini(&l);
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__create_makes_the_levels_above)
{
	struct store *st = fixture_open();
	uint64_t need = 0;
	struct err err;

	fixture_create(st, "a/b/c");
	ck_list(st, "INBOX* Archive* Drafts* Junk* Sent* Trash* a+ a/b+ a/b/c");
	ck_assert_int_eq(
	    store_mailbox_create(st, "a/b", STORE_USE_NONE, &need, &err),
	    RC_EXISTS);
	ck_assert_int_eq(
	    store_mailbox_create(st, "inbox", STORE_USE_NONE, &need, &err),
	    RC_EXISTS);
	fixture_again(&st);
	ck_list(st, "INBOX* Archive* Drafts* Junk* Sent* Trash* a+ a/b+ a/b/c");
	store_close(&st);
}
END_TEST

static const struct {
	const char *name, *in;
} bad_names[] = {
    {"empty", ""},
    {"slash at the end", "a/"},
    {"slash in front", "/a"},
    {"empty level", "a//b"},
    {"control character", "a\tb"},
    {"delete character", "a\x7f"},
    {"no UTF-8", "a\xff"},
    {"33 levels", "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
		  "a/a/a/a/a"},
};

START_TEST(store_mailbox__refuses_bad_names)
{
	struct store *st = fixture_open();
	char longest[1002];
	uint64_t need = 0;
	struct err err;

	for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++)
		ck_assert_msg(store_mailbox_create(st, bad_names[i].in,
				  STORE_USE_NONE, &need, &err) == RC_SYNTAX,
		    "%s", bad_names[i].name);
	memset(longest, 'x', sizeof longest);
	longest[1001] = '\0';
	ck_assert_int_eq(
	    store_mailbox_create(st, longest, STORE_USE_NONE, &need, &err),
	    RC_SYNTAX);
	longest[1000] = '\0';
	fixture_create(st, longest);
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__delete_keeps_a_level_with_children)
{
	struct store *st = fixture_open();
	uint64_t need = 0;
	struct err err;
	struct view *v;
	uint32_t id;

	fixture_create(st, "a/b");
	id = fixture_status(st, "a").id;
	ck_assert_int_eq(
	    store_mailbox_delete(st, "INBOX", &need, &err), RC_DENIED);
	ck_assert_int_eq(
	    store_mailbox_delete(st, "none", &need, &err), RC_NOTFOUND);
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_OK);
	ck_list(st, FIRST " a-+ a/b");
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_DENIED);
	ck_assert_int_eq(
	    view_open(st, "a", false, NULL, NULL, &v, &need), RC_DENIED);
	fixture_again(&st);
	ck_list(st, FIRST " a-+ a/b");
	fixture_create(st, "a");
	ck_assert_uint_ne(fixture_status(st, "a").id, id);
	ck_list(st, FIRST " a+ a/b");
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_OK);
	ck_assert_int_eq(store_mailbox_delete(st, "a/b", &need, &err), RC_OK);
	ck_assert_int_eq(store_mailbox_delete(st, "a", &need, &err), RC_OK);
	ck_list(st, FIRST);
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__uidvalidity_never_comes_back)
{
	struct store *st = fixture_open();
	uint32_t last = 0;
	uint64_t need = 0;
	struct err err;

	for (int i = 0; i < 20; i++) {
		fixture_create(st, "x");
		ck_assert_uint_gt(fixture_status(st, "x").uidvalidity, last);
		last = fixture_status(st, "x").uidvalidity;
		ck_assert_int_eq(
		    store_mailbox_delete(st, "x", &need, &err), RC_OK);
		if (i % 5 == 0)
			fixture_again(&st);
	}
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__rename_takes_children_along)
{
	struct store *st = fixture_open();
	uint64_t need = 0;
	struct err err;
	struct store_status was;

	fixture_create(st, "a/b/c");
	fixture_create(st, "ab");
	fixture_add(st, "a/b/c", "x\r\n", 0);
	was = fixture_status(st, "a/b/c");
	ck_assert_int_eq(
	    store_mailbox_rename(st, "a", "new/place", &need, &err), RC_OK);
	ck_list(st, FIRST " ab new+ new/place+ new/place/b+ new/place/b/c");
	ck_assert_uint_eq(
	    fixture_status(st, "new/place/b/c").uidvalidity, was.uidvalidity);
	ck_assert_uint_eq(fixture_status(st, "new/place/b/c").messages, 1);
	ck_assert_int_eq(
	    store_mailbox_rename(st, "new", "new/x", &need, &err), RC_DENIED);
	ck_assert_int_eq(
	    store_mailbox_rename(st, "new", "ab", &need, &err), RC_EXISTS);
	ck_assert_int_eq(
	    store_mailbox_rename(st, "zz", "yy", &need, &err), RC_NOTFOUND);
	fixture_forget_checkpoint();
	fixture_again(&st);
	ck_list(st, FIRST " ab new+ new/place+ new/place/b+ new/place/b/c");
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__rename_of_inbox_moves_its_messages)
{
	struct store *st = fixture_open();
	struct view *v;
	uint64_t need = 0;
	struct err err;

	fixture_add(st, "INBOX", "one\r\n", STORE_SEEN);
	fixture_add(st, "INBOX", "two\r\n", 0);
	v = fixture_view(st, "inbox");
	fixture_keyword(v, 2, 2, "$label");
	ck_assert_int_eq(
	    store_mailbox_rename(st, "INBOX", "old", &need, &err), RC_OK);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").uidnext, 3);
	ck_assert_uint_eq(fixture_status(st, "old").messages, 2);
	ck_assert_uint_eq(fixture_status(st, "old").unseen, 1);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_mailbox__subscriptions_are_names)
{
	struct store *st = fixture_open();
	uint64_t need = 0;
	struct err err;

	ck_assert_int_eq(
	    store_mailbox_subscribe(st, "not/there", true, &need, &err), RC_OK);
	ck_assert_int_eq(
	    store_mailbox_subscribe(st, "Junk", false, &need, &err), RC_OK);
	ck_list(st, "INBOX* Archive* Drafts* Junk Sent* Trash* not/there?*");
	fixture_again(&st);
	ck_list(st, "INBOX* Archive* Drafts* Junk Sent* Trash* not/there?*");
	store_close(&st);
}
END_TEST

UNIT_TESTS(mailbox)
{
	TCase *t = tcase_create("mailbox");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_mailbox__new_account_has_the_usual_ones);
	tcase_add_test(t, store_mailbox__keeps_several_uses);
	tcase_add_test(t, store_mailbox__create_makes_the_levels_above);
	tcase_add_test(t, store_mailbox__refuses_bad_names);
	tcase_add_test(t, store_mailbox__delete_keeps_a_level_with_children);
	tcase_add_test(t, store_mailbox__uidvalidity_never_comes_back);
	tcase_add_test(t, store_mailbox__rename_takes_children_along);
	tcase_add_test(t, store_mailbox__rename_of_inbox_moves_its_messages);
	tcase_add_test(t, store_mailbox__subscriptions_are_names);
	return t;
}
