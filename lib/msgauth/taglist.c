#include "msgauth/taglist.h"

#include "base/ascii.h"
#include "base/buf.h"

/* tag-name = ALPHA *ALNUMPUNC */
static bool
is_name(struct sv s)
{
	size_t i;

	if (s.n == 0 || !ascii_is_alpha(s.p[0]))
		return false;
	for (i = 1; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

/* Printable, blanks, or of UTF-8. */
static bool
is_value(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]) && !ascii_is_blank(s.p[i]))
			return false;
	return true;
}

/* tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS] */
static bool
read_spec(struct sv spec, struct taglist_tag *out)
{
	size_t eq = sv_chr(spec, '=');

	if (eq == spec.n)
		return false;
	out->name = sv_trim(sv_first(spec, eq));
	out->raw = sv_skip(spec, eq + 1);
	out->value = sv_trim(out->raw);
	return is_name(out->name) && is_value(out->value);
}

static const struct taglist_tag *
find(const struct taglist *t, struct sv name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (sv_eq(t->tag[i].name, name))
			return &t->tag[i];
	return NULL;
}

int
taglist_parse(struct sv text, bool empty_ok, struct taglist *out)
{
	struct taglist_tag tag;

	out->n = 0;
	while (text.p != NULL) {
		struct sv spec = sv_split(&text, ';');

		/* the one behind the last semicolon may be empty */
		if (sv_trim(spec).n == 0 &&
		    (empty_ok || (text.p == NULL && out->n > 0)))
			continue;
		if (!read_spec(spec, &tag) || find(out, tag.name) != NULL)
			return RC_SYNTAX;
		if (out->n == TAGLIST_MAX)
			return RC_TOOBIG;
		out->tag[out->n++] = tag;
	}
	return out->n > 0 ? RC_OK : RC_SYNTAX;
}

void
taglist_parse_lenient(struct sv text, struct taglist *out)
{
	struct taglist_tag tag;

	out->n = 0;
	while (text.p != NULL && out->n < TAGLIST_MAX) {
		struct sv spec = sv_split(&text, ';');

		if (read_spec(spec, &tag) && find(out, tag.name) == NULL)
			out->tag[out->n++] = tag;
	}
}

const struct taglist_tag *
taglist_find(const struct taglist *t, const char *name)
{
	return find(t, sv_str(name));
}

bool
taglist_next_word(struct sv *list, struct sv *word)
{
	if (list->p == NULL)
		return false;
	*word = sv_trim(sv_split(list, ':'));
	return true;
}

void
taglist_unfold(struct sv value, struct buf *out)
{
	size_t i, from = 0;

	for (i = 0; i <= value.n; i++)
		if (i == value.n || ascii_is_blank(value.p[i])) {
			buf_add(out, value.p + from, i - from);
			from = i + 1;
		}
}
