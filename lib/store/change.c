#include "store/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/encode.h"

#define FIELD_HEAD    6u
#define MSG_BYTES_MIN 9u /* of an encoded message */
#define SAVE_DATE_MAX UINT32_MAX

void
change_init(struct change *c, uint16_t type)
{
	memset(c, 0, sizeof *c);
	c->type = type;
}

void
change_fini(struct change *c)
{
	free(c->pair);
	rangeset_fini(&c->source_uids);
	rangeset_fini(&c->uids);
	free(c->msg);
	change_init(c, c->type);
}

/* ---- encoding ---- */

/* Opens a field; its length is filled in by field_end. */
static size_t
field_begin(struct buf *b, enum change_tag tag)
{
	char *p = buf_reserve(b, FIELD_HEAD);

	must(p != NULL);
	be_put16(p, (uint16_t)((unsigned)tag | CHANGE_MUST));
	buf_added(b, FIELD_HEAD);
	return b->n;
}

static void
field_end(struct buf *b, size_t at)
{
	be_put32(b->p + at - 4, (uint32_t)(b->n - at));
}

static void
put_number(struct buf *b, enum change_tag tag, uint64_t v)
{
	size_t at = field_begin(b, tag);

	encode_uint(b, v);
	field_end(b, at);
}

static void
put_bytes(struct buf *b, enum change_tag tag, struct sv s)
{
	size_t at = field_begin(b, tag);

	buf_addsv(b, s);
	field_end(b, at);
}

static void
put_ranges(struct buf *b, enum change_tag tag, const struct rangeset *s)
{
	size_t at = field_begin(b, tag);
	uint32_t last = 0;

	for (size_t i = 0; i < s->n; i++) {
		encode_uint(b, s->r[i].lo - last);
		encode_uint(b, s->r[i].hi - s->r[i].lo);
		last = s->r[i].hi;
	}
	field_end(b, at);
}

static void
put_messages(struct buf *b, const struct msg *m, size_t n)
{
	size_t at = field_begin(b, TAG_MESSAGES);
	struct msg last = {0};

	encode_uint(b, n);
	for (size_t i = 0; i < n; i++, m++) {
		encode_uint(b, m->uid - last.uid);
		encode_uint(b, m->system);
		encode_uint(b, m->keywords);
		encode_uint(b, zigzag(m->internal_date - last.internal_date));
		encode_uint(b, zigzag(m->zone));
		encode_uint(
		    b, zigzag((int64_t)m->save_date - (int64_t)last.save_date));
		encode_uint(b, zigzag((int64_t)(m->body - last.body)));
		encode_uint(b, m->size);
		encode_uint(b, 0); /* room: flags of a message to come */
		last = *m;
	}
	field_end(b, at);
}

static void
put_pairs(struct buf *b, const struct change *c)
{
	for (size_t i = 0; i < c->npair; i++) {
		size_t at = field_begin(b, TAG_PAIR);

		encode_uint(b, c->pair[i].mailbox);
		if (c->type == CHANGE_VALIDITY)
			encode_uint(b, c->pair[i].uidvalidity);
		else
			buf_addsv(b, c->pair[i].name);
		field_end(b, at);
	}
}

