#include "imap/session/internal.h"

#include <stdio.h>

/* Bytes of a message. */
struct extent {
	uint64_t off, len;
};

/* Most messages are read, and so checked, in one piece. */
#define READ_CHUNK 61440

/* Which part's bytes, all of them without regard to partial.  False: there
 * is no such part. */
static bool
locate(const struct mime_msg *mm, const struct imap_section *sec,
    struct extent *out)
{
	uint32_t i = mime_section(mm, sec->part, sec->npart);
	const struct mime_part *p;

	if (i == MIME_NONE)
		return false;
	p = &mm->part[i];
	if (sec->npart > 0 && sec->what != IMAP_SECTION_ALL &&
	    sec->what != IMAP_SECTION_MIME) {
		/* HEADER and TEXT are those of the message inside. */
		if (p->kind != MIME_KIND_MESSAGE || p->first_child == MIME_NONE)
			return false;
		p = &mm->part[p->first_child];
	}
	switch (sec->what) {
	case IMAP_SECTION_ALL:
	case IMAP_SECTION_TEXT:
		*out = (struct extent){p->body_off, p->body_len};
		break;
	case IMAP_SECTION_HEADER:
	case IMAP_SECTION_FIELDS:
	case IMAP_SECTION_FIELDS_NOT:
	case IMAP_SECTION_MIME:
		*out = (struct extent){p->header_off, p->header_len};
		break;
	}
	return true;
}

/* <from.count>: what lies outside is not there [RFC 3501 6.4.5]. */
static struct extent
cut(struct extent e, const struct imap_section *sec)
{
	if (!sec->partial)
		return e;
	if (sec->from >= e.len)
		return (struct extent){e.off, 0};
	e.off += sec->from;
	e.len -= sec->from;
	if (e.len > sec->count)
		e.len = sec->count;
	return e;
}

/*
 * What is longer than a piece is compared with its checksum first: bytes that
 * have been sent cannot be taken back.  Parts that a client asks for are
 * given as they are.
 */
static bool
whole_is_sound(
    struct imap_session *s, const struct store_msg *m, struct extent e)
{
	return e.len != m->size || e.len <= READ_CHUNK ||
	       store_verify(s->store, m->body) == RC_OK;
}

/*
 * No literal holds a NUL; a literal8 does.
 * [RFC 3516 6 DEVIATES: a part with NULs is not shown to BODY as if it were
 * encoded: rewriting it would break signatures and change sizes.  BODY has
 * '?' for each NUL, BINARY has the bytes.]
 */
static void
hide_nuls(char *p, size_t n)
{
	char *end = p + n;

	while ((p = memchr(p, '\0', (size_t)(end - p))) != NULL)
		*p++ = '?';
}

/*
 * A literal from the message's bytes, read straight into the output.  The
 * first piece is read before its size is announced, so that a message that
 * cannot be read gives NIL; later there is only the end of the connection.
 * binary: a literal8.
 */
static bool
put_literal(struct imap_session *s, uint64_t body, struct extent e, bool binary)
{
	char head[32];
	int h = snprintf(head, sizeof head, " %s{%llu}\r\n", binary ? "~" : "",
	    (unsigned long long)e.len);
	size_t hn = (size_t)h;

	do {
		size_t n = e.len < READ_CHUNK ? (size_t)e.len : READ_CHUNK;
		char *p = stream_reserve(s->st, hn + n);

		if (p == NULL) {
			s->broken = true; /* the client is gone */
			return true;
		}
		if (n > 0 &&
		    store_read(s->store, body, e.off, p + hn, n) != RC_OK) {
			if (hn > 0)
				stream_puts(s->st, " NIL");
			else
				s->broken = true;
			return false;
		}
		memcpy(p, head, hn);
		if (!binary)
			hide_nuls(p + hn, n);
		stream_wrote(s->st, hn + n);
		hn = 0;
		e.off += n;
		e.len -= n;
	} while (e.len > 0);
	return true;
}

static void
put_text(struct imap_session *s, struct sv text)
{
	stream_printf(s->st, " {%zu}\r\n", text.n);
	stream_putsv(s->st, text);
}

static bool
field_wanted(const struct imap_section *sec, struct sv name)
{
	size_t i;

	for (i = 0; i < sec->nfield; i++)
		if (sv_ieq(name, sec->field[i]))
			return sec->what == IMAP_SECTION_FIELDS;
	return sec->what == IMAP_SECTION_FIELDS_NOT;
}

/* HEADER.FIELDS and .NOT: a choice of fields and the empty line. */
static bool
put_fields(struct imap_session *s, uint64_t body, struct extent e,
    const struct imap_section *sec)
{
	struct buf *raw = &s->scratch, out;
	struct mime_field f;
	struct sv rest;
	char *p;
	struct extent part;

	buf_reset(raw);
	p = buf_reserve(raw, (size_t)e.len);
	if (p == NULL || (e.len > 0 && store_read(s->store, body, e.off, p,
					   (size_t)e.len) != RC_OK)) {
		stream_puts(s->st, " NIL");
		return false;
	}
	buf_added(raw, (size_t)e.len);
	buf_init(&out, (size_t)e.len + 2);
	rest = buf_sv(raw);
	while (mime_field_next(&rest, &f))
		if (field_wanted(sec, f.name))
			buf_addsv(&out, f.whole);
	buf_add(&out, "\r\n", 2);
	part = cut((struct extent){0, out.n}, sec);
	hide_nuls(out.p, out.n);
	put_text(s, sv_of(out.p + part.off, (size_t)part.len));
	buf_fini(&out);
	return true;
}

