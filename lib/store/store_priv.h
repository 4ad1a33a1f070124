/*
 * Inside the store.
 *
 * One lock, `mu`, guards everything here; the journal has its own.  Every
 * change goes the same way: a struct change is made, encoded, appended to the
 * journal, and applied to the state by change_apply(), which is also what the
 * replay at start calls.  So what a crash leaves is what was there.
 *
 * Views.  A view of the newest version of its mailbox needs no data of its
 * own: its message i is the table's.  When messages are removed while views
 * look, the version that they see gets a list of its UIDs, and the removed
 * messages stay as its ghosts; the next version begins.  A view that is synced
 * walks from its version to the newest and learns of exactly these ghosts.
 */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "journal/journal.h"
#include "store/change.h"
#include "store/delivery.h"
#include "store/store.h"
#include "store/suspect.h"
#include "store/table.h"

#define INBOX		  "INBOX"
#define KEYWORDS_MAX	  64u	/* of a mailbox */
#define ALL_KEYWORDS_MAX  4096u /* of the account */
#define KEYWORD_BYTES_MAX 255u
#define MAILBOXES_MAX	  10000u
#define SUBSCRIBED_MAX	  20000u
#define NAME_BYTES_MAX	  1000u
#define NAME_DEPTH_MAX	  32u
#define FLAG_LOG_MAX	  1024u
#define FLAG_LOG_KEPT	  64u /* of what all views know already */
#define LOW_WATER_BYTES	  (64ull << 20)
#define CHECKPOINT_BYTES  (16ull << 20) /* of a segment, then one is written */
#define SYSTEM_FLAGS                                                   \
	(STORE_SEEN | STORE_ANSWERED | STORE_FLAGGED | STORE_DELETED | \
	    STORE_DRAFT)

struct keyword {
	uint32_t id;
	char *name;
};

/* What views see between two removals. */
struct version {
	struct version *newer;
	unsigned views;
	uint64_t removed; /* sequence number of the first removal after it */
	uint32_t *uid;	  /* NULL: the newest, as the table */
	size_t n, cap;
	struct msg *ghost; /* by UID: removed between this and the newer */
	size_t nghost, ghost_cap;
};

/* A row of UIDs that left the mailbox with one change. */
struct vanished {
	uint64_t seq;
	uint32_t lo, hi;
};

/* Who changed which flags of which messages: for the other views, and for
 * STORE that asks whether they are unchanged. */
struct flag_log {
	uint64_t seq;
	const struct view *by;
	struct rangeset uids;
	uint64_t keywords; /* those that it may have changed */
	uint8_t system;
};

struct mailbox {
	uint32_t id;
	char *name;
	uint8_t use;
	bool selectable;
	bool dead;	 /* deleted, but views are left: on st->dead */
	bool in_restore; /* made for one view of the tree Restore/: dead, too */
	struct mailbox *next_dead;
	uint32_t uidvalidity, uidnext;
	uint64_t modseq; /* highest of any change to it */
	struct table t;
	uint32_t unseen, deleted;
	uint64_t size;
	size_t seen_below; /* all messages before this index are \Seen */
	const struct keyword *keyword[KEYWORDS_MAX];
	uint32_t nkeyword;
	uint32_t keyword_news; /* rises when a bit gets a meaning */

	struct version *oldest, *newest; /* NULL: nobody looks */
	struct view *views;
	struct flag_log *flog;
	size_t nflog, flog_cap;
	uint64_t flog_floor; /* what is older is not in the log */

	struct vanished *vanished; /* by seq */
	size_t nvanished, vanished_cap;
	uint64_t vanished_floor; /* up to here some are forgotten */
};

/*
 * What has left a mailbox, expunged or moved, until a compaction forgets it.
 * An expunged one may come back, as long as its bytes are in no mailbox.
 */
struct tombstone {
	struct msg m;
	int64_t at; /* ms */
	uint32_t mailbox;
	uint32_t number; /* of the account's, rising */
	bool moved;	 /* it was not expunged: kept for looks back only */
};

