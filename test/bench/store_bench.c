/*
 * What a mailbox of 100,000 costs: to open it cold and warm, to change it and
 * to copy it.
 *
 *   store_bench [folder [messages]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/store.h"

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double mark;

static void
begin(void)
{
	mark = now_ms();
}

static void
end(const char *what, double n)
{
	double ms = now_ms() - mark;

	if (n > 0)
		printf("%-36s %9.2f ms  %10.0f a second\n", what, ms,
		    n / ms * 1e3);
	else
		printf("%-36s %9.2f ms\n", what, ms);
}

static void
fill(struct store *st, uint32_t n)
{
	struct buf text;
	uint64_t need = 0;

	buf_init(&text, 1 << 20);
	for (uint32_t i = 0; i < n; i++) {
		struct store_add a = {.mailbox = "INBOX", .internal_date = i};
		struct store_body *b = store_body_new(st);
		struct store_added out;
		struct err err;

		buf_reset(&text);
		buf_addf(&text,
		    "From: Anna <anna@example.org>\r\n"
		    "To: Ben <ben@example.test>\r\n"
		    "Subject: Message number %u\r\n"
		    "Date: Tue, 24 Nov 2026 11:36:46 +0000\r\n"
		    "Message-ID: <%u@example.org>\r\n\r\n",
		    i, i);
		for (int k = 0; k < 25; k++)
			buf_adds(&text, "A line of text, as mails have.\r\n");
		must(store_body_add(b, text.p, text.n) == RC_OK);
		must(store_add(st, &b, &a, &out, &need, &err) == RC_OK);
		if (i % 200 == 0)
			must(store_flush(st, need) == RC_OK);
	}
	must(store_flush(st, need) == RC_OK);
	buf_fini(&text);
}

static struct store *
open_it(const char *dir)
{
	struct store_opts o = {.low_water_bytes = 1};
	struct store *st = NULL;
	struct err err;

	if (store_open(dir, &o, &st, &err) != RC_OK) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return st;
}

static struct view *
select_it(struct store *st, const char *name)
{
	struct view *v = NULL;
	struct view_info info;
	uint64_t need = 0;

	must(view_open(st, name, false, NULL, NULL, &v, &need) == RC_OK);
	view_info(v, &info, &need);
	must(store_flush(st, need) == RC_OK);
	return v;
}

static void
summaries(struct store *st, struct view *v, const char *what, uint32_t n)
{
	struct store_msg m[100];
	uint64_t need = 0;
	struct buf b;

	buf_init(&b, 1 << 20);
	begin();
	for (uint32_t s = 1; s <= n; s += 100) {
		uint32_t got = view_msgs(v, s, 100, m, &need);

		for (uint32_t k = 0; k < got; k++) {
			buf_reset(&b);
			must(store_summary(st, m[k].body, &b) == RC_OK);
		}
	}
	end(what, n);
	buf_fini(&b);
}

static void
change(struct store *st, struct view *v, uint32_t lo, uint32_t hi,
    enum store_op op, uint32_t flags)
{
	struct rangeset all = RANGESET_EMPTY, a = RANGESET_EMPTY,
			b = RANGESET_EMPTY;
	struct store_flags f = {.system = flags};
	uint64_t need = 0;
	struct err err;

	rangeset_add(&all, lo, hi);
	must(view_store(v, &all, op, &f, NULL, &a, &b, &need, &err) == RC_OK);
	must(store_flush(st, need) == RC_OK);
	rangeset_fini(&all);
	rangeset_fini(&a);
	rangeset_fini(&b);
}

static void
copy(struct store *st, struct view *v, uint32_t n, bool move)
{
	struct rangeset all = RANGESET_EMPTY, a = RANGESET_EMPTY,
			b = RANGESET_EMPTY;
	uint32_t validity;
	uint64_t need = 0;
	struct err err;

	rangeset_add(&all, 1, n);
	must(view_copy(v, &all, "Archive", move, &validity, &a, &b, &need,
		 &err) == RC_OK);
	must(store_flush(st, need) == RC_OK);
	rangeset_fini(&all);
	rangeset_fini(&a);
	rangeset_fini(&b);
}

static void
measure(const char *dir, uint32_t n)
{
	struct store *st;
	struct view *v, *w;
	struct view_changes c;
	uint64_t need = 0;
	struct err err;
	char cmd[300];

	begin();
	st = open_it(dir);
	end("start, with checkpoint", 0);
	begin();
	v = select_it(st, "INBOX");
	end("SELECT, cold", 0);
	begin();
	w = select_it(st, "INBOX");
	end("SELECT, warm", 0);
	view_close(&w);
	summaries(st, v, "summaries, first time", n < 10000 ? n : 10000);
	summaries(st, v, "summaries, again", n < 10000 ? n : 10000);
	begin();
	change(st, v, 1, n, STORE_OP_ADD, STORE_SEEN);
	end("STORE 1:* +FLAGS \\Seen", n);
	begin();
	copy(st, v, n < 10000 ? n : 10000, false);
	end("COPY 1:10000", n < 10000 ? n : 10000);
	begin();
	copy(st, v, n < 10000 ? n : 10000, true);
	end("MOVE 1:10000", n < 10000 ? n : 10000);
	view_sync(v, true, &c, &need);
	view_changes_fini(&c);
	change(st, v, 1, 1000, STORE_OP_ADD, STORE_DELETED);
	begin();
	must(view_expunge(v, NULL, &need, &err) == RC_OK);
	view_sync(v, true, &c, &need);
	must(store_flush(st, need) == RC_OK);
	view_changes_fini(&c);
	end("EXPUNGE of 1000", 1000);
	view_close(&v);
	begin();
	store_close(&st);
	end("close, with checkpoint", 0);
	(void)snprintf(cmd, sizeof cmd, "rm '%s/state'", dir);
	must(system(cmd) == 0);
	begin();
	st = open_it(dir);
	end("start, journal only", 0);
	store_close(&st);
}

int
main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : ".";
	char dir[200], cmd[300];
	uint32_t n = 100000;
	struct store *st;

	log_setup("bench", LOG_ERROR);
	if (argc > 2 && sv_to_u32(sv_str(argv[2]), 10000000, &n) != RC_OK)
		return 2;
	(void)snprintf(dir, sizeof dir, "%s/store-bench-XXXXXX", where);
	must(mkdtemp(dir) != NULL);
	st = open_it(dir);
	begin();
	fill(st, n);
	end("APPEND, 200 a flush", n);
	store_close(&st);
	measure(dir, n);
	(void)snprintf(cmd, sizeof cmd, "rm -r '%s'", dir);
	return system(cmd) == 0 ? 0 : 1;
}
