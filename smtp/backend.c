#include "smtp/backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "auth/ask.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_queue.h"
#include "ipc/msg_report.h"
#include "ipc/proto.h"
#include "msgauth/name.h"
#include "msgauth/verdict.h"
#include "smtp/names.h"
#include "smtp/sign.h"

#define ANSWER_MS	  10000 /* then the queue takes it */
#define AUTH_MS		  30000
#define LOGIN_PATIENCE_MS 20000
#define QUEUE_MS	  20000
#define QUEUE_TRIES	  5
#define KNOWN_MS	  2000
#define SIGN_MS		  10000
#define SIGN_TRIES	  6
#define REPORT_MS	  120000
#define REPORT_TRIES	  3
#define REPORT_COST	  (2u << 20)  /* of each, whatever its size */
#define REPORTS_BYTES	  (36u << 20) /* three of 10 MB, 17 small ones */
#define SPOOL_BYTES	  (32u << 20) /* size times accounts: rather spool once */

_Static_assert(SMTP_ACCOUNT_MAX == ACCOUNT_NAME_MAX, "the length of a name");

/* ---- who is full ---- */

static size_t
find_full(const struct smtp_backend_full *f, const char *account)
{
	size_t i = 0;

	while (i < f->n && strcmp(f->name[i], account) != 0)
		i++;
	return i;
}

void
smtp_backend_set_full(struct smtp_backend *h, const char *account, bool full)
{
	struct smtp_backend_full *f = &h->full;
	size_t i;

	pthread_mutex_lock(&f->lock);
	i = find_full(f, account);
	if (full && i == f->n) {
		f->name = xgrow(f->name, &f->cap, f->n + 1, sizeof *f->name);
		f->name[f->n++] = xstrdup(account);
	} else if (!full && i < f->n) {
		free(f->name[i]);
		f->name[i] = f->name[--f->n];
	}
	pthread_mutex_unlock(&f->lock);
}

void
smtp_backend_forget_full(struct smtp_backend *h)
{
	struct smtp_backend_full *f = &h->full;

	pthread_mutex_lock(&f->lock);
	while (f->n > 0)
		free(f->name[--f->n]);
	pthread_mutex_unlock(&f->lock);
}

/* An address of several people is full when all of them are. */
static bool
all_full(struct smtp_backend *h, const struct conf *c, const uint32_t *account,
    size_t n)
{
	struct smtp_backend_full *f = &h->full;
	size_t i = 0;

	pthread_mutex_lock(&f->lock);
	while (i < n && f->n > 0 &&
	       find_full(f, c->account[account[i]].name) < f->n)
		i++;
	pthread_mutex_unlock(&f->lock);
	return n > 0 && i == n;
}

/* ---- addresses ---- */

static int
backend_lookup(void *ctx, struct sv address,
    void (*add)(void *arg, const char *account), void *arg)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	const uint32_t *account;
	size_t i, n = 0;
	int r = conf_lookup(c, address, &account, &n);

	/* One that forwards does so all the same; the others' mail waits. */
	if (r == RC_OK && conf_forward(c, address) == NULL &&
	    all_full(h, c, account, n))
		r = RC_NOSPACE;
	for (i = 0; r == RC_OK && i < n; i++)
		add(arg, c->account[account[i]].name);
	conf_free(&c);
	return r;
}

static size_t
backend_forwards(void *ctx, struct sv address, struct buf *alias)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	const struct conf_alias *a = conf_forward(c, address);
	size_t n = a != NULL ? a->noutside : 0;

	if (a != NULL)
		buf_adds(alias, a->address);
	conf_free(&c);
	return n;
}

/* One that merely looks so is somebody's own. */
static bool
is_own_address(const struct conf *c, struct sv address)
{
	const char *why = conf_lookup_why(c, address);

	return strcmp(why, "address") == 0 || strcmp(why, "alias") == 0;
}

static int
backend_returns(void *ctx, struct sv address)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	struct sv domain = sv_skip(address, sv_rchr(address, '@') + 1);
	bool ours =
	    conf_domain_is_local(c, domain) && !is_own_address(c, address);
	const struct queue_return asked = {address};
	char text[ERR_TEXT_MAX];
	struct msg m, reply;
	int r;

	conf_free(&c);
	if (!ours)
		return RC_NOTFOUND;
	msg_init(&m, QUEUE_RETURN);
	queue_return_put(&m, &asked);
	r = peer_call_later(h->queue, &m, QUEUE_MS, &reply);
	if (r == RC_OK)
		r = msg_answer_read(&reply, RC_TEMP, text);
	msg_fini(&reply);
	return r == RC_OK || r == RC_DENIED || r == RC_TIMEOUT ? r : RC_TEMP;
}

