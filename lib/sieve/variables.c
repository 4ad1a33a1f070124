/* set and string [RFC 5229 4, 5]. */
#include "sieve/modify.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/match.h"

bool
sieve_check_variable(
    struct sieve_check *c, const struct sieve_value *v, bool global_ok)
{
	struct sv name = v->s[0].s;
	bool global = sv_istarts(name, SV("global."));

	if (!sieve_check_constant(c, v, "the name of a variable"))
		return false;
	if (global && global_ok && (c->ext & EXT(E_INCLUDE)) != 0)
		name = sv_skip(name, 7);
	if (!sieve_is_identifier(name))
		return sieve_check_fail_in(c, &v->s[0],
		    "\"%s\" cannot be the name of a variable; expected "
		    "letters, digits and \"_\", with no digit in front",
		    QUOTE(v->s[0].s));
	if (name.n > SIEVE_VARIABLE_MAX)
		return sieve_check_fail_in(c, &v->s[0],
		    "the name of a variable has at most %d characters",
		    SIEVE_VARIABLE_MAX);
	return true;
}

bool
sieve_check_names(struct sieve_check *c, const struct sieve_string *s,
    struct sv **names, size_t *n, size_t *cap)
{
	for (size_t i = 0; i < *n; i++)
		if (sv_ieq((*names)[i], s->s))
			return true;
	if (c->nset + c->nglobal >= c->script->limits.variables)
		return sieve_check_fail_in(c, s,
		    "the script has too many variables; at most %u are allowed",
		    c->script->limits.variables);
	*names =
	    arena_grow(&c->script->arena, *names, cap, *n + 1, sizeof **names);
	(*names)[(*n)++] = s->s;
	return true;
}

bool
sieve_check_set(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_variable(c, n->pos[0], true) &&
	       sieve_check_names(
		   c, &n->pos[0]->s[0], &c->set, &c->nset, &c->set_cap);
}

/* ---- modifiers ---- */

#define MODIFY_WORK 20 /* of a byte */

static struct sv
keep(struct sieve_run *r, struct buf *b)
{
	struct sv out = arena_dup(&r->scratch, buf_sv(b));

	buf_fini(b);
	return out;
}

static struct sv
change_case(struct sieve_run *r, struct sv s, bool upper, size_t n)
{
	struct sv out = arena_dup(&r->scratch, s);
	char *p = arena_alloc(&r->scratch, s.n + 1);

	memcpy(p, out.p, s.n);
	for (size_t i = 0; i < n && i < s.n; i++)
		p[i] = upper ? ascii_upper(p[i]) : ascii_lower(p[i]);
	return sv_of(p, s.n);
}

/* Up to what a variable can hold: half of what stands for a character would
 * mean something else. */
static struct sv
quote(struct sieve_run *r, struct sv s, const char *special)
{
	struct buf b;
	size_t whole = 0;

	buf_init(&b, 2 * s.n + 1);
	for (size_t i = 0; i < s.n && b.n <= r->limits.value; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			whole = b.n;
		if (s.p[i] != '\0' && strchr(special, s.p[i]) != NULL)
			buf_addc(&b, '\\');
		buf_addc(&b, s.p[i]);
	}
	if (b.n > r->limits.value)
		buf_truncate(&b, whole);
	return keep(r, &b);
}

/* unreserved [RFC 3986 2.3] stays, all else is %XX [RFC 5435 6]; no half
 * characters, either. */
static struct sv
encode_url(struct sieve_run *r, struct sv s)
{
	struct buf b;
	size_t whole = 0;

	buf_init(&b, 3 * s.n + 1);
	for (size_t i = 0; i < s.n && b.n <= r->limits.value; i++) {
		char c = s.p[i];

		if (((unsigned char)c & 0xc0) != 0x80)
			whole = b.n;
		if (ascii_is_alnum(c) || (c != '\0' && strchr("-._~", c)))
			buf_addc(&b, c);
		else
			buf_addf(&b, "%%%02X", (unsigned char)c);
	}
	if (b.n > r->limits.value)
		buf_truncate(&b, whole);
	return keep(r, &b);
}

static struct sv
length(struct sieve_run *r, struct sv s)
{
	struct buf b;
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	buf_init(&b, 32);
	buf_addu(&b, n);
	return keep(r, &b);
}

struct sv
sieve_modify(struct sieve_run *r, const struct sieve_node *n, struct sv s)
{
	/* In this order [RFC 5229 4.1]. */
	if (sieve_has_tag(n, T_LOWER) || sieve_has_tag(n, T_UPPER))
		s = change_case(r, s, sieve_has_tag(n, T_UPPER), s.n);
	if (sieve_has_tag(n, T_LOWERFIRST) || sieve_has_tag(n, T_UPPERFIRST))
		s = change_case(r, s, sieve_has_tag(n, T_UPPERFIRST), 1);
	if (sieve_has_tag(n, T_QUOTEWILDCARD))
		s = quote(r, s, "*?\\");
	if (sieve_has_tag(n, T_QUOTEREGEX))
		s = quote(r, s, "\\^$.[]|()*+?{}");
	if (sieve_has_tag(n, T_ENCODEURL))
		s = encode_url(r, s);
	if (sieve_has_tag(n, T_LENGTH))
		s = length(r, s);
	return s;
}

enum sieve_flow
sieve_run_set(struct sieve_run *r, const struct sieve_node *n)
{
	struct sv value;
	enum sieve_flow f = sieve_expand(r, n, &n->pos[1]->s[0], &value);

	if (f == FLOW_ON && n->ntag > 0)
		f = sieve_charge(r, n, MODIFY_WORK * value.n);
	if (f == FLOW_ON)
		sieve_variable_set(
		    r, n->pos[0]->s[0].s, sieve_modify(r, n, value));
	return f;
}

enum sieve_flow
sieve_test_string(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	struct sv *all;
	size_t count;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = sieve_expand_all(r, n, n->pos[0], &all, &count);
	/* An empty string does not count [RFC 5229 5]. */
	for (size_t i = 0; f == FLOW_ON && i < count && !m.hit; i++)
		if (m.how.type != M_COUNT || all[i].n > 0)
			f = sieve_matcher_value(&m, all[i]);
	return sieve_matcher_end(&m, f, out);
}
