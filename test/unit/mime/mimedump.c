/*
 * Prints what the MIME library says of messages, for comparisons and for
 * looking: a line with ENVELOPE, one with BODYSTRUCTURE, one with BODY for
 * each file of the command line.  Line ends become CRLF first, as on
 * delivery.  With -t times N summaries of all files instead.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clk.h"
#include "base/io.h"
#include "mime/mime.h"

static void
with_crlf(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			buf_addc(out, '\r');
		buf_addc(out, s.p[i]);
	}
}

static bool
load(const char *path, struct buf *msg)
{
	struct buf raw;
	struct err err;

	buf_init(&raw, 256u << 20);
	if (io_read_file(path, &raw, &err) != RC_OK) {
		(void)fprintf(stderr, "mimedump: %s\n", err.text);
		return false;
	}
	buf_reset(msg);
	with_crlf(buf_sv(&raw), msg);
	buf_fini(&raw);
	return true;
}

static void
dump(const char *path)
{
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct buf msg, out;
	struct mime_msg m;

	buf_init(&msg, 256u << 20);
	buf_init(&out, 64u << 20);
	if (!load(path, &msg))
		exit(1);
	mime_parse(buf_sv(&msg), &lim, &m);
	mime_envelope(buf_sv(&msg), &m, 0, &out);
	buf_addc(&out, '\n');
	mime_bodystructure(buf_sv(&msg), &m, true, &out);
	buf_addc(&out, '\n');
	mime_bodystructure(buf_sv(&msg), &m, false, &out);
	buf_addc(&out, '\n');
	(void)fwrite(out.p, 1, out.n, stdout);
	mime_msg_fini(&m);
	buf_fini(&out);
	buf_fini(&msg);
}

static void
measure(int rounds, char **path, int n)
{
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct buf *msg = calloc((size_t)n, sizeof *msg), out;
	uint64_t bytes = 0, summary = 0;
	int64_t t;
	int i, k;

	must(msg != NULL);
	for (i = 0; i < n; i++) {
		buf_init(&msg[i], 256u << 20);
		if (!load(path[i], &msg[i]))
			exit(1);
	}
	buf_init(&out, 8u << 20);
	t = clk_mono();
	for (k = 0; k < rounds; k++) {
		for (i = 0; i < n; i++) {
			buf_reset(&out);
			mime_summarise(buf_sv(&msg[i]), &lim, &out);
			bytes += msg[i].n;
			summary += out.n;
		}
	}
	t = clk_mono() - t;
	(void)printf("%d messages, %.1f MB in %.3f s: %.0f MB/s, %.1f us and "
		     "%.0f bytes of summary a message\n",
	    n * rounds, (double)bytes / 1e6, (double)t / 1e3,
	    (double)bytes / 1e3 / (double)(t > 0 ? t : 1),
	    (double)t * 1e3 / n / rounds, (double)summary / n / rounds);
	for (i = 0; i < n; i++)
		buf_fini(&msg[i]);
	buf_fini(&out);
	free(msg);
}

int
main(int argc, char **argv)
{
	int i;

	mime_charset_setup();
	if (argc > 3 && argv[1][0] == '-' && argv[1][1] == 't') {
		uint32_t rounds = 1;

		if (sv_to_u32(sv_str(argv[2]), 1000000, &rounds) != RC_OK)
			return 2;
		measure((int)rounds, argv + 3, argc - 3);
		return 0;
	}
	for (i = 1; i < argc; i++)
		dump(argv[i]);
	return 0;
}
