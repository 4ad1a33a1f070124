/* The steps on the disk: found, removed, damaged, full. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clk.h"
#include "base/log.h"
#include "history/aside.h"
#include "history/db.h"
#include "history/record.h"
#include "history/search.h"
#include "test/unit/unit.h"

#define DAY_MS (24 * 3600 * 1000ll)

static const struct history_db_opts usual = {14 * DAY_MS, 64u << 20, true};
static char folder[] = "/tmp/hearthmail-history.XXXXXX";
static struct history_db *db;

static void
open_db(const struct history_db_opts *o)
{
	struct err err = {.text = ""};

	ck_assert_msg(history_db_open(o, &db, &err) == RC_OK, "%s", err.text);
}

static void
set_up(void)
{
	log_setup("test", LOG_NOTHING);
	(void)signal(SIGXFSZ, SIG_IGN);
	clk_set_offset(0);
	memcpy(strrchr(folder, '.'), ".XXXXXX", 8);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	open_db(&usual);
}

static void
tear_down(void)
{
	static const char *const files[] = {
	    HISTORY_DB_NAME, HISTORY_DB_NAME "-wal", "x", "x-wal"};
	size_t i;

	history_db_close(&db);
	clk_set_offset(0);
	history_aside_forget(HISTORY_DB_NAME, INT64_MAX);
	history_aside_forget("x", INT64_MAX);
	for (i = 0; i < sizeof files / sizeof files[0]; i++)
		(void)unlink(files[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static int
add_step(struct history_step *s, unsigned id)
{
	struct buf b;
	int r;

	be_put32(s->id, id);
	if (s->when == 0)
		s->when = clk_now();
	buf_init(&b, 65536);
	history_record_put(s, &b);
	r = history_db_add(db, s, buf_sv(&b));
	buf_fini(&b);
	return r;
}

static void
add(unsigned id, enum history_kind kind, const char *subject)
{
	struct history_step s = {.kind = (uint8_t)kind,
	    .count = HISTORY_C_NONE,
	    .number = id,
	    .sender = SV("anna@example.org"),
	    .subject = sv_str(subject)};

	ck_assert_int_eq(add_step(&s, id), RC_OK);
}

static uint64_t story[HISTORY_FOUND_MAX];

static struct history_found
find_more(const char *text, uint32_t most, uint64_t before)
{
	struct history_found f = {.story = story};
	struct history_term term[HISTORY_PARSE_MAX];
	struct trace_find asked = {
	    .most = most, .before = before, .term = term};
	struct buf room;

	buf_init(&room, 65536);
	asked.nterm = (uint32_t)history_parse(sv_str(text), &room, term);
	ck_assert_int_eq(history_db_find(db, &asked, 60000, &f), RC_OK);
	buf_fini(&room);
	return f;
}

static struct history_found
find(const char *text)
{
	return find_more(text, 1000, 0);
}

/* The kinds of a story's steps, a letter each. */
static const char *
kinds(uint64_t which)
{
	static char text[100];
	struct history_step s = {.kind = 0};
	struct history_page page = {.room = 30000};
	struct buf out;
	struct sv rest;
	size_t n = 0;

	buf_init(&out, 1 << 20);
	page.out = &out;
	ck_assert_int_eq(history_db_read(db, which, 0, &page), RC_OK);
	ck_assert(!page.more);
	rest = buf_sv(&out);
	while (history_record_get(&rest, &s))
		text[n++] = (char)('a' + s.kind);
	text[n] = '\0';
	ck_assert_uint_eq(rest.n, 0);
	buf_fini(&out);
	return text;
}

static char
letter(enum history_kind k)
{
	return (char)('a' + k);
}

START_TEST(db__finds_before_and_after_the_commit)
{
	const char both[] = {
	    letter(HISTORY_ACCEPTED), letter(HISTORY_STORED), '\0'};

	add(1, HISTORY_ACCEPTED, "Lunch");
	add(1, HISTORY_STORED, "");
	add(2, HISTORY_ACCEPTED, "Dinner");
	ck_assert_uint_eq(find("lunch").n, 1);
	ck_assert_str_eq(kinds(story[0]), both);
	ck_assert(history_db_pending(db));
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	ck_assert(!history_db_pending(db));
	ck_assert_uint_eq(find("anna@example.org").n, 2);
	ck_assert_uint_gt(story[0], story[1]); /* the newest first */
	ck_assert_uint_eq(find("breakfast").n, 0);
}
END_TEST

