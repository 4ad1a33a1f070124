#include <stdlib.h>

#include "../unit.h"
#include "fixture.h"
#include "junk/model.h"

#define NEAR 1e-9

static void
learn(struct junk_model *m, const struct junk_features *f, bool junk,
    struct buf *undo)
{
	const struct junk_lesson l = {.f = f,
	    .junk = junk,
	    .count = true,
	    .weight = 1,
	    .sure = JUNK_SURE};

	junk_model_learn(m, NULL, &l, undo);
}

/* Ten of each, and it tells what it has not seen. */
START_TEST(model__answers_after_twenty_lessons)
{
	struct junk_model *m = junk_model_new(JUNK_SERVER_BITS);
	struct junk_features *f = calloc(1, sizeof *f);
	unsigned i;

	for (i = 0; i < 10; i++) {
		make_junk(i, f);
		learn(m, f, true, NULL);
		make_wanted(i, f);
		learn(m, f, false, NULL);
	}
	for (i = 100; i < 120; i++) {
		make_junk(i, f);
		ck_assert(junk_model_margin(m, NULL, f) > 0.5);
		make_wanted(i, f);
		ck_assert(junk_model_margin(m, NULL, f) < -0.5);
	}
	free(f);
	junk_model_free(&m);
}
END_TEST

/* Who has seen only junk is never sure. */
START_TEST(model__one_side_is_not_enough)
{
	struct junk_model *m = junk_model_new(JUNK_SERVER_BITS);
	struct junk_features *f = calloc(1, sizeof *f);
	unsigned i;

	for (i = 0; i < 200; i++) {
		make_junk(i, f);
		learn(m, f, true, NULL);
	}
	make_wanted(1, f);
	ck_assert(junk_model_margin(m, NULL, f) < junk_model_border(m, NULL));
	free(f);
	junk_model_free(&m);
}
END_TEST

/* Little that was learned is trusted less than the rules, much is trusted. */
START_TEST(model__border)
{
	struct junk_model *m = junk_model_new(JUNK_SERVER_BITS);
	struct junk_features *f = calloc(1, sizeof *f);
	double none = junk_model_border(m, NULL), few = 0;
	unsigned i;

	for (i = 0; i < 1000; i++) {
		if (i == 10)
			few = junk_model_border(m, NULL);
		make_junk(i, f);
		learn(m, f, true, NULL);
		make_wanted(i, f);
		learn(m, f, false, NULL);
	}
	ck_assert(none < few);
	ck_assert(junk_model_border(m, NULL) < JUNK_THRESHOLD + 0.1);
	free(f);
	junk_model_free(&m);
}
END_TEST

/* What both have learned is one lesson. */
START_TEST(model__shared_lessons_count_once)
{
	struct junk_model *a = junk_model_new(JUNK_SERVER_BITS);
	struct junk_model *b = junk_model_new(JUNK_ACCOUNT_BITS);
	struct junk_features *f = calloc(1, sizeof *f);
	unsigned i;

	for (i = 0; i < 10; i++) {
		make_wanted(i, f);
		learn(a, f, false, NULL);
		learn(b, f, false, NULL);
	}
	ck_assert_double_eq_tol(
	    junk_model_border(a, b), junk_model_border(a, NULL), NEAR);
	ck_assert_double_eq_tol(
	    junk_model_border(a, b), junk_model_border(NULL, b), NEAR);
	free(f);
	junk_model_free(&b);
	junk_model_free(&a);
}
END_TEST

START_TEST(model__undo_is_exact)
{
	struct junk_model *m = junk_model_new(JUNK_ACCOUNT_BITS);
	struct junk_features *f = calloc(1, sizeof *f);
	struct buf undo, before, after;
	unsigned i;

	buf_init(&undo, 1 << 20);
	buf_init(&before, 16 << 20);
	buf_init(&after, 16 << 20);
	for (i = 0; i < 5; i++) {
		make_wanted(i, f);
		learn(m, f, false, NULL);
	}
	junk_model_encode(m, &before);
	make_junk(1, f);
	learn(m, f, true, &undo);
	ck_assert_uint_gt(undo.n, 0);
	ck_assert_uint_eq(junk_model_lessons(m, true), 1);
	junk_model_undo(m, buf_sv(&undo), true);
	junk_model_encode(m, &after);
	ck_assert(sv_eq(buf_sv(&before), buf_sv(&after)));
	buf_fini(&after);
	buf_fini(&before);
	buf_fini(&undo);
	free(f);
	junk_model_free(&m);
}
END_TEST

START_TEST(model__bytes_and_back)
{
	struct junk_model *m = junk_model_new(JUNK_ACCOUNT_BITS), *back = NULL;
	struct junk_features *f = calloc(1, sizeof *f);
	struct buf b;
	unsigned i;
	double was;

	buf_init(&b, 16 << 20);
	for (i = 0; i < 20; i++) {
		make_junk(i, f);
		learn(m, f, true, NULL);
	}
	was = junk_model_margin(m, NULL, f);
	junk_model_encode(m, &b);
	ck_assert_int_eq(junk_model_decode(buf_sv(&b), &back), RC_OK);
	ck_assert_double_eq_tol(junk_model_margin(back, NULL, f), was, NEAR);
	junk_model_free(&back);
	for (i = 0; i < b.n; i += 97) {
		b.p[i] ^= 1;
		ck_assert_int_eq(
		    junk_model_decode(buf_sv(&b), &back), RC_DAMAGED);
		b.p[i] ^= 1;
		ck_assert_int_eq(
		    junk_model_decode(sv_first(buf_sv(&b), i), &back),
		    RC_DAMAGED);
	}
	buf_fini(&b);
	free(f);
	junk_model_free(&m);
}
END_TEST

UNIT_TESTS(model)
{
	TCase *t = tcase_create("model");

	tcase_add_test(t, model__answers_after_twenty_lessons);
	tcase_add_test(t, model__one_side_is_not_enough);
	tcase_add_test(t, model__border);
	tcase_add_test(t, model__shared_lessons_count_once);
	tcase_add_test(t, model__undo_is_exact);
	tcase_add_test(t, model__bytes_and_back);
	return t;
}
