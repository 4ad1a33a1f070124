/* Inside the command `backup`. */
#ifndef CMD_COMMAND_BACKUP_PARTS_H
#define CMD_COMMAND_BACKUP_PARTS_H

#include "backup/backup.h"
#include "store/store.h"

struct making {
	const struct conf *conf;
	int dir;  /* the new backup */
	int prev; /* the one before, or -1 */
	json_t *files;
	json_t *before;	      /* path: entry of the one before */
	json_t *accounts;     /* name: how many messages; null: not known */
	json_t *had_accounts; /* the same of the one before */
	uint64_t round;	      /* rises by one with each backup */
	bool read_all;	      /* what is linked is read first, all of it */
	bool full;	      /* the backup's own disk: no use going on */
	uint64_t copied, linked, bytes;
	struct buf notes;    /* printed when it is done */
	unsigned complaints; /* that were printed */
	struct err first;
};

/* Said at once; the backup goes on, and its exit code says so, too. */
void backup_complain(struct making *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Copies name below dirfd to path.  final: never changes again at this size.
 * RC_NOTFOUND: it is gone.
 */
int backup_take(struct making *m, int dirfd, const char *name, const char *path,
    uint64_t limit, bool final, struct err *err) RC_USE_RESULT;

/* The newest of dir: every file against its checksum, and a rehearsed restore
 * of every account, whatever the others came to. */
int backup_verify(
    const struct conf *conf, const char *dir, struct err *err) RC_USE_RESULT;

/* How many messages a manifest says that each account has: an object, null
 * where nobody knows. */
json_t *backup_messages(const json_t *manifest);
/* Of the server's account, as that account's user.  RC_DAMAGED: its store does
 * not open, *err says why.  RC_IO: nobody can look. */
int backup_count(const struct conf *conf, const char *name,
    struct store_counts *out, struct err *err) RC_USE_RESULT;
/*
 * Removes unfinished ones, and with keep > 0 the oldest whole ones that are too
 * many; but never one that has an account, or the most of its mail, which none
 * of the newer ones has, nor the one that was made just now, whatever the clock
 * says.
 */
void backup_clear_up(
    const struct conf *conf, int fd, uint32_t keep, const char *made);

#endif
