/*
 * Room on the disk: what is free, and the file that is kept for a full one.
 */
#include <fcntl.h>

#include "base/clk.h"
#include "base/log.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

/* Nobody fills the difference to what matters within the time. */
#define PLENTY_BYTES (4ull << 30)
#define PLENTY_MS    1000

/* Room for the day on which the disk is full. */
void
reserve_make(struct journal *j)
{
	const struct journal_io *io = j->io;
	int fd;

	if (journal_free_bytes(j) < 4 * RESERVE_BYTES)
		return;
	fd = io->open(io, j->logfd, RESERVE_NAME, O_RDWR | O_CREAT);
	if (fd < 0)
		return;
	(void)io->allocate(io, fd, 0, RESERVE_BYTES);
	io->close(io, fd);
}

bool
reserve_use(struct journal *j)
{
	if (sabotaged(SABOTAGE_NO_RESERVE) ||
	    j->io->unlink(j->io, j->logfd, RESERVE_NAME) < 0)
		return false;
	mlog(LOG_WARN, "journal.reserve_used", "free=%llu",
	    (unsigned long long)journal_free_bytes(j));
	return true;
}

uint64_t
journal_free_bytes(struct journal *j)
{
	uint64_t v;

	return j->io->free_bytes(j->io, j->logfd, &v) == 0 ? v : UINT64_MAX;
}

bool
journal_has_free(struct journal *j, uint64_t bytes)
{
	int64_t now = clk_mono();
	uint64_t v;

	if (bytes < PLENTY_BYTES / 2 &&
	    now - atomic_load(&j->plenty_at) < PLENTY_MS)
		return true;
	v = journal_free_bytes(j);
	if (v > PLENTY_BYTES)
		atomic_store(&j->plenty_at, now);
	return v > bytes;
}

bool
journal_spare(struct journal *j, uint64_t bytes)
{
	return journal_free_bytes(j) > bytes + SPARE_BYTES;
}
