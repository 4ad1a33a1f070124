/* Inside the command `backup`. */
#ifndef CMD_COMMAND_BACKUP_PARTS_H
#define CMD_COMMAND_BACKUP_PARTS_H

#include "cmd/backup.h"
#include "store/store.h"

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
 * of the newer ones has.
 */
void backup_clear_up(const struct conf *conf, int fd, uint32_t keep);

#endif
