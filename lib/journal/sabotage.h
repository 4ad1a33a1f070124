/*
 * Tests that test the tests: a build with -DHM_TEST can be told to break one
 * promise, and the crash tests must then fail.  In every other build
 * sabotaged() is the constant false and no trace is left.
 */
#ifndef JOURNAL_SABOTAGE_H
#define JOURNAL_SABOTAGE_H

#include <stdbool.h>

enum sabotage {
	SABOTAGE_NONE,
	SABOTAGE_SKIP_DATASYNC,	 /* a batch is written, not flushed */
	SABOTAGE_SKIP_DIRSYNC,	 /* a new segment's name is not flushed */
	SABOTAGE_SKIP_BODY_SYNC, /* a body's file is not flushed */
	SABOTAGE_SKIP_BODY_DIRSYNC,
	SABOTAGE_ANSWER_EARLY,	    /* flushed before the flush */
	SABOTAGE_IGNORE_COMMIT,	    /* half a batch counts at start */
	SABOTAGE_SKIP_TAIL_COPY,    /* the unclean tail stays where it is */
	SABOTAGE_SKIP_TAIL_SYNC,    /* it is copied, but not flushed */
	SABOTAGE_NO_PAYLOAD_CRC,    /* payloads are believed */
	SABOTAGE_NO_POISON,	    /* a failed flush is tried again */
	SABOTAGE_REUSE_UID,	    /* an expunged last UID is given again */
	SABOTAGE_KEEP_UIDVALIDITY,  /* delete and create repeat it */
	SABOTAGE_SPLIT_COPY,	    /* COPY of many is several batches */
	SABOTAGE_FORGET_DELIVERY,   /* delivery ids are not remembered */
	SABOTAGE_CHECKPOINT_AHEAD,  /* it holds what is not flushed */
	SABOTAGE_MOVE_FIRST,	    /* MOVE expunges before it adds */
	SABOTAGE_CLEAN_ALWAYS,	    /* the end is taken for a clean one */
	SABOTAGE_UNLINK_EARLY,	    /* before the rename was flushed */
	SABOTAGE_COMPACT_UNSYNCED,  /* renamed, but not flushed before */
	SABOTAGE_COMPACT_AHEAD,	    /* the snapshot holds what is not flushed */
	SABOTAGE_FORGET_PINNED,	    /* what a view still shows goes */
	SABOTAGE_NO_RESERVE,	    /* the reserve is not used */
	SABOTAGE_FORGET_VANISHED,   /* a checkpoint has no memory of it */
	SABOTAGE_FORGET_TOMBSTONES, /* likewise, of what was expunged */
	SABOTAGE_UNPURGE,	    /* a purge is not read back */
	SABOTAGE_UNHELD,	    /* a backup does not look again */
	SABOTAGE_N
};

#ifdef HM_TEST
extern enum sabotage journal_sabotage;

static inline bool
sabotaged(enum sabotage s)
{
	return journal_sabotage == s;
}
#else
static inline bool
sabotaged(enum sabotage s)
{
	(void)s;
	return false;
}
#endif

#endif
