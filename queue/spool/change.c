/* All that changes in the spool: each change is a record of the journal, and is
 * made in memory at once. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "queue/spool/spool.h"
#include "queue/spool/spool_priv.h"

#define ITEM_MAX (8 << 20)

/*
 * Body, item and what goes with them become one batch: all or nothing.  rec
 * has room for two in front of its n.
 */
static int
append_item(struct spool *s, const struct spool_put *p, struct spool_intake *in,
    struct journal_item *rec, size_t n, struct spool_item **out,
    struct err *err)
{
	struct spool_item *it = xcalloc(1, sizeof *it);
	uint64_t body = journal_next(s->journal);
	struct buf b;

	buf_init(&b, ITEM_MAX);
	record_item(p, body, journal_blob_size(in->blob),
	    p->flags | (in->eight_bit ? SPOOL_EIGHT_BIT : 0), clk_now(), &b);
	if (!buf_ok(&b) || record_item_parse(buf_sv(&b), it) != RC_OK) {
		buf_fini(&b);
		item_free(it);
		return err_set(err, RC_TOOBIG, "too many recipients");
	}
	rec[0] = (struct journal_item){
	    .type = RECORD_BODY, .flags = JOURNAL_NAMED, .blob = in->blob};
	rec[1] =
	    (struct journal_item){.type = RECORD_ITEM, .payload = buf_sv(&b)};
	spool_append(s, rec, n + 2);
	it->seq = body + 1;
	spool_add_large(s, body, it->size);
	buf_fini(&b);
	spool_link(s, it);
	*out = it;
	return RC_OK;
}

int
spool_put(struct spool *s, const struct spool_put *p, struct spool_item **out,
    struct err *err)
{
	struct journal_item rec[2];
	struct spool_intake in = {.eight_bit = false};
	int r;

	*out = spool_find_delivery(s, p->delivery_id);
	if (*out != NULL)
		return journal_poisoned(s->journal) ? RC_IO : RC_OK;
	if (p->nto == 0) /* it would never end */
		return err_set(err, RC_SYNTAX, "a message for nobody");
	/* What is left is for outcomes and reports. */
	if (spool_room(s) <
	    (p->of != NULL ? p->of->size + SPOOL_LAST_WATER : SPOOL_LOW_WATER))
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	in.blob = journal_blob_new(s->journal);
	r = spool_take_body(s, &in, p, err);
	if (r == RC_OK)
		r = append_item(s, p, &in, rec, 0, out, err);
	journal_blob_free(&in.blob);
	return r;
}

/* ---- what became of it ---- */

static struct sv
encode_delay_reported(char out[SPOOL_DELAY_REPORTED_BYTES], uint64_t seq)
{
	be_put64(out, seq);
	be_put32(out + 8, MARK_DELAY_REPORTED);
	return sv_of(out, SPOOL_DELAY_REPORTED_BYTES);
}

static void
mark(struct spool *s, struct spool_item *it, struct sv payload)
{
	struct journal_item rec = {.type = RECORD_MARK, .payload = payload};

	spool_append(s, &rec, 1);
	spool_apply_mark(it, payload);
}

void
spool_hold(struct spool *s, struct spool_item *it, size_t rcpt, bool held)
{
	char payload[SPOOL_MARK_BYTES];

	be_put64(payload, it->seq);
	be_put32(payload + 8, held ? MARK_HELD : MARK_RELEASED);
	be_put32(payload + 12, (uint32_t)rcpt);
	mark(s, it, sv_of(payload, sizeof payload));
}

void
spool_delay_reported(struct spool *s, struct spool_item *it)
{
	char payload[SPOOL_DELAY_REPORTED_BYTES];

	mark(s, it, encode_delay_reported(payload, it->seq));
}

/* The records behind a report's own: the outcomes, or the mark. */
static size_t
encode_about(const struct spool_item *about, const size_t *rcpt, size_t n,
    enum spool_outcome outcome, struct buf *bytes, struct journal_item *rec)
{
	char payload[SPOOL_DELAY_REPORTED_BYTES];
	size_t i, at;

