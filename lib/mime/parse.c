/*
 * The structure of a message: one pass over its lines.
 *
 * The parts that are open form a chain from the innermost (`cur`) up to the
 * message.  Multiparts among them have a level with their boundary.  A line
 * that is the boundary of any level closes all that is inside it: a lost end
 * of an inner multipart does not swallow the outer one's parts.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/unset.h"
#include "mail/field.h"
#include "mime/mime_priv.h"

#define LEVELS_MAX   128 /* limits->depth is cut to this */
#define BOUNDARY_MAX 100 /* 70 are allowed [RFC 2046 5.1.1] */

struct level {
	uint32_t part;
	uint32_t last_child;
	uint8_t n;
	bool digest;
	char boundary[BOUNDARY_MAX];
};

struct parser {
	struct sv msg;
	const struct mime_limits *lim;
	struct mime_msg *out;
	size_t cap;
	size_t pos;	/* start of the line at hand */
	uint32_t lines; /* line breaks before pos */
	uint32_t cur;
	uint32_t depth; /* multiparts and messages around cur */
	struct level level[LEVELS_MAX];
	unsigned nlevels;
	bool stuck; /* too many parts: the rest belongs to the last one */
};

/* ---- lines ---- */

static uint32_t
count_lf(struct sv s)
{
	size_t i;
	uint32_t n = 0;

	/* In blocks whose sum fits into a byte, so that the compiler makes
	 * vector code of the inner loop. */
	for (i = 0; i + 128 <= s.n; i += 128) {
		unsigned char k = 0;
		size_t j;

		for (j = 0; j < 128; j++)
			k = (unsigned char)(k + (s.p[i + j] == '\n'));
		n += k;
	}
	for (; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static struct sv
line_at(const struct parser *ps)
{
	struct sv rest = sv_skip(ps->msg, ps->pos);
	const char *nl = memchr(rest.p, '\n', rest.n);

	return sv_first(rest, nl != NULL ? (size_t)(nl - rest.p) + 1 : rest.n);
}

static void
next_line(struct parser *ps, struct sv line)
{
	ps->lines += line.p[line.n - 1] == '\n';
	ps->pos += line.n;
}

/*
 * The level whose boundary the line is, innermost first; levels otherwise.
 * As in most readers the line needs only to begin with it, so the longest one
 * that fits is taken.  *closing: it is the last one of its multipart.
 */
static unsigned
boundary_of(const struct parser *ps, struct sv line, bool *closing)
{
	unsigned i = ps->nlevels, best = ps->nlevels;
	struct sv s;

	if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
		return best;
	s = sv_skip(line, 2);
	while (i-- > 0) {
		const struct level *l = &ps->level[i];

		if (sv_starts(s, sv_of(l->boundary, l->n)) &&
		    (best == ps->nlevels || l->n > ps->level[best].n))
			best = i;
	}
	if (best < ps->nlevels)
		*closing = sv_starts(sv_skip(s, ps->level[best].n), SV("--"));
	return best;
}

/* ---- parts ---- */

static void
close_part(struct parser *ps, struct mime_part *p, uint64_t end, uint32_t lines)
{
	if (end < p->body_off) {
		end = p->body_off;
		lines = p->body_lines;
	}
	p->body_len = end - p->body_off;
	/* Until now body_lines was the number of lines before the body. */
	p->body_lines = lines - p->body_lines;
	if (p->kind == MIME_KIND_MULTIPART || p->kind == MIME_KIND_MESSAGE)
		ps->depth--;
}

/*
 * Closes all parts inside `target` (MIME_NONE: all); pos is behind them.
 * at_boundary: the line break before pos belongs to the boundary.
 */
static void
close_until(struct parser *ps, uint32_t target, bool at_boundary)
{
	uint64_t end = ps->pos;
	uint32_t lines = ps->lines;

	if (at_boundary && end > 0 && ps->msg.p[end - 1] == '\n') {
		end--;
		lines--;
		if (end > 0 && ps->msg.p[end - 1] == '\r')
			end--;
	}
	while (ps->cur != target) {
		struct mime_part *p = &ps->out->part[ps->cur];

		/* The end of the header of an empty part is not taken back. */
		if (end < p->body_off) {
			end = p->body_off;
			lines = p->body_lines;
		}
		close_part(ps, p, end, lines);
		ps->cur = p->parent;
	}
}

/* Moves over the header; pos is behind the empty line. */
static struct sv
read_header(struct parser *ps)
{
	size_t start = ps->pos;
	uint32_t fields = 0;
	bool closing;

	while (ps->pos < ps->msg.n) {
		struct sv line = line_at(ps);

		if (ps->nlevels > 0 &&
		    boundary_of(ps, line, &closing) < ps->nlevels)
			break;
		if (line.p[0] == '\n' ||
		    (line.n == 2 && line.p[0] == '\r' && line.p[1] == '\n')) {
			next_line(ps, line);
			break;
		}
		fields += line.p[0] != ' ' && line.p[0] != '\t';
		if (ps->pos - start + line.n > ps->lim->header_bytes ||
		    fields > ps->lim->header_fields) {
			ps->out->truncated = true;
			break;
		}
		next_line(ps, line);
	}
	return sv_of(ps->msg.p + start, ps->pos - start);
}

static bool
wanted(struct sv name, const char *rest, struct sv *slot)
{
	return slot->p == NULL && sv_ieq(sv_skip(name, 8), sv_str(rest));
}

void
mime_fields_get(struct sv header, struct mime_fields *out)
{
	struct mail_field f;

	*out = (struct mime_fields){.cte = {NULL, 0}};
	while (mail_field_next(&header, &f)) {
		/* The first one of each name counts. */
		if (f.name.n < 10 || !sv_istarts(f.name, SV("content-")))
			continue;
		if (wanted(f.name, "type", &out->content_type))
			out->content_type = f.value;
		else if (wanted(f.name, "transfer-encoding", &out->cte))
			out->cte = f.value;
		else if (wanted(f.name, "id", &out->id))
			out->id = f.value;
		else if (wanted(f.name, "description", &out->description))
			out->description = f.value;
		else if (wanted(f.name, "disposition", &out->disposition))
			out->disposition = f.value;
		else if (wanted(f.name, "language", &out->language))
			out->language = f.value;
		else if (wanted(f.name, "location", &out->location))
			out->location = f.value;
		else if (wanted(f.name, "md5", &out->md5))
			out->md5 = f.value;
	}
}

/* Makes the multipart's level; false if it has no boundary. */
static bool
push_level(struct parser *ps, const struct mime_ctype *ct, uint32_t part)
{
	struct level *l = &ps->level[ps->nlevels];
	struct mime_params params;
	struct sv b;
	bool ok = false;

	mime_params_parse(ct->params, &params);
	if (mime_params_find(&params, SV("boundary"), &b) && b.n > 0) {
		b = sv_first(b, BOUNDARY_MAX);
		memcpy(l->boundary, b.p, b.n);
		l->n = (uint8_t)b.n;
		l->part = part;
		l->last_child = MIME_NONE;
		l->digest = sv_ieq(ct->subtype, SV("digest"));
		ps->nlevels++;
		ok = true;
	}
	mime_params_fini(&params);
	return ok;
}

/* What a part is, by its Content-Type, or the default of the place where it is.
 */
static enum mime_kind
kind_of(struct sv content_type, struct mime_ctype *ct, bool in_digest)
{
	*ct = mime_ctype_parse(content_type);
	if (content_type.p == NULL)
		return in_digest ? MIME_KIND_MESSAGE : MIME_KIND_TEXT;
	if (ct->type.n == 0 || ct->subtype.n == 0 ||
	    sv_ieq(ct->type, SV("text")))
		return MIME_KIND_TEXT;
	if (sv_ieq(ct->type, SV("multipart")))
		return MIME_KIND_MULTIPART;
	if (sv_ieq(ct->type, SV("message")) &&
	    (sv_ieq(ct->subtype, SV("rfc822")) ||
		sv_ieq(ct->subtype, SV("global"))))
		return MIME_KIND_MESSAGE;
	return MIME_KIND_OTHER;
}

static uint32_t
new_part(struct parser *ps)
{
	struct mime_msg *m = ps->out;

	m->part = xgrow(m->part, &ps->cap, m->n + 1, sizeof m->part[0]);
	m->part[m->n] = (struct mime_part){
	    .parent = ps->cur, .first_child = MIME_NONE, .next = MIME_NONE};
	return m->n++;
}

static void
link_child(struct parser *ps, uint32_t i, struct level *l)
{
	struct mime_part *part = ps->out->part;

	if (ps->cur == MIME_NONE)
		return;
	if (l == NULL || l->last_child == MIME_NONE)
		part[ps->cur].first_child = i;
	else
		part[l->last_child].next = i;
	if (l != NULL)
		l->last_child = i;
}

static bool
has_room(struct parser *ps)
{
	unsigned depth =
	    ps->lim->depth < LEVELS_MAX ? ps->lim->depth : LEVELS_MAX;

	if (ps->depth < depth && ps->out->n < ps->lim->parts)
		return true;
	ps->out->truncated = true;
	return false;
}

/* Opens the part whose header starts at pos, as a child of cur. l: cur's
 * level if cur is a multipart. */
static enum mime_kind
open_part(struct parser *ps, struct level *l)
{
	bool in_digest = l != NULL && l->digest;
	uint32_t i = new_part(ps);
	struct mime_ctype ct;
	struct mime_fields f;
	struct mime_part *p;
	struct sv header;
	uint64_t off = ps->pos;

	link_child(ps, i, l);
	header = read_header(ps);
	mime_fields_get(header, &f);
	p = &ps->out->part[i];
	p->header_off = off;
	p->header_len = header.n;
	p->body_off = ps->pos;
	p->body_lines = ps->lines;
	p->encoding = (uint8_t)mime_encoding_of(f.cte);
	p->kind = (uint8_t)kind_of(f.content_type, &ct, in_digest);
	ps->cur = i;
	if (p->kind == MIME_KIND_MULTIPART || p->kind == MIME_KIND_MESSAGE) {
		if (has_room(ps))
			ps->depth++;
		else
			p->kind = MIME_KIND_OTHER;
	}
	if (p->kind == MIME_KIND_MULTIPART)
		(void)push_level(ps, &ct, i);
	return p->kind;
}

/* Opens a part, and the message inside it, and inside that ... */
static void
open_parts(struct parser *ps, struct level *l)
{
	enum mime_kind kind = open_part(ps, l);

	while (kind == MIME_KIND_MESSAGE)
		kind = open_part(ps, NULL);
}

static void
at_boundary(struct parser *ps, unsigned lv, bool closing, struct sv line)
{
	struct level *l = &ps->level[lv];

	if (!closing && ps->out->n >= ps->lim->parts) {
		ps->out->truncated = true;
		ps->stuck = true;
		return;
	}
	close_until(ps, l->part, true);
	ps->nlevels = lv + 1;
	if (closing) {
		/* What follows up to the next outer boundary is epilogue. */
		ps->nlevels = lv;
		next_line(ps, line);
		return;
	}
	next_line(ps, line);
	open_parts(ps, l);
}

/*
 * A multipart whose boundary is not given, or never comes: what is in it is
 * there to be read, as plain text, which it looks like in every mail program
 * that shows it at all [RFC 2045 5.2].
 */
static void
childless_are_text(struct mime_msg *m)
{
	uint32_t i;

	for (i = 0; i < m->n; i++)
		if (m->part[i].kind == MIME_KIND_MULTIPART &&
		    m->part[i].first_child == MIME_NONE)
			m->part[i].kind = MIME_KIND_TEXT;
}

void
mime_parse(struct sv msg, const struct mime_limits *lim, struct mime_msg *out)
{
	struct parser ps UNSET;

	*out = (struct mime_msg){.part = NULL};
	ps.msg = msg;
	ps.lim = lim;
	ps.out = out;
	ps.cap = 0;
	ps.pos = 0;
	ps.lines = 0;
	ps.cur = MIME_NONE;
	ps.depth = 0;
	ps.nlevels = 0;
	ps.stuck = false;
	open_parts(&ps, NULL);
	while (ps.nlevels > 0 && !ps.stuck && ps.pos < msg.n) {
		struct sv line = line_at(&ps);
		bool closing = false;
		unsigned lv = boundary_of(&ps, line, &closing);

		if (lv < ps.nlevels)
			at_boundary(&ps, lv, closing, line);
		else
			next_line(&ps, line);
	}
	/* No boundary can come any more. */
	ps.lines += count_lf(sv_skip(msg, ps.pos));
	ps.pos = msg.n;
	close_until(&ps, MIME_NONE, false);
	childless_are_text(out);
}

void
mime_msg_fini(struct mime_msg *m)
{
	free(m->part);
	m->part = NULL;
	m->n = 0;
}

/* ---- sections ---- */

static uint32_t
nth_child(const struct mime_msg *m, uint32_t i, uint32_t num)
{
	uint32_t c = m->part[i].first_child;

	while (c != MIME_NONE && num-- > 1)
		c = m->part[c].next;
	return c;
}

/* Part num of a message whose outermost part is i. */
static uint32_t
inside(const struct mime_msg *m, uint32_t i, uint32_t num)
{
	if (m->part[i].kind == MIME_KIND_MULTIPART)
		return nth_child(m, i, num);
	return num == 1 ? i : MIME_NONE;
}

uint32_t
mime_section(const struct mime_msg *m, const uint32_t *num, size_t n)
{
	uint32_t i = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		if (i == MIME_NONE || num[k] == 0)
			return MIME_NONE;
		if (k == 0)
			i = inside(m, 0, num[0]);
		else if (m->part[i].kind == MIME_KIND_MULTIPART)
			i = nth_child(m, i, num[k]);
		else if (m->part[i].kind == MIME_KIND_MESSAGE)
			i = inside(m, m->part[i].first_child, num[k]);
		else
			return MIME_NONE;
	}
	return i;
}
