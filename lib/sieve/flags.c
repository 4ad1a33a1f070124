/* setflag, addflag, removeflag, hasflag [RFC 5232]. */
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/match.h"

/* Is it what may be set: an identifier, or "global." and one? */
static bool
is_variable(struct sv s)
{
	if (sv_istarts(s, SV("global.")))
		s = sv_skip(s, 7);
	return sieve_is_identifier(s) && s.n <= SIEVE_VARIABLE_MAX;
}

bool
sieve_check_flags(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = n->pos[0];

	if (v == NULL)
		return true;
	if ((c->ext & EXT(E_VARIABLES)) == 0)
		return sieve_check_fail(
		    c, v, "flags in a variable need: require \"variables\";");
	return sieve_check_constant(c, v, "the name of a variable") &&
	       sieve_check_each(c, v, is_variable, "the name of a variable");
}

static void
put(struct sieve_run *r, const struct sieve_node *n, struct sv words)
{
	struct buf b;

	if (n->pos[0] != NULL) {
		sieve_variable_set(r, n->pos[0]->s[0].s, words);
		return;
	}
	/* words may be a part of it. */
	buf_init(&b, r->flags.max);
	buf_addsv(&b, words);
	buf_set(&r->flags, buf_sv(&b));
	buf_fini(&b);
}

static struct sv
get(struct sieve_run *r, const struct sieve_node *n)
{
	return n->pos[0] != NULL ? sieve_variable_get(r, n->pos[0]->s[0].s)
				 : buf_sv(&r->flags);
}

/* The words of all strings, each valid one once, behind what out has. */
static enum sieve_flow
collect(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_value *v, struct buf *out)
{
	struct sv *all;
	size_t count;
	enum sieve_flow f = sieve_expand_all(r, n, v, &all, &count);

	for (size_t i = 0; i < count && f == FLOW_ON; i++) {
		f = sieve_flags_charge(r, n, all[i].n + out->n);
		if (f == FLOW_ON)
			sieve_flags_add(all[i], out);
	}
	return f;
}

static enum sieve_flow
change(struct sieve_run *r, const struct sieve_node *n, bool keep)
{
	enum sieve_flow f;
	struct buf b;

	buf_init(&b, r->limits.value);
	f = sieve_flags_charge(r, n, get(r, n).n);
	if (keep && f == FLOW_ON)
		sieve_flags_add(get(r, n), &b);
	if (f == FLOW_ON)
		f = collect(r, n, n->pos[1], &b);
	if (f == FLOW_ON)
		put(r, n, buf_sv(&b));
	buf_fini(&b);
	return f;
}

enum sieve_flow
sieve_run_setflag(struct sieve_run *r, const struct sieve_node *n)
{
	return change(r, n, false);
}

enum sieve_flow
sieve_run_addflag(struct sieve_run *r, const struct sieve_node *n)
{
	return change(r, n, true);
}

static bool
has_word(struct sv words, struct sv word)
{
	while (words.n > 0)
		if (sv_ieq(sv_split(&words, ' '), word))
			return true;
	return false;
}

enum sieve_flow
sieve_run_removeflag(struct sieve_run *r, const struct sieve_node *n)
{
	struct buf gone, left;
	enum sieve_flow f;
	struct sv all;

	buf_init(&gone, r->limits.value);
	buf_init(&left, r->limits.value);
	f = collect(r, n, n->pos[1], &gone);
	all = get(r, n);
	if (f == FLOW_ON)
		f = sieve_flags_charge(r, n, all.n + gone.n);
	while (all.n > 0 && f == FLOW_ON) {
		struct sv w = sv_split(&all, ' ');

		if (!has_word(buf_sv(&gone), w))
			sieve_flags_add(w, &left);
	}
	if (f == FLOW_ON)
		put(r, n, buf_sv(&left));
	buf_fini(&left);
	buf_fini(&gone);
	return f;
}

/* Each flag of one variable. */
static enum sieve_flow
match_words(struct sieve_matcher *m, struct sv words)
{
	enum sieve_flow f = sieve_flags_charge(m->r, m->n, words.n);
	struct buf b;
	struct sv rest;

	if (f != FLOW_ON)
		return f;
	buf_init(&b, m->r->limits.value);
	sieve_flags_add(words, &b);
	rest = buf_sv(&b);
	while (rest.n > 0 && !m->hit && f == FLOW_ON)
		f = sieve_matcher_value(m, sv_split(&rest, ' '));
	buf_fini(&b);
	return f;
}

/* A key is a list of flags, too, but for numbers and patterns with blanks. */
static enum sieve_flow
split_keys(struct sieve_matcher *m)
{
	struct arena *a = &m->r->scratch;
	struct sv *key = NULL;
	size_t n = 0, cap = 0;

	if (m->how.type == M_COUNT || m->how.type == M_REGEX)
		return FLOW_ON;
	for (size_t i = 0; i < m->nkey; i++) {
		struct sv rest = m->key[i];

		while (rest.n > 0) {
			struct sv w = sv_split(&rest, ' ');

			if (w.n == 0)
				continue;
			key = arena_grow(a, key, &cap, n + 1, sizeof *key);
			key[n++] = w;
		}
	}
	m->key = m->as_written = key;
	m->nkey = n;
	return FLOW_ON;
}

enum sieve_flow
sieve_test_hasflag(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	const struct sieve_value *v = n->pos[0];
	struct sieve_matcher m;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = split_keys(&m);
	if (f == FLOW_ON && v == NULL)
		f = match_words(&m, buf_sv(&r->flags));
	for (size_t i = 0; v != NULL && i < v->n && f == FLOW_ON && !m.hit; i++)
		f = match_words(&m, sieve_variable_get(r, v->s[i].s));
	return sieve_matcher_end(&m, f, out);
}
