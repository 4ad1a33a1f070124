#include "account/junk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/deliver.h"
#include "account/junk_old.h"
#include "account/junk_lesson.h"
#include "account/junk_words.h"
#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/line.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_junk.h"
#include "ipc/proto.h"
#include "junk/model.h"
#include "mail/field.h"
#include "msgauth/authres.h"

#define ASK_MS	   2000
#define TEACH_MS   30000
#define AT_ONCE	   4	 /* lessons before their answers are awaited */
#define EVENTS_MAX 10000 /* that wait; what comes then is not learned */
#define SAME_MOST  5	 /* of one size, that are compared */
#define EXPIRE_MS  (6 * 60 * 60 * 1000)
#define CHUNK	   256
#define KEPT_BYTES (4u << 20)

struct event {
	struct junk_done done;
	char *to; /* a mailbox; NULL: done.from */
	struct rangeset uids;
	uint32_t at; /* the next of them */
	struct event *next;
};

struct account_junk {
	struct ev_loop *loop;
	struct account_junk_opts o;
	struct peer *process;
	atomic_bool on; /* sessions look at it, too */
	uint32_t threshold;
	int64_t expire_ms, expired_at;
	unsigned open;	   /* questions and lessons without an answer */
	unsigned lessons;  /* of them */
	size_t kept_bytes; /* of messages that wait for an answer */
	bool waits;	   /* events do, for the answers to those */
	struct junk_features *features;

	pthread_mutex_t mu;
	struct event *event, **event_end; /* under mu */
	unsigned nevents;		  /* likewise */
	bool posted; /* likewise: on_events comes, or `waits` */
	bool freed;
};

/* ---- features ---- */

static void
put_features(const struct junk_features *f, struct buf *out)
{
	char *p = buf_reserve(out, 4 * f->n);
	size_t i;

	for (i = 0; p != NULL && i < f->n; i++)
		be_put32(p + 4 * i, f->v[i]);
	if (p != NULL)
		buf_added(out, 4 * f->n);
}

/* The features at hand, as a question. */
static void
put_question(const struct account_junk *j, struct msg *out)
{
	struct buf features;

	buf_init(&features, MSG_MAX);
	put_features(j->features, &features);
	msg_init(out, JUNK_ASK);
	junk_ask_put(out, &(struct junk_ask){.features = buf_sv(&features)});
	buf_fini(&features);
}

static void
take_features(struct account_junk *j, struct sv msg, struct sv verdict)
{
	struct junk_signal signal[JUNK_SIGNALS];
	const struct junk_source src = {.msg = msg,
	    .hostname = sv_str(j->o.hostname),
	    .signal = signal,
	    .n_signal = junk_signals_of(verdict, signal),
	    .kinds = JUNK_ALL};

	junk_features_take(&src, j->features);
}

/* The beginning of a stored message; false: it cannot be read. */
static bool
read_message(struct account_junk *j, const struct store_msg *m, struct buf *out)
{
	size_t n = m->size < JUNK_MESSAGE_MAX ? m->size : JUNK_MESSAGE_MAX;
	char *p = buf_reserve(out, n);

	if (p == NULL || store_read(j->o.store, m->body, 0, p, n) != RC_OK)
		return false;
	buf_added(out, n);
	return true;
}

/* Of a stored message, with what was found out when it came. */
static bool
stored_features(struct account_junk *j, const struct store_msg *m)
{
	struct buf b, verdict;
	bool done = false;

	buf_init(&b, JUNK_MESSAGE_MAX);
	buf_init(&verdict, STORE_VERDICT_MAX);
	if (store_verdict(j->o.store, m->body, &verdict) != RC_OK)
		buf_reset(&verdict);
	if (read_message(j, m, &b) && store_parse_begin(j->o.store, m->body)) {
		take_features(j, buf_sv(&b), buf_sv(&verdict));
		store_parse_end(j->o.store, m->body);
		done = true;
	}
	buf_fini(&verdict);
	buf_fini(&b);
	return done;
}

/* ---- deliveries ---- */

struct judged {
	struct account_junk *j;
	struct incoming in;
	size_t kept; /* bytes, as it is counted in kept_bytes */
	bool known;  /* it is from somebody to whom they have written */
};

