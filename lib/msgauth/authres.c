#include "msgauth/authres.h"

#include "base/ascii.h"

#define LINE_MAX_HERE 78

void
authres_begin(
    struct authres_writer *w, struct buf *out, const char *id, bool bare)
{
	size_t had = out->n;

	*w = (struct authres_writer){.out = out, .bare = bare};
	if (!bare)
		buf_adds(out, "Authentication-Results: ");
	(void)authres_value(sv_str(id), out);
	w->column = out->n - had;
}

static bool
is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]) ||
		    strchr("()<>@,;:\\\"/[]?=", s.p[i]) != NULL)
			return false;
	return s.n > 0;
}

/* Words of atext or of host names, with single dots between them. */
static bool
is_dotted(struct sv s, const char *also)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		bool dot = s.p[i] == '.';

		if (dot ? i == 0 || i + 1 == s.n || s.p[i - 1] == '.'
			: !ascii_is_alnum(s.p[i]) &&
			      (s.p[i] == '\0' || strchr(also, s.p[i]) == NULL))
			return false;
	}
	return true;
}

/* [ [ local-part ] "@" ] domain-name */
static bool
is_address(struct sv s)
{
	size_t at = sv_rchr(s, '@');

	return at + 1 < s.n &&
	       is_dotted(sv_first(s, at), "!#$%&'*+-/=?^_`{|}~") &&
	       is_dotted(sv_skip(s, at + 1), "-_");
}

bool
authres_value(struct sv value, struct buf *out)
{
	size_t i;

	if (value.n > AUTHRES_VALUE_MAX)
		return false;
	for (i = 0; i < value.n; i++)
		if (!ascii_is_print(value.p[i]))
			return false;
	if (is_token(value) || is_address(value)) {
		buf_addsv(out, value);
		return true;
	}
	buf_addc(out, '"');
	for (i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, value.p[i]);
	}
	buf_addc(out, '"');
	return true;
}

void
authres_method(struct authres_writer *w, const char *method,
    enum auth_result result, const char *reason)
{
	size_t had;

	if (w->methods == AUTHRES_METHODS_MAX)
		return;
	w->methods++;
	buf_adds(w->out, ";\r\n\t");
	had = w->out->n;
	buf_adds(w->out, method);
	buf_addc(w->out, '=');
	buf_adds(w->out, auth_result_name(result));
	w->column = w->out->n - had + 8;
	if (reason != NULL && reason[0] != '\0')
		authres_pair(w, "reason", sv_str(reason));
}

/* " name=value", folded where the line would be too long; the name: "ptype."
 * or "", and the rest */
static void
add_pair(struct authres_writer *w, const char *ptype, const char *name,
    struct sv value)
{
	struct buf b;

	buf_init(&b, 3 * AUTHRES_VALUE_MAX);
	if (ptype[0] != '\0') {
		buf_adds(&b, ptype);
		buf_addc(&b, '.');
	}
	buf_adds(&b, name);
	buf_addc(&b, '=');
	if (authres_value(value, &b) && buf_ok(&b)) {
		if (w->column + 1 + b.n > LINE_MAX_HERE) {
			buf_adds(w->out, "\r\n\t");
			w->column = 7;
		}
		buf_addc(w->out, ' ');
		buf_addsv(w->out, buf_sv(&b));
		w->column += 1 + b.n;
	}
	buf_fini(&b);
}

void
authres_pair(struct authres_writer *w, const char *name, struct sv value)
{
	add_pair(w, "", name, value);
}

void
authres_prop(struct authres_writer *w, const char *ptype, const char *property,
    struct sv value)
{
	if (value.n > 0)
		add_pair(w, ptype, property, value);
}

void
authres_end(struct authres_writer *w)
{
	if (w->methods == 0)
		buf_adds(w->out, "; none");
	if (!w->bare)
		buf_adds(w->out, "\r\n");
}
