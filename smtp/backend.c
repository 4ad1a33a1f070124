#include "smtp/backend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/network.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "msgauth/name.h"
#include "smtp/backend_priv.h"

#define AUTH_MS		  30000
#define LOGIN_PATIENCE_MS 20000
#define KNOWN_MS	  2000

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
	r = peer_call_later(h->queue, &m, SMTP_QUEUE_MS, &reply);
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
login_once(struct smtp_backend *h, struct sv sasl, const char *peer,
    enum smtp_tls tls, struct smtp_login *out)
{
	const struct login_ask asked = {
	    .service =
		tls == SMTP_TLS_IMPLICIT ? CONF_SUBMISSIONS : CONF_SUBMISSION,
	    .sasl = sasl,
	    .peer = sv_str(peer),
	    .tls = tls != SMTP_TLS_NONE,
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
backend_login(void *ctx, struct sv sasl, const char *peer, enum smtp_tls tls,
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

/* ---- names ---- */

static int
backend_ask(void *ctx, const char *name, bool any, enum dns_type type,
    int64_t ms, dns_done_fn *fn, void *arg)
{
	struct smtp_backend *h = ctx;

	return dns_asker_ask(h->names, name, any, type, ms, fn, arg);
}

static bool
backend_recall(void *ctx, const char *name, bool any, enum dns_type type,
    struct dns_answer *out)
{
	struct smtp_backend *h = ctx;

	return dns_asker_recall(h->names, name, any, type, out);
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

/* Those of one zone are one list, of which some codes are for refusing. */
static struct smtp_block_list *
list_of(struct smtp_block_list *all, size_t *n, const char *zone)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (strcmp(all[i].zone, zone) == 0)
			return &all[i];
	must(*n < SMTP_BLOCK_LISTS_MAX);
	(void)snprintf(all[i].zone, sizeof all[i].zone, "%s", zone);
	return &all[(*n)++];
}

_Static_assert(CONF_BLOCK_LISTS_MAX <= SMTP_BLOCK_LISTS_MAX, "lists");
_Static_assert(2 * CONF_CODES_MAX <= SMTP_CODES_MAX, "codes of a list");

static size_t
backend_block_lists(void *ctx, struct smtp_block_list **out)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	const struct conf_block_lists *l = &c->inbound.block_lists;
	struct smtp_block_list *all =
	    xcalloc(SMTP_BLOCK_LISTS_MAX, sizeof *all);
	size_t i, k, n = 0;

	for (i = 0; i < l->n; i++) {
		const struct conf_block_list *b = &l->list[i];
		struct smtp_block_list *s = list_of(all, &n, b->zone);

		for (k = 0; k < b->ncode && s->ncode < SMTP_CODES_MAX; k++) {
			memcpy(
			    s->code[s->ncode++], b->code[k], sizeof b->code[k]);
			if (b->refuse)
				memcpy(s->refuse[s->nrefuse++], b->code[k],
				    sizeof b->code[k]);
		}
	}
	conf_free(&c);
	*out = all;
	return n;
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
backend_knows(void *ctx, const char *account, const char *address, bool *yes)
{
	struct smtp_backend *h = ctx;
	const struct queue_known k = {
	    .account = sv_str(account), .address = sv_str(address)};
	char text[ERR_TEXT_MAX];
	struct msg m, reply;
	uint64_t ticket;
	int r;

	if (smtp_knows_get(
		&h->knows, account, address, clk_mono(), yes, &ticket))
		return RC_OK;
	msg_init(&m, QUEUE_KNOWN);
	queue_known_put(&m, &k);
	r = peer_call(h->queue, &m, KNOWN_MS, &reply);
	if (r == RC_OK)
		r = msg_answer_read(&reply, RC_TEMP, text);
	msg_fini(&reply);
	if (r != RC_OK && r != RC_NOTFOUND)
		return RC_TEMP;
	*yes = r == RC_OK;
	smtp_knows_put(&h->knows, account, address, clk_mono(), *yes, ticket);
	return RC_OK;
}

static void
backend_standing(void *ctx, struct verdict *v)
{
	struct smtp_backend *h = ctx;

	if (h->standing != NULL)
		smtp_standing_look(h->standing, v);
}

static void
backend_refused(void *ctx, const struct verdict *v)
{
	struct smtp_backend *h = ctx;

	if (h->standing != NULL)
		smtp_standing_note(h->standing, v, true);
}

/* ---- greylisting ---- */

static bool
backend_greylists(void *ctx)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool on = c->inbound.greylist;

	conf_free(&c);
	return on;
}

static bool
backend_grey(void *ctx, const char *peer, const char *name, struct sv triple)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool is_relay = conf_has_relay(c, sv_str(peer)) ||
			(name[0] != '\0' && conf_has_relay(c, sv_str(name)));
	const struct queue_grey g = {triple};
	char text[ERR_TEXT_MAX];
	struct msg m, reply;
	int r;

	conf_free(&c);
	if (is_relay)
		return false;
	msg_init(&m, QUEUE_GREY);
	queue_grey_put(&m, &g);
	r = peer_call(h->queue, &m, KNOWN_MS, &reply);
	if (r == RC_OK)
		r = msg_answer_read(&reply, RC_TEMP, text);
	else
		r = RC_TEMP;
	msg_fini(&reply);
	return r == RC_TIMEOUT;
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
    .file = smtp_backend_file,
    .sign = smtp_backend_sign,
    .deliver = smtp_backend_deliver,
    .scan = smtp_backend_scan,
    .ask = backend_ask,
    .recall = backend_recall,
    .inbound = backend_inbound,
    .trusts = backend_trusts,
    .report = smtp_backend_report,
    .feedback = backend_feedback,
    .note = backend_note,
    .count = backend_count,
    .welcomes = backend_welcomes,
    .knows = backend_knows,
    .is_own = backend_is_own,
    .standing = backend_standing,
    .refused = backend_refused,
    .greylists = backend_greylists,
    .grey = backend_grey,
    .block_lists = backend_block_lists,
};
