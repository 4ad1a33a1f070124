#include "dns/ladder.h"
#include "test/unit/unit.h"

#define MINUTE 60000LL

/* What works in the world of a test. */
struct world {
	bool root, root_signed; /* own recursion; and its answers validate */
	bool system, system_signed;
};

static bool
works(const struct world *w, const struct dns_rung *g)
{
	bool any = g->path == DNS_PATH_SYSTEM ? w->system : w->root;
	bool is_signed =
	    g->path == DNS_PATH_SYSTEM ? w->system_signed : w->root_signed;

	return any && (!g->validate || is_signed);
}

/* One whole round, if it is due; the loudest news of it. */
static enum dns_ladder_news
round_at(struct dns_ladder *l, const struct world *w, int64_t now)
{
	enum dns_ladder_news news, loudest = DNS_LADDER_SAME;
	int rung;

	while ((rung = dns_ladder_next(l, now)) >= 0) {
		ck_assert_int_eq(dns_ladder_next(l, now), -1);
		news = dns_ladder_result(l, works(w, &l->rung[rung]), now);
		if (news != DNS_LADDER_SAME)
			loudest = news;
		if (!l->in_round)
			break;
	}
	return loudest;
}

static const struct world fine = {true, true, true, true};
static const struct world only_system = {false, false, true, true};
static const struct world unsigned_only = {true, false, true, false};
static const struct world dark = {false, false, false, false};

START_TEST(dns_ladder__takes_the_best_that_works)
{
	struct dns_ladder l;

	dns_ladder_init(&l, false, false, true, true);
	ck_assert_uint_eq(l.n, 4);
	ck_assert_int_eq(l.now, -1);
	ck_assert_int_eq(round_at(&l, &fine, 1), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 0);
	/* It is looked at now and then. */
	ck_assert_int_eq(dns_ladder_next(&l, DNS_LADDER_AGAIN), -1);
	ck_assert_int_eq(
	    round_at(&l, &fine, 1 + DNS_LADDER_AGAIN), DNS_LADDER_SAME);
	ck_assert_int_eq(dns_ladder_next(&l, 2 * DNS_LADDER_AGAIN), -1);
	dns_ladder_init(&l, false, false, true, true);
	ck_assert_int_eq(round_at(&l, &only_system, 1), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 1);
	ck_assert_int_eq(l.rung[1].path, DNS_PATH_SYSTEM);
	ck_assert(l.rung[1].validate);
}
END_TEST

/* Nobody asks for anything; one lost packet is not the end. */
START_TEST(dns_ladder__notices_a_death_by_itself)
{
	struct dns_ladder l;
	int64_t t = 1 + DNS_LADDER_AGAIN;

	dns_ladder_init(&l, false, false, true, true);
	(void)round_at(&l, &fine, 1);
	ck_assert_int_eq(round_at(&l, &dark, t), DNS_LADDER_SAME);
	ck_assert(!l.down);
	ck_assert_int_eq(dns_ladder_due(&l), t + DNS_LADDER_RETRY);
	t += DNS_LADDER_RETRY;
	ck_assert_int_eq(round_at(&l, &fine, t), DNS_LADDER_SAME);
	ck_assert_int_eq(l.now, 0);
	t += DNS_LADDER_AGAIN;
	ck_assert_int_eq(round_at(&l, &dark, t), DNS_LADDER_SAME);
	t += DNS_LADDER_RETRY;
	ck_assert_int_eq(round_at(&l, &dark, t), DNS_LADDER_DOWN);
	ck_assert(l.down);
	t += DNS_LADDER_RETRY;
	ck_assert_int_eq(round_at(&l, &fine, t), DNS_LADDER_BACK);
	ck_assert(!l.down);
	t += DNS_LADDER_AGAIN;
	(void)round_at(&l, &only_system, t);
	t += DNS_LADDER_RETRY;
	ck_assert_int_eq(round_at(&l, &only_system, t), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 1);
}
END_TEST

