/*
 * To the history: steps, from those who take them; and its owner's questions.
 * What a step means, and who may write which, is in history/history.h.
 */
#ifndef IPC_MSG_HISTORY_H
#define IPC_MSG_HISTORY_H

#include "ipc/codec.h"

/* Bytes of a text that a step may have, with a NUL behind them. */
#define HISTORY_WHO_MAX	 16384 /* all recipients of a message */
#define HISTORY_TEXT_MAX 1024

enum history_kind {
	/* smtp, submission */
	HISTORY_ACCEPTED,
	HISTORY_REFUSED,
	HISTORY_DEFERRED, /* it is to come again */
	/* account */
	HISTORY_STORED,
	HISTORY_UNSTORED, /* it could not be stored now */
	/* queue */
	HISTORY_QUEUED,
	HISTORY_TRIED, /* not taken now */
	HISTORY_SENT,
	HISTORY_HANDED, /* an account has it */
	HISTORY_RETURNED,
	HISTORY_DELAYED, /* its sender was told that it waits */
	HISTORY_HELD,
	HISTORY_RELEASED,
	HISTORY_REMOVED,
	HISTORY_RETRIED, /* the owner wants it to be tried now */
	/* mx */
	HISTORY_HOST, /* what one host has said */
	/* anybody */
	HISTORY_REMARK,
	HISTORY_KINDS
};

/* What the status counts, by day. */
enum history_count {
	HISTORY_C_RECEIVED,
	HISTORY_C_SUBMITTED,
	HISTORY_C_STORED,
	HISTORY_C_JUNK,
	HISTORY_C_SENT,
	HISTORY_C_RETURNED,
	HISTORY_C_DEFERRED,
	HISTORY_C_UNKNOWN, /* refused: nobody has that address */
	HISTORY_C_RELAY,   /* for other domains */
	HISTORY_C_POLICY,  /* forged, or not the account's */
	HISTORY_C_SIZE,
	HISTORY_C_FORM, /* malformed */
	HISTORY_C_RATE, /* too much at once */
	HISTORY_C_FULL, /* no room */
	HISTORY_C_OTHER,
	HISTORY_COUNTS,
	HISTORY_C_NONE = HISTORY_COUNTS
};

#define HISTORY_TLS  0x1u
#define HISTORY_JUNK 0x2u
#define HISTORY_TOLD 0x4u /* the sender gets a report */

/*
 * One step of one message.  Everything but kind, id and when may be empty.
 * The writer is set by the history itself, by the line on which it came.
 */
struct history_step {
	uint8_t kind;  /* enum history_kind */
	uint8_t count; /* enum history_count: what it is counted as, once */
	uint8_t writer;
	uint8_t flags;	 /* HISTORY_* */
	uint8_t id[16];	 /* of the message: its delivery id */
	int64_t when;	 /* ms since 1970; 0: now */
	uint32_t code;	 /* of an SMTP reply */
	uint64_t number; /* ACCEPTED: bytes; QUEUED: the queue's id; TRIED:
			    when next, ms since 1970; STORED: its UID */
	struct sv who;	 /* recipients, with blanks between them */
	struct sv account;
	struct sv peer;	  /* who has brought it, or the host that was tried */
	struct sv sender; /* of the envelope, without <> */
	struct sv text;	  /* the words */
	struct sv message_id, subject;
};

/*
 * HISTORY_NOTES: steps that have come together; -> msg_answer when they were
 * taken in hand.  They are in the form in which they are kept, which
 * history/record.h describes, so that nobody has to write them anew.
 */
struct history_notes {
	uint32_t lost; /* since the last ones that arrived */
	uint32_t *count;
	uint32_t ncount; /* by enum history_count: what has no step */
	uint32_t n;
	struct sv steps; /* n times 16 bytes id, a record */
};
CODEC_FUNCTIONS(history_notes);

/* ---- commands ---- */

enum history_term_kind {
	HISTORY_BY_ADDRESS, /* sender or recipient; lower case */
	HISTORY_BY_DOMAIN,  /* of one of them */
	HISTORY_BY_ACCOUNT,
	HISTORY_BY_MESSAGE_ID, /* without <> */
	HISTORY_BY_QUEUE_ID,
	HISTORY_BY_ID,	    /* of the delivery */
	HISTORY_BY_SUBJECT, /* all these words are in it */
	HISTORY_TERM_KINDS
};

struct history_term {
	uint8_t kind; /* enum history_term_kind */
	uint64_t number;
	uint8_t id[16];
	struct sv text;
};

#define HISTORY_TERMS_MAX 64
#define HISTORY_FOUND_MAX 1000

/* CMD_TRACE_FIND: messages for which one of the terms holds. */
struct trace_find {
	int64_t since;	 /* ms since 1970 */
	uint64_t before; /* as in the answer before; 0: the newest */
	uint32_t most;
	struct history_term *term;
	uint32_t nterm;
};
CODEC_FUNCTIONS(trace_find);

/* Its answer: the newest first. */
struct trace_found {
	int rc;
	struct sv text;
	bool more;	 /* there may be older ones: */
	uint64_t before; /* ask again with that */
	uint64_t *story;
	uint32_t nstory;
};
CODEC_FUNCTIONS(trace_found);

/* CMD_TRACE_READ: the steps of a message, the oldest first. */
struct trace_read {
	uint64_t story;
	uint32_t from; /* number of the step */
};
CODEC_FUNCTIONS(trace_read);

struct trace_steps {
	int rc;
	struct sv text;
	bool more;
	uint32_t next;
	uint8_t id[16];
	struct sv steps; /* records */
};
CODEC_FUNCTIONS(trace_steps);

/* ---- an account, about its own mail ---- */

#define HISTORY_MINE_MAX 50 /* stories of one answer */

/* TRACE_MINE, on an account's line: whose it is, the line says.  See
 * history/mine.h for what it is told. */
struct trace_mine {
	struct sv text;	 /* words that a message has; empty: any */
	uint64_t before; /* as in trace_find */
	uint32_t most;
};
CODEC_FUNCTIONS(trace_mine);

struct trace_story {
	uint8_t id[16];
	struct sv steps; /* records */
};

/* Its answer: the newest first.  RC_NOSUPPORT: the history is off. */
struct trace_stories {
	int rc;
	bool more; /* there may be older ones: */
	uint64_t before;
	struct trace_story *story;
	uint32_t nstory;
};
CODEC_FUNCTIONS(trace_stories);

/* ---- figures of days, for plots ---- */

/* HISTORY_SAMPLE, now and then: what there is now.  The last of an hour is
 * kept. */
struct history_sample {
	uint64_t waiting;   /* messages in the queue */
	uint64_t disk_free; /* bytes, where mail is kept */
};
CODEC_FUNCTIONS(history_sample);

enum history_sampled {
	HISTORY_S_WAITING,
	HISTORY_S_DISK,
	HISTORY_SAMPLED
};

#define HISTORY_DAYS	 14
#define HISTORY_DAY_ROWS 1500 /* of the answer, at most */
/* As `what` of a row: an enum history_count, or a sample of that hour. */
#define HISTORY_SAMPLE_AT(kind, hour) (1000 + (kind)*24 + (hour))

/* CMD_DAYS: the last HISTORY_DAYS, today included; days and hours are local. */
struct history_days {
	int64_t today; /* days since 1970 */
	uint32_t hour; /* now */
	struct history_row {
		int64_t day;
		uint32_t what;
		uint64_t n;
	} * row;
	uint32_t n;
};
CODEC_FUNCTIONS(history_days);

#endif
