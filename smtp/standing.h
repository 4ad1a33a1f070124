/*
 * How mail from a domain, and from a network, has fared here: what the junk
 * filter makes of the next one is its own affair (junk/feature.h).  Of domains
 * only what has proved to be from there counts; a network is a /24 of IPv4 or a
 * /48 of IPv6.
 *
 * In memory, of the last mail of SMTP_STANDING_ROWS of them at most: after a
 * restart, and for who is crowded out, there is no history, which says nothing.
 */
#ifndef SMTP_STANDING_H
#define SMTP_STANDING_H

#include <pthread.h>

#include "msgauth/verdict.h"

#define SMTP_STANDING_ROWS 8192
#define SMTP_STANDING_WAYS 8   /* rows that a key may have */
#define SMTP_STANDING_FEW  5   /* below that little is known */
#define SMTP_STANDING_MOST 200 /* then the older half counts no more */

enum smtp_standing_is {
	SMTP_STANDING_NONE,
	SMTP_STANDING_GOOD_FEW,
	SMTP_STANDING_GOOD,
	SMTP_STANDING_MIXED,
	SMTP_STANDING_MIXED_BAD, /* more than half */
	SMTP_STANDING_BAD_FEW,
	SMTP_STANDING_BAD
};

struct smtp_standing_row {
	uint64_t key; /* 0: free */
	uint64_t last;
	uint16_t good, bad;
};

struct smtp_standing {
	pthread_mutex_t lock; /* of what follows */
	unsigned char secret[16];
	uint64_t turn;
	struct smtp_standing_row row[SMTP_STANDING_ROWS];
};

/* Its memory is used as it fills. */
struct smtp_standing *smtp_standing_new(void);
void smtp_standing_free(struct smtp_standing **s);
/* Before it is delivered: v->domain_standing and v->network_standing. */
void smtp_standing_look(struct smtp_standing *s, struct verdict *v);
/* What became of it; bad: it was refused, or is junk. */
void smtp_standing_note(
    struct smtp_standing *s, const struct verdict *v, bool bad);

#endif
