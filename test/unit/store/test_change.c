#include <check.h>
#include <stdio.h>
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

static struct store_msg
msg(struct view *v, uint32_t seqno)
{
	struct store_msg m;
	uint64_t need = 0;

	ck_assert_uint_eq(view_msgs(v, seqno, 1, &m, &need), 1);
	return m;
}

START_TEST(store_change__set_add_remove)
{
	struct store *st = with_messages(2);
	struct view *v = fixture_view(st, "INBOX");
	uint64_t modseq = msg(v, 2).modseq;

	fixture_flag(v, 1, 1, STORE_OP_SET, STORE_SEEN | STORE_DRAFT);
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_FLAGGED);
	fixture_flag(v, 1, 1, STORE_OP_REMOVE, STORE_DRAFT);
	ck_assert_uint_eq(msg(v, 1).system, STORE_SEEN | STORE_FLAGGED);
	ck_assert_uint_eq(msg(v, 2).modseq, modseq);
	modseq = msg(v, 1).modseq;
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_FLAGGED);
	ck_assert_uint_eq(msg(v, 1).modseq, modseq);
	ck_assert_uint_eq(fixture_status(st, "INBOX").modseq, modseq);
	ck_assert_uint_eq(fixture_status(st, "INBOX").unseen, 1);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_change__unchanged_since)
{
	struct store *st = with_messages(3);
	struct view *v = fixture_view(st, "INBOX");
	struct store_flags f = {.system = STORE_SEEN};
	struct rangeset all = RANGESET_EMPTY, changed = RANGESET_EMPTY,
			failed = RANGESET_EMPTY;
	uint64_t need = 0, since = fixture_status(st, "INBOX").modseq;
	struct err err;

	/* Another flag of 3 matters not [RFC 7162 3.1.12]. */
	fixture_flag(v, 2, 2, STORE_OP_ADD, STORE_SEEN);
	fixture_flag(v, 3, 3, STORE_OP_ADD, STORE_FLAGGED);
	rangeset_add(&all, 1, 3);
	ck_assert_int_eq(view_store(v, &all, STORE_OP_ADD, &f, &since, &changed,
			     &failed, &need, &err),
	    RC_OK);
	ck_assert_str_eq(fixture_set(&changed), "1,3");
	ck_assert_str_eq(fixture_set(&failed), "2");
	ck_assert_uint_eq(msg(v, 3).system, STORE_FLAGGED | STORE_SEEN);
	/* 0 is a value like others: all have been changed since. */
	rangeset_reset(&changed);
	rangeset_reset(&failed);
	since = 0;
	ck_assert_int_eq(view_store(v, &all, STORE_OP_REMOVE, &f, &since,
			     &changed, &failed, &need, &err),
	    RC_OK);
	ck_assert_uint_eq(changed.n, 0);
	ck_assert_str_eq(fixture_set(&failed), "1:3");
	rangeset_fini(&failed);
	rangeset_fini(&changed);
	rangeset_fini(&all);
	view_close(&v);
	store_close(&st);
}
END_TEST

/* What a view was told of, while an expunge waits and after it. */
START_TEST(store_change__highest_modseq_is_what_was_told)
{
	struct store *st = with_messages(4);
	struct view *v = fixture_view(st, "INBOX"),
		    *w = fixture_view(st, "INBOX");
	struct view_changes ch;
	struct view_info i;
	uint64_t need = 0, at, deleted;

	view_info(v, &i, &need);
	at = i.highest_modseq;
	ck_assert_uint_eq(at, fixture_status(st, "INBOX").modseq);
	fixture_flag(w, 2, 2, STORE_OP_ADD, STORE_DELETED);
	view_info(v, &i, &need);
	ck_assert_uint_eq(i.highest_modseq, at);
	ck_assert(!i.expunge_waits);
	deleted = fixture_status(st, "INBOX").modseq;
	fixture_expunge(w);
	fixture_flag(w, 1, 1, STORE_OP_ADD, STORE_SEEN);
	view_sync(v, false, &ch, &need);
	view_changes_fini(&ch);
	view_info(v, &i, &need);
	ck_assert(i.expunge_waits);
	ck_assert_uint_ge(i.highest_modseq, deleted);
	ck_assert_uint_lt(
	    i.highest_modseq, fixture_status(st, "INBOX").modseq - 1);
	view_sync(v, true, &ch, &need);
	view_changes_fini(&ch);
	view_info(v, &i, &need);
	ck_assert(!i.expunge_waits);
	ck_assert_uint_eq(i.highest_modseq, fixture_status(st, "INBOX").modseq);
	view_close(&w);
	view_close(&v);
	store_close(&st);
}
END_TEST

