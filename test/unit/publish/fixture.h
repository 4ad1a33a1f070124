/* A host, its domain, and a world in which things are published. */
#ifndef TEST_UNIT_PUBLISH_FIXTURE_H
#define TEST_UNIT_PUBLISH_FIXTURE_H

#include "publish/publish.h"
#include "test/unit/msgauth/zone.h"

/* Asks and answers until the entry is judged. */
static inline void
fixture_judge(struct publish *p, const struct publish_host *h, struct zone *z)
{
	unsigned rounds = 0;

	while (publish_judge(p, h) == RC_MORE) {
		ck_assert_uint_lt(rounds++, 40);
		ck_assert_uint_gt(zone_answer(z, p->q), 0);
	}
}

#endif
