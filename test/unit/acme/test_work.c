/* All certificates of a server over weeks. */
#include "acme/work.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/certificate.h"
#include "test/unit/acme/world.h"
#include "test/unit/unit.h"

#define HOST_FILE "host.mail.a.test.pem"

START_TEST(work__renews_in_time_with_the_same_key)
{
	struct acme_key *one = NULL, *two = NULL;
	struct buf pem, again, a, b;
	struct world w;
	struct err err;

	world_start(&w);
	world_run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert_uint_eq(w.accounts, 1);
	ck_assert(world_says(&w, "mail.a.test: good until"));
	world_read_all(HOST_FILE, &pem);
	world_run_until(&w, T0 + 59 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	world_run_until(&w, T0 + 63 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.told, 2);
	ck_assert_uint_eq(w.accounts, 1);
	world_read_all(HOST_FILE, &again);
	ck_assert(!sv_eq(buf_sv(&pem), buf_sv(&again)));
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	ck_assert_int_eq(acme_key_read(buf_sv(&pem), &one, &err), RC_OK);
	ck_assert_int_eq(acme_key_read(buf_sv(&again), &two, &err), RC_OK);
	acme_key_jwk(one, &a);
	acme_key_jwk(two, &b);
	ck_assert_str_eq(a.p, b.p);
	acme_key_free(&two);
	acme_key_free(&one);
	buf_fini(&b);
	buf_fini(&a);
	buf_fini(&again);
	buf_fini(&pem);
	world_end(&w);
}
END_TEST

START_TEST(work__short_lives)
{
	struct world w;

	world_start(&w);
	w.life = 6 * DAY;
	world_run_until(&w, T0 + 60 * DAY);
	ck_assert_uint_ge(w.issued, 18);
	ck_assert_uint_le(w.issued, 21);
	world_end(&w);
}
END_TEST

START_TEST(work__the_window_is_followed)
{
	struct world w;

	world_start(&w);
	/* To come, but behind two thirds. */
	w.window_of = 1;
	w.window_start = T0 + 70 * DAY;
	w.window_end = T0 + 71 * DAY;
	world_run_until(&w, T0 + 69 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	while (w.issued < 2) {
		w.now = world_run(&w);
		ck_assert_int_lt(w.now, T0 + 72 * DAY);
	}
	/* They are all to be revoked. */
	world_run_until(&w, T0 + 90 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	w.window_of = 0;
	w.window_start = w.now - 3 * DAY;
	w.window_end = w.now - 2 * DAY;
	world_run_until(&w, T0 + 91 * DAY);
	ck_assert_uint_eq(w.issued, 3);
	/* That they say so for ever makes one a day. */
	world_run_until(&w, T0 + 101 * DAY);
	ck_assert_uint_le(w.issued, 14);
	world_end(&w);
}
END_TEST

START_TEST(work__replaced_already)
{
	struct world w;

	world_start(&w);
	world_run(&w);
	w.replaced = true;
	world_run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	world_end(&w);
}
END_TEST

START_TEST(work__they_are_down_for_a_month)
{
	unsigned urgency, letters = 0, last = 0;
	struct world w;
	int64_t next;

	world_start(&w);
	world_run(&w);
	w.down = true;
	w.now = T0 + 59 * DAY;
	w.requests = 0;
	while (w.now < T0 + 91 * DAY) {
		next = world_run_as(&w, NULL, 0, &urgency);
		if (urgency > 0) {
			letters++;
			ck_assert_uint_gt(urgency, last);
			last = urgency;
		}
		w.now = next;
	}
	/* At half, at four fifths, and at the end. */
	ck_assert_uint_eq(letters, 3);
	ck_assert(world_says(&w, "which has expired on"));
	ck_assert(world_says(&w, "c cannot be reached"));
	ck_assert_uint_lt(w.requests, 300);
	w.down = false;
	world_run_until(&w, w.now + DAY + HOUR);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert(!world_says(&w, "c cannot be reached"));
	world_end(&w);
}
END_TEST

START_TEST(work__limits_are_kept)
{
	struct world w;

	world_start(&w);
	w.limit = 429;
	w.retry_after = "412345";
	world_run(&w);
	ck_assert(world_says(&w, "wants fewer requests"));
	w.limit = 0;
	world_run_until(&w, T0 + 412000);
	ck_assert_uint_eq(w.orders, 0);
	world_run_until(&w, T0 + 412345 + 120);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

/* Of one name: the others wait, too, as they say when. */
START_TEST(work__limits_of_a_name_are_kept)
{
	static const char *const domain[] = {"a.test"};
	struct world w;

	world_start(&w);
	world_run(&w);
	w.limit = 429;
	w.retry_after = "7200";
	w.limit_of = "mta-sts.a.test";
	world_run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.limited, 1);
	w.now += HOUR;
	world_run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.limited, 1);
	w.limit = 0;
	w.now += HOUR + 60;
	world_run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(w.given, "autoconfig.a.test autodiscover.a.test ");
	world_end(&w);
}
END_TEST

START_TEST(work__failures_are_few)
{
	struct world w;

	world_start(&w);
	w.refuses = "*";
	world_run_until(&w, T0 + HOUR);
	ck_assert_uint_ge(w.orders, 2);
	ck_assert_uint_le(w.orders, 5);
	world_run_until(&w, T0 + 30 * DAY);
	ck_assert_uint_le(w.orders, 42);
	ck_assert(world_says(&w, "port 80 must be open"));
	ck_assert(world_says(&w, "mail.a.test: there is none yet"));
	w.refuses = NULL;
	world_run_until(&w, T0 + 32 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

START_TEST(work__one_bad_name_does_not_keep_the_rest)
{
	static const char *const domain[] = {"a.test", "b.test"};
	struct world w;

	world_start(&w);
	w.refuses = "autoconfig.b.test";
	w.nowhere = "autodiscover.a.test";
	world_run_as(&w, domain, 2, NULL);
	ck_assert_uint_eq(w.issued, 3);
	ck_assert_str_eq(w.names, "mta-sts.b.test autodiscover.b.test ");
	ck_assert(world_says(&w, "autoconfig.b.test is in no certificate"));
	ck_assert(!world_says(&w, "autodiscover.a.test is in"));
	/* It works now: in the certificate, in time. */
	w.refuses = NULL;
	w.now += DAY;
	world_run_as(&w, domain, 2, NULL);
	ck_assert_uint_eq(w.issued, 4);
	ck_assert_str_eq(
	    w.names, "mta-sts.b.test autoconfig.b.test autodiscover.b.test ");
	ck_assert(!world_says(&w, "autoconfig.b.test is in no"));
	world_end(&w);
}
END_TEST

START_TEST(work__a_certificate_does_not_lose_names_quietly)
{
	static const char *const domain[] = {"a.test"};
	struct world w;
	int64_t next;

	world_start(&w);
	world_run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.issued, 2);
	w.refuses = "mta-sts.a.test";
	for (w.now = T0 + 60 * DAY; w.now < T0 + 70 * DAY; w.now = next)
		next = world_run_as(&w, domain, 1, NULL);
	/* The host's has its renewal; the other is kept as it is. */
	ck_assert_uint_eq(w.issued, 3);
	ck_assert(world_says(&w, "mta-sts.a.test is in no certificate") ||
		  world_says(&w, "mta-sts.a.test"));
	/* Before it is over the others get theirs. */
	for (; w.now < T0 + 90 * DAY; w.now = next)
		next = world_run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.issued, 4);
	ck_assert_str_eq(w.given, "autoconfig.a.test autodiscover.a.test ");
	world_end(&w);
}
END_TEST

START_TEST(work__a_name_that_leads_away_is_tried_later)
{
	static const char *const domain[] = {"a.test"};
	struct world w;

	world_start(&w);
	w.away = "mta-sts.a.test";
	world_run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(w.names, "autoconfig.a.test autodiscover.a.test ");
	ck_assert(world_says(&w, "mta-sts.a.test leads away"));
	/* We know no better than the authority: it is not a veto. */
	w.now += DAY;
	world_run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(
	    w.names, "mta-sts.a.test autoconfig.a.test autodiscover.a.test ");
	ck_assert(!world_says(&w, "leads away"));
	world_end(&w);
}
END_TEST

static const struct {
	const char *file, *text;
	size_t n;
	unsigned issued, accounts;
} accidents[] = {
    {"state.json", "", 0, 1, 2},
    {"state.json", "\0\0\0\0", 4, 1, 2},
    {"state.json", "{\"version\":1}}", 14, 1, 2},
    {"account.pem", "", 0, 1, 2},
    {HOST_FILE, "", 0, 2, 1},
    {HOST_FILE, "\0\0\0\0\0\0", 6, 2, 1},
    {HOST_FILE, "-----BEGIN CERTIFICATE-----\nMIIB", 33, 2, 1},
};

START_TEST(work__accidents)
{
	char aside[64];
	struct world w;

	world_start(&w);
	world_run(&w);
	world_write_all(
	    accidents[_i].file, accidents[_i].text, accidents[_i].n);
	w.now += 2 * HOUR;
	world_run(&w);
	ck_assert(world_says(&w, "could not be used"));
	ck_assert(world_says(&w, accidents[_i].file));
	(void)snprintf(aside, sizeof aside, "%s.bad", accidents[_i].file);
	ck_assert_int_eq(access(aside, F_OK), 0);
	ck_assert_uint_eq(w.issued, accidents[_i].issued);
	/* That is all: nothing of it is repeated. */
	w.now += 2 * HOUR;
	world_run(&w);
	ck_assert(!world_says(&w, "could not be used"));
	ck_assert_uint_eq(w.issued, accidents[_i].issued);
	world_run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, accidents[_i].issued + 1);
	ck_assert_uint_le(w.accounts, accidents[_i].accounts);
	world_end(&w);
}
END_TEST

/* The folder was lost again and again: not an order each time. */
START_TEST(work__lost_certificates_do_not_make_a_flood)
{
	struct world w;
	int i;

	world_start(&w);
	for (i = 0; i < 30; i++) {
		world_run(&w);
		(void)unlink(HOST_FILE);
		w.now += 120;
	}
	ck_assert_uint_le(w.issued, 2);
	world_end(&w);
}
END_TEST

START_TEST(work__the_clock_is_wrong)
{
	struct world w;

	world_start(&w);
	world_run(&w);
	/* A battery is empty. */
	w.now = 1000000000;
	ck_assert_int_eq(world_run(&w), w.now + 60);
	ck_assert(world_says(&w, "clock"));
	ck_assert_uint_eq(w.issued, 1);
	/* It is set: all as before. */
	w.now = T0 + 5 * DAY;
	world_run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert(world_says(&w, "good until"));
	world_end(&w);
}
END_TEST

START_TEST(work__a_certificate_of_another_key_is_not_taken)
{
	struct buf pem, again;
	struct world w;

	world_start(&w);
	world_run(&w);
	world_read_all(HOST_FILE, &pem);
	w.other_key = true;
	world_run_until(&w, T0 + 64 * DAY);
	ck_assert(world_says(&w, "it is of another key"));
	world_read_all(HOST_FILE, &again);
	ck_assert(sv_eq(buf_sv(&pem), buf_sv(&again)));
	buf_fini(&again);
	buf_fini(&pem);
	world_end(&w);
}
END_TEST

/* No byte can be written any more. */
static void
fill_disk(bool full)
{
	struct rlimit most;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &most), 0);
	most.rlim_cur = full ? 0 : most.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &most), 0);
}

