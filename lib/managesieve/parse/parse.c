#include "managesieve/parse/parse.h"

#include <string.h>

#include "base/ascii.h"

#define QUOTED_MAX 1024 /* [RFC 5804 4] 1*1024QUOTED-CHAR, or a literal */

/* ---- framing ---- */

void
msv_frame_init(struct msv_frame *f, const struct msv_limits *lim)
{
	*f = (struct msv_frame){.lim = lim};
	buf_init(&f->text, lim->line + 4 * lim->literal);
}

void
msv_frame_wipe(struct msv_frame *f)
{
	const struct msv_limits *lim = f->lim;

	buf_wipe(&f->text);
	msv_frame_init(f, lim);
}

/* literal-c2s = "{" number "+}"; the size at the end of a line. */
static bool
ends_in_literal(struct sv line, uint64_t *size_out)
{
	size_t open;

	if (!sv_ends(line, SV("+}")))
		return false;
	open = sv_rchr(line, '{');
	return open < line.n &&
	       sv_to_u64(sv_first(sv_skip(line, open + 1), line.n - open - 3),
		   UINT32_MAX, size_out) == RC_OK;
}

/* "{5}", or what only looks like a literal that can be. */
static bool
ends_in_braces(struct sv line)
{
	size_t open = sv_rchr(line, '{');
	struct sv s;

	if (!sv_ends(line, SV("}")) || open == line.n)
		return false;
	s = sv_first(sv_skip(line, open + 1), line.n - open - 2);
	if (sv_ends(s, SV("+")))
		s.n--;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]))
			return false;
	return s.n > 0;
}

const char *
msv_event_text(enum msv_event e)
{
	return e == MSV_LOST ? "A literal is written as {size+}."
			     : "The command is too long.";
}

/* From here on what it has is not kept. */
static void
skip(struct msv_frame *f)
{
	buf_wipe(&f->text);
	buf_init(&f->text, f->lim->line + 4 * f->lim->literal);
	f->skipping = true;
	f->line_start = 0;
}

/* A line has ended, with its break: what now? */
static enum msv_event
end_of_line(struct msv_frame *f)
{
	struct sv line = sv_skip(buf_sv(&f->text), f->line_start);
	uint64_t size = 0;

	line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (ends_in_literal(line, &size)) {
		if (size > f->lim->skip)
			return MSV_CLOSE;
		if (size > f->lim->literal || f->skipping)
			skip(f);
		f->literal = size;
		f->line_start = f->text.n;
		return MSV_MORE;
	}
	if (ends_in_braces(line))
		return MSV_LOST;
	f->ready = true;
	if (f->skipping)
		return MSV_TOOLONG;
	buf_truncate(&f->text, f->line_start + line.n);
	return MSV_COMMAND;
}

static void
take_literal(struct msv_frame *f, struct sv bytes)
{
	f->literal -= bytes.n;
	if (f->skipping)
		return;
	buf_addsv(&f->text, bytes);
	if (!buf_ok(&f->text))
		skip(f);
	else
		f->line_start = f->text.n;
}

enum msv_event
msv_frame_feed(struct msv_frame *f, struct sv in, size_t *used)
{
	size_t start = in.n, n;
	enum msv_event e = MSV_MORE;

	if (f->ready)
		msv_frame_wipe(f);
	while (in.n > 0 && e == MSV_MORE) {
		if (f->literal > 0) {
			n = f->literal < in.n ? (size_t)f->literal : in.n;
			take_literal(f, sv_first(in, n));
			in = sv_skip(in, n);
			continue;
		}
		n = sv_chr(in, '\n');
		n = n < in.n ? n + 1 : n;
		f->line += n;
		if (f->line > f->lim->line) {
			e = MSV_CLOSE;
			break;
		}
		buf_addsv(&f->text, sv_first(in, n));
		if (!buf_ok(&f->text)) {
			skip(f);
			buf_addsv(&f->text, sv_first(in, n));
		}
		if (in.p[n - 1] == '\n')
			e = end_of_line(f);
		in = sv_skip(in, n);
	}
	*used = start - in.n;
	return e;
}

/* ---- reading ---- */

/* quoted = DQUOTE *1024QUOTED-CHAR DQUOTE; a backslash only before itself and
 * DQUOTE. */
