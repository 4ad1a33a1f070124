/* Content-Type and its like, and their parameters [RFC 2045 5.1, 2231]. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/unset.h"
#include "mail/lex.h"
#include "mime/mime_priv.h"

/* token = 1*<any CHAR except SPACE, CTLs, or tspecials> */
static bool
is_token_char(char c)
{
	if ((unsigned char)c >= 0x80)
		return true;
	return ascii_is_graph(c) && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
}

static struct sv
take_token(struct sv *s)
{
	struct sv t = *s;

	t.n = 0;
	while (t.n < s->n && is_token_char(s->p[t.n]))
		t.n++;
	*s = sv_skip(*s, t.n);
	return t;
}

struct mime_ctype
mime_word_parse(struct sv s)
{
	struct mime_ctype ct = {.type = {NULL, 0}};

	(void)mail_skip_cfws(&s, NULL);
	ct.type = take_token(&s);
	(void)mail_skip_cfws(&s, NULL);
	ct.params = s;
	return ct;
}

/* content := "Content-Type" ":" type "/" subtype *(";" parameter) */
struct mime_ctype
mime_ctype_parse(struct sv value)
{
	struct mime_ctype ct = mime_word_parse(value);

	if (ct.type.n == 0 || ct.params.n == 0 || ct.params.p[0] != '/')
		return ct;
	ct.params = sv_skip(ct.params, 1);
	(void)mail_skip_cfws(&ct.params, NULL);
	ct.subtype = take_token(&ct.params);
	(void)mail_skip_cfws(&ct.params, NULL);
	return ct;
}

enum mime_encoding
mime_encoding_of(struct sv cte_value)
{
	struct sv word = mime_word_parse(cte_value).type;

	if (sv_ieq(word, SV("base64")))
		return MIME_ENC_BASE64;
	if (sv_ieq(word, SV("quoted-printable")))
		return MIME_ENC_QP;
	return MIME_ENC_IDENTITY;
}

bool
mime_encoding_known(struct sv header)
{
	static const struct sv known[] = {{"7bit", 4}, {"8bit", 4},
	    {"binary", 6}, {"base64", 6}, {"quoted-printable", 16}};
	struct sv value, word;
	size_t i;

	if (!mime_field_find(header, SV("Content-Transfer-Encoding"), &value))
		return true;
	word = mime_word_parse(value).type;
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_ieq(word, known[i]))
			return true;
	return word.n == 0;
}

/* ---- parameters as they are ---- */

struct raw {
	size_t name, name_n, value, value_n; /* places in text */
	size_t base_n;	/* of the name, without '*', number, '*' */
	uint32_t piece; /* number of the continuation */
	bool is_piece, encoded, used;
};

struct raws {
	struct raw r[MIME_PARAMS_MAX];
	size_t n;
};

/*
 * An unquoted value: a token, but also what people wrongly leave unquoted:
 * everything up to a blank or semicolon.
 */
static void
take_value(struct sv *s, struct buf *text)
{
	size_t i = 0;

	if (s->n > 0 && s->p[0] == '"') {
		(void)mail_take_quoted(s, text);
		return;
	}
	while (i < s->n && s->p[i] != ';' && s->p[i] != '"' && s->p[i] != '(' &&
	       (ascii_is_graph(s->p[i]) || (unsigned char)s->p[i] >= 0x80))
		i++;
	buf_add(text, s->p, i);
	*s = sv_skip(*s, i);
}

/* name*0, name*0*, name* [RFC 2231 3, 4] */
static void
split_name(struct raw *r, struct sv name)
{
	size_t star;
	uint32_t piece;

	r->base_n = name.n;
	if (name.n > 1 && name.p[name.n - 1] == '*') {
		r->encoded = true;
		name.n--;
		r->base_n = name.n;
	}
	star = sv_rchr(name, '*');
	if (star > 0 && star < name.n &&
	    sv_to_u32(sv_skip(name, star + 1), 999999, &piece) == RC_OK) {
		r->is_piece = true;
		r->piece = piece;
		r->base_n = star;
	}
}

/* parameter := attribute "=" value; *s is behind the ';' */
static bool
take_param(struct sv *s, struct buf *text, struct raw *r)
{
	struct sv name;

	(void)mail_skip_cfws(s, NULL);
	name = take_token(s);
	(void)mail_skip_cfws(s, NULL);
	if (name.n == 0 || s->n == 0 || s->p[0] != '=')
		return false;
	*s = sv_skip(*s, 1);
	(void)mail_skip_cfws(s, NULL);
	*r = (struct raw){.name = text->n, .name_n = name.n};
	split_name(r, name);
	buf_addsv(text, name);
	r->value = text->n;
	take_value(s, text);
	r->value_n = text->n - r->value;
	return true;
}

static void
take_raws(struct sv s, struct buf *text, struct raws *out)
{
	out->n = 0;
	while (out->n < MIME_PARAMS_MAX) {
		size_t semi;

		(void)mail_skip_cfws(&s, NULL);
		/* What is broken is skipped up to the next semicolon. */
		semi = sv_chr(s, ';');
		if (semi == s.n)
			break;
		s = sv_skip(s, semi + 1);
		if (take_param(&s, text, &out->r[out->n]))
			out->n++;
	}
}

/* ---- pieces put together ---- */

static struct sv
raw_base(const struct buf *text, const struct raw *r)
{
	return sv_of(text->p + r->name, r->base_n);
}