static int64_t
run_on_full_disk(struct world *w)
{
	struct acme_work_opts o = {.world = world_outside(w),
	    .hostname = "mail.a.test",
	    .directory = "https://c/dir"};
	struct acme_work_result r;
	int64_t next;

	acme_work_result_init(&r);
	fill_disk(true);
	acme_work(&o, &r);
	fill_disk(false);
	buf_set(&w->said, buf_sv(&r.trouble));
	next = r.next;
	acme_work_result_fini(&r);
	return next;
}

/* What cannot be kept is not ordered: neither accounts nor certificates. */
START_TEST(work__the_disk_is_full)
{
	struct world w;
	int i;

	world_start(&w);
	for (i = 0; i < 20; i++)
		w.now = run_on_full_disk(&w);
	ck_assert_uint_eq(w.accounts, 0);
	ck_assert_uint_eq(w.orders, 0);
	ck_assert(world_says(&w, "no certificate is ordered now"));
	world_run(&w);
	ck_assert_uint_eq(w.issued, 1);
	/* The same at a renewal, with keys that are there. */
	w.now = T0 + 65 * DAY;
	for (i = 0; i < 20; i++)
		w.now = run_on_full_disk(&w);
	ck_assert_uint_eq(w.orders, 1);
	world_run(&w);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.accounts, 1);
	world_end(&w);
}
END_TEST

