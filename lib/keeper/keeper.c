#include "keeper/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/size.h"
#include "base/tally.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "ipc/server.h"

#define DELIVERY_TIMEOUT_MS  30000
#define OPEN_MAX_PER_ACCOUNT 1000
#define DEATHS_TO_OPAQUE     2
#define SWEEP_MS	     1000

_Static_assert(ACCOUNT_NAME_MAX == CONF_NAME_MAX, "the length of a name");

/* Somebody who asks. */
struct client {
	struct ipc_client ipc;
	unsigned may;
};

/* A request on its way through. */
struct request {
	struct ipc_request ipc;
	uint32_t account_id; /* on the account's line; 0: waits */
	int64_t deadline;
	unsigned deaths;
	bool delivery; /* may be sent again */
	struct msg m;  /* as it goes to the account */
	struct request *next;
};

enum account_state {
	ACCOUNT_DOWN,
	ACCOUNT_STARTING,
	ACCOUNT_UP,
	ACCOUNT_LEAVING
};

struct account {
	struct keeper *k;
	char *name;
	enum account_state state;
	struct line *line;
	bool open; /* its process has its store */
	bool shut; /* the last one could not open it */
	uint32_t next_id;
	struct request *requests, **end;
	unsigned nrequests;
	uint64_t bytes, quota; /* as it last said; 0: none that we know of */
	struct account *next;
};

struct keeper {
	struct ev_loop *loop;
	struct conf *conf;
	const struct keeper_ops *ops;
	void *arg;
	struct ipc_server *clients;
	struct account *accounts;
	struct ev_timer *sweep; /* runs while there are requests */
};

static void on_sweep(void *arg);

/* ---- answers ---- */

static void
reply(struct line *l, uint32_t id, int rc, const char *text)
{
	struct msg m;

	msg_answer_make(&m, id, rc, text);
	if (line_send(l, &m) != RC_OK)
		mlog(LOG_DEBUG, "keeper.reply.lost", "rc=%s", rc_name(rc));
}

/* Takes r out of its account's list and frees it. */
static void
request_free(struct account *a, struct request *r)
{
	struct request **at = &a->requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (r->next == NULL)
		a->end = at;
	a->nrequests--;
	ipc_request_end(&r->ipc);
	msg_fini(&r->m);
	free(r);
}

static void
request_fail(struct account *a, struct request *r, int rc, const char *text)
{
	struct msg m;

	msg_answer_make(&m, 0, rc, text);
	ipc_request_answer(&r->ipc, &m);
	request_free(a, r);
}

/* ---- to the account ---- */

/* A copy of the message that can be lost: the descriptor is duplicated. */
static bool
copy_message(const struct request *r, struct msg *out)
{
	int fd = dup(r->m.fd[0]);

	if (fd < 0)
		return false;
	msg_init(out, r->m.type);
	out->deadline = r->deadline;
	buf_addsv(&out->b, buf_sv(&r->m.b));
	msg_put_fd(out, fd);
	return true;
}

/* A session's socket went with the process: RC_IO tells its listener to ask
 * again with a fresh one. */
static void
request_died(struct account *a, struct request *r)
{
	uint16_t type = r->m.type;
	bool session =
	    type == SESSION_OPEN || type == PAGE_OPEN || type == LINK_OPEN;

	request_fail(
	    a, r, session ? RC_IO : RC_TEMP, "the account's process has died");
}

static void
request_send(struct account *a, struct request *r)
{
	struct msg m;

	if (++a->next_id == 0)
		a->next_id = 1;
	if (r->delivery) {
		if (!copy_message(r, &m)) {
			request_fail(a, r, RC_TEMP, "too many open files");
			return;
		}
	} else {
		m = r->m;
		msg_init(&r->m, r->m.type);
	}
	r->account_id = m.id = a->next_id;
	if (line_send(a->line, &m) == RC_OK || r->delivery)
		return;
	if (line_gone(a->line))
		request_died(a, r);
	else
		request_fail(a, r, RC_TEMP, "the account's process is busy");
	/* A delivery that could not be sent waits for the sweep or the EOF. */
}

