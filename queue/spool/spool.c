#include "queue/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "queue/spool/spool_priv.h"

#define LOCK_WAIT_MS 3000
#define RECORD_BYTES 64 /* beside its payload, about */

/* The process before us may need a moment to leave. */
static int
take_lock(int dirfd, int *lock_out, struct err *err)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t until = clk_mono() + LOCK_WAIT_MS;
	int fd = openat(
	    dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(
		    err, RC_IO, errno, "cannot open the spool's lock");
	while (fcntl(fd, F_OFD_SETLK, &l) != 0) {
		if (clk_mono() > until) {
			io_close(&fd);
			return err_set(
			    err, RC_TEMP, "another process has the spool");
		}
		(void)nanosleep(&pause, NULL);
	}
	*lock_out = fd;
	return RC_OK;
}

int
spool_open(int dirfd, const struct journal_io *io, spool_place_fn *place,
    void *arg, struct spool **out, struct err *err)
{
	struct spool *s = xcalloc(1, sizeof *s);
	struct journal_opts o = {.io = io,
	    .kind = {'s', 'p', 'o', 'l'},
	    .inline_max = SPOOL_INLINE_MAX};
	struct journal_report report = {0};
	int r;

	s->lock = -1;
	s->place = place;
	s->place_arg = arg;
	r = take_lock(dirfd, &s->lock, err);
	if (r == RC_OK)
		r = journal_open(dirfd, &o, &s->journal, err);
	if (r == RC_OK)
		r = journal_replay(
		    s->journal, NULL, spool_replay, s, &report, err);
	if (r != RC_OK) {
		spool_close(&s);
		return r;
	}
	if (report.damaged > 0)
		mlog(LOG_ERROR, "spool.damaged", "places=%llu bytes=%llu",
		    (unsigned long long)report.damaged,
		    (unsigned long long)report.damaged_bytes);
	*out = s;
	return RC_OK;
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	if (s == NULL)
		return;
	spool_items_free(s);
	journal_close(&s->journal);
	io_close(&s->lock);
	free(s->ended);
	free(s);
	*sp = NULL;
}

/* ---- the journal ---- */

void
spool_append(struct spool *s, const struct journal_item *rec, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t body =
		    rec[i].blob != NULL ? journal_blob_size(rec[i].blob) : 0;

		/* A large one is in its file already. */
		s->unwritten += RECORD_BYTES + rec[i].payload.n +
				(body <= SPOOL_INLINE_MAX ? body : 0);
	}
	s->appended = journal_append(s->journal, rec, n) + n - 1;
}

uint64_t
spool_room(struct spool *s)
{
	uint64_t free_bytes = journal_free_bytes(s->journal);

	return free_bytes > s->unwritten ? free_bytes - s->unwritten : 0;
}

bool
spool_pending(const struct spool *s)
{
	return s->flushed < s->appended;
}

int
spool_flush(struct spool *s)
{
	int r = RC_OK;

	if (spool_pending(s))
		r = journal_flush(s->journal, s->appended);
	if (r == RC_OK) {
		s->flushed = s->appended;
		s->unwritten = 0;
	}
	return r;
}