/* A message that waits for days, across commits, others and processes. */
START_TEST(db__joins_what_comes_later)
{
	const char all[] = {letter(HISTORY_ACCEPTED), letter(HISTORY_QUEUED),
	    letter(HISTORY_TRIED), letter(HISTORY_SENT), '\0'};
	unsigned i;

	add(1, HISTORY_ACCEPTED, "Lunch");
	add(1, HISTORY_QUEUED, "");
	for (i = 100; i < 100 + 9000; i++)
		add(i, HISTORY_ACCEPTED, "other");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	add(1, HISTORY_TRIED, "");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	history_db_close(&db);
	open_db(&usual);
	add(1, HISTORY_SENT, "");
	ck_assert_uint_eq(find("lunch").n, 1);
	ck_assert_str_eq(kinds(story[0]), all);
	/* Found by a later step, too. */
	ck_assert_uint_eq(find("1").n, 1);
}
END_TEST

START_TEST(db__a_new_process_goes_on_where_the_old_one_was)
{
	const char both[] = {
	    letter(HISTORY_ACCEPTED), letter(HISTORY_STORED), '\0'};

	add(7, HISTORY_ACCEPTED, "Lunch");
	history_db_close(&db);
	open_db(&usual);
	add(7, HISTORY_STORED, "");
	ck_assert_uint_eq(find("lunch").n, 1);
	ck_assert_str_eq(kinds(story[0]), both);
}
END_TEST

START_TEST(db__pages)
{
	struct history_found f;
	uint64_t before = 0;
	unsigned i, n = 0;

	for (i = 1; i <= 25; i++)
		add(i, HISTORY_ACCEPTED, i % 2 == 0 ? "even" : "odd");
	do {
		f = find_more("odd", 5, before);
		n += f.n;
		before = f.before;
	} while (f.more);
	ck_assert_uint_eq(n, 13);
}
END_TEST

/* One with many steps does not fit one answer. */
START_TEST(db__reads_in_pages)
{
	static char words[1000];
	struct history_page page = {.room = 30000};
	struct history_step got = {.kind = 0};
	unsigned i, n = 0, pages = 0;
	struct buf out;

	memset(words, 'x', sizeof words);
	add(1, HISTORY_QUEUED, "Lunch");
	for (i = 0; i < 500; i++) {
		struct history_step s = {.kind = HISTORY_TRIED,
		    .count = HISTORY_C_NONE,
		    .text = {words, sizeof words}};

		ck_assert_int_eq(add_step(&s, 1), RC_OK);
	}
	ck_assert_uint_eq(find("lunch").n, 1);
	buf_init(&out, MSG_MAX);
	page.out = &out;
	page.next = 0;
	do {
		struct sv rest;

		buf_reset(&out);
		ck_assert_int_eq(
		    history_db_read(db, story[0], page.next, &page), RC_OK);
		ck_assert(buf_ok(&out));
		ck_assert_uint_lt(out.n, 60000);
		rest = buf_sv(&out);
		while (history_record_get(&rest, &got))
			n++;
		pages++;
	} while (page.more);
	ck_assert_uint_eq(n, 501);
	ck_assert_uint_gt(pages, 8);
	buf_fini(&out);
}
END_TEST

static void
prune(void)
{
	bool more = true;

	while (more)
		ck_assert_int_eq(history_db_prune(db, clk_now(), &more), RC_OK);
}

START_TEST(db__forgets_what_is_old)
{
	unsigned i;

	for (i = 1; i <= 500; i++)
		add(i, HISTORY_ACCEPTED, "old");
	clk_set_offset(10 * DAY_MS);
	add(1000, HISTORY_ACCEPTED, "young");
	prune();
	ck_assert_uint_eq(find("old").n, 500);
	clk_set_offset(14 * DAY_MS + 60000);
	prune();
	ck_assert_uint_eq(find("old").n, 0);
	ck_assert_uint_eq(find("young").n, 1);
}
END_TEST

