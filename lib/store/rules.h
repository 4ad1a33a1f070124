/*
 * What an account's rules need of the store: their scripts, what they
 * remember, what they send, and a delivery that all of it commits with.
 *
 * Scripts are records of the journal like everything else: a backup has them,
 * and a crash leaves the last one that was acknowledged.  The store takes any
 * bytes for a script; whether it is one is lib/sieve's business.
 *
 * A delivery by rules is one batch: the message in each of its folders, what is
 * remembered, and what is to be sent.  So after a crash all of it has happened
 * or nothing.  What is to be sent stays in the store, with its bytes, until the
 * queue has it: store_outgoing_end.
 *
 * Everything here may be called from any thread, and raises *need as the calls
 * of store/store.h do.
 */
#ifndef STORE_RULES_H
#define STORE_RULES_H

#include "store/store.h"

/* ---- scripts ---- */

#define STORE_SCRIPT_MAX	(64u << 10) /* bytes of one */
#define STORE_SCRIPT_NAME_MAX	512u	    /* bytes [RFC 5804 1.6] */
#define STORE_SCRIPTS_MAX	64u	    /* of a kind */
#define STORE_SCRIPTS_BYTES_MAX (1u << 20)  /* of a kind, in all */

enum store_script_kind {
	STORE_SCRIPT_PERSON, /* theirs: ManageSieve shows them; one is active */
	/* Made by the server from what was filled in on a page; all of them are
	 * active, and no other program sees them. */
	STORE_SCRIPT_PAGE,
	/* What was filled in, in a form of the page's own; not a script. */
	STORE_SCRIPT_FORM,
	STORE_SCRIPT_KINDS
};

struct store_script {
	char *name;
	size_t size;
	bool active;
};

struct store_scripts {
	struct store_script *s; /* by name */
	size_t n;
	uint64_t bytes;
};

/* Is it a name for a script: UTF-8 without controls [RFC 5804 1.6]? */
bool store_script_name_ok(struct sv name);
void store_script_list(struct store *st, enum store_script_kind kind,
    struct store_scripts *out, uint64_t *need);
void store_scripts_fini(struct store_scripts *l);
/* Appended to out.  RC_NOTFOUND. */
int store_script_get(struct store *st, enum store_script_kind kind,
    struct sv name, struct buf *out, uint64_t *need) RC_USE_RESULT;
/* Would it be taken?  RC_SYNTAX: the name is not one; RC_TOOBIG: it is too
 * long, or all of them would be; RC_EXISTS: there are too many. */
int store_script_room(struct store *st, enum store_script_kind kind,
    struct sv name, uint64_t size, uint64_t *need,
    struct err *err) RC_USE_RESULT;
/* Takes the place of one of that name; an active one stays active.  As
 * store_script_room; RC_TEMP, RC_DENIED, RC_NOSPACE. */
int store_script_put(struct store *st, enum store_script_kind kind,
    struct sv name, struct sv text, uint64_t *need,
    struct err *err) RC_USE_RESULT;
/* RC_NOTFOUND; RC_PERM: it is the active one. */
int store_script_delete(struct store *st, enum store_script_kind kind,
    struct sv name, uint64_t *need, struct err *err) RC_USE_RESULT;
/* RC_NOTFOUND, RC_EXISTS, RC_SYNTAX.  An active one stays active. */
int store_script_rename(struct store *st, struct sv name, struct sv to,
    uint64_t *need, struct err *err) RC_USE_RESULT;
/* One of the person's, instead of the one before; empty: none.  RC_NOTFOUND. */
int store_script_activate(struct store *st, struct sv name, uint64_t *need,
    struct err *err) RC_USE_RESULT;
/* The name of the active one, appended to out.  RC_NOTFOUND: none is. */
int store_script_active(
    struct store *st, struct buf *out, uint64_t *need) RC_USE_RESULT;
/* Another number after each change of any script; 0: there never was one. */
uint64_t store_script_version(struct store *st);

/* ---- what rules remember ---- */

#define STORE_MEMO_KEY 16u
/* Of one account; the one that ends first is forgotten for a new one. */
#define STORE_MEMOS_MAX 20000u

enum store_memo_kind {
	STORE_MEMO_RULES = 1, /* whatever lib/sieve makes of it: messages that
				 were seen [RFC 7352], senders that were
				 answered [RFC 5230 4.2] */
	STORE_MEMO_NOTICE     /* what its owner was told */
};

struct store_memo {
	uint8_t kind;		     /* enum store_memo_kind */
	uint8_t key[STORE_MEMO_KEY]; /* a hash */
	int64_t until;		     /* seconds since 1970 */
};

/* Is it remembered, at this time (seconds)? */
bool store_memo_has(struct store *st, enum store_memo_kind kind,
    const uint8_t key[STORE_MEMO_KEY], int64_t now, uint64_t *need);

/* ---- what is to be sent ---- */

#define STORE_ENVELOPE_MAX 16384u
/* That wait; a delivery that would add to more fails for now. */
#define STORE_OUTGOING_MAX 1000u

struct store_outgoing {
	uint8_t id[16]; /* its own delivery id */
	uint64_t body;	/* for store_read */
	uint64_t size;	/* of that */
	char *envelope; /* the account's, in a form of its own */
	size_t nenvelope;
};

struct store_outgoings {
	struct store_outgoing *o; /* the oldest first */
	size_t n;
};

/* How many wait. */
size_t store_outgoing_count(struct store *st);
void store_outgoing_list(
    struct store *st, struct store_outgoings *out, uint64_t *need);
void store_outgoings_fini(struct store_outgoings *l);
/*
 * The queue has it, or never will: it is forgotten.  With keep, its bytes are
 * put into that mailbox in the same step (INBOX if it is gone), unless they are
 * there already.  RC_NOTFOUND.
 */
int store_outgoing_end(struct store *st, const uint8_t id[16], const char *keep,
    uint64_t *need, struct err *err) RC_USE_RESULT;

/* ---- a delivery by rules ---- */

struct store_place {
	const char *mailbox; /* one that is gone: RC_NOTFOUND */
	struct store_flags flags;
	size_t body; /* which of the delivery's */
};

struct store_send {
	uint8_t id[16]; /* its own */
	size_t body;	/* which of the delivery's */
	struct sv envelope;
};

struct store_delivery {
	const uint8_t *id; /* 16 bytes */
	/* The message, with and without the changes of rules, and what they
	 * have written. */
	struct store_body **body;
	bool *opaque; /* of each */
	size_t nbody;
	/* The same body twice in one mailbox: the second is left out.  None: it
	 * is not kept. */
	const struct store_place *place;
	size_t nplace;
	const struct store_send *send;
	size_t nsend;
	const struct store_memo *memo;
	size_t nmemo;
	struct sv verdict; /* of each of the bodies that have a place */
};

/*
 * All of it in one commit, or nothing.  Consumes the bodies (sets them NULL),
 * also on error.  out has one row for each place.  A delivery id of the last 7
 * days: RC_OK with `repeated` in out[0], which must be there even without a
 * place; nothing is done.  RC_NOTFOUND: one of the mailboxes is gone.
 */
int store_deliver(struct store *st, const struct store_delivery *d,
    struct store_added *out, uint64_t *need, struct err *err) RC_USE_RESULT;
/* Was this delivery done before?  Raises *need to cover it. */
bool store_delivered(struct store *st, const uint8_t id[16],
    struct store_added *out, uint64_t *need);

#endif