static int
add_key(struct view *v, uint32_t lo, uint32_t hi, const char *name)
{
	struct rangeset all = RANGESET_EMPTY, c = RANGESET_EMPTY,
			f = RANGESET_EMPTY;
	struct sv k = sv_str(name);
	struct store_flags fl = {.keyword = &k, .nkeyword = 1};
	uint64_t need = 0;
	struct err err;
	int r;

	rangeset_add(&all, lo, hi);
	r = view_store(v, &all, STORE_OP_ADD, &fl, NULL, &c, &f, &need, &err);
	rangeset_fini(&all);
	rangeset_fini(&c);
	rangeset_fini(&f);
	return r;
}

static bool
has_key(struct view *v, uint32_t seqno, const char *key)
{
	const char *name[64];
	size_t n = view_keywords(v, name);

	for (size_t i = 0; i < n; i++)
		if (strcmp(name[i], key) == 0)
			return msg(v, seqno).keywords >> i & 1;
	return false;
}

static void
add_keys(struct view *v, uint32_t seqno, int from, int to)
{
	char text[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(text, sizeof text, "key%d", i);
		ck_assert_int_eq(add_key(v, seqno, seqno, text), RC_OK);
	}
}

/* A keyword that no message has any more makes room, also after a restart, and
 * the others keep theirs. */
START_TEST(store_change__a_keyword_out_of_use_makes_room)
{
	struct store *st = with_messages(2);
	struct view *v = fixture_view(st, "INBOX"),
		    *w = fixture_view(st, "INBOX");
	struct rangeset one = RANGESET_EMPTY, c = RANGESET_EMPTY,
			f = RANGESET_EMPTY;
	struct sv k = SV("key3");
	struct store_flags fl = {.keyword = &k, .nkeyword = 1};
	struct view_changes ch;
	struct view_info info;
	const char *name[64];
	uint64_t need = 0;
	struct err err;

	add_keys(v, 1, 0, 64);
	ck_assert_int_eq(add_key(v, 2, 2, "fresh"), RC_TOOBIG);
	view_sync(w, true, &ch, &need);
	view_changes_fini(&ch);
	rangeset_add(&one, 1, 1);
	ck_assert_int_eq(view_store(v, &one, STORE_OP_REMOVE, &fl, NULL, &c, &f,
			     &need, &err),
	    RC_OK);
	view_info(v, &info, &need);
	ck_assert(!info.keywords_full);
	ck_assert_int_eq(add_key(v, 2, 2, "fresh"), RC_OK);
	view_sync(w, true, &ch, &need);
	ck_assert(ch.keywords_changed);
	view_changes_fini(&ch);
	for (int round = 0; round < 3; round++) {
		ck_assert_uint_eq(view_keywords(v, name), 64);
		ck_assert(has_key(v, 2, "fresh") && !has_key(v, 1, "fresh"));
		ck_assert(!has_key(v, 1, "key3") && has_key(v, 1, "key4"));
		ck_assert_int_eq(add_key(v, 2, 2, "key3"), RC_TOOBIG);
		view_close(&v);
		if (round == 0) {
			view_close(&w);
			fixture_forget_checkpoint();
		}
		fixture_again(&st);
		v = fixture_view(st, "INBOX");
	}
	view_close(&v);
	store_close(&st);
	rangeset_fini(&one);
	rangeset_fini(&c);
	rangeset_fini(&f);
}
END_TEST

