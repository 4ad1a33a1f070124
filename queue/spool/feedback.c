#include "queue/spool/feedback.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_report.h"
#include "queue/spool/sent.h"
#include "queue/spool/service_priv.h"
#include "report/feedback.h"

#define FIRST_LOOK_MS 15000
#define LOOK_MS	      (30LL * 60 * 1000)
#define NEXT_MS	      2000 /* between two: they need not all go at once */
#define ANSWER_MS     30000
#define MAIL_MAX      (2u << 20)
#define DAY	      (24 * 3600)

struct feedback {
	struct queue_service *q;
	struct ev_timer *timer;
	bool asked;
	bool freed; /* the answer does the rest */
	struct sent sent;
};

static void on_look(void *arg);

static void
look_in(struct feedback *f, int64_t ms)
{
	ev_timer_del(&f->timer);
	f->timer = ev_timer_add(f->q->o.loop, ms, on_look, f);
}

/* ---- one report ---- */

/* One copy for each address, so that each has its own fate. */
static int
put_one(struct queue_service *q, const struct feedback_due *due,
    const uint8_t id[SENT_ID_BYTES], struct sv to, struct err *err)
{
	struct conf *c = queue_conf(q);
	struct spool_put p = {
	    .fd = -1, .flags = SPOOL_REPORT | SPOOL_BARE | SPOOL_FEEDBACK};
	const struct queue_to rcpt = {.address = to};
	struct feedback_sender who = {.hostname = c->hostname,
	    .domain = queue_domain(c),
	    .now = clk_now() / 1000};
	size_t before = spool_count(q->spool);
	struct spool_item *it = NULL;
	struct buf text;
	int r;

	/* The same when it is written again. */
	(void)crypto_generichash(p.delivery_id, sizeof p.delivery_id,
	    (const unsigned char *)to.p, to.n, id, SENT_ID_BYTES);
	who.id = p.delivery_id;
	buf_init(&text, MAIL_MAX);
	r = feedback_mail(due, &who, to, &text);
	p.to = &rcpt;
	p.nto = 1;
	p.bytes = buf_sv(&text);
	if (r == RC_OK)
		r = spool_put(q->spool, &p, &it, err);
	if (r == RC_OK && spool_count(q->spool) > before)
		queue_schedule(q, it, false);
	buf_fini(&text);
	conf_free(&c);
	return r;
}

static void
tell_done(struct queue_service *q, const struct feedback_due *due)
{
	const struct feedback_done done = {due->begin, due->policy.domain};
	struct msg m;

	msg_init(&m, FEEDBACK_DONE);
	feedback_done_put(&m, &done);
	history_tell(q->o.history, &m);
}

static void
done_with(struct feedback *f, const struct feedback_due *due,
    const uint8_t id[SENT_ID_BYTES])
{
	struct err err = {.text = ""};

	if (sent_add(&f->sent, id, clk_now() / 1000, &err) != RC_OK)
		mlog(LOG_WARN, "feedback.file", "text=\"%s\"", err.text);
	tell_done(f->q, due);
}

/* A history that cannot write what we tell it has nothing new for us: there is
 * time until it can. */
static int
say_past(struct feedback *f, const struct feedback_due *due)
{
	char domain[LOG_Q_MAX];

	mlog(LOG_WARN, "feedback.again",
	    "domain=%s text=\"the history does not note that this report was "
	    "sent; it is not sent again\"",
	    log_q(domain, due->policy.domain));
	tell_done(f->q, due);
	return RC_TEMP;
}

/* What smtp and the history have brought is not believed: it leaves with a
 * signature of ours. */
static int
refuse(struct feedback *f, const struct feedback_due *due,
    const uint8_t id[SENT_ID_BYTES])
{
	char domain[LOG_Q_MAX];

	mlog(LOG_WARN, "feedback.refused",
	    "domain=%s addresses=%u text=\"a report with a domain or an "
	    "address that is not one; it is not sent\"",
	    log_q(domain, due->policy.domain), due->nto);
	done_with(f, due, id);
	return RC_SYNTAX;
}

/* A report that cannot be put into the queue now is due again later, unless
 * some have it. */
int
queue_feedback_send(struct feedback *f, const struct feedback_due *due)
{
	uint8_t id[SENT_ID_BYTES];
	char domain[LOG_Q_MAX];
	struct err err = {.text = ""};
	uint32_t n = 0;
	int r = RC_OK;

	sent_id(due->begin, due->policy.domain, id);
	if (sent_has(&f->sent, id))
		return say_past(f, due);
	if (!feedback_is_sound(due))
		return refuse(f, due, id);
	while (n < due->nto &&
	       (r = put_one(f->q, due, id, due->to[n], &err)) == RC_OK)
		n++;
	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "feedback.sent",
	    "domain=%s addresses=%u rows=%u%s%s%s",
	    log_q(domain, due->policy.domain), n, due->nrow,
	    r == RC_OK ? "" : " text=\"", err.text, r == RC_OK ? "" : "\"");
	if (r != RC_OK && n == 0)
		return r;
	queue_commit(f->q);
	/* It is in the spool before that is written down. */
	if (spool_flush(f->q->spool) != RC_OK)
		return RC_IO;
	done_with(f, due, id);
	return r;
}

static void
on_due(int rc, struct msg *reply, void *arg)
{
	struct feedback *f = arg;
	struct feedback_due due = {.rc = RC_TEMP};

	f->asked = false;
	if (f->freed) {
		free(f);
		return;
	}
	if (rc == RC_OK && feedback_due_get(reply, &due) == RC_OK) {
		rc = due.rc;
		if (rc == RC_OK)
			rc = queue_feedback_send(f, &due);
		feedback_due_fini(&due);
	}
	look_in(f, rc == RC_OK ? NEXT_MS : LOOK_MS);
}

static bool
is_wanted(struct feedback *f)
{
	struct conf *c = queue_conf(f->q);
	bool yes = c->reports.send && c->outside && c->ndomain > 0;

	conf_free(&c);
	return yes &&
	       sent_on(&f->sent, clk_now() / 1000 / DAY) < FEEDBACK_A_DAY;
}

static void
on_look(void *arg)
{
	struct feedback *f = arg;
	struct msg m;

	f->timer = NULL;
	if (f->asked || f->q->stopping || f->q->o.history == NULL ||
	    !is_wanted(f)) {
		look_in(f, LOOK_MS);
		return;
	}
	f->asked = true;
	msg_init(&m, FEEDBACK_NEXT);
	history_ask(f->q->o.history, &m, ANSWER_MS, on_due, f);
}

/* ---- life ---- */

struct feedback *
queue_feedback_new(struct queue_service *q)
{
	struct feedback *f = xcalloc(1, sizeof *f);

	f->q = q;
	sent_load(&f->sent);
	look_in(f, FIRST_LOOK_MS);
	return f;
}

void
queue_feedback_free(struct feedback **fp)
{
	struct feedback *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	ev_timer_del(&f->timer);
	f->freed = true;
	if (!f->asked)
		free(f);
}
