/* When keys change; pairs without keys do. */
#include <stdio.h>
#include <string.h>

#include "auth/notice.h"
#include "auth/rotation.h"
#include "base/clk.h"
#include "base/sv.h"
#include "test/unit/unit.h"

#define DAY  86400LL
#define NOW  1795536046LL
#define HOUR (3600 * 1000LL)

static const struct rotation_policy policy = {.rotate_s = 180 * DAY,
    .queue_s = ROTATION_QUEUE_S,
    .settle_ms = ROTATION_SETTLE_MS,
    .margin_ms = ROTATION_MARGIN_MS};
static struct ring ring;
static struct rotation state;
static struct ring_entry *entry;
static unsigned pairs;

static struct ring_entry *
add(enum ring_state s, int64_t since)
{
	struct dkim_pair p = {.key = {NULL}};

	(void)snprintf(p.selector[0], DKIM_SELECTOR_MAX, "rsa%u", ++pairs);
	(void)snprintf(p.selector[1], DKIM_SELECTOR_MAX, "ed%u", pairs);
	ring_add(&ring, s, since, &p);
	ring.e[ring.n - 1].told = since;
	return &ring.e[ring.n - 1];
}

static void
setup(void)
{
	ring_init(&ring);
	state = (struct rotation){.seen = 0};
	pairs = 0;
	add(RING_ACTIVE, NOW);
}

static void
teardown(void)
{
	ring_fini(&ring);
}

static enum rotation_do
next(int64_t now, int64_t mono)
{
	entry = NULL;
	return rotation_next(&ring, &state, &policy, now, mono, &entry);
}

START_TEST(rotation__makes_a_key_when_it_is_due_and_stays_so)
{
	struct rotation_policy off = policy;

	ck_assert_int_eq(next(NOW + 180 * DAY - 1, 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 180 * DAY, 2), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 180 * DAY, HOUR + 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 180 * DAY, HOUR + 2), ROTATION_MAKE);
	/* A clock that has been wrong for a while. */
	state = (struct rotation){.seen = 0};
	ck_assert_int_eq(next(NOW + 900 * DAY, 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 1, HOUR), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 900 * DAY, 2 * HOUR), ROTATION_NOTHING);
	/* One that is awaited is enough. */
	add(RING_ANNOUNCED, NOW + 890 * DAY);
	ck_assert_int_eq(next(NOW + 900 * DAY, 9 * HOUR), ROTATION_NOTHING);
	off.rotate_s = 0;
	ring_move(&ring, &ring.e[1], RING_RETIRED, NOW);
	ring.e[1].told = NOW;
	ck_assert_int_eq(rotation_next(&ring, &state, &off, NOW + 900 * DAY,
			     90 * HOUR, &entry),
	    ROTATION_NOTHING);
}
END_TEST

START_TEST(rotation__of_a_clock_that_has_stepped_back)
{
	ring.e[0].since = NOW + 3 * 365 * DAY;
	/* It may be set soon. */
	ck_assert_int_eq(next(NOW, 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW, ROTATION_AHEAD_MS), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW, ROTATION_AHEAD_MS + 1), ROTATION_DATE);
	ck_assert_ptr_eq(entry, &ring.e[0]);
	/* It was. */
	ck_assert_int_eq(
	    next(ring.e[0].since, ROTATION_AHEAD_MS + 2), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW, 2 * ROTATION_AHEAD_MS), ROTATION_NOTHING);
	/* A few hours are no matter. */
	ring.e[0].since = NOW + 3600;
	ck_assert_int_eq(next(NOW, 1), ROTATION_NOTHING);
}
END_TEST

START_TEST(rotation__reminds_once_a_month)
{
	struct ring_entry *e = add(RING_ANNOUNCED, NOW);

	e->told = 0;
	ck_assert_int_eq(next(NOW, 1), ROTATION_TELL);
	ck_assert_ptr_eq(entry, e);
	e->told = NOW;
	ck_assert_int_eq(next(NOW + 30 * DAY - 1, 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 30 * DAY, 1), ROTATION_TELL);
	e->told = NOW + 30 * DAY;
	/* Years without its records change nothing else. */
	ck_assert_int_eq(next(NOW + 59 * DAY, HOUR), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 9999 * DAY, 2 * HOUR), ROTATION_TELL);
	ck_assert_ptr_eq(entry, e);
	ck_assert_int_eq(ring.e[0].state, RING_ACTIVE);
	ck_assert_str_eq(ring.e[0].pair.selector[0], "rsa1");
}
END_TEST

