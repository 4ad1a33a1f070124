/*
 * An account's mail: mailboxes and messages on a journal, delivery into them,
 * and the views that sessions have of them.
 *
 * Threads: every function may be called from any thread.  One lock inside
 * guards the state; it is never held while waiting for a flush or a socket.
 *
 * The output rule.  A change is in memory at once but on the disk only later.
 * Every call that reads or changes state raises *need, the sequence number up
 * to which the journal must be flushed before anything that depends on the
 * call may leave the process.  A session keeps one `need`, and calls
 * store_flush(st, need) before it writes to its client.  That wait is shared
 * by all who wait (group commit).
 *
 * Poison.  When a write or flush fails the store is dead: store_flush returns
 * RC_IO for all that was not flushed by then, every change returns RC_TEMP,
 * and the process should tell its clients "temporary failure" and end.  The
 * next one recovers.
 *
 * Disk full.  Below the low-water mark deliveries, appends and copies return
 * RC_NOSPACE and nothing is changed; flags and expunges still work.
 *
 * Names.  Mailbox names are UTF-8 with '/' between levels; INBOX is "INBOX"
 * in any case.  The store refuses empty levels, control characters, names
 * longer than 1000 bytes or deeper than 32 levels with RC_SYNTAX.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/believed.h"
#include "base/rangeset.h"
#include "journal/journal.h"

struct store;
struct view;

/* How the tree of expunged mail is shown, see STORE_RESTORE. */
enum store_restore_tree {
	STORE_RESTORE_HIDDEN,
	STORE_RESTORE_APART, /* to those who ask for it by its name */
	STORE_RESTORE_LISTED /* among the mailboxes, and subscribed */
};

struct store_opts {
	const struct journal_io *io; /* NULL: the real disk */
	uint64_t segment_bytes;	     /* 0: default, 64 MiB */
	uint64_t inline_body_max;    /* 0: default, 1 MiB */
	uint64_t low_water_bytes;    /* 0: default, 64 MiB free */
	int64_t retention_ms;	     /* of expunged mail; 0: none is kept */
	enum store_restore_tree restore_tree;
	uint64_t quota; /* bytes, 0: unlimited */
	bool readonly;
	bool salvage; /* a repair: see journal_opts */
};

/*
 * Opens the account whose folder is `dir` (the process's own: "."), makes it
 * if there is nothing yet: INBOX, Drafts, Sent, Junk, Trash, Archive, with
 * their special uses, subscribed.  Takes the lock file first: RC_TEMP with a
 * text if another process holds it.  Replays what came after the checkpoint.
 *
 * Where the log's end is lost, so that UIDs might be given a second time, every
 * UIDVALIDITY rises.  An account whose log is gone as a whole is not opened
 * (RC_DAMAGED): clients would take it for empty and forget their copies.  Nor
 * is one that the disk refuses to read (RC_IO): it may be there tomorrow.
 */
int store_open(const char *dir, const struct store_opts *opts,
    struct store **out, struct err *err) RC_USE_RESULT;
struct store_counts {
	uint64_t messages, mailboxes;
	bool hurt; /* a damage has taken records that were never given up */
};
/*
 * What is in an account, read without its lock and without changing anything,
 * also while a server has it open.  What store_open refuses is refused.
 */
int store_count(
    const char *dir, struct store_counts *out, struct err *err) RC_USE_RESULT;
/*
 * The account was copied from somewhere (a backup) and takes the place of
 * another: a new epoch begins and every UIDVALIDITY rises, so that no client
 * takes something for what it has already.  Right after store_open.
 */
int store_begin_anew(struct store *st, struct err *err) RC_USE_RESULT;
/* Flushes, writes the checkpoint, gives everything back. */
void store_close(struct store **st);

/* Waits until `need` is on the disk, then tells the watchers of what became
 * visible.  RC_OK or RC_IO (poisoned). */
