/*
 * Crashes at every point: the script runs on the test disk and is stopped
 * before each of its calls in turn; then the power is cut, or only the
 * process dies, and the account is opened again and compared with the ledger.
 *
 * The same with each sabotage switched on must fail: tests that test the
 * tests.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "journal/sabotage.h"
#include "store/fsck.h"
#include "test/fault/backup.h"
#include "test/fault/ledger.h"
#include "test/fault/testdisk.h"

#define SEEDS 4

struct result {
	uint64_t runs, broken;
	char why[2400]; /* the first */
};

static void
note(struct result *res, const struct ledger *l, const char *scene, uint64_t at)
{
	res->runs++;
	if (l->why[0] == '\0')
		return;
	if (res->broken++ == 0)
		(void)snprintf(res->why, sizeof res->why,
		    "%s at %llu, step %u: %s", scene, (unsigned long long)at,
		    l->step, l->why);
}

static struct store *
open_on(struct testdisk *d, struct ledger *l, bool must_open)
{
	struct store *st = NULL;
	struct err err = {0, ""};
	int r;

	l->disk = d;
	r = store_open(".", script_opts(l, testdisk_io(d)), &st, &err);
	if (r != RC_OK && must_open && l->full && l->hampered) {
		testdisk_capacity(d, UINT64_MAX);
		l->full = false;
		r = store_open(".", script_opts(l, testdisk_io(d)), &st, &err);
	}
	if (r != RC_OK && must_open && l->why[0] == '\0')
		(void)snprintf(l->why, sizeof l->why, "does not open: %s %s",
		    rc_name(r), err.text);
	return r == RC_OK ? st : NULL;
}

/* Runs the script until something fails; true if it came to its end. */
static bool
script_run(struct testdisk *d, struct ledger *l)
{
	struct store *st;

	l->disk = d;
	l->step = 0;
	script_disk(l);
	st = open_on(d, l, false);
	if (st == NULL)
		return false;
	ledger_shown(l, st);
	/* What the start shows it has flushed; but if it was stopped in the
	 * middle of showing, nobody has seen it. */
	while (l->step < script_length(l) && script_step(l, st, l->step))
		l->step++;
	store_close(&st);
	return l->step == script_length(l);
}

/* All that the log alone gives is the same: what was derived from it has
 * added and lost nothing. */
static void
verify_log_alone(const struct testdisk *d, struct ledger *l, const char *dump)
{
	struct testdisk *c = testdisk_clone(d);
	struct store *st;
	char *alone;

	testdisk_remove_derived(c);
	st = open_on(c, l, true);
	if (st == NULL)
		goto out;
	alone = ledger_dump(l, st, true);
	if (alone == NULL || strcmp(alone, dump) != 0)
		ledger_broken(l, "the log alone gives something else", dump,
		    alone != NULL ? alone : "nothing");
	free(alone);
	store_close(&st);
out:
	testdisk_free(&c);
}

static void
verify_fsck(struct testdisk *d, struct ledger *l)
{
	const struct fsck_opts o = {.io = testdisk_io(d)};
	struct fsck_report r = {0};
	struct err err = {0, ""};

	if (fsck_check(".", &o, &r, &err) != RC_OK)
		ledger_broken(l, "fsck cannot look", err.text, "");
	for (size_t i = 0; i < r.n && r.damage > 0; i++)
		if (r.f[i].level == AUDIT_DAMAGE)
			ledger_broken(l, "fsck", r.f[i].file, r.f[i].text);
	fsck_report_fini(&r);
}

/* Opens, checks, goes on for a while, and checks again after a power cut that
 * leaves only what was flushed. */
static void
verify(struct testdisk *d, struct ledger *l)
{
	struct store *st = open_on(d, l, true);
	char *dump;

	if (st == NULL)
		return;
	if (!ledger_check(l, st)) {
		store_close(&st);
		return;
	}
	ledger_shown(l, st);
	for (unsigned i = 0; i < 3; i++)
		(void)script_step(l, st, i);
	testdisk_stop_at(d, 0);
	store_close(&st);
	testdisk_power_cut(d, CUT_NOTHING, 0);
	st = open_on(d, l, true);
	if (st == NULL || !ledger_check(l, st)) {
		store_close(&st);
		return;
	}
	dump = ledger_dump(l, st, true);
	store_close(&st);
	verify_log_alone(d, l, dump);
	verify_fsck(d, l);
	free(dump);
}

