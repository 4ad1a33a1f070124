/*
 * What is known of junk before anything was learned: a few rules with weights,
 * from no corpus.  They are the less the more is learned.
 */
#ifndef JUNK_PRIOR_H
#define JUNK_PRIOR_H

#include "junk/feature.h"

#define JUNK_PRIOR_SLOTS 2048

/* Rules of one group say the same in other words: together they weigh no more
 * than its bound (model.c). */
enum junk_prior_group {
	JUNK_PRIOR_REST,
	JUNK_PRIOR_SAID,
	JUNK_PRIOR_SHAPE,
	JUNK_PRIOR_SUBJECT,
	JUNK_PRIOR_GROUPS
};

struct junk_prior_slot {
	uint32_t feature; /* 0: none */
	float weight;
	uint8_t group; /* enum junk_prior_group */
};

struct junk_prior {
	unsigned n;
	struct junk_prior_slot slot[JUNK_PRIOR_SLOTS];
};

void junk_prior_init(struct junk_prior *p);

static inline const struct junk_prior_slot *
junk_prior_find(const struct junk_prior *p, uint32_t feature)
{
	uint32_t i = feature % JUNK_PRIOR_SLOTS;

	while (p->slot[i].feature != 0 && p->slot[i].feature != feature)
		i = (i + 1) % JUNK_PRIOR_SLOTS;
	return &p->slot[i];
}

#endif
