#include "queue/spool/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"

#define TAG_MUST	     0x8000u
#define TAG_ID		     0x8001u
#define TAG_BODY	     0x8002u
#define TAG_SIZE	     0x8003u
#define TAG_SENDER	     0x8004u
#define TAG_ACCOUNT	     0x8005u
#define TAG_ADDRESS	     0x8006u
#define TAG_ARRIVED	     0x0010u
#define TAG_FLAGS	     0x0011u
#define TAG_OWNER	     0x0012u
#define TAG_HOW		     0x0016u
#define TAG_VERDICT	     0x0017u
#define TAG_NAME	     0x8013u
#define TAG_STATE	     0x8014u
#define TAG_MARKS	     0x8015u
#define HOW_BYTES	     2
#define VIA_DOMAIN_MAX	     254 /* with its "@" */
#define TAG_VIA		     0x8018u
#define TAG_RESULTS	     0x0019u
#define TAG_WRITTEN	     0x001au
#define STATE_BYTES	     20
#define STATE_HELD	     1u
#define MARKS_DELAY_REPORTED 1u
#define ATTEMPTS_MAX	     100
#define OUTCOME_WORDS	     16 /* bytes of a DONE before what was said */

/* ---- fields ---- */

static void
put_field(struct buf *b, uint16_t tag, struct sv v)
{
	char head[6];

	be_put16(head, tag);
	be_put32(head + 2, (uint32_t)v.n);
	buf_add(b, head, sizeof head);
	buf_addsv(b, v);
}

static void
add_u32(struct buf *b, uint32_t v)
{
	char t[4];

	be_put32(t, v);
	buf_add(b, t, sizeof t);
}

static void
add_u64(struct buf *b, uint64_t v)
{
	char t[8];

	be_put64(t, v);
	buf_add(b, t, sizeof t);
}

static void
put_u64(struct buf *b, uint16_t tag, uint64_t v)
{
	char t[8];

	be_put64(t, v);
	put_field(b, tag, sv_of(t, sizeof t));
}

static void
put_u32(struct buf *b, uint16_t tag, uint32_t v)
{
	char t[4];

	be_put32(t, v);
	put_field(b, tag, sv_of(t, sizeof t));
}

/* Of the recipient in front. */
static void
put_how(bool junk, uint8_t override, struct buf *out)
{
	char t[HOW_BYTES] = {(char)junk, (char) override};

	if (junk || override != 0)
		put_field(out, TAG_HOW, sv_of(t, sizeof t));
}

void
record_item(const struct spool_put *p, uint64_t body, uint64_t size,
    uint32_t flags, int64_t arrived, struct buf *out)
{
	size_t i;

	put_field(out, TAG_ID, sv_of(p->delivery_id, sizeof p->delivery_id));
	put_u64(out, TAG_BODY, body);
	put_u64(out, TAG_SIZE, size);
	put_u64(out, TAG_ARRIVED, (uint64_t)arrived);
	put_u32(out, TAG_FLAGS, flags);
	put_field(out, TAG_SENDER, p->sender);
	if (p->owner.n > 0)
		put_field(out, TAG_OWNER, p->owner);
	if (p->verdict.n > 0)
		put_field(out, TAG_VERDICT, p->verdict);
	if (p->results.n > 0)
		put_field(out, TAG_RESULTS, p->results);
	for (i = 0; i < p->nto; i++) {
		put_field(out, p->to[i].local ? TAG_ACCOUNT : TAG_ADDRESS,
		    p->to[i].address);
		put_how(p->to[i].junk, p->to[i].override, out);
		if (p->via != NULL && p->via[i].n > 0)
			put_field(out, TAG_VIA, p->via[i]);
		if (p->to[i].local && p->to[i].written.n > 0)
			put_field(out, TAG_WRITTEN, p->to[i].written);
	}
}

static void
put_state(const struct spool_recipient *to, struct buf *out)
{
	char t[STATE_BYTES];

	be_put32(t, (uint32_t)to->outcome);
	be_put32(t + 4, to->attempts);
	be_put64(t + 8, (uint64_t)to->next_try);
	be_put32(t + 16, to->held ? STATE_HELD : 0);
	put_field(out, TAG_STATE, sv_of(t, sizeof t));
}

void
record_renewed(const struct spool_item *it, uint64_t body, struct buf *out)
{
	size_t i;

	put_u64(out, TAG_NAME, it->seq);
	put_field(out, TAG_ID, sv_of(it->delivery_id, sizeof it->delivery_id));
	put_u64(out, TAG_BODY, body);
	put_u64(out, TAG_SIZE, it->size);
	put_u64(out, TAG_ARRIVED, (uint64_t)it->arrived);
	put_u32(out, TAG_FLAGS, it->flags);
	put_u32(out, TAG_MARKS, it->delay_reported ? MARKS_DELAY_REPORTED : 0);
	put_field(out, TAG_SENDER, sv_str(it->sender));
	if (it->owner != NULL)
		put_field(out, TAG_OWNER, sv_str(it->owner));
	if (it->nverdict > 0)
		put_field(out, TAG_VERDICT, sv_of(it->verdict, it->nverdict));
	if (it->results != NULL)
		put_field(out, TAG_RESULTS, sv_str(it->results));
	for (i = 0; i < it->nrcpt; i++) {
		const struct spool_recipient *to = &it->rcpt[i];

		put_field(out, to->local ? TAG_ACCOUNT : TAG_ADDRESS,
		    sv_str(to->address));
		put_how(to->junk, to->override, out);
		if (to->via != NULL)
			put_field(out, TAG_VIA, sv_str(to->via));
		if (to->written != NULL)
			put_field(out, TAG_WRITTEN, sv_str(to->written));
		put_state(to, out);
	}
}

