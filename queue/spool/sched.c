#include "queue/spool/sched.h"

#include <search.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rc.h"

#define LIMIT_START 2
#define MINUTE	    (60 * 1000LL)

struct sched {
	unsigned most;
	void *dests;	      /* tsearch */
	struct heap units;    /* SCHED_WAITS, by their time */
	struct heap sleeping; /* destinations that wake */
	struct sched_dest *runnable, **runnable_end;
};

static int
compare_dest(const void *a, const void *b)
{
	const struct sched_dest *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct sched *
sched_new(unsigned most)
{
	struct sched *s = xcalloc(1, sizeof *s);

	s->most = most;
	s->runnable_end = &s->runnable;
	return s;
}

static void
dest_free(void *arg)
{
	struct sched_dest *d = arg;

	free(d->reply_text);
	free(d->name);
	free(d);
}

void
sched_free(struct sched **sp)
{
	struct sched *s = *sp;

	if (s == NULL)
		return;
	must(heap_least(&s->units) == NULL);
	tdestroy(s->dests, dest_free);
	heap_fini(&s->units);
	heap_fini(&s->sleeping);
	free(s);
	*sp = NULL;
}

struct sched_dest *
sched_dest(struct sched *s, struct sv name)
{
	struct sched_dest key = {.name = sv_dup(name)}, *d, **at;

	at = tfind(&key, &s->dests, compare_dest);
	if (at != NULL) {
		free(key.name);
		return *at;
	}
	d = xcalloc(1, sizeof *d);
	d->name = key.name;
	d->limit = LIMIT_START;
	d->ready_end = &d->ready;
	must(tsearch(d, &s->dests, compare_dest) != NULL);
	return d;
}

struct each {
	void (*fn)(struct sched_dest *d, void *arg);
	void *arg;
};

static void
each_node(const void *node, VISIT visit, void *closure)
{
	struct sched_dest *const *d = node;
	struct each *e = closure;

	if (visit == postorder || visit == leaf)
		e->fn(*d, e->arg);
}

void
sched_each_dest(
    struct sched *s, void (*fn)(struct sched_dest *d, void *arg), void *arg)
{
	struct each e = {fn, arg};

	twalk_r(s->dests, each_node, &e);
}

/* ---- moving ---- */

static void
make_runnable(struct sched *s, struct sched_dest *d)
{
	if (d->runnable || d->ready == NULL || d->node.at != 0 ||
	    d->in_flight >= d->limit)
		return;
	d->runnable = true;
	d->next_runnable = NULL;
	*s->runnable_end = d;
	s->runnable_end = &d->next_runnable;
}

static void
unlink_runnable(struct sched *s, struct sched_dest *d)
{
	struct sched_dest **at = &s->runnable;

	if (!d->runnable)
		return;
	while (*at != d)
		at = &(*at)->next_runnable;
	*at = d->next_runnable;
	if (*at == NULL)
		s->runnable_end = at;
	d->runnable = false;
}

static void
make_ready(struct sched *s, struct sched_unit *u)
{
	struct sched_dest *d = u->dest;

	u->state = SCHED_READY;
	u->next_ready = NULL;
	*d->ready_end = u;
	d->ready_end = &u->next_ready;
	make_runnable(s, d);
}

static void
unlink_ready(struct sched_unit *u)
{
	struct sched_unit **at = &u->dest->ready;

	while (*at != u)
		at = &(*at)->next_ready;
	*at = u->next_ready;
	if (*at == NULL)
		u->dest->ready_end = at;
}

/* Takes a unit out of whatever list it is in. */
static void
detach(struct sched *s, struct sched_unit *u)
{
	if (u->state == SCHED_WAITS)
		heap_remove(&s->units, &u->node);
	else if (u->state == SCHED_READY) {
		unlink_ready(u);
		if (u->dest->ready == NULL)
			unlink_runnable(s, u->dest);
	} else if (u->state == SCHED_IN_FLIGHT)
		u->dest->in_flight--;
}

static void
drop_dest_if_idle(struct sched *s, struct sched_dest *d)
{
	if (d->nunits > 0)
		return;
	unlink_runnable(s, d);
	heap_remove(&s->sleeping, &d->node);
	(void)tdelete(d, &s->dests, compare_dest);
	dest_free(d);
}

void
sched_remember(struct sched *s, struct sv name, int64_t due, unsigned failures,
    struct sv reply_text)
{
	struct sched_dest *d = sched_dest(s, name);

	heap_remove(&s->sleeping, &d->node);
	free(d->reply_text);
	d->reply_text = failures > 0 ? sv_dup(reply_text) : NULL;
	d->failures = failures;
	d->limit = failures > 0 ? 1 : LIMIT_START;
	d->wake = due;
	if (failures > 0)
		heap_add(&s->sleeping, &d->node, due);
}

struct empty {
	struct sched_dest *d;
	struct empty *next;
};

static void
collect_empty(struct sched_dest *d, void *arg)
{
	struct empty **list = arg, *e;

	if (d->nunits > 0)
		return;
	e = xcalloc(1, sizeof *e);
	*e = (struct empty){d, *list};
	*list = e;
}

void
sched_forget_empty(struct sched *s)
{
	struct empty *list = NULL, *e;

	sched_each_dest(s, collect_empty, &list);
	while ((e = list) != NULL) {
		list = e->next;
		drop_dest_if_idle(s, e->d);
		free(e);
	}
}

struct sched_unit *
sched_add(struct sched *s, struct sched_dest *d, void *item, int64_t due,
    unsigned tries)
{
	struct sched_unit *u = xcalloc(1, sizeof *u);

	u->item = item;
	u->dest = d;
	u->attempts = u->restored = tries;
	u->place_failures = d->failures;
	u->state = SCHED_WAITS;
	d->nunits++;
	heap_add(&s->units, &u->node, due);
	return u;
}

void
sched_remove(struct sched *s, struct sched_unit **up)
{
	struct sched_unit *u = *up;
	struct sched_dest *d;

	if (u == NULL)
		return;
	d = u->dest;
	detach(s, u);
	d->nunits--;
	free(u);
	*up = NULL;
	make_runnable(s, d);
	drop_dest_if_idle(s, d);
}

static void
wake(struct sched *s, int64_t now)
{
	struct heap_node *n;

	while ((n = heap_least(&s->units)) != NULL && n->key <= now) {
		heap_remove(&s->units, n);
		make_ready(s, HEAP_OWNER(n, struct sched_unit, node));
	}
	while ((n = heap_least(&s->sleeping)) != NULL && n->key <= now) {
		heap_remove(&s->sleeping, n);
		make_runnable(s, HEAP_OWNER(n, struct sched_dest, node));
	}
}

struct sched_unit *
sched_take(struct sched *s, int64_t now)
{
	struct sched_dest *d;
	struct sched_unit *u;

	wake(s, now);
	d = s->runnable;
	if (d == NULL)
		return NULL;
	unlink_runnable(s, d);
	u = d->ready;
	detach(s, u);
	u->state = SCHED_IN_FLIGHT;
	d->in_flight++;
	/* At its end: each destination has its turn. */
	make_runnable(s, d);
	return u;
}

void
sched_adopt(struct sched *s, struct sched_unit *u)
{
	must(u->state != SCHED_IN_FLIGHT);
	detach(s, u);
	u->state = SCHED_IN_FLIGHT;
	u->dest->in_flight++;
	if (u->dest->in_flight >= u->dest->limit)
		unlink_runnable(s, u->dest);
}

int64_t
sched_wait(struct sched *s, int64_t now)
{
	struct heap_node *u = heap_least(&s->units);
	struct heap_node *d = heap_least(&s->sleeping);
	int64_t least;

	if (s->runnable != NULL)
		return 0;
	if (u == NULL && d == NULL)
		return -1;
	least = u == NULL		       ? d->key
		: d == NULL || u->key < d->key ? u->key
					       : d->key;
	return least > now ? least - now : 0;
}

/* ---- what came of it ---- */

void
sched_reached(struct sched *s, struct sched_unit *u)
{
	struct sched_dest *d = u->dest;

	u->attempts = sched_tries(u) + 1;
	u->place_failures = 0;
	d->failures = 0;
	free(d->reply_text);
	d->reply_text = NULL;
	heap_remove(&s->sleeping, &d->node);
	if (d->limit < s->most)
		d->limit++;
	make_runnable(s, d);
}

void
sched_later(struct sched *s, struct sched_unit *u, int64_t due)
{
	struct sched_dest *d = u->dest;

	detach(s, u);
	u->state = SCHED_WAITS;
	heap_add(&s->units, &u->node, due);
	make_runnable(s, d);
}

void
sched_unreached(
    struct sched *s, struct sched_unit *u, int64_t due, struct sv reply_text)
{
	struct sched_dest *d = u->dest;
	char *words = sv_dup(sv_first(reply_text, SCHED_REPLY_TEXT_MAX));

	/* Several were in flight when the host went away: one failure. */
	if (d->node.at == 0)
		d->failures++;
	else
		heap_remove(&s->sleeping, &d->node);
	d->limit = 1;
	d->wake = due;
	free(d->reply_text);
	d->reply_text = words;
	unlink_runnable(s, d);
	heap_add(&s->sleeping, &d->node, due);
	detach(s, u);
	make_ready(s, u);
}

void
sched_untried(struct sched *s, struct sched_unit *u, int64_t due)
{
	sched_later(s, u, due);
}

/* ---- a person's wishes ---- */

void
sched_hold(struct sched *s, struct sched_unit *u)
{
	struct sched_dest *d = u->dest;

	if (u->state == SCHED_HELD || u->state == SCHED_IN_FLIGHT)
		return;
	detach(s, u);
	u->state = SCHED_HELD;
	if (d->ready == NULL)
		unlink_runnable(s, d);
}

void
sched_release(struct sched *s, struct sched_unit *u, int64_t due)
{
	if (u->state == SCHED_HELD)
		sched_later(s, u, due);
}

void
sched_now(struct sched *s, struct sched_unit *u)
{
	struct sched_dest *d = u->dest;

	if (u->state == SCHED_IN_FLIGHT)
		return;
	heap_remove(&s->sleeping, &d->node);
	if (u->state != SCHED_READY) {
		detach(s, u);
		make_ready(s, u);
	}
	make_runnable(s, d);
}

unsigned
sched_tries(const struct sched_unit *u)
{
	unsigned place = u->dest->failures;

	return u->attempts +
	       (place > u->place_failures ? place - u->place_failures : 0);
}

/* ---- how long ---- */

static int64_t
with_jitter(int64_t ms, uint32_t chance)
{
	return ms - ms / 10 + (int64_t)(chance % 1000) * (ms / 5) / 1000;
}

int64_t
sched_delay(unsigned tries, uint32_t chance)
{
	static const int minutes[] = {1, 1, 5, 10, 20, 40, 80, 120, 180, 240};
	const unsigned n = sizeof minutes / sizeof minutes[0];

	return with_jitter(minutes[tries < n ? tries : n - 1] * MINUTE, chance);
}

int64_t
sched_greylist_delay(unsigned tries, uint32_t chance)
{
	/* Most want to wait one or five minutes, few an hour. */
	static const int minutes[] = {2, 2, 6, 10, 20, 40, 70};
	const unsigned n = sizeof minutes / sizeof minutes[0];

	return tries < n ? with_jitter(minutes[tries] * MINUTE, chance)
			 : sched_delay(tries, chance);
}

int64_t
sched_local_delay(unsigned tries)
{
	int64_t ms = 1000LL << (tries < 10 ? tries : 10);

	return ms < 15 * MINUTE ? ms : 15 * MINUTE;
}