int store_flush(struct store *st, uint64_t need) RC_USE_RESULT;
bool store_poisoned(struct store *st);
/* Writes the checkpoint if it is worth it: call when there is time. */
void store_checkpoint(struct store *st);

/* ---- bodies on their way in ---- */

/*
 * The bytes of a message that is being received.  Up to inline_body_max they
 * are kept in memory, above that in a file of their own under log/, so that
 * memory stays bounded.  CRLF line ends are the caller's duty.
 */
struct store_body;
struct store_body *store_body_new(struct store *st);
/*
 * For what a client sends, which may take its time or never end: what all such
 * bodies of the account together hold in memory is bounded, above that they go
 * into files, and when there are too many of those, store_body_add says
 * RC_TEMP.
 */
struct store_body *store_body_new_bounded(struct store *st);
int store_body_add(struct store_body *b, const void *p,
    size_t n) RC_USE_RESULT; /* RC_NOSPACE, RC_IO */
uint64_t store_body_size(const struct store_body *b);
/* The whole of it, as long as it lives; nothing can be added any more. */
int store_body_bytes(struct store_body *b, struct sv *out) RC_USE_RESULT;
void store_body_free(struct store_body **b);

/* ---- flags ---- */

#define STORE_SEEN     0x01u
#define STORE_ANSWERED 0x02u
#define STORE_FLAGGED  0x04u
#define STORE_DELETED  0x08u
#define STORE_DRAFT    0x10u

/*
 * Flags in calls: the system flags as bits and keywords by name, since a
 * keyword's bit is a matter of its mailbox.  names are borrowed.
 */
struct store_flags {
	uint32_t system;
	const struct sv *keyword;
	size_t nkeyword;
};

/* ---- delivery and append ---- */

struct store_add {
	const char *mailbox; /* must exist, else RC_NOTFOUND; delivery: INBOX */
	struct store_flags flags;
	int64_t internal_date;	    /* seconds, 0: now */
	int32_t zone;		    /* minutes east of UTC, for INTERNALDATE */
	const uint8_t *delivery_id; /* 16 bytes, or NULL for APPEND */
	bool opaque; /* do not parse: see mime_summarise_opaque */
	/* What was found out about it when it arrived (msgauth/verdict.h), to
	 * be kept as long as it is; may be empty.  store_add only. */
	struct sv verdict;
	/* REPLACE [RFC 8508]: the message with this UID, which the view must
	 * show, is expunged with the same commit.  NULL: none. */
	struct view *replaces_in;
	uint32_t replaces;
};

struct store_added {
	uint32_t uidvalidity, uid;
	bool repeated; /* this delivery id was done before; nothing was added */
};

/*
 * Adds a message and consumes *body, also on error.  A delivery id that was
 * seen in the last 7 days is answered RC_OK with `repeated`, with a need that
 * covers the first delivery.  RC_PERM: what it was to replace is gone.
 */
