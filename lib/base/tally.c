#include "base/tally.h"

#include <pthread.h>

#include "base/clk.h"

#define HOURS	24
#define HOUR_MS (3600 * 1000)

/* An hour's count stands in the place of the same hour of yesterday. */
struct bucket {
	int64_t hour; /* since the clock's start */
	uint64_t n[TALLIES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bucket buckets[HOURS];

static const char *const names[TALLIES] = {
    "delivered", "submitted", "sent", "returned", "refused"};

const char *
tally_name(enum tally t)
{
	return names[t];
}

void
tally_add(enum tally t, uint64_t n)
{
	int64_t hour = clk_mono() / HOUR_MS;
	struct bucket *b = &buckets[hour % HOURS];

	pthread_mutex_lock(&lock);
	if (b->hour != hour)
		*b = (struct bucket){.hour = hour};
	b->n[t] += n;
	pthread_mutex_unlock(&lock);
}

uint64_t
tally_day(enum tally t)
{
	int64_t hour = clk_mono() / HOUR_MS;
	uint64_t sum = 0;
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < HOURS; i++)
		if (buckets[i].hour > hour - HOURS)
			sum += buckets[i].n[t];
	pthread_mutex_unlock(&lock);
	return sum;
}
