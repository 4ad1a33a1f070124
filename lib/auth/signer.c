#include "auth/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define AGAIN_MS   10000 /* until keys that could not be had are tried again */
#define STACK_SIZE (256 * 1024)

/* The thread's. */
struct domain {
	char *name;
	bool ready; /* the pair is there */
	int64_t tried;
	struct dkim_pair pair;
};

struct job {
	struct signer *signer;
	char **domain; /* the new list, or NULL: a question */
	size_t ndomain;
	struct signer_question q;
	struct signer_answer a;
	signer_fn *fn;
	void *arg;
	struct job *next;
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
	struct domain *domain;
	size_t ndomain;
};

static void
job_free(struct job *j)
{
	size_t i;

	for (i = 0; i < j->ndomain; i++)
		free(j->domain[i]);
	free(j->domain);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_fini(&j->a.value[i]);
	free(j);
}

/* ---- keys ---- */

/* The folder, and its name in the one above, on the disk. */
static int
make_folder(const char *path, struct err *err)
{
	char *copy;
	int fd, r = RC_OK;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? RC_OK
				       : err_sys(err, RC_IO, errno,
					     "cannot make the folder %s", path);
	copy = xstrdup(path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		r = err_sys(err, RC_IO, errno, "cannot flush %s", copy);
	io_close(&fd);
	free(copy);
	return r;
}

/* A new pair, on the disk before it is used. */
static int
make_pair(struct signer *s, struct domain *d, const char *path, struct err *err)
{
	struct buf text;
	int r = dkim_pair_make(clk_now() / 1000, &d->pair, err);

	if (r != RC_OK)
		return r;
	buf_init(&text, DKIM_PAIR_MAX);
	if (dkim_pair_write(&d->pair, &text) != RC_OK)
		r = err_set(err, RC_IO, "OpenSSL cannot write a DKIM key");
	if (r == RC_OK)
		r = make_folder(s->folder, err);
	if (r == RC_OK)
		r = io_replace_file(path, buf_sv(&text), 0600, err);
	buf_wipe(&text);
	if (r != RC_OK) {
		dkim_pair_fini(&d->pair);
		return r;
	}
	mlog(LOG_INFO, "dkim.new",
	    "domain=%s selectors=%s,%s text=\"publish them: hearthmail dns\"",
	    d->name, d->pair.selector[0], d->pair.selector[1]);
	return RC_OK;
}

static void
take_pair(struct signer *s, struct domain *d)
{
	struct err err = {.text = ""};
	struct buf path, text;
	int r;

	d->tried = clk_mono();
	buf_init(&path, 1024);
	buf_init(&text, DKIM_PAIR_MAX);
	buf_addf(&path, "%s/%s.pem", s->folder, d->name);
	r = io_read_file(path.p, &text, &err);
	if (r == RC_OK)
		r = dkim_pair_read(buf_sv(&text), &d->pair, &err);
	else if (r == RC_NOTFOUND)
		r = make_pair(s, d, path.p, &err);
	d->ready = r == RC_OK;
	if (r != RC_OK)
		mlog(LOG_ERROR, "dkim.key",
		    "domain=%s file=auth/%s text=\"%s; mail from this domain "
		    "is not sent until it can be signed%s\"",
		    d->name, path.p, err.text,
		    r == RC_DAMAGED
			? ": restore the file, or move it away for a new pair"
			: "");
	buf_wipe(&text);
	buf_fini(&path);
}

static struct domain *
find(struct signer *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->ndomain; i++)
		if (strcmp(s->domain[i].name, name) == 0)
			return &s->domain[i];
	return NULL;
}

static void
domain_fini(struct domain *d)
{
	dkim_pair_fini(&d->pair);
	free(d->name);
	d->name = NULL;
}

/* Those that stay keep their keys. */
static void
set_domains(struct signer *s, struct job *j)
{
	struct domain *fresh = xcalloc(j->ndomain, sizeof *fresh), *old;
	size_t i;

	for (i = 0; i < j->ndomain; i++) {
		old = find(s, j->domain[i]);
		if (old != NULL) {
			fresh[i] = *old;
			*old = (struct domain){.name = xstrdup("")};
		} else {
			fresh[i].name = xstrdup(j->domain[i]);
		}
	}
	for (i = 0; i < s->ndomain; i++)
		domain_fini(&s->domain[i]);
	free(s->domain);
	s->domain = fresh;
	s->ndomain = j->ndomain;
	for (i = 0; i < s->ndomain; i++)
		if (!s->domain[i].ready)
			take_pair(s, &s->domain[i]);
}

/* ---- answers ---- */

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
answer(
    struct signer *s, const struct signer_question *q, struct signer_answer *a)
{
	struct domain *d = find(s, q->domain);
	int i;

	if (d == NULL) {
		fail(a, RC_DENIED, "that domain is not served here");
		return;
	}
	if (!d->ready && clk_mono() - d->tried >= AGAIN_MS)
		take_pair(s, d);
	if (!d->ready) {
		fail(a, RC_TEMP, "there is no DKIM key now");
		return;
	}
	memcpy(a->selector, d->pair.selector, sizeof a->selector);
	if (!q->records && !selectors_fit(q, &d->pair)) {
		fail(a, RC_NOTFOUND, "other keys are in use");
		return;
	}
	for (i = 0; i < DKIM_ALGORITHMS && a->rc == RC_OK; i++)
		a->rc = q->records
			    ? dkim_key_record(d->pair.key[i], &a->value[i])
			    : dkim_key_sign(
				  d->pair.key[i], q->hash[i], &a->value[i]);
	if (a->rc != RC_OK)
		fail(a, RC_TEMP, "OpenSSL cannot sign");
}

static void
job_done(void *arg)
{
	struct job *j = arg;

	j->fn(&j->a, j->arg);
	job_free(j);
}

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
		s->waiting -= j->domain == NULL;
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
		if (j->domain != NULL) {
			set_domains(s, j);
			job_free(j);
		} else {
			answer(s, &j->q, &j->a);
			ev_post(s->loop, job_done, j);
		}
	}
	return NULL;
}

/* ---- from the loop ---- */

static struct job *
job_new(struct signer *s)
{
	struct job *j = xcalloc(1, sizeof *j);
	int i;

	j->signer = s;
	j->a.text = "";
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_init(&j->a.value[i], 2048);
	return j;
}

static bool
enqueue(struct signer *s, struct job *j)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = j->domain != NULL || s->waiting < SIGNER_WAITING_MAX;
	if (ok) {
		*s->end = j;
		s->end = &j->next;
		s->waiting += j->domain == NULL;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void
signer_ask(
    struct signer *s, const struct signer_question *q, signer_fn *fn, void *arg)
{
	struct job *j = job_new(s);

	j->q = *q;
	j->fn = fn;
	j->arg = arg;
	if (!enqueue(s, j)) {
		fail(&j->a, RC_TEMP, "too many messages at once; try again");
		job_done(j);
	}
}

void
signer_set_domains(struct signer *s, const struct conf *conf)
{
	struct job *j = job_new(s);
	size_t i;

	j->domain = xcalloc(conf->ndomain + 1, sizeof *j->domain);
	j->ndomain = conf->ndomain;
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
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->more, NULL) == 0);
	return s;
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
		job_free(j);
	}
	for (i = 0; i < s->ndomain; i++)
		domain_fini(&s->domain[i]);
	free(s->domain);
	(void)pthread_cond_destroy(&s->more);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}