/* What is brought back does not come with a keyword that took the place. */
START_TEST(store_change__expunged_mail_holds_no_keyword)
{
	struct store *st = with_messages(2);
	struct view *v = fixture_view(st, "INBOX");
	struct rangeset one = RANGESET_EMPTY;
	struct view_changes ch;
	uint64_t need = 0;
	struct err err;

	add_keys(v, 1, 0, 64);
	rangeset_add(&one, 1, 1);
	ck_assert_int_eq(view_remove(v, &one, &need, &err), RC_OK);
	view_sync(v, true, &ch, &need);
	view_changes_fini(&ch);
	add_keys(v, 1, 100, 164);
	ck_assert(has_key(v, 1, "key100") && has_key(v, 1, "key163"));
	ck_assert_int_eq(add_key(v, 1, 1, "key0"), RC_TOOBIG);
	view_close(&v);
	store_close(&st);
	rangeset_fini(&one);
}
END_TEST

/* Better a message without a keyword than none. */
START_TEST(store_change__what_has_no_room_is_left_out)
{
	struct store *st = with_messages(1);
	struct view *v = fixture_view(st, "INBOX");
	struct rangeset one = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct sv keys[70];
	char text[70][8];
	struct store_add a = {
	    .mailbox = "Sent", .flags = {.keyword = keys, .nkeyword = 70}};
	struct store_body *b = store_body_new(st);
	struct store_added out;
	uint32_t validity;
	uint64_t need = 0;
	struct view *w;
	struct err err;

	for (int i = 0; i < 70; i++) {
		(void)snprintf(text[i], sizeof text[i], "k%d", i);
		keys[i] = sv_str(text[i]);
	}
	ck_assert_int_eq(store_body_add(b, "x\r\n", 3), RC_OK);
	ck_assert_int_eq(store_add(st, &b, &a, &out, &need, &err), RC_OK);
	ck_assert_int_eq(add_key(v, 1, 1, "k5"), RC_OK);
	ck_assert_int_eq(add_key(v, 1, 1, "more"), RC_OK);
	rangeset_add(&one, 1, 1);
	for (int move = 0; move < 2; move++)
		ck_assert_int_eq(view_copy(v, &one, "Sent", move == 1,
				     &validity, &src, &dst, &need, &err),
		    RC_OK);
	w = fixture_view(st, "Sent");
	ck_assert_uint_eq(view_count(w), 3);
	ck_assert(msg(w, 1).keywords == UINT64_MAX);
	for (uint32_t i = 2; i <= 3; i++)
		ck_assert(has_key(w, i, "k5") && !has_key(w, i, "more"));
	view_close(&w);
	view_close(&v);
	store_close(&st);
	rangeset_fini(&one);
	rangeset_fini(&src);
	rangeset_fini(&dst);
}
END_TEST

START_TEST(store_change__sixty_four_keywords_and_no_more)
{
	struct store *st = with_messages(1);
	struct view *v = fixture_view(st, "INBOX");
	struct rangeset all = RANGESET_EMPTY, c = RANGESET_EMPTY,
			f = RANGESET_EMPTY;
	struct view_info info;
	const char *name[64];
	uint64_t need = 0;
	struct err err;

	rangeset_add(&all, 1, 1);
	for (int i = 0; i < 65; i++) {
		char text[16];
		struct sv k;
		struct store_flags fl = {.keyword = &k, .nkeyword = 1};

		(void)snprintf(text, sizeof text, "key%d", i);
		k = sv_str(text);
		ck_assert_int_eq(view_store(v, &all, STORE_OP_ADD, &fl, NULL,
				     &c, &f, &need, &err),
		    i < 64 ? RC_OK : RC_TOOBIG);
	}
	view_info(v, &info, &need);
	ck_assert(info.keywords_full);
	ck_assert_uint_eq(view_keywords(v, name), 64);
	ck_assert_str_eq(name[63], "key63");
	ck_assert(msg(v, 1).keywords == UINT64_MAX);
	/* Case does not make another one. */
	fixture_keyword(v, 1, 1, "KEY7");
	view_close(&v);
	fixture_forget_checkpoint();
	fixture_again(&st);
	v = fixture_view(st, "INBOX");
	ck_assert_uint_eq(view_keywords(v, name), 64);
	ck_assert_str_eq(name[7], "key7");
	view_close(&v);
	rangeset_fini(&all);
	rangeset_fini(&c);
	rangeset_fini(&f);
	store_close(&st);
}
END_TEST