START_TEST(rotation__uses_a_key_when_all_have_it_and_none_remembers)
{
	static const struct {
		int64_t at; /* seconds */
		enum rotation_seen seen;
		uint32_t ttl;
		bool use;
	} rows[] = {
	    {10, ROTATION_NOT_THERE, 600, false},
	    {20, ROTATION_UNKNOWN, 600, false},
	    {100, ROTATION_THERE, 600, false}, /* until 100 + 600 + 300 */
	    {999, ROTATION_THERE, 600, false},
	    {1000, ROTATION_UNKNOWN, 600, false}, /* asked once more */
	    {1001, ROTATION_THERE, 600, true},
	    /* Gone, and there again: from the beginning. */
	    {1002, ROTATION_NOT_THERE, 600, false},
	    {1003, ROTATION_THERE, 600, false},
	    {1902, ROTATION_THERE, 600, false},
	    {1903, ROTATION_THERE, 600, true},
	    /* A server that says a longer time. */
	    {1904, ROTATION_THERE, 86400, false},
	    {1903 + 86400, ROTATION_THERE, 60, true},
	};
	struct ring_entry *e = add(RING_ANNOUNCED, NOW);
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(
		    rotation_seen(&state, e, &policy, rows[i].seen, rows[i].ttl,
			NOW + rows[i].at, rows[i].at * 1000) == rows[i].use,
		    "row %zu", i);
	ck_assert_int_eq(rotation_ask_in(&state, 1003 * 1000),
	    86400 * 1000 + ROTATION_MARGIN_MS);
	/* What is known is of that pair only. */
	ring_move(&ring, e, RING_ACTIVE, NOW);
	e = add(RING_ANNOUNCED, NOW);
	ck_assert(!rotation_seen(&state, e, &policy, ROTATION_THERE, 0, NOW,
	    (1903 + 86400 * 2) * 1000LL));
	ck_assert_int_eq(rotation_ask_in(&state, 0) > 0, true);
}
END_TEST

/* A machine that runs some hours a day. */
START_TEST(rotation__goes_on_waiting_after_a_restart)
{
	struct ring_entry *e = add(RING_ANNOUNCED, NOW);

	ck_assert(!rotation_seen(
	    &state, e, &policy, ROTATION_THERE, 86400, NOW, 1000));
	ck_assert_int_eq(e->seen, NOW);
	state = (struct rotation){.seen = 0};
	ck_assert(!rotation_seen(
	    &state, e, &policy, ROTATION_THERE, 86400, NOW + 80000, 1000));
	ck_assert(!rotation_seen(&state, e, &policy, ROTATION_THERE, 86400,
	    NOW + 80000, 1000 + 6699 * 1000));
	/* The wall clock runs away: that is no time. */
	ck_assert(!rotation_seen(&state, e, &policy, ROTATION_THERE, 86400,
	    NOW + 900000, 1000 + 6699 * 1000));
	ck_assert(rotation_seen(&state, e, &policy, ROTATION_THERE, 86400,
	    NOW + 80000, 1000 + 6700 * 1000));
	/* Gone in between, or a clock that was ahead: from the beginning. */
	ck_assert(!rotation_seen(
	    &state, e, &policy, ROTATION_NOT_THERE, 86400, NOW, 9000000));
	ck_assert_int_eq(e->seen, 0);
	e->seen = NOW + 500;
	ck_assert(!rotation_seen(
	    &state, e, &policy, ROTATION_THERE, 86400, NOW, 9000000));
	ck_assert_int_eq(e->seen, NOW);
}
END_TEST

