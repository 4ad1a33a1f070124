/* A message's way to the accounts, by the keeper, or into the queue. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/latency.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "msgauth/verdict.h"
#include "smtp/backend_priv.h"

#define ANSWER_MS   10000 /* then the queue takes it */
#define QUEUE_TRIES 5
#define SPOOL_BYTES (32u << 20) /* size times accounts: rather spool once */

/* ---- the queue ---- */

int
smtp_backend_file(void *ctx, int *fd_out)
{
	struct smtp_backend *h = ctx;
	struct queue_file file = {.fd = -1};
	struct msg m, reply;
	int r;

	msg_init(&m, QUEUE_FILE);
	r = peer_call(h->queue, &m, SMTP_QUEUE_MS, &reply);
	if (r == RC_OK)
		r = queue_file_get(&reply, &file);
	if (r == RC_OK)
		r = file.rc == RC_OK && file.fd < 0 ? RC_TEMP : file.rc;
	msg_fini(&reply);
	if (r == RC_OK)
		*fd_out = file.fd;
	else
		queue_file_fini(&file);
	return r == RC_OK || r == RC_NOSPACE ? r : RC_TEMP;
}

/* The order to the queue; false: no descriptor is left for it. */
static bool
put_message(const struct smtp_delivery *d, const bool *done, struct msg *m)
{
	struct queue_mail mail = {
	    .sender = d->sender,
	    .owner = sv_str(d->owner),
	    .size = d->size,
	    .flags = (d->bare ? SPOOL_BARE : 0) | (d->known ? SPOOL_KNOWN : 0),
	    .front = d->front,
	    .results = d->results,
	    .to = xcalloc(
		d->naccount + d->noutside + d->nforward + 1, sizeof *mail.to),
	    .fd = dup(d->fd),
	};
	bool ok = mail.fd >= 0;
	struct buf verdict;
	size_t i;

	buf_init(&verdict, VERDICT_BYTES_MAX);
	if (d->verdict != NULL)
		verdict_encode(d->verdict, &verdict);
	mail.verdict = buf_sv(&verdict);
	memcpy(mail.delivery_id, d->id, sizeof mail.delivery_id);
	for (i = 0; i < d->naccount; i++)
		if (!done[i]) {
			const struct smtp_account *a = &d->account[i];

			mail.flags |= a->junk ? SPOOL_JUNK : 0;
			mail.to[mail.nto++] =
			    (struct queue_to){.address = sv_str(a->name),
				.local = true,
				.written = sv_str(a->written),
				.junk = a->junk,
				.override = a->override};
		}
	for (i = 0; i < d->noutside; i++)
		mail.to[mail.nto++] =
		    (struct queue_to){.address = sv_str(d->outside[i])};
	for (i = 0; i < d->nforward; i++)
		mail.to[mail.nto++] =
		    (struct queue_to){.address = sv_str(d->forward[i].address),
			.forward = true,
			.onward = (uint8_t)d->forward[i].onward,
			.junk = d->forward[i].junk,
			.override = d->forward[i].override};
	if (ok) {
		msg_init(m, QUEUE_PUT);
		queue_mail_put(m, &mail);
	}
	free(mail.to);
	buf_fini(&verdict);
	return ok;
}

/*
 * A queue that is being started anew is waited for, and asked again: it says
 * yes before it does anything with the message, so one that died without a
 * word has sent nothing.  RC_MORE: that is what happened.
 */
static int
ask_queue(struct smtp_backend *h, struct msg *m, int64_t until, struct err *err)
{
	char text[ERR_TEXT_MAX] = "the queue does not answer; try again";
	struct msg reply;
	int r = peer_wait_up(h->queue, until - clk_mono());

	if (r != RC_OK) {
		msg_fini(m);
		return err_set(
		    err, RC_TEMP, "the queue is not available; try again");
	}
	r = peer_call(h->queue, m, until - clk_mono(), &reply);
	if (r == RC_OK) {
		r = msg_answer_read(&reply, RC_PERM, text);
		if (r != RC_OK && r != RC_NOSPACE)
			r = RC_PERM;
	}
	msg_fini(&reply);
	if (r == RC_OK)
		return RC_OK;
	(void)err_set(err, r == RC_NOSPACE ? r : RC_TEMP, "%s", text);
	return r == RC_TEMP ? RC_MORE : err->code;
}

static int
put_into_queue(struct smtp_backend *h, const struct smtp_delivery *d,
    const bool *done, struct err *err)
{
	int64_t until = clk_mono() + SMTP_QUEUE_MS;
	int r = RC_MORE, tries;
	struct msg m;

	for (tries = 0; r == RC_MORE && tries < QUEUE_TRIES; tries++)
		r = put_message(d, done, &m)
			? ask_queue(h, &m, until, err)
			: err_set(err, RC_TEMP, "too many open files");
	return r == RC_MORE ? RC_TEMP : r;
}

/* ---- delivery ---- */

/* All accounts of one message, asked at the same time. */
struct round {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned open;
	struct one *one;
};

struct one {
	struct round *round;
	int rc; /* RC_MORE while it is open */
	int64_t began;
	char text[ERR_TEXT_MAX];
};

static void
on_answer(int rc, struct msg *reply, void *arg)
{
	struct one *o = arg;
	struct round *r = o->round;

	pthread_mutex_lock(&r->lock);
	o->rc = rc;
	if (rc == RC_OK)
		o->rc = msg_answer_read(reply, RC_TEMP, o->text);
	if (o->rc == RC_OK)
		latency_add(LATENCY_STORE, clk_mono() - o->began);
	if (--r->open == 0)
		pthread_cond_signal(&r->change);
	pthread_mutex_unlock(&r->lock);
}