START_TEST(dns_ladder__regains_the_best)
{
	struct dns_ladder l;

	dns_ladder_init(&l, false, false, true, true);
	(void)round_at(&l, &only_system, 1);
	ck_assert_int_eq(dns_ladder_next(&l, DNS_LADDER_AGAIN), -1);
	ck_assert_int_eq(
	    round_at(&l, &only_system, 1 + DNS_LADDER_AGAIN), DNS_LADDER_SAME);
	ck_assert_int_eq(
	    round_at(&l, &fine, 1 + 2 * DNS_LADDER_AGAIN), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 0);
}
END_TEST

START_TEST(dns_ladder__gives_up_validation_after_a_day)
{
	struct dns_ladder l;
	int64_t t = 1, since = 0;

	dns_ladder_init(&l, false, false, true, true);
	ck_assert_int_eq(round_at(&l, &unsigned_only, t), DNS_LADDER_DOWN);
	since = t;
	ck_assert_int_eq(l.now, 0);
	/* An hour in which nothing works at all changes nothing. */
	for (; t < DNS_LADDER_DAY; t += MINUTE) {
		(void)round_at(&l,
		    t > 100 * MINUTE && t < 160 * MINUTE ? &dark
							 : &unsigned_only,
		    t);
		ck_assert(l.rung[l.now].validate);
	}
	for (; l.rung[l.now].validate; t += MINUTE)
		(void)round_at(&l, &unsigned_only, t);
	ck_assert_int_ge(t - since, DNS_LADDER_DAY);
	ck_assert_int_le(t - since, DNS_LADDER_DAY + 6 * MINUTE);
	ck_assert_int_eq(l.now, 2);
	/* It stays so, and validation is regained at once when it works. */
	for (; t < 2 * DNS_LADDER_DAY; t += MINUTE)
		ck_assert_int_eq(
		    round_at(&l, &unsigned_only, t), DNS_LADDER_SAME);
	t += DNS_LADDER_AGAIN;
	ck_assert_int_eq(round_at(&l, &only_system, t), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 1);
	/* And the next failure needs a day of its own. */
	t += DNS_LADDER_AGAIN;
	ck_assert_int_eq(round_at(&l, &unsigned_only, t), DNS_LADDER_DOWN);
	ck_assert(l.rung[l.now].validate);
}
END_TEST

START_TEST(dns_ladder__one_validated_answer_stops_the_day)
{
	struct dns_ladder l;
	int64_t t = 1;

	dns_ladder_init(&l, false, false, true, true);
	for (; t < DNS_LADDER_DAY - MINUTE; t += MINUTE)
		(void)round_at(&l, &unsigned_only, t);
	t += DNS_LADDER_AGAIN;
	ck_assert_int_eq(round_at(&l, &fine, t), DNS_LADDER_BACK);
	ck_assert_int_eq(l.now, 0);
	ck_assert_int_eq(l.bad_since, 0);
}
END_TEST

START_TEST(dns_ladder__a_dark_network_keeps_what_was_in_force)
{
	struct dns_ladder l;
	int64_t t = 1, last = 1, gap, longest = 0;
	int i;

	dns_ladder_init(&l, false, false, true, true);
	(void)round_at(&l, &only_system, t);
	t += DNS_LADDER_AGAIN;
	ck_assert_int_eq(round_at(&l, &dark, t), DNS_LADDER_DOWN);
	ck_assert_int_eq(l.now, 1);
	ck_assert_int_eq(dns_ladder_due(&l), t + DNS_LADDER_RETRY);
	for (i = 0; i < 30; i++) {
		last = t;
		t = dns_ladder_due(&l);
		gap = t - last;
		longest = gap > longest ? gap : longest;
		ck_assert_int_eq(round_at(&l, &dark, t), DNS_LADDER_SAME);
	}
	ck_assert_int_eq(longest, DNS_LADDER_AGAIN);
	ck_assert_int_gt(t, 2 * 60 * MINUTE);
	ck_assert_int_eq(l.now, 1);
	t = dns_ladder_due(&l);
	ck_assert_int_eq(round_at(&l, &only_system, t), DNS_LADDER_BACK);
}
END_TEST

