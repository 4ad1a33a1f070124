/* What makes an import resumable. */
#include "test/unit/unit.h"

#include "imap/transfer/state.h"

static struct state_try try;

static struct state_key
key(const char *what, unsigned i)
{
	struct sv part = sv_of(&i, sizeof i);
	struct state_key k;

	state_key_make(&k, what, &part, 1);
	return k;
}

/* A file with a head and one try of n messages. */
static struct state *
begin(struct buf *file, unsigned n)
{
	struct state *s = state_new();
	unsigned i;

	buf_init(file, 1 << 20);
	state_put_head(SV("imap://a\nb"), file);
	state_feed(s, buf_sv(file));
	try.uidvalidity = 17;
	try.uidnext = 4;
	buf_init(&try.folder, 100);
	buf_adds(&try.folder, "Sub/two words");
	for (i = 0; i < n; i++)
		try.msg[i] = (struct state_msg){
		    key("key", i), key("content", i), 100 + i, 0};
	try.n = n;
	state_put_try(s, &try, file);
	return s;
}

static struct state *
load(struct sv text, size_t step)
{
	struct state *s = state_new();
	size_t i;

	for (i = 0; i < text.n; i += step)
		state_feed(s, sv_first(sv_skip(text, i), step));
	return s;
}

START_TEST(state__knows_what_came)
{
	bool missing[STATE_BATCH] = {[2] = true, [4] = true};
	struct buf file;
	struct state *s = begin(&file, 5), *t;
	struct state_key k;
	unsigned i;

	state_put_end(s, missing, &file);
	t = load(buf_sv(&file), 3);
	ck_assert_int_eq(state_loaded(t), RC_OK);
	ck_assert_ptr_null(state_open_try(t));
	for (i = 0; i < 6; i++) {
		k = key("key", i);
		ck_assert(state_has(t, &k) == (i < 4 && i != 2));
		ck_assert(state_has(s, &k) == (i < 4 && i != 2));
		k = key("content", i);
		ck_assert(state_has_content(t, &k) == (i < 4 && i != 2));
		ck_assert(!state_has(t, &k));
	}
	ck_assert_uint_eq(state_uidvalidity(t, SV("Sub/two words")), 17);
	ck_assert_uint_eq(state_uidvalidity(t, SV("INBOX")), 0);
	state_free(&t);
	state_free(&s);
	buf_fini(&file);
	buf_fini(&try.folder);
}
END_TEST

START_TEST(state__a_try_without_end_is_open)
{
	struct buf file;
	struct state *s = begin(&file, STATE_BATCH);
	struct state *t = load(buf_sv(&file), 1000);
	const struct state_try *o = state_open_try(t);
	struct state_key k = key("key", 3);

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->n, STATE_BATCH);
	ck_assert_uint_eq(o->uidnext, 4);
	ck_assert_str_eq(o->folder.p, "Sub/two words");
	ck_assert_uint_eq(o->msg[7].size, 107);
	ck_assert(!state_has(t, &k));
	state_free(&t);
	state_free(&s);
	buf_fini(&file);
	buf_fini(&try.folder);
}
END_TEST

/* Torn anywhere: nothing that did not come counts as come, and what is
 * written behind the torn line is understood. */
START_TEST(state__a_torn_file_claims_nothing)
{
	bool missing[STATE_BATCH] = {[1] = true, [12] = true};
	struct buf file;
	struct state *s = begin(&file, 13);
	size_t head = sv_find(buf_sv(&file), SV("try ")), whole, n;
	unsigned i;

	state_put_end(s, missing, &file);
	whole = file.n;
	for (n = head; n < whole; n++) {
		struct state *t = load(sv_first(buf_sv(&file), n), 100);
		bool none[STATE_BATCH] = {false};
		struct buf more;
		struct state_key k;

		ck_assert_int_eq(state_loaded(t), RC_OK);
		for (i = 0; i < 13; i++) {
			k = key("key", i);
			ck_assert_msg(!state_has(t, &k), "%zu bytes", n);
		}
		buf_init(&more, 1 << 20);
		buf_add(&more, file.p, n);
		state_put_try(t, &try, &more);
		state_put_end(t, none, &more);
		state_free(&t);
		t = load(buf_sv(&more), 100);
		for (i = 0; i < 13; i++) {
			k = key("key", i);
			ck_assert_msg(state_has(t, &k), "%zu bytes", n);
		}
		state_free(&t);
		buf_fini(&more);
	}
	state_free(&s);
	buf_fini(&file);
	buf_fini(&try.folder);
}
END_TEST

START_TEST(state__other_files_are_refused)
{
	struct state *s = load(SV("something else\n"), 100);

	ck_assert_int_eq(state_loaded(s), RC_SYNTAX);
	state_free(&s);
	s = load(SV(""), 100);
	ck_assert_int_eq(state_loaded(s), RC_SYNTAX);
	state_free(&s);
}
END_TEST

START_TEST(state_set__holds_many)
{
	struct state_set set = {NULL, 0, 0};
	struct state_key k;
	unsigned i;

	for (i = 0; i < 50000; i++) {
		k = key("x", i);
		ck_assert(!state_set_has(&set, &k));
		ck_assert(state_set_add(&set, &k));
		ck_assert(!state_set_add(&set, &k));
	}
	for (i = 0; i < 50000; i++) {
		k = key("x", i);
		ck_assert(state_set_has(&set, &k));
	}
	ck_assert_uint_eq(set.n, 50000);
	state_set_fini(&set);
}
END_TEST

UNIT_TESTS(transfer_state)
{
	TCase *t = tcase_create("state");

	tcase_add_test(t, state__knows_what_came);
	tcase_add_test(t, state__a_try_without_end_is_open);
	tcase_add_test(t, state__a_torn_file_claims_nothing);
	tcase_add_test(t, state__other_files_are_refused);
	tcase_add_test(t, state_set__holds_many);
	return t;
}