START_TEST(store_change__expunge_only_what_is_named_and_marked)
{
	struct store *st = with_messages(6);
	struct view *v = fixture_view(st, "INBOX");
	struct rangeset uids = RANGESET_EMPTY;
	struct view_changes c;
	uint64_t need = 0;
	struct err err;

	fixture_flag(v, 2, 5, STORE_OP_ADD, STORE_DELETED);
	rangeset_add(&uids, 1, 3);
	rangeset_add(&uids, 5, 5);
	ck_assert_int_eq(view_expunge(v, &uids, &need, &err), RC_OK);
	view_sync(v, true, &c, &need);
	ck_assert_str_eq(fixture_set(&c.expunged), "2:3,5");
	view_changes_fini(&c);
	ck_assert_str_eq(fixture_uids(v), "1,4,6");
	rangeset_reset(&uids);
	rangeset_add(&uids, 1, 6);
	ck_assert_int_eq(view_remove(v, &uids, &need, &err), RC_OK);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").deleted, 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").size, 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").uidnext, 7);
	rangeset_fini(&uids);
	view_close(&v);
	fixture_forget_checkpoint();
	fixture_again(&st);
	ck_assert_uint_eq(fixture_status(st, "INBOX").uidnext, 7);
	ck_assert_uint_eq(fixture_add(st, "INBOX", "x\r\n", 0), 7);
	store_close(&st);
}
END_TEST