START_TEST(rotation__keeps_the_old_one_until_its_mail_is_gone)
{
	struct ring_entry *e = add(RING_ANNOUNCED, NOW);

	ring_move(&ring, e, RING_ACTIVE, NOW + DAY);
	/* The owner is told of the new one; that says all of the old. */
	ck_assert_int_eq(next(NOW + DAY, 1), ROTATION_TELL);
	ck_assert_int_eq(entry->state, RING_ACTIVE);
	entry->told = NOW + DAY;
	e = &ring.e[1];
	ck_assert_int_eq(e->state, RING_RETIRING);
	ck_assert_int_eq(rotation_needed_until(e, &policy, NOW + DAY),
	    NOW + DAY + (5 + 7) * DAY);
	/* While the server runs, by steps that are kept. */
	ck_assert_int_eq(next(NOW + DAY, 6 * HOUR), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + DAY, 6 * HOUR + 1), ROTATION_SAVE);
	ck_assert_int_eq(next(NOW + DAY, 7 * HOUR), ROTATION_NOTHING);
	ck_assert_int_eq(e->seen, 6 * 3600);
	ck_assert_int_eq(rotation_needed_until(e, &policy, NOW + 2 * DAY),
	    NOW + 2 * DAY + (5 + 7) * DAY - 6 * 3600);
	ck_assert_int_eq(next(NOW + DAY, 288 * HOUR), ROTATION_SAVE);
	ck_assert_int_eq(next(NOW + DAY, 288 * HOUR + 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 13 * DAY, 294 * HOUR), ROTATION_SAVE);
	ck_assert_int_ge(e->seen, 12 * DAY);
	ck_assert_int_eq(next(NOW + 13 * DAY, 294 * HOUR), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 13 * DAY, 295 * HOUR), ROTATION_RETIRE);
	ck_assert_ptr_eq(entry, e);
	ring_move(&ring, e, RING_RETIRED, NOW + 13 * DAY);
	ck_assert_int_eq(next(NOW + 13 * DAY, 295 * HOUR), ROTATION_TELL);
	ck_assert_ptr_eq(entry, e);
	e->told = NOW + 13 * DAY;
	ck_assert_int_eq(next(NOW + 99 * DAY, 296 * HOUR), ROTATION_NOTHING);
}
END_TEST

/* Years before or after, at a boot or later, for hours. */
START_TEST(rotation__no_clock_destroys_a_key)
{
	static const int64_t years[] = {
	    -50 * 365 * DAY, -2 * DAY, 13 * DAY, 4 * 365 * DAY};
	struct ring_entry *e = add(RING_ANNOUNCED, NOW);
	int64_t wrong = NOW + years[_i], mono;

	ring_move(&ring, e, RING_ACTIVE, NOW);
	ring.e[0].told = NOW;
	e = &ring.e[1];
	for (mono = 1; mono < 48 * HOUR; mono += HOUR / 2) {
		int64_t now = mono < 24 * HOUR ? wrong : NOW + mono / 1000;
		enum rotation_do what = next(now, mono);

		ck_assert_int_ne(what, ROTATION_RETIRE);
		if (what == ROTATION_DATE)
			entry->since = entry->told = now;
	}
	ck_assert_int_eq(e->state, RING_RETIRING);
	ck_assert_int_le(e->seen, 2 * DAY);
	/* After a restart it goes on from there. */
	state = (struct rotation){.seen = 0};
	ck_assert_int_eq(next(NOW + 3 * DAY, 1), ROTATION_NOTHING);
	ck_assert_int_eq(next(NOW + 3 * DAY, 6 * HOUR + 1), ROTATION_SAVE);
	ck_assert_int_ge(e->seen, 2 * DAY);
}
END_TEST

/* ---- words ---- */

static bool
says(const struct buf *b, const char *what)
{
	return sv_find(buf_sv(b), sv_str(what)) < b->n;
}

