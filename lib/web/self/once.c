#include "web/self/once.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/alloc.h"

#define PLACES	 8
#define TEXT_MAX 8192
#define RANDOM	 16 /* bytes of a ticket */

struct place {
	uint64_t session;
	int64_t until;
	char ticket[SELF_TICKET_MAX];
	struct buf text;
};

struct self_once {
	pthread_mutex_t lock;
	struct place place[PLACES];
};

struct self_once *
self_once_new(void)
{
	struct self_once *o = xcalloc(1, sizeof *o);
	size_t i;

	must(pthread_mutex_init(&o->lock, NULL) == 0);
	for (i = 0; i < PLACES; i++)
		buf_init(&o->place[i].text, TEXT_MAX);
	return o;
}

void
self_once_free(struct self_once **op)
{
	struct self_once *o = *op;
	size_t i;

	if (o == NULL)
		return;
	for (i = 0; i < PLACES; i++)
		buf_wipe(&o->place[i].text);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
	*op = NULL;
}

static void
forget(struct place *p)
{
	buf_wipe(&p->text);
	p->ticket[0] = '\0';
	p->until = 0;
}

void
self_once_put(struct self_once *o, uint64_t session, int64_t now,
    struct sv text, char ticket[SELF_TICKET_MAX])
{
	unsigned char random[RANDOM];
	struct place *p = &o->place[0];
	size_t i;

	randombytes_buf(random, sizeof random);
	(void)sodium_bin2base64(ticket, SELF_TICKET_MAX, random, sizeof random,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	pthread_mutex_lock(&o->lock);
	for (i = 1; i < PLACES; i++)
		if (o->place[i].until < p->until)
			p = &o->place[i];
	forget(p);
	p->session = session;
	p->until = now + SELF_ONCE_MS;
	buf_addsv(&p->text, text);
	sv_copy(sv_str(ticket), p->ticket, sizeof p->ticket);
	pthread_mutex_unlock(&o->lock);
}

static bool
is_it(const struct place *p, uint64_t session, struct sv ticket)
{
	struct sv own = sv_str(p->ticket);

	return own.n > 0 && p->session == session && own.n == ticket.n &&
	       sodium_memcmp(own.p, ticket.p, own.n) == 0;
}

bool
self_once_take(struct self_once *o, uint64_t session, int64_t now,
    struct sv ticket, bool stays, struct buf *out)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&o->lock);
	for (i = 0; i < PLACES; i++) {
		struct place *p = &o->place[i];

		if (p->until != 0 && p->until < now)
			forget(p);
		if (found || !is_it(p, session, ticket))
			continue;
		buf_addsv(out, buf_sv(&p->text));
		found = true;
		if (!stays)
			forget(p);
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}