/* What is zero or empty is left out. */
void
change_encode(const struct change *c, struct buf *out)
{
	const struct {
		enum change_tag tag;
		uint64_t v;
	} number[] = {
	    {TAG_MAILBOX, c->mailbox},
	    {TAG_SOURCE, c->source},
	    {TAG_OP, c->op},
	    {TAG_SYSTEM, c->system},
	    {TAG_KEYWORDS, c->keywords},
	    {TAG_UIDVALIDITY, c->uidvalidity},
	    {TAG_USE, c->use},
	    {TAG_SELECTABLE, c->selectable},
	    {TAG_ON, c->on},
	    {TAG_KEYWORD_ID, c->keyword_id},
	    {TAG_KEEP_NAME, c->keep_name},
	    {TAG_UNTIL, c->until},
	    {TAG_BODY, c->body},
	    {TAG_KIND, c->kind},
	};

	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		if (number[i].v != 0)
			put_number(out, number[i].tag, number[i].v);
	for (size_t i = 0; i < c->nslot; i++) {
		size_t at = field_begin(out, TAG_SLOT);

		encode_uint(out, c->slot[i].bit);
		encode_uint(out, c->slot[i].keyword);
		field_end(out, at);
	}
	if (c->name.n > 0)
		put_bytes(out, TAG_NAME, c->name);
	if (c->text.n > 0)
		put_bytes(out, TAG_TEXT, c->text);
	if (c->has_delivery)
		put_bytes(
		    out, TAG_DELIVERY, sv_of(c->delivery, sizeof c->delivery));
	if (c->uids.n > 0)
		put_ranges(out, TAG_UIDS, &c->uids);
	if (c->source_uids.n > 0)
		put_ranges(out, TAG_SOURCE_UIDS, &c->source_uids);
	if (c->nmsg > 0)
		put_messages(out, c->msg, c->nmsg);
	put_pairs(out, c);
	must(buf_ok(out));
}

/* ---- decoding ---- */

static int
get_ranges(struct decoder w, struct rangeset *out)
{
	uint64_t last = 0;

	while (w.s.n > 0 && !w.bad) {
		uint64_t lo = last + decode_uint32(&w);
		uint64_t hi = lo + decode_uint32(&w);

		if (w.bad || lo == 0 || hi > UINT32_MAX)
			return RC_DAMAGED;
		rangeset_add(out, (uint32_t)lo, (uint32_t)hi);
		last = hi;
	}
	return w.bad ? RC_DAMAGED : RC_OK;
}

static bool
get_message(struct decoder *w, const struct msg *last, struct msg *m)
{
	uint64_t uid = (uint64_t)last->uid + decode_uint32(w);
	int64_t zone, save;
	uint64_t system;

	system = decode_uint(w);
	m->keywords = decode_uint(w);
	m->internal_date =
	    (int64_t)((uint64_t)last->internal_date + (uint64_t)decode_int(w));
	zone = decode_int(w);
	save = (int64_t)((uint64_t)last->save_date + (uint64_t)decode_int(w));
	m->body = last->body + (uint64_t)decode_int(w);
	m->size = decode_uint32(w);
	if (decode_uint(w) != 0 || w->bad || uid <= last->uid ||
	    uid > UINT32_MAX || system > UINT8_MAX || zone < INT16_MIN ||
	    zone > INT16_MAX || save < 0 || save > (int64_t)SAVE_DATE_MAX)
		return false;
	m->uid = (uint32_t)uid;
	m->system = (uint8_t)system;
	m->zone = (int16_t)zone;
	m->save_date = (uint32_t)save;
	return true;
}

static int
get_messages(struct decoder w, struct change *c)
{
	uint64_t n = decode_uint(&w);
	struct msg zero = {0};

	if (w.bad || c->msg != NULL || n > w.s.n / MSG_BYTES_MIN || n == 0)
		return RC_DAMAGED;
	c->msg = xcalloc((size_t)n, sizeof *c->msg);
	for (size_t i = 0; i < n; i++)
		if (!get_message(
			&w, i > 0 ? &c->msg[i - 1] : &zero, &c->msg[i]))
			return RC_DAMAGED;
	c->nmsg = (size_t)n;
	return RC_OK;
}

static int
get_slot(struct decoder w, struct change *c)
{
	uint64_t bit = decode_uint(&w);
	uint32_t keyword = decode_uint32(&w);

	if (w.bad || bit >= 64 || c->nslot == 64)
		return RC_DAMAGED;
	c->slot[c->nslot++] = (struct change_slot){(uint8_t)bit, keyword};
	return RC_OK;
}

static int
get_pair(struct decoder w, struct change *c)
{
	struct change_pair p = {0};

	p.mailbox = decode_uint32(&w);
	if (c->type == CHANGE_VALIDITY)
		p.uidvalidity = decode_uint32(&w);
	else
		p.name = w.s;
	if (w.bad)
		return RC_DAMAGED;
	c->pair = xreallocarray(c->pair, c->npair + 1, sizeof *c->pair);
	c->pair[c->npair++] = p;
	return RC_OK;
}

