/*
 * What waits in the queue, as the command line gets to see it: neutral
 * records, and their words for a person.  Pure.
 *
 * The records are fields of ipc/msg.h, one message after the other, in a
 * sealed memory file, since a hundred thousand do not fit a message:
 *
 *   u64 item, u64 size, u64 when it came (ms since 1970), u32 flags (SPOOL_*),
 *   str sender, str account that sent it,
 *   u32 n, n times a unit: u8 queue_state, u8 local, str destination,
 *      u64 next try (ms since 1970; 0: none is set), u32 tries, str last words,
 *   u32 n, n times a recipient: str address or account, u8 local,
 *      u8 held, u8 outcome, u32 attempts, u32 number of its unit (UINT32_MAX:
 * none), u32 n, n times an attempt: u64 when, u32 recipient, str words (only
 * when they were asked for)
 */
#ifndef QUEUE_SPOOL_LISTING_H
#define QUEUE_SPOOL_LISTING_H

#include "ipc/msg.h"

/* Why a unit (one message at one destination) waits. */
enum queue_state {
	QUEUE_HELD,	  /* by a person */
	QUEUE_IN_FLIGHT,  /* it does not: it is tried right now */
	QUEUE_TURN,	  /* others at the destination come first */
	QUEUE_AWAY,	  /* the destination cannot be reached */
	QUEUE_GREYLISTED, /* its host wants to see whether we come again */
	QUEUE_LATER,	  /* it was put off */
	QUEUE_STATES
};

struct queue_unit {
	enum queue_state state;
	bool local;
	struct sv place;
	int64_t next;
	uint32_t tries;
	struct sv reply_text;
};

struct queue_rcpt {
	struct sv address;
	bool local, held;
	uint8_t outcome; /* spool_outcome */
	uint32_t attempts, unit;
};

struct queue_try {
	int64_t when;
	uint32_t rcpt;
	struct sv reply_text;
};

struct queue_entry {
	uint64_t id, size;
	int64_t arrived;
	uint32_t flags;
	bool held; /* all whom it waits for are */
	struct sv sender, owner;
	struct queue_unit *unit;
	size_t nunit;
	struct queue_rcpt *rcpt;
	size_t nrcpt;
	struct queue_try *attempt;
	size_t nattempt;
};

/* Slices point into m.  RC_SYNTAX: it is garbled; *e is empty then. */
int queue_entry_read(struct msg *m, struct queue_entry *e) RC_USE_RESULT;
void queue_entry_fini(struct queue_entry *e);

const char *queue_state_name(enum queue_state s);

/* The time for a person: now, and how far local time is ahead of UTC. */
struct queue_clock {
	int64_t now; /* ms since 1970 */
	int offset;  /* seconds */
};

/* "14:02", with its date if that is not today. */
void queue_time_words(
    const struct queue_clock *c, int64_t when, struct buf *out);
/* "12 minutes". */
void queue_span_words(int64_t ms, struct buf *out);
/* Why it waits and until when.  What hosts said is escaped. */
void queue_unit_words(
    const struct queue_unit *u, const struct queue_clock *c, struct buf *out);
/* Appends s with all but printable ASCII as \xNN: fit for a terminal. */
void queue_escape(struct sv s, struct buf *out);

/* ---- which messages are meant ---- */

enum queue_pick {
	QUEUE_PICK_ALL,
	QUEUE_PICK_ID,
	QUEUE_PICK_ACCOUNT, /* that sent it, or to which it goes */
	QUEUE_PICK_DOMAIN,  /* of a recipient elsewhere */
	QUEUE_PICK_ADDRESS, /* of the sender or of a recipient elsewhere */
	QUEUE_PICK_NAME,    /* an account or a domain */
	QUEUE_PICKS
};

#define QUEUE_SELECTORS_MAX 1000 /* in one command */
struct queue_selector {
	enum queue_pick pick;
	struct sv text;
	uint64_t id;
};

/* By what it looks like: "17", "@example.test", "x@example.test", else a
 * name.  RC_SYNTAX: it is empty. */
int queue_selector_parse(
    struct sv word, struct queue_selector *out) RC_USE_RESULT;

struct spool_item;
/* Does it mean this recipient of the message? */
bool queue_selector_matches(
    const struct queue_selector *s, const struct spool_item *it, size_t rcpt);

#endif