START_TEST(store_change__readonly_view_changes_nothing)
{
	struct store *st = with_messages(1);
	struct view *v = NULL;
	struct store_flags f = {.system = STORE_SEEN};
	struct rangeset all = RANGESET_EMPTY, c = RANGESET_EMPTY,
			d = RANGESET_EMPTY;
	uint32_t validity;
	uint64_t need = 0;
	struct err err;

	rangeset_add(&all, 1, 1);
	ck_assert_int_eq(
	    view_open(st, "INBOX", true, NULL, NULL, &v, &need), RC_OK);
	ck_assert_int_eq(
	    view_store(v, &all, STORE_OP_ADD, &f, NULL, &c, &d, &need, &err),
	    RC_DENIED);
	ck_assert_int_eq(view_expunge(v, NULL, &need, &err), RC_DENIED);
	ck_assert_int_eq(
	    view_copy(v, &all, "Trash", true, &validity, &c, &d, &need, &err),
	    RC_DENIED);
	ck_assert_int_eq(
	    view_copy(v, &all, "Trash", false, &validity, &c, &d, &need, &err),
	    RC_OK);
	ck_assert_uint_eq(fixture_status(st, "Trash").messages, 1);
	rangeset_fini(&all);
	rangeset_fini(&c);
	rangeset_fini(&d);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_change__copy_and_move)
{
	struct store *st = with_messages(5);
	struct view *v = fixture_view(st, "INBOX"), *t;
	struct rangeset set = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	uint32_t validity = 0;
	uint64_t need = 0, body = msg(v, 2).body;
	struct err err;

	fixture_add(st, "Trash", "y\r\n", 0);
	fixture_flag(v, 2, 2, STORE_OP_ADD, STORE_FLAGGED);
	fixture_keyword(v, 2, 2, "blue");
	fixture_keyword(v, 4, 4, "red");
	rangeset_add(&set, 2, 2);
	rangeset_add(&set, 4, 9);
	ck_assert_int_eq(view_copy(v, &set, "none", false, &validity, &src,
			     &dst, &need, &err),
	    RC_NOTFOUND);
	ck_assert_int_eq(view_copy(v, &set, "Trash", false, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_str_eq(fixture_set(&src), "2,4:5");
	ck_assert_str_eq(fixture_set(&dst), "2:4");
	ck_assert_uint_eq(validity, fixture_status(st, "Trash").uidvalidity);
	t = fixture_view(st, "Trash");
	ck_assert_uint_eq(msg(t, 2).body, body);
	ck_assert_uint_eq(msg(t, 2).system, STORE_FLAGGED);
	ck_assert_uint_eq(msg(t, 2).keywords, 1);
	ck_assert_uint_eq(msg(t, 3).keywords, 2);
	rangeset_reset(&src);
	rangeset_reset(&dst);
	ck_assert_int_eq(view_copy(v, &set, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_str_eq(fixture_set(&src), "2,4:5");
	ck_assert_str_eq(fixture_set(&dst), "1:3");
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 2);
	ck_assert(msg(v, 2).expunged);
	/* What is gone cannot move again. */
	rangeset_reset(&src);
	rangeset_reset(&dst);
	ck_assert_int_eq(view_copy(v, &set, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_uint_eq(src.n, 0);
	ck_assert_uint_eq(fixture_status(st, "Archive").messages, 3);
	rangeset_fini(&set);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	view_close(&t);
	view_close(&v);
	store_close(&st);
}
END_TEST

/* Each copy doubles the mailbox, until one is too large: nothing of it. */
START_TEST(store_change__copies_at_most_a_million)
{
	struct store *st;
	struct view *v;
	struct rangeset all = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct view_changes c;
	uint32_t validity, have = 1;
	uint64_t need = 0;
	struct err err;

	/* The reader in Python would take minutes for this one. */
	(void)unsetenv("ACCOUNT_READER");
	st = with_messages(1);
	v = fixture_view(st, "INBOX");
	rangeset_add(&all, 1, UINT32_MAX);
	while (view_copy(v, &all, "INBOX", false, &validity, &src, &dst, &need,
		   &err) == RC_OK) {
		have *= 2;
		view_sync(v, true, &c, &need);
		ck_assert_uint_eq(c.exists, have);
		view_changes_fini(&c);
		rangeset_reset(&src);
		rangeset_reset(&dst);
	}
	ck_assert_uint_eq(have, 1u << 20);
	ck_assert_ptr_nonnull(strstr(err.text, "over a million"));
	ck_assert(src.n == 0 && dst.n == 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, have);
	rangeset_fini(&all);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	view_close(&v);
	store_close(&st);
}
END_TEST

START_TEST(store_change__move_into_the_same_mailbox)
{
	struct store *st = with_messages(3);
	struct view *v = fixture_view(st, "INBOX");
	struct rangeset set = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct view_changes c;
	uint32_t validity;
	uint64_t need = 0;
	struct err err;

	rangeset_add(&set, 1, 2);
	ck_assert_int_eq(view_copy(v, &set, "INBOX", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_str_eq(fixture_set(&dst), "4:5");
	view_sync(v, true, &c, &need);
	ck_assert_uint_eq(c.exists, 3);
	view_changes_fini(&c);
	ck_assert_str_eq(fixture_uids(v), "3,4,5");
	rangeset_fini(&set);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	view_close(&v);
	store_close(&st);
}
END_TEST

UNIT_TESTS(change)
{
	TCase *t = tcase_create("change");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_change__set_add_remove);
	tcase_add_test(t, store_change__unchanged_since);
	tcase_add_test(t, store_change__highest_modseq_is_what_was_told);
	tcase_add_test(t, store_change__sixty_four_keywords_and_no_more);
	tcase_add_test(t, store_change__a_keyword_out_of_use_makes_room);
	tcase_add_test(t, store_change__expunged_mail_holds_no_keyword);
	tcase_add_test(t, store_change__what_has_no_room_is_left_out);
	tcase_add_test(t, store_change__expunge_only_what_is_named_and_marked);
	tcase_add_test(t, store_change__readonly_view_changes_nothing);
	tcase_add_test(t, store_change__copy_and_move);
	tcase_add_test(t, store_change__copies_at_most_a_million);
	tcase_add_test(t, store_change__move_into_the_same_mailbox);
	return t;
}