static int
take_state(struct spool_item *it, struct sv v)
{
	struct spool_recipient *to;
	uint32_t outcome;

	if (v.n < STATE_BYTES || it->nrcpt == 0)
		return RC_DAMAGED;
	outcome = be_get32(v.p);
	if (outcome > SPOOL_WAITS)
		return RC_DAMAGED;
	to = &it->rcpt[it->nrcpt - 1];
	to->outcome = (enum spool_outcome)outcome;
	to->attempts = be_get32(v.p + 4);
	to->next_try = (int64_t)be_get64(v.p + 8);
	to->held = (be_get32(v.p + 16) & STATE_HELD) != 0;
	return RC_OK;
}

static int
take_how(struct spool_item *it, struct sv v)
{
	if (v.n < HOW_BYTES || it->nrcpt == 0)
		return RC_DAMAGED;
	it->rcpt[it->nrcpt - 1].junk = v.p[0] == 1;
	it->rcpt[it->nrcpt - 1].override = (uint8_t)v.p[1];
	return RC_OK;
}

static int
take_number(struct spool_item *it, uint16_t tag, struct sv v)
{
	if (v.n != 8)
		return RC_DAMAGED;
	if (tag == TAG_BODY)
		it->body = be_get64(v.p);
	else if (tag == TAG_SIZE)
		it->size = be_get64(v.p);
	else if (tag == TAG_NAME)
		it->seq = be_get64(v.p);
	else
		it->arrived = (int64_t)be_get64(v.p);
	return RC_OK;
}

static void
take_text(char **at, struct sv v)
{
	free(*at);
	*at = sv_dup(v);
}

/* local@domain, as others rely on. */
static bool
is_alias(struct sv v)
{
	size_t at = sv_rchr(v, '@');

	return at > 0 && at + 1 < v.n && v.n - at <= VIA_DOMAIN_MAX &&
	       sv_chr(v, '\0') == v.n;
}

static int
take_field(struct spool_item *it, uint16_t tag, struct sv v)
{
	switch (tag) {
	case TAG_ID:
		if (v.n != sizeof it->delivery_id)
			return RC_DAMAGED;
		memcpy(it->delivery_id, v.p, v.n);
		return RC_OK;
	case TAG_BODY:
	case TAG_SIZE:
	case TAG_ARRIVED:
	case TAG_NAME:
		return take_number(it, tag, v);
	case TAG_FLAGS:
	case TAG_MARKS:
		if (v.n != 4)
			return RC_DAMAGED;
		if (tag == TAG_FLAGS)
			it->flags = be_get32(v.p);
		else
			it->delay_reported =
			    (be_get32(v.p) & MARKS_DELAY_REPORTED) != 0;
		return RC_OK;
	case TAG_STATE:
		return take_state(it, v);
	case TAG_HOW:
		return take_how(it, v);
	case TAG_VERDICT:
		take_text(&it->verdict, v);
		it->nverdict = v.n;
		return RC_OK;
	case TAG_SENDER:
		take_text(&it->sender, v);
		return RC_OK;
	case TAG_OWNER:
		take_text(&it->owner, v);
		return RC_OK;
	case TAG_RESULTS:
		take_text(&it->results, v);
		return RC_OK;
	case TAG_VIA:
		if (it->nrcpt == 0 || it->rcpt[it->nrcpt - 1].local ||
		    !is_alias(v))
			return RC_DAMAGED;
		take_text(&it->rcpt[it->nrcpt - 1].via, v);
		return RC_OK;
	case TAG_WRITTEN:
		if (it->nrcpt == 0 || !it->rcpt[it->nrcpt - 1].local)
			return RC_DAMAGED;
		take_text(&it->rcpt[it->nrcpt - 1].written, v);
		return RC_OK;
	case TAG_ACCOUNT:
	case TAG_ADDRESS:
		if (it->nrcpt >= SPOOL_RECIPIENTS_MAX)
			return RC_DAMAGED;
		item_add_recipient(it, v, tag == TAG_ACCOUNT);
		return RC_OK;
	default:
		return (tag & TAG_MUST) != 0 ? RC_NOSUPPORT : RC_OK;
	}
}

