/* What is remembered, and what is left of it after an accident. */
#include "acme/state.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/unit.h"

#define NOW 1790000000ll

START_TEST(state__goes_to_text_and_back)
{
	struct acme_state s, t;
	struct acme_record *r;
	struct buf b, c;
	struct err err;

	acme_state_init(&s);
	strcpy(s.directory, "https://ca.test/dir");
	strcpy(s.account, "https://ca.test/me");
	r = acme_state_record(&s, "host.a.test");
	r->life.failures = 3;
	r->life.window_start = NOW;
	r->life.chance = 0xffffffffu;
	strcpy(r->window_id, "aki.serial");
	strcpy(r->why, "it \"said\" \\ so");
	acme_record_blame(r, "b.a.test", "no address", NOW);
	(void)acme_state_record(&s, "domain.a.test");
	buf_init(&b, ACME_STATE_MAX);
	buf_init(&c, ACME_STATE_MAX);
	acme_state_print(&s, &b);
	ck_assert_int_eq(acme_state_read(buf_sv(&b), &t, &err), RC_OK);
	acme_state_print(&t, &c);
	ck_assert_str_eq(b.p, c.p);
	ck_assert_uint_eq(t.nrecord, 2);
	ck_assert_ptr_nonnull(acme_record_bad(
	    acme_state_record(&t, "host.a.test"), "b.a.test", NOW + 1));
	acme_state_fini(&t);
	acme_state_fini(&s);
	buf_fini(&c);
	buf_fini(&b);
}
END_TEST

START_TEST(state__accidents)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
	    {"", 0},
	    {"\0\0\0\0\0\0\0\0", 8},
	    {"{", 1},
	    {"{}", 2},
	    {"{\"version\":1}}", 14},
	    {"{\"version\":1} {\"version\":1}", 27},
	    {"{\"version\":2}", 13},
	    {"{\"version\":1,\"account\":\"htt", 27},
	    {"[]", 2},
	    {"null", 4},
	};
	struct acme_state s;
	struct err err = {.text = ""};

	ck_assert_int_eq(
	    acme_state_read(sv_of(rows[_i].text, rows[_i].n), &s, &err),
	    RC_SYNTAX);
	ck_assert_str_ne(err.text, "");
	ck_assert_uint_eq(s.nrecord, 0);
	ck_assert_str_eq(s.account, "");
}
END_TEST

START_TEST(state__bad_names_wait_longer_and_longer)
{
	struct acme_record r;
	int64_t at = NOW, wait, last = 0;
	int i;

	memset(&r, 0, sizeof r);
	for (i = 0; i < 20; i++) {
		acme_record_blame(&r, "a.test", "no", at);
		wait = r.bad[0].until - at;
		ck_assert_int_ge(wait, last);
		ck_assert_int_le(wait, 7 * 86400);
		ck_assert_ptr_nonnull(acme_record_bad(&r, "a.test", at));
		ck_assert_ptr_null(
		    acme_record_bad(&r, "a.test", r.bad[0].until));
		/* The clock was set back by years. */
		ck_assert_ptr_null(
		    acme_record_bad(&r, "a.test", at - 400 * 86400));
		last = wait;
		at = r.bad[0].until;
	}
	ck_assert_ptr_null(acme_record_bad(&r, "b.test", at));
	acme_record_clear(&r, "a.test");
	ck_assert_uint_eq(r.nbad, 0);
	for (i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%d.test", i);
		acme_record_blame(&r, name, "no", at);
	}
	ck_assert_uint_eq(r.nbad, ACME_NAMES_MAX);
}
END_TEST

UNIT_TESTS(state)
{
	TCase *t = tcase_create("state");

	tcase_add_test(t, state__goes_to_text_and_back);
	tcase_add_loop_test(t, state__accidents, 0, 10);
	tcase_add_test(t, state__bad_names_wait_longer_and_longer);
	return t;
}
