#include "queue/spool/service.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/plural.h"
#include "ipc/proto.h"
#include "queue/spool/service_priv.h"

#define LOCAL_MOST     2  /* deliveries of one account at the same time */
#define REMOTE_MOST    20 /* connections to one destination */
#define SWEEP_MS       60000
#define FIRST_SWEEP_MS 2000
#define LENT_MS	       1000
#define FILES_MORE     64 /* than connections: limits change */

/* ---- the end of a turn ---- */

static void tidy(struct queue_service *q);

/* The flush, and what waits for it. */
static void
end_of_turn(struct queue_service *q)
{
	int r = spool_flush(q->spool);

	queue_answer_waiting(q, r);
	queue_rules_flushed(q, r);
	if (r != RC_OK) {
		mlog(LOG_ERROR, "spool.write",
		    "text=\"the spool cannot be written\"");
		q->o.broken(q->o.arg);
		return;
	}
	queue_remote_flushed(q);
	if (q->untidy)
		tidy(q);
	queue_run(q);
}

/* ---- in ---- */

/* Before any answer that comes after it. */
static void
tell_known_news(struct queue_service *q)
{
	struct ipc_client *c;
	struct msg m;

	for (c = ipc_server_clients(q->clients); c != NULL; c = c->next)
		if (((struct client *)c)->asks_known) {
			msg_init(&m, QUEUE_KNOWN_NEWS);
			ipc_client_tell(c, &m);
		}
}

/* A receipt or another automatic answer has no sender, and nobody has written
 * it. */
static void
note_known(struct client *c, const struct queue_mail *mail)
{
	struct queue_service *q = c->ipc.arg;
	bool news = false;
	uint32_t i;

	if (!c->outside || mail->owner.n == 0 || mail->sender.n == 0)
		return;
	for (i = 0; i < mail->nto; i++)
		if (!mail->to[i].local && !mail->to[i].forward)
			news = known_add(q->known, mail->owner,
				   mail->to[i].address, clk_now()) ||
			       news;
	if (news)
		tell_known_news(q);
}

static void
on_put(struct client *c, struct msg *m)
{
	struct queue_service *q = c->ipc.arg;
	struct spool_item *it = NULL;
	struct err err = {.text = ""};
	char from[LOG_Q_MAX];
	struct queue_mail mail;
	int r;

	/* What comes after a step must not be taken for older than that. */
	queue_look_at_clock(q);
	r = queue_mail_get(m, &mail);
	if (r == RC_OK) {
		r = queue_take(q, &mail, c->outside, &it, &err);
		if (r == RC_OK)
			note_known(c, &mail);
		queue_mail_fini(&mail);
	} else {
		(void)err_set(&err, r, "the envelope is garbled");
	}
	if (r != RC_OK) {
		mlog(LOG_WARN, "queue.refused", "rc=%s text=\"%s\"", rc_name(r),
		    err.text);
		queue_answer(c, m, r, err.text);
		if (r == RC_DENIED) {
			mlog(LOG_ERROR, "queue.forbidden", "outside=%d",
			    c->outside);
			line_accuse(c->ipc.line);
		}
		if (r == RC_IO)
			ev_post(q->o.loop, q->o.broken, q->o.arg);
		return;
	}
	if (it != NULL)
		mlog(LOG_INFO, "queue.put",
		    "item=%llu from=%s recipients=%zu size=%llu waiting=%zu",
		    (unsigned long long)it->seq,
		    log_q(from, sv_str(it->sender)), it->nrcpt,
		    (unsigned long long)it->size, spool_count(q->spool));
	queue_answer_later(c, m, NULL);
}

static void
on_return(struct client *c, struct msg *m)
{
	struct queue_service *q = c->ipc.arg;
	struct queue_return asked;
	struct forward_back back;
	struct conf *conf;
	int r = queue_return_get(m, &asked);

	buf_init(&back.sender, 2 * SPOOL_ADDRESS_MAX);
	if (r == RC_OK) {
		conf = queue_conf(q);
		r = queue_forward_back(q, conf, asked.address, &back);
		if (r == RC_OK && !queue_return_has_room(q, &back))
			r = RC_TEMP;
		conf_free(&conf);
	}
	buf_fini(&back.sender);
	queue_answer(c, m, r, "");
}

static void
on_known(struct client *c, struct msg *m)
{
	struct queue_service *q = c->ipc.arg;
	struct queue_known k;

	c->asks_known = true;
	if (queue_known_get(m, &k) != RC_OK)
		queue_answer(c, m, RC_SYNTAX, "the question is garbled");
	else if (known_has(q->known, k.account, k.address))
		queue_answer(c, m, RC_OK, "");
	else
		queue_answer(c, m, RC_NOTFOUND, "");
}

static void
on_grey(struct client *c, struct msg *m)
{
	struct queue_service *q = c->ipc.arg;
	struct queue_grey g;

	if (queue_grey_get(m, &g) != RC_OK)
		queue_answer(c, m, RC_SYNTAX, "the question is garbled");
	else if (grey_pass(q->grey, g.triple, clk_now(), clk_mono()))
		queue_answer(c, m, RC_OK, "");
	else
		queue_answer(c, m, RC_TIMEOUT, "");
}

