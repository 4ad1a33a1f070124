#include "auth/signer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"

#define STACK_SIZE (256 * 1024)
#define TEXT_MAX   60000

/* What the thread is given; each kind has its part. */
struct job {
	void (*run)(struct signer *s, struct job *j); /* in the thread */
	ev_fn *done;   /* in the loop, then it is freed; NULL: nothing */
	bool question; /* it counts as waiting */
	struct job *next;
	void *arg;

	/* domains */
	char **domain;
	size_t ndomain;
	int64_t rotate_s;
	/* signatures */
	struct signer_question q;
	struct signer_answer a;
	signer_fn *fn;
	/* orders */
	struct signer_order order;
	int rc;
	struct buf text;
	signer_order_fn *order_fn;
	/* steps */
	struct signer_step step;
	signer_step_fn *step_fn;
	/* what became of a pair, by its first selector: in `order` */
	enum ring_state told;
	enum rotation_seen seen;
	uint32_t negative_ttl_s;
	char why[KEYS_WHY_MAX];
};

struct signer {
	struct ev_loop *loop;
	const char *folder;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	struct job *first, **end;
	unsigned waiting; /* questions */
	bool stop;

	/* the thread's: */
	struct keys *domain;
	size_t ndomain;
	struct rotation_policy policy;
};

static void
step_fini(struct signer_step *t)
{
	size_t i;
	int a;

	for (i = 0; i < t->nawaited; i++)
		for (a = 0; a < DKIM_ALGORITHMS; a++)
			buf_fini(&t->awaited[i].signature[a]);
	for (i = 0; i < t->nletter; i++)
		for (a = 0; a < DKIM_ALGORITHMS; a++)
			buf_fini(&t->letter[i].record[a]);
	free(t->awaited);
	free(t->letter);
}

static void
job_free(struct job *j)
{
	size_t i;

	for (i = 0; i < j->ndomain; i++)
		free(j->domain[i]);
	free(j->domain);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_fini(&j->a.value[i]);
	buf_fini(&j->text);
	step_fini(&j->step);
	free(j);
}

static struct keys *
find(struct signer *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->ndomain; i++)
		if (strcmp(s->domain[i].name, name) == 0)
			return &s->domain[i];
	return NULL;
}

/* ---- in the thread: domains ---- */

/* Those that stay keep their keys. */
static void
run_domains(struct signer *s, struct job *j)
{
	struct keys *fresh = xcalloc(j->ndomain, sizeof *fresh), *old;
	size_t i;

	s->policy.rotate_s = j->rotate_s;
	for (i = 0; i < j->ndomain; i++) {
		old = find(s, j->domain[i]);
		if (old != NULL) {
			fresh[i] = *old;
			keys_init(old, "");
		} else {
			keys_init(&fresh[i], j->domain[i]);
		}
	}
	for (i = 0; i < s->ndomain; i++)
		keys_fini(&s->domain[i]);
	free(s->domain);
	s->domain = fresh;
	s->ndomain = j->ndomain;
	for (i = 0; i < s->ndomain; i++)
		if (!s->domain[i].ready)
			keys_take(&s->domain[i], s->folder);
}

/* ---- in the thread: signatures ---- */

static bool
selectors_fit(const struct signer_question *q, const struct dkim_pair *p)
{
	unsigned i;

	if (q->n != DKIM_ALGORITHMS)
		return false;
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		if (strcmp(q->selector[i], p->selector[i]) != 0)
			return false;
	return true;
}

static void
fail(struct signer_answer *a, int rc, const char *text)
{
	a->rc = rc;
	a->text = text;
}

static void
run_question(struct signer *s, struct job *j)
{
	const struct signer_question *q = &j->q;
	struct signer_answer *a = &j->a;
	struct keys *d = find(s, q->domain);
	const struct dkim_pair *pair;
	int i;

	if (d == NULL) {
		fail(a, RC_DENIED, "that domain is not served here");
		return;
	}
	keys_try_again(d, s->folder);
	if (!d->ready) {
		fail(a, RC_TEMP, "there is no DKIM key now");
		return;
	}
	pair = keys_active(d);
	memcpy(a->selector, pair->selector, sizeof a->selector);
	if (!selectors_fit(q, pair)) {
		fail(a, RC_NOTFOUND, "other keys are in use");
		return;
	}
	for (i = 0; i < DKIM_ALGORITHMS && a->rc == RC_OK; i++)
		a->rc = dkim_key_sign(pair->key[i], q->hash[i], &a->value[i]);
	if (a->rc != RC_OK)
		fail(a, RC_TEMP, "OpenSSL cannot sign");
}