static int
get_u8(struct decoder w, uint8_t *out)
{
	uint64_t v = decode_uint(&w);

	if (w.bad || v > UINT8_MAX)
		return RC_DAMAGED;
	*out = (uint8_t)v;
	return RC_OK;
}

static int
get_bool(struct decoder w, bool *out)
{
	*out = decode_uint(&w) != 0;
	return w.bad ? RC_DAMAGED : RC_OK;
}

static int
get_u32(struct decoder w, uint32_t *out)
{
	*out = decode_uint32(&w);
	return w.bad ? RC_DAMAGED : RC_OK;
}

static int
get_u64(struct decoder w, uint64_t *out)
{
	*out = decode_uint(&w);
	return w.bad ? RC_DAMAGED : RC_OK;
}

static int
get_delivery(struct decoder w, struct change *c)
{
	if (w.s.n != sizeof c->delivery)
		return RC_DAMAGED;
	memcpy(c->delivery, w.s.p, sizeof c->delivery);
	c->has_delivery = true;
	return RC_OK;
}

/* A flat table of tags. */
static int
get_field(enum change_tag tag, struct decoder w, struct change *c)
{
	switch (tag) {
	case TAG_MAILBOX:
		return get_u32(w, &c->mailbox);
	case TAG_MESSAGES:
		return get_messages(w, c);
	case TAG_UIDS:
		return get_ranges(w, &c->uids);
	case TAG_SOURCE:
		return get_u32(w, &c->source);
	case TAG_SOURCE_UIDS:
		return get_ranges(w, &c->source_uids);
	case TAG_OP:
		return get_u8(w, &c->op);
	case TAG_SYSTEM:
		return get_u8(w, &c->system);
	case TAG_KEYWORDS:
		return get_u64(w, &c->keywords);
	case TAG_SLOT:
		return get_slot(w, c);
	case TAG_DELIVERY:
		return get_delivery(w, c);
	case TAG_NAME:
		c->name = w.s;
		return RC_OK;
	case TAG_UIDVALIDITY:
		return get_u32(w, &c->uidvalidity);
	case TAG_USE:
		return get_u8(w, &c->use);
	case TAG_SELECTABLE:
		return get_bool(w, &c->selectable);
	case TAG_ON:
		return get_bool(w, &c->on);
	case TAG_KEYWORD_ID:
		return get_u32(w, &c->keyword_id);
	case TAG_PAIR:
		return get_pair(w, c);
	case TAG_KEEP_NAME:
		return get_bool(w, &c->keep_name);
	case TAG_TEXT:
		c->text = w.s;
		return RC_OK;
	case TAG_UNTIL:
		return get_u64(w, &c->until);
	case TAG_BODY:
		return get_u64(w, &c->body);
	case TAG_KIND:
		return get_u8(w, &c->kind);
	case TAG_N:
		break;
	}
	return RC_NOSUPPORT;
}

int
change_decode(uint16_t type, struct sv payload, struct change *c)
{
	int r = RC_OK;

	change_init(c, type);
	if (type <= CHANGE_MESSAGE || type > CHANGE_OUTGOING ||
	    type == CHANGE_METADATA || type == CHANGE_VERDICT)
		return RC_NOSUPPORT;
	while (payload.n > 0 && r == RC_OK) {
		unsigned tag;
		uint32_t len;

		if (payload.n < FIELD_HEAD) {
			r = RC_DAMAGED;
			break;
		}
		tag = be_get16(payload.p);
		len = be_get32(payload.p + 2);
		payload = sv_skip(payload, FIELD_HEAD);
		if (len > payload.n) {
			r = RC_DAMAGED;
			break;
		}
		if ((tag & ~CHANGE_MUST) > 0 && (tag & ~CHANGE_MUST) < TAG_N)
			r = get_field((enum change_tag)(tag & ~CHANGE_MUST),
			    (struct decoder){sv_first(payload, len), false}, c);
		else if (tag & CHANGE_MUST)
			r = RC_NOSUPPORT;
		payload = sv_skip(payload, len);
	}
	if (r != RC_OK)
		change_fini(c);
	return r;
}