/* Whether its files are back: as long as we have them open, too, their bytes
 * stay on the disk. */
static void
look_at_files(void *arg)
{
	struct client *c = arg;
	struct queue_service *q = c->ipc.arg;

	c->look = NULL;
	(void)lent_room(&c->lent, 0);
	if (c->lent.n > 0)
		c->look = ev_timer_add(q->o.loop, LENT_MS, look_at_files, c);
}

/* A file is for one connection's large message. */
static size_t
files_most(struct queue_service *q)
{
	struct conf *conf = queue_conf(q);
	size_t most = (size_t)conf->limits.connections + FILES_MORE;

	conf_free(&conf);
	return most;
}

static void
on_file(struct client *c, struct msg *m)
{
	struct queue_service *q = c->ipc.arg;
	struct err err = {.text = ""};
	struct queue_file file = {.fd = -1};
	struct msg reply;
	int ours = -1;

	if (!lent_room(&c->lent, files_most(q))) {
		mlog(LOG_WARN, "queue.files", "outside=%d files=%zu",
		    c->outside, c->lent.n);
		file.rc = err_set(&err, RC_TEMP, "too many files");
	} else {
		file.rc = spool_tmpfile(&file.fd, &ours, &err);
	}
	if (ours >= 0)
		lent_add(&c->lent, ours);
	if (c->lent.n > 0 && c->look == NULL)
		c->look = ev_timer_add(q->o.loop, LENT_MS, look_at_files, c);
	file.text = sv_str(err.text);
	msg_init(&reply, MSG_REPLY);
	queue_file_put(&reply, &file);
	ipc_client_answer(&c->ipc, m->id, &reply);
}

static void
on_client_msg(struct ipc_client *ipc, struct msg *m)
{
	struct client *c = (struct client *)ipc;

	if (c->command)
		queue_control(c, m);
	else if (m->type == QUEUE_FILE)
		on_file(c, m);
	else if (m->type == QUEUE_PUT)
		on_put(c, m);
	else if (m->type == QUEUE_RETURN)
		on_return(c, m);
	else if (m->type == QUEUE_KNOWN)
		on_known(c, m);
	else if (m->type == QUEUE_GREY)
		on_grey(c, m);
	else
		queue_answer(c, m, RC_SYNTAX, "the queue does not know that");
}

static void
on_client_gone(struct ipc_client *ipc)
{
	struct client *c = (struct client *)ipc;

	ev_timer_del(&c->look);
	lent_fini(&c->lent);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client),
    .msg = on_client_msg,
    .gone = on_client_gone,
};

static struct client *
add_client(struct queue_service *q, int fd)
{
	return (struct client *)ipc_server_add(q->clients, fd);
}

void
queue_service_add_client(struct queue_service *q, int fd, bool outside)
{
	add_client(q, fd)->outside = outside;
}

void
queue_service_add_command(struct queue_service *q, int fd)
{
	add_client(q, fd)->command = true;
}

/* ---- peers ---- */

static void
make_due(struct sched_unit *u, struct spool_item *it, void *arg)
{
	struct queue_service *q = arg;

	if (queue_unit_is_local(it, u) && u->state == SCHED_WAITS)
		sched_now(q->local, u);
}

/* It was away: local mail has waited for nothing else. */
static void
on_keeper_up(void *arg)
{
	struct queue_service *q = arg;
	struct spool_item *it;

	for (it = spool_first(q->spool); it != NULL; it = it->next)
		queue_each_unit(it, make_due, q);
	queue_run(q);
}

void
queue_service_set_keeper(struct queue_service *q, int fd)
{
	peer_connect(q->keeper, fd);
}

void
queue_service_set_mx(struct queue_service *q, int fd)
{
	peer_connect(q->mx, fd);
}

void
queue_service_set_auth(struct queue_service *q, int fd)
{
	peer_connect(q->auth, fd);
}

/* ---- life ---- */

/* What is known of a place that fails is not in any item. */
static void
note_place_anew(struct sched_dest *d, void *arg)
{
	struct queue_service *q = arg;

	if (d->failures > 0)
		spool_place(q->spool, d->name,
		    clk_now() + (d->wake - clk_mono()), d->failures,
		    d->reply_text != NULL ? sv_str(d->reply_text) : SV(""));
}

static void
tidy(struct queue_service *q)
{
	q->untidy = false;
	spool_tidy(q->spool);
	if (spool_pending(q->spool))
		queue_commit(q);
}

static void
on_sweep(void *arg)
{
	struct queue_service *q = arg;

	q->sweep = ev_timer_add(q->o.loop, SWEEP_MS, on_sweep, q);
	known_sync(q->known);
	grey_sync(q->grey);
	queue_sweep(q);
	if (spool_outgrown(q->spool))
		sched_each_dest(q->remote, note_place_anew, q);
	if (spool_pending(q->spool)) {
		/* It is on the disk before what it replaces goes. */
		q->untidy = true;
		queue_commit(q);
	} else {
		tidy(q);
	}
}

