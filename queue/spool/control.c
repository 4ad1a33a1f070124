/* The owner's commands on the queue: list and show, retry, hold, release,
 * remove.  What they change is on the disk before they are answered. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "queue/spool/service_priv.h"
#include "queue/spool/listing.h"
#include "queue/spool/report.h"

#define RECORD_MAX (8u << 20)
#define CHUNK	   32768

/* ---- which ---- */

struct selection {
	const struct queue_selector *s;
	size_t n;
};

/* Recipients that have their outcome are nobody's any more. */
static bool
is_meant(const struct selection *sel, const struct spool_item *it, size_t rcpt)
{
	size_t i;

	if (it->rcpt[rcpt].outcome != SPOOL_WAITS)
		return false;
	for (i = 0; i < sel->n; i++)
		if (queue_selector_matches(&sel->s[i], it, rcpt))
			return true;
	return false;
}

static bool
item_is_meant(const struct selection *sel, const struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (is_meant(sel, it, i))
			return true;
	return false;
}

/* ---- list and show ---- */

/* The last words on a recipient of the unit, by that time. */
static struct sv
last_words(const struct spool_item *it, const struct sched_unit *u)
{
	size_t i;

	for (i = it->nattempt; i-- > 0;)
		if (it->rcpt[it->attempt[i].rcpt].unit == u)
			return sv_str(it->attempt[i].reply_text);
	return SV("");
}

static enum queue_state
state_of(const struct sched_unit *u, struct sv reply_text)
{
	if (u->state == SCHED_HELD)
		return QUEUE_HELD;
	if (u->state == SCHED_IN_FLIGHT)
		return QUEUE_IN_FLIGHT;
	if (u->dest->node.at != 0)
		return QUEUE_AWAY;
	if (u->state == SCHED_READY)
		return QUEUE_TURN;
	return queue_is_greylisting(reply_text) ? QUEUE_GREYLISTED
						: QUEUE_LATER;
}

_Static_assert(NUMBER_QUEUE_STATES == QUEUE_STATES, "ipc/numbers.h");

static void
count_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	uint64_t *n = arg;

	n[state_of(u, last_words(it, u))]++;
}

void
queue_service_count(struct queue_service *q, uint64_t out[NUMBER_QUEUE_STATES])
{
	struct spool_item *it;

	for (it = spool_first(q->spool); it != NULL; it = it->next)
		queue_each_unit(it, count_unit, out);
}

static struct queue_unit
list_unit(const struct spool_item *it, const struct sched_unit *u)
{
	struct sv reply_text = last_words(it, u);
	enum queue_state state = state_of(u, reply_text);
	int64_t due = 0;

	if (state == QUEUE_AWAY) {
		due = u->dest->wake;
		reply_text = sv_str(u->dest->reply_text);
		if (u->state == SCHED_WAITS && u->node.key > due)
			due = u->node.key;
	} else if (state == QUEUE_GREYLISTED || state == QUEUE_LATER) {
		due = u->node.key;
	}
	return (struct queue_unit){
	    .state = state,
	    .local = queue_unit_is_local(it, u),
	    .place = sv_str(u->dest->name),
	    .next = due != 0 ? clk_now() + (due - clk_mono()) : 0,
	    .tries = sched_tries(u),
	    .reply_text = reply_text,
	};
}

static uint32_t
number_of(const struct spool_item *it, const struct sched_unit *u)
{
	const struct sched_unit *at;
	uint32_t n = 0;

	for (at = it->units; at != NULL; at = at->next_of_item, n++)
		if (at == u)
			return n;
	return UINT32_MAX;
}

static void
list_units(const struct spool_item *it, struct queue_entry *e)
{
	const struct sched_unit *u;
	uint32_t n = 0;

	for (u = it->units; u != NULL; u = u->next_of_item)
		n++;
	e->unit = xcalloc(n + 1, sizeof *e->unit);
	for (u = it->units; u != NULL; u = u->next_of_item)
		e->unit[e->nunit++] = list_unit(it, u);
}

static void
list_recipients(const struct spool_item *it, struct queue_entry *e)
{
	const struct spool_recipient *r;

	e->rcpt = xcalloc(it->nrcpt + 1, sizeof *e->rcpt);
	for (r = it->rcpt; r < it->rcpt + it->nrcpt; r++)
		e->rcpt[e->nrcpt++] = (struct queue_rcpt){
		    .via = sv_str(r->via),
		    .address = sv_str(r->address),
		    .local = r->local,
		    .held = r->held,
		    .outcome = (uint8_t)r->outcome,
		    .attempts = r->attempts,
		    .unit = number_of(it, r->unit),
		};
}

