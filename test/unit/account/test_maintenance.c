/*
 * What the account's second thread does, on a disk that says what is free,
 * waits where it is told to, and is slow where that shows.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "account/expunged.h"
#include "account/maintenance.h"
#include "test/unit/unit.h"
#include "test/unit/store/fixture.h"

#define DAY_MS	  (24 * 3600 * 1000ll)
#define FOREVER	  DAY_MS
#define RETENTION (30 * DAY_MS)
#define LOW_WATER (32ull << 20)
#define PRESSED	  (40ull << 20)
#define PLENTY	  (1ull << 40)
#define BIG	  (128u << 10) /* worth a compaction of its own */
#define SMALL	  (17u << 10)
#define WAIT_S	  10
#define SLOW_MS	  20
#define SEGMENTS  100 /* for a slow disk: two seconds */
#define LOOKS	  20  /* a look may ask more than once what is free */

/* ---- the disk ---- */

static struct {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	pthread_t tester;
	uint64_t free;
	unsigned asked;	  /* how often for what is free */
	unsigned begun;	  /* segments */
	unsigned renamed; /* of those */
	bool hold, held;  /* before the new segment gets its name */
	bool slow;	  /* once a segment was begun */
} disk = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct journal_io io;

/* The maintenance's thread, not the test's own. */
static bool
is_maintenance(void)
{
	return !pthread_equal(pthread_self(), disk.tester);
}

static bool
is_unfinished(const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && strstr(name, ".new") != NULL;
}

static int
fake_free_bytes(const struct journal_io *self, int dirfd, uint64_t *out)
{
	(void)self;
	(void)dirfd;
	pthread_mutex_lock(&disk.mu);
	*out = disk.free;
	disk.asked += is_maintenance();
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.mu);
	return 0;
}

static int
fake_open(const struct journal_io *self, int dirfd, const char *name, int flags)
{
	(void)self;
	if (is_maintenance() && is_unfinished(name)) {
		pthread_mutex_lock(&disk.mu);
		disk.begun++;
		pthread_cond_broadcast(&disk.changed);
		pthread_mutex_unlock(&disk.mu);
	}
	return journal_disk.open(&journal_disk, dirfd, name, flags);
}

static int
fake_rename(
    const struct journal_io *self, int dirfd, const char *from, const char *to)
{
	(void)self;
	if (is_maintenance() && is_unfinished(from)) {
		pthread_mutex_lock(&disk.mu);
		disk.held = disk.hold;
		pthread_cond_broadcast(&disk.changed);
		while (disk.held)
			pthread_cond_wait(&disk.changed, &disk.mu);
		disk.renamed++;
		pthread_mutex_unlock(&disk.mu);
	}
	return journal_disk.rename(&journal_disk, dirfd, from, to);
}

static ssize_t
fake_pread(
    const struct journal_io *self, int fd, void *p, size_t n, uint64_t off)
{
	const struct timespec pause = {0, SLOW_MS * 1000000};
	bool slow;

	(void)self;
	pthread_mutex_lock(&disk.mu);
	slow = disk.slow && disk.begun > 0 && is_maintenance();
	pthread_mutex_unlock(&disk.mu);
	if (slow)
		(void)nanosleep(&pause, NULL);
	return journal_disk.pread(&journal_disk, fd, p, n, off);
}

static int
no_sync(const struct journal_io *self, int fd)
{
	(void)self;
	(void)fd;
	return 0;
}

/* Until the disk has seen that. */
static void
await(bool (*seen)(unsigned n), unsigned n)
{
	struct timespec until;
	int e = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&disk.mu);
	while (!seen(n) && e == 0)
		e = pthread_cond_timedwait(&disk.changed, &disk.mu, &until);
	pthread_mutex_unlock(&disk.mu);
	ck_assert_int_eq(e, 0);
}

static bool
is_held(unsigned n)
{
	(void)n;
	return disk.held;
}

static bool
has_asked(unsigned n)
{
	return disk.asked >= n;
}

static bool
has_begun(unsigned n)
{
	return disk.begun >= n;
}

static void
set_free(uint64_t bytes)
{
	pthread_mutex_lock(&disk.mu);
	disk.free = bytes;
	pthread_mutex_unlock(&disk.mu);
}