/* ---- in the thread: orders ---- */

static int
obey(struct signer *s, struct keys *d, const struct signer_order *o,
    struct buf *text, struct err *err)
{
	const struct ring_entry *e = ring_named(&d->ring, sv_str(o->selector));
	bool unused = e != NULL && e->state == RING_ANNOUNCED;
	bool unseen = unused && e->seen == 0;
	int r = RC_OK;

	if (!d->ready)
		return err_set(err, RC_TEMP, "there is no DKIM key now");
	switch (o->what) {
	case SIGNER_RECORDS:
		r = ring_records(&d->ring, text);
		return r == RC_OK ? r : err_set(err, r, "OpenSSL has failed");
	case SIGNER_ROTATE:
		r = keys_rotate(d, s->folder, err);
		e = rotation_awaited(&d->ring);
		if (r == RC_OK && e != NULL)
			buf_addf(text, "%s %s\n", e->pair.selector[0],
			    e->pair.selector[1]);
		return r;
	case SIGNER_RETIRE:
		r = keys_retire(d, s->folder, sv_str(o->selector), err);
		if (r == RC_OK && unused)
			buf_adds(text, "the key is destroyed; it has signed "
				       "nothing, and its records can be "
				       "removed from DNS\n");
		return r;
	case SIGNER_USE:
		r = keys_use(d, s->folder, sv_str(o->selector), err);
		if (r == RC_OK && unseen)
			buf_adds(text, "WARNING: its records have not been "
				       "seen in DNS; until they are there, "
				       "others cannot check mail that it "
				       "signs\n");
		return r;
	case SIGNER_LIST:
	case SIGNER_WHATS:
		break;
	}
	return RC_OK;
}

static void
run_order(struct signer *s, struct job *j)
{
	struct keys *d = find(s, j->order.domain);
	struct err err = {.text = ""};
	size_t i;

	if (d == NULL && j->order.domain[0] != '\0') {
		j->rc =
		    err_set(&err, RC_DENIED, "that domain is not served here");
	} else if (j->order.what == SIGNER_LIST) {
		for (i = 0; i < s->ndomain; i++)
			if (d == NULL || d == &s->domain[i])
				keys_list(&s->domain[i], &s->policy, &j->text);
	} else if (d != NULL) {
		keys_try_again(d, s->folder);
		j->rc = obey(s, d, &j->order, &j->text, &err);
	}
	if (j->rc == RC_OK && !buf_ok(&j->text))
		j->rc = err_set(
		    &err, RC_TOOBIG, "the list is too long; name a domain");
	if (j->rc != RC_OK) {
		buf_reset(&j->text);
		buf_adds(&j->text, err.text);
	}
}

/* ---- in the thread: steps ---- */

static void
add_awaited(
    struct signer_step *t, const struct keys *d, const struct ring_entry *e)
{
	struct signer_awaited *w = &t->awaited[t->nawaited++];
	int a, r = RC_OK;

	(void)snprintf(w->domain, sizeof w->domain, "%s", d->name);
	w->state = e->state;
	memcpy(w->selector, e->pair.selector, sizeof w->selector);
	/* No message has this hash. */
	randombytes_buf(w->hash, sizeof w->hash);
	for (a = 0; a < DKIM_ALGORITHMS; a++) {
		buf_init(&w->signature[a], DKIM_SIGNATURE_MAX);
		if (r == RC_OK)
			r = dkim_key_sign(
			    e->pair.key[a], w->hash, &w->signature[a]);
	}
}

