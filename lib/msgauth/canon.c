#include "msgauth/canon.h"

#include "base/ascii.h"

#define BLOCK 64

void
dkim_body_init(struct dkim_body *b, enum dkim_canon canon,
    void (*put)(void *arg, struct sv bytes), void *arg)
{
	b->put = put;
	b->arg = arg;
	b->canon = canon;
	b->ends = 0;
	b->blank = b->cr = b->any = false;
	b->n = 0;
}

static void
flush(struct dkim_body *b)
{
	if (b->n > 0)
		b->put(b->arg, sv_of(b->out, b->n));
	b->n = 0;
}

static void
emit(struct dkim_body *b, struct sv bytes)
{
	/* Much is not copied. */
	if (bytes.n >= sizeof b->out) {
		flush(b);
		b->put(b->arg, bytes);
		return;
	}
	while (bytes.n > 0) {
		size_t room = sizeof b->out - b->n;
		size_t k = bytes.n < room ? bytes.n : room;

		memcpy(b->out + b->n, bytes.p, k);
		b->n += k;
		bytes = sv_skip(bytes, k);
		if (b->n == sizeof b->out)
			flush(b);
	}
}

/* Bytes that are in the result unchanged, and with them what was held
 * back before. */
static void
text(struct dkim_body *b, struct sv bytes)
{
	for (; b->ends > 0; b->ends--)
		emit(b, SV("\r\n"));
	if (b->blank)
		emit(b, SV(" "));
	b->blank = false;
	b->any = true;
	emit(b, bytes);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * The usual case in one go: text with single blanks within, up to the end of
 * the line or of what is there.  Returns how many bytes that were; nothing is
 * held back before them.
 */
static size_t
relaxed_run(struct dkim_body *b, struct sv s)
{
	size_t i = 0, n = b->n;

	while (i < s.n && s.p[i] != '\r') {
		char c = s.p[i];

		if (is_blank(c) &&
		    (c == '\t' || i + 1 == s.n || is_blank(s.p[i + 1]) ||
			s.p[i + 1] == '\r'))
			break;
		b->out[n++] = c;
		i++;
		if (n == sizeof b->out) {
			b->n = n;
			flush(b);
			n = 0;
		}
	}
	b->n = n;
	return i;
}

/* Is one of these bytes, seen with the one behind it, not in the result, or not
 * yet?  Without branches, so that many are looked at in one step. */
static bool
is_changed(const char *p)
{
	unsigned char bad = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++) {
		unsigned char c = (unsigned char)p[i];
		unsigned char d = (unsigned char)p[i + 1];
		unsigned char blank = (d == ' ') | (d == '\t') | (d == '\r');

		bad |= (unsigned char)((c == '\t') |
				       (((c == ' ') | (c == '\n')) & blank));
	}
	return bad != 0;
}

/* Whole lines, as most are: bytes at the front that are in the result as they
 * are, whatever follows. */
static size_t
relaxed_lines(struct sv s)
{
	size_t n = 0;

	while (s.n - n > BLOCK && !is_changed(s.p + n))
		n += BLOCK;
	return n > 0 && s.p[n - 1] == '\r' ? n - 1 : n;
}

/* Bytes at the front that mean nothing but themselves; the first is one. */
static size_t
run(struct dkim_body *b, struct sv s)
{
	size_t n = b->canon == DKIM_SIMPLE ? sv_chr(s, '\r') : relaxed_lines(s);

	text(b, sv_first(s, n));
	return n > 0 ? n : relaxed_run(b, s);
}

void
dkim_body_feed(struct dkim_body *b, struct sv in)
{
	while (in.n > 0) {
		size_t n = 1;

		if (b->cr && in.p[0] == '\n') {
			b->ends++;
			b->blank = b->cr = false;
		} else if (b->cr) {
			b->cr = false;
			text(b, SV("\r"));
			n = 0;
		} else if (in.p[0] == '\r') {
			b->cr = true;
		} else if (b->canon == DKIM_RELAXED && is_blank(in.p[0])) {
			b->blank = true;
		} else {
			n = run(b, in);
		}
		in = sv_skip(in, n);
	}
}

void
dkim_body_end(struct dkim_body *b)
{
	if (b->cr)
		text(b, SV("\r"));
	b->cr = false;
	/* [RFC 6376 3.4.3] a body of nothing is one line end */
	if (b->any || b->canon == DKIM_SIMPLE)
		emit(b, SV("\r\n"));
	flush(b);
}

void
dkim_field_relaxed(const struct mail_field *f, struct buf *out)
{
	/* It never gets longer. */
	char *to = buf_reserve(out, f->name.n + 1 + f->value.n);
	bool blank = false, begun = false;
	size_t i, n = 0;

	if (to == NULL)
		return;
	for (i = 0; i < f->name.n; i++)
		to[n++] = ascii_lower(f->name.p[i]);
	to[n++] = ':';
	for (i = 0; i < f->value.n; i++) {
		char c = f->value.p[i];

		/* What is folded is one line: its breaks vanish, and each
		 * has a blank behind it.  A CR alone is not a break. */
		if (c == ' ' || c == '\t' || c == '\n' ||
		    (c == '\r' && i + 1 < f->value.n &&
			f->value.p[i + 1] == '\n')) {
			blank = true;
			continue;
		}
		if (blank && begun)
			to[n++] = ' ';
		blank = false;
		begun = true;
		to[n++] = c;
	}
	buf_added(out, n);
}

void
dkim_field_canon(
    const struct mail_field *f, enum dkim_canon canon, struct buf *out)
{
	struct sv whole = f->whole;

	if (canon == DKIM_RELAXED) {
		dkim_field_relaxed(f, out);
		return;
	}
	if (whole.n > 0 && whole.p[whole.n - 1] == '\n')
		whole.n--;
	if (whole.n > 0 && whole.p[whole.n - 1] == '\r')
		whole.n--;
	buf_addsv(out, whole);
}

void
dkim_field_without(const struct mail_field *f, struct sv value,
    enum dkim_canon canon, struct buf *out)
{
	const char *end = f->whole.p + f->whole.n;
	struct mail_field g;
	struct buf text;
	struct sv all;

	buf_init(&text, f->whole.n + 1);
	buf_add(&text, f->whole.p, (size_t)(value.p - f->whole.p));
	buf_add(&text, value.p + value.n, (size_t)(end - (value.p + value.n)));
	all = buf_sv(&text);
	if (mail_field_next(&all, &g))
		dkim_field_canon(&g, canon, out);
	buf_fini(&text);
}
