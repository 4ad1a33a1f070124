#include "history/clock.h"

#include <stdbool.h>

int64_t
history_clock_look(struct history_clock *c, int64_t wall, int64_t mono)
{
	int64_t expected = c->time + (mono - c->mono);
	bool leapt = c->time != 0 && wall - expected > HISTORY_CLOCK_LEAP_MS;

	if (!leapt)
		c->ahead = 0;
	else if (c->ahead == 0)
		c->ahead = mono;
	if (leapt && mono - c->ahead < HISTORY_CLOCK_SETTLE_MS)
		return expected;
	*c = (struct history_clock){.time = wall, .mono = mono};
	return wall;
}