static bool
backend_may_send(void *ctx, const struct smtp_login *who, struct sv address)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	/* By name: after a reload numbers may mean others. */
	int n = conf_account_by_name(c, sv_str(who->account));
	bool ok = n >= 0 && conf_may_send(c, (uint32_t)n, address);

	conf_free(&c);
	return ok;
}

static int
login_once(struct smtp_backend *h, struct sv sasl, const char *peer, bool tls,
    struct smtp_login *out)
{
	const struct login_ask asked = {
	    .service = (uint8_t)h->service,
	    .sasl = sasl,
	    .peer = sv_str(peer),
	    .tls = tls,
	    .fd = -1,
	};
	struct login_done done;
	struct msg m, reply;
	int r;

	msg_init(&m, AUTH_LOGIN);
	login_ask_put(&m, &asked);
	r = peer_call_later(h->auth, &m, AUTH_MS, &reply);
	if (r == RC_OK) {
		r = login_done_get(&reply, &done) == RC_OK ? done.rc : RC_TEMP;
		if (r == RC_OK) {
			out->number = done.number;
			out->credential = done.credential;
			sv_copy(
			    done.account, out->account, sizeof out->account);
		}
	} else if (r == RC_TEMP) {
		r = RC_IO; /* auth has died: the next one can be asked */
	}
	msg_fini(&reply);
	return r;
}

static int
backend_login(void *ctx, struct sv sasl, const char *peer, bool tls,
    struct smtp_login *out)
{
	const struct timespec pause = {0, 200 * 1000 * 1000};
	int64_t until = clk_mono() + LOGIN_PATIENCE_MS;
	int r;

	while ((r = login_once(ctx, sasl, peer, tls, out)) == RC_IO &&
	       clk_mono() < until)
		(void)nanosleep(&pause, NULL);
	return r == RC_OK || r == RC_DENIED ? r : RC_TEMP;
}

static bool
backend_may_leave(void *ctx)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool ok = c->outside;

	conf_free(&c);
	return ok;
}

/* ---- signatures ---- */

/*
 * Whose signature: of the From's domain, since that is what others look for
 * [RFC 7489 3.1].  One who writes for another server's domain (send_as) goes
 * without: we do not have that domain's key, and ours would prove nothing about
 * it.  False: nothing is to be signed.
 */
static bool
signing_domain(
    const struct conf *c, const struct smtp_signing *g, struct buf *out)
{
	struct sv rest = buf_sv(&g->domains), d = SV("");
	size_t i;

	while (rest.n > 0 && !conf_domain_is_local(c, d))
		d = sv_split(&rest, ' ');
	if (!conf_domain_is_local(c, d))
		return false;
	for (i = 0; i < d.n; i++)
		buf_addc(out, ascii_lower(d.p[i]));
	return true;
}

/* Asks auth once; without selectors it says which. */
static int
ask_signer(struct smtp_backend *h, const struct smtp_signing *g,
    const char *domain, int64_t until, struct auth_pair *p)
{
	struct auth_signed what = {
	    buf_sv(&g->names), buf_sv(&g->canon), g->body_hash};
	struct msg m, reply;
	int r = auth_pair_ask(p, domain, &what, clk_now() / 1000, &m);

	if (r == RC_OK)
		r = peer_wait_up(h->auth, until - clk_mono());
	if (r != RC_OK) {
		msg_fini(&m);
		return RC_TEMP;
	}
	r = peer_call(h->auth, &m, until - clk_mono(), &reply);
	if (r == RC_OK)
		r = auth_pair_take(p, &reply);
	msg_fini(&reply);
	return r;
}

/* What we know of a domain's keys: nothing, or what was true lately. */
static void
recall_keys(struct smtp_backend *h, const char *domain, struct auth_pair *p)
{
	struct smtp_backend_keys *k = &h->keys;

	pthread_mutex_lock(&k->lock);
	if (strcmp(k->domain, domain) == 0)
		memcpy(p->selector, k->selector, sizeof p->selector);
	pthread_mutex_unlock(&k->lock);
}

