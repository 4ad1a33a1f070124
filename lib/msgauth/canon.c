#include "msgauth/canon.h"

#include "base/ascii.h"

void
dkim_body_init(
    struct dkim_body *b, void (*put)(void *arg, struct sv bytes), void *arg)
{
	b->put = put;
	b->arg = arg;
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

/* Bytes that stand in the result as they are, and with them what was held
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

/* How many bytes at the front mean nothing but themselves. */
static size_t
plain(struct sv s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
		i++;
	return i;
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
		} else if (in.p[0] == ' ' || in.p[0] == '\t') {
			b->blank = true;
		} else {
			n = plain(in);
			text(b, sv_first(in, n));
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
	if (b->any)
		emit(b, SV("\r\n"));
	flush(b);
}

void
dkim_field_relaxed(const struct mail_field *f, struct buf *out)
{
	bool blank = false, begun = false;
	size_t i;

	for (i = 0; i < f->name.n; i++)
		buf_addc(out, ascii_lower(f->name.p[i]));
	buf_addc(out, ':');
	for (i = 0; i < f->value.n; i++) {
		char c = f->value.p[i];

		/* What is folded is one line: its breaks vanish, and each
		 * has a blank behind it. */
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			blank = true;
			continue;
		}
		if (blank && begun)
			buf_addc(out, ' ');
		blank = false;
		begun = true;
		buf_addc(out, c);
	}
}