static int
quoted(struct sv *in, struct arena *arena, struct sv *out)
{
	char *p = arena_alloc(arena, in->n + 1);
	size_t n = 0, i;

	for (i = 1; i < in->n && in->p[i] != '"'; i++) {
		char c = in->p[i];

		if (c == '\0' || c == '\r' || c == '\n')
			return RC_SYNTAX;
		if (c == '\\') {
			if (++i == in->n ||
			    (in->p[i] != '"' && in->p[i] != '\\'))
				return RC_SYNTAX;
			c = in->p[i];
		}
		p[n++] = c;
	}
	if (i >= in->n)
		return RC_SYNTAX;
	*out = sv_of(p, n);
	*in = sv_skip(*in, i + 1);
	return RC_OK;
}

static int
literal(struct sv *in, struct sv *out)
{
	struct sv s = sv_skip(*in, 1);
	uint64_t size;

	if (sv_take_u64(&s, UINT32_MAX, &size) != RC_OK ||
	    !sv_starts(s, SV("+}")))
		return RC_SYNTAX;
	s = sv_skip(s, 2);
	if (sv_starts(s, SV("\r")))
		s = sv_skip(s, 1);
	if (!sv_starts(s, SV("\n")))
		return RC_SYNTAX;
	s = sv_skip(s, 1);
	if (size > s.n)
		return RC_SYNTAX;
	*out = sv_first(s, (size_t)size);
	*in = sv_skip(s, (size_t)size);
	return RC_OK;
}

static int
string(struct sv *in, struct arena *arena, struct sv *out)
{
	if (in->n > 0 && in->p[0] == '"')
		return quoted(in, arena, out);
	if (in->n > 0 && in->p[0] == '{')
		return literal(in, out);
	return RC_SYNTAX;
}

static int
argument(struct sv *in, struct arena *arena, struct msv_arg *out)
{
	if (in->n > 0 && ascii_is_digit(in->p[0])) {
		out->is_number = true;
		return sv_take_u64(in, UINT32_MAX, &out->number);
	}
	out->is_number = false;
	return string(in, arena, &out->text);
}

int
msv_command_read(struct sv text, struct arena *arena, struct msv_command *out,
    const char **why)
{
	size_t n = 0;

	while (n < text.n && ascii_is_alpha(text.p[n]))
		n++;
	*out = (struct msv_command){.name = sv_first(text, n)};
	text = sv_skip(text, n);
	*why = "Expected a command.";
	if (n == 0)
		return RC_SYNTAX;
	for (;;) {
		size_t blanks = 0;

		while (blanks < text.n && text.p[blanks] == ' ')
			blanks++;
		text = sv_skip(text, blanks);
		if (text.n == 0)
			break;
		*why = "Expected a space, then a string or a number.";
		if (blanks == 0 || out->n == MSV_ARGS_MAX)
			return RC_SYNTAX;
		if (argument(&text, arena, &out->arg[out->n++]) != RC_OK)
			return RC_SYNTAX;
	}
	return RC_OK;
}

int
msv_string_read(struct sv text, struct arena *arena, struct sv *out)
{
	int r = string(&text, arena, out);

	return r == RC_OK && text.n > 0 ? RC_SYNTAX : r;
}

/* ---- writing ---- */

static bool
can_be_quoted(struct sv s)
{
	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

void
msv_string_write(struct sv s, struct buf *out)
{
	if (!can_be_quoted(s)) {
		buf_addf(out, "{%zu}\r\n", s.n);
		buf_addsv(out, s);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
}

void
msv_reply_write(
    struct buf *out, const char *status, const char *code, struct sv text)
{
	struct buf lines;

	buf_adds(out, status);
	if (code != NULL)
		buf_addf(out, " (%s)", code);
	if (text.n > 0) {
		buf_init(&lines, 2 * text.n + 1);
		for (size_t i = 0; i < text.n; i++) {
			if (text.p[i] == '\n')
				buf_addc(&lines, '\r');
			buf_addc(&lines, text.p[i]);
		}
		buf_addc(out, ' ');
		msv_string_write(buf_sv(&lines), out);
		buf_fini(&lines);
	}
	buf_adds(out, "\r\n");
}

void
msv_capabilities_write(
    const char *sieve, const char *notify, unsigned redirects, struct buf *out)
{
	buf_adds(out, "\"IMPLEMENTATION\" \"Hearthmail\"\r\n\"SIEVE\" ");
	msv_string_write(sv_str(sieve), out);
	/* [RFC 6134 2.8] */
	buf_adds(out, "\r\n\"EXTLISTS\" \"urn\"\r\n\"NOTIFY\" ");
	msv_string_write(sv_str(notify), out);
	buf_addf(out, "\r\n\"MAXREDIRECTS\" \"%u\"\r\n\"VERSION\" \"1.0\"\r\n",
	    redirects);
}