/* The power fails before call n. */
static void
power_cuts(const struct testdisk *stopped, const struct ledger *l, uint64_t n,
    struct result *res)
{
	for (uint64_t k = 0; k < SEEDS + 2; k++) {
		struct testdisk *d = testdisk_clone(stopped);
		struct ledger *mine = ledger_clone(l);

		testdisk_power_cut(d,
		    k == 0   ? CUT_NOTHING
		    : k == 1 ? CUT_ALL
			     : CUT_SOME,
		    n * SEEDS + k);
		verify(d, mine);
		note(res, mine, "power cut", n);
		ledger_fini(mine);
		free(mine);
		testdisk_free(&d);
	}
}

/* The process dies, the page cache stays; what the next one shows must then
 * survive a power cut. */
static void
killed(const struct testdisk *stopped, const struct ledger *l, uint64_t n,
    struct result *res)
{
	struct testdisk *d = testdisk_clone(stopped);
	struct ledger *mine = ledger_clone(l);
	struct store *st;

	testdisk_kill(d);
	st = open_on(d, mine, true);
	if (st != NULL && ledger_check(mine, st)) {
		ledger_shown(mine, st);
		testdisk_stop_at(d, 0);
		store_close(&st);
		testdisk_power_cut(d, CUT_NOTHING, 0);
		verify(d, mine);
	}
	store_close(&st);
	note(res, mine, "kill", n);
	ledger_fini(mine);
	free(mine);
	testdisk_free(&d);
}

/* The power fails again while the start is repairing. */
static void
second_cut(const struct testdisk *stopped, const struct ledger *l, uint64_t n,
    struct result *res)
{
	for (uint64_t m = n % 3; m < 12; m += 3) {
		struct testdisk *d = testdisk_clone(stopped);
		struct ledger *mine = ledger_clone(l);
		struct store *st;

		if (m & 1)
			testdisk_kill(d);
		else
			testdisk_power_cut(d, CUT_SOME, n);
		testdisk_stop_at(d, m);
		st = open_on(d, mine, false);
		store_close(&st);
		testdisk_power_cut(d, CUT_SOME, n + m);
		verify(d, mine);
		note(res, mine, "second cut", n);
		ledger_fini(mine);
		free(mine);
		testdisk_free(&d);
	}
}

/* How many calls the script makes when nothing happens. */
static uint64_t
script_ops(enum script which, bool enough, struct result *res)
{
	struct testdisk *d = testdisk_new();
	struct ledger l;
	uint64_t n;

	ledger_init(&l);
	l.script = which;
	if (!script_run(d, &l)) {
		char step[32];

		(void)snprintf(step, sizeof step, "step %u", l.step);
		ledger_broken(&l, "the script ends early", step, "");
	}
	ck_assert_msg(enough || l.why[0] == '\0', "%s", l.why);
	note(res, &l, "script", 0);
	n = testdisk_ops(d);
	ledger_fini(&l);
	testdisk_free(&d);
	return n;
}

static void
stops(enum script which, struct result *res, bool enough)
{
	uint64_t end = script_ops(which, enough, res) + 1;

	for (uint64_t n = 0; n < end && !(enough && res->broken > 0); n++) {
		struct testdisk *d = testdisk_new();
		struct ledger l;

		ledger_init(&l);
		l.script = which;
		testdisk_stop_at(d, n);
		(void)script_run(d, &l);
		power_cuts(d, &l, n, res);
		killed(d, &l, n, res);
		second_cut(d, &l, n, res);
		ledger_fini(&l);
		testdisk_free(&d);
	}
}

/* Call n fails; the process sees it, ends, and starts again on a machine that
 * goes on. */
