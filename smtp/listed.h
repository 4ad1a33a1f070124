/*
 * Is the other side's address on block lists?  Asked beside the names by which
 * a message is judged, through the same table of questions (msgauth/lookup.h).
 *
 * A list is believed for hours once it has passed its own test
 * (dns/block_list.h), and is left alone for minutes once it has not, so that
 * one that is dead, or will not serve us, neither stops mail nor makes it wait;
 * what is found out about it is remembered for the whole process and logged
 * when it changes.  What a list does not answer in time, it has not.
 */
#ifndef SMTP_LISTED_H
#define SMTP_LISTED_H

#include <netinet/in.h>

#include "msgauth/verdict.h"
#include "smtp/ops.h"

/* Behind all else that is known about a message nobody waits longer. */
#define SMTP_LISTED_MS 5000

struct smtp_listed;

/* list: n of them, freed with it; NULL if there are none. */
struct smtp_listed *smtp_listed_new(
    const struct in6_addr *peer, struct smtp_block_list *list, size_t n);
void smtp_listed_free(struct smtp_listed **l);

/* May be called again and again.  RC_MORE: there are questions in the table, as
 * with all that asks there. */
int smtp_listed_evaluate(struct smtp_listed *l, struct lookup *names);
/* Nobody waits any more: lists that were silent are left alone for a while. */
void smtp_listed_give_up(struct smtp_listed *l);

struct smtp_listing {
	bool junk, refuse; /* is on such a list */
	/* "zen.example=127.0.0.4,bl.example=127.0.0.2"; "": on none */
	char text[VERDICT_LISTED_MAX];
	/* Of the first that refuses, else of the first. */
	char zone[DNS_NAME_MAX], code[INET_ADDRSTRLEN];
};

void smtp_listed_result(const struct smtp_listed *l, struct smtp_listing *out);

/*
 * A line for each list that was asked: whether it can be believed, how often it
 * was asked in this day (UTC), and how often it has listed who.  A list is
 * asked SMTP_LISTED_A_DAY times a day at most, as the terms of most of them
 * have it.
 */
#define SMTP_LISTED_A_DAY 100000u
void smtp_listed_status(struct buf *out);
/* One more message for which it is to be asked; false: no more today. */
bool smtp_listed_count(const char *zone, bool ipv6);

/* Tests begin anew. */
void smtp_listed_forget_health(void);

#endif
