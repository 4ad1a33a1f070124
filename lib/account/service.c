#include "account/service.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "account/deliver.h"
#include "account/junk.h"
#include "account/maintenance.h"
#include "account/outgoing.h"
#include "account/quota.h"
#include "account/rules.h"
#include "account/rules_command.h"
#include "conf/conf.h"
#include "history/history.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_page.h"
#include "ipc/proto.h"
#include "net/pool.h"

#define TICK_MS		1000
#define REST_MS		20000 /* instead, while nothing happens */
#define QUIET_TICKS	4
#define SESSIONS_END_MS 700
#define LEAVE_ASK_MS	5000
#define PAGES_MAX	300 /* beside the sessions; each is short */
/* Less than those who deliver wait for an answer. */
#define SEND_WAIT_MS 7000

/* A delivery that is in the journal but perhaps not on the disk. */
struct pending {
	uint32_t id; /* of the keeper's request */
	uint64_t need;
	struct delivered what;
	struct account *a;
	/* It is on the disk, and waits until what rules send is in the queue,
	 * or for as long as that: so that a process that dies now is started
	 * again. */
	size_t left;
	struct ev_timer *wait;
	struct pending *next;
};

struct account {
	struct ev_loop *loop;
	struct store *store;
	struct account_opts o;
	const struct account_ops *ops;
	void *arg;
	struct peer *keeper;
	struct history *history;
	struct pool *pool;
	struct ev_timer *tick;
	struct maintenance *maintenance;
	struct quota_watch quota;
	struct account_junk *junk;
	int64_t busy_at; /* the last time that something was to be done */
	unsigned quiet;	 /* ticks since then, but for sessions that rest */
	bool asked;	 /* for leave */
	bool stopped;
	uint64_t message_max; /* bytes of a delivery */
	struct conf *conf;

	struct rules *rules;
	struct outbox *outbox;
	struct pending *pending, **pending_end;
	struct pending *sending; /* what they send is on its way */
};

static void
answer(struct account *a, uint32_t id, int rc, const char *text)
{
	struct msg m;

	msg_answer_make(&m, id, rc, text);
	/* A keeper that died is asked again by its clients, with the same
	 * delivery id. */
	if (peer_tell(a->keeper, &m) != RC_OK)
		mlog(LOG_DEBUG, "account.reply.lost", "rc=%s", rc_name(rc));
}

static void
leave_broken(void *arg)
{
	struct account *a = arg;

	mlog(LOG_ERROR, "store.poisoned",
	    "account=%s text=\"writing to the "
	    "journal failed; the process ends and the next one recovers\"",
	    a->o.name);
	a->ops->leave(a->arg, 1);
}

static bool
is_mine(const struct account *a, struct sv name)
{
	return sv_eq(name, sv_str(a->o.name));
}

/* ---- the tick ---- */

static void on_tick(void *arg);

/* There is work: the ticks come every second again. */
static void
wake_up(void *arg)
{
	struct account *a = arg;

	if (a->quiet > QUIET_TICKS && a->tick != NULL) {
		ev_timer_del(&a->tick);
		a->tick = ev_timer_add(a->loop, TICK_MS, on_tick, a);
	}
	a->quiet = 0;
}

/* From any thread. */
static void
on_work(void *arg)
{
	struct account *a = arg;

	ev_post(a->loop, wake_up, a);
}

static void
next_tick(struct account *a)
{
	if (a->quiet++ < QUIET_TICKS || a->pending != NULL ||
	    maintenance_busy(a->maintenance))
		a->tick = ev_timer_add(a->loop, TICK_MS, on_tick, a);
	else
		a->tick = ev_timer_add(a->loop, REST_MS, on_tick, a);
	pool_watch(a->pool, on_work, a);
}

/* ---- what rules send ---- */

static void
pending_free(struct pending *p)
{
	ev_timer_del(&p->wait);
	rules_outcome_fini(&p->what.o);
	free(p);
}

static void
finish_sending(struct pending *p)
{
	struct pending **at = &p->a->sending;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	answer(p->a, p->id, RC_OK, "delivered");
	pending_free(p);
}

static void
on_sent_late(void *arg)
{
	struct pending *p = arg;

	p->wait = NULL;
	finish_sending(p);
}

