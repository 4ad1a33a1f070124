/* Inside smtp/ only: a judgement's parts. */
#ifndef SMTP_JUDGE_PRIV_H
#define SMTP_JUDGE_PRIV_H

#include "smtp/judge.h"
#include "smtp/listed.h"

struct smtp_judge_inbox;

struct smtp_judge {
	const struct smtp_ops *ops;
	void *ctx;
	struct check *check;	    /* NULL: not judged */
	struct smtp_listed *lists;  /* NULL: no block list is asked */
	struct smtp_listing listed; /* after the end */
	bool spoken_for; /* by people here, in spite of being listed */
	struct smtp_judge_inbox *inbox;
	unsigned network; /* of the peer, in out_of_network */
	int64_t ms;
	int64_t received; /* ms since 1970 */
	int64_t until;	  /* clk_mono; from the message's last byte on */
	bool ended;
	bool failed; /* OpenSSL has */
	/* Of the lists that it has come through: is one known here? */
	enum {
		LISTS_UNASKED,
		LISTS_UNKNOWN,
		LISTS_KNOWN,
		LISTS_UNSURE /* the answer cannot be had now */
	} known;
	const char *list;
	const char *hostname;

	struct buf header; /* and the first bytes of the body */
	size_t seen;	   /* how far it has been looked at */
	bool over;
	size_t body; /* where the body begins in it */
	struct buf kept;
};

/* ---- judge_lookup.c ---- */

/* Let go by smtp_judge_inbox_leave: questions that are still out keep it. */
struct smtp_judge_inbox *smtp_judge_inbox_new(void);
void smtp_judge_inbox_leave(struct smtp_judge_inbox *b);
/* The number under which a peer's network is counted. */
unsigned smtp_judge_network(const struct in6_addr *a);
/* Evaluates as far as that goes without waiting, and asks for the rest; RC_MORE
 * until all is known. */
int smtp_judge_go_on(struct smtp_judge *j);
/* The same for the block lists alone. */
int smtp_judge_ask_lists(struct smtp_judge *j);
/* Waits until an answer comes, or it is time to look at the questions again,
 * and hands in what has come.  False: time (j->until) is up. */
bool smtp_judge_take_answers(struct smtp_judge *j) RC_USE_RESULT;

#endif
