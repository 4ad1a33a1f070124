#include "store/suspect.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/rc.h"

#define FILE_NAME  "suspects"
#define FILE_BYTES (SUSPECT_ENTRIES * sizeof(struct suspect))

static void
count_deaths(struct suspects *s)
{
	size_t i;

	for (i = 0; i < SUSPECT_ENTRIES; i++) {
		struct suspect *e = &s->e[i];

		if (e->in_hand == 0)
			continue;
		e->in_hand = 0;
		if (e->deaths < SUSPECT_DEATHS)
			e->deaths++;
		mlog(LOG_WARN, "store.suspect",
		    "body=%llu deaths=%u text=\"%s\"",
		    (unsigned long long)e->body, e->deaths,
		    e->deaths < SUSPECT_DEATHS
			? "the process died while it parsed this message"
			: "this message is no longer parsed");
	}
}

void
suspects_open(struct suspects *s, int dirfd)
{
	struct stat st;
	void *p = MAP_FAILED;
	int fd;

	s->e = NULL;
	must(pthread_mutex_init(&s->mu, NULL) == 0);
	fd = openat(
	    dirfd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	/* Written out, not extended: a page without room on the disk would
	 * kill us at its first use. */
	if (fstat(fd, &st) == 0 && st.st_size != (off_t)FILE_BYTES) {
		static const char zeros[FILE_BYTES];

		if (ftruncate(fd, 0) != 0 ||
		    io_write_all(fd, zeros, sizeof zeros) != RC_OK) {
			io_close(&fd);
			return;
		}
	}
	p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	io_close(&fd);
	if (p == MAP_FAILED)
		return;
	s->e = p;
	count_deaths(s);
}

void
suspects_close(struct suspects *s)
{
	if (s->e != NULL)
		(void)munmap(s->e, FILE_BYTES);
	s->e = NULL;
	(void)pthread_mutex_destroy(&s->mu);
}

/* The entry of a message, or else a free one, or NULL. */
static struct suspect *
find(struct suspects *s, uint64_t body)
{
	struct suspect *unused = NULL;
	size_t i;

	for (i = 0; i < SUSPECT_ENTRIES; i++) {
		if (s->e[i].body == body)
			return &s->e[i];
		if (s->e[i].body == 0 && unused == NULL)
			unused = &s->e[i];
	}
	return unused;
}

bool
suspects_begin(struct suspects *s, uint64_t body)
{
	struct suspect *e;
	bool ok = true;

	if (s->e == NULL)
		return true;
	pthread_mutex_lock(&s->mu);
	e = find(s, body);
	if (e != NULL && e->body == body && e->deaths >= SUSPECT_DEATHS) {
		ok = false;
	} else if (e != NULL) {
		e->body = body;
		e->in_hand++;
	}
	pthread_mutex_unlock(&s->mu);
	return ok;
}

void
suspects_end(struct suspects *s, uint64_t body)
{
	struct suspect *e;

	if (s->e == NULL)
		return;
	pthread_mutex_lock(&s->mu);
	e = find(s, body);
	if (e != NULL && e->body == body && e->in_hand > 0 && --e->in_hand == 0)
		*e = (struct suspect){0}; /* it was innocent */
	pthread_mutex_unlock(&s->mu);
}
