/*
 * All certificates of a server over weeks, with an authority that does as the
 * test says, and a clock that jumps.
 */
#ifndef TEST_UNIT_ACME_WORLD_H
#define TEST_UNIT_ACME_WORLD_H

#include "acme/work.h"
#include "test/unit/acme/ca.h"

#define DAY  86400ll
#define HOUR 3600ll
#define T0   1790000000ll

struct world {
	char folder[64];
	int64_t now;
	struct ca *ca;
	int64_t life;	      /* of what it gives, seconds */
	bool down;	      /* nobody answers */
	const char *refuses;  /* a name that does not work */
	unsigned limit;	      /* HTTP status of each order; 0: none */
	unsigned limited;     /* how many of them */
	const char *limit_of; /* the name that it is about */
	const char *retry_after;
	int64_t window_start, window_end; /* 0: no answer */
	unsigned window_of;		  /* which certificate; 0: any */
	const char *away, *nowhere;	  /* where names lead */
	unsigned able, seen;		  /* ways; 0: over HTTP */
	unsigned blocked;		  /* ways that do not work */
	const char *blocked_of;		  /* of that name alone; NULL: all */
	unsigned tries[ACME_WAYS];	  /* of challenges */
	bool replaced; /* there is an order that replaces it */
	bool other_key;
	unsigned crash_at; /* leaves in the middle of so many orders */
	/* What was seen of us. */
	unsigned requests, orders, issued, accounts, told;
	/* Given to acme_work, and what it has answered. */
	const char *renew;
	bool new_key;
	int rc;
	char answer[ERR_TEXT_MAX];
	char names[1000]; /* of the last order */
	char given[1000]; /* of the last certificate */
	struct buf request, body, said;
	char shown[600];
	enum acme_way by_shown;
	unsigned nauthz;
	char authz[ACME_NAMES_MAX][ACME_NAME_MAX];
	bool asked[ACME_NAMES_MAX];
	int by[ACME_NAMES_MAX]; /* which way */
};

/* In a folder of its own, which is the current one. */
void world_start(struct world *w);
void world_end(struct world *w);
/* For those who call acme_work themselves. */
struct acme_world world_outside(struct world *w);
/* Once; what is said is in w->said.  When to look again. */
int64_t world_run_as(
    struct world *w, const char *const *domain, size_t n, unsigned *urgency);
int64_t world_run(struct world *w);
/* Until then, looking as often as it wants. */
void world_run_until(struct world *w, int64_t end);
bool world_says(struct world *w, const char *text);
void world_read_all(const char *name, struct buf *out);
void world_write_all(const char *name, const char *text, size_t n);

#endif