static void
failures(enum script which, int e, struct result *res, bool enough)
{
	uint64_t end = script_ops(which, enough, res) + 1;

	for (uint64_t n = 0; n < end && !(enough && res->broken > 0); n++) {
		struct testdisk *d = testdisk_new();
		struct ledger l;

		ledger_init(&l);
		l.script = which;
		l.hampered = true;
		testdisk_fail_at(d, n, e);
		(void)script_run(d, &l);
		power_cuts(d, &l, n, res);
		killed(d, &l, n, res);
		ledger_fini(&l);
		testdisk_free(&d);
	}
}

/* The script runs to its end, with a backup beside it. */
static void
backups(enum script which, struct result *res, bool enough)
{
	uint64_t end = script_ops(which, enough, res);

	for (uint64_t n = 0; n < end && !(enough && res->broken > 0); n++) {
		struct testdisk *d = testdisk_new();
		struct ledger l, out;
		struct backup b;

		ledger_init(&l);
		ledger_init(&out);
		l.script = which;
		backup_plan(&b, &l, d, n, n + 1 + n * 7 % 41);
		(void)script_run(d, &l);
		backup_end(&b);
		backup_check(&b, &out);
		note(res, &out, "backup", n);
		backup_fini(&b);
		ledger_fini(&out);
		ledger_fini(&l);
		testdisk_free(&d);
	}
}

static void
ck_unbroken(const struct result *res)
{
	ck_assert_msg(res->broken == 0, "%llu of %llu runs; %s",
	    (unsigned long long)res->broken, (unsigned long long)res->runs,
	    res->why);
	ck_assert_uint_gt(res->runs, 0);
}

START_TEST(fault_crash__stop_at_every_call)
{
	struct result res = {0};

	stops((enum script)_i, &res, false);
	ck_unbroken(&res);
	printf("stops %d: %llu runs\n", _i, (unsigned long long)res.runs);
}
END_TEST

START_TEST(fault_crash__every_call_fails)
{
	struct result res = {0};

	failures((enum script)_i, EIO, &res, false);
	failures((enum script)_i, ENOSPC, &res, false);
	ck_unbroken(&res);
	printf("failures %d: %llu runs\n", _i, (unsigned long long)res.runs);
}
END_TEST

/* With so little room, and with what is spared for flags and expunges on top:
 * then checkpoints and compactions are still written until there is less. */
START_TEST(fault_crash__disk_fills_up)
{
	const uint64_t base = _i == 0 ? 0 : 8 << 20;
	struct result res = {0};

	for (uint64_t room = 4096; room < 300000; room += 1999) {
		struct testdisk *d = testdisk_new();
		struct ledger l;

		ledger_init(&l);
		testdisk_capacity(d, base + room);
		(void)script_run(d, &l);
		testdisk_capacity(d, base + room + (1 << 20));
		power_cuts(d, &l, room, &res);
		killed(d, &l, room, &res);
		ledger_fini(&l);
		testdisk_free(&d);
	}
	ck_unbroken(&res);
}
END_TEST

/* On a disk that is not full yet each start after a crash begins a segment:
 * what was allocated for the ones before must not add up. */
START_TEST(fault_disk__restarts_take_little)
{
	const uint64_t room = 128 << 20;
	struct testdisk *d = testdisk_new();
	struct ledger l;

	ledger_init(&l);
	testdisk_capacity(d, room);
	for (int i = 0; i < 100; i++) {
		struct store *st = open_on(d, &l, true);

		ck_assert_msg(st != NULL && ledger_check(&l, st), "%s", l.why);
		ck_assert(script_step(&l, st, 0));
		testdisk_stop_at(d, 0);
		store_close(&st);
		testdisk_kill(d);
	}
	ck_assert_uint_gt(testdisk_free_bytes(d), room - (16 << 20));
	ledger_fini(&l);
	testdisk_free(&d);
}
END_TEST

START_TEST(fault_backup__at_every_call)
{
	struct result res = {0};

	backups((enum script)_i, &res, false);
	ck_unbroken(&res);
	printf("backups %d: %llu runs\n", _i, (unsigned long long)res.runs);
}
END_TEST

