#include "web/challenges.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "ipc/msg_web.h"

struct challenges {
	pthread_mutex_t lock;
	struct challenge {
		char *token, *answer;
	} c[WEB_CHALLENGES];
	size_t n;
};

struct challenges *
challenges_new(void)
{
	struct challenges *c = xcalloc(1, sizeof *c);

	must(pthread_mutex_init(&c->lock, NULL) == 0);
	return c;
}

static void
remove_at(struct challenges *c, size_t i)
{
	free(c->c[i].token);
	free(c->c[i].answer);
	c->c[i] = c->c[--c->n];
}

void
challenges_free(struct challenges **c)
{
	if (*c == NULL)
		return;
	while ((*c)->n > 0)
		remove_at(*c, 0);
	(void)pthread_mutex_destroy(&(*c)->lock);
	free(*c);
	*c = NULL;
}

/* base64url; the answer has a dot, too. */
static bool
is_made_of(struct sv s, bool dot)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' &&
		    !(dot && s.p[i] == '.'))
			return false;
	return s.n > 0;
}

/* With the lock held; n: it is not there. */
static size_t
find(const struct challenges *c, struct sv token)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (sv_eq(sv_str(c->c[i].token), token))
			break;
	return i;
}

int
challenges_set(struct challenges *c, struct sv token, struct sv answer)
{
	int r = RC_OK;
	size_t i;

	if (!is_made_of(token, false) || !is_made_of(answer, true))
		return RC_SYNTAX;
	pthread_mutex_lock(&c->lock);
	i = find(c, token);
	if (i < c->n)
		remove_at(c, i);
	if (c->n == WEB_CHALLENGES)
		r = RC_TOOBIG;
	else
		c->c[c->n++] =
		    (struct challenge){sv_dup(token), sv_dup(answer)};
	pthread_mutex_unlock(&c->lock);
	return r;
}

void
challenges_clear(struct challenges *c, struct sv token)
{
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = c->n; i > 0; i--)
		if (token.n == 0 || sv_eq(sv_str(c->c[i - 1].token), token))
			remove_at(c, i - 1);
	pthread_mutex_unlock(&c->lock);
}

bool
challenges_find(struct challenges *c, struct sv token, struct buf *out)
{
	bool found;
	size_t i;

	pthread_mutex_lock(&c->lock);
	i = find(c, token);
	found = i < c->n;
	if (found)
		buf_adds(out, c->c[i].answer);
	pthread_mutex_unlock(&c->lock);
	return found;
}
