/*
 * What the owner is told about DKIM keys: letters to the admin, and the list
 * of `hearthmail dkim`.  Pure.
 */
#ifndef AUTH_NOTICE_H
#define AUTH_NOTICE_H

#include "auth/rotation.h"

/* About one pair, in the state that the letter tells of. */
struct notice {
	const char *domain;
	enum ring_state state; /* RING_ANNOUNCED, _ACTIVE or _RETIRED */
	bool again;	       /* it has been announced before */
	int64_t since;	       /* in that state, seconds since 1970 */
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	struct sv record[DKIM_ALGORITHMS]; /* of what is announced */
	const char *why; /* what was missing when it was last looked for; "" */
	/* Of an active pair: the one before it, and until when its records are
	 * needed.  "": there is none. */
	char old_selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	int64_t old_until;
	int64_t rotate_s; /* 0: keys are not changed by themselves */
};

struct notice_letter {
	const char *hostname;
	const char *from_domain; /* of the postmaster who writes */
	const char *to;
	int64_t now;	/* seconds since 1970 */
	uint64_t id[2]; /* random */
};

/* The letter as a message, lines ending with CR LF, with its Return-Path. */
void notice_compose(
    const struct notice *n, const struct notice_letter *l, struct buf *out);

/* What is known of records in the DNS, for the list. */
struct notice_dns {
	/* Of the awaited pair: */
	const char *why; /* "": not asked yet */
	int64_t seen_ms; /* everywhere for so long; -1: not */
	int64_t wait_ms; /* of these */
	/* Of the active one: */
	enum rotation_seen active;
	const char *active_why;
};

/* A domain's keys, some lines for people; w may be NULL. */
void notice_list(const char *domain, const struct ring *r,
    const struct rotation_policy *p, const struct notice_dns *w,
    struct buf *out);

#endif
