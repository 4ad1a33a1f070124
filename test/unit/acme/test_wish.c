/* What the owner wants now, and keys that change. */
#include <string.h>
#include <unistd.h>

#include "acme/state.h"
#include "test/unit/acme/world.h"
#include "test/unit/unit.h"

static void
wish(struct world *w, const char *name)
{
	static const char *const domain[] = {"a.test"};

	w->renew = name;
	world_run_as(w, domain, 1, NULL);
}

START_TEST(wish__renews_now)
{
	struct world w;

	world_start(&w);
	wish(&w, NULL);
	ck_assert_int_eq(w.rc, RC_MORE);
	ck_assert_uint_eq(w.issued, 2);
	w.now += 2 * DAY;
	wish(&w, NULL);
	ck_assert_uint_eq(w.issued, 2);
	wish(&w, "MAIL.a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	ck_assert_ptr_nonnull(strstr(w.answer, "good until"));
	ck_assert_uint_eq(w.issued, 3);
	ck_assert_str_eq(w.given, "mail.a.test ");
	/* By its domain, or one of its names. */
	wish(&w, "a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	w.now += 2 * DAY;
	wish(&w, "autoconfig.a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	ck_assert_uint_eq(w.issued, 5);
	wish(&w, "b.test");
	ck_assert_int_eq(w.rc, RC_NOTFOUND);
	ck_assert_uint_eq(w.issued, 5);
	world_end(&w);
}
END_TEST

/* Limits are for the owner, too; pauses between attempts are short. */
START_TEST(wish__respects_floors)
{
	struct world w;

	world_start(&w);
	wish(&w, NULL);
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_TEMP);
	ck_assert_ptr_nonnull(strstr(w.answer, "not before"));
	ck_assert_ptr_nonnull(strstr(w.answer, "has just come"));
	ck_assert_uint_eq(w.issued, 2);
	w.now += 2 * DAY;
	w.refuses = "mail.a.test";
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_TEMP);
	ck_assert_ptr_nonnull(strstr(w.answer, "port 80"));
	wish(&w, "mail.a.test");
	ck_assert_ptr_nonnull(strstr(w.answer, "has just failed"));
	w.refuses = NULL;
	w.now += 301;
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	/* The authority's own word. */
	w.now += 2 * DAY;
	w.limit = 429;
	w.retry_after = "7200";
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_TEMP);
	w.limit = 0;
	w.now += HOUR;
	wish(&w, "mail.a.test");
	ck_assert_ptr_nonnull(strstr(w.answer, "wants no request sooner"));
	w.now += HOUR + 60;
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	world_end(&w);
}
END_TEST

/* A name that did not work is tried once more, and does not cost the rest. */
START_TEST(wish__tries_bad_names)
{
	struct world w;

	world_start(&w);
	w.refuses = "autoconfig.a.test";
	wish(&w, NULL);
	ck_assert_str_eq(w.given, "mta-sts.a.test autodiscover.a.test ");
	w.now += HOUR + 60;
	w.refuses = NULL;
	wish(&w, "a.test");
	ck_assert_int_eq(w.rc, RC_OK);
	ck_assert_str_eq(
	    w.given, "mta-sts.a.test autoconfig.a.test autodiscover.a.test ");
	/* What it has is not lost for a new date. */
	w.now += 2 * DAY;
	w.refuses = "mta-sts.a.test";
	wish(&w, "a.test");
	ck_assert_int_eq(w.rc, RC_TEMP);
	ck_assert_ptr_nonnull(strstr(w.answer, "mta-sts.a.test"));
	ck_assert_str_eq(
	    w.given, "mta-sts.a.test autoconfig.a.test autodiscover.a.test ");
	world_end(&w);
}
END_TEST

START_TEST(wish__without_a_clock_or_a_name)
{
	struct world w;

	world_start(&w);
	w.now = 1000000000;
	wish(&w, "mail.a.test");
	ck_assert_int_eq(w.rc, RC_TEMP);
	ck_assert_ptr_nonnull(strstr(w.answer, "clock"));
	world_end(&w);
}
END_TEST

/* ---- what is remembered for `cert` ---- */

static void
reason(struct world *w, char out[ACME_REASON_MAX], int64_t *next)
{
	struct acme_state s;
	struct buf text;
	struct err err;

	(void)w;
	world_read_all("state.json", &text);
	ck_assert_int_eq(acme_state_read(buf_sv(&text), &s, &err), RC_OK);
	strcpy(out, acme_state_record(&s, "host.mail.a.test")->reason);
	*next = acme_state_record(&s, "host.mail.a.test")->next;
	acme_state_fini(&s);
	buf_fini(&text);
}

