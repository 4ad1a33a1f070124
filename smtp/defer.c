#include "smtp/defer.h"

#include <stddef.h>

bool
smtp_defer(struct smtp_deferrals *d, uint64_t key, int64_t now)
{
	size_t first = key % SMTP_DEFER_SLOTS / SMTP_DEFER_WAYS, i;
	struct smtp_deferral *row = &d->slot[first * SMTP_DEFER_WAYS];
	struct smtp_deferral *oldest = row;

	for (i = 0; i < SMTP_DEFER_WAYS; i++) {
		if (row[i].since != 0 && row[i].key == key &&
		    now - row[i].since < SMTP_DEFER_KEEP_MS)
			return now - row[i].since < SMTP_DEFER_MS;
		if (row[i].since < oldest->since)
			oldest = &row[i];
	}
	/* Nobody's hour is to begin anew. */
	if (oldest->since != 0 && now - oldest->since < SMTP_DEFER_MS)
		return false;
	*oldest = (struct smtp_deferral){key, now};
	return true;
}
