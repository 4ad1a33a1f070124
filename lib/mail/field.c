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
 * false if it is no field */
static bool
split(struct sv whole, struct mail_field *out)
{
	size_t colon = sv_chr(whole, ':');
	size_t nl = sv_chr(whole, '\n');
	size_t i;
	struct sv name, value;

	if (colon >= nl || colon >= whole.n)
		return false;
	name = sv_first(whole, colon);
	while (name.n > 0 && is_wsp(name.p[name.n - 1]))
		name.n--;
	for (i = 0; i < name.n; i++)
		if (!ascii_is_graph(name.p[i]))
			return false;
	if (name.n == 0)
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
