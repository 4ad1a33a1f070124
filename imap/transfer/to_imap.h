/* Inside to_imap.c, to_imap_folders.c and to_imap_recover.c only. */
#ifndef IMAP_TRANSFER_TO_IMAP_H
#define IMAP_TRANSFER_TO_IMAP_H

#include <sodium.h>

#include "imap/transfer/area.h"
#include "imap/transfer/message.h"
#include "imap/transfer/state.h"

#define BATCH_BYTES  (1u << 20)
#define BATCH_TEXT   (64u << 10)
#define TO_IMAP_USES 7 /* bits of IMAP_LIST_USES */

/* A mailbox of the server that has special uses. */
struct to_folder {
	char *name;
	unsigned uses;
};

struct batch_msg {
	uint64_t off, size; /* in the area */
	int64_t date;
	int32_t zone;
	bool nul;
	size_t flags, nflags, name, nname; /* in the batch's texts */
};

/* What has come before and is to be otherwise. */
struct to_change {
	uint32_t entry; /* of the state */
	unsigned flags; /* as the source has them now */
	char *dest;	/* where it has been moved to, or NULL */
};

struct to_imap {
	struct transfer *x;
	struct imap_client *c;
	struct state *state;
	struct state_set there; /* the names of its mailboxes, hashed */
	struct to_folder special[TO_IMAP_USES]; /* the first for each use */
	size_t nspecial;
	/* What is usually called so; if another server has no uses. */
	struct to_folder usual[TO_IMAP_USES];
	size_t nusual;
	bool below_inbox, beside_inbox; /* there are such */
	char delimiter;	   /* of the server, NUL: it has no levels */
	struct buf prefix; /* of its names but INBOX: "INBOX/", or empty */
	struct buf taken;  /* lines: a name there, and what goes into it */
	/* Moves and flags for the end (to_imap_sync.c). */
	struct state_set present; /* keys that the source still has */
	struct state_set orphan;  /* contents of those that it has not */
	bool surveyed;
	struct to_change *change;
	size_t nchange, change_cap;

	struct state_set pass; /* keys by content that this run has met */

	/* The folder that is being read, and where it goes. */
	struct buf source, dest;
	bool virtual; /* shows what other folders hold */
	uint32_t uidvalidity, uidnext;
	bool uidnext_known;

	/* The batch. */
	struct area area;
	struct state_try try;
	struct batch_msg msg[STATE_BATCH];
	struct buf flags, names;
	struct buf log; /* what the state's file is to get */

	/* The message that is coming. */
	uint64_t start; /* in the area */
	bool nul;
	crypto_generichash_state hash;
};

/* ---- to_imap.c ---- */

/* Sends the batch. */
int to_imap_flush(struct to_imap *t, struct err *err) RC_USE_RESULT;
/* Writes what waits for the state's file. */
int to_imap_log(struct to_imap *t, struct err *err) RC_USE_RESULT;

void to_imap_source_key(
    const struct to_imap *t, struct sv key, struct state_key *out);
/* The n-th message of that content in this folder of the source. */
void to_imap_content_key(struct to_imap *t, const struct state_key *content,
    bool once, struct state_key *out);

/* ---- to_imap_sync.c ---- */

void to_imap_known(
    struct to_imap *t, const struct state_key *key, struct sv flags);
/* Has this content come under a key that the source has no more?  Then it is
 * noted as moved. */
bool to_imap_moved(struct to_imap *t, const struct state_key *key,
    const struct state_key *content, struct sv flags);
/* Does what was noted. */
int to_imap_sync(struct to_imap *t, struct err *err) RC_USE_RESULT;
void to_imap_sync_fini(struct to_imap *t);

/* ---- to_imap_folders.c ---- */

int to_imap_list(struct to_imap *t, struct err *err) RC_USE_RESULT;
/* UIDVALIDITY and UIDNEXT of a mailbox; RC_PERM: there is none. */
int to_imap_status(
    struct to_imap *t, struct sv name, struct err *err) RC_USE_RESULT;
/* The sink's. */
int to_imap_folder(void *arg, const struct transfer_folder *f, struct err *err);
/* A mailbox's name as the server writes it: the one way to say it. */
void to_imap_put_name(struct to_imap *t, struct sv name, struct buf *out);

/* ---- to_imap_recover.c ---- */

/* Ends the try that a run before has left open. */
int to_imap_recover(struct to_imap *t, struct err *err) RC_USE_RESULT;

#endif
