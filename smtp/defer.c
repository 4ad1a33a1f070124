#include "smtp/defer.h"

bool
smtp_defer(struct smtp_deferrals *d, uint64_t key, int64_t now)
{
	int64_t *since = &d->slot[key % SMTP_DEFER_SLOTS].since;
	uint64_t *who = &d->slot[key % SMTP_DEFER_SLOTS].key;
	bool fresh = *since != 0 && now - *since < SMTP_DEFER_KEEP_MS;

	if (fresh && *who == key)
		return now - *since < SMTP_DEFER_MS;
	/* The other one's hour is not to begin anew. */
	if (fresh && now - *since < SMTP_DEFER_MS)
		return false;
	*who = key;
	*since = now;
	return true;
}
