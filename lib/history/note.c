/* The writers' side. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/utf8.h"
#include "history/history.h"
#include "history/record.h"
#include "ipc/line.h"
#include "ipc/proto.h"

#define BUFFER_MAX  48000
#define USUAL_BYTES 500
#define LATE_MS	    200
#define ANSWER_MS   20000
#define OPEN_MAX    2

struct history {
	struct ev_loop *loop;
	struct peer *peer;
	struct ev_timer *timer; /* the loop's */

	pthread_mutex_t lock; /* of what follows */
	struct buf steps;
	uint32_t n, lost;
	uint32_t count[HISTORY_COUNTS];
	bool counted;
	bool woken; /* the timer runs, or is about to */
	bool freed; /* wake_up is on its way and does the rest */
	unsigned open;
};

/* Steps that are on their way. */
struct parcel {
	struct history *h;
	uint32_t n;
};

/* ---- on their way ---- */

static void on_timer(void *arg);

static void
destroy(struct history *h)
{
	buf_fini(&h->steps);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

static void
start_timer(void *arg)
{
	struct history *h = arg;

	if (h->freed)
		destroy(h);
	else if (h->timer == NULL)
		h->timer = ev_timer_add(h->loop, LATE_MS, on_timer, h);
}

/* With the lock held. */
static void
wake(struct history *h)
{
	if (h->woken)
		return;
	h->woken = true;
	ev_post(h->loop, start_timer, h);
}

static void
on_answer(int rc, struct msg *reply, void *arg)
{
	struct parcel *p = arg;
	struct history *h = p->h;

	(void)reply;
	pthread_mutex_lock(&h->lock);
	h->open--;
	if (rc != RC_OK)
		h->lost += p->n;
	if (h->n > 0 || h->counted)
		wake(h);
	pthread_mutex_unlock(&h->lock);
	free(p);
}

/* With the lock held: what is there becomes a message; NULL: it cannot go. */
static struct parcel *
pack(struct history *h, struct msg *m)
{
	struct history_notes notes = {.lost = h->lost,
	    .count = h->count,
	    .ncount = h->counted ? HISTORY_COUNTS : 0,
	    .n = h->n,
	    .steps = buf_sv(&h->steps)};
	struct parcel *p;

	if ((h->n == 0 && !h->counted) || h->open >= OPEN_MAX ||
	    !peer_up(h->peer))
		return NULL;
	msg_init(m, HISTORY_NOTES);
	history_notes_put(m, &notes);
	p = xcalloc(1, sizeof *p);
	p->h = h;
	p->n = h->n;
	h->open++;
	h->n = h->lost = 0;
	h->counted = false;
	memset(h->count, 0, sizeof h->count);
	buf_reset(&h->steps);
	return p;
}

static void
send(struct history *h)
{
	struct parcel *p;
	struct msg m;

	pthread_mutex_lock(&h->lock);
	p = pack(h, &m);
	pthread_mutex_unlock(&h->lock);
	if (p != NULL)
		peer_ask(h->peer, &m, ANSWER_MS, on_answer, p);
}

static void
on_timer(void *arg)
{
	struct history *h = arg;

	h->timer = NULL;
	pthread_mutex_lock(&h->lock);
	h->woken = false;
	pthread_mutex_unlock(&h->lock);
	send(h);
}

/* ---- a step ---- */

/* Words as they may be kept and shown: cut, valid UTF-8, in one line. */
static struct sv
clean(struct sv s, size_t max, struct buf *room)
{
	size_t i = 0;
	uint32_t cp;

	while (i < s.n && s.p[i] >= ' ' && s.p[i] < 0x7f)
		i++;
	if (i == s.n && s.n < max)
		return s;
	buf_reset(room);
	while (s.n > 0 && room->n + 4 < max) {
		if (utf8_next(&s, &cp) != RC_OK)
			cp = 0xfffd;
		if (cp < ' ' || (cp >= 0x7f && cp < 0xa0))
			cp = ' ';
		utf8_put(room, cp);
	}
	return buf_sv(room);
}

#define TEXTS 7

static void
encode(const struct history_step *s, struct buf *out)
{
	struct history_step copy = *s;
	const struct {
		struct sv *at;
		size_t max;
	} text[TEXTS] = {{&copy.who, HISTORY_WHO_MAX},
	    {&copy.account, HISTORY_TEXT_MAX}, {&copy.peer, HISTORY_TEXT_MAX},
	    {&copy.sender, HISTORY_TEXT_MAX}, {&copy.text, HISTORY_TEXT_MAX},
	    {&copy.message_id, HISTORY_TEXT_MAX},
	    {&copy.subject, HISTORY_TEXT_MAX}};
	struct buf room[TEXTS];
	size_t i;

	for (i = 0; i < TEXTS; i++) {
		buf_init(&room[i], HISTORY_WHO_MAX);
		*text[i].at = clean(*text[i].at, text[i].max, &room[i]);
	}
	if (copy.when == 0)
		copy.when = clk_now();
	buf_add(out, copy.id, sizeof copy.id);
	history_record_put(&copy, out);
	for (i = 0; i < TEXTS; i++)
		buf_fini(&room[i]);
}

/* With the lock held: is there room behind what is there? */
static bool
add(struct history *h, struct sv step)
{
	if (h->steps.n + step.n > BUFFER_MAX)
		return false;
	buf_addsv(&h->steps, step);
	h->n++;
	return true;
}

void
history_note(struct history *h, const struct history_step *s)
{
	struct buf step;
	bool fits;

	if (h == NULL)
		return;
	buf_init(&step, BUFFER_MAX);
	(void)buf_reserve(&step, USUAL_BYTES);
	encode(s, &step);
	pthread_mutex_lock(&h->lock);
	fits = add(h, buf_sv(&step));
	wake(h);
	pthread_mutex_unlock(&h->lock);
	if (!fits) {
		send(h);
		pthread_mutex_lock(&h->lock);
		if (!add(h, buf_sv(&step)))
			h->lost++;
		wake(h);
		pthread_mutex_unlock(&h->lock);
	}
	buf_fini(&step);
}

void
history_count(struct history *h, enum history_count what)
{
	if (h == NULL || what >= HISTORY_COUNTS)
		return;
	pthread_mutex_lock(&h->lock);
	h->count[what]++;
	h->counted = true;
	wake(h);
	pthread_mutex_unlock(&h->lock);
}

/* ---- life ---- */

/* What has waited for it goes at once. */
static void
on_up(void *arg)
{
	send(arg);
}

struct history *
history_new(struct ev_loop *loop)
{
	struct history *h = xcalloc(1, sizeof *h);

	h->loop = loop;
	must(pthread_mutex_init(&h->lock, NULL) == 0);
	buf_init(&h->steps, BUFFER_MAX);
	h->peer = peer_new(loop, "history", NULL, on_up, h);
	return h;
}

void
history_connect(struct history *h, int fd)
{
	peer_connect(h->peer, fd);
}

void
history_flush(struct history *h)
{
	if (h != NULL)
		send(h);
}

void
history_free(struct history **hp)
{
	struct history *h = *hp;

	if (h == NULL)
		return;
	*hp = NULL;
	send(h);
	peer_free(&h->peer);
	/* start_timer is on its way if nothing else can have set it. */
	h->freed = h->woken && h->timer == NULL;
	ev_timer_del(&h->timer);
	if (!h->freed)
		destroy(h);
}

/* ---- what is not about one message ---- */

void
history_tell(struct history *h, struct msg *m)
{
	if (h != NULL)
		(void)!peer_tell(h->peer, m);
	else
		msg_fini(m);
}

void
history_ask(
    struct history *h, struct msg *m, int64_t ms, peer_reply_fn *fn, void *arg)
{
	peer_ask(h->peer, m, ms, fn, arg);
}

int
history_call(struct history *h, struct msg *m, int64_t ms, struct msg *reply)
{
	return peer_call(h->peer, m, ms, reply);
}