/* The next process knows what this one has taken for the time. */
START_TEST(db__keeps_the_time)
{
	const int64_t now = clk_now();
	bool more;

	ck_assert_int_eq(history_db_time(db), 0);
	add(1, HISTORY_ACCEPTED, "old");
	clk_set_offset(40 * 365 * DAY_MS);
	add(2, HISTORY_ACCEPTED, "ahead");
	ck_assert_int_eq(history_db_prune(db, now, &more), RC_OK);
	ck_assert_uint_eq(find("old").n, 1);
	history_db_close(&db);
	open_db(&usual);
	ck_assert_int_eq(history_db_time(db), now);
	ck_assert_uint_eq(find("old").n, 1);
}
END_TEST

/* Refusals make room first, but not the newest of them. */
START_TEST(db__has_a_size)
{
	static const struct history_db_opts small = {
	    14 * DAY_MS, 1u << 20, true};
	static char words[900];
	struct stat st;
	unsigned i;

	memset(words, 'x', sizeof words);
	for (i = 1; i <= 3000; i++) {
		struct history_step s = {.count = HISTORY_C_NONE,
		    .kind = i % 2 == 0 ? HISTORY_REFUSED : HISTORY_ACCEPTED,
		    .subject = i % 2 == 0 ? SV("no") : SV("yes"),
		    .text = {words, sizeof words}};

		if (i == 1500)
			clk_set_offset(DAY_MS);
		ck_assert_int_eq(add_step(&s, i), RC_OK);
	}
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	history_db_set_opts(db, &small);
	prune();
	ck_assert_uint_lt(find("no").n, 500);
	ck_assert_uint_gt(find("no").n, 0);
	ck_assert_uint_gt(find("yes").n, find("no").n);
	for (i = 4000; i < 6000; i++) {
		struct history_step s = {.count = HISTORY_C_NONE,
		    .kind = HISTORY_ACCEPTED,
		    .text = {words, sizeof words}};

		ck_assert_int_eq(add_step(&s, i), RC_OK);
		if (i % 100 == 0)
			prune();
	}
	prune();
	history_db_close(&db);
	open_db(&small);
	ck_assert_int_eq(stat(HISTORY_DB_NAME, &st), 0);
	ck_assert_int_lt(st.st_size, 6 << 20);
}
END_TEST

START_TEST(db__counts_by_day)
{
	uint64_t n[HISTORY_COUNTS];
	struct history_step s = {.kind = HISTORY_SENT, .count = HISTORY_C_SENT};

	ck_assert_int_eq(add_step(&s, 1), RC_OK);
	history_db_count(db, HISTORY_C_UNKNOWN, 41);
	history_db_count(db, HISTORY_COUNT_LOST, 3);
	history_db_counts(db, 1, n);
	ck_assert_uint_eq(n[HISTORY_C_SENT], 1);
	history_db_close(&db);
	open_db(&usual);
	history_db_count(db, HISTORY_C_UNKNOWN, 1);
	history_db_counts(db, 1, n);
	ck_assert_uint_eq(n[HISTORY_C_SENT], 1);
	ck_assert_uint_eq(n[HISTORY_C_UNKNOWN], 42);
	ck_assert_uint_eq(history_db_lost(db, 1), 3);
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	clk_set_offset(3 * DAY_MS);
	history_db_counts(db, 1, n);
	ck_assert_uint_eq(n[HISTORY_C_UNKNOWN], 0);
	history_db_counts(db, 7, n);
	ck_assert_uint_eq(n[HISTORY_C_UNKNOWN], 42);
}
END_TEST

static uint64_t
value_of(const struct history_days *d, int64_t day, uint32_t what)
{
	uint32_t i;

	for (i = 0; i < d->n; i++)
		if (d->row[i].day == day && d->row[i].what == what)
			return d->row[i].n;
	return 0;
}