/*
 * A process died with several messages in hand: each is a suspect.  They go
 * one by one, before anything new, so that the next death has one cause and
 * nobody else's mail is stored unparsed for it.
 */
static struct request *
first_suspect(const struct account *a)
{
	struct request *r;

	for (r = a->requests; r != NULL; r = r->next)
		if (r->delivery && r->deaths > 0)
			return r;
	return NULL;
}

static bool
has_delivery_in_hand(const struct account *a)
{
	const struct request *r;

	for (r = a->requests; r != NULL; r = r->next)
		if (r->delivery && r->account_id != 0)
			return true;
	return false;
}

static void
send_waiting(struct account *a)
{
	struct request *suspect = first_suspect(a), *r, *next;

	for (r = a->requests; r != NULL; r = next) {
		next = r->next;
		if (r->account_id == 0 && (suspect == NULL || !r->delivery))
			request_send(a, r);
	}
	if (suspect != NULL && !has_delivery_in_hand(a))
		request_send(a, suspect);
}

static void
account_start(struct account *a)
{
	int number = conf_account_by_name(a->k->conf, sv_str(a->name));

	if (number < 0) {
		while (a->requests != NULL)
			request_fail(a, a->requests, RC_PERM,
			    "this account has been removed");
		return;
	}
	a->state = ACCOUNT_STARTING;
	a->k->ops->start(a->k->arg, (uint32_t)number);
}

static void
mark_opaque(struct account *a, struct request *r)
{
	char q[LOG_Q_MAX];

	if (r->deaths != DEATHS_TO_OPAQUE)
		return;
	mail_delivery_mark(&r->m, DELIVER_OPAQUE);
	mlog(LOG_WARN, "keeper.opaque", "account=%s deaths=%u text=%s", a->name,
	    r->deaths,
	    log_q(q, SV("a message is stored without being parsed, because the "
			"process died on it twice")));
}

/* The process is gone: what it had in hand goes to the next one. */
static void
take_back(struct account *a)
{
	struct request *r, *next;

	for (r = a->requests; r != NULL; r = next) {
		next = r->next;
		if (r->account_id == 0)
			continue;
		r->account_id = 0;
		r->deaths += a->open;
		if (!r->delivery)
			request_died(a, r);
		else
			mark_opaque(a, r);
	}
}

static void
on_account_eof(struct line *l, void *arg)
{
	struct account *a = arg;

	line_free(&l);
	a->line = NULL;
	a->state = ACCOUNT_DOWN;
	a->shut = !a->open;
	take_back(a);
	if (a->requests != NULL)
		account_start(a);
}

static void
on_leave(struct account *a, struct msg *m)
{
	if (a->requests != NULL) {
		/* It may have asked before and not heard our "go". */
		if (a->state == ACCOUNT_LEAVING) {
			a->state = ACCOUNT_UP;
			send_waiting(a);
		}
		reply(a->line, m->id, RC_TEMP, "stay");
		return;
	}
	a->state = ACCOUNT_LEAVING;
	reply(a->line, m->id, RC_OK, "go");
}

/* ---- quota ---- */

static bool
is_full(const struct account *a)
{
	return a->quota != 0 && a->bytes >= a->quota;
}

static void
tell_full(struct client *c, const struct account *a)
{
	const struct account_full news = {sv_str(a->name), is_full(a)};
	struct msg m;

	if (!(c->may & KEEPER_MAY_DELIVER))
		return;
	msg_init(&m, ACCOUNT_FULL);
	account_full_put(&m, &news);
	/* Lost, it costs some mail that is taken above the quota. */
	ipc_client_tell(&c->ipc, &m);
}

static void
set_usage(struct account *a, uint64_t bytes, uint64_t quota)
{
	bool was = is_full(a);
	struct ipc_client *c = ipc_server_clients(a->k->clients);

	a->bytes = bytes;
	a->quota = quota;
	for (; c != NULL && is_full(a) != was; c = c->next)
		tell_full((struct client *)c, a);
}

static void
on_usage(struct account *a, struct msg *m)
{
	struct account_usage u;

	if (account_usage_get(m, &u) == RC_OK)
		set_usage(a, u.bytes, u.quota);
}