/* So that no client can fill the memory: the older ones go first, and before
 * them those that were only moved. */
#define TOMBSTONES_MAX	  500000u
#define MOVED_MAX	  20000u
#define DELETED_NAMES_MAX 2000u

/* The name of a mailbox that is gone, for its tombstones. */
struct deleted_name {
	uint32_t mailbox;
	char *name;
};

/* Numbers of bytes, to be looked up. */
struct bodies {
	uint64_t *v;
	size_t n, cap;
};
struct view {
	struct store *st;
	struct mailbox *mb;
	struct version *ver;
	struct view *next; /* of the mailbox */
	bool readonly, gone;
	uint32_t count;
	uint64_t opened;	 /* the mailbox's modseq then */
	uint32_t opened_uidnext; /* and its UIDNEXT */
	uint64_t flags_seen;
	uint32_t keywords_seen;
	void (*notify)(void *arg);
	void *arg;
	uint64_t dirty; /* first change it was not told of, 0: none */
	bool notified;	/* notify was called */
	unsigned notifying;
	bool closing; /* nobody is told any more */
};

/* ---- rules: see store/rules.h ---- */

struct script {
	uint8_t kind;
	bool active;
	char *name, *text;
	size_t size;
};

struct outgoing {
	uint8_t id[16];
	uint64_t body, size;
	char *envelope;
	size_t nenvelope;
};

struct rules {
	struct script *script; /* the oldest first */
	size_t nscript, script_cap;
	uint64_t script_seq;	 /* last change of one */
	struct store_memo *memo; /* by kind and key */
	size_t nmemo, memo_cap;
	struct outgoing *outgoing; /* the oldest first */
	size_t noutgoing, outgoing_cap;
};

struct store {
	const struct journal_io *io;
	struct store_opts opts;
	int dirfd, lockfd;
	struct journal *j;
	pthread_mutex_t mu;
	pthread_cond_t notified;
	/* Of all bounded bodies. */
	_Atomic size_t bodies_memory;
	_Atomic unsigned bodies_files;

	struct mailbox **by_id, **by_name; /* the same, sorted */
	size_t nmailbox, id_cap, name_cap;
	struct mailbox *dead;
	struct keyword **keyword; /* by id - 1 */
	size_t nkeyword, keyword_cap;
	char **subscribed; /* sorted */
	size_t nsubscribed, subscribed_cap;
	struct deliveries deliveries;
	struct rules rules;
	struct tombstone *tombstone; /* oldest first */
	size_t ntombstone, tombstone_cap;
	size_t nmoved; /* of those */
	uint32_t last_tombstone;
	/* ms: a compaction that runs forgets up to here */
	int64_t tombstone_cut;
	struct believed clock;
	bool distrusts; /* the wall clock */
	/* Which tombstones are shown, as long as nothing has changed that. */
	bool *shown;
	uint64_t shown_body; /* bytes up to here are somebody's tombstone */
	int64_t shown_at;    /* ms, 0: to be found out */
	struct deleted_name *deleted_name; /* by mailbox */
	size_t ndeleted_name, deleted_name_cap;
	uint32_t last_uidvalidity, last_mailbox;
	uint64_t names_seq;  /* last change of names or subscriptions */
	uint64_t raised_seq; /* last time that UIDVALIDITYs were raised */
	/* Up to here a loss may have left bytes without a mailbox: a compaction
	 * keeps them for fsck. */
	uint64_t lost_seq;
	struct bodies purged; /* whatever still shows them; sorted */
	unsigned ndirty;      /* views that wait for their notify */

	void *map; /* the checkpoint's file */
	size_t map_len;
	uint64_t checkpoint_seq;
	uint32_t checkpoint_segment;
	bool compacting;
	bool checkpointing; /* somebody writes one */
	struct suspects suspects;
};

