/*
 * IMAP after login: a session on one account's store [RFC 3501 6.3, 6.4,
 * RFC 9051].
 *
 * It speaks IMAP4rev1 until ENABLE IMAP4rev2.  From then on mailbox names are
 * UTF-8, searches are answered with ESEARCH, nothing is said of \Recent and
 * UNSEEN, and SELECT says CLOSED and LIST.  What IMAP4rev2 has taken out of
 * the commands (LSUB, CHECK, RFC822.TEXT, SEARCH NEW ...) is still understood,
 * but for STATUS (RECENT).
 *
 * A session is a task of the worker pool.  It rests in epoll while its client
 * is silent and holds then a few hundred bytes (and "$", the saved result of
 * a search: eight bytes a range) and no thread, also in IDLE
 * and in the middle of a message that comes slowly.  Long output (FETCH of
 * everything) occupies a worker for as long as the client takes it.
 *
 * The output rule: every store call raises the session's `need`, and the
 * stream's gate waits until the journal is flushed up to there before a byte
 * goes out.
 *
 * CONDSTORE [RFC 7162 3.1]: a message has one MODSEQ for all of it, the
 * sequence number of the record that changed it last.  HIGHESTMODSEQ is said
 * with every SELECT, UID and MODSEQ in every FETCH only to clients that have
 * shown that they know of them.  QRESYNC [RFC 7162 3.2]: what has gone is
 * remembered by the store as far back as it can; before that, all UIDs that are
 * not there count as gone.
 *
 * EXPUNGE is told at the end of each command but FETCH, STORE and SEARCH
 * (their UID forms may, but for a UID SEARCH with sequence numbers), never in
 * between [RFC 3501 7.4.1].
 *
 * [RFC 3501 2.3.2 DEVIATES: \Recent is never set and RECENT is always 0.
 * IMAP4rev2 has dropped the flag; a server that keeps it needs a write for
 * each SELECT, and no client depends on it.]
 */
#ifndef IMAP_SESSION_SESSION_H
#define IMAP_SESSION_SESSION_H

#include "imap/parse/limits.h"
#include "net/pool.h"
#include "store/store.h"

enum imap_mark {
	IMAP_MARK_JUNK,	  /* $Junk, and as others spell it */
	IMAP_MARK_WANTED, /* $NotJunk */
	IMAP_MARK_USED,	  /* \Answered, \Flagged */
	IMAP_MARK_THROWN, /* \Deleted */
	IMAP_MARK_READ	  /* \Seen */
};

/* What a person does with mail, told after it was done, before it is flushed.
 * Not what the command line does. */
struct imap_watch {
	void *arg; /* NULL: nobody wants to know */
	void (*moved)(void *arg, uint32_t from_id, const char *to,
	    const struct rangeset *uids); /* in `to`; or copied */
	void (*appended)(
	    void *arg, const char *to, const struct rangeset *uids);
	void (*marked)(void *arg, uint32_t mailbox_id,
	    const struct rangeset *uids, enum imap_mark mark);
};

struct imap_session_args {
	struct store *store;
	int fd; /* connected stream socket; the session's from here on */
	const char *account, *hostname;
	const char *peer; /* for the log */
	bool tls;	  /* the client's side of the connection */
	bool local;	  /* of the command line: LIST leaves Restore/ out,
			   * and what was at a time can be read */
	struct sv tag;	  /* of the login, answered at first */
	struct imap_watch watch;
	struct imap_limits limits;
};

/* The strings are copied.  Give the task to pool_add(); it frees itself and
 * closes fd in its end(). */
struct pool_task *imap_session_new(const struct imap_session_args *args);

#endif
