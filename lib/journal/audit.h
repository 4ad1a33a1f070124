/*
 * Reading a whole log against every rule of its format, for fsck: both copies
 * of each header, the chain of segments, each record with its padding, each
 * batch with its commit, files of bytes, tables of contents.
 *
 * Nothing is written.  The journal may be in use by another process: then what
 * is being appended right now may look odd, and whoever asks does well to ask
 * twice before he believes it.
 */
#ifndef JOURNAL_AUDIT_H
#define JOURNAL_AUDIT_H

#include "journal/format.h"
#include "journal/journal.h"
#include "journal/toc.h"

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
	bool clean_end; /* its last writer has closed it */
};

/*
 * dirfd: the folder that holds `log`.  RC_OK however much was found; else the
 * journal cannot be opened at all, and *err says why.
 */
int journal_audit(int dirfd, const struct journal_opts *opts,
    const struct audit_ops *ops, void *arg, struct audit_sum *sum,
    struct err *err) RC_USE_RESULT;

/* Calls fn for each entry of each table of contents that can be read. */
int journal_audit_tocs(int dirfd, const struct journal_opts *opts,
    void (*fn)(void *arg, const struct toc_entry *e, uint32_t segment),
    void *arg) RC_USE_RESULT;

/*
 * The same for each NAMED record in segments of which both headers are
 * damaged, as far as can be told without their key: what looks like a record
 * and has its checksum.  A mail may have bytes in it that look so.
 */
int journal_audit_headless(int dirfd, const struct journal_opts *opts,
    void (*fn)(void *arg, const struct toc_entry *e, uint32_t segment),
    void *arg) RC_USE_RESULT;

#endif
