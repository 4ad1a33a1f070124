#include "imap/session/session_priv.h"

#include <stdio.h>

/* Bytes of a message. */
struct extent {
	uint64_t off, len;
};

/* Most messages are read, and so checked, in one piece. */
#define READ_CHUNK 61440

/* Which part's bytes, all of them without regard to partial.  False: there
 * is not such a part. */
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

		/* Where it is not known, an empty header would be a lie. */
		if (!good || !locate(&x->sum.msg, sec, &e)) {
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
	int r = RC_OK;

	if (p == NULL)
		return RC_TOOBIG;
	if (e.len > 0)
		r = store_read(s->store, body, e.off, p, (size_t)e.len);
	if (r == RC_OK)
		buf_added(to, (size_t)e.len);
	return r;
}

/* A part that is decoded piece by piece, so that a large one takes no
 * memory. */
struct walk {
	struct imap_session *s;
	uint64_t body;
	struct extent left; /* of the part, not read yet */
	struct mime_decoder decoder;
	struct buf raw; /* read, not decoded yet */
	uint64_t at;	/* where in the decoded part the piece begins */
};

static void
walk_init(struct walk *w, struct imap_session *s, uint64_t body,
    const struct imap_binary *b)
{
	*w = (struct walk){.s = s,
	    .body = body,
	    .left = {b->off, b->stored},
	    .decoder = {.enc = b->encoding},
	    .at = b->at};
	buf_init(&w->raw, SIZE_MAX / 4);
	buf_reset(&s->scratch);
}

static bool
walk_over(const struct walk *w)
{
	return w->left.len == 0 && w->raw.n == 0;
}

/* The next piece into s->scratch; it may be empty. */
static int
walk_next(struct walk *w)
{
	struct extent e = w->left;
	size_t used;
	int r;

	if (e.len > READ_CHUNK)
		e.len = READ_CHUNK;
	w->at += w->s->scratch.n;
	buf_reset(&w->s->scratch);
	/* The response has begun: there is no other way to leave. */
	if (!imap_goes_on(w->s, false))
		w->s->broken = true;
	if (w->s->broken)
		return RC_EOF;
	r = read_all(w->s, w->body, e, &w->raw);
	if (r != RC_OK)
		return r;
	w->left.off += e.len;
	w->left.len -= e.len;
	if (!store_parse_begin(w->s->store, w->body))
		return RC_NOSUPPORT;
	used = mime_decode_some(
	    &w->decoder, buf_sv(&w->raw), w->left.len == 0, &w->s->scratch);
	store_parse_end(w->s->store, w->body);
	buf_consume(&w->raw, used);
	return RC_OK;
}

/* What of the piece lies in the wanted range. */
static struct sv
walk_wanted(const struct walk *w, const struct imap_binary *b)
{
	struct sv piece = buf_sv(&w->s->scratch);
	uint64_t end = b->from + b->len;

	if (w->at >= end)
		return SV("");
	piece = sv_first(
	    piece, end - w->at < piece.n ? (size_t)(end - w->at) : piece.n);
	return sv_skip(piece, b->from > w->at ? (size_t)(b->from - w->at) : 0);
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

/* Which bytes of the message, and in which encoding. */
static int
binary_find(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec,
    struct imap_binary *out)
{
	struct extent e = {0, m->size};
	const struct mime_part *p;
	uint32_t i;
	int r = RC_OK;

	*out = (struct imap_binary){.encoding = MIME_ENC_IDENTITY};
	if (sec->npart > 0) {
		if (!imap_summary_load(x, s->store, m))
			return RC_DAMAGED;
		i = mime_section(&x->sum.msg, sec->part, sec->npart);
		if (i == MIME_NONE)
			return RC_OK;
		p = &x->sum.msg.part[i];
		e = inside(m, p->body_off, p->body_len);
		/* Only leaves are encoded [RFC 2045 6.4]. */
		if (p->kind == MIME_KIND_TEXT || p->kind == MIME_KIND_OTHER)
			out->encoding = (enum mime_encoding)p->encoding;
		if (out->encoding == MIME_ENC_IDENTITY &&
		    p->kind != MIME_KIND_MULTIPART)
			r = encoding_known(s, m->body,
			    inside(m, p->header_off, p->header_len));
	} else if (!whole_is_sound(s, m, e)) {
		r = RC_DAMAGED;
	}
	out->there = r == RC_OK;
	out->off = e.off;
	out->stored = e.len;
	return r;
}

/* How long it is, and whether a NUL is in what is wanted. */
static int
binary_measure(struct imap_session *s, uint64_t body, struct imap_binary *b)
{
	bool first = true;
	struct walk w;
	int r = RC_OK;

	walk_init(&w, s, body, b);
	while (r == RC_OK && !walk_over(&w) &&
	       w.at + s->scratch.n < b->from + b->len) {
		struct sv piece;

		r = walk_next(&w);
		piece = walk_wanted(&w, b);
		if (memchr(piece.p, '\0', piece.n) != NULL)
			b->nul = true;
		b->kept = r == RC_OK && first && walk_over(&w);
		first = false;
	}
	w.at += s->scratch.n;
	if (r == RC_OK && w.at < b->from + b->len)
		b->len = w.at > b->from ? w.at - b->from : 0;
	buf_fini(&w.raw);
	return r;
}

int
imap_binary_load(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, const struct imap_section *sec,
    struct imap_binary *out)
{
	int r = binary_find(s, m, x, sec, out);

	if (r != RC_OK || !out->there)
		return r;
	out->len = INT64_MAX;
	if (sec->partial) {
		out->from = sec->from;
		/* Both have 63 bits at most. */
		out->len = sec->count;
	}
	if (out->encoding == MIME_ENC_IDENTITY) {
		struct extent e =
		    cut((struct extent){out->off, out->stored}, sec);

		out->off = e.off;
		out->stored = out->len = e.len;
		out->at = out->from;
		if (sec->form == IMAP_FORM_BINARY_SIZE)
			return RC_OK;
	}
	r = binary_measure(s, m->body, out);
	out->there = r == RC_OK;
	return r;
}

bool
imap_put_binary(struct imap_session *s, const struct store_msg *m,
    const struct imap_section *sec, const struct imap_binary *b)
{
	uint64_t sent = 0;
	struct walk w;
	int r = RC_OK;

	if (sec->form == IMAP_FORM_BINARY_SIZE) {
		stream_printf(
		    s->st, " %llu", b->there ? (unsigned long long)b->len : 0);
		return true;
	}
	if (!b->there) {
		stream_puts(s->st, " NIL");
		return true;
	}
	stream_printf(s->st, " %s{%llu}\r\n", b->nul ? "~" : "",
	    (unsigned long long)b->len);
	if (b->kept) {
		w = (struct walk){.s = s, .at = b->at};
		stream_putsv(s->st, walk_wanted(&w, b));
		return true;
	}
	walk_init(&w, s, m->body, b);
	while (r == RC_OK && sent < b->len && !walk_over(&w)) {
		struct sv piece;

		r = walk_next(&w);
		piece = walk_wanted(&w, b);
		if (r == RC_OK)
			stream_putsv(s->st, piece);
		sent += piece.n;
	}
	buf_fini(&w.raw);
	/* What has been announced cannot be taken back. */
	s->broken = s->broken || r != RC_OK || sent != b->len;
	return r == RC_OK;
}
