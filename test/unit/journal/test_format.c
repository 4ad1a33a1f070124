#include <check.h>
#include <string.h>

#include "journal/format.h"
#include "test/unit/unit.h"

static struct seg_header
sample(void)
{
	struct seg_header h = {.kind = {'m', 'a', 'i', 'l'},
	    .number = 7,
	    .prev = 6,
	    .epoch = 0x1122334455667788u,
	    .key = "0123456789abcde",
	    .time = 1700000000000,
	    .first_seq = 100,
	    .prev_epoch = 5,
	    .prev_seq = 99,
	    .prev_off = 77777};

	return h;
}

START_TEST(journal_format__segment_header_comes_back_from_either_copy)
{
	struct seg_header h = sample(), got;
	unsigned char raw[SEG_HEADER];

	rangeset_add(&h.replaces, 1, 3);
	rangeset_add(&h.replaces, 5, 5);
	for (int damage = 0; damage < 3; damage++) {
		seg_header_encode(&h, raw);
		if (damage == 1)
			memset(raw, 0, SEG_COPY);
		if (damage == 2)
			raw[SEG_COPY + 30] ^= 1;
		ck_assert_int_eq(seg_header_decode(raw, &got), RC_OK);
		ck_assert_uint_eq(got.number, 7);
		ck_assert_uint_eq(got.epoch, h.epoch);
		ck_assert_mem_eq(got.key, h.key, SEG_KEY);
		ck_assert_uint_eq(got.prev_off, 77777);
		ck_assert_uint_eq(got.replaces.n, 2);
		ck_assert_uint_eq(got.replaces.r[0].hi, 3);
		rangeset_fini(&got.replaces);
	}
	raw[20] ^= 1;
	ck_assert_int_eq(seg_header_decode(raw, &got), RC_DAMAGED);
	rangeset_fini(&h.replaces);
}
END_TEST

START_TEST(journal_format__most_ranges_that_fit)
{
	struct seg_header h = sample(), got;
	unsigned char raw[SEG_HEADER];

	for (uint32_t i = 0; i < SEG_RANGES_MAX; i++)
		rangeset_add(&h.replaces, 10 * i + 1, 10 * i + 2);
	seg_header_encode(&h, raw);
	ck_assert_int_eq(seg_header_decode(raw, &got), RC_OK);
	ck_assert_uint_eq(got.replaces.n, SEG_RANGES_MAX);
	rangeset_fini(&got.replaces);
	rangeset_fini(&h.replaces);
}
END_TEST

START_TEST(journal_format__record_header_is_hashed)
{
	struct rec_header h = {.len = 10,
			      .type = 17,
			      .flags = 1,
			      .seq = 1234,
			      .time = 99,
			      .crc = 0xdeadbeef,
			      .decoded_len = 10},
			  got;
	unsigned char key[SEG_KEY] = "key", other[SEG_KEY] = "yek";
	unsigned char raw[REC_HEADER], zero[REC_HEADER] = {0};

	rec_header_encode(&h, key, raw);
	ck_assert_int_eq(rec_header_decode(raw, key, &got), RC_OK);
	ck_assert_uint_eq(got.seq, 1234);
	ck_assert_uint_eq(got.crc, 0xdeadbeef);
	ck_assert_int_eq(rec_header_decode(raw, other, &got), RC_DAMAGED);
	for (size_t i = 0; i < REC_HEADER; i++) {
		raw[i] ^= 0x10;
		ck_assert_int_eq(rec_header_decode(raw, key, &got), RC_DAMAGED);
		raw[i] ^= 0x10;
	}
	ck_assert_int_eq(rec_header_decode(zero, key, &got), RC_EOF);
}
END_TEST

static const struct {
	const char *name, *suffix;
	bool good;
	uint32_t number;
} names[] = {
    {"000001", "", true, 1},
    {"000001.toc", ".toc", true, 1},
    {"1234567", "", true, 1234567},
    {"000000", "", false, 0},
    {"00001", "", false, 0},
    {"0000001", "", false, 0},
    {"000001x", "", false, 0},
    {"000001.toc", "", false, 0},
    {"", "", false, 0},
    {"99999999999", "", false, 0},
};

START_TEST(journal_format__names)
{
	char out[SEG_NAME_MAX];
	uint64_t body;
	uint32_t v;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		bool ok = seg_name_parse(names[i].name, names[i].suffix, &v);

		ck_assert_msg(ok == names[i].good, "%s", names[i].name);
		if (ok)
			ck_assert_uint_eq(v, names[i].number);
	}
	body_name(0xfeedbeef01020304u, out);
	ck_assert_str_eq(out, "body-feedbeef01020304");
	ck_assert(body_name_parse(out, &body));
	ck_assert_uint_eq(body, 0xfeedbeef01020304u);
	ck_assert(!body_name_parse("body-FEEDBEEF01020304", &body));
	ck_assert(!body_name_parse("body-feedbeef0102030", &body));
}
END_TEST

UNIT_TESTS(format)
{
	TCase *t = tcase_create("format");

	tcase_add_test(
	    t, journal_format__segment_header_comes_back_from_either_copy);
	tcase_add_test(t, journal_format__most_ranges_that_fit);
	tcase_add_test(t, journal_format__record_header_is_hashed);
	tcase_add_test(t, journal_format__names);
	return t;
}
