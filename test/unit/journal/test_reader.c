/*
 * The format is described so that it can be read without this library: writes
 * a journal, lets reader.py read it, and compares.
 *
 *   test_reader READER
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal.h"

static int
ignore(void *arg, const struct journal_record *r)
{
	(void)arg;
	(void)r;
	return RC_OK;
}

static void
write_one(struct journal *j, unsigned i, struct buf *want)
{
	struct journal_item it = {.type = (uint16_t)(16 + i % 5),
	    .flags = JOURNAL_NAMED,
	    .blob = journal_blob_new(j)};
	char text[40];
	uint32_t crc = 0;
	uint64_t seq;

	for (unsigned k = 0; k < 1 + i * i % 90; k++) {
		int n = snprintf(text, sizeof text, "line %u of %u\r\n", k, i);

		must(journal_blob_add(it.blob, text, (size_t)n) == RC_OK);
		crc = crc32c(crc, text, (size_t)n);
	}
	must(journal_blob_seal(it.blob) == RC_OK);
	seq = journal_append(j, &it, 1);
	buf_addf(want, "%llu %u %llu %08x\n", (unsigned long long)seq, it.type,
	    (unsigned long long)journal_blob_size(it.blob), crc);
	journal_blob_free(&it.blob);
	if (i % 3 == 0)
		must(journal_flush(j, seq) == RC_OK);
}

static void
write_all(const char *dir, struct buf *want)
{
	struct journal_opts o = {.kind = {'t', 'e', 's', 't'},
	    .segment_bytes = 9000,
	    .inline_max = 1000};
	struct journal_report rep;
	struct journal *j = NULL;
	struct err err;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Twice, so that a clean end is written over. */
	for (unsigned round = 0; round < 2; round++) {
		must(journal_open(fd, &o, &j, &err) == RC_OK);
		must(
		    journal_replay(j, NULL, ignore, NULL, &rep, &err) == RC_OK);
		for (unsigned i = 0; i < 30; i++)
			write_one(j, round * 30 + i, want);
		journal_close(&j);
	}
}

int
main(int argc, char **argv)
{
	char dir[] = "reader-test-XXXXXX", cmd[600], chunk[4096];
	struct buf want, got;
	size_t n;
	FILE *f;

	if (argc != 2)
		return 2;
	log_setup("test", LOG_ERROR);
	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	must(mkdtemp(dir) != NULL);
	write_all(dir, &want);
	(void)snprintf(
	    cmd, sizeof cmd, "python3 '%s' records '%s/log'", argv[1], dir);
	f = popen(cmd, "r");
	must(f != NULL);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&got, chunk, n);
	must(pclose(f) == 0);
	(void)snprintf(cmd, sizeof cmd, "rm -r '%s'", dir);
	must(system(cmd) == 0);
	if (!sv_eq(buf_sv(&want), buf_sv(&got))) {
		fprintf(stderr, "-- written\n%s-- read\n%s", want.p, got.p);
		return 1;
	}
	buf_fini(&got);
	buf_fini(&want);
	return 0;
}