static void
release(bool hold)
{
	pthread_mutex_lock(&disk.mu);
	disk.hold = hold;
	disk.held = false;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.mu);
}

/* The maintenance has looked some times at what is free now. */
static void
await_looks(void)
{
	unsigned n;

	pthread_mutex_lock(&disk.mu);
	n = disk.asked;
	pthread_mutex_unlock(&disk.mu);
	await(has_asked, n + LOOKS);
}

/* ---- the account ---- */

static struct store *store;
static struct ev_loop *loop;
static struct maintenance *maintenance;

static void
setup(void)
{
	struct store_opts o = {.io = &io,
	    .segment_bytes = 16384,
	    .low_water_bytes = LOW_WATER,
	    .retention_ms = RETENTION};

	io = journal_disk;
	io.free_bytes = fake_free_bytes;
	io.open = fake_open;
	io.rename = fake_rename;
	io.pread = fake_pread;
	io.datasync = no_sync;
	io.dirsync = no_sync;
	disk.tester = pthread_self();
	disk.free = PLENTY;
	disk.asked = disk.begun = disk.renamed = 0;
	disk.hold = disk.held = disk.slow = false;
	fixture_make();
	store = fixture_open_with(&o);
	loop = ev_loop_new();
}

static void
teardown(void)
{
	release(false);
	maintenance_free(&maintenance);
	ev_loop_free(&loop);
	store_close(&store);
	fixture_remove();
}

/* So many messages of that size, each of which ends its segment. */
static void
add(unsigned n, size_t size)
{
	char *text = xmalloc(size + 1);

	memset(text, 'x', size);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	text[size] = '\0';
	while (n-- > 0)
		(void)fixture_add(store, "INBOX", text, STORE_DELETED);
	free(text);
}

static void
add_expunged(unsigned n, size_t size, int64_t days_ago)
{
	struct view *v;

	clk_set_offset(-days_ago * DAY_MS);
	add(n, size);
	v = fixture_view(store, "INBOX");
	fixture_expunge(v);
	view_close(&v);
	clk_set_offset(0);
	(void)fixture_add(store, "INBOX", "Subject: y\r\n\r\n", 0);
}

static bool
on_expunged(void *arg, const struct store_expunged *e)
{
	unsigned *n = arg;
	char *p = xmalloc(e->msg.size);

	ck_assert_int_eq(
	    store_read(store, e->msg.body, 0, p, e->msg.size), RC_OK);
	free(p);
	(*n)++;
	return true;
}

/* How many can be brought back. */
static unsigned
expunged(void)
{
	uint64_t need = 0;
	unsigned n = 0;

	store_expunged_each(store, on_expunged, &n, &need);
	return n;
}

/* ---- the maintenance ---- */

static uint32_t answered;
static int answered_rc;
static uint64_t answered_messages;

static void
on_reply(void *arg, uint32_t id, struct msg *reply)
{
	struct expunged_done done;

	(void)arg;
	ck_assert_int_eq(expunged_done_get(reply, &done), RC_OK);
	answered = id;
	answered_rc = done.rc;
	answered_messages = done.messages;
	ev_stop(loop);
}

static void
begin(const struct maintenance_pace *pace)
{
	answered = 0;
	maintenance = maintenance_new(loop, store, pace, on_reply, NULL);
	maintenance_set_retention(maintenance, RETENTION);
	maintenance_start(maintenance);
}

static void
ask(uint8_t action, int fd)
{
	const struct expunged_ask a = {
	    .account = SV("anna"), .q = {.action = action}, .fd = fd};
	struct msg m;

	msg_init(&m, 0);
	m.id = 7;
	expunged_ask_put(&m, &a);
	maintenance_ask(maintenance, &m);
}

