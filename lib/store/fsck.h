/*
 * Checking an account's mail against every rule, making its derived files
 * anew, and bringing back what a damage has hidden.
 *
 * A check reads everything and writes nothing.  What it finds has a level: a
 * note is what a crash leaves behind and is not a fault; a derived file that
 * does not fit can be made anew; a damage is a byte of the truth that is not
 * what was written.  Where a damage hits messages, they are named.
 *
 * The lock is taken, so that nobody else writes meanwhile: RC_TEMP if somebody
 * has it.  `online` goes without: what is being appended at that moment may
 * look odd, so that a finding counts only if a second look finds it, too.
 */
#ifndef STORE_FSCK_H
#define STORE_FSCK_H

#include "journal/audit.h"
#include "store/store.h"

#define FSCK_DIGEST	32
#define FSCK_FINDINGS	1000 /* more are counted but not kept */
#define FSCK_LOST_FOUND "lost+found"
#define FSCK_UNVERIFIED FSCK_LOST_FOUND "/unverified"

struct fsck_opts {
	const struct journal_io *io; /* NULL: the real disk */
	bool online;
};

struct fsck_finding {
	enum audit_level level;
	char *file; /* below the account's folder; "" : none */
	uint64_t off, bytes;
	char *text;
};

struct fsck_report {
	struct fsck_finding *f;
	size_t n, cap;
	uint64_t damage, derived, notes; /* how many of each */
	uint64_t segments, records, bytes;
	uint64_t mailboxes, messages, unreadable;
	/* Of mailboxes, flags, dates and messages' checksums; not of UIDs and
	 * UIDVALIDITYs: equal after a restore. */
	uint8_t digest[FSCK_DIGEST];
};

int fsck_check(const char *dir, const struct fsck_opts *o,
    struct fsck_report *out, struct err *err) RC_USE_RESULT;

/*
 * Derived files that are missing or do not fit are made anew: the checkpoint,
 * and summaries of all messages.  Those of a damaged log are kept, since they
 * may know what it does not any more; then this is a start, which gives new
 * UIDVALIDITYs where the log's end is lost.  *out is what was found before.
 */
int fsck_rebuild(const char *dir, const struct fsck_opts *o,
    struct fsck_report *out, struct err *err) RC_USE_RESULT;

struct fsck_repaired {
	uint64_t back;	     /* messages that were put into a folder */
	uint64_t lost_found; /* of these, into lost+found */
	/* Of those in lost+found, in FSCK_UNVERIFIED: nothing can tell whether
	 * they are as they came, or they are not. */
	uint64_t unverified;
	uint64_t failed; /* that could not be read; *before names them */
};

/*
 * Puts every message that can still be read but is in no folder into one:
 * the one that it was meant for, if that is known, else lost+found.  Only
 * appends; a second repair finds nothing more to do.  Ends with a rebuild.
 * *before and *after are what was found.
 *
 * What cannot be read is named and passed by: see journal/salvage.h.
 */
int fsck_repair(const char *dir, const struct fsck_opts *o,
    struct fsck_report *before, struct fsck_report *after,
    struct fsck_repaired *done, struct err *err) RC_USE_RESULT;

void fsck_report_fini(struct fsck_report *r);

#endif