/* An opinion, if there is one. */
static void
take_opinion(struct judged *g, struct msg *reply)
{
	struct junk_told told;

	if (junk_told_get(reply, &told) != RC_OK)
		return;
	if (told.rc == RC_OK) {
		const struct junk_opinion o =
		    junk_opinion_of(&told, g->known, g->j->threshold);

		junk_field(&told, &o, &g->in.field);
		if (!buf_ok(&g->in.field))
			buf_reset(&g->in.field);
		if (o.junk)
			g->in.d.flags |= DELIVER_JUNK;
		g->in.d.junk_score = (uint8_t)o.score;
	}
	junk_told_fini(&told);
}

static void
on_told(int rc, struct msg *reply, void *arg)
{
	struct judged *g = arg;
	struct account_junk *j = g->j;

	j->open--;
	j->kept_bytes -= g->kept;
	if (j->freed) { /* the account ends: its sender tries again */
		incoming_fini(&g->in);
	} else {
		if (rc == RC_OK)
			take_opinion(g, reply);
		j->o.back(j->o.arg, &g->in);
	}
	free(g);
}

static bool
is_to_be_judged(const struct account_junk *j, const struct mail_delivery *d)
{
	/* By way of the queue a verdict tells that it came from outside. */
	return j->on && peer_up(j->process) && d->fd >= 0 &&
	       (d->flags & (DELIVER_JUNK | DELIVER_OPAQUE)) == 0 &&
	       ((d->flags & DELIVER_ALIEN) != 0 || d->verdict.n > 0);
}

bool
account_junk_judge(struct account_junk *j, struct incoming *in)
{
	struct judged *g;
	struct sv bytes;
	struct msg ask;

	if (!is_to_be_judged(j, &in->d) ||
	    incoming_read(in, JUNK_MESSAGE_MAX, &bytes) != RC_OK)
		return false;
	take_features(j, bytes, in->d.verdict);
	put_question(j, &ask);
	g = xcalloc(1, sizeof *g);
	g->j = j;
	g->known = junk_is_known(in->d.verdict);
	/* What was read is not read again, unless it is a part or too many
	 * wait. */
	if (in->d.size > JUNK_MESSAGE_MAX ||
	    j->kept_bytes + in->read.cap > KEPT_BYTES)
		buf_release(&in->read);
	g->kept = in->read.cap;
	j->kept_bytes += g->kept;
	g->in = *in;
	j->open++;
	peer_ask(j->process, &ask, ASK_MS, on_told, g);
	return true;
}

/* ---- lessons ---- */

static void on_events(void *arg);

static void
on_taught(int rc, struct msg *reply, void *arg)
{
	struct account_junk *j = arg;

	(void)reply;
	j->open--;
	if (--j->lessons == 0 && j->waits) {
		j->waits = false;
		ev_post(j->loop, on_events, j);
	}
	if (rc != RC_OK)
		mlog(LOG_WARN, "junk.unlearned",
		    "account=%s rc=%s text=\"what was moved into or out of "
		    "Junk could not be learned\"",
		    j->o.name, rc_name(rc));
}

static void
teach(struct account_junk *j, const struct store_msg *m,
    enum junk_teaching teaching)
{
	struct buf features;
	struct msg ask;

	if (!stored_features(j, m))
		return;
	buf_init(&features, MSG_MAX);
	put_features(j->features, &features);
	msg_init(&ask, JUNK_TEACH);
	junk_teach_put(&ask, &(struct junk_teach){.teaching = (uint8_t)teaching,
				 .features = buf_sv(&features)});
	j->open++;
	j->lessons++;
	peer_ask_later(j->process, &ask, TEACH_MS, on_taught, j);
	buf_fini(&features);
}

/* ---- events ---- */

static bool
find_message(struct view *v, uint32_t uid, struct store_msg *out)
{
	uint32_t seqno = view_seqno(v, uid);
	uint64_t need = 0;

	return seqno > 0 && view_msgs(v, seqno, 1, out, &need) == 1;
}