START_TEST(notice__of_each_state)
{
	const struct notice_letter to = {.hostname = "mail.example.org",
	    .from_domain = "example.org",
	    .to = "anna@example.org",
	    .now = NOW,
	    .id = {1, 2}};
	struct notice n = {.domain = "example.org",
	    .state = RING_ANNOUNCED,
	    .selector = {"rsa1", "ed1"},
	    .record = {SV("v=DKIM1; k=rsa; p=A"), SV("v=DKIM1; p=B")},
	    .why = "ns2.example.org does not have it",
	    .old_selector = {"rsa0", "ed0"},
	    .old_until = NOW,
	    .rotate_s = 180 * DAY};
	struct buf b;

	buf_init(&b, 8192);
	notice_compose(&n, &to, &b);
	ck_assert(sv_starts(buf_sv(&b), SV("Return-Path: <>\r\nDate: ")));
	ck_assert(says(&b, "\r\nName:  rsa1._domainkey.example.org\r\n"
			   "Type:  TXT\r\nValue: v=DKIM1; k=rsa; p=A\r\n"));
	ck_assert(says(&b, "\r\nName:  ed1._domainkey.example.org\r\n"));
	ck_assert(says(&b, "every 180\r\ndays"));
	ck_assert(!says(&b, "Reminder"));
	ck_assert(!says(&b, "ns2"));
	n.again = true;
	buf_reset(&b);
	notice_compose(&n, &to, &b);
	ck_assert(says(&b, "Subject: Reminder: example.org has a new"));
	ck_assert(says(&b, "asked: ns2.example.org does not have it.\r\n"));
	n.state = RING_ACTIVE;
	buf_reset(&b);
	notice_compose(&n, &to, &b);
	ck_assert(says(&b, "until 2026-11-24"));
	ck_assert(says(&b, "rsa0._domainkey.example.org\r\n"));
	n.state = RING_RETIRED;
	buf_reset(&b);
	notice_compose(&n, &to, &b);
	ck_assert(says(&b, "you can remove them now"));
	ck_assert(says(&b, "ed1._domainkey.example.org\r\n"));
	buf_fini(&b);
}
END_TEST

START_TEST(notice__lists_what_is_awaited)
{
	struct notice_dns w = {.why = "", .seen_ms = -1, .active_why = "ns1"};
	struct buf b;

	clk_set_offset(NOW * 1000 - clk_now());
	buf_init(&b, 8192);
	notice_list("example.org", &ring, &policy, NULL, &b);
	ck_assert_str_eq(b.p, "example.org\n"
			      "  rsa1 ed1  active since 2026-11-24; the "
			      "server looks for its records in DNS when it "
			      "runs\n"
			      "    the next key is due on 2027-05-23\n");
	add(RING_ANNOUNCED, NOW);
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, NULL, &b);
	ck_assert(says(&b, "looks for them when it runs"));
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "have not answered yet"));
	ck_assert(says(&b, "is not known: ns1\n"));
	w.active_why = "";
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "active since 2026-11-24; its records are being "
			   "looked for in DNS: ask again in a minute\n"));
	w.active_why = "ns1";
	w.why = "ns2.example.org does not have it";
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "in DNS: ns2.example.org does not have it\n"));
	w.seen_ms = 60000;
	w.wait_ms = 3 * HOUR;
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "in use in 3 hours"));
	ck_assert(!says(&b, "are in DNS"));
	w.seen_ms = w.wait_ms;
	w.active = ROTATION_THERE;
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "asked once more: ns2.example.org"));
	ck_assert(
	    says(&b, "active since 2026-11-24; its records are in DNS\n"));
	w.active = ROTATION_NOT_THERE;
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, &w, &b);
	ck_assert(says(&b, "active since 2026-11-24, BUT ITS RECORDS ARE NOT "
			   "IN DNS: ns1; see"));
	ring_move(&ring, &ring.e[1], RING_ACTIVE, NOW);
	buf_reset(&b);
	notice_list("example.org", &ring, &policy, NULL, &b);
	/* What signs comes first. */
	ck_assert(says(&b, "example.org\n  rsa2 ed2  active"));
	ck_assert(says(&b, "  rsa1 ed1  retiring since 2026-11-24\n"
			   "    its records are needed until 2026-12-06\n"));
	clk_set_offset(0);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(rotation)
{
	TCase *t = tcase_create("rotation");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rotation__makes_a_key_when_it_is_due_and_stays_so);
	tcase_add_test(t, rotation__of_a_clock_that_has_stepped_back);
	tcase_add_test(t, rotation__reminds_once_a_month);
	tcase_add_test(
	    t, rotation__uses_a_key_when_all_have_it_and_none_remembers);
	tcase_add_test(t, rotation__goes_on_waiting_after_a_restart);
	tcase_add_test(t, rotation__keeps_the_old_one_until_its_mail_is_gone);
	tcase_add_loop_test(t, rotation__no_clock_destroys_a_key, 0, 4);
	tcase_add_test(t, notice__of_each_state);
	tcase_add_test(t, notice__lists_what_is_awaited);
	return t;
}