/* Of an hour the last sample is kept; counts are beside them, by day. */
START_TEST(db__samples_by_hour)
{
	const uint32_t waiting = HISTORY_SAMPLE_AT(HISTORY_S_WAITING, 0);
	struct history_days d;
	uint64_t n[HISTORY_COUNTS];
	uint32_t before;

	history_db_count(db, HISTORY_C_SENT, 5);
	ck_assert_int_eq(
	    history_db_sample(db, &(struct history_sample){7, 1}), RC_OK);
	ck_assert_int_eq(
	    history_db_sample(db, &(struct history_sample){9, 1ull << 50}),
	    RC_OK);
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	history_db_days(db, &d);
	before = d.hour;
	ck_assert_uint_eq(d.n, 3);
	ck_assert_uint_eq(value_of(&d, d.today, waiting + d.hour), 9);
	ck_assert_uint_eq(
	    value_of(&d, d.today, HISTORY_SAMPLE_AT(HISTORY_S_DISK, d.hour)),
	    1ull << 50);
	ck_assert_uint_eq(value_of(&d, d.today, HISTORY_C_SENT), 5);
	free(d.row);
	/* Neither is taken for the other. */
	history_db_counts(db, 1, n);
	ck_assert_uint_eq(n[HISTORY_C_SENT], 5);
	clk_set_offset(DAY_MS);
	ck_assert_int_eq(
	    history_db_sample(db, &(struct history_sample){2, 1}), RC_OK);
	history_db_days(db, &d);
	ck_assert_uint_eq(value_of(&d, d.today - 1, waiting + before), 9);
	ck_assert_uint_eq(value_of(&d, d.today, waiting + d.hour), 2);
	free(d.row);
	clk_set_offset(20 * DAY_MS);
	history_db_days(db, &d);
	ck_assert_uint_eq(d.n, 0);
	free(d.row);
}
END_TEST

START_TEST(db__keeps_numbers_only_if_it_is_off)
{
	static const struct history_db_opts off = {0, 1u << 20, true};
	uint64_t n[HISTORY_COUNTS];
	struct history_step s = {.kind = HISTORY_SENT, .count = HISTORY_C_SENT};

	add(1, HISTORY_ACCEPTED, "before");
	history_db_set_opts(db, &off);
	prune();
	ck_assert_int_eq(add_step(&s, 2), RC_OK);
	ck_assert_uint_eq(find("anna@example.org").n, 0);
	history_db_counts(db, 1, n);
	ck_assert_uint_eq(n[HISTORY_C_SENT], 1);
}
END_TEST

static bool
has_bytes(const char *file, const char *what)
{
	char *p = malloc(32u << 20);
	int fd = open(file, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, p, 32u << 20) : 0;
	bool found = n > 0 && memmem(p, (size_t)n, what, strlen(what)) != NULL;

	(void)close(fd);
	free(p);
	return found;
}

START_TEST(db__hides_subjects)
{
	static const struct history_db_opts shy = {
	    14 * DAY_MS, 64u << 20, false};
	unsigned i;

	for (i = 1; i <= 700; i++)
		add(i, HISTORY_ACCEPTED, "private matter");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	add(3, HISTORY_ACCEPTED, "private matter");
	history_db_set_opts(db, &shy);
	add(4000, HISTORY_ACCEPTED, "private matter");
	prune();
	ck_assert_uint_eq(find("private").n, 0);
	ck_assert_uint_eq(find("anna@example.org").n, 701);
	history_db_close(&db);
	open_db(&shy);
	ck_assert(!has_bytes(HISTORY_DB_NAME, "private matter"));
}
END_TEST

static void
spoil(const char *file, off_t at, size_t n)
{
	int fd = open(file, O_WRONLY);
	char *p = malloc(n);

	ck_assert_int_ge(fd, 0);
	memset(p, 0xa5, n);
	ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
	(void)close(fd);
	free(p);
}

