#include "smtp/defer.h"

#include <stddef.h>

static size_t
row_of(uint64_t key)
{
	return key % SMTP_DEFER_SLOTS / SMTP_DEFER_WAYS * SMTP_DEFER_WAYS;
}

static bool
is_kept(const struct smtp_deferral *s, int64_t now)
{
	return s->since != 0 && now - s->since < SMTP_DEFER_KEEP_MS;
}

/* The slot of the key, or that which it may have; NULL: nobody's hour is to
 * begin anew. */
static struct smtp_deferral *
find_slot(struct smtp_deferral *table, uint64_t key, int64_t now)
{
	struct smtp_deferral *row = &table[row_of(key)], *oldest = row;
	size_t i;

	for (i = 0; i < SMTP_DEFER_WAYS; i++) {
		if (row[i].key == key && is_kept(&row[i], now))
			return &row[i];
		if (row[i].since < oldest->since)
			oldest = &row[i];
	}
	if (oldest->since != 0 && now - oldest->since < SMTP_DEFER_MS)
		return NULL;
	*oldest = (struct smtp_deferral){key, now};
	return oldest;
}

bool
smtp_defer(struct smtp_deferrals *d, uint64_t key, int64_t now)
{
	const struct smtp_deferral *s = find_slot(d->from, key, now);

	return s != NULL && now - s->since < SMTP_DEFER_MS;
}

void
smtp_defer_message(struct smtp_deferrals *d, uint64_t key, int64_t now)
{
	(void)find_slot(d->message, key, now);
}

int64_t
smtp_defer_waited(const struct smtp_deferrals *d, uint64_t key, int64_t now)
{
	const struct smtp_deferral *row = &d->message[row_of(key)];
	size_t i;

	for (i = 0; i < SMTP_DEFER_WAYS; i++)
		if (row[i].key == key && is_kept(&row[i], now))
			return now - row[i].since;
	return 0;
}