static struct raw *
find_piece(struct raws *all, const struct buf *text, const struct raw *like,
    uint32_t piece)
{
	size_t i;

	for (i = 0; i < all->n; i++) {
		struct raw *r = &all->r[i];

		if (r->is_piece && !r->used && r->piece == piece &&
		    sv_ieq(raw_base(text, r), raw_base(text, like)))
			return r;
	}
	return NULL;
}

static void
add_kv(struct mime_params *out, struct raw *r)
{
	out->kv[out->n].name = sv_of(out->text.p + r->name, r->name_n);
	out->kv[out->n].value = sv_of(out->text.p + r->value, r->value_n);
	out->n++;
	r->used = true;
}

/*
 * Appends the pieces 0, 1, 2 ... of one parameter as one raw, at the end of
 * text.  Where only some are percent-encoded, the others get their '%'
 * encoded so that the whole has one meaning.
 */
static void
join(struct raws *all, struct raw *first, struct buf *text, struct raw *out)
{
	struct raw *r, *pieces[MIME_PARAMS_MAX];
	bool encoded = false;
	uint32_t n = 0, i;

	while ((r = find_piece(all, text, first, n)) != NULL) {
		r->used = true;
		encoded = encoded || r->encoded;
		pieces[n++] = r;
	}
	*out = (struct raw){.name = text->n, .base_n = first->base_n};
	buf_add(text, text->p + first->name, first->base_n);
	if (encoded)
		buf_addc(text, '*');
	out->name_n = text->n - out->name;
	out->value = text->n;
	for (i = 0; i < n; i++) {
		size_t k;

		if (pieces[i]->encoded || !encoded) {
			buf_add(text, text->p + pieces[i]->value,
			    pieces[i]->value_n);
			continue;
		}
		for (k = 0; k < pieces[i]->value_n; k++) {
			char c = text->p[pieces[i]->value + k];

			if (c == '%')
				buf_adds(text, "%25");
			else
				buf_addc(text, c);
		}
	}
	out->value_n = text->n - out->value;
}

static int
by_name(const void *a, const void *b)
{
	return sv_cmp(((const struct mime_kv *)a)->name,
	    ((const struct mime_kv *)b)->name);
}

/* Plain ones in their order, then those of RFC 2231 by name. */
void
mime_params_parse(struct sv params, struct mime_params *out)
{
	struct raws all UNSET;
	size_t i, plain;

	out->n = 0;
	out->kv = NULL;
	buf_init(&out->text, 8 * params.n + 64);
	if (params.n == 0)
		return;
	/* One allocation: slices into text must not move while they are
	 * gathered, and reading and joining at most quadruples it. */
	if (buf_reserve(&out->text, 4 * params.n + 64) == NULL)
		return;
	take_raws(params, &out->text, &all);
	if (all.n == 0)
		return;
	out->kv = xcalloc(all.n, sizeof out->kv[0]);
	for (i = 0; i < all.n; i++)
		if (!all.r[i].is_piece && !all.r[i].encoded)
			add_kv(out, &all.r[i]);
	plain = out->n;
	for (i = 0; i < all.n; i++) {
		struct raw *r = &all.r[i], whole;

		if (r->used || (r->is_piece && r->piece != 0))
			continue;
		if (r->is_piece)
			join(&all, r, &out->text, &whole);
		else
			whole = *r;
		add_kv(out, &whole);
		r->used = true;
	}
	/* Pieces without a beginning, as they are. */
	for (i = 0; i < all.n; i++)
		if (!all.r[i].used)
			add_kv(out, &all.r[i]);
	qsort(out->kv + plain, out->n - plain, sizeof out->kv[0], by_name);
}

void
mime_params_fini(struct mime_params *p)
{
	free(p->kv);
	p->kv = NULL;
	p->n = 0;
	buf_fini(&p->text);
}

bool
mime_params_find(
    const struct mime_params *p, struct sv name, struct sv *value_out)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (sv_ieq(p->kv[i].name, name)) {
			*value_out = p->kv[i].value;
			return true;
		}
	}
	return false;
}

/* extended-initial-value := [charset] "'" [language] "'" extended-values */
static void
decode_extended(struct sv s, struct buf *out)
{
	struct sv rest = s, charset = sv_split(&rest, '\'');
	struct buf bytes;

	(void)sv_split(&rest, '\'');
	if (rest.p == NULL) {
		charset = SV("utf-8");
		rest = s;
	}
	buf_init(&bytes, s.n + 1);
	mime_decode_hex(rest, '%', &bytes);
	mime_to_utf8(charset, buf_sv(&bytes), out);
	buf_fini(&bytes);
}

bool
mime_param(struct sv content_type_value, struct sv name, struct buf *out)
{
	struct mime_ctype ct = mime_ctype_parse(content_type_value);
	struct mime_params p;
	struct sv v;
	struct buf starred;
	bool found = true;

	mime_params_parse(ct.params, &p);
	buf_init(&starred, name.n + 1);
	buf_addsv(&starred, name);
	buf_addc(&starred, '*');
	if (mime_params_find(&p, buf_sv(&starred), &v))
		decode_extended(v, out);
	else if (mime_params_find(&p, name, &v))
		mime_decode_header(v, out); /* not allowed there, but seen */
	else
		found = false;
	buf_fini(&starred);
	mime_params_fini(&p);
	return found;
}