START_TEST(db__begins_anew_when_it_is_damaged)
{
	add(1, HISTORY_ACCEPTED, "lost");
	history_db_close(&db);
	(void)unlink(HISTORY_DB_NAME "-wal");
	{
		FILE *f = fopen(HISTORY_DB_NAME, "w");

		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fputs("this is not a database\n", f) >= 0, 1);
		ck_assert_int_eq(fclose(f), 0);
	}
	spoil(HISTORY_DB_NAME, 23, 5000);
	open_db(&usual);
	ck_assert_int_eq(access(HISTORY_DB_NAME ".damaged", F_OK), 0);
	add(2, HISTORY_ACCEPTED, "found");
	ck_assert_uint_eq(find("found").n, 1);
}
END_TEST

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
expect_text(const char *path, const char *want)
{
	char text[100] = "";
	FILE *f = fopen(path, "r");

	if (want == NULL) {
		ck_assert_ptr_null(f);
		return;
	}
	ck_assert_msg(f != NULL, "%s", path);
	(void)!fgets(text, sizeof text, f);
	(void)fclose(f);
	ck_assert_str_eq(text, want);
}

/* What was written last is in the log: both together are recovered. */
START_TEST(db__sets_its_log_aside_with_it)
{
	add(1, HISTORY_ACCEPTED, "kept in the log");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	history_db_close(&db);
	ck_assert_int_eq(access(HISTORY_DB_NAME "-wal", F_OK), 0);
	history_db_set_aside();
	ck_assert_int_ne(access(HISTORY_DB_NAME "-wal", F_OK), 0);
	open_db(&usual);
	ck_assert_uint_eq(find("kept in the log").n, 0);
	history_db_close(&db);
	(void)unlink(HISTORY_DB_NAME "-wal");
	ck_assert_int_eq(
	    rename(HISTORY_DB_NAME ".damaged-wal", HISTORY_DB_NAME "-wal"), 0);
	ck_assert_int_eq(
	    rename(HISTORY_DB_NAME ".damaged", HISTORY_DB_NAME), 0);
	open_db(&usual);
	ck_assert_uint_eq(find("kept in the log").n, 1);
}
END_TEST

/* The newest three, each with its own log or none. */
START_TEST(aside__keeps_so_many)
{
	char text[20];
	int i;

	for (i = 1; i <= 5; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		write_text("x", text);
		if (i % 2 == 1)
			write_text("x-wal", text);
		history_aside_put("x");
		ck_assert_int_ne(access("x", F_OK), 0);
		ck_assert_int_ne(access("x-wal", F_OK), 0);
	}
	expect_text("x.damaged", "5");
	expect_text("x.damaged-wal", "5");
	expect_text("x.damaged.1", "4");
	expect_text("x.damaged.1-wal", NULL);
	expect_text("x.damaged.2", "3");
	expect_text("x.damaged.2-wal", "3");
	expect_text("x.damaged.3", NULL);
	history_aside_forget("x", clk_now() / 1000 - 3600);
	expect_text("x.damaged", "5");
	history_aside_forget("x", clk_now() / 1000 + 3600);
	expect_text("x.damaged", NULL);
	expect_text("x.damaged-wal", NULL);
	expect_text("x.damaged.2-wal", NULL);
}
END_TEST

/* After a crash between the log and the rest. */
START_TEST(aside__joins_what_was_parted)
{
	write_text("x.damaged-wal", "1");
	write_text("x", "1");
	history_aside_put("x");
	expect_text("x.damaged", "1");
	expect_text("x.damaged-wal", "1");
	expect_text("x.damaged.1-wal", NULL);
}
END_TEST

/* An owner who keeps nothing keeps no copy either. */
START_TEST(db__forgets_what_is_aside_with_the_rest)
{
	const struct history_db_opts keep[] = {
	    {.keep_ms = 0, .size = usual.size, .subjects = true},
	    {.keep_ms = usual.keep_ms, .size = usual.size, .subjects = false}};
	bool more;

	write_text(HISTORY_DB_NAME ".damaged", "x");
	ck_assert_int_eq(history_db_prune(db, clk_now(), &more), RC_OK);
	expect_text(HISTORY_DB_NAME ".damaged", "x");
	history_db_set_opts(db, &keep[_i]);
	ck_assert_int_eq(history_db_prune(db, clk_now(), &more), RC_OK);
	expect_text(HISTORY_DB_NAME ".damaged", NULL);
}
END_TEST

