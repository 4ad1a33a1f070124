#include "mail/header.h"

#include "base/ascii.h"

/* The length of a field or other line with its folded lines. */
static size_t
folded_length(struct sv h)
{
	size_t n = 0;

	for (;;) {
		struct sv rest = sv_skip(h, n);
		size_t eol = sv_chr(rest, '\n');

		if (eol == rest.n)
			return h.n;
		n += eol + 1;
		if (n == h.n || (h.p[n] != ' ' && h.p[n] != '\t'))
			return n;
	}
}

static struct sv
without_eol(struct sv s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

/* field-name = 1*ftext, %d33-57 / %d59-126; obsolete blanks behind it */
static bool
split_field(struct sv whole, struct mail_field *out)
{
	struct sv line = without_eol(whole);
	size_t colon = sv_chr(line, ':'), n = colon, i;

	if (colon == line.n)
		return false;
	while (n > 0 && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
		n--;
	for (i = 0; i < n; i++)
		if (!ascii_is_graph(line.p[i]))
			return false;
	if (n == 0)
		return false;
	out->name = sv_first(line, n);
	out->value = sv_skip(line, colon + 1);
	out->whole = whole;
	return true;
}

bool
mail_field_next(struct sv *header, struct mail_field *out)
{
	while (header->n > 0) {
		size_t n;
		struct sv whole;

		if (header->p[0] == '\n' || sv_starts(*header, SV("\r\n"))) {
			header->n = 0;
			return false;
		}
		n = folded_length(*header);
		whole = sv_first(*header, n);
		*header = sv_skip(*header, n);
		if (split_field(whole, out))
			return true;
	}
	return false;
}

bool
mail_field_find(struct sv header, struct sv name, struct mail_field *out)
{
	struct mail_field f;

	while (mail_field_next(&header, &f))
		if (sv_ieq(f.name, name)) {
			*out = f;
			return true;
		}
	return false;
}

void
mail_unfold(struct sv value, struct buf *out)
{
	size_t i;

	for (i = 0; i < value.n; i++)
		if (value.p[i] != '\r' && value.p[i] != '\n')
			buf_addc(out, value.p[i]);
}