/* False: nothing of it waits any more. */
static bool
wait_for_sends(struct pending *p)
{
	struct account *a = p->a;
	size_t i;

	for (i = 0; i < p->what.o.nsend; i++)
		p->left += outbox_waits(a->outbox, p->what.o.send[i]);
	if (p->left == 0 || a->stopped)
		return false;
	p->wait = ev_timer_add(a->loop, SEND_WAIT_MS, on_sent_late, p);
	p->next = a->sending;
	a->sending = p;
	return true;
}

static int
outbox_send(void *arg, struct msg *m)
{
	struct account *a = arg;

	return peer_tell(a->keeper, m);
}

static void
outbox_ended(void *arg, const uint8_t id[16])
{
	struct account *a = arg;
	struct pending *p, *next;
	size_t i;

	for (p = a->sending; p != NULL; p = next) {
		next = p->next;
		for (i = 0; i < p->what.o.nsend; i++)
			if (memcmp(p->what.o.send[i], id, 16) == 0)
				break;
		if (i < p->what.o.nsend && --p->left == 0)
			finish_sending(p);
	}
}

/* Its owner hears that a rule's mail did not go. */
static void
outbox_refused(void *arg, const struct outgoing_refused *r)
{
	struct account *a = arg;
	char to[LOG_Q_MAX], why[LOG_Q_MAX];

	mlog(LOG_WARN, "rules.refused", "account=%s to=%s text=%s", a->o.name,
	    log_q(to, r->e->to), log_q(why, r->why));
	if (r->e->kind == ACCOUNT_MAIL_FORWARD)
		rules_tell_refused(a->rules, r->e->to, r->why, r->put_back);
}

static const struct outbox_ops outbox_calls = {
    .send = outbox_send, .ended = outbox_ended, .refused = outbox_refused};

static void
on_sent(struct account *a, struct msg *m)
{
	struct account_sent s;

	if (account_sent_get(m, &s) != RC_OK)
		return;
	if (is_mine(a, s.account))
		outbox_sent(a->outbox, &s);
	account_sent_fini(&s);
}

/* ---- the flush ---- */

/*
 * All deliveries that came since the last flush share the next one: while the
 * disk works, more of them wait in the line's socket.  It runs in the loop's
 * own thread, behind the messages that are there already, because handing a
 * lone delivery to another thread and back costs more than its flush.
 */
static void
flush_pending(void *arg)
{
	struct account *a = arg;
	struct pending *p = a->pending, *next;
	uint64_t need = 0;
	int r;

	a->pending = NULL;
	a->pending_end = &a->pending;
	for (next = p; next != NULL; next = next->next)
		if (next->need > need)
			need = next->need;
	r = p != NULL ? store_flush(a->store, need) : RC_OK;
	for (; p != NULL; p = next) {
		next = p->next;
		if (r == RC_OK)
			account_note_stored(a->history, a->o.name, &p->what);
		if (r == RC_OK && p->what.o.nsend > 0 && wait_for_sends(p))
			continue;
		answer(a, p->id, r == RC_OK ? RC_OK : RC_TEMP,
		    r != RC_OK	   ? "the disk refuses to write"
		    : p->what.junk ? DELIVERED_AS_JUNK
				   : "delivered");
		pending_free(p);
	}
	if (r != RC_OK)
		leave_broken(a);
	else if (a->sending != NULL)
		outbox_kick(a->outbox);
}

static void
enqueue(
    struct account *a, uint32_t id, uint64_t need, const struct delivered *what)
{
	struct pending *p = xcalloc(1, sizeof *p);

	p->id = id;
	p->a = a;
	p->need = need;
	p->what = *what;
	if (a->pending == NULL)
		ev_post(a->loop, flush_pending, a);
	*a->pending_end = p;
	a->pending_end = &p->next;
}

/* ---- quota ---- */

/* The quota is looked at once a second and after each delivery: the keeper
 * hears of it before the delivery is answered. */
static void
look_at_quota(struct account *a, uint64_t *need)
{
	struct msg m;

	if (!quota_watch_look(&a->quota, &m, need))
		return;
	if (peer_tell(a->keeper, &m) != RC_OK)
		quota_watch_forget(&a->quota);
}

/* ---- delivery ---- */

