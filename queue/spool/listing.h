/*
 * What waits in the queue, as the command line gets to see it: neutral
 * records, and their words for a person.  Pure, but for queue_listing_read.
 *
 * The records come one behind the other in a sealed memory file, since a
 * hundred thousand do not fit a message; listing.c says what is in them.
 */
#ifndef QUEUE_SPOOL_LISTING_H
#define QUEUE_SPOOL_LISTING_H

#include "ipc/msg_queue.h"

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
	int64_t next; /* 0: no time is set */
	uint32_t tries;
	struct sv reply_text;
};

struct queue_rcpt {
	struct sv address, via; /* via: the alias that forwards to it, or "" */
	bool local, held;
	uint8_t outcome; /* spool_outcome */
	uint32_t attempts;
	uint32_t unit; /* its number; UINT32_MAX: none */
};

struct queue_try {
	int64_t when; /* ms since 1970, as all times here */
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
	uint32_t nunit;
	struct queue_rcpt *rcpt;
	uint32_t nrcpt;
	struct queue_try *attempt; /* only if they were asked for */
	uint32_t nattempt;
};

/* Appends it; `held` follows from the recipients. */
void queue_entry_write(struct msg *m, struct queue_entry *e);
/* Slices point into m.  RC_SYNTAX: it is garbled; *e is empty then. */
int queue_entry_read(struct msg *m, struct queue_entry *e) RC_USE_RESULT;
void queue_entry_fini(struct queue_entry *e);

/* All of an answer to CMD_QUEUE_LIST. */
struct queue_listing {
	struct msg m; /* holds the bytes */
	struct queue_entry *e;
	size_t n;
	struct queue_clock {
		int64_t now; /* ms since 1970 */
		int offset;  /* seconds that local time is ahead of UTC */
	} clock;
};

/* max: bytes that it may have. */
void queue_listing_init(struct queue_listing *l, size_t max);
/* listed.fd remains the caller's. */
int queue_listing_read(
    struct queue_listing *l, const struct queue_listed *listed) RC_USE_RESULT;
void queue_listing_fini(struct queue_listing *l);

const char *queue_state_name(enum queue_state s);

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

/* Who has sent it: an address, or what it is without one. */
void queue_sender_words(const struct queue_entry *e, struct buf *out);
/* The i-th recipient, and what has become of the message there. */
void queue_recipient_words(const struct queue_entry *e, size_t i,
    const struct queue_clock *c, struct buf *out);
/* What an action has done, lines; what it left as it is, too, but for those of
 * queue_busy_words.  all: nobody has named any. */
void queue_done_words(enum queue_action action, const struct queue_done *d,
    bool all, struct buf *out);

/* What is being delivered and was to be removed; nothing if there is none. */
void queue_busy_words(
    enum queue_action action, const struct queue_done *d, struct buf *out);

/* ---- which messages are meant ---- */

/* By what it looks like: "17", "@example.test", "x@example.test", else a
 * name.  RC_SYNTAX: it is empty. */
int queue_selector_parse(
    struct sv word, struct queue_selector *out) RC_USE_RESULT;

struct spool_item;
/* Does it mean this recipient of the message? */
bool queue_selector_matches(
    const struct queue_selector *s, const struct spool_item *it, size_t rcpt);

#endif
