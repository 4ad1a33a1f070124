/* What a fresh server thinks of mail before anybody taught it: a few rules,
 * which fade as lessons come. */
#ifndef JUNK_PRIOR_H
#define JUNK_PRIOR_H

#include "junk/feature.h"

#define JUNK_PRIOR_MAX 64

struct junk_prior {
	uint32_t feature[JUNK_PRIOR_MAX];
	uint64_t some;	/* a bit for each of them, to say no quickly */
	uint32_t kinds; /* that have rules */
};

void junk_prior_init(struct junk_prior *p);
/* Of one feature; 0 for nearly all. */
double junk_prior_weight(const struct junk_prior *p, uint32_t feature);

#endif
