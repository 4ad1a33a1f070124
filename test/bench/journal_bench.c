/*
 * Appends a second with 1 and with 8 writers, next to what the same disk does
 * for a bare append and fdatasync of the same bytes, one by one and with the
 * same 8 writers batched.
 *
 *   journal_bench [folder [bytes [seconds]]]
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/journal.h"

#define TMPFS_MAGIC 0x01021994

struct bench {
	struct journal *j;
	pthread_mutex_t mu;
	size_t bytes;
	int64_t end;
	uint64_t count, worst_ms;
};

static void *
write_until(void *arg)
{
	struct bench *b = arg;
	char *p = xcalloc(1, b->bytes);
	struct journal_item it = {.type = JOURNAL_TYPE_USER,
	    .flags = JOURNAL_NAMED,
	    .payload = sv_of(p, b->bytes)};
	uint64_t n = 0, worst = 0;

	memset(p, 'x', b->bytes);
	while (clk_mono() < b->end) {
		int64_t t = clk_mono();
		uint64_t seq;

		pthread_mutex_lock(&b->mu);
		seq = journal_append(b->j, &it, 1);
		pthread_mutex_unlock(&b->mu);
		must(journal_flush(b->j, seq) == RC_OK);
		t = clk_mono() - t;
		if ((uint64_t)t > worst)
			worst = (uint64_t)t;
		n++;
	}
	pthread_mutex_lock(&b->mu);
	b->count += n;
	if (worst > b->worst_ms)
		b->worst_ms = worst;
	pthread_mutex_unlock(&b->mu);
	free(p);
	return NULL;
}

static int
ignore(void *arg, const struct journal_record *r)
{
	(void)arg;
	(void)r;
	return RC_OK;
}

static double
run(const char *dir, size_t bytes, unsigned writers, int seconds)
{
	struct journal_opts o = {.kind = {'b', 'n', 'c', 'h'}};
	struct bench b = {.bytes = bytes};
	struct journal_report rep;
	pthread_t t[64];
	struct err err;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	pthread_mutex_init(&b.mu, NULL);
	must(journal_open(fd, &o, &b.j, &err) == RC_OK);
	must(journal_replay(b.j, NULL, ignore, NULL, &rep, &err) == RC_OK);
	b.end = clk_mono() + seconds * 1000;
	for (unsigned i = 0; i < writers; i++)
		pthread_create(&t[i], NULL, write_until, &b);
	for (unsigned i = 0; i < writers; i++)
		pthread_join(t[i], NULL);
	journal_close(&b.j);
	close(fd);
	printf("journal, %u writer%s  %8.0f a second   worst %llu ms\n",
	    writers, writers == 1 ? ": " : "s:", (double)b.count / seconds,
	    (unsigned long long)b.worst_ms);
	return (double)b.count / seconds;
}

static double
bare(const char *dir, size_t bytes, int seconds)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd =
	    openat(dirfd, "bare", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *p = xcalloc(1, bytes);
	int64_t end = clk_mono() + seconds * 1000;
	uint64_t n = 0;
	off_t off = 0;

	must(fd >= 0);
	while (clk_mono() < end) {
		must(pwrite(fd, p, bytes, off) == (ssize_t)bytes);
		must(fdatasync(fd) == 0);
		off += (off_t)bytes;
		n++;
	}
	close(fd);
	(void)unlinkat(dirfd, "bare", 0);
	close(dirfd);
	free(p);
	printf(
	    "bare append + fdatasync:  %8.0f a second\n", (double)n / seconds);
	return (double)n / seconds;
}

/* Group commit and nothing else: a thread that finds nobody writing writes what
 * all have put there. */
struct batch {
	pthread_mutex_t mu;
	pthread_cond_t done;
	char *put, *out; /* what waits, what is being written */
	size_t bytes, n;
	uint64_t next, synced; /* numbers of batches */
	bool writing;
	int fd;
	off_t off;
	int64_t end;
	uint64_t count;
};

static void
batch_write(struct batch *b)
{
	size_t n = b->n * b->bytes;
	uint64_t mine = b->next++;
	char *swap = b->out;

	b->out = b->put;
	b->put = swap;
	b->n = 0;
	b->writing = true;
	pthread_mutex_unlock(&b->mu);
	must(pwrite(b->fd, b->out, n, b->off) == (ssize_t)n);
	must(fdatasync(b->fd) == 0);
	pthread_mutex_lock(&b->mu);
	b->off += (off_t)n;
	b->synced = mine;
	b->writing = false;
	pthread_cond_broadcast(&b->done);
}

static void *
batch_until(void *arg)
{
	struct batch *b = arg;
	char *p = xcalloc(1, b->bytes);

	memset(p, 'x', b->bytes);
	while (clk_mono() < b->end) {
		uint64_t mine;

		pthread_mutex_lock(&b->mu);
		memcpy(b->put + b->n++ * b->bytes, p, b->bytes);
		mine = b->next;
		while (b->synced < mine)
			if (b->writing)
				pthread_cond_wait(&b->done, &b->mu);
			else
				batch_write(b);
		b->count++;
		pthread_mutex_unlock(&b->mu);
	}
	free(p);
	return NULL;
}

static double
bare_batched(const char *dir, size_t bytes, unsigned writers, int seconds)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct batch b = {.bytes = bytes, .next = 1};
	pthread_t t[64];

	b.fd =
	    openat(dirfd, "bare", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(b.fd >= 0);
	b.put = xcalloc(64, bytes);
	b.out = xcalloc(64, bytes);
	pthread_mutex_init(&b.mu, NULL);
	pthread_cond_init(&b.done, NULL);
	b.end = clk_mono() + seconds * 1000;
	for (unsigned i = 0; i < writers; i++)
		pthread_create(&t[i], NULL, batch_until, &b);
	for (unsigned i = 0; i < writers; i++)
		pthread_join(t[i], NULL);
	close(b.fd);
	(void)unlinkat(dirfd, "bare", 0);
	close(dirfd);
	free(b.put);
	free(b.out);
	printf("bare, %u writers batched:  %7.0f a second\n", writers,
	    (double)b.count / seconds);
	return (double)b.count / seconds;
}

static unsigned long
number(const char *s, unsigned long otherwise)
{
	uint64_t v;

	if (s == NULL || sv_to_u64(sv_str(s), 1 << 30, &v) != RC_OK)
		return otherwise;
	return v;
}

int
main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : ".";
	size_t bytes = number(argc > 2 ? argv[2] : NULL, 4096);
	int seconds = (int)number(argc > 3 ? argv[3] : NULL, 3);
	char dir[200], cmd[300];
	struct statfs fs;
	double one, eight, base, batched;

	log_setup("bench", LOG_ERROR);
	if (statfs(where, &fs) < 0 || fs.f_type == TMPFS_MAGIC) {
		fprintf(stderr, "%s: not on a disk\n", where);
		return 1;
	}
	(void)snprintf(dir, sizeof dir, "%s/journal-bench-XXXXXX", where);
	must(mkdtemp(dir) != NULL);
	printf("%zu bytes a record, file system type %lx\n", bytes,
	    (unsigned long)fs.f_type);
	base = bare(dir, bytes, seconds);
	one = run(dir, bytes, 1, seconds);
	batched = bare_batched(dir, bytes, 8, seconds);
	eight = run(dir, bytes, 8, seconds);
	printf("ratio to bare: %.2f with 1 writer, %.2f with 8\n", one / base,
	    eight / batched);
	(void)snprintf(cmd, sizeof cmd, "rm -r '%s'", dir);
	return system(cmd) == 0 ? 0 : 1;
}
