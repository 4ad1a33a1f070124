#include "store/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"

#define KEEP_MS	  ((int64_t)DELIVERY_DAYS * 24 * 3600 * 1000)
#define SLOTS_MIN 64u

void
deliveries_fini(struct deliveries *ds)
{
	free(ds->slot);
	free(ds->d);
	memset(ds, 0, sizeof *ds);
}

/* The ids are random; a sender of bad ones only slows their own mail. */
static size_t
place(const struct deliveries *ds, const uint8_t *id)
{
	size_t i = (size_t)(be_get64(id) ^ be_get64(id + 8)) & (ds->nslot - 1);

	while (ds->slot[i] != 0 &&
	       memcmp(ds->d[ds->slot[i] - 1].id, id, DELIVERY_ID) != 0)
		i = (i + 1) & (ds->nslot - 1);
	return i;
}

const struct delivery *
deliveries_find(
    const struct deliveries *ds, const uint8_t id[DELIVERY_ID], int64_t now)
{
	const struct delivery *d;
	size_t i;

	if (ds->nslot == 0)
		return NULL;
	i = place(ds, id);
	if (ds->slot[i] == 0)
		return NULL;
	d = &ds->d[ds->slot[i] - 1];
	return d->time + KEEP_MS >= now ? d : NULL;
}

static void
rebuild(struct deliveries *ds, int64_t now)
{
	size_t k = 0;

	for (size_t i = 0; i < ds->n; i++)
		if (ds->d[i].time + KEEP_MS >= now)
			ds->d[k++] = ds->d[i];
	ds->n = k;
	free(ds->slot);
	ds->nslot = SLOTS_MIN;
	while (ds->nslot < 4 * ds->n)
		ds->nslot *= 2;
	ds->slot = xcalloc(ds->nslot, sizeof *ds->slot);
	for (size_t i = 0; i < ds->n; i++)
		ds->slot[place(ds, ds->d[i].id)] = (uint32_t)(i + 1);
}

/* By the last two: a clock that has just leapt makes no others old. */
static int64_t
oldest_now(const struct deliveries *ds, int64_t now)
{
	return ds->n > 0 && ds->d[ds->n - 1].time < now ? ds->d[ds->n - 1].time
							: now;
}

void
deliveries_add(struct deliveries *ds, const struct delivery *d)
{
	size_t i;

	if (2 * (ds->n + 1) > ds->nslot)
		rebuild(ds, oldest_now(ds, d->time));
	ds->d = xgrow(ds->d, &ds->cap, ds->n + 1, sizeof *ds->d);
	i = place(ds, d->id);
	ds->d[ds->n++] = *d;
	ds->slot[i] = (uint32_t)ds->n;
}