static void
remember_keys(
    struct smtp_backend *h, struct sv domain, const struct auth_pair *p)
{
	struct smtp_backend_keys *k = &h->keys;

	if (domain.n >= sizeof k->domain)
		return;
	pthread_mutex_lock(&k->lock);
	memcpy(k->domain, domain.p, domain.n + 1);
	memcpy(k->selector, p->selector, sizeof k->selector);
	pthread_mutex_unlock(&k->lock);
}

static int
backend_sign(void *ctx, const struct smtp_signing *g, struct buf *out)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	int64_t until = clk_mono() + SIGN_MS;
	struct auth_pair p;
	struct buf domain;
	int i, r = RC_NOTFOUND;

	buf_init(&domain, 1024);
	if (!signing_domain(c, g, &domain))
		r = RC_OK;
	auth_pair_init(&p);
	if (r != RC_OK)
		recall_keys(h, domain.p, &p);
	/* If need be the first answer says which keys and the second is
	 * theirs; more while auth is started anew. */
	for (i = 0; i < SIGN_TRIES && clk_mono() < until &&
		    (r == RC_NOTFOUND || r == RC_TEMP);
	     i++)
		r = ask_signer(h, g, domain.p, until, &p);
	if (r == RC_OK && domain.n > 0)
		remember_keys(h, buf_sv(&domain), &p);
	for (i = 0; r == RC_OK && i < DKIM_ALGORITHMS; i++)
		buf_addsv(out, buf_sv(&p.field[i]));
	auth_pair_fini(&p);
	buf_fini(&domain);
	conf_free(&c);
	return r;
}

/* ---- the queue ---- */

static int
backend_file(void *ctx, int *fd_out)
{
	struct smtp_backend *h = ctx;
	struct queue_file file = {.fd = -1};
	struct msg m, reply;
	int r;

	msg_init(&m, QUEUE_FILE);
	r = peer_call(h->queue, &m, QUEUE_MS, &reply);
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
	int64_t until = clk_mono() + QUEUE_MS;
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
	    .size = d->size,
	    .flags = d->account[i].junk ? DELIVER_JUNK : 0,
	    .front = d->front,
	    .fd = dup(d->fd),
	};
	struct buf verdict;
	struct msg m;

	buf_init(&verdict, VERDICT_BYTES_MAX);
	if (d->verdict != NULL)
		verdict_encode_for(d->verdict, d->account[i].junk,
		    (enum verdict_override)d->account[i].override, &verdict);
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
		ask(h, d, i, &one[i], ms);
	}
	pthread_mutex_lock(&r.lock);
	while (r.open > 0)
		pthread_cond_wait(&r.change, &r.lock);
	pthread_mutex_unlock(&r.lock);
}

/*
 * One more try as long as there is time: the keeper or an account may just be
 * starting anew.  Returns how many are not done; *full: a disk is.
 */
static size_t
try_accounts(struct smtp_backend *h, const struct smtp_delivery *d, bool *done,
    bool *full)
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

static int
backend_deliver(void *ctx, const struct smtp_delivery *d, struct err *err)
{
	struct smtp_backend *h = ctx;
	bool *done = xcalloc(d->naccount, sizeof *done);
	bool full = false;
	int r = RC_OK;

	if (d->noutside + d->nforward > 0 ||
	    (d->naccount > 1 && d->size * d->naccount > SPOOL_BYTES))
		r = put_into_queue(h, d, done, err);
	else if (try_accounts(h, d, done, &full) > 0)
		/* A full disk is told at once: the sender's own queue is a
		 * better place to wait than our full disk. */
		r = full ? err_set(err, RC_NOSPACE, "the disk is full")
			 : put_into_queue(h, d, done, err);
	free(done);
	return r;
}

/* ---- names ---- */

struct asked {
	struct smtp_backend *h;
	char name[DNS_NAME_MAX];
	enum dns_type type;
	dns_done_fn *fn;
	void *arg;
};

static void
on_name(struct dns_answer *a, void *arg)
{
	struct asked *q = arg;

	names_put(q->h->names, q->name, q->type, clk_mono(), a);
	q->fn(a, q->arg);
	free(q);
}