START_TEST(dns_ladder__nobody_waits_for_ways_that_may_not_be_taken)
{
	struct dns_ladder l;

	dns_ladder_init(&l, false, false, true, true);
	ck_assert_int_eq(dns_ladder_next(&l, 1), 0);
	ck_assert_int_eq(dns_ladder_result(&l, false, 1), DNS_LADDER_SAME);
	ck_assert_int_eq(l.now, -1);
	ck_assert_int_eq(dns_ladder_next(&l, 1), 1);
	ck_assert_int_eq(dns_ladder_result(&l, false, 1), DNS_LADDER_DOWN);
	ck_assert_int_eq(l.now, 0);
	/* The round goes on, to know what is wrong. */
	ck_assert_int_eq(dns_ladder_next(&l, 1), 2);
}
END_TEST

START_TEST(dns_ladder__failed_lookups_raise_doubts)
{
	struct dns_ladder l;
	int i;
	int64_t t = 2 * DNS_LADDER_QUIET;

	dns_ladder_init(&l, false, false, true, true);
	(void)round_at(&l, &fine, 1);
	for (i = 0; i < DNS_LADDER_DOUBTS - 1; i++)
		dns_ladder_lookup(&l, false, t);
	dns_ladder_lookup(&l, true, t);
	for (i = 0; i < DNS_LADDER_DOUBTS - 1; i++)
		dns_ladder_lookup(&l, false, t);
	ck_assert_int_eq(dns_ladder_next(&l, t), -1);
	dns_ladder_lookup(&l, false, t);
	ck_assert_int_eq(round_at(&l, &only_system, t), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 1);
	/* Not again right away. */
	for (i = 0; i < 10 * DNS_LADDER_DOUBTS; i++)
		dns_ladder_lookup(&l, false, t + 1);
	ck_assert_int_eq(dns_ladder_next(&l, t + 1), -1);
	ck_assert_int_eq(dns_ladder_due(&l), t + DNS_LADDER_QUIET);
}
END_TEST

START_TEST(dns_ladder__configuration_leaves_ways_out)
{
	struct dns_ladder l;

	/* Servers by name: only those. */
	dns_ladder_init(&l, false, true, true, true);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_int_eq(l.rung[0].path, DNS_PATH_FORWARD);
	ck_assert_int_eq(l.rung[1].path, DNS_PATH_FORWARD);
	ck_assert(!l.rung[1].validate);
	/* Another root: not the system's servers, which know another. */
	dns_ladder_init(&l, true, false, true, true);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_int_eq(l.rung[1].path, DNS_PATH_ROOT);
	/* No validation by key: at once, without a day's wait. */
	dns_ladder_init(&l, false, false, true, false);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_uint_eq(l.nfree, 2);
	ck_assert_int_eq(round_at(&l, &unsigned_only, 1), DNS_LADDER_CHANGED);
	ck_assert_int_eq(l.now, 0);
	ck_assert(!l.rung[0].validate);
}
END_TEST

UNIT_TESTS(ladder)
{
	TCase *t = tcase_create("ladder");

	tcase_add_test(t, dns_ladder__takes_the_best_that_works);
	tcase_add_test(t, dns_ladder__notices_a_death_by_itself);
	tcase_add_test(t, dns_ladder__regains_the_best);
	tcase_add_test(t, dns_ladder__gives_up_validation_after_a_day);
	tcase_add_test(t, dns_ladder__one_validated_answer_stops_the_day);
	tcase_add_test(t, dns_ladder__a_dark_network_keeps_what_was_in_force);
	tcase_add_test(
	    t, dns_ladder__nobody_waits_for_ways_that_may_not_be_taken);
	tcase_add_test(t, dns_ladder__failed_lookups_raise_doubts);
	tcase_add_test(t, dns_ladder__configuration_leaves_ways_out);
	return t;
}
