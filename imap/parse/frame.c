#include "imap/parse/frame.h"

#include "base/ascii.h"

void
imap_frame_init(struct imap_frame *f, const struct imap_limits *lim)
{
	*f = (struct imap_frame){.lim = lim};
	buf_init(&f->text, lim->command + 2);
}

void
imap_frame_fini(struct imap_frame *f)
{
	buf_fini(&f->text);
}

static void
restart(struct imap_frame *f)
{
	f->literal = 0;
	f->line = f->line_start = f->ntail = 0;
	f->asked = f->overflow = f->skipping = false;
}

void
imap_frame_reset(struct imap_frame *f)
{
	restart(f);
	buf_reset(&f->text);
}

void
imap_frame_wipe(struct imap_frame *f)
{
	restart(f);
	explicit_bzero(f->tail, sizeof f->tail);
	buf_wipe(&f->text);
}

/* The line's last bytes decide whether a literal follows: keep them also
 * where the line itself is not kept. */
static void
keep_tail(struct imap_frame *f, struct sv s)
{
	size_t max = sizeof f->tail;

	if (s.n >= max) {
		memcpy(f->tail, s.p + (s.n - max), max);
		f->ntail = max;
		return;
	}
	if (f->ntail + s.n > max) {
		size_t drop = f->ntail + s.n - max;

		memmove(f->tail, f->tail + drop, f->ntail - drop);
		f->ntail -= drop;
	}
	if (s.n > 0)
		memcpy(f->tail + f->ntail, s.p, s.n);
	f->ntail += s.n;
}

static void
add_line(struct imap_frame *f, struct sv s)
{
	size_t room;

	keep_tail(f, s);
	if (f->skipping || f->overflow)
		return;
	/* Two bytes more than the limit: the line end is not counted. */
	room = f->lim->line + 2 - f->line;
	if (room > f->text.max - f->text.n)
		room = f->text.max - f->text.n;
	if (s.n > room) {
		/* What fits is kept: it begins with the tag, wherever the
		 * pieces that have come were cut. */
		f->overflow = true;
		s = sv_first(s, room);
	}
	f->line += s.n;
	buf_addsv(&f->text, s);
}

/*
 * literal = "{" number ["+" / "-"] "}" CRLF  [RFC 3501 9, RFC 7888 8]
 * literal8 = "~" literal                     [RFC 3516 4.2]
 * at the end of a line that is given without its line end.
 */
static bool
literal_header(struct sv line, struct imap_literal *out)
{
	size_t open = sv_rchr(line, '{');
	struct sv num;
	uint64_t n = UINT64_MAX;
	bool nonsync = false;
	size_t i;

	if (open == line.n || line.p[line.n - 1] != '}')
		return false;
	num = sv_of(line.p + open + 1, line.n - open - 2);
	if (num.n > 0 && (num.p[num.n - 1] == '+' || num.p[num.n - 1] == '-')) {
		nonsync = true;
		num.n--;
	}
	if (num.n == 0)
		return false;
	for (i = 0; i < num.n; i++)
		if (!ascii_is_digit(num.p[i]))
			return false;
	if (sv_to_u64(num, INT64_MAX, &n) != RC_OK)
		n = UINT64_MAX;
	*out = (struct imap_literal){
	    n, nonsync, open > 0 && line.p[open - 1] == '~'};
	return true;
}

/* The line end has come. */
static enum imap_frame_got
line_over(struct imap_frame *f, struct imap_literal *lit_out)
{
	struct sv t = sv_of(f->tail, f->ntail);
	size_t eol = 1;

	if (t.n > 1 && t.p[t.n - 2] == '\r')
		eol = 2;
	t.n -= eol;
	f->ntail = 0;
	if (!f->skipping && !f->overflow && f->line - eol > f->lim->line)
		f->overflow = true;
	if (literal_header(t, lit_out)) {
		if (f->overflow || f->skipping) {
			/* Nobody waits for "+": a synchronising client
			 * gets its answer now and sends no literal. */
			if (!lit_out->nonsync)
				return f->skipping ? IMAP_FRAME_SKIPPED
						   : IMAP_FRAME_TOOLONG;
			f->literal = lit_out->size;
			return IMAP_FRAME_MORE;
		}
		f->asked = true;
		return IMAP_FRAME_LITERAL;
	}
	if (f->skipping)
		return IMAP_FRAME_SKIPPED;
	if (f->overflow)
		return IMAP_FRAME_TOOLONG;
	buf_truncate(&f->text, f->text.n - eol);
	return IMAP_FRAME_COMMAND;
}

enum imap_frame_got
imap_frame_feed(struct imap_frame *f, struct sv in, size_t *used_out,
    struct imap_literal *lit_out)
{
	size_t start = in.n;

	must(!f->asked);
	*used_out = 0;
	while (in.n > 0) {
		enum imap_frame_got got;
		size_t n;

		if (f->literal > 0) {
			n = f->literal < in.n ? (size_t)f->literal : in.n;
			if (!f->skipping && !f->overflow)
				buf_add(&f->text, in.p, n);
			f->literal -= n;
			in = sv_skip(in, n);
			continue;
		}
		n = sv_chr(in, '\n');
		if (n == in.n) {
			add_line(f, in);
			in = sv_skip(in, n);
			continue;
		}
		add_line(f, sv_first(in, n + 1));
		in = sv_skip(in, n + 1);
		got = line_over(f, lit_out);
		if (got != IMAP_FRAME_MORE) {
			*used_out = start - in.n;
			return got;
		}
	}
	*used_out = start;
	return IMAP_FRAME_MORE;
}

bool
imap_frame_literal_accept(struct imap_frame *f, const struct imap_literal *lit)
{
	must(f->asked);
	/* The text may hold the two bytes of a line end more. */
	if (lit->size > f->lim->literal || f->text.n > f->lim->command ||
	    lit->size > f->lim->command - f->text.n)
		return false;
	f->asked = false;
	f->literal = lit->size;
	return true;
}

void
imap_frame_literal_skip(struct imap_frame *f, const struct imap_literal *lit)
{
	must(f->asked);
	if (!lit->nonsync) {
		imap_frame_reset(f);
		return;
	}
	f->asked = false;
	f->skipping = true;
	f->literal = lit->size;
}

void
imap_frame_literal_stream(struct imap_frame *f)
{
	must(f->asked);
	imap_frame_reset(f);
}