/* Takes what is in *in; got: whether it is a delivery. */
static void
deliver_incoming(struct account *a, struct incoming *in, int got)
{
	struct err err = {.text = ""};
	struct delivered what = {.junk = false};
	const struct delivering how = {a->o.name, a->store, a->rules,
	    a->message_max, a->conf->virus.clamd == NULL};
	const uint32_t id = in->id;
	uint64_t need = 0;
	int r = got;

	if (r == RC_OK) {
		r = account_deliver(&how, in, &what, &need, &err);
		if (r != RC_OK && in->d.fd >= 0)
			account_note_unstored(
			    a->history, a->o.name, in->d.delivery_id, &err);
	} else {
		(void)err_set(&err, r, "not for this account");
	}
	incoming_fini(in);
	if (r == RC_OK) {
		look_at_quota(a, &need);
		enqueue(a, id, need, &what);
		return;
	}
	rules_outcome_fini(&what.o);
	mlog(LOG_WARN, "deliver.fail", "account=%s rc=%s text=\"%s\"",
	    a->o.name, rc_name(r), err.text);
	answer(a, id, r, err.text);
	if (store_poisoned(a->store))
		ev_post(a->loop, leave_broken, a);
}

static void
junk_judged(void *arg, struct incoming *in)
{
	deliver_incoming(arg, in, RC_OK);
}

static void
on_deliver(struct account *a, struct msg *m)
{
	struct incoming in;
	int r = incoming_init(&in, m);

	/* Else it comes back when it was judged. */
	if (r != RC_OK || !account_junk_judge(a->junk, &in))
		deliver_incoming(a, &in, r);
}

/* ---- sessions ---- */

static void
start_session(struct account *a, struct account_session *s, uint64_t owner)
{
	struct pool_task *t;

	s->store = a->store;
	s->account = a->o.name;
	s->hostname = a->o.hostname;
	s->junk = a->junk;
	t = a->o.session_new(s);
	t->owner = owner;
	pool_add(a->pool, t);
}

static void
on_session(struct account *a, struct msg *m)
{
	struct account_session s = {.local = false};
	struct session_open o;
	char peer[ACCOUNT_PEER_MAX];

	/* What auth forwarded must be about this account: the last check
	 * before anybody sees its mail. */
	if (session_open_get(m, &o) != RC_OK) {
		answer(a, m->id, RC_DENIED, "not this account");
		return;
	}
	if (!is_mine(a, o.account) || o.fd < 0 || o.service < CONF_IMAP ||
	    o.service >= CONF_SERVICES) {
		session_open_fini(&o);
		answer(a, m->id, RC_DENIED, "not this account");
		return;
	}
	if (pool_count(a->pool) >= a->o.sessions_max) {
		session_open_fini(&o);
		answer(a, m->id, RC_TEMP, "too many sessions");
		return;
	}
	answer(a, m->id, RC_OK, "");
	sv_copy(o.peer, peer, sizeof peer);
	s.fd = o.fd;
	s.service = (enum conf_service)o.service;
	s.peer = peer;
	s.tls = o.tls;
	s.tag = o.tag;
	start_session(a, &s, o.credential);
}

static bool
has_credential(struct pool_task *t, void *arg)
{
	return t->owner == *(uint64_t *)arg;
}

/*
 * A session of the command line.  `who` takes a credential's place, and what
 * it asks for is done in order: as long as an earlier session of the same who
 * may still have a command in hand, there is no new one, so that an import
 * that was broken off can count what came and nothing comes afterwards.
 */
static void
on_local_session(struct account *a, struct msg *m)
{
	struct account_session s = {.service = CONF_IMAP,
	    .peer = "command-line",
	    .tls = true,
	    .local = true,
	    .tag = SV("local")};
	struct session_local o;

	if (session_local_get(m, &o) != RC_OK) {
		answer(a, m->id, RC_DENIED, "not this account");
		return;
	}
	if (!is_mine(a, o.account) || o.who == 0 || o.fd < 0) {
		session_local_fini(&o);
		answer(a, m->id, RC_DENIED, "not this account");
		return;
	}
	if (pool_count(a->pool) >= a->o.sessions_max ||
	    pool_has(a->pool, has_credential, &o.who)) {
		session_local_fini(&o);
		answer(a, m->id, RC_TEMP, "an earlier session is still ending");
		return;
	}
	answer(a, m->id, RC_OK, "");
	s.fd = o.fd;
	start_session(a, &s, o.who);
}

/* It ends with its answer, or with who asks; nothing else ends it: who may see
 * it auth has said just now. */
static void
start_page(struct account *a, const struct page_open *o)
{
	const struct account_page p = {
	    .store = a->store,
	    .history = a->history,
	    .conf = a->conf,
	    .account = a->o.name,
	    .admin = o->admin,
	    .stranger = o->stranger,
	    .zones = a->o.zones,
	    .junk = a->junk,
	    .csrf = o->csrf,
	    .peer = o->peer,
	    .session = o->session,
	    .fd = o->fd,
	    .person = o->person,
	};

	/* Its task runs before there is something to read. */
	(void)fcntl(o->fd, F_SETFL, O_NONBLOCK);
	pool_add(a->pool, a->o.page_new(&p));
}

