#include <check.h>

#include "history/record.h"
#include "test/unit/unit.h"

static const struct history_step full = {.kind = HISTORY_TRIED,
    .count = HISTORY_C_NONE,
    .writer = 3,
    .flags = HISTORY_TLS,
    .when = -5,
    .code = 451,
    .number = UINT64_MAX,
    .who = SV("x@example.test y@example.test"),
    .account = SV("anna"),
    .peer = SV("192.0.2.1"),
    .sender = SV("anna@example.org"),
    .text = SV("come again"),
    .message_id = SV("a@example.org"),
    .subject = SV("Lunch")};

static void
same(const struct history_step *a, const struct history_step *b)
{
	ck_assert_uint_eq(a->kind, b->kind);
	ck_assert_uint_eq(a->count, b->count);
	ck_assert_uint_eq(a->writer, b->writer);
	ck_assert_uint_eq(a->flags, b->flags);
	ck_assert_int_eq(a->when, b->when);
	ck_assert_uint_eq(a->code, b->code);
	ck_assert_uint_eq(a->number, b->number);
	ck_assert(sv_eq(a->who, b->who));
	ck_assert(sv_eq(a->account, b->account));
	ck_assert(sv_eq(a->peer, b->peer));
	ck_assert(sv_eq(a->sender, b->sender));
	ck_assert(sv_eq(a->text, b->text));
	ck_assert(sv_eq(a->message_id, b->message_id));
	ck_assert(sv_eq(a->subject, b->subject));
}

START_TEST(record__comes_back)
{
	static const struct history_step bare = {
	    .kind = HISTORY_REMARK, .count = HISTORY_C_SENT};
	struct history_step got = {.id = {1, 2}};
	struct buf b;
	struct sv all;

	buf_init(&b, 4096);
	history_record_put(&full, &b);
	history_record_put(&bare, &b);
	ck_assert_uint_eq((uint8_t)b.p[HISTORY_RECORD_WRITER], full.writer);
	all = buf_sv(&b);
	ck_assert(history_record_get(&all, &got));
	same(&got, &full);
	ck_assert_uint_eq(got.id[1], 2);
	ck_assert(history_record_get(&all, &got));
	same(&got, &bare);
	ck_assert_uint_eq(all.n, 0);
	ck_assert(!history_record_get(&all, &got));
	buf_fini(&b);
}
END_TEST

/* The bytes are on disks: a change of them is a new version of the tables. */
START_TEST(record__bytes_stay_as_they_are)
{
	static const char bytes[] =
	    "\0\x1b\1\0\x0c\2\3\x0f\1\0\0\0\0\0\0\0\7\4\0\1x\x0a\0\5Lunch";
	static const struct history_step s = {.kind = HISTORY_STORED,
	    .count = HISTORY_C_NONE,
	    .writer = 2,
	    .flags = 1,
	    .when = 7,
	    .who = SV("x"),
	    .subject = SV("Lunch")};
	struct buf b;

	buf_init(&b, 4096);
	history_record_put(&s, &b);
	ck_assert_uint_eq(b.n, sizeof bytes - 1);
	ck_assert_mem_eq(b.p, bytes, b.n);
	buf_fini(&b);
}
END_TEST

START_TEST(record__cut_off_is_none)
{
	struct history_step got = {.kind = 0};
	struct buf b;
	size_t n;

	buf_init(&b, 4096);
	history_record_put(&full, &b);
	for (n = 0; n < b.n; n++) {
		struct sv all = sv_first(buf_sv(&b), n);

		ck_assert(!history_record_get(&all, &got));
		ck_assert_uint_eq(all.n, n);
	}
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name;
	size_t at;
	char byte;
} broken[] = {
    {"another first field", 2, 4},
    {"its length", 4, 11},
    {"a kind that there is not", 6, HISTORY_KINDS},
    {"a count that there is not", 7, HISTORY_COUNTS + 1},
    {"a field beyond the end", 19, 0x7f},
};

START_TEST(record__refuses)
{
	struct history_step got = {.kind = 0};
	struct buf b;
	struct sv all;

	buf_init(&b, 4096);
	history_record_put(&full, &b);
	b.p[broken[_i].at] = broken[_i].byte;
	all = buf_sv(&b);
	ck_assert_msg(!history_record_get(&all, &got), "%s", broken[_i].name);
	buf_fini(&b);
}
END_TEST

START_TEST(record__unknown_fields_are_skipped)
{
	struct history_step got = {.kind = 0};
	struct buf b;
	struct sv all;

	buf_init(&b, 4096);
	history_record_put(&full, &b);
	buf_add(&b, "\x7f\0\3abc", 6);
	b.p[1] = (char)(b.n - 2);
	all = buf_sv(&b);
	ck_assert(history_record_get(&all, &got));
	same(&got, &full);
	buf_fini(&b);
}
END_TEST

START_TEST(record__strips)
{
	struct history_step got = {.kind = 0}, want = full;
	struct buf b, out;
	struct sv all;

	buf_init(&b, 4096);
	buf_init(&out, 4096);
	history_record_put(&full, &b);
	history_record_put(&full, &b);
	ck_assert(history_record_strip(buf_sv(&b), HISTORY_TAG_SUBJECT, &out));
	all = buf_sv(&out);
	want.subject = SV("");
	ck_assert(history_record_get(&all, &got));
	same(&got, &want);
	ck_assert(history_record_get(&all, &got));
	same(&got, &want);
	buf_reset(&b);
	ck_assert(!history_record_strip(buf_sv(&out), HISTORY_TAG_SUBJECT, &b));
	ck_assert(sv_eq(buf_sv(&b), buf_sv(&out)));
	buf_fini(&out);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(record)
{
	TCase *t = tcase_create("record");

	tcase_add_test(t, record__comes_back);
	tcase_add_test(t, record__bytes_stay_as_they_are);
	tcase_add_test(t, record__cut_off_is_none);
	tcase_add_loop_test(
	    t, record__refuses, 0, sizeof broken / sizeof broken[0]);
	tcase_add_test(t, record__unknown_fields_are_skipped);
	tcase_add_test(t, record__strips);
	return t;
}