/* An earlier version knew it of the item as a whole. */
static void
junk_of_before(struct spool_item *it)
{
	bool known = (it->flags & SPOOL_JUNK) == 0;
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		known = known || it->rcpt[i].junk;
	for (i = 0; i < it->nrcpt; i++)
		it->rcpt[i].junk = known ? it->rcpt[i].junk : it->rcpt[i].local;
}

int
record_item_parse(struct sv p, struct spool_item *it)
{
	while (p.n >= 6) {
		uint16_t tag = be_get16(p.p);
		uint32_t n = be_get32(p.p + 2);
		int r;

		if (n > p.n - 6)
			return RC_DAMAGED;
		r = take_field(it, tag, sv_of(p.p + 6, n));
		if (r != RC_OK)
			return r;
		p = sv_skip(p, 6 + (size_t)n);
	}
	junk_of_before(it);
	return p.n == 0 && it->sender != NULL && it->nrcpt > 0 ? RC_OK
							       : RC_DAMAGED;
}

/* ---- items ---- */

void
item_add_recipient(struct spool_item *it, struct sv address, bool local)
{
	it->rcpt = xreallocarray(it->rcpt, it->nrcpt + 1, sizeof *it->rcpt);
	it->rcpt[it->nrcpt++] = (struct spool_recipient){
	    .address = sv_dup(address), .local = local, .outcome = SPOOL_WAITS};
}

void
item_free(struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++) {
		free(it->rcpt[i].address);
		free(it->rcpt[i].via);
		free(it->rcpt[i].written);
	}
	for (i = 0; i < it->nattempt; i++)
		free(it->attempt[i].reply_text);
	free(it->attempt);
	free(it->rcpt);
	free(it->sender);
	free(it->owner);
	free(it->results);
	free(it->verdict);
	free(it->body_hash);
	free(it);
}

void
item_add_attempt(
    struct spool_item *it, uint32_t rcpt, int64_t when, struct sv reply_text)
{
	if (it->nattempt == ATTEMPTS_MAX) {
		free(it->attempt[1].reply_text);
		memmove(&it->attempt[1], &it->attempt[2],
		    (ATTEMPTS_MAX - 2) * sizeof *it->attempt);
		it->nattempt--;
	}
	it->attempt = xgrow(it->attempt, &it->attempt_cap, it->nattempt + 1,
	    sizeof *it->attempt);
	it->attempt[it->nattempt++] = (struct spool_attempt){
	    when, rcpt, sv_dup(sv_first(reply_text, SPOOL_REPLY_TEXT_MAX))};
}

/* ---- what became of them ---- */

void
record_done(const struct record_done *d, struct buf *out)
{
	add_u64(out, d->item);
	add_u32(out, d->rcpt);
	add_u32(out, (uint32_t)d->outcome);
	buf_addsv(out, sv_first(d->reply_text, SPOOL_REPLY_TEXT_MAX));
}

bool
record_done_parse(struct sv p, struct record_done *out)
{
	uint32_t outcome;

	if (p.n < OUTCOME_WORDS)
		return false;
	outcome = be_get32(p.p + 12);
	if (outcome >= SPOOL_WAITS)
		return false;
	*out = (struct record_done){be_get64(p.p), be_get32(p.p + 8),
	    (enum spool_outcome)outcome, sv_skip(p, OUTCOME_WORDS)};
	return true;
}

void
record_tried(const struct record_tried *t, struct buf *out)
{
	add_u64(out, t->item);
	add_u32(out, t->rcpt);
	add_u64(out, (uint64_t)t->when);
	add_u64(out, (uint64_t)t->next);
	add_u32(out, t->attempts);
	buf_addsv(out, sv_first(t->reply_text, SPOOL_REPLY_TEXT_MAX));
}

bool
record_tried_parse(struct sv p, struct record_tried *out)
{
	if (p.n < 32)
		return false;
	*out = (struct record_tried){.item = be_get64(p.p),
	    .rcpt = be_get32(p.p + 8),
	    .when = (int64_t)be_get64(p.p + 12),
	    .next = (int64_t)be_get64(p.p + 20),
	    .attempts = be_get32(p.p + 28),
	    .reply_text = sv_skip(p, 32)};
	return true;
}

void
record_place(const struct record_place *p, struct buf *out)
{
	char n[2];

	add_u64(out, (uint64_t)p->when);
	add_u64(out, (uint64_t)p->next);
	add_u32(out, p->failures);
	be_put16(n, (uint16_t)p->name.n);
	buf_add(out, n, sizeof n);
	buf_addsv(out, p->name);
	buf_addsv(out, sv_first(p->reply_text, SPOOL_REPLY_TEXT_MAX));
}

bool
record_place_parse(struct sv p, struct record_place *out)
{
	size_t n;

	if (p.n < 22)
		return false;
	n = be_get16(p.p + 20);
	if (n > p.n - 22)
		return false;
	*out = (struct record_place){.when = (int64_t)be_get64(p.p),
	    .next = (int64_t)be_get64(p.p + 8),
	    .failures = be_get32(p.p + 16),
	    .name = sv_first(sv_skip(p, 22), n),
	    .reply_text = sv_skip(p, 22 + n)};
	return true;
}