static void
on_place(void *arg, struct sv name, int64_t when, int64_t next,
    unsigned failures, struct sv reply_text)
{
	struct queue_service *q = arg;
	int64_t wait = next - clk_now(), most = sched_delay(100, 999);

	(void)when;
	/* By another clock it may be years. */
	if (wait > most)
		wait = most;
	sched_remember(q->remote, name, failures > 0 ? clk_mono() + wait : 0,
	    failures, reply_text);
}

static void
load_secret(struct queue_service *q)
{
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = {.text = ""};

	if (secret_load(dirfd, &q->secret, &err) != RC_OK)
		mlog(LOG_ERROR, "queue.secret",
		    "text=\"%s; bounces of forwarded mail are only "
		    "recognised until the next restart\"",
		    err.text);
	io_close(&dirfd);
}

int
queue_service_new(const struct queue_service_opts *o,
    struct queue_service **out, struct err *err)
{
	struct queue_service *q = xcalloc(1, sizeof *q);
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spool_item *it;
	int r;

	q->o = *o;
	q->end_of_turn = end_of_turn;
	q->clients = ipc_server_new(o->loop, &client_ops, q);
	q->local = sched_new(LOCAL_MOST);
	q->remote = sched_new(REMOTE_MOST);
	r = spool_open(dirfd, o->io, on_place, q, &q->spool, err);
	if (r == RC_OK) {
		q->known = known_open(dirfd);
		q->grey = grey_open(dirfd);
	} else {
		io_close(&dirfd);
		ipc_server_free(&q->clients);
		sched_free(&q->local);
		sched_free(&q->remote);
		free(q);
		return r;
	}
	load_secret(q);
	for (it = spool_first(q->spool); it != NULL; it = it->next)
		queue_schedule(q, it, true);
	sched_forget_empty(q->remote);
	q->wall_minus_mono = clk_now() - clk_mono();
	queue_remote_init(q);
	q->keeper =
	    peer_new(o->loop, "keeper", queue_on_keeper, on_keeper_up, q);
	q->mx = peer_new(o->loop, "mx", queue_on_mx, queue_on_mx_up, q);
	q->auth = peer_new(o->loop, "auth", NULL, NULL, q);
	q->sweep = ev_timer_add(o->loop, FIRST_SWEEP_MS, on_sweep, q);
	q->feedback = queue_feedback_new(q);
	returns_load(&q->returns);
	if (spool_count(q->spool) > 0)
		mlog(LOG_INFO, "queue.start", "waiting=%zu",
		    spool_count(q->spool));
	*out = q;
	return RC_OK;
}

static void
drop_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	sched_remove(queue_sched_of(arg, it, u), &u);
}

void
queue_service_free(struct queue_service **qp)
{
	struct queue_service *q = *qp;
	struct spool_item *it;

	if (q == NULL)
		return;
	q->stopping = true;
	/* Answers of open attempts come now, as failures. */
	peer_free(&q->keeper);
	peer_free(&q->mx);
	peer_free(&q->auth);
	queue_seal_stop(q);
	queue_remote_stop(q);
	ev_timer_del(&q->timer);
	ev_timer_del(&q->sweep);
	queue_feedback_free(&q->feedback);
	if (q->turn != NULL)
		q->turn->q = NULL;
	queue_answer_none(q);
	queue_rules_stop(q);
	ipc_server_free(&q->clients);
	for (it = spool_first(q->spool); it != NULL; it = it->next)
		queue_each_unit(it, drop_unit, q);
	sched_free(&q->local);
	sched_free(&q->remote);
	spool_close(&q->spool);
	grey_free(&q->grey);
	known_free(&q->known);
	free(q);
	*qp = NULL;
}

/* ---- status ---- */

#define PLACES_SHOWN 5

struct places {
	const struct sched_dest *d[PLACES_SHOWN];
	size_t n;
};

/* Those with most units, in order. */
static void
note_place(struct sched_dest *d, void *arg)
{
	struct places *p = arg;
	size_t i;

	for (i = p->n; i > 0 && p->d[i - 1]->nunits < d->nunits; i--)
		if (i < PLACES_SHOWN)
			p->d[i] = p->d[i - 1];
	if (i == PLACES_SHOWN)
		return;
	p->d[i] = d;
	p->n += p->n < PLACES_SHOWN;
}

size_t
queue_service_waiting(const struct queue_service *q)
{
	return spool_count(q->spool);
}

void
queue_service_status(struct queue_service *q, struct buf *out)
{
	struct places p = {.n = 0};
	char reply_text[LOG_Q_MAX];
	size_t i;

	buf_addf(out, "%zu message%s\n", spool_count(q->spool),
	    each(spool_count(q->spool), " waits", "s wait"));
	sched_each_dest(q->remote, note_place, &p);
	for (i = 0; i < p.n; i++)
		buf_addf(out, "  %zu for %s%s%s\n", p.d[i]->nunits,
		    p.d[i]->name, p.d[i]->reply_text != NULL ? ": " : "",
		    p.d[i]->reply_text != NULL
			? log_q(reply_text, sv_str(p.d[i]->reply_text))
			: "");
}