	if (outcome == SPOOL_WAITS) {
		buf_addsv(bytes, encode_delay_reported(payload, about->seq));
		rec[0] = (struct journal_item){
		    .type = RECORD_MARK, .payload = buf_sv(bytes)};
		return 1;
	}
	for (i = 0; i < n; i++) {
		struct record_done d = {
		    about->seq, (uint32_t)rcpt[i], outcome, SV("")};

		record_done(&d, bytes);
	}
	must(buf_ok(bytes));
	for (i = at = 0; i < n; i++, at += bytes->n / n)
		rec[i] = (struct journal_item){.type = RECORD_DONE,
		    .payload = sv_of(bytes->p + at, bytes->n / n)};
	return n;
}

int
spool_report(struct spool *s, const struct spool_put *p,
    struct spool_item *about, const size_t *rcpt, size_t nrcpt,
    enum spool_outcome outcome, struct spool_item **out, struct err *err)
{
	struct spool_intake in = {.blob = journal_blob_new(s->journal)};
	struct journal_item *rec = xcalloc(nrcpt + 3, sizeof *rec);
	struct buf bytes;
	size_t i, n;
	int r;

	buf_init(&bytes, ITEM_MAX);
	r = spool_take_body(s, &in, p, err);
	if (r == RC_OK) {
		n = encode_about(about, rcpt, nrcpt, outcome, &bytes, rec + 2);
		r = append_item(s, p, &in, rec, n, out, err);
	}
	if (r == RC_OK && outcome == SPOOL_WAITS)
		about->delay_reported = true;
	for (i = 0; r == RC_OK && outcome != SPOOL_WAITS && i < nrcpt; i++)
		about->rcpt[rcpt[i]].outcome = outcome;
	buf_fini(&bytes);
	free(rec);
	journal_blob_free(&in.blob);
	return r;
}

void
spool_settle(struct spool *s, struct spool_item *it, size_t rcpt,
    enum spool_outcome outcome, struct sv reply_text)
{
	struct record_done d = {it->seq, (uint32_t)rcpt, outcome, reply_text};
	struct journal_item rec = {.type = RECORD_DONE};
	struct buf b;

	buf_init(&b, 1024);
	record_done(&d, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
	it->rcpt[rcpt].outcome = outcome;
}

void
spool_tried(struct spool *s, struct spool_item *it, size_t rcpt, int64_t next,
    struct sv reply_text)
{
	it->rcpt[rcpt].attempts++;
	spool_stumbled(s, it, rcpt, next, reply_text);
}

void
spool_stumbled(struct spool *s, struct spool_item *it, size_t rcpt,
    int64_t next, struct sv reply_text)
{
	struct spool_recipient *to = &it->rcpt[rcpt];
	struct record_tried t = {.item = it->seq,
	    .rcpt = (uint32_t)rcpt,
	    .attempts = to->attempts,
	    .when = clk_now(),
	    .next = next,
	    .reply_text = reply_text};
	struct journal_item rec = {.type = RECORD_TRIED};
	struct buf b;

	buf_init(&b, 1024);
	record_tried(&t, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
	to->next_try = next;
	item_add_attempt(it, (uint32_t)rcpt, t.when, reply_text);
}

void
spool_place(struct spool *s, const char *name, int64_t next, unsigned failures,
    struct sv reply_text)
{
	struct record_place p = {.when = clk_now(),
	    .next = next,
	    .failures = failures,
	    .name = sv_str(name),
	    .reply_text = reply_text};
	struct journal_item rec = {.type = RECORD_PLACE};
	struct buf b;

	buf_init(&b, 2048);
	record_place(&p, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
}

void
spool_stepped(struct spool *s, int64_t ms)
{
	char payload[SPOOL_STEP_BYTES];
	struct journal_item rec = {
	    .type = RECORD_STEP, .payload = sv_of(payload, sizeof payload)};
	int64_t now = clk_now();

	be_put64(payload, (uint64_t)ms);
	be_put64(payload + 8, (uint64_t)now);
	spool_append(s, &rec, 1);
	spool_apply_step(s, ms, now);
}