static int
backend_ask(void *ctx, const char *name, bool any, enum dns_type type,
    int64_t ms, dns_done_fn *fn, void *arg)
{
	struct smtp_backend *h = ctx;
	struct asked *q = xcalloc(1, sizeof *q);
	int r;

	*q = (struct asked){.h = h, .type = type, .fn = fn, .arg = arg};
	sv_copy(sv_first(sv_str(name), sizeof q->name - 1), q->name,
	    sizeof q->name);
	r = any ? dns_ask_any(h->dns, name, type, ms, on_name, q)
		: dns_ask(h->dns, name, type, ms, on_name, q);
	if (r != RC_OK)
		free(q);
	return r;
}

static bool
backend_recall(
    void *ctx, const char *name, enum dns_type type, struct dns_answer *out)
{
	struct smtp_backend *h = ctx;

	return names_get(h->names, name, type, clk_mono(), out);
}

/* ---- what the owner wants ---- */

static enum smtp_inbound
backend_inbound(void *ctx, struct sv domain)
{
	static const enum smtp_inbound inbound[] = {
	    [CONF_DMARC_REJECT] = SMTP_INBOUND_REJECT,
	    [CONF_DMARC_JUNK] = SMTP_INBOUND_JUNK,
	    [CONF_DMARC_NOTE] = SMTP_INBOUND_NOTE,
	    [CONF_DMARC_OFF] = SMTP_INBOUND_OFF};
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	enum smtp_inbound policy = inbound[conf_inbound_dmarc(c, domain)];

	conf_free(&c);
	return policy;
}

static bool
backend_trusts(void *ctx, struct sv domain, const char *sealer)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool yes = conf_inbound_trusts(c, domain, sv_str(sealer));

	conf_free(&c);
	return yes;
}

/* ---- reports ---- */

/* One that is being read.  It has a copy of the message: who reads it must not
 * be able to change the one that is delivered. */
struct reading {
	struct smtp_backend *h;
	struct report_mail mail;
	char from[DNS_NAME_MAX];
	unsigned tries;
};

/* What one takes.  One that is too large has no copy. */
static size_t
cost_of(uint64_t size)
{
	return REPORT_COST + (size <= REPORT_MAIL_MAX ? (size_t)size : 0);
}

/* Strangers choose how many there are, and how large. */
static bool
take_room(struct smtp_backend *h, uint64_t size)
{
	size_t cost = cost_of(size);

	if (atomic_fetch_add(&h->reports_out, cost) + cost <= REPORTS_BYTES)
		return true;
	(void)atomic_fetch_sub(&h->reports_out, cost);
	return false;
}

static void
give_room(struct smtp_backend *h, uint64_t size)
{
	(void)atomic_fetch_sub(&h->reports_out, cost_of(size));
}

static void
reading_end(struct reading *x)
{
	give_room(x->h, x->mail.size);
	if (x->mail.fd >= 0)
		(void)close(x->mail.fd);
	free(x);
}

static void on_report_read(int rc, struct msg *reply, void *arg);

static void
ask_reader(struct reading *x)
{
	struct report_mail mail = x->mail;
	struct msg m;

	mail.from = sv_str(x->from);
	mail.fd = x->mail.fd >= 0 ? dup(x->mail.fd) : -1;
	msg_init(&m, REPORT_READ);
	report_mail_put(&m, &mail);
	if (!peer_up(x->h->report))
		x->h->wake_report(x->h->arg);
	peer_ask_later(x->h->report, &m, REPORT_MS, on_report_read, x);
}

/* The process may just have left, or have died of it: it is asked once more,
 * and then told only that it has died. */
static void
on_report_read(int rc, struct msg *reply, void *arg)
{
	struct reading *x = arg;

	(void)reply;
	if (rc == RC_OK) {
		reading_end(x);
		return;
	}
	if (rc == RC_TEMP && ++x->tries < REPORT_TRIES) {
		if (x->tries == REPORT_TRIES - 1) {
			x->mail.deadly = true;
			(void)close(x->mail.fd);
			x->mail.fd = -1;
		}
		ask_reader(x);
		return;
	}
	mlog(LOG_WARN, "report.lost",
	    "from=%s rc=%s text=\"a report was not read; the mail itself is "
	    "delivered\"",
	    x->from, rc_name(rc));
	reading_end(x);
}

static int
copy_piece(void *arg, const char *p, size_t n)
{
	return io_write_all(*(int *)arg, p, n);
}