/* Do both have the same bytes, as far as one looks? */
static bool
is_same(struct account_junk *j, const struct store_msg *a,
    const struct store_msg *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, JUNK_MESSAGE_MAX);
	buf_init(&y, JUNK_MESSAGE_MAX);
	same = read_message(j, a, &x) && read_message(j, b, &y) &&
	       sv_eq(buf_sv(&x), buf_sv(&y));
	buf_fini(&y);
	buf_fini(&x);
	return same;
}

/* A mail program that moves by APPEND and EXPUNGE: is it in Junk, too? */
static bool
is_in_junk(struct account_junk *j, const struct store_mailbox_list *all,
    const struct store_msg *m)
{
	const struct store_mailbox *junk = junk_mailbox(all);
	struct store_msg some[CHUNK];
	uint64_t need = 0;
	uint32_t at = 1, n, i, compared = 0;
	bool found = false;
	struct view *v;

	if (junk == NULL || view_open(j->o.store, junk->name, true, NULL, NULL,
				&v, &need) != RC_OK)
		return false;
	while (!found && (n = view_msgs(v, at, CHUNK, some, &need)) > 0) {
		for (i = 0; i < n && !found && compared < SAME_MOST; i++)
			if (some[i].size == m->size) {
				compared++;
				found = is_same(j, &some[i], m);
			}
		at += n;
	}
	view_close(&v);
	return found;
}

/* Did it come from outside?  Others' fields of that name were removed. */
static bool
was_judged(struct account_junk *j, const struct store_msg *m)
{
	struct mail_field f;
	struct buf b;
	bool judged;

	buf_init(&b, JUNK_MESSAGE_MAX);
	judged = read_message(j, m, &b) &&
		 mail_field_find(buf_sv(&b), SV(AUTHRES_JUNK_FIELD), &f);
	buf_fini(&b);
	return judged;
}

static void
take_lesson(struct account_junk *j, const struct event *e,
    const struct store_mailbox_list *all, const struct store_mailbox *to,
    const struct store_msg *m)
{
	enum junk_teaching t = junk_lesson_of(&e->done, all, to);

	if (e->done.deed == JUNK_APPENDED && t == JUNK_TEACHINGS &&
	    junk_place(all, to) == 0 && is_in_junk(j, all, m))
		t = JUNK_TEACH_WANTED;
	if ((t == JUNK_TEACH_READ || t == JUNK_TEACH_HINT) &&
	    e->done.mark != ACCOUNT_MARK_HINT && !was_judged(j, m))
		t = JUNK_TEACHINGS;
	if (t != JUNK_TEACHINGS)
		teach(j, m, t);
}

/* A few of its messages; true: there are more. */
static bool
do_event(struct account_junk *j, struct event *e)
{
	struct store_mailbox_list all;
	const struct store_mailbox *to;
	struct store_msg m;
	uint64_t need = 0;
	struct view *v = NULL;
	uint32_t uid = 0;
	unsigned i;

	store_mailbox_list(j->o.store, &all, &need);
	to = e->to != NULL ? junk_mailbox_by_name(&all, e->to)
			   : junk_mailbox_by_id(&all, e->done.from);
	if (to == NULL || view_open(j->o.store, to->name, true, NULL, NULL, &v,
			      &need) != RC_OK) {
		store_mailbox_list_fini(&all);
		return false;
	}
	for (i = 0; i < AT_ONCE && rangeset_next(&e->uids, e->at, &uid); i++) {
		/* A mail program may expunge in the same go. */
		if (find_message(v, uid, &m) ||
		    store_departed(j->o.store, to->id, uid, &m, &need) == RC_OK)
			take_lesson(j, e, &all, to, &m);
		e->at = uid + 1;
	}
	view_close(&v);
	store_mailbox_list_fini(&all);
	return i == AT_ONCE;
}

static void
free_event(struct event *e)
{
	rangeset_fini(&e->uids);
	free(e->to);
	free(e);
}

static struct event *
first_event(struct account_junk *j)
{
	struct event *e;

	pthread_mutex_lock(&j->mu);
	e = j->event;
	if (e == NULL)
		j->posted = false;
	pthread_mutex_unlock(&j->mu);
	return e;
}

