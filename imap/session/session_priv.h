/* Inside imap/session only. */
#ifndef IMAP_SESSION_PRIV_H
#define IMAP_SESSION_PRIV_H

#include <stdatomic.h>

#include "imap/parse/fetch.h"
#include "imap/parse/frame.h"
#include "imap/parse/list.h"
#include "imap/parse/parse.h"
#include "imap/parse/search.h"
#include "imap/parse/select.h"
#include "imap/session/session.h"
#include "mime/mime.h"
#include "net/stream.h"

/* A mask, so that a command can name those in which it is legal. */
enum imap_state {
	IMAP_ST_NONE = 0,
	IMAP_ST_AUTH = 1 << 0,	   /* authenticated, no mailbox selected */
	IMAP_ST_SELECTED = 1 << 1, /* view is set */
	IMAP_ST_LOGOUT = 1 << 2	   /* the last word has been said */
};

#define IMAP_ST_ANY (IMAP_ST_AUTH | IMAP_ST_SELECTED)

enum imap_mode {
	IMAP_MODE_COMMAND,
	IMAP_MODE_IDLE,	 /* waits for DONE */
	IMAP_MODE_APPEND /* append is set: a message comes */
};

struct imap_append;

struct imap_session {
	struct pool_task task; /* first: the pool's pointer is ours, too */
	struct store *store;
	struct stream *st;
	char *account, *hostname, *peer;
	bool tls;
	bool local;
	struct imap_limits lim;
	struct imap_watch watch; /* without an arg for the command line */
	struct buf login_tag;	 /* empty once answered */
	uint64_t need;		 /* journal position of what was told */

	/* The connection. */
	enum imap_state state;
	unsigned bad;	    /* BADs in a row */
	int64_t last_input; /* of clk_mono() */
	int64_t last_look;  /* likewise, of imap_goes_on() ... */
	int64_t last_sign;  /* ... and of its sign of life */
	uint64_t commands;  /* for the log */
	bool rev2;	    /* ENABLE IMAP4rev2 was said [RFC 9051 6.3.1] */
	bool condstore;	    /* it knows of MODSEQ: every FETCH has it */
	bool qresync;	    /* likewise, and of VANISHED instead of EXPUNGE */
	bool poisoned; /* the journal has failed: nothing is said any more */
	bool broken;   /* it stopped amidst a literal: only closing is left */

	/* The mailbox: valid in IMAP_ST_SELECTED. */
	struct view *view;
	bool readonly;
	struct rangeset saved; /* "$": UIDs; those not in view mean nothing */

	/* The command; all of it is given back while the session rests. */
	enum imap_mode mode;
	struct imap_frame frame;
	struct arena arena;
	struct buf reply;   /* text of the tagged reply */
	struct buf scratch; /* summaries, headers, whatever is short-lived */
	struct buf idle_tag;
	struct imap_append *append; /* in the arena */
	atomic_bool idling;	    /* notify() may wake the task */
};

struct imap_verb;

enum imap_status {
	IMAP_PENDING,
	IMAP_OK,
	IMAP_NO,
	IMAP_BAD
};

/* One command in progress. */
struct imap_cmd {
	struct imap_session *s;
	const struct imap_verb *verb;
	struct sv tag;
	bool uid;   /* UID FETCH and so on */
	bool keeps; /* as IMAP_VERB_KEEPS_NUMBERS, also with UID */
	struct imap_in in;
	enum imap_status status; /* IMAP_PENDING: answered later */
};

enum imap_verb_flag {
	IMAP_VERB_UID = 1 << 0, /* may follow UID */
	IMAP_VERB_UID_ONLY = 1 << 1,
	/* While it runs no EXPUNGE may be told, unless it has UID
	 * [RFC 3501 7.4.1]. */
	IMAP_VERB_KEEPS_NUMBERS = 1 << 2,
	IMAP_VERB_NO_SYNC = 1 << 3 /* tells nothing of the mailbox */
};

enum imap_literal_use {
	IMAP_LITERAL_TEXT,    /* part of the command's text */
	IMAP_LITERAL_STREAM,  /* the command reads it itself */
	IMAP_LITERAL_REFUSED, /* answered in status and reply */
};

