#include "sieve/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/unset.h"
#include "sieve/compare.h"
#include "sieve/error.h"
#include "sieve/regex.h"

/* Text of a match that variables can show. */
#define MATCHED_MAX (64 << 10)
/* What a value and a key cost, even if they are short; what changing the case
 * of a byte costs in ASCII, and beyond it; one step of a pattern; compiling a
 * regular expression, and a byte of it. */
#define VALUE_WORK   100
#define KEY_WORK     22
#define ASCII_WORK   2
#define UNICODE_WORK 24
#define BEYOND_WORK  60
#define GLOB_WORK    3
#define REGEX_WORK   20000
#define REGEX_TIME   UINT64_C(2000000000) /* and twice the work, in ns */
#define REGEX_BYTE   400
#define PREPARED_MAX (4 * (size_t)UINT32_MAX)
/* Values that are not worth an allocation. */
#define SMALL 512

static struct sv
prepare(struct sieve_matcher *m, struct sv s)
{
	struct buf b;
	struct sv out;

	char *p;

	if (m->how.comparator == C_OCTET || m->how.comparator == C_NUMERIC)
		return s;
	if (m->how.comparator == C_ASCII) {
		p = arena_alloc(&m->r->scratch, s.n + 1);
		sieve_prepare_ascii(s, p);
		return sv_of(p, s.n);
	}
	buf_init(&b, PREPARED_MAX);
	sieve_prepare(m->how.comparator, s, &b, NULL);
	out = arena_dup(&m->r->scratch, buf_sv(&b));
	buf_fini(&b);
	return out;
}

/* What preparing it costs: folding Unicode takes far longer than ASCII. */
static uint64_t
prepare_work(const struct sieve_matcher *m, struct sv s)
{
	uint64_t w = (uint64_t)ASCII_WORK * s.n;

	if (m->how.comparator != C_UNICODE)
		return w;
	w = (uint64_t)UNICODE_WORK * s.n;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			w += BEYOND_WORK;
	return w;
}

enum sieve_flow
sieve_matcher_init(struct sieve_matcher *m, struct sieve_run *r,
    const struct sieve_node *n, const struct sieve_value *keys)
{
	enum sieve_flow f;

	*m = (struct sieve_matcher){.r = r, .n = n, .how = n->match};
	f = sieve_expand_all(r, n, keys, &m->as_written, &m->nkey);
	if (f != FLOW_ON)
		return f;
	m->key = m->as_written;
	if (m->how.type != M_IS && m->how.type != M_CONTAINS &&
	    m->how.type != M_MATCHES && m->how.type != M_VALUE)
		return FLOW_ON;
	m->key =
	    arena_array(&r->scratch, m->nkey > 0 ? m->nkey : 1, sizeof *m->key);
	for (size_t i = 0; i < m->nkey && f == FLOW_ON; i++) {
		m->key[i] = prepare(m, m->as_written[i]);
		f = sieve_charge(
		    r, n, prepare_work(m, m->as_written[i]) + VALUE_WORK);
	}
	return f;
}

/* ---- match variables [RFC 5229 3.2] ---- */

static bool
wants_variables(const struct sieve_matcher *m)
{
	return !m->quiet && (m->r->scope->ext & EXT(E_VARIABLES)) != 0;
}

static void
forget_matches(struct sieve_scope *s, struct sv text)
{
	buf_reset(&s->matched);
	buf_addsv(&s->matched, sv_first(text, MATCHED_MAX));
	s->nmatch = 0;
}

static void
add_match(struct sieve_scope *s, size_t start, size_t end)
{
	if (s->nmatch > SIEVE_MATCHES_MAX)
		return;
	if (end > s->matched.n)
		end = s->matched.n;
	if (start > end)
		start = end;
	s->match[s->nmatch++] = (struct sieve_span){start, end};
}

/* ---- one key ---- */

static enum sieve_flow
glob(struct sieve_matcher *m, struct sv prepared, const uint32_t *map,
    struct sv value, size_t key)
{
	struct sieve_glob_span span[SIEVE_MATCHES_MAX];
	struct sieve_glob g = {.text = prepared,
	    .pattern = m->key[key],
	    .map = map,
	    .span = span,
	    .max = SIEVE_MATCHES_MAX,
	    .work_max = sieve_work_left(m->r) / GLOB_WORK};
	enum sieve_flow f;

	m->hit = sieve_glob(&g);
	f = sieve_charge(m->r, m->n, GLOB_WORK * (g.work + KEY_WORK));
	if (f != FLOW_ON || !m->hit || !wants_variables(m))
		return f;
	forget_matches(m->r->scope, value);
	add_match(m->r->scope, 0, value.n);
	for (size_t i = 0; i < g.n && i < g.max; i++)
		add_match(m->r->scope,
		    map != NULL ? map[span[i].start] : span[i].start,
		    map != NULL ? map[span[i].end] : span[i].end);
	return FLOW_ON;
}

