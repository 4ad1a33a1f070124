/* The items as the journal's records tell of them, when the spool is opened. */
#include "base/alloc.h"
#include "base/be.h"
#include "base/log.h"
#include "queue/spool/spool.h"
#include "queue/spool/spool_priv.h"

static int
replay_item(struct spool *s, const struct journal_record *r)
{
	struct spool_item *it = xcalloc(1, sizeof *it), *old;
	int rc;

	it->seq = r->seq;
	rc = record_item_parse(r->payload, it);
	if (rc == RC_OK) {
		/* Written anew, and its old place is still there. */
		old = spool_find(s, it->seq);
		if (old != NULL) {
			spool_unlink(s, old);
			item_free(old);
		}
		spool_link(s, it);
		return RC_OK;
	}
	item_free(it);
	mlog(LOG_ERROR, "spool.item", "seq=%llu rc=%s text=\"%s\"",
	    (unsigned long long)r->seq, rc_name(rc),
	    rc == RC_NOSUPPORT ? "written by a newer hearthmail; use that one"
			       : "unreadable; it is left in the journal");
	return rc == RC_NOSUPPORT ? rc : RC_OK;
}

static void
replay_done(struct spool *s, struct sv payload)
{
	struct record_done d;
	struct spool_item *it;

	if (!record_done_parse(payload, &d) ||
	    (it = spool_find(s, d.item)) == NULL || d.rcpt >= it->nrcpt)
		return;
	it->rcpt[d.rcpt].outcome = d.outcome;
	(void)spool_drop_if_done(s, it);
}

static void
replay_tried(struct spool *s, struct sv payload)
{
	struct record_tried t;
	struct spool_item *it;

	if (!record_tried_parse(payload, &t) ||
	    (it = spool_find(s, t.item)) == NULL || t.rcpt >= it->nrcpt)
		return;
	it->rcpt[t.rcpt].attempts = t.attempts;
	it->rcpt[t.rcpt].next_try = t.next;
	item_add_attempt(it, t.rcpt, t.when, t.reply_text);
}

static void
replay_mark(struct spool *s, struct sv payload)
{
	struct spool_item *it;

	if (payload.n >= SPOOL_DELAY_REPORTED_BYTES &&
	    (it = spool_find(s, be_get64(payload.p))) != NULL)
		spool_apply_mark(it, payload);
}

int
spool_replay(void *arg, const struct journal_record *r)
{
	struct spool *s = arg;
	struct record_place p;

	switch (r->type) {
	case RECORD_BODY:
		spool_add_large(s, r->seq, r->size);
		break;
	case RECORD_ITEM:
		return replay_item(s, r);
	case RECORD_DONE:
		replay_done(s, r->payload);
		break;
	case RECORD_TRIED:
		replay_tried(s, r->payload);
		break;
	case RECORD_PLACE:
		if (s->place != NULL && record_place_parse(r->payload, &p))
			s->place(s->place_arg, p.name, p.when, p.next,
			    p.failures, p.reply_text);
		break;
	case RECORD_MARK:
		replay_mark(s, r->payload);
		break;
	case RECORD_STEP:
		if (r->payload.n >= SPOOL_STEP_BYTES)
			spool_apply_step(s, (int64_t)be_get64(r->payload.p),
			    (int64_t)be_get64(r->payload.p + 8));
		break;
	default: /* a note of a newer version */
		break;
	}
	return RC_OK;
}
