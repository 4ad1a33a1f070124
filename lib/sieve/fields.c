#include "sieve/fields.h"

#include <string.h>

#include "base/ascii.h"
#include "sieve/check.h"
#include "sieve/error.h"

/* What a byte costs: of a header that is looked through, of a field, and of one
 * that has encoded words; and a field, however short it is. */
#define HEADER_WORK  4
#define PLAIN_WORK   2
#define ENCODED_WORK 14
#define FIELD_WORK   60
#define LOOK_WORK    10 /* of a field whose name is compared */

/* A name that no field can have is allowed, and never there
 * [RFC 5228 2.4.2.2]. */
static void
warn_of_names(struct sieve_check *c, const struct sieve_node *n)
{
	const struct sieve_value *v = n->pos[0];

	for (size_t i = 0; i < v->n; i++) {
		struct sv s = v->s[i].s;
		bool good = s.n > 0;

		for (size_t k = 0; k < s.n; k++)
			good &= ascii_is_graph(s.p[k]) && s.p[k] != ':';
		if (!good && !v->s[i].refs)
			sieve_check_warn(c, n,
			    "\"%s\" cannot be the name of a header field, so "
			    "none is found%s",
			    QUOTE(s),
			    sv_ends(s, SV(":")) ? "; write it without \":\""
						: "");
	}
}

bool
sieve_check_fields(struct sieve_check *c, struct sieve_node *n)
{
	static const enum sieve_tag mime[] = {
	    T_ANYCHILD, T_TYPE, T_SUBTYPE, T_CONTENTTYPE, T_PARAM};
	const struct sieve_value *index = sieve_tag_value(n, T_INDEX);
	const struct sieve_bound *b;

	if (sieve_has_tag(n, T_LAST) && index == NULL)
		return sieve_check_fail_at(
		    c, n, "\":last\" can only be used with \":index\"");
	if (index != NULL && index->number == 0)
		return sieve_check_fail(
		    c, index, "fields are counted from 1, not from 0");
	for (size_t i = 0; i < sizeof mime / sizeof mime[0]; i++) {
		b = sieve_bound(n, mime[i]);
		if (b != NULL && !sieve_has_tag(n, T_MIME))
			return sieve_check_fail_at(c, n,
			    "\":%s\" can only be used with \":mime\"",
			    b->spec->name);
	}
	warn_of_names(c, n);
	return true;
}

/* Most are: nothing to be decoded, nothing folded. */
static bool
is_plain(struct sv value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!ascii_is_print(value.p[i]) ||
		    (value.p[i] == '=' && i + 1 < value.n &&
			value.p[i + 1] == '?'))
			return false;
	return true;
}

/* A tab that folds is shown as a blank, and so it is written in rules. */
static struct sv
with_blanks(struct sieve_run *r, struct sv value)
{
	char *p = arena_alloc(&r->scratch, value.n + 1);

	memcpy(p, value.p, value.n);
	for (size_t i = 1; i < value.n; i++)
		if (p[i] == '\t' && p[i - 1] == '\n')
			p[i] = ' ';
	return sv_of(p, value.n);
}

struct sv
sieve_field_text(struct sieve_run *r, struct sv value)
{
	struct buf b;
	struct sv out;

	if (is_plain(value)) {
		r->work += FIELD_WORK + PLAIN_WORK * value.n;
		return sv_trim(value);
	}
	buf_init(&b, 8 * value.n + 64);
	r->work += FIELD_WORK + value.n * (sv_find(value, SV("=?")) < value.n
						  ? ENCODED_WORK
						  : PLAIN_WORK);
	if (sv_find(value, SV("\n\t")) < value.n)
		value = with_blanks(r, value);
	mime_decode_header(value, &b);
	out = arena_dup(&r->scratch, sv_trim(buf_sv(&b)));
	buf_fini(&b);
	return out;
}

/* ---- finding them ---- */

struct finder {
	struct sieve_run *r;
	const struct sieve_node *n;
	struct sieve_fields *out;
	size_t value_cap, name_cap;
	size_t name; /* the one at hand */
};