static void
list_item(const struct spool_item *it, bool attempts, struct msg *m)
{
	struct queue_entry e = {
	    .id = it->seq,
	    .size = it->size,
	    .arrived = it->arrived,
	    .flags = it->flags,
	    .sender = sv_str(it->sender),
	    .owner = sv_str(it->owner),
	};
	size_t i;

	list_units(it, &e);
	list_recipients(it, &e);
	if (attempts)
		e.attempt = xcalloc(it->nattempt + 1, sizeof *e.attempt);
	for (i = 0; attempts && i < it->nattempt; i++)
		e.attempt[e.nattempt++] = (struct queue_try){
		    .when = it->attempt[i].when,
		    .rcpt = it->attempt[i].rcpt,
		    .reply_text = sv_str(it->attempt[i].reply_text),
		};
	queue_entry_write(m, &e);
	queue_entry_fini(&e);
}

/* All that is meant, in a file; *n_out: how many messages. */
static int
list(struct queue_service *q, const struct selection *sel, bool attempts,
    int *fd_out, uint32_t *n_out)
{
	int fd = memfd_create("queue", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct spool_item *it;
	int r = fd >= 0 ? RC_OK : RC_TEMP;
	uint32_t n = 0;
	struct msg m;

	msg_init(&m, 0);
	m.b.max = RECORD_MAX;
	for (it = spool_first(q->spool); r == RC_OK && it != NULL;
	     it = it->next) {
		if (item_is_meant(sel, it)) {
			list_item(it, attempts, &m);
			n++;
		}
		if (m.b.n > CHUNK || it->next == NULL) {
			r = buf_ok(&m.b) ? io_write_all(fd, m.b.p, m.b.n)
					 : RC_TOOBIG;
			buf_reset(&m.b);
		}
	}
	msg_fini(&m);
	if (r != RC_OK) {
		io_close(&fd);
		return r;
	}
	(void)fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	*fd_out = fd;
	*n_out = n;
	return RC_OK;
}

static void
on_list(struct client *c, struct msg *m)
{
	struct queue_listed listed = {.fd = -1};
	struct queue_list asked;
	struct selection sel;
	struct msg reply;
	int r = queue_list_get(m, &asked);

	if (r == RC_OK && asked.n == 0)
		r = RC_SYNTAX;
	sel = (struct selection){asked.s, asked.n};
	if (r == RC_OK)
		r = list(
		    c->ipc.arg, &sel, asked.attempts, &listed.fd, &listed.n);
	listed.rc = r;
	listed.text = r == RC_OK       ? SV("")
		      : r == RC_SYNTAX ? SV("the command is malformed")
				       : SV("there is no memory for the list "
					    "now");
	msg_init(&reply, MSG_REPLY);
	queue_listed_put(&reply, &listed);
	ipc_client_answer(&c->ipc, m->id, &reply);
	queue_list_fini(&asked);
}

/* ---- retry, hold, release ---- */

struct work {
	struct queue_service *q;
	const struct selection *sel;
	struct queue_done *done;
};

/* A recipient of the unit that is meant, and held or not. */
static bool
unit_has(const struct work *w, const struct spool_item *it,
    const struct sched_unit *u, bool held)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u && it->rcpt[i].held == held &&
		    is_meant(w->sel, it, i))
			return true;
	return false;
}

static void
retry_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	struct work *w = arg;

	if (unit_has(w, it, u, false))
		sched_now(queue_sched_of(w->q, it, u), u);
}

static void
note_act(struct work *w, const struct spool_item *it, const size_t *rcpt,
    size_t n, enum history_kind kind)
{
	const struct queue_news news = {
	    .kind = kind, .count = HISTORY_C_NONE, .text = SV("by the owner")};

	queue_note(w->q, it, rcpt, n, &news);
}

static void
retry(struct work *w, struct spool_item *it)
{
	uint32_t n = 0;
	size_t *rcpt = xcalloc(it->nrcpt, sizeof *rcpt), i;

	for (i = 0; i < it->nrcpt; i++)
		if (!it->rcpt[i].held && is_meant(w->sel, it, i))
			rcpt[n++] = i;
	note_act(w, it, rcpt, n, HISTORY_RETRIED);
	free(rcpt);
	w->done->messages += n > 0;
	w->done->recipients += n;
	w->done->held += n == 0;
	queue_each_unit(it, retry_unit, w);
}

/* Those that are meant, and are not so yet; their number. */
static uint32_t
set_held(struct work *w, struct spool_item *it, bool held)
{
	size_t *rcpt = xcalloc(it->nrcpt, sizeof *rcpt), i;
	uint32_t n = 0;

	for (i = 0; i < it->nrcpt; i++) {
		if (!is_meant(w->sel, it, i) || it->rcpt[i].held == held)
			continue;
		spool_hold(w->q->spool, it, i, held);
		rcpt[n++] = i;
	}
	note_act(w, it, rcpt, n, held ? HISTORY_HELD : HISTORY_RELEASED);
	free(rcpt);
	return n;
}