/* A folder in the place of a file: what is there cannot be read now, which is
 * not a reason to make it anew. */
START_TEST(work__what_cannot_be_read_stays)
{
	static const char *const file[] = {
	    "state.json", "account.pem", HOST_FILE};
	struct world w;

	world_start(&w);
	world_run(&w);
	ck_assert_int_eq(rename(file[_i], "kept"), 0);
	ck_assert_int_eq(mkdir(file[_i], 0700), 0);
	w.now = T0 + 65 * DAY;
	world_run(&w);
	ck_assert_uint_eq(w.orders, 1);
	ck_assert_uint_eq(w.accounts, 1);
	ck_assert(world_says(&w, file[_i]));
	ck_assert_int_eq(rmdir(file[_i]), 0);
	ck_assert_int_eq(rename("kept", file[_i]), 0);
	w.now += HOUR;
	world_run(&w);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.accounts, 1);
	world_end(&w);
}
END_TEST

/* It dies in the middle of each order, and is started again in ten minutes. */
START_TEST(work__crashes_do_not_hammer)
{
	int i, status, orders = 0;
	struct world w;
	int64_t next;
	pid_t pid;

	world_start(&w);
	w.crash_at = 1;
	for (i = 0; i < 144 * 3; i++, w.now += 600) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			world_run(&w);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		orders += WEXITSTATUS(status) == 9;
	}
	ck_assert_int_ge(orders, 4);
	ck_assert_int_le(orders, 10);
	w.crash_at = 0;
	next = world_run(&w);
	ck_assert(world_says(&w, "cut off") || w.issued == 1);
	w.now = next;
	world_run_until(&w, w.now + 2 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert(!world_says(&w, "cut off"));
	world_end(&w);
}
END_TEST