/* ---- state.c ---- */
void store_lock(struct store *st);
void store_unlock(struct store *st);
/* RC_TEMP when poisoned, RC_DENIED when read-only. */
int store_check_writable(struct store *st, struct err *err);
/* RC_NOSPACE below the low-water mark. */
int store_check_space(struct store *st, struct err *err);
/* UIDVALIDITY for something new: grows strictly, for the whole account. */
uint32_t store_next_uidvalidity(struct store *st);
static inline void
raise_need(uint64_t *need, uint64_t seq)
{
	if (*need < seq)
		*need = seq;
}

/* ---- quota.c ---- */
/* RC_NOSPACE if so many bytes more, and those less, are above the quota. */
int quota_check(
    struct store *st, uint64_t more, uint64_t less, struct err *err);

/* ---- commit_set.c: a row of changes that belong together ---- */
struct commit_set {
	struct journal_item *item;
	struct change *change; /* one for each item; bytes: type MESSAGE */
	struct buf *bytes;
	size_t n, cap;
};
void commit_init(struct commit_set *cs);
void commit_fini(struct commit_set *cs);
/* Adds a change and returns it, to be filled in before commit_run. */
struct change *commit_change(struct commit_set *cs, uint16_t type);
void commit_message(
    struct commit_set *cs, struct journal_blob *blob, struct sv note);
/* Of the message in front of it; copied. */
void commit_verdict(struct commit_set *cs, struct sv verdict);

/* ---- time.c ---- */
/* store_time, under the lock. */
int64_t time_believed(struct store *st);

/* ---- commit.c ---- */
/* Under the lock: one batch; applies all; `by` made them.  Raises need. */
void commit_run(struct store *st, struct commit_set *cs, const struct view *by,
    uint64_t *need);

/* ---- apply.c ---- */
void change_apply(struct store *st, const struct change *c, uint64_t seq,
    int64_t time_ms, const struct view *by);

/* ---- add.c ---- */
/* Parses it, and flushes what is large: without the lock. */
int body_ready(
    struct store_body *b, bool opaque, struct buf *summary, struct err *err);
struct journal_blob *body_blob(struct store_body *b);
/* A repeated delivery is answered as the first one was. */
bool delivery_is_repeated(struct store *st, const struct store_add *a,
    struct store_added *out, uint64_t *need);

/* ---- rules.c ---- */
void apply_script(struct store *st, const struct change *c, uint64_t seq);
void apply_memo(
    struct store *st, const struct change *c, uint64_t seq, int64_t time_ms);
void apply_outgoing(struct store *st, const struct change *c);
void rules_fini(struct rules *ru);

/* ---- mailbox.c ---- */
struct mailbox *mailbox_by_id(struct store *st, uint32_t id);
struct mailbox *mailbox_named(struct store *st, struct sv name);
/* `name` as clients spell it: INBOX in any case. */
struct mailbox *mailbox_by_name(struct store *st, const char *name);
struct mailbox *mailbox_new(struct store *st, uint32_t id, struct sv name);
/* Takes it off the lists; it goes with its last view. */
void mailbox_detach(struct store *st, struct mailbox *mb, uint64_t seq);
void mailbox_free(struct mailbox *mb);
/* The last view of a dead one has gone. */
void mailbox_free_dead(struct store *st, struct mailbox *mb);
void mailbox_set_name(struct store *st, struct mailbox *mb, struct sv name);
void subscription_set(struct store *st, struct sv name, bool on);
bool is_subscribed(struct store *st, struct sv name);
/* Canonical spelling into out; RC_SYNTAX. */
int mailbox_name_check(const char *name, struct buf *out, struct err *err);
/* The first mailbox below `name`: its index, or nmailbox. */
size_t mailbox_child(struct store *st, struct sv name);
/* Special uses, of their byte on the disk. */
unsigned use_unpack(uint8_t b);
/* Makes a CHANGE_MADE. */
void mailbox_plan(struct store *st, struct commit_set *cs, struct sv name,
    unsigned use, bool subscribe);