static void
on_page(struct account *a, struct msg *m)
{
	struct page_open o;

	if (page_open_get(m, &o) != RC_OK) {
		answer(a, m->id, RC_DENIED, "not this account");
		return;
	}
	/* What came as a link's is one. */
	o.stranger = o.stranger || m->type == LINK_OPEN;
	if (is_mine(a, o.account) && o.fd >= 0 &&
	    (o.person >= 0) != o.stranger && a->conf != NULL &&
	    pool_count(a->pool) < a->o.sessions_max + PAGES_MAX) {
		answer(a, m->id, RC_OK, "");
		start_page(a, &o);
		return;
	}
	answer(a, m->id, is_mine(a, o.account) ? RC_TEMP : RC_DENIED,
	    "too many sessions");
	page_open_fini(&o);
}

static void
on_kick(struct account *a, struct msg *m)
{
	struct session_kick k;

	if (session_kick_get(m, &k) != RC_OK || !is_mine(a, k.account))
		return;
	mlog(LOG_INFO, "session.kick", "account=%s", a->o.name);
	pool_stop_some(a->pool, has_credential, &k.credential);
}

static void
expunged_answer(void *arg, uint32_t id, struct msg *reply)
{
	struct account *a = arg;

	reply->id = id;
	if (peer_tell(a->keeper, reply) != RC_OK)
		mlog(LOG_DEBUG, "account.reply.lost", "type=EXPUNGED");
	if (store_poisoned(a->store))
		leave_broken(a);
}

static void
on_expunged_request(struct account *a, struct msg *m)
{
	char name[ACCOUNT_NAME_MAX];

	if (msg_account_name(m, name) != RC_OK || !is_mine(a, sv_str(name)))
		answer(a, m->id, RC_DENIED, "not this account");
	else
		maintenance_ask(a->maintenance, m);
}

static void
on_rules(struct account *a, struct msg *m)
{
	struct err err = {.text = ""};
	struct rules_ask asked;
	int r;

	if (rules_ask_get(m, &asked) != RC_OK) {
		answer(a, m->id, RC_SYNTAX, "the order is garbled");
		return;
	}
	if (!is_mine(a, asked.account))
		r = err_set(&err, RC_DENIED, "not this account");
	else if (asked.fd < 0)
		r = err_set(&err, RC_TEMP, "too many open files");
	else
		r = rules_command(a->rules, &asked, &err);
	answer(a, m->id, r, err.text);
	rules_ask_fini(&asked);
	if (store_poisoned(a->store))
		ev_post(a->loop, leave_broken, a);
}

static void
on_keeper(struct line *l, struct msg *m, void *arg)
{
	struct account *a = arg;

	(void)l;
	a->busy_at = clk_mono();
	wake_up(a);
	switch (m->type) {
	case DELIVER:
		on_deliver(a, m);
		break;
	case SESSION_OPEN:
		on_session(a, m);
		break;
	case PAGE_OPEN:
	case LINK_OPEN:
		on_page(a, m);
		break;
	case SESSION_LOCAL:
		on_local_session(a, m);
		break;
	case SESSION_KICK:
		on_kick(a, m);
		break;
	case EXPUNGED:
		on_expunged_request(a, m);
		break;
	case JUNK_EXPLAIN:
		account_junk_explain(a->junk, m);
		break;
	case RULES:
		on_rules(a, m);
		break;
	case ACCOUNT_SENT:
		on_sent(a, m);
		break;
	default:
		break;
	}
}

/* ---- leaving ---- */

static bool
is_busy(struct account *a)
{
	return a->pending != NULL || pool_count(a->pool) > 0 ||
	       outbox_busy(a->outbox) || maintenance_busy(a->maintenance) ||
	       account_junk_busy(a->junk);
}

static void
on_may_leave(int rc, struct msg *reply, void *arg)
{
	struct account *a = arg;
	char text[ERR_TEXT_MAX];

	a->asked = false;
	if (rc == RC_OK && msg_answer_read(reply, RC_TEMP, text) == RC_OK)
		a->ops->leave(a->arg, 0);
}

