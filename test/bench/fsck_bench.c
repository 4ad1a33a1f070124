/*
 * What checking and rebuilding a large account costs, with its tables of
 * contents and without.
 *
 *   fsck_bench folder [messages [bytes of each]]
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/fsck.h"

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fill(const char *dir, uint32_t messages, uint32_t bytes)
{
	const struct store_opts o = {.low_water_bytes = 1};
	struct store_add a = {.mailbox = "INBOX", .internal_date = 1700000000};
	struct store_added out;
	struct store *st = NULL;
	struct err err = {.text = ""};
	uint64_t need = 0;
	char *text = xmalloc(bytes + 1);

	memset(text, 'x', bytes);
	for (uint32_t i = 70; i + 2 < bytes; i += 70)
		memcpy(text + i, "\r\n", 2);
	must(store_open(dir, &o, &st, &err) == RC_OK);
	for (uint32_t i = 0; i < messages; i++) {
		struct store_body *b = store_body_new(st);
		int n = snprintf(text, bytes,
		    "From: Anna <anna@example.org>\r\nTo: ben@example.org\r\n"
		    "Subject: number %u\r\nMessage-ID: <%u@example.org>\r\n"
		    "Date: Mon, 01 Jan 2024 10:00:00 +0000\r\n\r\n",
		    i, i);

		text[n] = 'x';
		must(store_body_add(b, text, bytes) == RC_OK);
		must(store_add(st, &b, &a, &out, &need, &err) == RC_OK);
		if (i % 1000 == 999)
			must(store_flush(st, need) == RC_OK);
	}
	store_close(&st);
	free(text);
}

static void
remove_all(const char *dir, const char *pattern)
{
	char path[4096];
	glob_t g;

	(void)snprintf(path, sizeof path, "%s/%s", dir, pattern);
	if (glob(path, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			(void)unlink(g.gl_pathv[i]);
	globfree(&g);
}

static void
measure(const char *what, const char *dir,
    int (*fn)(const char *dir, const struct fsck_opts *o, struct fsck_report *r,
	struct err *err))
{
	const struct fsck_opts o = {.online = false};
	struct fsck_report r;
	struct err err = {.text = ""};
	double start = now_s();

	must(fn(dir, &o, &r, &err) == RC_OK);
	printf("%-40s %7.2f s  (%llu messages, %llu damages)\n", what,
	    now_s() - start, (unsigned long long)r.messages,
	    (unsigned long long)r.damage);
	fsck_report_fini(&r);
}

int
main(int argc, char **argv)
{
	uint32_t messages = 100000, bytes = 10000;

	if (argc < 2 ||
	    (argc > 2 &&
		sv_to_u32(sv_str(argv[2]), 10000000, &messages) != RC_OK) ||
	    (argc > 3 &&
		(sv_to_u32(sv_str(argv[3]), 1000000, &bytes) != RC_OK ||
		    bytes < 1000)))
		return 2;
	log_setup("bench", LOG_ERROR);
	fill(argv[1], messages, bytes);
	measure("check", argv[1], fsck_check);
	remove_all(argv[1], "state");
	measure("rebuild with tables of contents", argv[1], fsck_rebuild);
	remove_all(argv[1], "state");
	remove_all(argv[1], "log/*.toc");
	measure("rebuild without", argv[1], fsck_rebuild);
	measure("check of what was rebuilt", argv[1], fsck_check);
	return 0;
}
