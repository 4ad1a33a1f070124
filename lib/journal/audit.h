/*
 * Reading a whole log against every rule of its format, for fsck: both copies
 * of each header, the chain of segments, each record with its padding, each
 * batch with its commit, files of bytes, tables of contents.
 *
 * Nothing is written.  The journal may be in use by another process: then what
 * is being appended right now may look odd, and the caller does well to ask
 * twice before believing it.
 */
#ifndef JOURNAL_AUDIT_H
#define JOURNAL_AUDIT_H

#include "journal/format.h"
#include "journal/journal.h"

enum audit_level {
	AUDIT_NOTE,    /* as a crash leaves it; nothing is wrong */
	AUDIT_DERIVED, /* of a derived file: it can be made anew */
	AUDIT_DAMAGE
};

#define AUDIT_FILE_MAX 48

struct audit_finding {
	enum audit_level level;
	char file[AUDIT_FILE_MAX]; /* "log/000001"; "" : none */
	uint64_t off, bytes;
	uint64_t seq; /* of the record in question, 0: none */
	char text[200];
};

struct audit_record {
	struct rec_header h;
	uint32_t segment;
	uint64_t off;	     /* in its segment */
	bool ok;	     /* its payload, or file, has its checksum */
	bool counts;	     /* false: void */
	struct body_ref ref; /* of one that is ELSEWHERE; zero: unreadable */
	struct sv payload;   /* valid during the call */
};

struct audit_ops {
	void (*finding)(void *arg, const struct audit_finding *f);
	/* Every record but commits, in the order of the files; may be NULL. */
	void (*record)(void *arg, const struct audit_record *r);
};

struct audit_sum {
	uint64_t segments, records, bytes;
	uint64_t ends;	/* the last number that the segments themselves have */
	bool clean_end; /* its last writer has closed it */
};

/*
 * dirfd: the folder that holds `log`.  vouched: as for journal_vouch, 0: none.
 * RC_OK however much was found, or cannot be read; else the journal cannot be
 * opened at all, and *err says why.
 */
int journal_audit(int dirfd, const struct journal_opts *opts, uint64_t vouched,
    const struct audit_ops *ops, void *arg, struct audit_sum *sum,
    struct err *err) RC_USE_RESULT;

#endif