/* A memory file of its own; -1: there is none, or it is too large to be read.
 */
static int
copy_of(const struct smtp_report_mail *m)
{
	int fd = -1;

	if (m->size > REPORT_MAIL_MAX)
		return -1;
	fd = memfd_create("report", MFD_CLOEXEC);
	if (fd >= 0 &&
	    io_copy_fd(m->fd, m->size, m->size, copy_piece, &fd) != RC_OK) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void
backend_report(void *ctx, const struct smtp_report_mail *m)
{
	struct smtp_backend *h = ctx;
	struct reading *x;

	if (h->report == NULL)
		return;
	if (!take_room(h, m->size)) {
		mlog(LOG_WARN, "report.lost",
		    "text=\"too many reports at once; this one is not read, "
		    "the mail itself is delivered\"");
		return;
	}
	x = xcalloc(1, sizeof *x);
	x->h = h;
	x->mail = (struct report_mail){.verified = m->verified,
	    .expected = m->expected,
	    .received = clk_now() / 1000,
	    .size = m->size,
	    .fd = copy_of(m)};
	if (m->from.n < sizeof x->from)
		sv_copy(m->from, x->from, sizeof x->from);
	ask_reader(x);
}

static void
backend_feedback(void *ctx, const struct smtp_feedback *f)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	/* What comes in our own names the owner sees here. */
	bool wanted =
	    c->reports.send && !conf_domain_is_local(c, f->seen.policy.domain);

	conf_free(&c);
	if (wanted)
		smtp_feedback_send(&h->feedback, h->history, h->dns, f);
}

/* ---- the history ---- */

static void
backend_count(void *ctx, enum history_count what)
{
	struct smtp_backend *h = ctx;

	history_count(h->history, what);
}

static void
backend_note(void *ctx, const struct history_step *step)
{
	struct smtp_backend *h = ctx;
	char peer[NETWORK_PEER_MAX];

	if (h->gate == NULL || step->kind == HISTORY_ACCEPTED ||
	    step->peer.n >= sizeof peer) {
		history_note(h->history, step);
		return;
	}
	sv_copy(step->peer, peer, sizeof peer);
	if (history_gate_may(h->gate, peer))
		history_note(h->history, step);
	else
		history_count(h->history, (enum history_count)step->count);
}

/* ---- mailing lists ---- */

static bool
backend_welcomes(void *ctx, struct sv domain, const struct list_name *list)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool yes = conf_inbound_names_list(
	    c, domain, sv_str(list->address), sv_str(list->id));

	conf_free(&c);
	return yes;
}

/* The queue has seen what the people here have written. */
static int
backend_knows(void *ctx, const char *address, bool *yes)
{
	struct smtp_backend *h = ctx;
	const struct queue_known k = {.address = sv_str(address)};
	char text[ERR_TEXT_MAX];
	struct msg m, reply;
	int r;

	msg_init(&m, QUEUE_KNOWN);
	queue_known_put(&m, &k);
	r = peer_call(h->queue, &m, KNOWN_MS, &reply);
	if (r == RC_OK)
		r = msg_answer_read(&reply, RC_TEMP, text);
	msg_fini(&reply);
	if (r != RC_OK && r != RC_NOTFOUND)
		return RC_TEMP;
	*yes = r == RC_OK;
	return RC_OK;
}

static bool
backend_is_own(void *ctx, struct sv domain)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool own = false;
	size_t i;

	for (i = 0; i < c->ndomain && !own; i++)
		own = name_is_within(domain, sv_str(c->domain[i].name));
	conf_free(&c);
	return own;
}

const struct smtp_ops smtp_backend_ops = {
    .lookup = backend_lookup,
    .forwards = backend_forwards,
    .returns = backend_returns,
    .login = backend_login,
    .may_send = backend_may_send,
    .may_leave = backend_may_leave,
    .file = backend_file,
    .sign = backend_sign,
    .deliver = backend_deliver,
    .ask = backend_ask,
    .recall = backend_recall,
    .inbound = backend_inbound,
    .trusts = backend_trusts,
    .report = backend_report,
    .feedback = backend_feedback,
    .note = backend_note,
    .count = backend_count,
    .welcomes = backend_welcomes,
    .knows = backend_knows,
    .is_own = backend_is_own,
};