static void
on_tick(void *arg)
{
	struct account *a = arg;
	int64_t now = clk_mono();
	uint64_t need = 0;
	struct msg m;

	next_tick(a);
	pool_tick(a->pool);
	if (store_poisoned(a->store)) {
		leave_broken(a);
		return;
	}
	look_at_quota(a, &need);
	outbox_kick(a->outbox); /* a page has written a letter */
	account_junk_expire(a->junk, &need);
	if (need > 0 && store_flush(a->store, need) != RC_OK) {
		leave_broken(a);
		return;
	}
	if (is_busy(a)) {
		a->busy_at = now;
		return;
	}
	if (now - a->busy_at >= 2 * TICK_MS)
		store_checkpoint(a->store);
	if (now - a->busy_at >= a->o.idle_ms && !a->asked) {
		a->asked = true;
		msg_init(&m, ACCOUNT_LEAVE);
		peer_ask(a->keeper, &m, LEAVE_ASK_MS, on_may_leave, a);
	}
}

/* ---- life ---- */

struct account *
account_new(struct ev_loop *loop, struct store *store,
    const struct account_opts *o, const struct account_ops *ops, void *arg)
{
	struct account *a = xcalloc(1, sizeof *a);

	a->loop = loop;
	a->store = store;
	a->o = *o;
	a->ops = ops;
	a->arg = arg;
	a->busy_at = clk_mono();
	a->pending_end = &a->pending;
	quota_watch_init(&a->quota, store);
	a->rules = rules_new(store);
	rules_set_zones(a->rules, o->zones);
	a->outbox = outbox_new(loop, store, a->o.name, &outbox_calls, a);
	a->keeper = peer_new(loop, "keeper", on_keeper, NULL, a);
	a->junk =
	    account_junk_new(loop, &(struct account_junk_opts){.name = o->name,
				       .hostname = o->hostname,
				       .store = store,
				       .keeper = a->keeper,
				       .back = junk_judged,
				       .arg = a});
	a->history = history_new(loop);
	a->maintenance =
	    maintenance_new(loop, store, &maintenance_pace, expunged_answer, a);
	return a;
}

void
account_start(struct account *a)
{
	a->pool = pool_new(a->o.sessions_max);
	next_tick(a);
	maintenance_start(a->maintenance);
}

enum store_restore_tree
account_restore_tree(const struct conf *conf)
{
	switch (conf->restore_folder) {
	case CONF_RESTORE_NO:
		return STORE_RESTORE_HIDDEN;
	case CONF_RESTORE_NAMESPACE:
		return STORE_RESTORE_APART;
	case CONF_RESTORE_YES:
		return STORE_RESTORE_LISTED;
	}
	return STORE_RESTORE_HIDDEN;
}

void
account_set_conf(struct account *a, struct conf *conf)
{
	struct conf *old = a->conf;

	a->conf = conf_ref(conf);
	conf_free(&old);
	a->message_max = conf_message_max(conf);
	store_set_restore(
	    a->store, conf->retention_ms, account_restore_tree(conf));
	maintenance_set_retention(a->maintenance, conf->retention_ms);
	quota_watch_conf(&a->quota, conf, a->o.name);
	account_junk_set_conf(a->junk, conf);
	rules_set_conf(a->rules, conf, a->o.name);
}

void
account_set_history(struct account *a, int fd)
{
	history_connect(a->history, fd);
}

void
account_set_junk(struct account *a, int fd)
{
	account_junk_connect(a->junk, fd);
}

void
account_set_keeper(struct account *a, int fd)
{
	struct msg m;

	quota_watch_forget(&a->quota);
	peer_connect(a->keeper, fd);
	msg_init(&m, ACCOUNT_OPEN);
	if (peer_tell(a->keeper, &m) != RC_OK)
		mlog(LOG_DEBUG, "account.reply.lost", "type=ACCOUNT_OPEN");
	outbox_again(a->outbox);
}

bool
account_stop(struct account *a)
{
	bool clean;

	ev_timer_del(&a->tick);
	maintenance_free(&a->maintenance);
	clean = pool_stop(a->pool, SESSIONS_END_MS);
	a->stopped = true;
	while (a->sending != NULL)
		finish_sending(a->sending);
	flush_pending(a);
	history_flush(a->history);
	outbox_free(&a->outbox);
	rules_free(&a->rules);
	quota_watch_fini(&a->quota);
	/* Sessions and pages teach, and ask. */
	if (clean)
		account_junk_free(&a->junk);
	conf_free(&a->conf);
	return clean;
}
