/* foreverypart, break, extracttext [RFC 5703 3, 7]. */
#include "mail/field.h"
#include "sieve/body.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fields.h"
#include "sieve/modify.h"
#include "sieve/part.h"

bool
sieve_check_foreverypart(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_value(n, T_NAME);

	if (c->loops >= SIEVE_LOOPS_MAX)
		return sieve_check_fail_at(c, n,
		    "\"foreverypart\" is nested too deeply; at most %d are "
		    "allowed",
		    SIEVE_LOOPS_MAX);
	return name == NULL ||
	       sieve_check_constant(c, name, "the name of a loop");
}

bool
sieve_check_break(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_value(n, T_NAME);

	if (c->loops == 0)
		return sieve_check_fail_at(
		    c, n, "\"break\" can only be used in \"foreverypart\"");
	if (name == NULL)
		return true;
	if (!sieve_check_constant(c, name, "the name of a loop"))
		return false;
	for (unsigned i = 0; i < c->loops; i++)
		if (c->loop[i].p != NULL && sv_eq(c->loop[i], name->s[0].s))
			return true;
	return sieve_check_fail(c, name, "there is no loop \"%s\" around this",
	    QUOTE(name->s[0].s));
}

uint32_t
sieve_part_end(const struct mime_msg *m, uint32_t i)
{
	uint32_t end = i + 1;

	/* In order of depth: what is below it is directly behind it. */
	while (end < m->n && m->part[end].parent != MIME_NONE &&
	       m->part[end].parent >= i)
		end++;
	return end;
}

static bool
is_meant(const struct sieve_run *r, const struct sieve_loop *l)
{
	return r->breaking.p == NULL ||
	       (l->name.p != NULL && sv_eq(r->breaking, l->name));
}

/* One time through the block; *next is the part that follows. */
static enum sieve_flow
one_part(struct sieve_run *r, const struct sieve_node *n, struct sieve_loop *l,
    uint32_t *next)
{
	struct mime_msg *m;
	enum sieve_flow f = sieve_step(r, n);

	l->replaced = false;
	if (f == FLOW_ON)
		f = sieve_exec(r, n->block);
	if (f != FLOW_ON)
		return f;
	f = sieve_doc_mime(r, n, &m);
	/* Not into what it has been replaced with. */
	*next = f == FLOW_ON && l->replaced && l->part < m->n
		    ? sieve_part_end(m, l->part)
		    : l->part + 1;
	return f;
}

enum sieve_flow
sieve_run_foreverypart(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_value(n, T_NAME);
	struct sieve_loop l = {.up = r->loop};
	uint32_t i;
	struct mime_msg *m;
	enum sieve_flow f;

	if (name != NULL)
		l.name = name->s[0].s;
	/* The outer loop shows the message itself as well; an inner one what is
	 * below the part at hand. */
	l.top = r->loop != NULL ? r->loop->part : r->root;
	i = r->loop != NULL ? l.top + 1 : l.top;
	r->loop = &l;
	for (;;) {
		f = sieve_doc_mime(r, n, &m);
		if (f != FLOW_ON || i >= sieve_part_end(m, l.top))
			break;
		l.part = i;
		f = one_part(r, n, &l, &i);
		if (f != FLOW_ON)
			break;
	}
	r->loop = l.up;
	return f == FLOW_BREAK && is_meant(r, &l) ? FLOW_ON : f;
}

/* That there is such a loop has been checked. */
enum sieve_flow
sieve_run_break(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_value(n, T_NAME);

	r->breaking = name != NULL ? name->s[0].s : (struct sv){0};
	return FLOW_BREAK;
}

/* ---- extracttext ---- */

#define TEXT_WORK 14 /* of a byte, which may be of HTML */

bool
sieve_check_extracttext(struct sieve_check *c, struct sieve_node *n)
{
	if (c->loops == 0)
		return sieve_check_fail_at(c, n,
		    "\"extracttext\" can only be used in \"foreverypart\"");
	if ((c->ext & EXT(E_VARIABLES)) == 0)
		return sieve_check_fail_at(c, n,
		    "\"extracttext\" can only be used after: require "
		    "\"variables\";");
	return sieve_check_variable(c, n->pos[0], true) &&
	       sieve_check_names(
		   c, &n->pos[0]->s[0], &c->set, &c->nset, &c->set_cap);
}

/* Text whose encoding and characters are known. */
static bool
is_readable(struct sv whole, const struct mime_part *p)
{
	struct sv header = sv_of(whole.p + p->header_off, p->header_len);
	struct mail_field f;
	bool ok = mime_part_is_text(whole, p) && mime_encoding_known(header);
	struct buf b;

	if (!ok || !mail_field_find(header, SV("Content-Type"), &f))
		return ok;
	buf_init(&b, 256);
	if (mime_param(f.value, SV("charset"), &b))
		ok = mime_charset_known(buf_sv(&b));
	buf_fini(&b);
	return ok;
}

/* So many characters, not bytes. */
static struct sv
first_characters(struct sv s, uint64_t max)
{
	size_t i = 0;

	for (uint64_t n = 0; i < s.n && n < max; n++) {
		i++;
		while (i < s.n && ((unsigned char)s.p[i] & 0xc0) == 0x80)
			i++;
	}
	return sv_first(s, i);
}

enum sieve_flow
sieve_run_extracttext(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *first = sieve_tag_value(n, T_FIRST);
	struct mime_msg *m;
	struct sv whole, text;
	enum sieve_flow f = sieve_doc_mime(r, n, &m);
	struct buf b;

	if (f == FLOW_ON)
		f = sieve_doc_whole(r, n, &whole);
	if (f == FLOW_ON && r->loop->part < m->n)
		f = sieve_charge(
		    r, n, TEXT_WORK * m->part[r->loop->part].body_len);
	if (f != FLOW_ON)
		return f;
	buf_init(&b, 4 * whole.n + 64);
	if (r->loop->part < m->n && is_readable(whole, &m->part[r->loop->part]))
		sieve_part_shown(whole, m, r->loop->part, &b);
	/* Modifiers come before it is cut to the size of a variable. */
	text = sv_first(buf_sv(&b), 4 * r->limits.value);
	if (first != NULL)
		text = first_characters(text, first->number);
	sieve_variable_set(r, n->pos[0]->s[0].s, sieve_modify(r, n, text));
	buf_fini(&b);
	return FLOW_ON;
}