static void
hold_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	struct work *w = arg;

	/* Held as soon as its try has ended. */
	w->done->busy +=
	    u->state == SCHED_IN_FLIGHT && unit_has(w, it, u, true);
	queue_hold_unit(w->q, it, u);
}

static void
hold(struct work *w, struct spool_item *it)
{
	size_t i;

	(void)set_held(w, it, true);
	w->done->messages++;
	for (i = 0; i < it->nrcpt; i++)
		w->done->recipients += is_meant(w->sel, it, i);
	queue_each_unit(it, hold_unit, w);
}

static void
release_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	struct work *w = arg;

	if (u->state == SCHED_HELD && unit_has(w, it, u, false))
		sched_release(queue_sched_of(w->q, it, u), u, clk_mono());
}

static void
release(struct work *w, struct spool_item *it)
{
	uint32_t n = set_held(w, it, false);

	w->done->messages += n > 0;
	w->done->recipients += n;
	queue_each_unit(it, release_unit, w);
}

/* ---- remove ---- */

static void
drop_unit(struct sched_unit *u, struct spool_item *it, void *arg)
{
	struct work *w = arg;

	queue_drop_unit(w->q, it, u);
}

static void
remove_item(struct work *w, struct spool_item *it, bool bounce)
{
	size_t *rcpt = xcalloc(it->nrcpt, sizeof *rcpt), i, n = 0, kept;
	struct sv *reply_text = xcalloc(it->nrcpt, sizeof *reply_text);

	for (i = 0; i < it->nrcpt; i++) {
		if (!is_meant(w->sel, it, i))
			continue;
		/* It is in use elsewhere: its outcome must find it. */
		if (it->rcpt[i].unit != NULL &&
		    it->rcpt[i].unit->state == SCHED_IN_FLIGHT) {
			w->done->busy++;
			continue;
		}
		rcpt[n] = i;
		reply_text[n++] = SV(REPORT_REMOVED);
	}
	if (bounce && n > 0)
		(void)queue_bounce(
		    w->q, it, rcpt, reply_text, n, QUEUE_REFUSED);
	for (i = kept = 0; bounce && i < n; i++)
		kept += it->rcpt[rcpt[i]].outcome == SPOOL_WAITS;
	w->done->busy += (uint32_t)kept;
	w->done->messages += n > kept;
	w->done->recipients += (uint32_t)(n - kept);
	for (i = 0; !bounce && i < n; i++)
		spool_settle(
		    w->q->spool, it, rcpt[i], SPOOL_REMOVED, reply_text[i]);
	if (!bounce)
		note_act(w, it, rcpt, n, HISTORY_REMOVED);
	if (n > 0) {
		queue_each_unit(it, drop_unit, w);
		queue_drop_if_done(w->q, it);
	}
	free(reply_text);
	free(rcpt);
}

/* ---- the commands ---- */

static const char *const action_names[QUEUE_ACTIONS] = {
    "retry", "hold", "release", "remove", "bounce"};

static void
act(struct work *w, enum queue_action action)
{
	/* A bounce is a new message, behind the last one: it is not meant. */
	struct spool_item *it, *next, *last = NULL;

	for (it = spool_first(w->q->spool); it != NULL; it = it->next)
		last = it;
	for (it = spool_first(w->q->spool); it != NULL; it = next) {
		next = it != last ? it->next : NULL;
		if (!item_is_meant(w->sel, it))
			continue;
		if (action == QUEUE_RETRY)
			retry(w, it);
		else if (action == QUEUE_HOLD)
			hold(w, it);
		else if (action == QUEUE_RELEASE)
			release(w, it);
		else
			remove_item(w, it, action == QUEUE_BOUNCE);
	}
}

static void
on_act(struct client *c, struct msg *m)
{
	struct queue_done *done = xcalloc(1, sizeof *done);
	struct queue_act asked;
	int r = queue_act_get(m, &asked);
	const struct selection sel = {asked.s, asked.n};
	struct work w = {c->ipc.arg, &sel, done};

	if (r != RC_OK || asked.n == 0) {
		queue_answer_command(
		    c, m, RC_SYNTAX, "the command is malformed", done);
		free(done);
		return;
	}
	act(&w, (enum queue_action)asked.action);
	queue_act_fini(&asked);
	mlog(LOG_INFO, "queue.command",
	    "action=%s messages=%u recipients=%u busy=%u held=%u",
	    action_names[asked.action], done->messages, done->recipients,
	    done->busy, done->held);
	queue_answer_later(c, m, done);
}

void
queue_control(struct client *c, struct msg *m)
{
	struct queue_done none = {.rc = RC_SYNTAX};

	if (m->type == CMD_QUEUE_LIST)
		on_list(c, m);
	else if (m->type == CMD_QUEUE_ACT)
		on_act(c, m);
	else
		queue_answer_command(
		    c, m, RC_SYNTAX, "the queue does not know that", &none);
}
