/*
 * To the process that has learned what junk is: hashed features, never text,
 * from accounts, which the supervisor names; and the command line's orders.
 */
#ifndef IPC_MSG_JUNK_H
#define IPC_MSG_JUNK_H

#include "ipc/codec.h"

#define JUNK_TOLD_MAX 16 /* reasons */

/* JUNK_ASK. */
struct junk_ask {
	struct sv features; /* 4 bytes each, big-endian */
};
CODEC_FUNCTIONS(junk_ask);

enum junk_teaching {
	JUNK_TEACH_JUNK,
	JUNK_TEACH_WANTED,
	JUNK_TEACH_HINT,   /* wanted, as it seems: never outweighs the others */
	JUNK_TEACH_READ,   /* less than a hint: read, and kept so far */
	JUNK_TEACH_THROWN, /* READ is taken back, nothing is learned */
	JUNK_TEACHINGS
};

/* JUNK_TEACH. */
struct junk_teach {
	uint8_t teaching; /* enum junk_teaching */
	struct sv features;
};
CODEC_FUNCTIONS(junk_teach);

struct junk_told_reason {
	uint32_t feature;
	int64_t weight; /* thousandths of the margin */
};

/* The answer to all of them. */
struct junk_told {
	int rc;
	struct sv text;
	bool junk;
	bool taught; /* a lesson of its owner says so, of this content */
	int64_t margin, border; /* thousandths */
	struct junk_told_reason *reason;
	uint32_t nreason;
};
CODEC_FUNCTIONS(junk_told);

enum junk_order_kind {
	JUNK_ORDER_STATS, /* text: lines */
	JUNK_ORDER_FORGET,
	JUNK_ORDER_TEACH,
	JUNK_ORDERS
};

/* CMD_JUNK. */
struct junk_order {
	uint8_t kind;	   /* enum junk_order_kind */
	struct sv account; /* STATS: empty means all */
	uint8_t teaching;  /* TEACH: enum junk_teaching */
	struct sv features;
};
CODEC_FUNCTIONS(junk_order);

/* JUNK_EXPLAIN: from the command line, by way of the keeper, to an account,
 * which answers with msg_answer and writes lines to fd. */
struct junk_explain {
	struct sv account;
	struct sv mailbox;
	uint32_t uid;
	int fd; /* -1: it got lost on the way */
};
CODEC_FUNCTIONS(junk_explain);

#endif