static void
on_events(void *arg)
{
	struct account_junk *j = arg;
	struct event *e;

	if (j->freed) {
		pthread_mutex_destroy(&j->mu);
		free(j);
		return;
	}
	/* Who moves a whole folder does not fill the line and the memory. */
	if (j->lessons > 0) {
		j->waits = true;
		return;
	}
	e = first_event(j);
	if (e == NULL)
		return;
	if (!do_event(j, e)) {
		pthread_mutex_lock(&j->mu);
		j->event = e->next;
		j->nevents--;
		if (j->event == NULL)
			j->event_end = &j->event;
		pthread_mutex_unlock(&j->mu);
		free_event(e);
	}
	ev_post(j->loop, on_events, j);
}

static void
add_event(struct account_junk *j, const struct junk_done *done, const char *to,
    const struct rangeset *uids)
{
	struct event *e;

	if (!j->on || uids->n == 0)
		return;
	e = xcalloc(1, sizeof *e);
	e->done = *done;
	e->done.n = rangeset_count(uids);
	e->to = to != NULL ? xstrdup(to) : NULL;
	rangeset_copy(&e->uids, uids);
	pthread_mutex_lock(&j->mu);
	if (j->nevents < EVENTS_MAX) {
		j->nevents++;
		*j->event_end = e;
		j->event_end = &e->next;
		if (!j->posted)
			ev_post(j->loop, on_events, j);
		j->posted = true;
		e = NULL;
	}
	pthread_mutex_unlock(&j->mu);
	if (e != NULL)
		free_event(e);
}

void
account_junk_moved(
    void *j, uint32_t from_id, const char *to, const struct rangeset *uids)
{
	const struct junk_done d = {.deed = JUNK_MOVED, .from = from_id};

	add_event(j, &d, to, uids);
}

void
account_junk_appended(void *j, const char *to, const struct rangeset *uids)
{
	const struct junk_done d = {.deed = JUNK_APPENDED};

	add_event(j, &d, to, uids);
}

void
account_junk_marked(
    void *j, uint32_t mailbox_id, const struct rangeset *uids, unsigned mark)
{
	const struct junk_done d = {
	    .deed = JUNK_MARKED, .from = mailbox_id, .mark = mark};

	if ((mark == ACCOUNT_MARK_READ &&
		rangeset_count(uids) > JUNK_READ_MOST) ||
	    (mark == ACCOUNT_MARK_THROWN &&
		rangeset_count(uids) > JUNK_THROWN_MOST))
		return;
	add_event(j, &d, NULL, uids);
}

/* ---- explaining ---- */

struct explained {
	struct account_junk *j;
	uint32_t id;
	struct junk_explain ask;
	struct msg m;
	struct buf msg, verdict;
};

static void
end_explained(struct explained *x, int rc, const char *text)
{
	struct msg reply;

	msg_answer_make(&reply, x->id, rc, text);
	if (peer_tell(x->j->o.keeper, &reply) != RC_OK)
		mlog(LOG_DEBUG, "account.reply.lost", "type=JUNK_EXPLAIN");
	junk_explain_fini(&x->ask);
	msg_fini(&x->m);
	buf_fini(&x->verdict);
	buf_fini(&x->msg);
	free(x);
}

static void
on_explained(int rc, struct msg *reply, void *arg)
{
	struct explained *x = arg;
	struct account_junk *j = x->j;
	struct junk_signal signal[JUNK_SIGNALS];
	struct junk_opinion o;
	struct junk_told told;
	struct buf out;

	j->open--;
	if (rc != RC_OK || junk_told_get(reply, &told) != RC_OK) {
		end_explained(x, RC_TEMP, "the junk process does not answer");
		return;
	}
	if (told.rc != RC_OK) {
		junk_told_fini(&told);
		end_explained(x, RC_TEMP, "what was learned cannot be read");
		return;
	}
	o = junk_opinion_of(
	    &told, junk_is_known(buf_sv(&x->verdict)), j->threshold);
	buf_init(&out, 1 << 16);
	junk_sentences(
	    &(struct junk_source){.msg = buf_sv(&x->msg),
		.hostname = sv_str(j->o.hostname),
		.signal = signal,
		.n_signal = junk_signals_of(buf_sv(&x->verdict), signal),
		.kinds = JUNK_ALL},
	    &told, &o, &out);
	rc = io_write_all(x->ask.fd, out.p, out.n);
	buf_fini(&out);
	junk_told_fini(&told);
	end_explained(x, rc, "");
}