/* Years ahead, as with a broken battery: what was noted then does not keep us
 * from trying when it is right again. */
START_TEST(work__the_clock_was_ahead)
{
	struct world w;

	world_start(&w);
	world_run(&w);
	w.down = true;
	w.now = T0 + 5000 * DAY;
	world_run(&w);
	ck_assert(world_says(&w, "cannot be reached"));
	w.down = false;
	w.now = T0 + 70 * DAY;
	world_run(&w);
	world_run_until(&w, w.now + DAY + HOUR);
	ck_assert_uint_eq(w.issued, 2);
	world_end(&w);
}
END_TEST

/* As many domains as somebody may have: all in one go, and what is remembered
 * of them fits, with a sentence for each name. */
START_TEST(work__hundreds_of_domains)
{
	enum {
		MANY = 120
	};
	const char *domain[MANY];
	char name[MANY][32];
	struct world w;
	size_t i;

	for (i = 0; i < MANY; i++) {
		(void)snprintf(name[i], sizeof name[i], "d%zu.test", i);
		domain[i] = name[i];
	}
	world_start(&w);
	w.refuses = "*";
	world_run_as(&w, domain, MANY, NULL);
	ck_assert_uint_eq(w.issued, 0);
	w.refuses = NULL;
	w.now += 15 * DAY;
	world_run_as(&w, domain, MANY, NULL);
	ck_assert_uint_eq(w.issued, MANY + 1);
	world_run_as(&w, domain, MANY, NULL);
	ck_assert_uint_eq(w.issued, MANY + 1);
	ck_assert(!world_says(&w, "could not be used"));
	world_end(&w);
}
END_TEST

/* A limit that is not of a name is not run into by each domain. */
START_TEST(work__a_limit_of_all_is_run_into_once)
{
	static const char *const domain[] = {
	    "a.test", "b.test", "c.test", "d.test"};
	struct world w;

	world_start(&w);
	world_run(&w);
	w.limit = 429;
	w.retry_after = "7200";
	world_run_as(&w, domain, 4, NULL);
	ck_assert_uint_eq(w.limited, 1);
	ck_assert(world_says(&w, "wants fewer requests"));
	w.limit = 0;
	w.now += 660;
	world_run_as(&w, domain, 4, NULL);
	ck_assert_uint_eq(w.issued, 4);
	w.now += 7200;
	world_run_as(&w, domain, 4, NULL);
	ck_assert_uint_eq(w.issued, 5);
	world_end(&w);
}
END_TEST

UNIT_TESTS(work)
{
	TCase *t = tcase_create("work");

	tcase_add_test(t, work__renews_in_time_with_the_same_key);
	tcase_add_test(t, work__short_lives);
	tcase_add_test(t, work__the_window_is_followed);
	tcase_add_test(t, work__replaced_already);
	tcase_add_test(t, work__they_are_down_for_a_month);
	tcase_add_test(t, work__hundreds_of_domains);
	tcase_add_test(t, work__a_limit_of_all_is_run_into_once);
	tcase_add_test(t, work__limits_are_kept);
	tcase_add_test(t, work__limits_of_a_name_are_kept);
	tcase_add_test(t, work__failures_are_few);
	tcase_add_test(t, work__one_bad_name_does_not_keep_the_rest);
	tcase_add_test(t, work__a_certificate_does_not_lose_names_quietly);
	tcase_add_test(t, work__a_name_that_leads_away_is_tried_later);
	tcase_add_loop_test(t, work__accidents, 0, 7);
	tcase_add_test(t, work__lost_certificates_do_not_make_a_flood);
	tcase_add_test(t, work__the_clock_is_wrong);
	tcase_add_test(t, work__the_disk_is_full);
	tcase_add_loop_test(t, work__what_cannot_be_read_stays, 0, 3);
	tcase_add_test(t, work__crashes_do_not_hammer);
	tcase_add_test(t, work__the_clock_was_ahead);
	tcase_add_test(t, work__a_certificate_of_another_key_is_not_taken);
	return t;
}