int store_add(struct store *st, struct store_body **body,
    const struct store_add *a, struct store_added *out, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/*
 * Several messages for one mailbox, all or none, in one commit
 * [RFC 3502]: every add names the same mailbox and has no delivery id.
 * Consumes the n bodies, also on error, and fills n results.
 */
int store_add_all(struct store *st, struct store_body **body,
    const struct store_add *a, size_t n, struct store_added *out,
    uint64_t *need, struct err *err) RC_USE_RESULT;

/* ---- mailboxes ---- */

enum store_use { /* [RFC 6154]; bits, since a mailbox may have several */
	STORE_USE_NONE = 0,
	STORE_USE_DRAFTS = 1 << 0,
	STORE_USE_SENT = 1 << 1,
	STORE_USE_JUNK = 1 << 2,
	STORE_USE_TRASH = 1 << 3,
	STORE_USE_ARCHIVE = 1 << 4,
	STORE_USE_ALL = 1 << 5,
	STORE_USE_FLAGGED = 1 << 6
};

struct store_mailbox {
	char *name; /* UTF-8 */
	uint32_t id;
	unsigned use;	 /* enum store_use */
	bool exists;	 /* false: only a subscription, or only a parent */
	bool selectable; /* false: \Noselect, a level above others */
	bool subscribed;
	bool has_children;
	bool in_restore; /* of the tree Restore/ */
	bool apart;	 /* likewise, and to be listed only by its name */
};

struct store_mailbox_list {
	struct store_mailbox *m; /* sorted by name, INBOX first */
	size_t n;
};

void store_mailbox_list(
    struct store *st, struct store_mailbox_list *out, uint64_t *need);
void store_mailbox_list_fini(struct store_mailbox_list *l);

/* RC_EXISTS, RC_SYNTAX, RC_TOOBIG (too many mailboxes).  Missing levels above
 * are made, too [RFC 3501 6.3.3]. */
int store_mailbox_create(struct store *st, const char *name, unsigned use,
    uint64_t *need, struct err *err) RC_USE_RESULT;
/* INBOX: RC_DENIED.  With children: it becomes not selectable; a mailbox that
 * is not selectable and has children: RC_DENIED [RFC 3501 6.3.4]. */
int store_mailbox_delete(struct store *st, const char *name, uint64_t *need,
    struct err *err) RC_USE_RESULT;
/* With its children.  INBOX: its messages move into the new mailbox, INBOX
 * stays, empty [RFC 3501 6.3.5]. */
int store_mailbox_rename(struct store *st, const char *from, const char *to,
    uint64_t *need, struct err *err) RC_USE_RESULT;
/* Any valid name may be subscribed to, also one that is not there. */
int store_mailbox_subscribe(struct store *st, const char *name, bool on,
    uint64_t *need, struct err *err) RC_USE_RESULT;

struct store_status {
	uint32_t messages, unseen, uidnext, uidvalidity;
	uint64_t size;	 /* sum of the messages' */
	uint64_t modseq; /* highest */
	uint64_t epoch;	 /* journal epoch, for MAILBOXID and UIDL */
	uint32_t id;
	uint32_t deleted;      /* messages with \Deleted */
	uint64_t deleted_size; /* and the sum of their sizes */
};

int store_status(struct store *st, const char *name, struct store_status *out,
    uint64_t *need) RC_USE_RESULT; /* RC_NOTFOUND */

/* ---- quota ---- */

/*
 * What an account uses is the sum of the sizes of all messages in all of its
 * mailboxes: a copy counts like its original, and what was expunged does not
 * count any more, though its bytes stay on the disk for a while.
 *
 * Above the quota APPEND and COPY get RC_NOSPACE with a text that says so.
 * Deliveries are kept, since somebody has taken the responsibility for them;
 * flags, expunges and moves go on.
 */
struct store_usage {
	uint64_t bytes;
	uint64_t messages;
	uint64_t quota; /* bytes, 0: unlimited */
};

void store_usage(struct store *st, struct store_usage *out, uint64_t *need);
/* Changes store_opts.quota. */
void store_set_quota(struct store *st, uint64_t bytes);
/* Would so many bytes more fit?  RC_OK, RC_NOSPACE. */
int store_room(struct store *st, uint64_t bytes, struct err *err) RC_USE_RESULT;

/* ---- views: one session's sight of one mailbox ---- */

/*
 * What a client of this view numbers 1..count stays as it is until view_sync
 * says otherwise.  A message that was expunged elsewhere can still be read
 * through the view until view_sync has reported it.
 *
 * notify(arg), if not NULL, is called from any thread and without the store's
 * lock when something that view_sync would report has been flushed; once, then
 * again only after the next view_sync.
 */
int view_open(struct store *st, const char *mailbox, bool readonly,
    void (*notify)(void *arg), void *arg, struct view **out, uint64_t *need)
    RC_USE_RESULT; /* RC_NOTFOUND; RC_DENIED if not selectable */
void view_close(struct view **v);

/* After view_close of the last view, or when the mailbox was deleted or the
 * UIDVALIDITY changed under it: true; all calls then return RC_NOTFOUND. */
bool view_gone(struct view *v);

uint32_t view_count(const struct view *v);
uint32_t view_uid(const struct view *v, uint32_t seqno); /* 1..count */
/* The sequence number of a UID; 0 if it is not in the view. */
uint32_t view_seqno(const struct view *v, uint32_t uid);
/* The lowest sequence number whose UID is >= uid; count + 1 if none. */
uint32_t view_seqno_from(const struct view *v, uint32_t uid);

struct view_info {
	uint32_t uidvalidity, uidnext;
	uint32_t first_unseen; /* sequence number, 0: none */
	uint32_t unseen;
	/* All that happened up to here has been told to this view; what it was
	 * told may be newer while an expunge waits [RFC 7162 3.2]. */
	uint64_t highest_modseq;
	bool expunge_waits; /* one that is not told yet */
	bool keywords_full; /* messages have 64: \* leaves PERMANENTFLAGS */
	uint64_t epoch;	    /* with id: MAILBOXID */
	uint32_t id;
};
void view_info(struct view *v, struct view_info *out, uint64_t *need);

/* The names of the mailbox's keywords; bit i of store_msg.keywords is
 * name[i].  Names stay valid until the store is closed.  Returns how many. */
size_t view_keywords(struct view *v, const char *name[64]);
/* Are there names that view_sync has not told of, nor this? */
bool view_keyword_news(struct view *v);

struct store_msg {
	uint32_t uid;
	uint32_t system; /* STORE_SEEN ... */
	uint64_t keywords;
	uint64_t modseq;
	uint64_t body; /* names the bytes: for store_read, store_summary */
	uint32_t size; /* bytes, RFC822.SIZE */
	int64_t internal_date;
	int32_t zone; /* minutes */
	int64_t save_date;
	bool expunged; /* gone elsewhere, not reported yet */
};

/* Copies of n messages beginning with seqno, in one step under the lock;
 * raises *need.  Fewer only at the view's end; returns how many. */
uint32_t view_msgs(struct view *v, uint32_t seqno, uint32_t n,
    struct store_msg *out, uint64_t *need);

/* What happened since the last sync. */
struct view_changes {
	struct rangeset expunged; /* UIDs; valid with_expunges only */
	uint32_t *expunged_seqno; /* descending: each valid as it is told */
	uint32_t nexpunged;
	uint32_t exists; /* the new count */
	bool exists_changed;
	struct rangeset flags; /* sequence numbers (after the expunges) whose
				  flags others have changed */
	bool keywords_changed; /* FLAGS and PERMANENTFLAGS are to be told */
	bool gone;
};
/* with_expunges == false: expunged messages stay in the view. */
void view_sync(struct view *v, bool with_expunges, struct view_changes *out,
    uint64_t *need);
void view_changes_fini(struct view_changes *c);

/*
 * The UIDs of those of `known` (NULL: all that ever were) that left the
 * mailbox with a change above `since`, for VANISHED (EARLIER) [RFC 7162
 * 3.2.10].  Where memory does not reach back so far: all UIDs below UIDNEXT
 * that the view does not show, which is right, too.  What the view still
 * shows though it is expunged is for view_sync to report.
 */
void view_vanished(struct view *v, uint64_t since, const struct rangeset *known,
    struct rangeset *out, uint64_t *need);

enum store_op {
	STORE_OP_SET,
	STORE_OP_ADD,
	STORE_OP_REMOVE
};

/*
 * STORE on the messages with these sequence numbers.  *changed_out gets the
 * sequence numbers whose flags are to be reported (those that others changed
 * meanwhile included); the change is not reported again to this view by
 * view_sync.  With unchanged_since (NULL: without) messages with a higher
 * modseq are left alone and their UIDs put into *failed_out
 * [RFC 7162 3.1.3].  RC_TOOBIG if the keywords do not fit into 64; nothing is
 * changed then.
 */
int view_store(struct view *v, const struct rangeset *seqnos, enum store_op op,
    const struct store_flags *flags, const uint64_t *unchanged_since,
    struct rangeset *changed_out, struct rangeset *failed_out, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/* Expunges those of `uids` (NULL: all) in the view that have \Deleted.
 * Report them with view_sync afterwards. */
int view_expunge(struct view *v, const struct rangeset *uids, uint64_t *need,
    struct err *err) RC_USE_RESULT;
/* Expunges these UIDs whatever their flags: POP3's QUIT; one record. */
int view_remove(struct view *v, const struct rangeset *uids, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/*
 * COPY or MOVE [RFC 3501 6.4.7, RFC 6851]: all or nothing, one commit.
 * *src_out and *dst_out get the UIDs, in the order of COPYUID [RFC 4315 3].
 * RC_NOTFOUND: no such mailbox.  RC_TOOBIG: more than a million messages.
 * Keywords beyond 64 there are left out.
 */
int view_copy(struct view *v, const struct rangeset *seqnos,
    const char *mailbox, bool move, uint32_t *uidvalidity_out,
    struct rangeset *src_out, struct rangeset *dst_out, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/* ---- reading messages ---- */

/*
 * A message's bytes: exactly len from off into p.  RC_DAMAGED, RC_IO.  Takes
 * no lock while it reads.
 */
int store_read(struct store *st, uint64_t body, uint64_t off, void *p,
    size_t len) RC_USE_RESULT;
/* Compares the whole with its checksum, which store_read does only when it
 * reads all at once.  RC_DAMAGED, RC_IO. */
int store_verify(struct store *st, uint64_t body) RC_USE_RESULT;
/* What was found out about a message when it arrived, appended to out.
 * RC_NOTFOUND: nothing, it came in another way or was not judged. */
#define STORE_VERDICT_MAX 2048
int store_verdict(
    struct store *st, uint64_t body, struct buf *out) RC_USE_RESULT;
/* The encoded summary of a message (mime_summary_decode), appended to out.
 * Made anew from the bytes where it is missing or damaged. */
int store_summary(
    struct store *st, uint64_t body, struct buf *out) RC_USE_RESULT;
/*
 * Around everything that parses a message's bytes: if the process dies in
 * between, the next one knows of which message.  false: two have died of it;
 * take it as opaque bytes, and do not call store_parse_end.
 */
bool store_parse_begin(struct store *st, uint64_t body);
void store_parse_end(struct store *st, uint64_t body);

/* ---- what was expunged ---- */

/*
 * What leaves a mailbox is remembered for the retention, and what was expunged
 * can be brought back; then a compaction gives its room back.
 *
 * With opts.restore_tree it is shown as mailboxes, one for each day (UTC) on
 * which something was expunged: "Restore/2026-11-24".  They are read-only and
 * hold what is in no mailbox any more; their UIDs stay.  Programs that keep
 * copies of all mailboxes would take them for real ones, whose mail they bring
 * back when a day is over; so usually they are apart, and are subscribed
 * only where somebody did that.  A
 * COPY or MOVE out of them restores.  A view of them shows what was there when
 * it was opened.  The name is not to be had for other mailboxes; if there is
 * one called Restore already, the tree is not shown.
 *
 * "Restore/@SECONDS/NAME" is mailbox NAME as it was at that time (seconds
 * since 1970), as far as the retention reaches: what was in it then, with the
 * flags of today.  It is in no list but store_mailbox_list_at's.
 */
#define STORE_RESTORE "Restore"

/* Is that the tree's root, or a name below it, while it is shown?  Then nothing
 * can be put there. */
bool store_restore_reserves(struct store *st, struct sv name);
/* Could mail be put there, if need be after it was created? */
bool store_mailbox_name_ok(struct store *st, const char *name);

/* Is the tree apart, in a namespace of its own, now? */
bool store_restore_apart(struct store *st);

/* Changes these two of store_opts. */
void store_set_restore(
    struct store *st, int64_t retention_ms, enum store_restore_tree tree);

bool view_in_restore(const struct view *v);
/* The mailboxes that held anything at that time, by their names as of "@". */
void store_mailbox_list_at(struct store *st, int64_t at,
    struct store_mailbox_list *out, uint64_t *need);

/*
 * By which time something is too old to be kept, in ms since 1970: the wall
 * clock's, until store_clock_set; then that is believed only as base/believed.h
 * has it, so that a clock which leaps years ahead purges nothing.
 */
int64_t store_time(struct store *st);
void store_clock_set(struct store *st, const struct believed *c);
/* As it is now, for the next process. */
void store_clock_get(struct store *st, struct believed *out);

/*
 * A compaction runs in the caller's thread, takes the lock only to write down
 * the state, and leaves alone what any view still shows.
 */
struct store_compact {
	/* Segments count of which so many per cent are dead, if together they
	 * give so many bytes; 0: all that hold anything unwanted. */
	unsigned share;
	uint64_t min_bytes;
	bool all;	      /* every closed segment */
	int64_t retention_ms; /* shorter than the store's; 0: as that */
	/* A place to wait; false: give up.  NULL: no throttle. */
	bool (*pause)(void *arg, uint64_t bytes);
	void *arg;
};

/* The disk has less than twice the low-water mark: time to give room back, and
 * to keep expunged mail for less long. */
bool store_is_pressed(struct store *st);

/* Ends the segment in use, so that compactions may have what is in it. */
int store_roll(struct store *st) RC_USE_RESULT;

/* Once; RC_NOTFOUND: nothing is worth it.  RC_TEMP: another one is at it, or
 * the store is poisoned.  RC_DAMAGED: run fsck.  RC_NOSPACE, RC_IO. */
int store_compact(struct store *st, const struct store_compact *c,
    struct journal_compacted *out) RC_USE_RESULT;

struct store_expunged {
	struct store_msg msg;
	uint32_t mailbox; /* id */
	const char *name; /* its name; NULL: it was deleted */
	int64_t at;	  /* ms */
};
/*
 * Calls fn for each expunged message whose bytes are not in a mailbox
 * elsewhere, oldest first, without the lock, until fn returns false.  Names
 * are valid during the call.
 */
void store_expunged_each(struct store *st,
    bool (*fn)(void *arg, const struct store_expunged *e), void *arg,
    uint64_t *need);

/*
 * A message that has left its mailbox, expunged or moved, as it was there: for
 * who was told of it a moment ago, and only among the last STORE_DEPARTED_MOST
 * that have left any.  RC_NOTFOUND.
 */
#define STORE_DEPARTED_MOST 10000u
int store_departed(struct store *st, uint32_t mailbox, uint32_t uid,
    struct store_msg *out, uint64_t *need) RC_USE_RESULT;

/* Names an expunged message. */
struct store_tombstone {
	uint32_t mailbox, uid;
};
/* Removes them for good: they cannot come back from here on, and the next
 * compaction with share 0 removes their bytes.  *gone gets how many. */
int store_purge(struct store *st, const struct store_tombstone *g, size_t n,
    size_t *gone, uint64_t *need, struct err *err) RC_USE_RESULT;
/* Puts them into a mailbox, which is made if need be, as new messages with
 * their flags and dates. *back gets how many. */
int store_undelete(struct store *st, const struct store_tombstone *g, size_t n,
    const char *mailbox, size_t *back, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/* The journal's epoch: with body it makes EMAILID. */
uint64_t store_epoch(struct store *st);

#endif
