/* One try of an account: the keeper hands it to that account's process. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "mail/path.h"
#include "msgauth/verdict.h"
#include "queue/spool/service_priv.h"

#define KEEPER_TIMEOUT_MS 40000
#define FRONT_MAX	  (64u << 10)

static void
on_delivered(int rc, struct msg *reply, void *arg)
{
	struct attempt *a = arg;
	struct queue_service *q = a->q;
	struct spool_recipient *to = &a->it->rcpt[a->rcpt[0]];
	char text[ERR_TEXT_MAX] = "no answer";
	struct queue_news news = {
	    .kind = HISTORY_HANDED, .count = HISTORY_C_NONE};
	int64_t delay = 0;
	int outcome = rc;

	if (rc == RC_OK)
		outcome = msg_answer_read(reply, RC_TEMP, text);
	mlog(outcome == RC_OK ? LOG_INFO : LOG_WARN, "queue.attempt",
	    "item=%llu account=%s rc=%s text=\"%s\"",
	    (unsigned long long)a->it->seq, to->address, rc_name(outcome),
	    text);
	if (outcome == RC_NOTFOUND || outcome == RC_PERM ||
	    outcome == RC_SYNTAX)
		mlog(LOG_ERROR, "queue.stuck",
		    "item=%llu account=%s text=\"it waits for an account that "
		    "is no longer in the configuration; put the account back "
		    "to get the mail\"",
		    (unsigned long long)a->it->seq, to->address);
	sched_reached(q->local, a->u);
	if (outcome == RC_OK) {
		spool_settle(
		    q->spool, a->it, a->rcpt[0], SPOOL_DELIVERED, SV(""));
	} else {
		delay = sched_local_delay(sched_tries(a->u));
		spool_tried(q->spool, a->it, a->rcpt[0], clk_now() + delay,
		    sv_str(text));
		news.kind = HISTORY_TRIED;
		news.number = (uint64_t)(clk_now() + delay);
		news.text = sv_str(text);
	}
	if (!q->stopping)
		queue_note_attempt(a, &news);
	attempt_settle(a, delay);
}

/* Has the account written to the author?  Asked anew: what is noted with the
 * item is all recipients'. */
static enum verdict_known
known_of(struct queue_service *q, const char *account, const struct verdict *v)
{
	struct sv author = sv_str(v->author_address);

	return author.n > 0 && known_has(q->known, sv_str(account), author)
		   ? verdict_known_of(v)
		   : VERDICT_STRANGER;
}

/* As it goes to this recipient. */
static void
put_verdict(struct queue_service *q, const struct spool_item *it,
    const struct spool_recipient *to, struct buf *out)
{
	struct verdict v;

	if (verdict_decode(sv_of(it->verdict, it->nverdict), &v) == RC_OK &&
	    to->override < VERDICT_OVERRIDES)
		verdict_encode_for(&v,
		    &(struct verdict_own){.junk = to->junk,
			.override = (enum verdict_override)to->override,
			.known = known_of(q, to->address, &v)},
		    out);
}

/*
 * Our own reports are for the owner's eyes, whatever their rules say: a rule
 * that forwards all mail would else send away the news that it cannot.
 */
static bool
is_own_report(const struct spool_item *it)
{
	return (it->flags & (SPOOL_REPORT | SPOOL_RULES)) == SPOOL_REPORT;
}

/* What came without one is written to the account's first address, so to say.
 */
static char *
first_address(struct queue_service *q, const char *account)
{
	struct conf *c = queue_conf(q);
	int n = conf_account_by_name(c, sv_str(account));
	char *out = NULL;

	if (n >= 0 && c->account[n].naddress > 0)
		out = xstrdup(c->account[n].address[0]);
	conf_free(&c);
	return out;
}

void
queue_try_local(struct queue_service *q, struct sched_unit *u)
{
	struct attempt *a = attempt_new(q, u);
	struct spool_item *it = a->it;
	const struct spool_recipient *to = &it->rcpt[a->rcpt[0]];
	struct err err = {.text = ""};
	struct buf front;
	struct mail_delivery d = {.account = sv_str(to->address),
	    .sender = sv_str(it->sender),
	    .flags = to->junk ? DELIVER_JUNK : 0};
	char *first = NULL;
	struct buf verdict;
	struct msg m;
	int r;

	buf_init(&verdict, VERDICT_BYTES_MAX);
	put_verdict(q, it, to, &verdict);
	d.verdict = buf_sv(&verdict);
	if (to->written == NULL && !is_own_report(it))
		first = first_address(q, to->address);
	d.written = sv_str(to->written != NULL ? to->written : first);
	buf_init(&front, FRONT_MAX);
	if ((it->flags & SPOOL_BARE) != 0) {
		buf_adds(&front, "Return-Path: <");
		mail_address_write(sv_str(it->sender), &front);
		buf_adds(&front, ">\r\n");
	}
	if (it->results != NULL)
		buf_adds(&front, it->results);
	r = spool_body(q->spool, it, buf_sv(&front), &d.fd, &err);
	if (r == RC_OK) {
		memcpy(d.delivery_id, it->delivery_id, sizeof d.delivery_id);
		d.size = it->size + front.n;
		msg_init(&m, DELIVER);
		mail_delivery_put(&m, &d);
		peer_ask(q->keeper, &m, KEEPER_TIMEOUT_MS, on_delivered, a);
	} else {
		attempt_bodiless(a, &err);
	}
	free(first);
	buf_fini(&verdict);
	buf_fini(&front);
}