static const struct {
	enum sabotage s;
	const char *name;
} sabotages[] = {
    {SABOTAGE_SKIP_DATASYNC, "skip an fdatasync"},
    {SABOTAGE_SKIP_DIRSYNC, "skip the folder's fsync"},
    {SABOTAGE_SKIP_BODY_SYNC, "skip a body's fdatasync"},
    {SABOTAGE_SKIP_BODY_DIRSYNC, "skip a body's folder"},
    {SABOTAGE_ANSWER_EARLY, "answer before the flush"},
    {SABOTAGE_IGNORE_COMMIT, "ignore the commit record"},
    {SABOTAGE_SKIP_TAIL_COPY, "leave the unclean tail"},
    {SABOTAGE_SKIP_TAIL_SYNC, "copy it without a flush"},
    {SABOTAGE_NO_PAYLOAD_CRC, "no checksum"},
    {SABOTAGE_NO_POISON, "go on after a failed flush"},
    {SABOTAGE_REUSE_UID, "reuse a UID"},
    {SABOTAGE_KEEP_UIDVALIDITY, "reuse a UIDVALIDITY"},
    {SABOTAGE_SPLIT_COPY, "COPY in two commits"},
    {SABOTAGE_FORGET_DELIVERY, "forget delivery ids"},
    {SABOTAGE_MOVE_FIRST, "MOVE expunges first"},
    {SABOTAGE_CLEAN_ALWAYS, "take every end for clean"},
    {SABOTAGE_UNLINK_EARLY, "compact: unlink too early"},
    {SABOTAGE_COMPACT_UNSYNCED, "compact: rename unflushed"},
    {SABOTAGE_COMPACT_AHEAD, "compact: before the flush"},
    {SABOTAGE_FORGET_PINNED, "compact: forget the pinned"},
    {SABOTAGE_NO_RESERVE, "a full disk: no reserve"},
    {SABOTAGE_FORGET_VANISHED, "forget what vanished"},
    {SABOTAGE_FORGET_TOMBSTONES, "forget what was expunged"},
    {SABOTAGE_UNPURGE, "a purge is undone"},
    {SABOTAGE_UNHELD, "backup: no second look"},
};

START_TEST(fault_sabotage__is_noticed)
{
	struct result res = {0};

	journal_sabotage = sabotages[_i].s;
	for (int i = 0; i < SCRIPTS && res.broken == 0; i++) {
		stops((enum script)i, &res, true);
		if (res.broken == 0)
			failures((enum script)i, EIO, &res, true);
		if (res.broken == 0)
			backups((enum script)i, &res, true);
	}
	journal_sabotage = SABOTAGE_NONE;
	ck_assert_msg(res.broken > 0, "%s: nobody has noticed in %llu runs",
	    sabotages[_i].name, (unsigned long long)res.runs);
	printf("%-28s %.150s\n", sabotages[_i].name, res.why);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fault");
	TCase *t = tcase_create("crash"), *u = tcase_create("sabotage");
	SRunner *r;
	int failed;

	/* Thousands of starts after crashes have much to say. */
	if (getenv("TEST_VERBOSE") == NULL)
		must(freopen("/dev/null", "w", stderr) != NULL);
	tcase_set_timeout(t, 1200);
	tcase_set_timeout(u, 1200);
	tcase_add_loop_test(t, fault_crash__stop_at_every_call, 0, SCRIPTS);
	tcase_add_loop_test(t, fault_crash__every_call_fails, 0, SCRIPTS);
	tcase_add_loop_test(t, fault_backup__at_every_call, 0, SCRIPT_FULL);
	tcase_add_loop_test(t, fault_crash__disk_fills_up, 0, 2);
	tcase_add_test(t, fault_disk__restarts_take_little);
	tcase_add_loop_test(u, fault_sabotage__is_noticed, 0,
	    (int)(sizeof sabotages / sizeof *sabotages));
	suite_add_tcase(s, t);
	suite_add_tcase(s, u);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