void
keeper_status(const struct keeper *k, struct buf *text)
{
	char used[SIZE_TEXT], all[SIZE_TEXT];
	const struct account *a;

	for (a = k->accounts; a != NULL; a = a->next)
		if (a->shut)
			buf_addf(text,
			    "%s: " KEEPER_STATUS_SHUT
			    "; its mail waits in the queue; the log says "
			    "why: store.open\n",
			    a->name);
	for (a = k->accounts; a != NULL; a = a->next)
		if (a->quota != 0)
			buf_addf(text, "%s: %s of %s (%llu %%)%s\n", a->name,
			    size_print(a->bytes, used),
			    size_print(a->quota, all),
			    (unsigned long long)(a->bytes * 100 / a->quota),
			    is_full(a) ? ": FULL, gets no mail" : "");
}

/* ---- what rules send ---- */

/* The queue's line. */
static struct client *
find_queue(struct keeper *k)
{
	struct ipc_client *c = ipc_server_clients(k->clients);

	for (; c != NULL; c = c->next)
		if (c->line != NULL &&
		    (((struct client *)c)->may & KEEPER_IS_QUEUE) != 0)
			return (struct client *)c;
	return NULL;
}

/* Passed on in the account's name, whatever it says. */
static void
on_send(struct account *a, struct msg *m)
{
	struct client *queue = find_queue(a->k);
	struct account_mail mail;
	struct account_sent sent = {.account = sv_str(a->name),
	    .rc = RC_TEMP,
	    .text = SV("the queue is not available")};
	struct msg out;

	if (account_mail_get(m, &mail) != RC_OK)
		return;
	if (queue != NULL) {
		mail.account = sv_str(a->name);
		msg_init(&out, ACCOUNT_SEND);
		account_mail_put(&out, &mail);
		ipc_client_tell(&queue->ipc, &out);
		return;
	}
	memcpy(sent.id, mail.id, sizeof sent.id);
	account_mail_fini(&mail);
	msg_init(&out, ACCOUNT_SENT);
	account_sent_put(&out, &sent);
	if (line_send(a->line, &out) != RC_OK)
		mlog(LOG_DEBUG, "keeper.reply.lost", "type=ACCOUNT_SENT");
}

/* Lost, it comes again: the account asks once more. */
static void
on_sent(struct keeper *k, const char *name, struct msg *m)
{
	struct account *a;
	struct msg copy;

	for (a = k->accounts; a != NULL; a = a->next) {
		if (strcmp(a->name, name) != 0 || a->line == NULL)
			continue;
		msg_init(&copy, m->type);
		buf_addsv(&copy.b, buf_sv(&m->b));
		if (line_send(a->line, &copy) != RC_OK)
			mlog(LOG_DEBUG, "keeper.sent.lost", "account=%s", name);
	}
}

static void
on_account_msg(struct line *l, struct msg *m, void *arg)
{
	struct account *a = arg;
	struct request *r;
	char text[ERR_TEXT_MAX];
	struct msg answer;
	bool suspicious;

	(void)l;
	if (m->type == ACCOUNT_OPEN) {
		a->open = true;
		a->shut = false;
		return;
	}
	if (m->type == ACCOUNT_LEAVE) {
		on_leave(a, m);
		return;
	}
	if (m->type == ACCOUNT_USAGE) {
		on_usage(a, m);
		return;
	}
	if (m->type == ACCOUNT_SEND) {
		on_send(a, m);
		return;
	}
	if (m->type != MSG_REPLY)
		return;
	for (r = a->requests; r != NULL; r = r->next)
		if (r->account_id == m->id)
			break;
	if (r == NULL)
		return; /* too late */
	if (r->delivery && msg_answer_read(m, RC_SYNTAX, text) == RC_OK)
		tally_add(TALLY_DELIVERED, 1);
	msg_init(&answer, MSG_REPLY);
	buf_addsv(&answer.b, buf_sv(&m->b));
	ipc_request_answer(&r->ipc, &answer);
	suspicious = r->deaths > 0;
	request_free(a, r);
	if (suspicious && a->state == ACCOUNT_UP)
		send_waiting(a);
}