static int
find_explained(struct account_junk *j, struct explained *x)
{
	char *name = sv_dup(x->ask.mailbox);
	struct store_msg m;
	uint64_t need = 0;
	struct view *v = NULL;
	int r = view_open(j->o.store, name, true, NULL, NULL, &v, &need);

	free(name);
	if (r != RC_OK)
		return r;
	if (!find_message(v, x->ask.uid, &m) || !read_message(j, &m, &x->msg))
		r = RC_NOTFOUND;
	else if (store_verdict(j->o.store, m.body, &x->verdict) != RC_OK)
		buf_reset(&x->verdict);
	view_close(&v);
	return r;
}

void
account_junk_explain(struct account_junk *j, struct msg *m)
{
	struct explained *x = xcalloc(1, sizeof *x);
	struct msg ask;

	x->j = j;
	x->id = m->id;
	x->m = *m;
	x->ask.fd = -1;
	msg_init(m, 0);
	buf_init(&x->msg, JUNK_MESSAGE_MAX);
	buf_init(&x->verdict, STORE_VERDICT_MAX);
	if (junk_explain_get(&x->m, &x->ask) != RC_OK || x->ask.fd < 0 ||
	    !sv_eq(x->ask.account, sv_str(j->o.name))) {
		end_explained(x, RC_DENIED, "not this account");
		return;
	}
	if (find_explained(j, x) != RC_OK) {
		end_explained(x, RC_NOTFOUND, "there is no such message");
		return;
	}
	take_features(j, buf_sv(&x->msg), buf_sv(&x->verdict));
	put_question(j, &ask);
	j->open++;
	peer_ask_later(j->process, &ask, ASK_MS, on_explained, x);
}

/* ---- old junk ---- */

void
account_junk_expire(struct account_junk *j, uint64_t *need)
{
	uint64_t n;

	if (j->expire_ms == 0 ||
	    (j->expired_at != 0 && clk_mono() - j->expired_at < EXPIRE_MS))
		return;
	j->expired_at = clk_mono();
	n = junk_old_expunge(j->o.store, j->expire_ms, need);
	if (n > 0)
		mlog(LOG_INFO, "junk.expired", "account=%s messages=%llu",
		    j->o.name, (unsigned long long)n);
}

/* ---- life ---- */

bool
account_junk_busy(const struct account_junk *j)
{
	return j->open > 0 || j->posted;
}

void
account_junk_set_conf(struct account_junk *j, const struct conf *conf)
{
	j->on = conf->junk.on;
	j->threshold = conf->junk.threshold;
	j->expire_ms = conf->junk.on ? conf->junk.expire_ms : 0;
}

int
account_junk_stats(void *arg, struct msg *reply)
{
	struct account_junk *j = arg;
	struct msg m;

	msg_init(&m, JUNK_MINE);
	return peer_call(j->process, &m, ASK_MS, reply);
}

void
account_junk_connect(struct account_junk *j, int fd)
{
	peer_connect(j->process, fd);
}

struct account_junk *
account_junk_new(struct ev_loop *loop, const struct account_junk_opts *o)
{
	struct account_junk *j = xcalloc(1, sizeof *j);

	j->loop = loop;
	j->o = *o;
	j->features = xmalloc(sizeof *j->features);
	j->process = peer_new(loop, "junk", NULL, NULL, j);
	j->event_end = &j->event;
	pthread_mutex_init(&j->mu, NULL);
	return j;
}

void
account_junk_free(struct account_junk **jp)
{
	struct account_junk *j = *jp;
	struct event *e;

	if (j == NULL)
		return;
	*jp = NULL;
	while ((e = j->event) != NULL) {
		j->event = e->next;
		free_event(e);
	}
	free(j->features);
	j->freed = true;
	peer_free(&j->process);
	if (j->posted && !j->waits)
		return; /* on_events frees it, or the process ends */
	pthread_mutex_destroy(&j->mu);
	free(j);
}