/* In the middle: somebody finds out sooner or later, and says so. */
START_TEST(db__notices_damage_while_it_runs)
{
	struct history_found f = {.story = story};
	static const struct history_term term = {
	    .kind = HISTORY_BY_SUBJECT, .text = SV("nothing")};
	const struct trace_find asked = {.most = 10,
	    .term = &(struct history_term){term.kind, 0, {0}, term.text},
	    .nterm = 1};
	struct err err;
	struct stat st;
	unsigned i;

	for (i = 1; i <= 60000; i++)
		add(i, HISTORY_ACCEPTED, "some words to make it longer");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	history_db_close(&db);
	ck_assert_int_eq(stat(HISTORY_DB_NAME, &st), 0);
	ck_assert_int_gt(st.st_size, 1 << 20);
	(void)unlink(HISTORY_DB_NAME "-wal"); /* which has many of the pages */
	spoil(HISTORY_DB_NAME, 100 * 4096, (size_t)st.st_size - 200 * 4096);
	if (history_db_open(&usual, &db, &err) == RC_OK)
		ck_assert_int_eq(
		    history_db_find(db, &asked, 60000, &f), RC_DAMAGED);
	history_db_close(&db);
	history_db_set_aside();
	open_db(&usual);
}
END_TEST

/* A full disk: it is said, and later it goes on. */
START_TEST(db__survives_a_full_disk)
{
	static char words[1000];
	struct rlimit full = {1u << 20, RLIM_INFINITY}, before;
	unsigned i;
	int r = RC_OK;

	memset(words, 'x', sizeof words);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	full.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	for (i = 1; i <= 5000 && r == RC_OK; i++) {
		struct history_step s = {.kind = HISTORY_ACCEPTED,
		    .count = HISTORY_C_NONE,
		    .text = {words, sizeof words}};

		r = add_step(&s, i);
		if (r == RC_OK && i % 100 == 0)
			r = history_db_commit(db);
	}
	ck_assert(r == RC_NOSPACE || r == RC_IO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	add(9000, HISTORY_ACCEPTED, "there is room again");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	ck_assert_uint_eq(find("room again").n, 1);
}
END_TEST

START_TEST(db__is_one_process_s)
{
	struct history_db *other = NULL;
	struct err err;

	add(1, HISTORY_ACCEPTED, "x");
	ck_assert_int_eq(history_db_commit(db), RC_OK);
	/* By another process: locks are those of processes. */
	if (fork() == 0)
		_exit(history_db_open(&usual, &other, &err) == RC_TEMP ? 0 : 1);
	{
		int status = -1;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

UNIT_TESTS(db)
{
	TCase *t = tcase_create("db");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, db__finds_before_and_after_the_commit);
	tcase_add_test(t, db__joins_what_comes_later);
	tcase_add_test(t, db__a_new_process_goes_on_where_the_old_one_was);
	tcase_add_test(t, db__pages);
	tcase_add_test(t, db__reads_in_pages);
	tcase_add_test(t, db__forgets_what_is_old);
	tcase_add_test(t, db__keeps_the_time);
	tcase_add_test(t, db__has_a_size);
	tcase_add_test(t, db__counts_by_day);
	tcase_add_test(t, db__samples_by_hour);
	tcase_add_test(t, db__keeps_numbers_only_if_it_is_off);
	tcase_add_test(t, db__hides_subjects);
	tcase_add_test(t, db__begins_anew_when_it_is_damaged);
	tcase_add_test(t, db__sets_its_log_aside_with_it);
	tcase_add_test(t, aside__keeps_so_many);
	tcase_add_test(t, aside__joins_what_was_parted);
	tcase_add_loop_test(t, db__forgets_what_is_aside_with_the_rest, 0, 2);
	tcase_add_test(t, db__notices_damage_while_it_runs);
	tcase_add_test(t, db__survives_a_full_disk);
	tcase_add_test(t, db__is_one_process_s);
	return t;
}
