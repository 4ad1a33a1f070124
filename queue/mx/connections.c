#include "queue/mx/connections.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"

#define REST_MS	 3000 /* a connection is kept so long */
#define REST_MAX 64
#define LOOK_MS	 1000

struct resting {
	char key[CONNECTIONS_KEY_MAX];
	struct client *client;
	int64_t until;
	struct resting *next;
};

struct connections {
	struct ev_loop *loop;
	struct ev_timer *timer;
	pthread_mutex_t lock; /* of what follows */
	struct resting *first;
	unsigned n;
	bool looking; /* the timer runs, or is about to */
};

static void on_timer(void *arg);

struct client *
connections_take(struct connections *s, const char *key)
{
	struct client *c = NULL;
	struct resting **at, *r;

	pthread_mutex_lock(&s->lock);
	for (at = &s->first; *at != NULL; at = &(*at)->next)
		if (strcmp((*at)->key, key) == 0)
			break;
	r = *at;
	if (r != NULL) {
		*at = r->next;
		s->n--;
	}
	pthread_mutex_unlock(&s->lock);
	if (r != NULL)
		c = r->client;
	free(r);
	if (c != NULL && !client_alive(c))
		client_close(&c);
	return c;
}

/* Takes the client; in any thread. */
void
connections_put(struct connections *s, const char *key, struct client *c)
{
	struct resting *r = xcalloc(1, sizeof *r);

	(void)snprintf(r->key, sizeof r->key, "%s", key);
	r->client = c;
	r->until = clk_mono() + REST_MS;
	pthread_mutex_lock(&s->lock);
	if (!client_worn(c) && s->n < REST_MAX) {
		/* They are looked after while there are any. */
		if (!s->looking)
			ev_post(s->loop, on_timer, s);
		s->looking = true;
		r->next = s->first;
		s->first = r;
		s->n++;
		r = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (r != NULL)
		client_close(&r->client);
	free(r);
}

/* Those that have waited long enough, or all. */
static struct resting *
expired(struct connections *s, bool all)
{
	struct resting **at, *r, *list = NULL;

	pthread_mutex_lock(&s->lock);
	for (at = &s->first; (r = *at) != NULL;) {
		if (!all && r->until > clk_mono()) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		s->n--;
		r->next = list;
		list = r;
	}
	pthread_mutex_unlock(&s->lock);
	return list;
}

static void
close_rests(struct resting *list)
{
	struct resting *r;

	while ((r = list) != NULL) {
		list = r->next;
		client_close(&r->client);
		free(r);
	}
}

static void
on_timer(void *arg)
{
	struct connections *s = arg;
	struct resting *over = expired(s, false);
	bool any;

	pthread_mutex_lock(&s->lock);
	any = s->looking = s->n > 0;
	pthread_mutex_unlock(&s->lock);
	s->timer = any ? ev_timer_add(s->loop, LOOK_MS, on_timer, s) : NULL;
	close_rests(over);
}

struct connections *
connections_new(struct ev_loop *loop)
{
	struct connections *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	return s;
}

void
connections_end(struct connections *s)
{
	ev_timer_del(&s->timer);
	close_rests(expired(s, true));
}