struct imap_verb {
	struct sv name;
	void (*run)(struct imap_cmd *c);
	unsigned states; /* in which it is legal */
	unsigned flags;
	/* Asked for each literal, with the cursor behind the name and at the
	 * end of the text the literal's place; NULL: TEXT. */
	enum imap_literal_use (*literal)(
	    struct imap_cmd *c, const struct imap_literal *lit);
};

/* The table of commands. */
extern const struct imap_verb imap_verbs[];
extern const size_t imap_nverbs;

/* ---- reply.c ---- */

/* One of these per command; text has no line end and no final CRLF. */
void imap_ok(struct imap_cmd *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void imap_no(struct imap_cmd *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void imap_bad(struct imap_cmd *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The reply for an error of the parsers: BAD with what was expected. */
void imap_syntax(struct imap_cmd *c, int rc);
/* A command's arguments, of whose parsers rc is the result, must end here;
 * false: they do not, and that was answered. */
bool imap_arguments_end(struct imap_cmd *c, int rc) RC_USE_RESULT;
/* The reply for an error of the store [RFC 5530]; err may be NULL. */
void imap_store_error(struct imap_cmd *c, int rc, const struct err *err);
/* "* BYE text", and nothing more is read. */
void imap_bye(struct imap_session *s, const char *text);

/* ---- command.c: dispatch ---- */

/* Runs the command in s->frame.text and answers it. */
void imap_command_run(struct imap_session *s);
/* A literal was announced: decides, continues or answers. */
void imap_command_literal(
    struct imap_session *s, const struct imap_literal *lit);
/* The command was above the limits. */
void imap_command_toolong(struct imap_session *s);

/* ---- alive.c ---- */

/*
 * Long commands ask between their steps, which may be short: is there anybody
 * left to work for?  False: the client is gone (`broken` is set), or the
 * session is to end, as its password was revoked; then leave, and answer with
 * imap_ended() if a response is whole.  `between`: no response has begun.
 */
bool imap_goes_on(struct imap_session *s, bool between);
/* The answer of a command that imap_goes_on() has ended. */
void imap_ended(struct imap_cmd *c);
/* view_open's notify. */
void imap_notify(void *arg);

/* ---- tell.c ---- */

/* "* 23 EXISTS", and what IMAP4rev1 hears of \Recent. */
void imap_tell_exists(struct imap_session *s, uint32_t count);
/*
 * The client knows of mod-sequences from now on; the first time, with a
 * mailbox selected, it is told HIGHESTMODSEQ [RFC 7162 3.1].
 */
void imap_condstore(struct imap_session *s);
/* Up to which MODSEQ the client has been told everything. */
uint64_t imap_told_modseq(struct imap_session *s);
/* "[HIGHESTMODSEQ 715194045007] " for the tagged OK of what expunges, or
 * nothing without QRESYNC; stays until scratch is used. */
const char *imap_modseq_code(struct imap_session *s);
/* "* FLAGS" and "* OK [PERMANENTFLAGS". */
void imap_tell_flags(struct imap_session *s);

/* ---- sync.c ---- */

/* Untagged responses for what has changed. */
void imap_sync(struct imap_session *s, bool with_expunges);
/* Tells what is new, writes the tagged reply. */
void imap_command_finish(struct imap_cmd *c);

/* ---- mailbox.c: the selected mailbox ---- */

void imap_deselect(struct imap_session *s);
/* As deselect, for another SELECT: the client hears of it. */
void imap_reselect(struct imap_session *s);
/* Adds the sequence numbers of those UIDs that are there. */
void imap_uids_to_seqnos(
    struct view *v, const struct rangeset *uids, struct rangeset *out);
/* What "*" means among UIDs: the highest in the mailbox, and where there is
 * none UIDNEXT [RFC 9051 9, seq-number]. */
uint32_t imap_star_uid(struct imap_session *s);
/* The UIDs that a set of UIDs names, whether they are there or not. */
void imap_uid_set(
    struct imap_session *s, const struct imap_set *set, struct rangeset *out);
/* The same for what is gone: "*" reaches up to all that ever were, since the
 * highest may be among them. */
void imap_uid_set_of_gone(
    struct imap_session *s, const struct imap_set *set, struct rangeset *out);
/* SP sequence-set SP, with which the arguments of many commands begin. */
int imap_set_argument(struct imap_cmd *c, struct imap_set *out) RC_USE_RESULT;
/*
 * The sequence numbers that a set names.  False after having answered BAD: a
 * number is above the count [RFC 3501 9, seq-number].  UIDs that are not
 * there are left out, also those of "$".
 */
bool imap_resolve(
    struct imap_cmd *c, const struct imap_set *set, struct rangeset *out);
/*
 * "Restore/@SECONDS/INBOX", an account as it was then, is for exports alone:
 * for the sessions of people there is no such mailbox, unless somebody has
 * made one of that very name.
 */
bool imap_is_hidden(struct imap_session *s, struct sv name);
/* The reply for something that was to be put into a mailbox which is not
 * there: TRYCREATE, if it can be created. */
void imap_no_target(struct imap_cmd *c, struct sv name);
/* The parser's flags for the store; borrows.  False after having answered. */
bool imap_store_flags(
    struct imap_cmd *c, const struct imap_flags *in, struct store_flags *out);

/* ---- msg.c: messages in numbers ---- */

struct imap_msg_writer {
	struct imap_session *s;
	const char *keyword[64];
	size_t nkeyword;
};

/* For responses with these items; tells FLAGS first, if there is something new
 * and they have it. */
void imap_msg_writer_init(
    struct imap_msg_writer *w, struct imap_session *s, unsigned items);
/* Which the client is told of any message whose flags have changed: FLAGS,
 * and what its extensions want [RFC 7162 3.2.4]. */
unsigned imap_news_items(const struct imap_session *s);
/* "* 5 FETCH (UID 12 FLAGS (\Seen)" of items UID, SIZE, MODSEQ and FLAGS,
 * without a space at the end. */
#define IMAP_HEAD_ITEMS                                         \
	(IMAP_FETCH_UID | IMAP_FETCH_SIZE | IMAP_FETCH_MODSEQ | \
	    IMAP_FETCH_FLAGS)
void imap_put_msg_head(const struct imap_msg_writer *w, uint32_t seqno,
    const struct store_msg *m, unsigned items);
/* "* 5 FETCH (FLAGS (\Seen))" with these items for each of them. */
void imap_tell_msgs(
    struct imap_session *s, const struct rangeset *seqnos, unsigned items);

/* How many messages are copied out of the store at once. */
#define IMAP_CHUNK 256

/*
 * Walks the messages of a set in chunks.  Begin with s and seqnos set and all
 * else zero; false at the end.
 */
struct imap_walk {
	struct imap_session *s;
	const struct rangeset *seqnos;
	size_t range;	       /* index into seqnos */
	uint32_t done;	       /* numbers of that range already given */
	uint32_t first;	       /* sequence number of msg[0] */
	uint32_t n;	       /* messages in msg */
	struct store_msg *msg; /* IMAP_CHUNK of them, in the arena */
};

bool imap_walk_next(struct imap_walk *w);

/*
 * One message's summary at a time.  Where it cannot be read, sum is that of
 * an opaque message, and load returns false.
 */
struct imap_summary {
	struct buf bytes;
	struct mime_summary sum;
	bool loaded, good;
};

void imap_summary_init(struct imap_summary *x);
void imap_summary_fini(struct imap_summary *x);
bool imap_summary_load(
    struct imap_summary *x, struct store *st, const struct store_msg *m);
void imap_summary_unload(struct imap_summary *x);

/* ---- select_sync.c ---- */

/* What has happened since the client was here last [RFC 7162 3.2.5]. */
void imap_resync(struct imap_session *s, const struct imap_select *what);
/* "* VANISHED (EARLIER)" for those of these UIDs that went after modseq. */
void imap_tell_vanished(struct imap_session *s, const struct rangeset *uids,
    uint64_t modseq, uint32_t above);

/* ---- objectid.c: object identifiers [RFC 8474] ---- */

/* "M65b8a01fc4d7e902-7": unique in the server, and never used again. */
void imap_put_mailboxid(struct buf *out, uint64_t epoch, uint32_t id);
/* "E65b8a01fc4d7e902-1234", the same for all copies of a message. */
void imap_put_emailid(struct buf *out, uint64_t epoch, uint64_t body);
/* The `body` that an EMAILID of this epoch names; 0: none. */
uint64_t imap_emailid_body(struct sv id, uint64_t epoch);

/* ---- threadid.c ---- */

/* The bytes of the top header, in place of *out; false if they cannot be
 * read. */
bool imap_load_header(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, struct buf *out);
/* "T5f0c3a81b2e4d697" of a message with this header [RFC 8474 5.2]. */
void imap_put_threadid(
    struct buf *out, struct sv header, uint64_t epoch, uint64_t body);

/* ---- section.c ---- */

/*
 * One message's section for FETCH, behind its name, with a space before it.
 * False if the message's bytes cannot be read; NIL has been written then.
 */
bool imap_put_part(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec);

/*
 * A part without its transfer encoding [RFC 3516 4.3], found and measured by
 * imap_binary_load: RC_NOSUPPORT if the encoding is not known; after any other
 * error it is as if there were no such part.  Then it can be written, behind
 * its name, with a space before it, as long as s->scratch is left alone.
 * imap_put_binary returns false if the bytes cannot be read any more.
 */
struct imap_binary {
	bool there;
	bool nul;  /* it needs a literal8 */
	bool kept; /* all of it is in s->scratch */
	enum mime_encoding encoding;
	uint64_t off, stored; /* the bytes of the message to be decoded */
	uint64_t at;	      /* where in the decoded part those begin */
	uint64_t from, len;   /* what is wanted of the decoded part */
};

int imap_binary_load(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec,
    struct imap_binary *out) RC_USE_RESULT;
bool imap_put_binary(struct imap_session *s, const struct store_msg *m,
    const struct imap_section *sec, const struct imap_binary *b);

/* ---- tell_list.c ---- */

/* What is in an untagged LIST or LSUB. */
struct imap_list_line {
	const char *word;
	struct buf attributes; /* each with a space before it */
	struct sv name;
	const char *tag; /* an extended data item, or NULL */
	struct sv old;	 /* its value, if the tag is OLDNAME */
};
void imap_put_list_line(struct imap_session *s, const struct imap_list_line *l);
void imap_put_list_attributes(
    struct buf *out, const struct store_mailbox *m, bool extended, bool subs);

/*
 * One LIST response for a mailbox with all its attributes; nothing if it is
 * not there.  old: its name before, for OLDNAME [RFC 9051 6.3.9.7], or empty:
 * then OLDNAME is said if the store's name is not just the given one, which
 * may write INBOX in any case.
 */
void imap_tell_mailbox(struct imap_session *s, struct sv name, struct sv old);
/* False after having answered: an item that IMAP4rev2 does not have.
 * HIGHESTMODSEQ enables CONDSTORE. */
bool imap_status_allowed(struct imap_cmd *c, unsigned bits);
void imap_tell_status(struct imap_session *s, struct sv name, unsigned bits,
    const struct store_status *st);

/* ---- search_eval.c, search_text.c ---- */

/* What a search looks for in text, folded. */
struct imap_needle {
	struct sv text;
	struct sv narrow; /* likewise, for header text: see mime_header_text */
	bool ascii;	  /* it was all 7 bit: text is folded as ASCII */
};

/* Of one message, loaded as far as the keys ask for it. */
struct imap_search_msg {
	struct imap_session *s;
	const struct store_msg *m;
	uint32_t seqno;
	struct imap_summary x;
	struct buf body;   /* the whole message */
	struct buf header; /* likewise, the top header only */
	bool have_body, have_header;
	struct buf text, folded; /* scratch */
	bool damaged;		 /* some message could not be read */
	bool over;		 /* imap_goes_on() said no */
	uint64_t number;	 /* of the message, for what keys remember */
};

/* Does the needle occur in header text, from mime_header_text? */
bool imap_needle_in_header(
    struct imap_search_msg *q, const struct imap_needle *n, struct sv text);
/* A field of the top header: name, or any line of it if name is empty. */
bool imap_search_header(
    struct imap_search_msg *q, struct sv name, const struct imap_needle *n);
/* Is its THREADID this one? */
bool imap_search_thread(struct imap_search_msg *q, struct sv id);
bool imap_search_body(struct imap_search_msg *q, const struct imap_needle *n);

/*
 * Readies the keys for a view: resolves sets, converts and folds strings,
 * puts cheap keys before expensive ones.
 */
void imap_search_prepare(
    struct imap_session *s, struct imap_search_key *k, struct sv charset);
bool imap_search_match(
    struct imap_search_msg *q, const struct imap_search_key *k);

/* ---- append.c ---- */

/* Bytes of the message, from the stream; RC_MORE if there were none. */
int imap_append_input(struct imap_session *s);
/* What follows the message has come: s->frame.text. */
void imap_append_command(struct imap_session *s);
void imap_append_toolong(struct imap_session *s);
/* The APPEND in progress as a command, with more of its text. */
void imap_append_cmd(
    struct imap_session *s, struct sv text, struct imap_cmd *out);
/* Gives the messages in progress up; leaves the arena alone. */
void imap_append_drop(struct imap_session *s);

/* ---- watch.c ---- */

/* These messages of the selected mailbox were marked by a person. */
void imap_watch_marked(
    struct imap_session *s, const struct rangeset *seqnos, enum imap_mark mark);
/* Messages of it were moved or copied to `to`, where they have these UIDs. */
void imap_watch_moved(
    struct imap_session *s, const char *to, const struct rangeset *uids);

/* ---- cmd_idle.c ---- */

int imap_idle_input(struct imap_session *s);

/* ---- cmd_*.c, append.c: the commands ---- */

void imap_cmd_append(struct imap_cmd *c);
enum imap_literal_use imap_append_literal(
    struct imap_cmd *c, const struct imap_literal *lit);
void imap_cmd_capability(struct imap_cmd *c);
void imap_cmd_check(struct imap_cmd *c);
void imap_cmd_close(struct imap_cmd *c);
void imap_cmd_copy(struct imap_cmd *c);
void imap_cmd_create(struct imap_cmd *c);
void imap_cmd_delete(struct imap_cmd *c);
void imap_cmd_enable(struct imap_cmd *c);
void imap_cmd_examine(struct imap_cmd *c);
void imap_cmd_expunge(struct imap_cmd *c);
void imap_cmd_fetch(struct imap_cmd *c);
void imap_cmd_getquota(struct imap_cmd *c);
void imap_cmd_getquotaroot(struct imap_cmd *c);
void imap_cmd_id(struct imap_cmd *c);
void imap_cmd_idle(struct imap_cmd *c);
void imap_cmd_list(struct imap_cmd *c);
void imap_cmd_logged_in(struct imap_cmd *c);
void imap_cmd_logout(struct imap_cmd *c);
void imap_cmd_lsub(struct imap_cmd *c);
void imap_cmd_move(struct imap_cmd *c);
void imap_cmd_namespace(struct imap_cmd *c);
void imap_cmd_noop(struct imap_cmd *c);
void imap_cmd_rename(struct imap_cmd *c);
void imap_cmd_replace(struct imap_cmd *c);
enum imap_literal_use imap_replace_literal(
    struct imap_cmd *c, const struct imap_literal *lit);
void imap_cmd_search(struct imap_cmd *c);
void imap_cmd_select(struct imap_cmd *c);
void imap_cmd_setquota(struct imap_cmd *c);
void imap_cmd_status(struct imap_cmd *c);
void imap_cmd_store(struct imap_cmd *c);
void imap_cmd_subscribe(struct imap_cmd *c);
void imap_cmd_unselect(struct imap_cmd *c);
void imap_cmd_unsubscribe(struct imap_cmd *c);

#endif