static void
add_letter(struct signer_step *t, const struct keys *d,
    const struct ring_entry *e, const struct rotation_policy *p)
{
	struct signer_letter *l = &t->letter[t->nletter++];
	const struct ring_entry *old;
	struct notice *n = &l->notice;
	int a;

	(void)snprintf(l->domain, sizeof l->domain, "%s", d->name);
	(void)snprintf(l->why, sizeof l->why, "%s", d->why);
	*n = (struct notice){.domain = l->domain,
	    .state = e->state,
	    .again = e->told != 0,
	    .since = e->since,
	    .why = l->why,
	    .rotate_s = p->rotate_s};
	memcpy(n->selector, e->pair.selector, sizeof n->selector);
	for (a = 0; a < DKIM_ALGORITHMS; a++) {
		buf_init(&l->record[a], 2048);
		if (e->state == RING_ANNOUNCED &&
		    dkim_key_record(e->pair.key[a], &l->record[a]) == RC_OK)
			n->record[a] = buf_sv(&l->record[a]);
	}
	old = ring_find(&d->ring, RING_RETIRING);
	if (e->state == RING_ACTIVE && old != NULL) {
		memcpy(n->old_selector, old->pair.selector,
		    sizeof n->old_selector);
		n->old_until = rotation_needed_until(old, p, clk_now() / 1000);
	}
}

/* What a domain needs. */
static void
step_domain(struct signer *s, struct keys *d, struct signer_step *t)
{
	const struct ring_entry *e;
	int64_t in;

	keys_try_again(d, s->folder);
	e = keys_step(d, s->folder, &s->policy);
	if (!d->ready)
		return;
	if (e != NULL)
		add_letter(t, d, e, &s->policy);
	e = rotation_awaited(&d->ring);
	if (e != NULL)
		add_awaited(t, d, e);
	if (keys_active_due(d))
		add_awaited(t, d, &d->ring.e[0]);
	in = keys_ask_in(d);
	if (in >= 0 && (t->next_ms < 0 || in < t->next_ms))
		t->next_ms = in;
}

static void
run_step(struct signer *s, struct job *j)
{
	struct signer_step *t = &j->step;
	size_t i;

	t->awaited = xcalloc(2 * s->ndomain + 1, sizeof *t->awaited);
	t->letter = xcalloc(s->ndomain + 1, sizeof *t->letter);
	t->next_ms = -1;
	for (i = 0; i < s->ndomain; i++)
		step_domain(s, &s->domain[i], t);
	/* Making a key needs half a megabyte for a moment. */
	alloc_trim();
}

static void
run_told(struct signer *s, struct job *j)
{
	struct keys *d = find(s, j->order.domain);

	if (d != NULL)
		keys_told(d, s->folder, j->order.selector, j->told);
}

static void
run_seen(struct signer *s, struct job *j)
{
	struct keys *d = find(s, j->order.domain);

	if (d != NULL)
		keys_seen(d, s->folder, &s->policy, j->order.selector, j->seen,
		    j->negative_ttl_s, j->why);
}

/* ---- the thread ---- */

static struct job *
next_job(struct signer *s)
{
	struct job *j;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && s->first == NULL)
		pthread_cond_wait(&s->more, &s->lock);
	j = s->stop ? NULL : s->first;
	if (j != NULL) {
		s->first = j->next;
		if (s->first == NULL)
			s->end = &s->first;
		s->waiting -= j->question;
	}
	pthread_mutex_unlock(&s->lock);
	return j;
}

static void *
work(void *arg)
{
	struct signer *s = arg;
	struct job *j;

	while ((j = next_job(s)) != NULL) {
		j->run(s, j);
		if (j->done != NULL)
			ev_post(s->loop, j->done, j);
		else
			job_free(j);
	}
	return NULL;
}

/* ---- from the loop ---- */

static struct job *
job_new(void (*run)(struct signer *s, struct job *j), ev_fn *done, void *arg)
{
	struct job *j = xcalloc(1, sizeof *j);
	int i;

	j->run = run;
	j->done = done;
	j->arg = arg;
	j->a.text = "";
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_init(&j->a.value[i], 2048);
	buf_init(&j->text, TEXT_MAX);
	return j;
}

