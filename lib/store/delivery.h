/*
 * Delivery ids of the last seven days: a message that is handed over a second
 * time is answered as done.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#define DELIVERY_ID   16u
#define DELIVERY_DAYS 7

struct delivery {
	uint8_t id[DELIVERY_ID];
	uint64_t seq; /* of the record that added it */
	int64_t time; /* ms */
	uint32_t uidvalidity, uid;
};

struct deliveries {
	struct delivery *d; /* oldest first */
	size_t n, cap;
	uint32_t *slot; /* hash: index + 1 */
	size_t nslot;
};

void deliveries_fini(struct deliveries *ds);
/* NULL if it is not known, or too old at `now`. */
const struct delivery *deliveries_find(
    const struct deliveries *ds, const uint8_t id[DELIVERY_ID], int64_t now);
/* Forgets what is too old now and then. */
void deliveries_add(struct deliveries *ds, const struct delivery *d);

#endif
