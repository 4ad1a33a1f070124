#include "mail/address.h"

#include "base/ascii.h"

#define PART_MAX      4096
#define COMMENT_DEPTH 32

void
mail_address_init(struct mail_address *a)
{
	*a = (struct mail_address){.kind = MAIL_ADDRESS_MAILBOX};
	buf_init(&a->name, PART_MAX);
	buf_init(&a->route, PART_MAX);
	buf_init(&a->local, PART_MAX);
	buf_init(&a->domain, PART_MAX);
}

void
mail_address_fini(struct mail_address *a)
{
	buf_fini(&a->domain);
	buf_fini(&a->local);
	buf_fini(&a->route);
	buf_fini(&a->name);
}

static void
clear(struct mail_address *a)
{
	a->kind = MAIL_ADDRESS_MAILBOX;
	a->has_name = a->broken = false;
	buf_reset(&a->name);
	buf_reset(&a->route);
	buf_reset(&a->local);
	buf_reset(&a->domain);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* comment = "(" *([FWS] ccontent) [FWS] ")", nested to a limit */
static void
skip_comment(struct sv *s)
{
	int depth = 0;

	while (s->n > 0) {
		char c = s->p[0];

		*s = sv_skip(*s, 1);
		if (c == '\\')
			*s = sv_skip(*s, 1);
		else if (c == '(' && depth < COMMENT_DEPTH)
			depth++;
		else if (c == ')' && --depth == 0)
			return;
	}
}

/* CFWS; true if there was any. */
static bool
skip_cfws(struct sv *s)
{
	size_t before = s->n;

	for (;;) {
		if (s->n > 0 && is_blank(s->p[0]))
			*s = sv_skip(*s, 1);
		else if (s->n > 0 && s->p[0] == '(')
			skip_comment(s);
		else
			return s->n < before;
	}
}

/* quoted-string, its content without quotes and escapes; folding is undone */
static void
take_quoted(struct sv *s, struct buf *out)
{
	*s = sv_skip(*s, 1);
	while (s->n > 0 && s->p[0] != '"') {
		if (s->p[0] == '\\' && s->n > 1)
			*s = sv_skip(*s, 1);
		if (s->p[0] != '\r' && s->p[0] != '\n')
			buf_addc(out, s->p[0]);
		*s = sv_skip(*s, 1);
	}
	*s = sv_skip(*s, 1);
}

static bool
is_special(char c)
{
	return sv_chr(SV("()<>[]:;@\\,\"."), c) < 13;
}

/* An atom, or whatever bytes stand where one should. */
static void
take_atom(struct sv *s, struct buf *out)
{
	while (s->n > 0 && !is_blank(s->p[0]) && !is_special(s->p[0])) {
		buf_addc(out, s->p[0]);
		*s = sv_skip(*s, 1);
	}
}

/*
 * Words and dots up to a character that means something else: a phrase or a
 * local part, nobody knows yet.  A blank between words is kept as one.
 */
static void
take_words(struct sv *s, struct buf *out, bool *quoted)
{
	bool gap = false;

	for (;;) {
		gap |= skip_cfws(s);
		if (s->n == 0 || sv_chr(SV("<>[]:;@,"), s->p[0]) < 8)
			return;
		if (gap && out->n > 0)
			buf_addc(out, ' ');
		gap = false;
		if (s->p[0] == '"') {
			*quoted = true;
			take_quoted(s, out);
		} else if (s->p[0] == '.' || s->p[0] == ')' ||
			   s->p[0] == '\\') {
			buf_addc(out, s->p[0]);
			*s = sv_skip(*s, 1);
		} else {
			take_atom(s, out);
		}
	}
}

/* domain = dot-atom / domain-literal / obs-domain */
static void
take_domain(struct sv *s, struct buf *out)
{
	for (;;) {
		(void)skip_cfws(s);
		if (s->n == 0)
			return;
		if (s->p[0] == '[') {
			size_t n = sv_chr(*s, ']');

			buf_addsv(out, sv_first(*s, n + 1));
			*s = sv_skip(*s, n + 1);
			return;
		}
		if (s->p[0] == '.') {
			buf_addc(out, '.');
			*s = sv_skip(*s, 1);
			continue;
		}
		if (is_special(s->p[0]))
			return;
		take_atom(s, out);
		(void)skip_cfws(s);
		if (s->n == 0 || s->p[0] != '.')
			return;
	}
}

/* Skips up to a separator that ends this entry. */
static void
skip_rest(struct sv *s)
{
	while (s->n > 0 && s->p[0] != ',' && s->p[0] != ';') {
		struct buf none;

		buf_init(&none, 0);
		if (s->p[0] == '"')
			take_quoted(s, &none);
		else if (s->p[0] == '(')
			skip_comment(s);
		else
			*s = sv_skip(*s, 1);
		buf_fini(&none);
	}
}

/* angle-addr = [CFWS] "<" [obs-route] addr-spec ">" [CFWS] */
static void
take_angle(struct sv *s, struct mail_address *a)
{
	bool quoted = false;

	*s = sv_skip(*s, 1);
	(void)skip_cfws(s);
	while (s->n > 0 && (s->p[0] == '@' || s->p[0] == ',')) {
		buf_addc(&a->route, s->p[0]);
		*s = sv_skip(*s, 1);
		take_domain(s, &a->route);
		(void)skip_cfws(s);
	}
	if (a->route.n > 0 && s->n > 0 && s->p[0] == ':')
		*s = sv_skip(*s, 1);
	take_words(s, &a->local, &quoted);
	if (s->n > 0 && s->p[0] == '@') {
		*s = sv_skip(*s, 1);
		take_domain(s, &a->domain);
	}
	a->broken = a->local.n == 0 || s->n == 0 || s->p[0] != '>';
	if (s->n > 0 && s->p[0] == '>')
		*s = sv_skip(*s, 1);
	(void)skip_cfws(s);
	a->broken |= s->n > 0 && s->p[0] != ',' && s->p[0] != ';';
	skip_rest(s);
}

/* What follows the first words decides what they were. */
static void
take_entry(struct sv *s, bool *in_group, struct mail_address *a)
{
	bool quoted = false;
	struct buf swap;

	take_words(s, &a->name, &quoted);
	a->has_name = a->name.n > 0 || quoted;
	if (s->n > 0 && s->p[0] == '<') {
		take_angle(s, a);
		return;
	}
	if (s->n > 0 && s->p[0] == ':' && !*in_group) {
		*s = sv_skip(*s, 1);
		*in_group = true;
		a->kind = MAIL_ADDRESS_GROUP;
		return;
	}
	if (s->n > 0 && s->p[0] == '@') {
		*s = sv_skip(*s, 1);
		take_domain(s, &a->domain);
	}
	/* addr-spec: the words were the local part. */
	swap = a->local;
	a->local = a->name;
	a->name = swap;
	a->has_name = false;
	(void)skip_cfws(s);
	a->broken =
	    a->local.n == 0 || (s->n > 0 && s->p[0] != ',' && s->p[0] != ';');
	skip_rest(s);
}

bool
mail_address_next(struct sv *in, bool *in_group, struct mail_address *a)
{
	clear(a);
	for (;;) {
		(void)skip_cfws(in);
		if (in->n == 0) {
			if (!*in_group)
				return false;
			/* A group that nobody closed. */
			*in_group = false;
			a->kind = MAIL_ADDRESS_GROUP_END;
			return true;
		}
		if (in->p[0] == ';') {
			*in = sv_skip(*in, 1);
			if (!*in_group)
				continue;
			*in_group = false;
			a->kind = MAIL_ADDRESS_GROUP_END;
			return true;
		}
		if (in->p[0] != ',')
			break;
		*in = sv_skip(*in, 1);
	}
	take_entry(in, in_group, a);
	return true;
}