static bool
enqueue(struct signer *s, struct job *j)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = !j->question || s->waiting < SIGNER_WAITING_MAX;
	if (ok) {
		*s->end = j;
		s->end = &j->next;
		s->waiting += j->question;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void
question_done(void *arg)
{
	struct job *j = arg;

	j->fn(&j->a, j->arg);
	job_free(j);
}

void
signer_ask(
    struct signer *s, const struct signer_question *q, signer_fn *fn, void *arg)
{
	struct job *j = job_new(run_question, question_done, arg);

	j->question = true;
	j->q = *q;
	j->fn = fn;
	if (!enqueue(s, j)) {
		fail(&j->a, RC_TEMP, "too many messages at once; try again");
		question_done(j);
	}
}

static void
order_done(void *arg)
{
	struct job *j = arg;

	j->order_fn(j->rc, buf_sv(&j->text), j->arg);
	job_free(j);
}

void
signer_order(struct signer *s, const struct signer_order *o,
    signer_order_fn *fn, void *arg)
{
	struct job *j = job_new(run_order, order_done, arg);

	j->question = true;
	j->order = *o;
	j->order_fn = fn;
	if (!enqueue(s, j)) {
		j->rc = RC_TEMP;
		buf_adds(&j->text, "too much to do at once; try again");
		order_done(j);
	}
}

static void
step_done(void *arg)
{
	struct job *j = arg;

	j->step_fn(&j->step, j->arg);
	job_free(j);
}

void
signer_step(struct signer *s, signer_step_fn *fn, void *arg)
{
	struct job *j = job_new(run_step, step_done, arg);

	j->step_fn = fn;
	(void)enqueue(s, j);
}

static void
name_pair(struct job *j, const char *domain, const char *selector)
{
	(void)snprintf(j->order.domain, sizeof j->order.domain, "%s", domain);
	(void)snprintf(
	    j->order.selector, sizeof j->order.selector, "%s", selector);
}

void
signer_told(struct signer *s, const char *domain, const char *selector,
    enum ring_state state)
{
	struct job *j = job_new(run_told, NULL, NULL);

	name_pair(j, domain, selector);
	j->told = state;
	(void)enqueue(s, j);
}

void
signer_seen(struct signer *s, const char *domain, const char *selector,
    enum rotation_seen seen, uint32_t negative_ttl_s, const char *why)
{
	struct job *j = job_new(run_seen, NULL, NULL);

	name_pair(j, domain, selector);
	j->seen = seen;
	j->negative_ttl_s = negative_ttl_s;
	(void)snprintf(j->why, sizeof j->why, "%s", why);
	(void)enqueue(s, j);
}

void
signer_set_domains(struct signer *s, const struct conf *conf)
{
	struct job *j = job_new(run_domains, NULL, NULL);
	size_t i;

	j->domain = xcalloc(conf->ndomain + 1, sizeof *j->domain);
	j->ndomain = conf->ndomain;
	j->rotate_s = conf->dkim.rotate_s;
	for (i = 0; i < conf->ndomain; i++)
		j->domain[i] = xstrdup(conf->domain[i].name);
	(void)enqueue(s, j);
}

struct signer *
signer_new(struct ev_loop *loop, const char *folder)
{
	struct signer *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	s->folder = folder;
	s->end = &s->first;
	s->policy = (struct rotation_policy){.queue_s = ROTATION_QUEUE_S,
	    .settle_ms = ROTATION_SETTLE_MS,
	    .margin_ms = ROTATION_MARGIN_MS};
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->more, NULL) == 0);
	return s;
}

void
signer_set_pace(struct signer *s, int64_t settle_ms, int64_t margin_ms)
{
	must(!s->started);
	s->policy.settle_ms = settle_ms;
	s->policy.margin_ms = margin_ms;
}

void
signer_start(struct signer *s)
{
	pthread_attr_t attr;

	must(pthread_attr_init(&attr) == 0);
	must(pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
	must(pthread_create(&s->thread, &attr, work, s) == 0);
	s->started = true;
	(void)pthread_attr_destroy(&attr);
}

void
signer_free(struct signer **sp)
{
	struct signer *s = *sp;
	struct job *j;
	size_t i;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		(void)pthread_join(s->thread, NULL);
	while ((j = s->first) != NULL) {
		s->first = j->next;
		if (j->step_fn != NULL)
			j->step_fn(NULL, j->arg);
		job_free(j);
	}
	for (i = 0; i < s->ndomain; i++)
		keys_fini(&s->domain[i]);
	free(s->domain);
	(void)pthread_cond_destroy(&s->more);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}