START_TEST(wish__reasons)
{
	char why[ACME_REASON_MAX];
	struct world w;
	int64_t next;

	world_start(&w);
	w.down = true;
	world_run(&w);
	reason(&w, why, &next);
	ck_assert_str_eq(why, "there is none yet; 1 attempt has failed, and "
			      "there is a pause between them");
	ck_assert_int_gt(next, w.now);
	w.down = false;
	world_run_until(&w, w.now + HOUR);
	reason(&w, why, &next);
	ck_assert_str_eq(why, "two thirds of its time are over then");
	ck_assert_int_ge(next, T0 + 59 * DAY);
	w.window_start = w.now + 10 * DAY;
	w.window_end = w.now + 11 * DAY;
	world_run_until(&w, w.now + DAY);
	reason(&w, why, &next);
	ck_assert_str_eq(why, "the authority asks for it then");
	ck_assert_int_ge(next, w.window_start);
	ck_assert_int_le(next, w.window_end);
	world_end(&w);
}
END_TEST

/* ---- keys that change ---- */

#define HOST "host.mail.a.test"

static void
used_key(struct buf *out)
{
	struct acme_key *k = NULL;
	struct buf pem;
	struct err err;

	world_read_all(HOST ".pem", &pem);
	ck_assert_int_eq(acme_key_read(buf_sv(&pem), &k, &err), RC_OK);
	buf_init(out, 100);
	acme_key_tlsa(k, out);
	acme_key_free(&k);
	buf_fini(&pem);
}

static void
next_key(struct buf *out)
{
	struct buf text;

	world_read_all(HOST ".next.tlsa", &text);
	buf_init(out, 100);
	buf_addsv(out, buf_sv(&text));
	buf_fini(&text);
	ck_assert_uint_eq(out->n, 64);
}

START_TEST(wish__the_next_key_is_shown_before_it_is_used)
{
	struct buf one, two, three, now;
	struct world w;

	world_start(&w);
	w.new_key = true;
	world_run(&w);
	used_key(&one);
	next_key(&two);
	ck_assert_str_ne(one.p, two.p);
	/* Nothing of it changes until then. */
	world_run_until(&w, T0 + 59 * DAY);
	next_key(&now);
	ck_assert_str_eq(now.p, two.p);
	buf_fini(&now);
	while (w.issued < 2)
		w.now = world_run(&w);
	ck_assert_int_lt(w.now, T0 + 64 * DAY);
	used_key(&now);
	ck_assert_str_eq(now.p, two.p);
	next_key(&three);
	ck_assert_str_ne(three.p, two.p);
	buf_fini(&now);
	/* Too soon for it to be known everywhere: once more with the same. */
	w.now += DAY + HOUR;
	w.renew = "mail.a.test";
	world_run(&w);
	ck_assert_uint_eq(w.issued, 3);
	used_key(&now);
	ck_assert_str_eq(now.p, two.p);
	buf_fini(&now);
	next_key(&now);
	ck_assert_str_eq(now.p, three.p);
	buf_fini(&now);
	/* Kept from now on: the one that was never used is gone. */
	w.new_key = false;
	world_run(&w);
	ck_assert_int_ne(access(HOST ".next.tlsa", F_OK), 0);
	ck_assert_int_ne(access(HOST ".next.pem", F_OK), 0);
	world_run_until(&w, w.now + 64 * DAY);
	used_key(&now);
	ck_assert_str_eq(now.p, two.p);
	buf_fini(&now);
	buf_fini(&three);
	buf_fini(&two);
	buf_fini(&one);
	world_end(&w);
}
END_TEST

/* Its hash, or when it was shown, is lost: as if it were shown now. */
START_TEST(wish__a_lost_hash_is_shown_anew)
{
	static const char *const lost[] = {
	    HOST ".next.tlsa", "state.json", HOST ".next.pem"};
	struct buf one, two, now;
	struct world w;

	world_start(&w);
	w.new_key = true;
	world_run(&w);
	used_key(&one);
	w.now += 30 * DAY;
	ck_assert_int_eq(unlink(lost[_i]), 0);
	world_run(&w);
	next_key(&two);
	w.now += DAY;
	w.renew = "mail.a.test";
	world_run(&w);
	ck_assert_int_eq(w.rc, RC_OK);
	used_key(&now);
	ck_assert_str_eq(now.p, one.p);
	buf_fini(&now);
	w.now += 2 * DAY;
	w.renew = "mail.a.test";
	world_run(&w);
	ck_assert_int_eq(w.rc, RC_OK);
	used_key(&now);
	ck_assert_str_eq(now.p, two.p);
	buf_fini(&now);
	buf_fini(&two);
	buf_fini(&one);
	world_end(&w);
}
END_TEST

UNIT_TESTS(wish)
{
	TCase *t = tcase_create("wish");

	tcase_add_test(t, wish__renews_now);
	tcase_add_test(t, wish__respects_floors);
	tcase_add_test(t, wish__tries_bad_names);
	tcase_add_test(t, wish__without_a_clock_or_a_name);
	tcase_add_test(t, wish__reasons);
	tcase_add_test(t, wish__the_next_key_is_shown_before_it_is_used);
	tcase_add_loop_test(t, wish__a_lost_hash_is_shown_anew, 0, 3);
	return t;
}
