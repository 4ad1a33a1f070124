#include "imap/session/session_priv.h"

#include "base/fold.h"
#include "base/utf8.h"

/*
 * Text is folded into a buffer and searched there with memmem: two passes at
 * the speed of memory, where a comparison that ignores case goes byte by byte.
 */
static bool
is_in(struct imap_search_msg *q, struct sv needle, bool ascii, struct sv text)
{
	struct buf *f = &q->folded;
	char *p;

	if (needle.n == 0)
		return true;
	if (text.n == 0)
		return false;
	buf_reset(f);
	/* Letters lie within those with marks, so ASCII finds more than ASCII;
	 * where there is nothing else it is all. */
	if (ascii && !utf8_has_8bit(text)) {
		p = buf_reserve(f, text.n);
		if (p == NULL)
			return false;
		fold_ascii(text, p);
		buf_added(f, text.n);
	} else {
		/* A needle's 8 bit letters may fold to 7 bit ones. */
		if (utf8_has_8bit(needle) && !utf8_has_8bit(text))
			return false;
		fold_utf8(text, f);
	}
	return memmem(f->p, f->n, needle.p, needle.n) != NULL;
}

bool
imap_needle_in_header(
    struct imap_search_msg *q, const struct imap_needle *n, struct sv text)
{
	return is_in(q, n->narrow, n->ascii, text);
}

static bool
in_body(struct imap_search_msg *q, const struct imap_needle *n, struct sv text)
{
	return is_in(q, n->text, n->ascii, text);
}

/* len bytes of the message; false if they cannot be read. */
static bool
load(struct imap_search_msg *q, struct buf *into, uint64_t off, uint64_t len)
{
	char *p;

	buf_reset(into);
	if (off > q->m->size || len > q->m->size - off)
		len = 0;
	p = buf_reserve(into, (size_t)len);
	if (p == NULL || (len > 0 && store_read(q->s->store, q->m->body, off, p,
					 (size_t)len) != RC_OK)) {
		q->damaged = true;
		return false;
	}
	buf_added(into, (size_t)len);
	return true;
}

/* Header text, with a name before it or without. */
static bool
in_line(struct imap_search_msg *q, struct sv name, struct sv value,
    const struct imap_needle *n)
{
	buf_reset(&q->text);
	if (name.n > 0) {
		buf_addsv(&q->text, name);
		buf_adds(&q->text, ": ");
	}
	mime_header_text(value, &q->text);
	return imap_needle_in_header(q, n, buf_sv(&q->text));
}

static bool
in_fields(struct imap_search_msg *q, struct sv header, struct sv name,
    const struct imap_needle *n)
{
	struct mime_field f;

	while (mime_field_next(&header, &f))
		if (sv_ieq(f.name, name) && in_line(q, SV(""), f.value, n))
			return true;
	return false;
}

/* All lines of a header block, also those that are not fields. */
static bool
in_header(
    struct imap_search_msg *q, struct sv header, const struct imap_needle *n)
{
	struct sv rest = header;
	struct mime_field f;

	while (mime_field_next(&rest, &f)) {
		size_t odd = (size_t)(f.whole.p - header.p);

		if (odd > 0 && in_line(q, SV(""), sv_first(header, odd), n))
			return true;
		if (in_line(q, f.name, f.value, n))
			return true;
		header = sv_skip(header, odd + f.whole.n);
	}
	return header.n > 0 && in_line(q, SV(""), header, n);
}

static bool
have_header(struct imap_search_msg *q)
{
	if (!q->have_header)
		q->have_header =
		    imap_load_header(q->s, q->m, &q->x, &q->header);
	if (!q->have_header)
		q->damaged = true;
	return q->have_header;
}

bool
imap_search_header(
    struct imap_search_msg *q, struct sv name, const struct imap_needle *n)
{
	if (!have_header(q))
		return false;
	return name.n > 0 ? in_fields(q, buf_sv(&q->header), name, n)
			  : in_header(q, buf_sv(&q->header), n);
}

bool
imap_search_thread(struct imap_search_msg *q, struct sv id)
{
	if (!have_header(q))
		return false;
	buf_reset(&q->text);
	imap_put_threadid(
	    &q->text, buf_sv(&q->header), store_epoch(q->s->store), q->m->body);
	return sv_eq(buf_sv(&q->text), id);
}

static struct sv
extent(struct sv msg, uint64_t off, uint64_t len)
{
	return sv_first(sv_skip(msg, (size_t)off), (size_t)len);
}

/*
 * Text as it is, when it is looked for in ASCII and has nothing else: no
 * decoding and no charset changes what memmem finds, unless the text switches
 * its charset with escapes (ISO-2022) or has NULs (UTF-16).
 */
static bool
as_it_stands(
    const struct mime_part *p, const struct imap_needle *n, struct sv body)
{
	return n->ascii && p->encoding == MIME_ENC_IDENTITY &&
	       !utf8_has_8bit(body) && memchr(body.p, 0x1b, body.n) == NULL &&
	       memchr(body.p, '\0', body.n) == NULL;
}

static bool
in_part(struct imap_search_msg *q, uint32_t i, const struct imap_needle *n)
{
	const struct mime_msg *mm = &q->x.sum.msg;
	const struct mime_part *p = &mm->part[i];
	struct sv msg = buf_sv(&q->body), body;

	/* The headers of parts and of messages inside are body, too. */
	if (i > 0 && in_header(q, extent(msg, p->header_off, p->header_len), n))
		return true;
	if (!mime_part_is_text(msg, p))
		return false;
	body = extent(msg, p->body_off, p->body_len);
	if (body.n == 0)
		return n->text.n == 0;
	if (as_it_stands(p, n, body))
		return in_body(q, n, body);
	buf_reset(&q->text);
	mime_part_text(msg, mm, i, &q->text);
	return in_body(q, n, buf_sv(&q->text));
}

bool
imap_search_body(struct imap_search_msg *q, const struct imap_needle *n)
{
	bool found = false;
	uint32_t i;

	if (!q->have_body) {
		if (!imap_summary_load(&q->x, q->s->store, q->m))
			q->damaged = true;
		if (!load(q, &q->body, 0, q->m->size))
			return false;
		q->have_body = true;
	}
	if (n->text.n == 0)
		return true;
	if (!store_parse_begin(q->s->store, q->m->body))
		return in_body(q, n, buf_sv(&q->body));
	for (i = 0; !found && !q->over && i < q->x.sum.msg.n; i++) {
		found = in_part(q, i, n);
		q->over = !imap_goes_on(q->s, true);
	}
	store_parse_end(q->s->store, q->m->body);
	return found;
}