/* The expression of a key: compiled before, or now if it has variables. */
static enum sieve_flow
regex_code(struct sieve_matcher *m, size_t key, void **out, bool *own)
{
	struct err err;
	enum sieve_flow f;

	*out = m->n->regex != NULL ? m->n->regex[key] : NULL;
	*own = *out == NULL;
	if (!*own)
		return FLOW_ON;
	if (m->key[key].n > m->r->limits.regex)
		return sieve_fail(m->r, m->n,
		    "a regular expression is too long with its variables");
	f = sieve_charge(m->r, m->n, REGEX_WORK + REGEX_BYTE * m->key[key].n);
	if (f != FLOW_ON)
		return f;
	if (sieve_regex_compile(
		m->key[key], m->how.comparator != C_OCTET, out, &err) != RC_OK)
		return sieve_fail(m->r, m->n,
		    "\"%s\" is not a regular expression: %s",
		    QUOTE(m->key[key]), err.text);
	return FLOW_ON;
}

static enum sieve_flow
regex(struct sieve_matcher *m, struct sv value, size_t key)
{
	struct sieve_regex_span span[SIEVE_MATCHES_MAX + 1];
	uint64_t work = sieve_work_left(m->r);
	enum sieve_flow f;
	void *code;
	size_t n;
	bool own;
	int rc;

	f = regex_code(m, key, &code, &own);
	if (f != FLOW_ON)
		return f;
	m->r->regex.max = REGEX_TIME + 2 * (m->r->work + work);
	rc = sieve_regex_match(
	    code, value, &work, &m->r->regex, span, SIEVE_MATCHES_MAX + 1, &n);
	if (own)
		sieve_regex_free(code);
	if (rc == RC_TOOBIG)
		return sieve_fail(m->r, m->n,
		    "a regular expression takes too long: \"%s\"",
		    QUOTE(m->key[key]));
	m->hit = rc == RC_OK;
	if (m->hit && wants_variables(m)) {
		forget_matches(m->r->scope, value);
		for (size_t i = 0; i < n; i++)
			add_match(m->r->scope,
			    span[i].start == SIZE_MAX ? 0 : span[i].start,
			    span[i].start == SIZE_MAX ? 0 : span[i].end);
	}
	return sieve_charge(m->r, m->n, work + value.n + 4 * VALUE_WORK);
}

static enum sieve_flow
ask_list(struct sieve_matcher *m, struct sv value, size_t key)
{
	struct sieve_run *r = m->r;
	int rc = RC_NOTFOUND;

	if (r->host->list_has != NULL)
		rc = r->host->list_has(
		    r->arg, m->as_written[key], value, &m->hit);
	if (rc == RC_TEMP)
		return FLOW_TEMP;
	if (rc != RC_OK)
		return sieve_fail(r, m->n, "there is no list \"%s\"",
		    QUOTE(m->as_written[key]));
	if (m->hit && wants_variables(m)) {
		forget_matches(r->scope, value);
		add_match(r->scope, 0, value.n);
	}
	return FLOW_ON;
}

static enum sieve_flow
one_key(struct sieve_matcher *m, struct sv value, struct sv prepared,
    const uint32_t *map, size_t key)
{
	struct sv k = m->key[key];
	uint64_t work = k.n;

	switch (m->how.type) {
	case M_IS:
		m->hit = sieve_compare(m->how.comparator, prepared, k) == 0;
		break;
	case M_VALUE:
		m->hit = sieve_relation_holds(m->how.relation,
		    sieve_compare(m->how.comparator, prepared, k));
		break;
	case M_CONTAINS:
		m->hit = sieve_contains(prepared, k, &work);
		break;
	case M_MATCHES:
		return glob(m, prepared, map, value, key);
	case M_REGEX:
		return regex(m, value, key);
	case M_EXTLIST:
		return ask_list(m, value, key);
	case M_COUNT:
		break;
	}
	return sieve_charge(m->r, m->n, work + KEY_WORK);
}

enum sieve_flow
sieve_matcher_value(struct sieve_matcher *m, struct sv value)
{
	enum sieve_flow f =
	    sieve_charge(m->r, m->n, prepare_work(m, value) + VALUE_WORK);
	bool fold =
	    m->how.type != M_REGEX && m->how.type != M_EXTLIST &&
	    (m->how.comparator == C_ASCII || m->how.comparator == C_UNICODE);
	struct sv prepared = value;
	char small[SMALL] UNSET;
	uint32_t *map = NULL;
	struct buf b;

	m->count++;
	if (m->how.type == M_COUNT || f != FLOW_ON)
		return f;
	buf_init(&b, PREPARED_MAX);
	if (fold && m->how.comparator == C_ASCII && value.n <= sizeof small) {
		sieve_prepare_ascii(value, small);
		prepared = sv_of(small, value.n);
	} else if (fold) {
		sieve_prepare(m->how.comparator, value, &b,
		    m->how.type == M_MATCHES ? &map : NULL);
		prepared = buf_sv(&b);
	}
	for (size_t i = 0; i < m->nkey && !m->hit && f == FLOW_ON; i++)
		f = one_key(m, value, prepared, map, i);
	buf_fini(&b);
	free(map);
	return f;
}

enum sieve_flow
sieve_matcher_end(struct sieve_matcher *m, enum sieve_flow f, bool *out)
{
	struct buf b;

	if (f != FLOW_ON)
		return f;
	if (m->how.type == M_COUNT) {
		/* Numbers, whatever the comparator is [RFC 5231 4.2]. */
		buf_init(&b, 32);
		buf_addu(&b, m->count);
		for (size_t i = 0; i < m->nkey && !m->hit; i++)
			m->hit = sieve_relation_holds(m->how.relation,
			    sieve_compare(C_NUMERIC, buf_sv(&b), m->key[i]));
		buf_fini(&b);
	}
	*out = m->hit;
	return FLOW_ON;
}
