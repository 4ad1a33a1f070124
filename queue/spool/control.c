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
	struct queue_selector *s;
	size_t n;
};

static int
read_selection(struct msg *m, struct selection *out)
{
	uint32_t i, n = msg_get_u32(m);

	if (m->bad || n == 0 || n > QUEUE_SELECTORS_MAX)
		return RC_SYNTAX;
	out->s = xcalloc(n, sizeof *out->s);
	out->n = n;
	for (i = 0; i < n; i++) {
		uint8_t pick = msg_get_u8(m);

		out->s[i].text = msg_get_sv(m);
		out->s[i].pick = (enum queue_pick)pick;
		if (pick >= QUEUE_PICKS ||
		    (pick == QUEUE_PICK_ID &&
			sv_to_u64(out->s[i].text, UINT64_MAX, &out->s[i].id) !=
			    RC_OK))
			m->bad = true;
	}
	if (msg_end(m) == RC_OK)
		return RC_OK;
	free(out->s);
	out->s = NULL;
	return RC_SYNTAX;
}

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

static void
put_unit(const struct spool_item *it, const struct sched_unit *u, struct msg *m)
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
	msg_put_u8(m, (uint8_t)state);
	msg_put_u8(m, queue_unit_is_local(it, u));
	msg_put_str(m, u->dest->name);
	msg_put_u64(
	    m, due != 0 ? (uint64_t)(clk_now() + (due - clk_mono())) : 0);
	msg_put_u32(m, sched_tries(u));
	msg_put_sv(m, reply_text);
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
put_item(const struct spool_item *it, bool attempts, struct msg *m)
{
	const struct sched_unit *u;
	uint32_t n = 0;
	size_t i;

	msg_put_u64(m, it->seq);
	msg_put_u64(m, it->size);
	msg_put_u64(m, (uint64_t)it->arrived);
	msg_put_u32(m, it->flags);
	msg_put_str(m, it->sender);
	msg_put_sv(m, sv_str(it->owner));
	for (u = it->units; u != NULL; u = u->next_of_item)
		n++;
	msg_put_u32(m, n);
	for (u = it->units; u != NULL; u = u->next_of_item)
		put_unit(it, u, m);
	msg_put_u32(m, (uint32_t)it->nrcpt);
	for (i = 0; i < it->nrcpt; i++) {
		msg_put_str(m, it->rcpt[i].address);
		msg_put_u8(m, it->rcpt[i].local);
		msg_put_u8(m, it->rcpt[i].held);
		msg_put_u8(m, (uint8_t)it->rcpt[i].outcome);
		msg_put_u32(m, it->rcpt[i].attempts);
		msg_put_u32(m, number_of(it, it->rcpt[i].unit));
	}
	msg_put_u32(m, attempts ? (uint32_t)it->nattempt : 0);
	for (i = 0; attempts && i < it->nattempt; i++) {
		msg_put_u64(m, (uint64_t)it->attempt[i].when);
		msg_put_u32(m, it->attempt[i].rcpt);
		msg_put_str(m, it->attempt[i].reply_text);
	}
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
			put_item(it, attempts, &m);
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
	struct selection sel = {NULL, 0};
	bool attempts = msg_get_u8(m) != 0;
	int fd = -1, r = read_selection(m, &sel);
	uint32_t n = 0;
	struct msg reply;

	if (r == RC_OK)
		r = list(c->q, &sel, attempts, &fd, &n);
	msg_init(&reply, MSG_REPLY);
	reply.id = m->id;
	msg_put_u32(&reply, (uint32_t)r);
	msg_put_str(&reply, r == RC_OK ? ""
			    : r == RC_SYNTAX
				? "the command is malformed"
				: "there is no memory for the list now");
	msg_put_u32(&reply, n);
	if (fd >= 0)
		msg_put_fd(&reply, fd);
	line_tell(c->line, &reply);
	free(sel.s);
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
retry(struct work *w, struct spool_item *it)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		n += !it->rcpt[i].held && is_meant(w->sel, it, i);
	w->done->messages += n > 0;
	w->done->recipients += n;
	w->done->held += n == 0;
	queue_each_unit(it, retry_unit, w);
}

/* Those that are meant, and are not so yet; their number. */
static uint32_t
set_held(struct work *w, struct spool_item *it, bool held)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < it->nrcpt; i++) {
		if (!is_meant(w->sel, it, i) || it->rcpt[i].held == held)
			continue;
		spool_hold(w->q->spool, it, i, held);
		n++;
	}
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
	size_t *rcpt = xcalloc(it->nrcpt, sizeof *rcpt), i, n = 0;
	struct sv *reply_text = xcalloc(it->nrcpt, sizeof *reply_text);

	for (i = 0; i < it->nrcpt; i++) {
		if (!is_meant(w->sel, it, i))
			continue;
		/* Somebody has it in his hands: what he says must find it. */
		if (it->rcpt[i].unit != NULL &&
		    it->rcpt[i].unit->state == SCHED_IN_FLIGHT) {
			w->done->busy++;
			continue;
		}
		rcpt[n] = i;
		reply_text[n++] = SV(REPORT_REMOVED);
	}
	w->done->messages += n > 0;
	w->done->recipients += (uint32_t)n;
	if (bounce && n > 0)
		queue_bounce(w->q, it, rcpt, reply_text, n, false);
	for (i = 0; !bounce && i < n; i++)
		spool_settle(
		    w->q->spool, it, rcpt[i], SPOOL_REMOVED, reply_text[i]);
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
	struct selection sel = {NULL, 0};
	uint8_t action = msg_get_u8(m);
	struct queue_done *done = xcalloc(1, sizeof *done);
	struct work w = {c->q, &sel, done};

	if (action >= QUEUE_ACTIONS || read_selection(m, &sel) != RC_OK) {
		queue_answer_command(
		    c, m->id, RC_SYNTAX, "the command is malformed", done);
		free(done);
		return;
	}
	act(&w, (enum queue_action)action);
	free(sel.s);
	mlog(LOG_INFO, "queue.command",
	    "action=%s messages=%u recipients=%u busy=%u held=%u",
	    action_names[action], done->messages, done->recipients, done->busy,
	    done->held);
	queue_answer_later(c, m->id, done);
}

void
queue_control(struct client *c, struct msg *m)
{
	struct queue_done none = {0};

	if (m->type == CMD_QUEUE_LIST)
		on_list(c, m);
	else if (m->type == CMD_QUEUE_ACT)
		on_act(c, m);
	else
		queue_answer_command(
		    c, m->id, RC_SYNTAX, "the queue does not know that", &none);
}