bool
imap_put_part(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec)
{
	struct extent e = {0, m->size};

	/* The whole message needs no structure. */
	if (sec->npart > 0 || sec->what != IMAP_SECTION_ALL) {
		bool good = imap_summary_load(x, s->store, m);

		if (!locate(&x->sum.msg, sec, &e)) {
			stream_puts(s->st, " NIL");
			return good;
		}
	}
	/* Derived data does not decide what is read. */
	if (e.off > m->size)
		e.off = m->size;
	if (e.len > m->size - e.off)
		e.len = m->size - e.off;
	if (sec->what == IMAP_SECTION_FIELDS ||
	    sec->what == IMAP_SECTION_FIELDS_NOT)
		return put_fields(s, m->body, e, sec);
	e = cut(e, sec);
	if (!whole_is_sound(s, m, e)) {
		stream_puts(s->st, " NIL");
		return false;
	}
	return put_literal(s, m->body, e, false);
}

/* ---- BINARY ---- */

/* All of e, appended. */
static int
read_all(struct imap_session *s, uint64_t body, struct extent e, struct buf *to)
{
	char *p = buf_reserve(to, (size_t)e.len);

	if (p == NULL)
		return RC_TOOBIG;
	if (e.len > 0) {
		int r = store_read(s->store, body, e.off, p, (size_t)e.len);

		if (r != RC_OK)
			return r;
	}
	buf_added(to, (size_t)e.len);
	return RC_OK;
}

/* A part's body into s->scratch, without its encoding. */
static int
decode(struct imap_session *s, uint64_t body, struct extent e, uint8_t encoding)
{
	struct buf raw;
	int r;

	buf_init(&raw, SIZE_MAX / 4);
	r = read_all(s, body, e, &raw);
	buf_reset(&s->scratch);
	if (r == RC_OK && !store_parse_begin(s->store, body)) {
		r = RC_NOSUPPORT;
	} else if (r == RC_OK) {
		mime_decode_body(
		    buf_sv(&raw), (enum mime_encoding)encoding, &s->scratch);
		store_parse_end(s->store, body);
	}
	buf_fini(&raw);
	return r;
}

/* Where the structure knows no encoding there may be one that we do not
 * know. */
static int
encoding_known(struct imap_session *s, uint64_t body, struct extent header)
{
	int r;

	buf_reset(&s->scratch);
	r = read_all(s, body, header, &s->scratch);
	if (r == RC_OK && !mime_encoding_known(buf_sv(&s->scratch)))
		r = RC_NOSUPPORT;
	return r;
}

static struct extent
inside(const struct store_msg *m, uint64_t off, uint64_t len)
{
	if (off > m->size)
		off = m->size;
	if (len > m->size - off)
		len = m->size - off;
	return (struct extent){off, len};
}

int
imap_binary_load(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec,
    struct imap_binary *out)
{
	struct extent e = {0, m->size};
	const struct mime_part *p;
	uint32_t i;
	int r = RC_OK;

	*out = (struct imap_binary){.there = sec->npart == 0, .len = m->size};
	if (out->there) /* the whole message, which has no encoding itself */
		return RC_OK;
	if (!imap_summary_load(x, s->store, m))
		return RC_DAMAGED;
	i = mime_section(&x->sum.msg, sec->part, sec->npart);
	if (i == MIME_NONE)
		return RC_OK;
	p = &x->sum.msg.part[i];
	e = inside(m, p->body_off, p->body_len);
	/* Only leaves are encoded [RFC 2045 6.4]. */
	if (p->kind == MIME_KIND_TEXT || p->kind == MIME_KIND_OTHER) {
		out->decoded = p->encoding != MIME_ENC_IDENTITY;
		r = out->decoded ? decode(s, m->body, e, p->encoding)
				 : encoding_known(s, m->body,
				       inside(m, p->header_off, p->header_len));
	}
	if (r != RC_OK)
		return r;
	out->there = true;
	out->off = e.off;
	out->len = out->decoded ? s->scratch.n : e.len;
	return RC_OK;
}

/* Is there a NUL in it?  Then it needs a literal8. */
static int
has_nul(struct imap_session *s, uint64_t body, struct extent e, bool *out)
{
	int r = RC_OK;

	*out = false;
	while (r == RC_OK && e.len > 0 && !*out) {
		uint64_t n = e.len < READ_CHUNK ? e.len : READ_CHUNK;

		buf_reset(&s->scratch);
		r = read_all(s, body, (struct extent){e.off, n}, &s->scratch);
		*out = memchr(s->scratch.p, '\0', s->scratch.n) != NULL;
		e.off += n;
		e.len -= n;
	}
	return r;
}

bool
imap_put_binary(struct imap_session *s, const struct store_msg *m,
    const struct imap_section *sec, const struct imap_binary *b)
{
	struct extent e =
	    cut((struct extent){b->decoded ? 0 : b->off, b->len}, sec);
	struct sv text;
	bool nul;

	if (sec->form == IMAP_FORM_BINARY_SIZE) {
		stream_printf(
		    s->st, " %llu", b->there ? (unsigned long long)b->len : 0);
		return true;
	}
	if (!b->there) {
		stream_puts(s->st, " NIL");
		return true;
	}
	if (!b->decoded) {
		if (!whole_is_sound(s, m, e) ||
		    has_nul(s, m->body, e, &nul) != RC_OK) {
			stream_puts(s->st, " NIL");
			return false;
		}
		return put_literal(s, m->body, e, nul);
	}
	text = sv_of(s->scratch.p + e.off, (size_t)e.len);
	if (memchr(text.p, '\0', text.n) != NULL)
		stream_puts(s->st, " ~");
	else
		stream_puts(s->st, " ");
	stream_printf(s->st, "{%zu}\r\n", text.n);
	stream_putsv(s->st, text);
	return true;
}
