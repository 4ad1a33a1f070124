/* Reports on the disk: once each, bounded, and read back page by page. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "history/reports.h"
#include "ipc/line.h"
#include "ipc/proto.h"
#include "test/unit/report/folder.h"
#include "test/unit/unit.h"

#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#define DAY 86400

static struct history_reports *h;

static void
start(void)
{
	folder_start(&h);
}

static void
stop(void)
{
	folder_stop(&h);
}

/* How many there are since then, in how many pages. */
static unsigned
count(int64_t since, unsigned *pages)
{
	struct reports_ask q = {.since = since};
	struct reports_answer a = {.more = true};
	struct report_record r;
	struct msg m, reply, one;
	unsigned n = 0;
	uint32_t i;

	for (*pages = 0; a.more; ++*pages) {
		msg_init(&m, CMD_REPORTS);
		reports_ask_put(&m, &q);
		history_reports_answer(h, &m, &reply);
		ck_assert(buf_ok(&reply.b));
		ck_assert_int_eq(reports_answer_get(&reply, &a), RC_OK);
		ck_assert_int_eq(a.rc, RC_OK);
		for (i = 0; i < a.n; i++) {
			msg_init(&one, 0);
			buf_addsv(&one.b, a.record[i]);
			ck_assert_int_eq(report_record_get(&one, &r), RC_OK);
			report_record_fini(&r);
			msg_fini(&one);
		}
		n += a.n;
		q.behind = a.last;
		reports_answer_fini(&a);
		msg_fini(&reply);
		msg_fini(&m);
	}
	return n;
}

static struct report_record
sample(void)
{
	return (struct report_record){.from = T("a.test"),
	    .verified = true,
	    .received = 100 * DAY,
	    .org = T("A"),
	    .id = T("7"),
	    .domain = T("example.org"),
	    .begin = 99 * DAY,
	    .end = 100 * DAY};
}

START_TEST(reports__the_same_once)
{
	struct report_record r = sample();
	unsigned pages;

	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.received += DAY;
	r.more_passed = 5;
	ck_assert_int_eq(history_reports_add(h, &r), RC_EXISTS);
	r.org = SV("a"); /* in whatever case */
	ck_assert_int_eq(history_reports_add(h, &r), RC_EXISTS);
	ck_assert_uint_eq(count(0, &pages), 1);
	r.id = SV("8");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.domain = SV("example.test");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.kind = REPORT_TLS;
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	/* Without an id it is the time. */
	r.id = SV("");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	ck_assert_int_eq(history_reports_add(h, &r), RC_EXISTS);
	r.begin += DAY;
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	ck_assert_uint_eq(count(0, &pages), 6);
	ck_assert_uint_eq(count(101 * DAY, &pages), 5);
}
END_TEST

/* Who says to be another does not take that one's place. */
START_TEST(reports__nobody_can_be_first_in_anothers_name)
{
	struct report_record r = sample();
	unsigned pages;

	r.verified = false;
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.verified = true;
	r.from = SV("evil.test");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.from = SV("a.test");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	ck_assert_uint_eq(count(0, &pages), 3);
}
END_TEST

/* One that could not be read may come whole the second time; the same trouble
 * is told once a day. */
START_TEST(reports__refused_ones)
{
	struct report_record r = sample();
	unsigned pages;

	r.refused = SV("it is damaged");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	ck_assert_int_eq(history_reports_add(h, &r), RC_EXISTS);
	r.received += DAY;
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	r.refused = SV("");
	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	ck_assert_uint_eq(count(0, &pages), 3);
}
END_TEST

static void
add_many(struct report_record *r, unsigned n)
{
	char id[20];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(id, sizeof id, "%u", i);
		r->id = sv_str(id);
		ck_assert_int_eq(history_reports_add(h, r), RC_OK);
	}
}

START_TEST(reports__bounded)
{
	struct report_record r = sample();
	unsigned pages;

	add_many(&r, 10);
	r.from = SV("evil.test");
	add_many(&r, HISTORY_REPORTS_DOMAIN + 50);
	ck_assert_uint_eq(count(0, &pages), HISTORY_REPORTS_DOMAIN + 10);
	ck_assert_uint_gt(pages, 1);
	r.verified = false;
	add_many(&r, HISTORY_REPORTS_STRANGER + 50);
	ck_assert_uint_eq(count(0, &pages),
	    HISTORY_REPORTS_DOMAIN + HISTORY_REPORTS_STRANGER + 10);
	/* After so many days they are gone. */
	ck_assert_int_eq(
	    history_reports_prune(h, (100 + HISTORY_REPORTS_DAYS) * DAY),
	    RC_OK);
	ck_assert_uint_gt(count(0, &pages), 0);
	ck_assert_int_eq(
	    history_reports_prune(h, (100 + HISTORY_REPORTS_DAYS) * DAY + 1),
	    RC_OK);
	ck_assert_uint_eq(count(0, &pages), 0);
}
END_TEST

/* The largest that there is comes alone, and comes whole. */
START_TEST(reports__large_ones)
{
	static struct report_source s[REPORT_SOURCES_MAX];
	struct report_record r = sample();
	unsigned pages, i;

	for (i = 0; i < REPORT_SOURCES_MAX; i++)
		s[i] = (struct report_source){.address = SV("192.0.2.7"),
		    .author = SV("a-domain-with-a-long-name-a-domain-with-a-"
				 "long-name-a-domain-with-a-long-name-a-"
				 "domain-with-a-long-name-a-domain.test"),
		    .dkim_domain = SV("another-domain-with-a-long-name-"
				      "another-domain-with-a-long-name.test")};
	r.source = s;
	r.nsource = REPORT_SOURCES_MAX;
	add_many(&r, 3);
	ck_assert_uint_eq(count(0, &pages), 3);
	ck_assert_uint_eq(pages, 3);
}
END_TEST

START_TEST(reports__survive_and_are_set_aside_when_damaged)
{
	struct report_record r = sample();
	struct err err = {.text = ""};
	unsigned pages;
	int fd;

	ck_assert_int_eq(history_reports_add(h, &r), RC_OK);
	history_reports_close(&h);
	ck_assert_int_eq(history_reports_open(&h, &err), RC_OK);
	ck_assert_uint_eq(count(0, &pages), 1);
	history_reports_close(&h);
	fd = open(HISTORY_REPORTS_NAME, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(
	    (int)pwrite(fd, "nonsense, not a database", 24, 0), 24);
	(void)close(fd);
	ck_assert_int_eq(history_reports_open(&h, &err), RC_OK);
	ck_assert_uint_eq(count(0, &pages), 0);
	ck_assert_int_eq(access(HISTORY_REPORTS_NAME ".damaged", F_OK), 0);
}
END_TEST

UNIT_TESTS(reports)
{
	TCase *t = tcase_create("reports");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, reports__the_same_once);
	tcase_add_test(t, reports__nobody_can_be_first_in_anothers_name);
	tcase_add_test(t, reports__refused_ones);
	tcase_add_test(t, reports__bounded);
	tcase_add_test(t, reports__large_ones);
	tcase_add_test(t, reports__survive_and_are_set_aside_when_damaged);
	return t;
}
