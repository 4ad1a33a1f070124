/*
 * The junk filter's engine for test/bench/junk.py: lines in, lines out.
 *
 *   ask PATH       -> margin, and 1 if it is junk
 *   junk PATH      teaches it; -> "ok"
 *   ham PATH
 *   read PATH      wanted, as far as one can tell of who has only read it
 *   cost           -> CPU milliseconds for each message, features and model
 *   time PATH      -> CPU microseconds of its features, of its margin, and
 *                     how many features it has, each done a hundred times
 *
 * Arguments: --no-headers leaves out what is taken from header fields.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "junk/model.h"
#include "junk/pupil.h"
#include "mime/mime.h"

#define FILE_MAX (64 << 20)

struct bench {
	struct junk_model *model;
	struct junk_features f;
	uint32_t kinds;
	double cpu;
	unsigned asked;
};

static double
cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char *p = buf_reserve(out, FILE_MAX);

	if (f == NULL || p == NULL) {
		perror(path);
		exit(1);
	}
	buf_added(out, fread(p, 1, FILE_MAX, f));
	(void)fclose(f);
}

#define TIMES 100

static void
do_time(struct bench *b, const struct junk_source *src)
{
	struct junk_answer a;
	double from = cpu_ms(), between;
	unsigned i;

	for (i = 0; i < TIMES; i++)
		junk_features_take(src, &b->f);
	between = cpu_ms();
	for (i = 0; i < TIMES; i++)
		junk_model_ask(b->model, NULL, &b->f, &a);
	(void)printf("%.2f %.2f %zu\n", (between - from) * 1000 / TIMES,
	    (cpu_ms() - between) * 1000 / TIMES, b->f.n);
}

static void
do_line(struct bench *b, struct sv line)
{
	struct sv verb = sv_split(&line, ' ');
	struct buf msg;
	struct junk_source src = {.kinds = b->kinds};
	struct junk_lesson l = {.f = &b->f,
	    .junk = sv_eq(verb, SV("junk")),
	    .count = true,
	    .weight = sv_eq(verb, SV("read")) ? PUPIL_READ_WEIGHT : 1,
	    .sure = JUNK_SURE};
	char *path = sv_dup(line);
	double from;

	buf_init(&msg, FILE_MAX + 1);
	read_file(path, &msg);
	src.msg = buf_sv(&msg);
	if (sv_eq(verb, SV("time"))) {
		do_time(b, &src);
		buf_fini(&msg);
		free(path);
		return;
	}
	from = cpu_ms();
	junk_features_take(&src, &b->f);
	if (sv_eq(verb, SV("ask"))) {
		double margin = junk_model_margin(b->model, NULL, &b->f);

		(void)printf("%.6f %d\n", margin,
		    margin > junk_model_border(b->model, NULL));
		b->cpu += cpu_ms() - from;
		b->asked++;
	} else {
		junk_model_learn(b->model, NULL, &l, NULL);
		(void)printf("ok\n");
	}
	buf_fini(&msg);
	free(path);
}

int
main(int argc, char **argv)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	char line[8192];

	mime_charset_setup();
	b->model = junk_model_new(JUNK_SERVER_BITS);
	b->kinds = JUNK_ALL;
	if (argc > 1 && strcmp(argv[1], "--no-headers") == 0)
		b->kinds &= ~(uint32_t)JUNK_HEADERS;
	while (fgets(line, sizeof line, stdin) != NULL) {
		struct sv s = sv_trim(sv_str(line));

		if (sv_eq(s, SV("cost")))
			(void)printf(
			    "%.4f\n", b->asked > 0 ? b->cpu / b->asked : 0);
		else if (s.n > 0)
			do_line(b, s);
		(void)fflush(stdout);
	}
	junk_model_free(&b->model);
	free(b);
	return 0;
}