/* ---- from clients ---- */

static struct account *
account_get(struct keeper *k, const char *name)
{
	struct account *a;

	for (a = k->accounts; a != NULL; a = a->next)
		if (strcmp(a->name, name) == 0)
			return a;
	a = xcalloc(1, sizeof *a);
	a->k = k;
	a->name = xstrdup(name);
	a->end = &a->requests;
	a->next = k->accounts;
	k->accounts = a;
	return a;
}

static void
account_ask(struct account *a, struct client *c, struct msg *m)
{
	struct request *r = xcalloc(1, sizeof *r);

	ipc_request_begin(&r->ipc, &c->ipc, m);
	if (a->k->sweep == NULL)
		a->k->sweep =
		    ev_timer_add(a->k->loop, SWEEP_MS, on_sweep, a->k);
	r->deadline =
	    m->deadline != 0 ? m->deadline : clk_mono() + DELIVERY_TIMEOUT_MS;
	r->delivery = m->type == DELIVER;
	r->m = *m;
	msg_init(m, 0);
	*a->end = r;
	a->end = &r->next;
	a->nrequests++;
	switch (a->state) {
	case ACCOUNT_UP:
		send_waiting(a);
		break;
	case ACCOUNT_DOWN:
		account_start(a);
		break;
	case ACCOUNT_STARTING: /* sent when it is up */
	case ACCOUNT_LEAVING:  /* started anew at its EOF */
		break;
	}
}

/* Sessions that were granted before the kick and wait for the account's
 * process would open behind it: they fail, too. */
static void
fail_waiting_sessions(struct account *a)
{
	struct request *r, *next;

	for (r = a->requests; r != NULL; r = next) {
		next = r->next;
		if (!r->delivery && r->account_id == 0)
			request_fail(a, r, RC_TEMP, "log in again");
	}
}

static void
on_kick(struct keeper *k, const char *name, struct msg *m)
{
	struct account *a;
	struct msg copy;

	for (a = k->accounts; a != NULL; a = a->next) {
		if (strcmp(a->name, name) != 0)
			continue;
		fail_waiting_sessions(a);
		if (a->line == NULL)
			continue;
		msg_init(&copy, m->type);
		buf_addsv(&copy.b, buf_sv(&m->b));
		if (line_send(a->line, &copy) != RC_OK)
			mlog(LOG_WARN, "keeper.kick.lost", "account=%s", name);
	}
}

static bool
is_allowed(const struct client *c, const struct msg *m)
{
	if (m->type == DELIVER)
		return (c->may & KEEPER_MAY_DELIVER) != 0;
	if (m->type == SESSION_OPEN || m->type == SESSION_KICK ||
	    m->type == PAGE_OPEN || m->type == LINK_OPEN)
		return (c->may & KEEPER_MAY_SESSION) != 0;
	if (m->type == SESSION_LOCAL || m->type == EXPUNGED ||
	    m->type == JUNK_EXPLAIN || m->type == RULES)
		return (c->may & KEEPER_MAY_LOCAL) != 0;
	if (m->type == ACCOUNT_SENT)
		return (c->may & KEEPER_IS_QUEUE) != 0;
	return false;
}

static void
refuse(struct client *c, const struct msg *m, int rc, const char *text)
{
	struct msg answer;

	msg_answer_make(&answer, 0, rc, text);
	ipc_client_answer(&c->ipc, m->id, &answer);
}

