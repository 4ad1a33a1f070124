/* The file of a domain's keys. */
#include <stdio.h>
#include <string.h>

#include "auth/ring.h"
#include "base/sv.h"
#include "test/unit/unit.h"

#define NOW 1795536046 /* 2026-11-24 */

static struct dkim_pair one;
static struct buf text1; /* as an earlier version wrote it */

static void
setup(void)
{
	struct err err;

	dkim_key_setup();
	ck_assert_int_eq(dkim_pair_make(NOW, &one, &err), RC_OK);
	buf_init(&text1, DKIM_PAIR_MAX);
	ck_assert_int_eq(dkim_pair_write(&one, &text1), RC_OK);
}

static void
teardown(void)
{
	dkim_pair_fini(&one);
	buf_fini(&text1);
}

static void
add(struct ring *r, enum ring_state s, int64_t now)
{
	static struct buf text;
	static unsigned n;
	struct dkim_pair pair;
	struct err err;
	int i;

	/* The same keys under other names: to make them takes its time. */
	if (n++ == 0) {
		buf_init(&text, DKIM_PAIR_MAX);
		ck_assert_int_eq(dkim_pair_make(now, &pair, &err), RC_OK);
		ck_assert_int_eq(dkim_pair_write(&pair, &text), RC_OK);
		dkim_pair_fini(&pair);
	}
	ck_assert_int_eq(dkim_pair_read(buf_sv(&text), &pair, &err), RC_OK);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		(void)snprintf(pair.selector[i], sizeof pair.selector[i],
		    "hm-%s-202611-%04u", i == 0 ? "rsa" : "ed", n);
	ring_add(r, s, now, &pair);
}

/* What is written is read. */
static void
again(struct ring *r)
{
	struct ring got;
	struct buf a, b;
	struct err err = {.text = ""};

	buf_init(&a, RING_TEXT_MAX);
	buf_init(&b, RING_TEXT_MAX);
	ck_assert_int_eq(ring_write(r, &a), RC_OK);
	ck_assert_msg(
	    ring_read(buf_sv(&a), NOW, &got, &err) == RC_OK, "%s", err.text);
	ck_assert_int_eq(ring_write(&got, &b), RC_OK);
	ck_assert(sv_eq(buf_sv(&a), buf_sv(&b)));
	ring_fini(r);
	*r = got;
	buf_fini(&a);
	buf_fini(&b);
}

START_TEST(ring__keeps_all_states)
{
	struct ring r;
	char first[DKIM_SELECTOR_MAX];

	ring_init(&r);
	add(&r, RING_ACTIVE, NOW);
	(void)strcpy(first, r.e[0].pair.selector[0]);
	again(&r);
	add(&r, RING_ANNOUNCED, NOW + 1);
	r.e[1].told = NOW + 2;
	r.e[1].seen = NOW + 3;
	again(&r);
	ck_assert_int_eq(r.e[1].seen, NOW + 3);
	ck_assert_int_eq(r.e[1].state, RING_ANNOUNCED);
	ck_assert_int_eq(r.e[1].told, NOW + 2);
	ring_move(&r, &r.e[1], RING_ACTIVE, NOW + 3);
	again(&r);
	ck_assert_str_eq(r.e[1].pair.selector[0], first);
	ck_assert_int_eq(r.e[1].state, RING_RETIRING);
	ck_assert_int_eq(r.e[1].since, NOW + 3);
	ring_move(&r, &r.e[1], RING_RETIRED, NOW + 4);
	again(&r);
	/* Only its names are left. */
	ck_assert_ptr_null(r.e[1].pair.key[0]);
	ck_assert_ptr_null(r.e[1].pair.key[1]);
	ck_assert_ptr_eq(ring_named(&r, sv_str(first)), &r.e[1]);
	ring_fini(&r);
}
END_TEST

