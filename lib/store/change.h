/*
 * Changes: what the store writes into the journal besides messages' bytes.
 * Encoding and decoding are pure.  The same struct is applied to the state in
 * memory when it happens and when it is read back, so that the two agree.
 *
 * Their form on the disk is described in store/format.h.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rangeset.h"
#include "journal/journal.h"

/*
 * A message in a mailbox: 48 bytes, in memory and, mapped, in the checkpoint.
 */
struct msg {
	uint64_t modseq;
	uint64_t body; /* sequence number of its bytes */
	uint64_t keywords;
	int64_t internal_date;
	uint32_t uid;
	uint32_t size;
	uint32_t save_date; /* seconds; until 2106 */
	int16_t zone;
	uint8_t system;
	uint8_t zero;
};
_Static_assert(sizeof(struct msg) == 48, "at most 48 bytes a message");

enum change_type {
	CHANGE_MESSAGE = JOURNAL_TYPE_USER, /* bytes, no fields */
	CHANGE_ADDED, /* messages came into a mailbox (add, copy, move) */
	CHANGE_FLAGS,
	CHANGE_EXPUNGED,
	CHANGE_MADE,	/* a mailbox */
	CHANGE_RENAMED, /* one or many */
	CHANGE_DELETED,
	CHANGE_SUBSCRIBED,
	CHANGE_KEYWORD,	 /* the account has a new keyword */
	CHANGE_VALIDITY, /* new UIDVALIDITYs, after a loss */
	CHANGE_METADATA, /* numbers taken for what is to come */
	CHANGE_SCRIPT,
	CHANGE_PURGED,	/* expunged messages that must not come back */
	CHANGE_VERDICT, /* bytes, no fields: of the message in front of it */
	CHANGE_MEMO, /* what rules remember, or a delivery without a message */
	CHANGE_OUTGOING /* what rules send, until the queue has it */
};

/* Of their records nothing but the bytes counts. */
static inline bool
change_is_bytes(uint16_t type)
{
	return type == CHANGE_MESSAGE || type == CHANGE_VERDICT;
}

#define CHANGE_MUST 0x8000u

enum change_tag { /* all with CHANGE_MUST on the disk */
	TAG_MAILBOX = 1,
	TAG_MESSAGES,
	TAG_UIDS,
	TAG_SOURCE,	 /* mailbox that a MOVE takes from */
	TAG_SOURCE_UIDS, /* which go there */
	TAG_OP,
	TAG_SYSTEM,
	TAG_KEYWORDS,
	TAG_SLOT, /* bit, keyword's id: the mailbox names a bit */
	TAG_DELIVERY,
	TAG_NAME,
	TAG_UIDVALIDITY,
	TAG_USE,
	TAG_SELECTABLE,
	TAG_ON,
	TAG_KEYWORD_ID,
	TAG_PAIR, /* mailbox, its new name (RENAMED) or UIDVALIDITY */
	TAG_KEEP_NAME,
	TAG_TEXT,
	TAG_UNTIL,
	TAG_BODY,
	TAG_KIND,
	TAG_N
};

struct change_slot {
	uint8_t bit;
	uint32_t keyword;
};

struct change_pair {
	uint32_t mailbox;
	uint32_t uidvalidity;
	struct sv name;
};

struct change {
	uint16_t type;
	uint32_t mailbox, source;
	struct msg *msg; /* uid, system, keywords, dates, zone, body, size */
	size_t nmsg;
	struct rangeset uids, source_uids;
	uint8_t op;
	uint8_t system;
	uint64_t keywords;
	struct change_slot slot[64];
	size_t nslot;
	bool has_delivery;
	uint8_t delivery[16];
	struct sv name; /* borrowed */
	uint32_t uidvalidity, keyword_id;
	uint8_t use;
	bool selectable, keep_name;
	struct sv text; /* borrowed: a script, a key, an envelope */
	uint64_t until; /* MEMO: seconds; OUTGOING: its size */
	uint64_t body;	/* OUTGOING: the number of its bytes' record */
	uint8_t kind;	/* of a script, of a memo */
	bool on;	/* subscribed; VALIDITY: nothing was lost */
	struct change_pair *pair;
	size_t npair;
};

/* As many as one change may add, with as many ranges of source_uids: whatever
 * is in them they fit into JOURNAL_PAYLOAD_MAX. */
#define CHANGE_MESSAGES_MAX 1000000u

void change_init(struct change *c, uint16_t type);
/* Frees what decode has made: msg, pair and the sets. */
void change_fini(struct change *c);
void change_encode(const struct change *c, struct buf *out);
/*
 * c->name, c->text and the pairs' names point into payload.  RC_DAMAGED,
 * RC_NOSUPPORT (a field or type that must be understood).  On success to be
 * freed with change_fini.
 */
int change_decode(
    uint16_t type, struct sv payload, struct change *c) RC_USE_RESULT;

#endif