static void
on_client_msg(struct ipc_client *ipc, struct msg *m)
{
	struct client *c = (struct client *)ipc;
	struct keeper *k = ipc->arg;
	char name[ACCOUNT_NAME_MAX];
	struct account *a;

	if (!is_allowed(c, m) || msg_account_name(m, name) != RC_OK) {
		/* No process of ours says that: it has been taken over. */
		mlog(LOG_ERROR, "keeper.forbidden", "type=%u may=%u", m->type,
		    c->may);
		line_accuse(ipc->line);
		ipc_client_cut(ipc);
		return;
	}
	if (m->type == SESSION_KICK) {
		on_kick(k, name, m);
		return;
	}
	if (m->type == ACCOUNT_SENT) {
		on_sent(k, name, m);
		return;
	}
	if (conf_account_by_name(k->conf, sv_str(name)) < 0) {
		refuse(c, m, RC_NOTFOUND, "no such account");
		return;
	}
	/* A page has the person's line, too. */
	if (m->nfd != (m->type == PAGE_OPEN ? 2 : 1) || m->fd[0] < 0) {
		refuse(c, m, RC_TEMP, "too many open files");
		return;
	}
	a = account_get(k, name);
	if (a->nrequests >= OPEN_MAX_PER_ACCOUNT) {
		refuse(
		    c, m, RC_TEMP, "too many messages wait for this account");
		return;
	}
	account_ask(a, c, m);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client), .msg = on_client_msg};

void
keeper_add_client(struct keeper *k, int fd, unsigned may)
{
	struct client *c = (struct client *)ipc_server_add(k->clients, fd);
	struct account *a;

	c->may = may;
	for (a = k->accounts; a != NULL; a = a->next)
		if (is_full(a))
			tell_full(c, a);
}

void
keeper_add_account(struct keeper *k, const char *name, int fd)
{
	struct account *a = account_get(k, name);

	/* The new line may come before the old one's end is seen. */
	if (a->line != NULL) {
		line_free(&a->line);
		take_back(a);
	}
	a->line = line_new(k->loop, fd, on_account_msg, on_account_eof, a);
	a->open = false;
	a->state = ACCOUNT_UP;
	send_waiting(a);
}

void
keeper_account_refused(struct keeper *k, const char *name)
{
	struct account *a = account_get(k, name);

	if (a->state == ACCOUNT_STARTING)
		a->state = ACCOUNT_DOWN;
	while (a->state == ACCOUNT_DOWN && a->requests != NULL)
		request_fail(a, a->requests, RC_TEMP,
		    "the account's process cannot be started");
}

/* ---- the keeper itself ---- */

static void
on_sweep(void *arg)
{
	struct keeper *k = arg;
	int64_t now = clk_mono();
	struct account *a;
	bool any = false;

	k->sweep = NULL;
	for (a = k->accounts; a != NULL; a = a->next) {
		struct request *r, *next;

		any = any || a->requests != NULL;
		for (r = a->requests; r != NULL; r = next) {
			next = r->next;
			if (r->deadline <= now)
				request_fail(a, r, RC_TIMEOUT,
				    "the account's process does not answer");
		}
	}
	/* A server at rest does not wake up. */
	if (any)
		k->sweep = ev_timer_add(k->loop, SWEEP_MS, on_sweep, k);
}

struct keeper *
keeper_new(struct ev_loop *loop, struct conf *conf,
    const struct keeper_ops *ops, void *arg)
{
	struct keeper *k = xcalloc(1, sizeof *k);

	k->loop = loop;
	k->clients = ipc_server_new(loop, &client_ops, k);
	k->conf = conf_ref(conf);
	k->ops = ops;
	k->arg = arg;
	return k;
}

void
keeper_set_conf(struct keeper *k, struct conf *conf)
{
	struct conf *old = k->conf;
	struct account *a;

	k->conf = conf_ref(conf);
	conf_free(&old);
	/* A start asked for with the old generation's number was refused.
	 * Quotas may have changed: who is full now says so when it is at
	 * work. */
	for (a = k->accounts; a != NULL; a = a->next) {
		if (a->state == ACCOUNT_STARTING)
			account_start(a);
		set_usage(a, 0, 0);
	}
}

void
keeper_free(struct keeper **kp)
{
	struct keeper *k = *kp;
	struct account *a;

	if (k == NULL)
		return;
	ev_timer_del(&k->sweep);
	while ((a = k->accounts) != NULL) {
		k->accounts = a->next;
		line_free(&a->line);
		while (a->requests != NULL)
			request_fail(a, a->requests, RC_TEMP, "shutting down");
		free(a->name);
		free(a);
	}
	ipc_server_free(&k->clients);
	conf_free(&k->conf);
	free(k);
	*kp = NULL;
}