START_TEST(ring__takes_over_what_was_one_pair)
{
	static const struct {
		int64_t now, since;
	} rows[] = {
	    {NOW, 1793491200 /* 2026-11-01 */}, {1780000000, 1780000000}};
	struct ring r;
	struct err err;
	size_t i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    ring_read(buf_sv(&text1), rows[i].now, &r, &err), RC_OK);
		ck_assert_uint_eq(r.n, 1);
		ck_assert_int_eq(r.e[0].state, RING_ACTIVE);
		ck_assert_int_eq(r.e[0].since, rows[i].since);
		ck_assert_int_eq(r.e[0].told, rows[i].now);
		ck_assert_str_eq(r.e[0].pair.selector[0], one.selector[0]);
		again(&r);
		ring_fini(&r);
	}
}
END_TEST

START_TEST(ring__refuses_what_is_cut_or_changed)
{
	static const char *const bad[] = {"", "hearthmail dkim 3\n",
	    "hearthmail dkim 2\n", "hearthmail dkim 1\n",
	    "hearthmail dkim 2\nkey active 1 1\n",
	    "hearthmail dkim 2\nkey retired 1 1\nselector a\nselector b\n"};
	struct ring r, got;
	struct buf text;
	struct err err;
	size_t i, n;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_int_eq(
		    ring_read(sv_str(bad[i]), NOW, &got, &err), RC_DAMAGED);
	ring_init(&r);
	add(&r, RING_ACTIVE, NOW);
	add(&r, RING_ANNOUNCED, NOW);
	buf_init(&text, RING_TEXT_MAX);
	ck_assert_int_eq(ring_write(&r, &text), RC_OK);
	/* Cut between the two it is whole, as if the second were not made. */
	n = sv_find(buf_sv(&text), SV("key announced"));
	for (i = 0; i < text.n; i += i + 40 < text.n ? 37 : 1)
		if (i != n && i + 1 != n)
			ck_assert_msg(ring_read(sv_first(buf_sv(&text), i), NOW,
					  &got, &err) == RC_DAMAGED,
			    "%zu", i);
	/* Two that sign. */
	memcpy(text.p + n, "key active", 10);
	memmove(text.p + n + 10, text.p + n + 13, text.n - n - 13);
	ck_assert_int_eq(
	    ring_read(sv_first(buf_sv(&text), text.n - 3), NOW, &got, &err),
	    RC_DAMAGED);
	buf_fini(&text);
	ring_fini(&r);
}
END_TEST

START_TEST(ring__is_bounded)
{
	struct ring r;
	size_t i;

	ring_init(&r);
	add(&r, RING_ACTIVE, NOW);
	for (i = 1; ring_has_room(&r); i++)
		add(&r, RING_ANNOUNCED, NOW);
	ck_assert_uint_eq(i, RING_KEYS_MAX);
	again(&r);
	/* Names are remembered for thirty years. */
	for (i = 0; i < RING_RETIRED_MAX + 10; i++) {
		ring_move(&r, ring_find(&r, RING_ANNOUNCED), RING_RETIRED,
		    NOW + (int64_t)i);
		ck_assert(ring_has_room(&r));
		add(&r, RING_ANNOUNCED, NOW);
		if (i % 20 == 0)
			again(&r);
	}
	ck_assert_uint_eq(r.n, RING_RETIRED_MAX + RING_KEYS_MAX);
	again(&r);
	for (i = 0; i < r.n; i++)
		ck_assert(
		    r.e[i].state != RING_RETIRED || r.e[i].since >= NOW + 10);
	ring_fini(&r);
}
END_TEST

UNIT_TESTS(ring)
{
	TCase *t = tcase_create("ring");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, ring__keeps_all_states);
	tcase_add_test(t, ring__takes_over_what_was_one_pair);
	tcase_add_test(t, ring__refuses_what_is_cut_or_changed);
	tcase_add_test(t, ring__is_bounded);
	return t;
}