static void
push(struct finder *f, struct sv value)
{
	struct sieve_fields *o = f->out;

	f->r->work += LOOK_WORK;
	o->value = arena_grow(&f->r->scratch, o->value, &f->value_cap, o->n + 1,
	    sizeof *o->value);
	o->name = arena_grow(
	    &f->r->scratch, o->name, &f->name_cap, o->n + 1, sizeof *o->name);
	o->value[o->n] = value;
	o->name[o->n++] = f->name;
}

/* The message's header is split once, however many tests look at it. */
static void
split_header(struct sieve_run *r)
{
	struct sieve_doc *d = &r->doc;
	struct sv rest = d->header;
	struct mail_field field;
	size_t cap = 0;

	if (d->fields_of.p == d->header.p && d->fields_of.n == d->header.n)
		return;
	r->work += HEADER_WORK * d->header.n;
	d->field = NULL;
	d->nfield = 0;
	while (mail_field_next(&rest, &field)) {
		d->field = arena_grow(&r->result->arena, d->field, &cap,
		    d->nfield + 1, sizeof *d->field);
		d->field[d->nfield++] = field;
	}
	d->fields_of = d->header;
}

static enum sieve_flow
look_in_message(struct finder *f, struct sv name)
{
	const struct sieve_doc *d = &f->r->doc;
	enum sieve_flow flow;

	split_header(f->r);
	flow = sieve_charge(f->r, f->n, LOOK_WORK * (d->nfield + 1));
	for (size_t i = 0; i < d->nfield && flow == FLOW_ON; i++)
		if (d->field[i].name.n == name.n &&
		    sv_ieq(d->field[i].name, name))
			push(f, d->field[i].value);
	return flow;
}

static enum sieve_flow
look(struct finder *f, struct sv header, struct sv name)
{
	enum sieve_flow flow;
	struct mail_field field;

	if (header.p == f->r->doc.header.p && header.n == f->r->doc.header.n)
		return look_in_message(f, name);
	flow = sieve_charge(f->r, f->n, HEADER_WORK * header.n + 1);
	while (flow == FLOW_ON && mail_field_next(&header, &field))
		if (sv_ieq(field.name, name))
			push(f, field.value);
	return flow;
}

/* The part at hand, and with `all` those below it. */
static enum sieve_flow
look_in_parts(struct finder *f, struct sv name, bool all)
{
	struct sieve_run *r = f->r;
	struct mime_msg *m;
	struct sv whole;
	uint32_t i = r->loop != NULL ? r->loop->part : r->root, top = i;
	enum sieve_flow flow = sieve_doc_mime(r, f->n, &m);

	if (flow == FLOW_ON)
		flow = sieve_doc_whole(r, f->n, &whole);
	for (; flow == FLOW_ON && i < m->n; i++) {
		const struct mime_part *p = &m->part[i];

		/* Parts are in order of depth: the first one that is not below
		 * it has a parent in front of it. */
		if (i != top &&
		    (!all || p->parent == MIME_NONE || p->parent < top))
			break;
		flow = look(
		    f, sv_of(whole.p + p->header_off, p->header_len), name);
	}
	return flow;
}

/* Only the one that :index names: all of them are counted, in the order of the
 * list of names [RFC 5260 6]. */
static void
pick(const struct sieve_node *n, struct sieve_fields *out)
{
	const struct sieve_value *index = sieve_tag_value(n, T_INDEX);
	size_t have = out->n, at;

	if (index == NULL)
		return;
	out->n = 0;
	if (index->number > have)
		return;
	at =
	    sieve_has_tag(n, T_LAST) ? have - index->number : index->number - 1;
	out->value[0] = out->value[at];
	out->name[0] = out->name[at];
	out->n = 1;
}

enum sieve_flow
sieve_fields_find(struct sieve_run *r, const struct sieve_node *n,
    const struct sv *name, size_t nnames, struct sieve_fields *out)
{
	struct finder f = {.r = r, .n = n, .out = out};
	struct sv header;
	enum sieve_flow flow = sieve_doc_header(r, n, &header);

	*out = (struct sieve_fields){0};
	for (f.name = 0; f.name < nnames && flow == FLOW_ON; f.name++)
		flow = sieve_has_tag(n, T_MIME)
			   ? look_in_parts(
				 &f, name[f.name], sieve_has_tag(n, T_ANYCHILD))
			   : look(&f, header, name[f.name]);
	if (flow == FLOW_ON)
		pick(n, out);
	return flow;
}
