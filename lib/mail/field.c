#include "mail/field.h"

#include "base/ascii.h"

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* The field or line at the front, continuation lines included. */
static struct sv
take_folded(struct sv *header)
{
	size_t i = 0;
	struct sv whole;

	do {
		const char *nl = memchr(header->p + i, '\n', header->n - i);

		i = nl != NULL ? (size_t)(nl - header->p) + 1 : header->n;
	} while (i < header->n && is_wsp(header->p[i]));
	whole = sv_first(*header, i);
	*header = sv_skip(*header, i);
	return whole;
}

/* field-name = 1*ftext, %d33-57 / %d59-126, and obsolete blanks behind it;
 * false if it is not a field */
static bool
split(struct sv whole, struct mail_field *out)
{
	size_t colon = sv_chr(whole, ':');
	size_t nl = sv_chr(whole, '\n');
	struct sv name, value;

	if (colon >= nl || colon >= whole.n)
		return false;
	name = sv_first(whole, colon);
	while (name.n > 0 && is_wsp(name.p[name.n - 1]))
		name.n--;
	if (name.n == 0 || !sv_is_graph(name))
		return false;
	value = sv_skip(whole, colon + 1);
	if (value.n > 0 && value.p[value.n - 1] == '\n')
		value.n--;
	if (value.n > 0 && value.p[value.n - 1] == '\r')
		value.n--;
	while (value.n > 0 && is_wsp(value.p[0]))
		value = sv_skip(value, 1);
	*out = (struct mail_field){name, value, whole};
	return true;
}

static bool
is_empty_line(struct sv s)
{
	return (s.n >= 1 && s.p[0] == '\n') ||
	       (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n');
}

bool
mail_field_next(struct sv *header, struct mail_field *out)
{
	while (header->n > 0) {
		if (is_empty_line(*header)) {
			*header = sv_first(*header, 0);
			return false;
		}
		if (split(take_folded(header), out))
			return true;
	}
	return false;
}

bool
mail_field_find(struct sv header, struct sv name, struct mail_field *out)
{
	struct mail_field f;

	while (mail_field_next(&header, &f)) {
		if (sv_ieq(f.name, name)) {
			*out = f;
			return true;
		}
	}
	return false;
}

size_t
mail_field_count(struct sv header, struct sv name)
{
	struct mail_field f;
	size_t n = 0;

	while (mail_field_next(&header, &f))
		n += sv_ieq(f.name, name);
	return n;
}

void
mail_field_remove(struct sv header, struct sv name, struct buf *out)
{
	while (header.n > 0 && !is_empty_line(header)) {
		struct sv whole = take_folded(&header);
		struct mail_field f;

		if (!split(whole, &f) || !sv_ieq(f.name, name))
			buf_addsv(out, whole);
	}
	buf_addsv(out, header);
}

/* ---- the end of a header ---- */

/* [RFC 5322 2.1.1] a line has 998 bytes at most: a longer name is text. */
#define NAME_MAX_HERE 997

enum line_kind {
	LINE_UNDECIDED,
	LINE_FIELD,
	LINE_FOLDED,
	LINE_EMPTY,
	LINE_TEXT
};

/* As split() has it, of a line that may not be there whole. */
static enum line_kind
field_or_text(struct sv line)
{
	bool blank = false;
	size_t i;

	for (i = 0; i < line.n && i <= NAME_MAX_HERE; i++) {
		char c = line.p[i];

		if (c == ':')
			return i > 0 ? LINE_FIELD : LINE_TEXT;
		if (is_wsp(c))
			blank = true;
		else if (blank || !ascii_is_graph(c))
			return LINE_TEXT;
	}
	return i > NAME_MAX_HERE ? LINE_TEXT : LINE_UNDECIDED;
}

static enum line_kind
line_kind(struct sv line)
{
	if (is_empty_line(line))
		return LINE_EMPTY;
	if (line.n == 0 || (line.n == 1 && line.p[0] == '\r'))
		return LINE_UNDECIDED;
	return is_wsp(line.p[0]) ? LINE_FOLDED : field_or_text(line);
}

/* Before the first field: the "From " or ">From " line of an mbox file. */
static bool
is_first_line(const struct mail_header_scan *s, struct sv line)
{
	return s->line == 0 && line_kind(line) == LINE_TEXT &&
	       (s->any_first || sv_starts(line, SV("From ")) ||
		   sv_starts(line, SV(">From ")));
}

/* Does the line at hand belong to the header?  Not when it is over. */
static bool
is_of_header(
    const struct mail_header_scan *s, struct sv line, enum line_kind kind)
{
	return kind == LINE_FIELD || (kind == LINE_FOLDED && s->open) ||
	       is_first_line(s, line);
}

bool
mail_header_scan(struct mail_header_scan *s, struct sv all)
{
	for (;;) {
		struct sv line = sv_skip(all, s->line);
		enum line_kind kind = s->known ? LINE_FIELD : line_kind(line);
		size_t nl;

		if (kind == LINE_UNDECIDED)
			return false;
		if (!is_of_header(s, line, kind)) {
			s->header = s->body = s->line;
			if (kind == LINE_EMPTY)
				s->body += line.p[0] == '\r' ? 2 : 1;
			return true;
		}
		s->known = true;
		if (s->seen < s->line)
			s->seen = s->line;
		nl = s->seen + sv_chr(sv_skip(all, s->seen), '\n');
		s->seen = all.n;
		if (nl >= all.n)
			return false;
		s->open = !is_first_line(s, line);
		if (!s->open)
			s->first = nl + 1;
		s->line = s->seen = nl + 1;
		s->known = false;
	}
}

void
mail_header_scan_end(struct mail_header_scan *s, struct sv all)
{
	if (mail_header_scan(s, all))
		return;
	/* What would have gone on, and what could still have been a field. */
	s->header = s->body = s->known ? all.n : s->line;
}

void
mail_field_counter_init(struct mail_field_counter *c, struct sv lower_name)
{
	*c = (struct mail_field_counter){.name = lower_name};
}

static void
counter_byte(struct mail_field_counter *c, char b)
{
	if (b == '\n') {
		/* An empty line, "\n" or "\r\n", ends the header. */
		c->over = c->column == 0 || (c->column == 1 && c->cr);
		c->column = 0;
		c->matched = 0;
		c->cr = false;
		return;
	}
	c->cr = b == '\r';
	if (c->column == 0)
		c->matched = 0;
	if (c->column < 2)
		c->column++;
	if (c->matched == SIZE_MAX)
		return;
	if (c->matched < c->name.n && ascii_lower(b) == c->name.p[c->matched]) {
		c->matched++;
	} else if (c->matched == c->name.n && b == ':') {
		c->count++;
		c->matched = SIZE_MAX;
	} else if (c->matched != c->name.n || !is_wsp(b)) {
		c->matched = SIZE_MAX; /* not this line */
	}
}

void
mail_field_counter_feed(struct mail_field_counter *c, struct sv bytes)
{
	size_t i = 0;

	while (i < bytes.n && !c->over) {
		if (c->matched == SIZE_MAX && c->column == 2 &&
		    bytes.p[i] != '\n') {
			/* Nothing of interest before the line's end. */
			i += sv_chr(sv_skip(bytes, i), '\n');
			c->cr = false;
			continue;
		}
		counter_byte(c, bytes.p[i++]);
	}
}
