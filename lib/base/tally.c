#include "base/tally.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"

#define HOURS	24
#define HOUR_MS (3600 * 1000)

/* An hour's count takes the place of the same hour of yesterday. */
struct bucket {
	int64_t hour; /* since the clock's start */
	uint64_t n[TALLIES];
};

struct tally_table {
	struct bucket bucket[HOURS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tally_table own;
static struct tally_table *table = &own;

static const char *const names[TALLIES] = {
    "delivered", "submitted", "sent", "returned", "refused", "greylisted"};

const char *
tally_name(enum tally t)
{
	return names[t];
}

/* With the lock held. */
static struct bucket *
bucket_of(int64_t hour)
{
	struct bucket *b = &table->bucket[hour % HOURS];

	if (b->hour != hour)
		*b = (struct bucket){.hour = hour};
	return b;
}

void
tally_add(enum tally t, uint64_t n)
{
	pthread_mutex_lock(&lock);
	bucket_of(clk_mono() / HOUR_MS)->n[t] += n;
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
		if (table->bucket[i].hour > hour - HOURS)
			sum += table->bucket[i].n[t];
	pthread_mutex_unlock(&lock);
	return sum;
}

static struct tally_table *
map(int fd)
{
	void *p = mmap(NULL, sizeof(struct tally_table), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);

	return p != MAP_FAILED ? p : NULL;
}

struct tally_table *
tally_table_new(int *fd_out)
{
	struct tally_table *t = NULL;
	int fd = memfd_create("tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	/* The process that gets it cannot make it shorter than we believe it to
	 * be. */
	if (fd >= 0 && ftruncate(fd, sizeof *t) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		0)
		t = map(fd);
	if (t == NULL)
		io_close(&fd);
	else
		*fd_out = fd;
	return t;
}

void
tally_use(int fd)
{
	struct tally_table *t = NULL;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size == sizeof *t)
		t = map(fd);
	if (t != NULL)
		table = t;
	io_close(&fd);
}

void
tally_merge(struct tally_table **tp)
{
	int64_t hour = clk_mono() / HOUR_MS;
	struct tally_table *from = *tp;
	int i, t;

	if (from == NULL)
		return;
	pthread_mutex_lock(&lock);
	for (i = 0; i < HOURS; i++) {
		const struct bucket *b = &from->bucket[i];

		/* Another process has written it, who knows what. */
		if (b->hour <= hour - HOURS || b->hour > hour)
			continue;
		for (t = 0; t < TALLIES; t++)
			bucket_of(b->hour)->n[t] += b->n[t];
	}
	pthread_mutex_unlock(&lock);
	(void)munmap(from, sizeof *from);
	*tp = NULL;
}
