/*
 * What is known of junk before anything was learned: a few rules with weights,
 * from no corpus.  They are the less the more is learned.
 */
#ifndef JUNK_PRIOR_H
#define JUNK_PRIOR_H

#include "junk/feature.h"

#define JUNK_PRIOR_SLOTS 4096

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
	uint32_t feature[JUNK_PRIOR_SLOTS]; /* 0: none */
	float weight[JUNK_PRIOR_SLOTS];
	uint8_t group[JUNK_PRIOR_SLOTS]; /* enum junk_prior_group */
};

void junk_prior_init(struct junk_prior *p);

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
