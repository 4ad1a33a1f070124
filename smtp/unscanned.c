#include "smtp/unscanned.h"

/* u->n: it is not there. */
static size_t
find_row(const struct smtp_unscanned *u, uint64_t key)
{
	size_t i = 0;

	while (i < u->n && u->row[i].key != key)
		i++;
	return i;
}

/* The one that has not come for longest makes room. */
static struct smtp_unscanned_row *
add_row(struct smtp_unscanned *u, uint64_t key)
{
	struct smtp_unscanned_row *r = &u->row[0];
	size_t i;

	if (u->n < SMTP_UNSCANNED_ROWS)
		r = &u->row[u->n++];
	else
		for (i = 1; i < u->n; i++)
			if (u->row[i].last < r->last)
				r = &u->row[i];
	*r = (struct smtp_unscanned_row){.key = key};
	return r;
}

bool
smtp_unscanned_rests(const struct smtp_unscanned *u, uint64_t key, int64_t now)
{
	size_t i = find_row(u, key);

	return i < u->n && now < u->row[i].rested;
}

bool
smtp_unscanned_failed(
    struct smtp_unscanned *u, uint64_t key, int64_t now, bool slow)
{
	size_t i = find_row(u, key);
	struct smtp_unscanned_row *r = i < u->n ? &u->row[i] : add_row(u, key);

	r->last = now;
	if (slow)
		r->rested = now + SMTP_UNSCANNED_AGAIN_MS;
	if (r->tries < SMTP_UNSCANNED_TRIES)
		r->tries++;
	return r->tries >= SMTP_UNSCANNED_TRIES;
}

void
smtp_unscanned_done(struct smtp_unscanned *u, uint64_t key)
{
	size_t i = find_row(u, key);

	if (i < u->n)
		u->row[i] = u->row[--u->n];
}
