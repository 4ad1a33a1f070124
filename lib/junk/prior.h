/*
 * What is known of junk before anything was learned: a few rules with weights,
 * from no corpus.  They are the less the more is learned.
 */
#ifndef JUNK_PRIOR_H
#define JUNK_PRIOR_H

#include <stdbool.h>

#include "junk/feature.h"

#define JUNK_PRIOR_SLOTS 2048
#define JUNK_PRIOR_BITS	 32768

/* Rules of one group often say the same: together they weigh less than their
 * sum (model.c). */
enum junk_prior_group {
	JUNK_PRIOR_REST,
	JUNK_PRIOR_SAID,
	JUNK_PRIOR_SHAPE,
	JUNK_PRIOR_SUBJECT,
	JUNK_PRIOR_GROUPS
};

struct junk_prior {
	unsigned n;
	uint64_t some[JUNK_PRIOR_BITS / 64]; /* to say no quickly */
	uint32_t feature[JUNK_PRIOR_SLOTS];  /* 0: none */
	float weight[JUNK_PRIOR_SLOTS];
	uint8_t group[JUNK_PRIOR_SLOTS]; /* enum junk_prior_group */
};

void junk_prior_init(struct junk_prior *p);

static inline bool
junk_prior_may_have(const struct junk_prior *p, uint32_t feature)
{
	return (p->some[feature % JUNK_PRIOR_BITS / 64] >> feature % 64 & 1) !=
	       0;
}

/* Its slot, or an empty one: of no weight. */
static inline unsigned
junk_prior_find(const struct junk_prior *p, uint32_t feature)
{
	unsigned i = feature % JUNK_PRIOR_SLOTS;

	while (p->feature[i] != 0 && p->feature[i] != feature)
		i = (i + 1) % JUNK_PRIOR_SLOTS;
	return i;
}

#endif
