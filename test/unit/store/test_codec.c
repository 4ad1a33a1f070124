#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "store/change.h"
#include "store/encode.h"
#include "test/unit/unit.h"

START_TEST(store_codec__varints)
{
	static const uint64_t v[] = {
	    0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct decoder w;

		buf_reset(&b);
		encode_uint(&b, v[i]);
		w = (struct decoder){buf_sv(&b), false};
		ck_assert_uint_eq(decode_uint(&w), v[i]);
		ck_assert(!w.bad && w.s.n == 0);
		w = (struct decoder){sv_first(buf_sv(&b), b.n - 1), false};
		(void)decode_uint(&w);
		ck_assert(w.bad);
		ck_assert_int_eq(
		    unzigzag(zigzag((int64_t)v[i])), (int64_t)v[i]);
	}
	buf_fini(&b);
}
END_TEST

/* The largest change that may be: no field is as short as it could be. */
START_TEST(store_codec__a_million_messages_fit_into_a_record)
{
	struct change c;
	struct buf b;

	change_init(&c, CHANGE_ADDED);
	c.nmsg = CHANGE_MESSAGES_MAX;
	c.msg = xcalloc(c.nmsg, sizeof *c.msg);
	for (uint32_t i = 0; i < c.nmsg; i++) {
		bool odd = i % 2 == 1;

		c.msg[i] = (struct msg){.uid = 1 + i * 4000,
		    .system = UINT8_MAX,
		    .keywords = UINT64_MAX - i,
		    .internal_date = odd ? INT64_MAX / 4 : INT64_MIN / 4,
		    .zone = odd ? INT16_MAX : INT16_MIN,
		    .save_date = odd ? UINT32_MAX : 0,
		    .body = odd ? UINT64_MAX / 4 : 0,
		    .size = UINT32_MAX};
		rangeset_add(&c.source_uids, 1 + i * 4000, 3000 + i * 4000);
	}
	buf_init(&b, JOURNAL_PAYLOAD_MAX);
	change_encode(&c, &b);
	ck_assert_uint_gt(b.n, 40 * CHANGE_MESSAGES_MAX);
	ck_assert_uint_lt(b.n, JOURNAL_PAYLOAD_MAX - 100000);
	change_fini(&c);
	buf_fini(&b);
}
END_TEST

/* One of everything. */
static void
sample(struct change *c)
{
	change_init(c, CHANGE_ADDED);
	c->mailbox = 7;
	c->source = 9;
	c->nmsg = 3;
	c->msg = xcalloc(3, sizeof *c->msg);
	for (uint32_t i = 0; i < 3; i++)
		c->msg[i] = (struct msg){.uid = 10 + i * i,
		    .system = (uint8_t)i,
		    .keywords = UINT64_MAX >> (20 * i),
		    .internal_date = -5 + (int64_t)i * 1000,
		    .zone = (int16_t)(60 - 90 * (int)i),
		    .save_date = 1700000000,
		    .body = 1000 - 300 * i,
		    .size = UINT32_MAX - i};
	rangeset_add(&c->source_uids, 1, 3);
	rangeset_add(&c->source_uids, 9, UINT32_MAX);
	c->slot[0] = (struct change_slot){63, 12};
	c->nslot = 1;
	c->has_delivery = true;
	memset(c->delivery, 0xee, sizeof c->delivery);
	c->name = SV("a name");
	c->uidvalidity = 77;
}

START_TEST(store_codec__change_comes_back)
{
	struct change c, d;
	struct buf b;

	buf_init(&b, 10000);
	sample(&c);
	change_encode(&c, &b);
	ck_assert_int_eq(change_decode(CHANGE_ADDED, buf_sv(&b), &d), RC_OK);
	ck_assert_uint_eq(d.mailbox, 7);
	ck_assert_uint_eq(d.source, 9);
	ck_assert_uint_eq(d.nmsg, 3);
	ck_assert_mem_eq(c.msg, d.msg, 3 * sizeof *c.msg);
	ck_assert_uint_eq(d.source_uids.n, 2);
	ck_assert_mem_eq(
	    c.source_uids.r, d.source_uids.r, 2 * sizeof(struct range));
	ck_assert_uint_eq(d.slot[0].bit, 63);
	ck_assert_uint_eq(d.slot[0].keyword, 12);
	ck_assert(d.has_delivery);
	ck_assert_mem_eq(c.delivery, d.delivery, sizeof c.delivery);
	ck_assert(sv_eq(c.name, d.name));
	ck_assert_uint_eq(d.uidvalidity, 77);
	change_fini(&d);
	/* Cut anywhere: an error or less, never a crash. */
	for (size_t n = 0; n < b.n; n++) {
		int r =
		    change_decode(CHANGE_ADDED, sv_first(buf_sv(&b), n), &d);

		if (r == RC_OK)
			change_fini(&d);
	}
	change_fini(&c);
	buf_fini(&b);
}
END_TEST

START_TEST(store_codec__unknown_fields)
{
	char field[] = {0x7f, 0x01, 0, 0, 0, 1, 'x'};
	struct change c;

	ck_assert_int_eq(
	    change_decode(CHANGE_FLAGS, sv_of(field, sizeof field), &c), RC_OK);
	change_fini(&c);
	field[0] = (char)0xff;
	ck_assert_int_eq(
	    change_decode(CHANGE_FLAGS, sv_of(field, sizeof field), &c),
	    RC_NOSUPPORT);
	ck_assert_int_eq(change_decode(999, SV(""), &c), RC_NOSUPPORT);
}
END_TEST

START_TEST(store_codec__many_messages_are_compact)
{
	struct change c;
	struct buf b;

	buf_init(&b, 1 << 20);
	change_init(&c, CHANGE_ADDED);
	c.mailbox = 1;
	c.nmsg = 10000;
	c.msg = xcalloc(c.nmsg, sizeof *c.msg);
	for (uint32_t i = 0; i < 10000; i++)
		c.msg[i] = (struct msg){.uid = i + 1,
		    .internal_date = 1700000000 + i * 600,
		    .save_date = 1700000000,
		    .body = 10 + 2 * (uint64_t)i,
		    .size = 4000 + i};
	change_encode(&c, &b);
	ck_assert_uint_lt(b.n, 10000 * 16);
	change_fini(&c);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(change_codec)
{
	TCase *t = tcase_create("codec");

	tcase_add_test(t, store_codec__varints);
	tcase_add_test(t, store_codec__a_million_messages_fit_into_a_record);
	tcase_add_test(t, store_codec__change_comes_back);
	tcase_add_test(t, store_codec__unknown_fields);
	tcase_add_test(t, store_codec__many_messages_are_compact);
	return t;
}