/* Plans a mailbox and the levels above that are missing. */
int mailbox_plan_levels(struct store *st, struct commit_set *cs, struct sv name,
    unsigned use, struct err *err);

/* ---- keyword.c ---- */
struct keyword *keyword_by_id(struct store *st, uint32_t id);
struct keyword *keyword_by_name(struct store *st, struct sv name);
void keyword_set(struct store *st, uint32_t id, struct sv name);
/*
 * The bits of these names in mb.  With cs, names that are new get a bit: the
 * account's new keywords become changes in cs, the mailbox's new bits slots of
 * the plan.  When all are taken, bits that no message has are given away.
 * RC_TOOBIG, RC_SYNTAX.
 */
struct slot_plan {
	struct change_slot slot[KEYWORDS_MAX];
	size_t n;
	struct sv fresh[KEYWORDS_MAX]; /* keywords that are in cs only */
	uint32_t fresh_id[KEYWORDS_MAX];
	size_t nfresh;
	bool leave_out; /* what has no room, instead of RC_TOOBIG */
	bool looked;	/* at what is in use */
	uint64_t used;	/* bits that must not be given away */
};
int keyword_bits(struct store *st, struct mailbox *mb,
    const struct store_flags *f, struct commit_set *cs, struct slot_plan *plan,
    uint64_t *bits_out, struct err *err);
/* The same for bits of another mailbox; what has no room is left out. */
uint64_t keyword_translate(struct mailbox *from, uint64_t bits,
    struct mailbox *to, struct slot_plan *plan);
/* Has every bit a message that needs it? */
bool keywords_full(struct mailbox *mb);
/* From here on the bit means another keyword: what had it has it no more. */
void keyword_forget(struct store *st, struct mailbox *mb, uint8_t bit);
void slot_plan_put(const struct slot_plan *plan, struct change *c);

/* ---- version.c ---- */
struct version *version_join(struct mailbox *mb);
void version_leave(struct mailbox *mb, struct version *ver);
void version_added(struct mailbox *mb, const struct msg *m, size_t n);
/* Before uids are taken out of the table by the change `seq`. */
void version_before_remove(struct mailbox *mb, uint64_t seq);
/* After: takes *removed. */
void version_removed(struct mailbox *mb, struct msg **removed, size_t n);
void versions_free(struct mailbox *mb);
/* UID of message i of a version. */
uint32_t version_uid(struct mailbox *mb, const struct version *ver, size_t i);
/* Index of the first of `count` UIDs that is >= uid. */
size_t version_from(
    struct mailbox *mb, const struct version *ver, size_t count, uint32_t uid);
size_t version_count(struct mailbox *mb, const struct version *ver);
/* The message with this UID, in the table or among the ghosts since ver. */
struct msg *version_msg(struct mailbox *mb, const struct version *ver,
    uint32_t uid, size_t hint, bool *ghost);

/* ---- view_ops.c ---- */
/* May the view change its mailbox now?  RC_DENIED, RC_NOTFOUND, RC_TEMP. */
int view_check_change(struct view *v, struct err *err);

/* ---- notify.c ---- */
/* Other views than `by` have something to be told. */
void views_dirty(struct mailbox *mb, const struct view *by, uint64_t seq);
void flag_log_add(struct mailbox *mb, uint64_t seq, const struct view *by,
    const struct change *c);
/* Has nobody changed the flags that c is about since then?  false also where
 * that is not known. */
bool flags_untouched(const struct view *v, const struct msg *m,
    const struct change *c, uint64_t since);
/* What all views know needs no long log. */
void flag_log_trim(struct mailbox *mb);
void store_notify(struct store *st, uint64_t flushed);

/* ---- checkpoint.c ---- */
#define CHECKPOINT_VERSION 5u
/* Frees the state: as before anything was read. */
void store_state_reset(struct store *st);
/* Fills the empty state from the file; RC_NOTFOUND if there is none that
 * fits, the state is then empty. */
