/*
 * What the rules want to know from the DNS about one message: a table of
 * questions.  Nothing here asks or waits.
 *
 * The rules are evaluated from the start again and again.  They ask
 * lookup_get() and get the answer, or NULL: it is not there yet, the question
 * is now in the table, and the rule says RC_MORE.  The driver asks all open
 * questions side by side, hands in the answers in whatever order they come,
 * and evaluates again:
 *
 *   while (check_evaluate(c) == RC_MORE) {
 *           while (lookup_open(l, &q))
 *                   ask(q.name, q.type, q.id);      (dns_ask)
 *           wait for one answer or the deadline;
 *           lookup_answer(l, id, &answer);  or  lookup_expire(l);
 *   }
 *
 * What one part has asked another one gets without asking again.  A part whose
 * questions have got no new answer need not be evaluated again: lookup_news().
 *
 * Each part has a number of questions and of bytes of answers of its own that
 * nobody else can use up, so that a message with ten signatures of slow domains
 * still has the policy of its author looked up.  A question above the number,
 * one after lookup_expire(), and one whose answer is too large is answered at
 * once, as RC_TEMP; if only one part had no room for an answer the others may
 * still ask for it.  All of a table is less than 2 MB.
 *
 * Time: a driver gives each question 20 s at most [RFC 7208 4.6.4], and calls
 * lookup_expire() 20 s after the last byte of the message.  Not earlier: a slow
 * sender with a slow name service must not use up the time of the author's
 * questions, which begin with the header.
 *
 * Names: text as in dns/dns.h, without a dot at the end, any case; labels of 1
 * to 63 bytes, 253 in all.  Macros of SPF can make names with bytes that
 * dns_ask() refuses: those of its two parts are for dns_ask_any().  RC_SYNTAX
 * counts as "there is no such name".
 */
#ifndef MSGAUTH_LOOKUP_H
#define MSGAUTH_LOOKUP_H

#include "dns/dns.h"

enum lookup_part {
	LOOKUP_AUTHOR,	 /* the DMARC records above the author's domain */
	LOOKUP_MAILFROM, /* SPF */
	LOOKUP_HELO,	 /* SPF */
	LOOKUP_IPREV,
	LOOKUP_DKIM,   /* keys */
	LOOKUP_ALIGN,  /* DMARC records above other domains */
	LOOKUP_ARC,    /* keys */
	LOOKUP_LISTED, /* block lists of addresses */
	LOOKUP_PARTS   /* how many */
};

/* Of one answer's records, and of all that a part has asked for; above, it is
 * taken for a failure. */
#define LOOKUP_BYTES_MAX      16384
#define LOOKUP_PART_BYTES_MAX 262144

struct lookup;

struct lookup *lookup_new(void);
void lookup_free(struct lookup **l);

/* ---- for the rules ---- */

/*
 * The answer, or NULL if it is not there yet.  Valid until lookup_free.  rc is
 * RC_OK, RC_NOTFOUND or RC_TEMP, nothing else.
 */
const struct dns_answer *lookup_get(struct lookup *l, enum lookup_part part,
    enum dns_type type, struct sv name);

/* May it be asked for?  See above. */
bool lookup_name_valid(struct sv name);

/*
 * Has this part to be evaluated again?  True the first time, and when a
 * question that it has asked for got its answer since the last call.
 */
bool lookup_news(struct lookup *l, enum lookup_part part);

/* ---- for the driver ---- */

struct lookup_question {
	uint32_t id;
	enum dns_type type;
	const char *name;      /* lower case; valid until lookup_free */
	enum lookup_part part; /* who was first to ask */
};

/* Is there a question that nobody has been given yet, and is it the author's?
 * For a driver that has only so many out at a time. */
bool lookup_next(struct lookup *l, bool *author);
/* The next question that nobody has been given yet, the author's first;
 * false: none. */
bool lookup_open(struct lookup *l, struct lookup_question *out);
/* How many have been given out, or wait for it, and have no answer. */
size_t lookup_waiting(const struct lookup *l);

/*
 * Takes the answer (moves it out and leaves an empty one behind).  An id that
 * is unknown or answered already is ignored: an answer may come too late.
 */
void lookup_answer(struct lookup *l, uint32_t id, struct dns_answer *a);

/* Time is up: what is open, and all that is asked from now on, is RC_TEMP. */
void lookup_expire(struct lookup *l);

/* How many questions the part has put into the table. */
size_t lookup_used(const struct lookup *l, enum lookup_part part);
size_t lookup_limit(enum lookup_part part);

#endif
