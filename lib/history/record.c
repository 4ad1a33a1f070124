#include "history/record.h"

#include <string.h>

#include "base/be.h"

#define FIXED_BYTES 12
#define HEAD	    3 /* of a field */

enum tag {
	TAG_FIXED = 1,
	TAG_CODE,
	TAG_NUMBER,
	TAG_WHO,
	TAG_ACCOUNT,
	TAG_PEER,
	TAG_SENDER,
	TAG_TEXT,
	TAG_MESSAGE_ID,
	TAG_SUBJECT,
	TAGS
};

_Static_assert(TAG_SUBJECT == HISTORY_TAG_SUBJECT, "the tag of subjects");

/* Where a text is in the struct; NULL: it is none. */
static struct sv *
text_at(struct history_step *s, uint8_t tag)
{
	struct sv *const text[TAGS] = {[TAG_WHO] = &s->who,
	    [TAG_ACCOUNT] = &s->account,
	    [TAG_PEER] = &s->peer,
	    [TAG_SENDER] = &s->sender,
	    [TAG_TEXT] = &s->text,
	    [TAG_MESSAGE_ID] = &s->message_id,
	    [TAG_SUBJECT] = &s->subject};

	return tag < TAGS ? text[tag] : NULL;
}

static void
put_field(struct buf *out, uint8_t tag, const void *p, size_t n)
{
	unsigned char head[HEAD];

	head[0] = tag;
	be_put16(head + 1, (uint16_t)n);
	buf_add(out, head, sizeof head);
	buf_add(out, p, n);
}

void
history_record_put(const struct history_step *step, struct buf *out)
{
	struct history_step s = *step;
	unsigned char fixed[FIXED_BYTES], number[8];
	const size_t at = out->n;
	uint8_t tag;

	buf_add(out, "\0\0", 2);
	fixed[0] = s.writer;
	fixed[1] = s.kind;
	fixed[2] = s.count;
	fixed[3] = s.flags;
	be_put64(fixed + 4, (uint64_t)s.when);
	put_field(out, TAG_FIXED, fixed, sizeof fixed);
	if (s.code != 0) {
		be_put32(number, s.code);
		put_field(out, TAG_CODE, number, 4);
	}
	if (s.number != 0) {
		be_put64(number, s.number);
		put_field(out, TAG_NUMBER, number, 8);
	}
	for (tag = TAG_WHO; tag < TAGS; tag++) {
		struct sv text = *text_at(&s, tag);

		if (text.n > 0 && text.n < HISTORY_WHO_MAX)
			put_field(out, tag, text.p, text.n);
	}
	if (buf_ok(out) && out->n - at - 2 <= UINT16_MAX)
		be_put16(out->p + at, (uint16_t)(out->n - at - 2));
	else
		buf_truncate(out, at);
}

/* The next field of a record. */
static bool
next_field(struct sv *rest, uint8_t *tag, struct sv *value)
{
	size_t n;

	if (rest->n < HEAD)
		return false;
	*tag = (uint8_t)rest->p[0];
	n = be_get16(rest->p + 1);
	if (n > rest->n - HEAD)
		return false;
	*value = sv_of(rest->p + HEAD, n);
	*rest = sv_skip(*rest, HEAD + n);
	return true;
}

static bool
next_record(struct sv *all, struct sv *out)
{
	size_t n;

	if (all->n < 2)
		return false;
	n = be_get16(all->p);
	if (n > all->n - 2)
		return false;
	*out = sv_of(all->p + 2, n);
	*all = sv_skip(*all, 2 + n);
	return true;
}

/* false: no text of ours is as long. */
static bool
take_field(struct history_step *s, uint8_t tag, struct sv v)
{
	struct sv *text = text_at(s, tag);

	if (text != NULL)
		*text = v;
	else if (tag == TAG_CODE && v.n == 4)
		s->code = be_get32(v.p);
	else if (tag == TAG_NUMBER && v.n == 8)
		s->number = be_get64(v.p);
	return v.n < (tag == TAG_WHO ? HISTORY_WHO_MAX : HISTORY_TEXT_MAX);
}

bool
history_record_get(struct sv *all, struct history_step *out)
{
	struct history_step s = {.count = HISTORY_C_NONE};
	struct sv rest = *all, record, value;
	uint8_t tag;

	if (!next_record(&rest, &record) ||
	    !next_field(&record, &tag, &value) || tag != TAG_FIXED ||
	    value.n != FIXED_BYTES)
		return false;
	memcpy(s.id, out->id, sizeof s.id);
	s.writer = (uint8_t)value.p[0];
	s.kind = (uint8_t)value.p[1];
	s.count = (uint8_t)value.p[2];
	s.flags = (uint8_t)value.p[3];
	s.when = (int64_t)be_get64(value.p + 4);
	if (s.kind >= HISTORY_KINDS || s.count > HISTORY_C_NONE)
		return false;
	while (next_field(&record, &tag, &value))
		if (!take_field(&s, tag, value))
			return false;
	*out = s;
	*all = rest;
	return record.n == 0;
}

bool
history_record_strip(struct sv all, uint8_t tag, struct buf *out)
{
	struct sv record, value;
	bool found = false;
	uint8_t at;

	while (next_record(&all, &record)) {
		const size_t begin = out->n;

		buf_add(out, "\0\0", 2);
		while (next_field(&record, &at, &value))
			if (at == tag)
				found = true;
			else
				put_field(out, at, value.p, value.n);
		if (buf_ok(out))
			be_put16(
			    out->p + begin, (uint16_t)(out->n - begin - 2));
	}
	return found;
}
