#include "queue/spool/feedback.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_report.h"
#include "queue/spool/service_priv.h"
#include "report/feedback.h"

#define FIRST_LOOK_MS 15000
#define LOOK_MS	      (30LL * 60 * 1000)
#define NEXT_MS	      2000 /* between two: they need not all go at once */
#define ANSWER_MS     30000
#define MAIL_MAX      (2u << 20)
#define DAY	      (24 * 3600)

/* Which report. */
struct past {
	int64_t begin;
	char domain[REPORT_TEXT_MAX];
};

struct feedback {
	struct queue_service *q;
	struct ev_timer *timer;
	bool asked;
	bool freed;    /* the answer does the rest */
	int64_t day;   /* of the counter */
	unsigned sent; /* on that day */
	struct past past[FEEDBACK_A_DAY];
	size_t npast; /* of all time; the last ones are there */
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
put_one(struct queue_service *q, const struct feedback_due *due, struct sv to,
    struct err *err)
{
	struct conf *c = queue_conf(q);
	struct spool_put p = {
	    .fd = -1, .flags = SPOOL_REPORT | SPOOL_BARE | SPOOL_FEEDBACK};
	const struct queue_to rcpt = {.address = to};
	struct feedback_sender who = {.hostname = c->hostname,
	    .domain = queue_domain(c),
	    .now = clk_now() / 1000};
	struct spool_item *it = NULL;
	struct buf text;
	int r;

	randombytes_buf(p.delivery_id, sizeof p.delivery_id);
	who.id = p.delivery_id;
	buf_init(&text, MAIL_MAX);
	r = feedback_mail(due, &who, to, &text);
	p.to = &rcpt;
	p.nto = 1;
	p.bytes = buf_sv(&text);
	if (r == RC_OK)
		r = spool_put(q->spool, &p, &it, err);
	if (r == RC_OK)
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
done_with(struct feedback *f, const struct feedback_due *due)
{
	struct past *p = &f->past[f->npast++ % FEEDBACK_A_DAY];

	p->begin = due->begin;
	sv_copy(sv_first(due->policy.domain, sizeof p->domain - 1), p->domain,
	    sizeof p->domain);
	f->sent++;
	tell_done(f->q, due);
}

static bool
is_past(const struct feedback *f, const struct feedback_due *due)
{
	struct sv domain =
	    sv_first(due->policy.domain, sizeof f->past[0].domain - 1);
	size_t i;

	for (i = 0; i < f->npast && i < FEEDBACK_A_DAY; i++)
		if (f->past[i].begin == due->begin &&
		    sv_ieq(sv_str(f->past[i].domain), domain))
			return true;
	return false;
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
refuse(struct feedback *f, const struct feedback_due *due)
{
	char domain[LOG_Q_MAX];

	mlog(LOG_WARN, "feedback.refused",
	    "domain=%s addresses=%u text=\"a report with a domain or an "
	    "address that is not one; it is not sent\"",
	    log_q(domain, due->policy.domain), due->nto);
	done_with(f, due);
	return RC_SYNTAX;
}

/* A report that cannot be put into the queue now is due again later, unless
 * some have it. */
int
queue_feedback_send(struct feedback *f, const struct feedback_due *due)
{
	char domain[LOG_Q_MAX];
	struct err err = {.text = ""};
	uint32_t n = 0;
	int r = RC_OK;

	if (is_past(f, due))
		return say_past(f, due);
	if (!feedback_is_sound(due))
		return refuse(f, due);
	while (
	    n < due->nto && (r = put_one(f->q, due, due->to[n], &err)) == RC_OK)
		n++;
	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "feedback.sent",
	    "domain=%s addresses=%u rows=%u%s%s%s",
	    log_q(domain, due->policy.domain), n, due->nrow,
	    r == RC_OK ? "" : " text=\"", err.text, r == RC_OK ? "" : "\"");
	if (r != RC_OK && n == 0)
		return r;
	queue_commit(f->q);
	done_with(f, due);
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
	int64_t day = clk_now() / 1000 / DAY;

	conf_free(&c);
	if (day != f->day)
		f->sent = 0;
	f->day = day;
	return yes && f->sent < FEEDBACK_A_DAY;
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
