#include "base/ascii.h"
#include "mail/field.h"
#include "mail/lex.h"
#include "msgauth/authres.h"
#include "msgauth/name.h"

/* A word up to a blank, ";", "(" or one of `ends`; quoted parts are part of it.
 * Empty if there is none. */
static struct sv
take_word(struct authres_reader *r, const char *ends, struct buf *out)
{
	size_t had = out->n;
	struct sv *s = &r->rest;

	while (s->n > 0) {
		char c = s->p[0];

		if (c == '"') {
			(void)mail_take_quoted(s, out);
			continue;
		}
		if (ascii_is_blank(c) || c == ';' || c == '(' ||
		    (c != '\0' && strchr(ends, c) != NULL))
			break;
		buf_addc(out, c);
		*s = sv_skip(*s, 1);
	}
	return sv_of(out->p + had, out->n - had);
}

static bool
take_char(struct authres_reader *r, char c)
{
	(void)mail_skip_cfws(&r->rest, NULL);
	if (r->rest.n == 0 || r->rest.p[0] != c)
		return false;
	r->rest = sv_skip(r->rest, 1);
	(void)mail_skip_cfws(&r->rest, NULL);
	return true;
}

static bool
at_end(struct authres_reader *r)
{
	(void)mail_skip_cfws(&r->rest, NULL);
	return r->rest.n == 0 || r->rest.p[0] == ';';
}

int
authres_reader_init(struct authres_reader *r, struct sv value)
{
	*r = (struct authres_reader){.rest = value, .version = 1};
	buf_init(&r->id, value.n + 1);
	/* All values together are shorter than the text, so that slices into
	 * it stay where they are. */
	buf_init(&r->text, 2 * value.n + 64);
	(void)buf_reserve(&r->text, value.n + 8);
	(void)mail_skip_cfws(&r->rest, NULL);
	if (take_word(r, "", &r->id).n == 0)
		return RC_SYNTAX;
	if (at_end(r))
		return RC_OK;
	if (sv_take_u64(&r->rest, UINT32_MAX, &r->version) != RC_OK ||
	    !at_end(r))
		return RC_SYNTAX;
	return RC_OK;
}

void
authres_reader_fini(struct authres_reader *r)
{
	buf_fini(&r->text);
	buf_fini(&r->id);
}

/* "reason" [CFWS] "=" [CFWS] value */
static bool
take_reason(struct authres_reader *r, struct authres_item *out)
{
	size_t had = r->text.n;
	struct sv before;

	out->reason = (struct sv){NULL, 0};
	if (at_end(r))
		return true;
	before = r->rest;
	if (!sv_ieq(take_word(r, "=.", &r->text), SV("reason")) ||
	    !take_char(r, '=')) {
		r->rest = before;
		buf_truncate(&r->text, had);
		return true;
	}
	out->reason = take_word(r, "", &r->text);
	return out->reason.n > 0;
}

int
authres_next(struct authres_reader *r, struct authres_item *out)
{
	struct sv type, property, value;
	int got = RC_OK;

	while (r->in_item && got == RC_OK)
		got = authres_next_prop(r, &type, &property, &value);
	if (got == RC_SYNTAX)
		return RC_SYNTAX;
	buf_reset(&r->text);
	if (!take_char(r, ';') || r->rest.n == 0)
		return RC_EOF;
	out->method = take_word(r, "=/", &r->text);
	if (sv_ieq(out->method, SV("none")) && at_end(r)) {
		r->none = true;
		return r->rest.n == 0 ? RC_EOF : RC_SYNTAX;
	}
	/* [RFC 8601 2.6] a version of the method that is not 1 */
	if (take_char(r, '/') && !sv_eq(take_word(r, "=", &r->text), SV("1")))
		return RC_SYNTAX;
	if (out->method.n == 0 || !take_char(r, '='))
		return RC_SYNTAX;
	out->result = take_word(r, "", &r->text);
	if (out->result.n == 0 || !take_reason(r, out))
		return RC_SYNTAX;
	r->in_item = true;
	return RC_OK;
}

int
authres_next_prop(struct authres_reader *r, struct sv *ptype,
    struct sv *property, struct sv *value)
{
	if (!r->in_item || at_end(r)) {
		r->in_item = false;
		return RC_EOF;
	}
	*ptype = take_word(r, ".=", &r->text);
	*property = *ptype;
	if (take_char(r, '.'))
		*property = take_word(r, "=", &r->text);
	else
		*ptype = sv_first(*ptype, 0);
	if (property->n == 0 || !take_char(r, '='))
		return RC_SYNTAX;
	*value = take_word(r, "", &r->text);
	return RC_OK;
}

/* ---- forged ones ---- */

static bool
is_same(struct sv a, struct sv b)
{
	char x[DNS_NAME_MAX], y[DNS_NAME_MAX];

	if (sv_ieq(a, b))
		return true;
	return name_ascii(a, x) == RC_OK && name_ascii(b, y) == RC_OK &&
	       strcmp(x, y) == 0;
}

/* "name", or the name and something that cannot be part of one: "name/2",
 * "name:25", "name" and a NUL. */
static bool
begins_with(struct sv s, struct sv name)
{
	char c;

	if (!sv_istarts(s, name) || s.n == name.n)
		return false;
	c = s.p[name.n];
	return !ascii_is_alnum(c) && c != '.' && c != '-' && c != '_';
}

/* Is the name anywhere in it, blanks and comments left out? */
static bool
contains(struct sv value, struct sv id)
{
	struct buf b;
	bool found;

	buf_init(&b, value.n + 1);
	while (value.n > 0) {
		if (mail_skip_cfws(&value, NULL) || value.n == 0)
			continue;
		if (value.p[0] != '"' && value.p[0] != '\\')
			buf_addc(&b, value.p[0]);
		value = sv_skip(value, 1);
	}
	found = sv_ifind(buf_sv(&b), id) < b.n;
	buf_fini(&b);
	return found;
}

bool
authres_is_forged(struct sv value, const char *const *ids, size_t n)
{
	struct authres_reader r;
	bool clear = authres_reader_init(&r, value) == RC_OK, forged;
	struct sv id = buf_sv(&r.id);
	size_t i;

	forged = clear && r.version != 1;
	for (i = 0; i < n && !forged; i++)
		forged = is_same(id, sv_str(ids[i])) ||
			 begins_with(id, sv_str(ids[i])) ||
			 (!clear && contains(value, sv_str(ids[i])));
	authres_reader_fini(&r);
	return forged;
}

size_t
authres_strip(
    struct sv header, const char *const *ids, size_t n, struct buf *out)
{
	const char *kept = header.p, *end = header.p + header.n;
	struct mail_field f;
	size_t found = 0;

	while (mail_field_next(&header, &f)) {
		if (!sv_ieq(f.name, SV(AUTHRES_JUNK_FIELD)) &&
		    (!sv_ieq(f.name, SV("Authentication-Results")) ||
			!authres_is_forged(f.value, ids, n)))
			continue;
		buf_add(out, kept, (size_t)(f.whole.p - kept));
		kept = f.whole.p + f.whole.n;
		found++;
	}
	buf_add(out, kept, (size_t)(end - kept));
	return found;
}