static int
nowhere(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void
too_long(void *arg)
{
	struct ev_timer **t = arg;

	*t = NULL;
	ev_stop(loop);
}

static void
await_reply(void)
{
	struct ev_timer *t =
	    ev_timer_add(loop, WAIT_S * 1000, too_long, (void *)&t);

	ev_run(loop);
	ev_timer_del(&t);
	ck_assert_uint_eq(answered, 7);
	ck_assert_int_eq(answered_rc, RC_OK);
}

static void
keep_hours(void *arg, enum log_level level, int64_t when, const char *text)
{
	const char *hours = strstr(text, "hours=");

	(void)level;
	(void)when;
	if (hours != NULL)
		*(int *)arg = (int)strtol(hours + 6, NULL, 10);
}

/* What the log says last of a retention that was shrunk. */
static int
shrunk_hours(void)
{
	int hours = 0;

	log_recent(keep_hours, &hours);
	return hours;
}

/* Looks all the time, and nothing else. */
static const struct maintenance_pace looking = {.every_ms = FOREVER,
    .look_ms = 1,
    .worth_bytes = 16u << 20,
    .bytes_a_ms = 8192};

/* ---- tests ---- */

/* Each look that finds the disk pressed halves what is kept. */
START_TEST(maintenance__a_full_disk_shrinks_the_retention_step_by_step)
{
	add_expunged(1, BIG, 20);
	add_expunged(1, BIG, 10);
	add_expunged(1, BIG, 5);
	add_expunged(1, BIG, 1);
	disk.free = PRESSED;
	disk.hold = true;
	ck_assert_uint_eq(expunged(), 4);
	begin(&looking);
	await(is_held, 0);
	ck_assert_uint_eq(expunged(), 3);
	release(true);
	await(is_held, 0);
	ck_assert_int_eq(shrunk_hours(), 360);
	ck_assert_uint_eq(expunged(), 2);
	release(true);
	await(is_held, 0);
	ck_assert_int_eq(shrunk_hours(), 180);
	ck_assert_uint_eq(expunged(), 1);
	release(true);
	/* 45 hours give nothing. */
	await(is_held, 0);
	ck_assert_int_eq(shrunk_hours(), 90);
	ck_assert_uint_eq(expunged(), 0);
	set_free(PLENTY);
	release(false);
	await_looks();
	ck_assert_int_eq(shrunk_hours(), 22);
}
END_TEST

/* When there was room meanwhile, it begins anew with all of it. */
START_TEST(maintenance__room_brings_the_whole_retention_back)
{
	add_expunged(1, BIG, 20);
	add_expunged(1, BIG, 10);
	disk.free = PRESSED;
	disk.hold = true;
	begin(&looking);
	await(is_held, 0);
	release(true);
	await(is_held, 0);
	set_free(PLENTY);
	release(true);
	await_looks();
	ck_assert_int_eq(shrunk_hours(), 180);
	add_expunged(1, BIG, 20);
	add_expunged(1, BIG, 10);
	await_looks();
	ck_assert_uint_eq(expunged(), 2);
	set_free(PRESSED);
	await(is_held, 0);
	ck_assert_uint_eq(expunged(), 1);
	set_free(PLENTY);
	release(true);
	await_looks();
	ck_assert_int_eq(shrunk_hours(), 360);
}
END_TEST

START_TEST(maintenance__with_room_nothing_goes_before_its_time)
{
	const struct maintenance_pace pace = {
	    .every_ms = 1, .look_ms = 1, .worth_bytes = 1, .bytes_a_ms = 8192};

	add_expunged(1, BIG, 31);
	add_expunged(1, BIG, 29);
	add_expunged(1, BIG, 8);
	add_expunged(1, BIG, 1);
	disk.hold = true;
	begin(&pace);
	await(is_held, 0);
	release(false);
	await_looks();
	ck_assert_uint_eq(expunged(), 3);
	/* However often it has looked, the first step is the half. */
	pthread_mutex_lock(&disk.mu);
	disk.hold = true;
	disk.free = PRESSED;
	pthread_mutex_unlock(&disk.mu);
	await(is_held, 0);
	ck_assert_uint_eq(expunged(), 2);
	set_free(PLENTY);
	release(false);
	await_looks();
	ck_assert_int_eq(shrunk_hours(), 360);
	maintenance_free(&maintenance);
	store_close(&store);
	fixture_forget_checkpoint();
	store =
	    fixture_open_with(&(struct store_opts){.retention_ms = RETENTION});
	ck_assert_uint_eq(expunged(), 2);
}
END_TEST

/* It would rest for minutes, if nobody asked. */
START_TEST(maintenance__whoever_asks_comes_before_rest)
{
	const struct maintenance_pace pace = {.every_ms = FOREVER,
	    .look_ms = FOREVER,
	    .worth_bytes = 1,
	    .bytes_a_ms = 1};

	add_expunged(10, SMALL, 31);
	add_expunged(2, SMALL, 3);
	begin(&pace);
	await(has_begun, 1);
	ask(EXPUNGED_LIST, nowhere());
	ck_assert(maintenance_busy(maintenance));
	await_reply();
	ck_assert(!maintenance_busy(maintenance));
	ck_assert_uint_eq(answered_messages, 2);
	/* What was under way was not given up for it. */
	ck_assert_uint_eq(disk.renamed, 1);
}
END_TEST

START_TEST(maintenance__purges)
{
	const struct maintenance_pace idle = {
	    .first_ms = FOREVER, .worth_bytes = 1, .bytes_a_ms = 8192};

	add_expunged(5, SMALL, 3);
	begin(&idle);
	ask(EXPUNGED_PURGE, nowhere());
	await_reply();
	ck_assert_uint_eq(answered_messages, 5);
	ck_assert_uint_eq(expunged(), 0);
	ck_assert_uint_gt(disk.renamed, 0);
}
END_TEST

/* On a slow disk each of these would take two seconds to its end, or days. */
START_TEST(maintenance_free__ends_what_is_being_done)
{
	static const struct {
		const char *name;
		struct maintenance_pace pace;
		int64_t days_ago;
		uint64_t free;
		bool purge, rests;
	} rows[] = {
	    {"nothing", {.first_ms = FOREVER, .bytes_a_ms = 8192}, 3, PLENTY,
		false, true},
	    {"now and then",
		{.every_ms = FOREVER,
		    .look_ms = FOREVER,
		    .worth_bytes = 1,
		    .bytes_a_ms = 1},
		31, PLENTY, false, false},
	    {"a full disk",
		{.every_ms = FOREVER,
		    .look_ms = 1,
		    .worth_bytes = 16u << 20,
		    .bytes_a_ms = 8192},
		20, PRESSED, false, false},
	    {"purge", {.first_ms = FOREVER, .bytes_a_ms = 8192}, 3, PLENTY,
		true, false},
	};
	int64_t since;

	add_expunged(SEGMENTS, SMALL, rows[_i].days_ago);
	disk.free = rows[_i].free;
	disk.slow = true;
	begin(&rows[_i].pace);
	if (rows[_i].purge)
		ask(EXPUNGED_PURGE, nowhere());
	if (!rows[_i].rests)
		await(has_begun, 1);
	since = clk_mono();
	maintenance_free(&maintenance);
	since = clk_mono() - since;
	ck_assert_msg(since < SEGMENTS * SLOW_MS / 2, "%s: %lld ms",
	    rows[_i].name, (long long)since);
	ck_assert_uint_eq(answered, 0);
}
END_TEST

/* The answer is on its way to the loop when nobody wants it any more. */
START_TEST(maintenance_free__what_is_done_is_not_answered)
{
	const struct maintenance_pace idle = {
	    .first_ms = FOREVER, .bytes_a_ms = 8192};
	char line[100];
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	add_expunged(1, SMALL, 3);
	begin(&idle);
	ask(EXPUNGED_LIST, p[1]);
	while (read(p[0], line, sizeof line) > 0)
		;
	io_close(&p[0]);
	ask(EXPUNGED_ACTIONS, nowhere());
	maintenance_free(&maintenance);
	ev_loop_free(&loop);
	ck_assert_uint_eq(answered, 0);
}
END_TEST

UNIT_TESTS(maintenance)
{
	TCase *t = tcase_create("maintenance");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(
	    t, maintenance__a_full_disk_shrinks_the_retention_step_by_step);
	tcase_add_test(t, maintenance__room_brings_the_whole_retention_back);
	tcase_add_test(t, maintenance__with_room_nothing_goes_before_its_time);
	tcase_add_test(t, maintenance__whoever_asks_comes_before_rest);
	tcase_add_test(t, maintenance__purges);
	tcase_add_loop_test(t, maintenance_free__ends_what_is_being_done, 0, 4);
	tcase_add_test(t, maintenance_free__what_is_done_is_not_answered);
	return t;
}