int checkpoint_load(struct store *st, struct journal_mark *mark);
/* For which place it stands, also of one that is damaged behind its head;
 * RC_NOTFOUND: there is none, RC_DAMAGED: nobody can tell. */
int checkpoint_peek(struct store *st, struct journal_mark *mark);
/* Under the lock: the file's bytes. */
void checkpoint_encode(
    struct store *st, const struct journal_mark *mark, struct buf *out);
int checkpoint_write(struct store *st, const struct buf *bytes);
/* The same for a journal's snapshot, in an order of bytes that is every
 * machine's: store/format.h. */
void snapshot_encode(struct store *st, struct buf *out);
/* In place of the state.  RC_DAMAGED: the state is then empty. */
int snapshot_decode(struct store *st, struct sv in);

/* ---- vanished.c ---- */
/* n messages by rising UID have left. */
void vanished_add(
    struct mailbox *mb, const struct msg *gone, size_t n, uint64_t seq);
void vanished_put(struct mailbox *mb, const struct vanished *v);

/* ---- tombstone.c ---- */
void bodies_add(struct bodies *b, uint64_t body);
/* Of all messages that are in a mailbox or still in some view's sight. */
void bodies_live(struct store *st, struct bodies *b);
void bodies_sort(struct bodies *b);
/* After bodies_sort. */
bool bodies_has(const struct bodies *b, uint64_t body);
struct departure {
	uint32_t mailbox;
	int64_t at;
	uint64_t seq; /* becomes their modseq */
	bool moved;
};
void tombstones_add(
    struct store *st, const struct msg *m, size_t n, const struct departure *b);
/* Those of a mailbox with these UIDs, and all others of the same bytes. */
void tombstones_remove(
    struct store *st, uint32_t mailbox, const struct rangeset *uids);
/* Those up to that time go (ms). */
void tombstones_expire(struct store *st, int64_t cut);
/* What is older is not to be had any more. */
int64_t tombstones_cut(struct store *st);
/* Messages came in that were somewhere before. */
void tombstones_invalidate(struct store *st, const struct msg *m, size_t n);
void tombstones_fini(struct store *st);
/* A mailbox goes: its name stays while tombstones need it. */
void deleted_name_set(struct store *st, uint32_t mailbox, struct sv name);
/* Tombstones by mailbox and UID; to be freed, and good until one is added or
 * goes.  Of two with one name any. */
struct tombstone_ref {
	uint32_t mailbox, uid;
	size_t tombstone;
};
struct tombstone_ref *tombstones_index(const struct store *st);
struct tombstone *tombstone_find(struct store *st,
    const struct tombstone_ref *ref, const struct store_tombstone *g);
/* Under the lock, while it is held: where it was; NULL: not known. */
const char *tombstone_mailbox(struct store *st, const struct tombstone *g);

/* ---- compact.c ---- */
/* Writes the whole state into the log, as a snapshot, for when a checkpoint
 * knows more than a damaged log does. */
int store_settle(struct store *st, struct err *err) RC_USE_RESULT;

/* ---- shown.c ---- */
/* For each tombstone, whether it is shown: the last of its bytes, which are in
 * no mailbox, and not too old.  The store's; good while the lock is held. */
const bool *tombstones_shown(struct store *st);

/* ---- restore_tree.c ---- */
/* A mailbox of the tree Restore/, made for one view or look, on st->dead:
 * mailbox_free_dead gives it back.  NULL: there is none. */
struct mailbox *restore_open(
    struct store *st, const char *name, uint64_t *need);
/* Whether what it shows under that UID is still in no mailbox. */
bool restore_has(const struct view *v, uint32_t uid);
/* These have been moved out of it. */
void restore_take(struct view *v, const struct rangeset *uids, uint64_t seq);
void restore_list(struct store *st, struct store_mailbox_list *l, size_t *cap);
/* Is it a day that is shown, or the level above? */
bool restore_is_listed(struct store *st, struct sv name);
/* Names that cannot be given to mailboxes. */
bool restore_reserves(struct store *st, struct sv name);

#endif
