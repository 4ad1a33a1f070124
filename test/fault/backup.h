/*
 * Backups that are taken while the script runs: one process writes, compacts
 * and removes, another copies its files, and neither waits for the other.
 */
#ifndef TEST_FAULT_BACKUP_H
#define TEST_FAULT_BACKUP_H

#include "test/fault/ledger.h"
#include "test/fault/testdisk.h"

struct backup {
	const struct ledger *l; /* of the process that writes */
	struct testdisk *from, *to;
	uint64_t second; /* call at which the second half is copied */
	size_t acked_at; /* what had been promised before it began */
	bool begun, half, done;
	unsigned attempts;
	struct journal_extent *e;
	size_t n;
};

/* At call `first` the backup begins, and is half done; at `second` it ends:
 * what the command does with a folder, on the test disk. */
void backup_plan(struct backup *b, const struct ledger *l, struct testdisk *d,
    uint64_t first, uint64_t second);
/* It may end when the script has. */
void backup_end(struct backup *b);
void backup_fini(struct backup *b);
/* Opens what was copied and compares; restores it.  The first that is wrong
 * goes into out->why. */
void backup_check(const struct backup *b, struct ledger *out);

#endif