static void
ask(struct smtp_backend *h, const struct smtp_delivery *d, size_t i,
    struct one *o, int64_t ms)
{
	struct mail_delivery to = {
	    .account = sv_str(d->account[i].name),
	    .sender = d->sender,
	    .written = sv_str(d->account[i].written),
	    .size = d->size,
	    .flags = (uint8_t)((d->account[i].junk ? DELIVER_JUNK : 0) |
			       (d->owner == NULL ? DELIVER_ALIEN : 0)),
	    .front = d->front,
	    .fd = dup(d->fd),
	};
	struct buf verdict;
	struct msg m;

	buf_init(&verdict, VERDICT_BYTES_MAX);
	if (d->verdict != NULL)
		verdict_encode_for(d->verdict,
		    &(struct verdict_own){.junk = d->account[i].junk,
			.override =
			    (enum verdict_override)d->account[i].override,
			.known = (enum verdict_known)d->account[i].known},
		    &verdict);
	to.verdict = buf_sv(&verdict);
	memcpy(to.delivery_id, d->id, sizeof to.delivery_id);
	msg_init(&m, DELIVER);
	mail_delivery_put(&m, &to);
	/* Without its descriptor it is answered "too many open files". */
	peer_ask(h->keeper, &m, ms, on_answer, o);
	buf_fini(&verdict);
}

/* Asks for those that are not done; returns when all have answered. */
static void
ask_all(struct smtp_backend *h, const struct smtp_delivery *d, const bool *done,
    struct one *one, int64_t ms)
{
	struct round r = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .change = PTHREAD_COND_INITIALIZER};
	size_t i;

	for (i = 0; i < d->naccount; i++)
		r.open += !done[i];
	for (i = 0; i < d->naccount; i++) {
		if (done[i])
			continue;
		one[i].round = &r;
		one[i].rc = RC_MORE;
		one[i].began = clk_mono();
		ask(h, d, i, &one[i], ms);
	}
	pthread_mutex_lock(&r.lock);
	while (r.open > 0)
		pthread_cond_wait(&r.change, &r.lock);
	pthread_mutex_unlock(&r.lock);
}

/*
 * One more try as long as there is time: the keeper or an account may just be
 * starting anew.  Returns how many are not done; *full: a disk is; *junk: one
 * of them takes it for junk.
 */
static size_t
try_accounts(struct smtp_backend *h, const struct smtp_delivery *d, bool *done,
    bool *full, bool *junk)
{
	int64_t until = clk_mono() + ANSWER_MS, left;
	struct one *one = xcalloc(d->naccount, sizeof *one);
	size_t i, open = d->naccount;
	struct timespec pause = {0, 20 * 1000 * 1000};
	bool again = true;

	while (open > 0 && again && (left = until - clk_mono()) > 0) {
		if (peer_wait_up(h->keeper, left) != RC_OK)
			break;
		ask_all(h, d, done, one, left);
		open = 0;
		again = false;
		for (i = 0; i < d->naccount; i++) {
			if (done[i])
				continue;
			done[i] = one[i].rc == RC_OK;
			*junk |= done[i] &&
				 strcmp(one[i].text, DELIVERED_AS_JUNK) == 0;
			open += !done[i];
			/* A line that broke comes back; a clear no of the
			 * account does not turn into a yes at once. */
			again |= !done[i] && one[i].text[0] == '\0';
			*full |= one[i].rc == RC_NOSPACE;
			one[i].text[0] = '\0';
		}
		if (open > 0 && again) {
			(void)nanosleep(&pause, NULL);
			if (pause.tv_nsec < 500 * 1000 * 1000)
				pause.tv_nsec *= 2;
		}
	}
	free(one);
	return open;
}

/*
 * What this mail says about where it comes from: that it is bad, if a policy
 * says so; else what the accounts have made of it, if all of them have.  What
 * went by way of the queue has been judged by nobody yet, and that nobody could
 * look for viruses says nothing about its sender.
 */
static void
note_standing(struct smtp_backend *h, const struct smtp_delivery *d,
    bool answered, bool junk)
{
	bool policy = false;
	size_t i;

	if (d->verdict == NULL || h->standing == NULL || d->unscanned)
		return;
	for (i = 0; i < d->naccount; i++)
		policy = policy || d->account[i].junk;
	for (i = 0; i < d->nforward; i++)
		policy = policy || d->forward[i].junk;
	if (policy || answered)
		smtp_standing_note(h->standing, d->verdict, policy || junk);
}

int
smtp_backend_deliver(void *ctx, const struct smtp_delivery *d, struct err *err)
{
	struct smtp_backend *h = ctx;
	bool *done = xcalloc(d->naccount, sizeof *done);
	bool full = false, junk = false, answered = false;
	int r = RC_OK;

	if (d->noutside + d->nforward > 0 ||
	    (d->naccount > 1 && d->size * d->naccount > SPOOL_BYTES))
		r = put_into_queue(h, d, done, err);
	else if (try_accounts(h, d, done, &full, &junk) > 0)
		/* A full disk is told at once: the sender's own queue is a
		 * better place to wait than our full disk. */
		r = full ? err_set(err, RC_NOSPACE, "the disk is full")
			 : put_into_queue(h, d, done, err);
	else
		answered = d->naccount > 0;
	if (r == RC_OK)
		note_standing(h, d, answered, junk);
	free(done);
	return r;
}
