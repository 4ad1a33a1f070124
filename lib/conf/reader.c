/*
 * What all keys are read with: nodes of the document, their errors, and the
 * kinds of value that several keys have.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "base/ascii.h"
#include "conf/conf_priv.h"

static void __attribute__((format(printf, 3, 0)))
add_error(struct conf_errors *errors, struct conf_place at, const char *fmt,
    va_list ap)
{
	struct conf_error *e;

	if (errors->n++ >= CONF_ERRORS_MAX)
		return;
	e = &errors->e[errors->n - 1];
	e->line = at.line;
	e->column = at.column;
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
}

void
conf_error_add(
    struct conf_errors *errors, struct conf_place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(errors, at, fmt, ap);
	va_end(ap);
}

void
conf_fail_at(struct conf_errors *errors, size_t line, size_t column,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(errors, (struct conf_place){(unsigned)line, (unsigned)column},
	    fmt, ap);
	va_end(ap);
}

struct conf_place
conf_place_of(const yaml_node_t *n)
{
	return (struct conf_place){(unsigned)n->start_mark.line + 1,
	    (unsigned)n->start_mark.column + 1};
}

/* ---- nodes ---- */

yaml_node_t *
conf_node(struct conf_parser *p, int id)
{
	return yaml_document_get_node(&p->doc, id);
}

struct sv
conf_text_of(const yaml_node_t *n)
{
	return sv_of(n->data.scalar.value, n->data.scalar.length);
}

/* A scalar without NUL bytes, or an error that says what was expected. */
bool
conf_get_text(
    struct conf_parser *p, yaml_node_t *n, const char *expected, struct sv *out)
{
	if (n->type != YAML_SCALAR_NODE || conf_text_of(n).n == 0) {
		CONF_FAIL(p, n, "expected %s", expected);
		return false;
	}
	*out = conf_text_of(n);
	if (sv_chr(*out, '\0') < out->n) {
		CONF_FAIL(p, n, "a NUL byte cannot be part of %s", expected);
		return false;
	}
	return true;
}

void
conf_unknown_key(
    struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys)
{
	struct sv_nearest near = {.word = conf_text_of(n)};
	struct buf all;
	size_t i;

	buf_init(&all, 200);
	for (i = 0; keys[i].name != NULL; i++) {
		sv_nearest(&near, sv_str(keys[i].name));
		buf_addf(&all, "%s%s", i > 0 ? ", " : "", keys[i].name);
	}
	if (near.best.n > 0)
		CONF_FAIL(p, n, "unknown key \"%.*s\"; did you mean \"%.*s\"?",
		    (int)(conf_text_of(n).n < 60 ? conf_text_of(n).n : 60),
		    conf_text_of(n).p, SV_ARG(near.best));
	else
		CONF_FAIL(p, n, "unknown key \"%.*s\"; known here: %s",
		    (int)(conf_text_of(n).n < 60 ? conf_text_of(n).n : 60),
		    conf_text_of(n).p, all.p);
	buf_fini(&all);
}

/* Is this key there before in the same map? */
static bool
is_repeated(struct conf_parser *p, yaml_node_t *map, yaml_node_pair_t *at)
{
	yaml_node_pair_t *q;

	for (q = map->data.mapping.pairs.start; q < at; q++) {
		yaml_node_t *k = conf_node(p, q->key);

		if (k->type == YAML_SCALAR_NODE &&
		    sv_eq(
			conf_text_of(k), conf_text_of(conf_node(p, at->key)))) {
			CONF_FAIL(p, conf_node(p, at->key),
			    "\"%.60s\" is listed twice; the first is on "
			    "line %zu",
			    conf_node(p, at->key)->data.scalar.value,
			    k->start_mark.line + 1);
			return true;
		}
	}
	return false;
}

/* Calls fn for each well-formed pair of a map. */
void
conf_each_pair(struct conf_parser *p, yaml_node_t *map, const char *expected,
    void (*fn)(
	struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg),
    void *arg)
{
	yaml_node_pair_t *q;

	if (map->type != YAML_MAPPING_NODE) {
		CONF_FAIL(p, map, "expected %s", expected);
		return;
	}
	for (q = map->data.mapping.pairs.start; q < map->data.mapping.pairs.top;
	     q++) {
		struct sv name;

		if (conf_get_text(p, conf_node(p, q->key), "a key", &name) &&
		    !is_repeated(p, map, q))
			fn(p, conf_node(p, q->key), conf_node(p, q->value),
			    arg);
	}
}

static void
set_key(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	const struct conf_key *keys = arg;

	for (; keys->name != NULL; keys++)
		if (sv_eq(conf_text_of(k), sv_str(keys->name))) {
			keys->set(p, v);
			return;
		}
	conf_unknown_key(p, k, arg);
}

/* Calls fn for each element of a list; a single scalar counts as a list. */
void
conf_each_item(struct conf_parser *p, yaml_node_t *list, const char *expected,
    void (*fn)(struct conf_parser *p, yaml_node_t *n, void *arg), void *arg)
{
	yaml_node_item_t *q;

	if (list->type == YAML_SCALAR_NODE && conf_text_of(list).n > 0) {
		fn(p, list, arg);
		return;
	}
	if (list->type != YAML_SEQUENCE_NODE) {
		CONF_FAIL(p, list, "expected a list of %s", expected);
		return;
	}
	for (q = list->data.sequence.items.start;
	     q < list->data.sequence.items.top; q++)
		fn(p, conf_node(p, *q), arg);
}

bool
conf_get_bool(struct conf_parser *p, yaml_node_t *n, bool *out)
{
	static const char *const yes[] = {"on", "true", "yes"};
	static const char *const no[] = {"off", "false", "no"};
	struct sv v;
	size_t i;

	if (!conf_get_text(p, n, "on or off", &v))
		return false;
	for (i = 0; i < 3; i++)
		if (sv_ieq(v, sv_str(yes[i])) || sv_ieq(v, sv_str(no[i]))) {
			*out = sv_ieq(v, sv_str(yes[i]));
			return true;
		}
	CONF_FAIL(p, n, "expected on or off, not \"%.60s\"", v.p);
	return false;
}

bool
conf_number(struct sv s, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t unit = 1, v = 0;

	if (s.n > 1) {
		char u = ascii_upper(s.p[s.n - 1]);

		unit = u == 'K'	  ? 1 << 10
		       : u == 'M' ? 1 << 20
		       : u == 'G' ? 1 << 30
				  : 1;
		if (unit > 1)
			s.n--;
	}
	if (sv_to_u64(s, most / unit, &v) != RC_OK || v * unit < least)
		return false;
	*out = v * unit;
	return true;
}

/* As one would write it: 64G. */
static void
add_size(uint64_t v, struct buf *out)
{
	size_t i = 0;

	for (; i < 3 && v > 0 && v % 1024 == 0; i++)
		v /= 1024;
	buf_addf(out, "%llu%.*s", (unsigned long long)v, i > 0, &" KMG"[i]);
}

bool
conf_get_number(struct conf_parser *p, yaml_node_t *n, uint64_t least,
    uint64_t most, uint64_t *out)
{
	struct buf range;
	struct sv s;
	bool ok;

	if (!conf_get_text(p, n, "a number", &s))
		return false;
	ok = conf_number(s, least, most, out);
	buf_init(&range, 100);
	add_size(least, &range);
	buf_adds(&range, " to ");
	add_size(most, &range);
	if (!ok)
		CONF_FAIL(p, n,
		    "expected a number from %s (K, M or G may follow), not "
		    "\"%.60s\"",
		    range.p, s.p);
	buf_fini(&range);
	return ok;
}

/* A domain name in ASCII: letters, digits, hyphens, dots between. */
bool
conf_is_domain(struct sv d)
{
	size_t i, label = 0;

	if (d.n == 0 || d.n > 253)
		return false;
	for (i = 0; i < d.n; i++) {
		if (d.p[i] == '.') {
			if (label == 0 || d.p[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!ascii_is_alnum(d.p[i]) && (d.p[i] != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && d.p[d.n - 1] != '-';
}

/* An address, or the like: no top-level domain is a number. */
bool
conf_ends_in_number(struct sv d)
{
	size_t dot = sv_rchr(d, '.'), i;
	struct sv top = dot == d.n ? d : sv_skip(d, dot + 1);

	for (i = 0; i < top.n && ascii_is_digit(top.p[i]); i++)
		;
	return i == top.n;
}

char *
conf_lower_dup(struct sv s)
{
	char *d = sv_dup(s), *q;

	for (q = d; *q != '\0'; q++)
		*q = ascii_lower(*q);
	return d;
}

static void
replace(char **at, struct sv s)
{
	free(*at);
	*at = sv_dup(s);
}

void
conf_set_path(
    struct conf_parser *p, yaml_node_t *n, char **path, struct conf_place *at)
{
	struct sv v;

	if (!conf_get_text(p, n, "an absolute path", &v))
		return;
	if (v.p[0] != '/')
		CONF_FAIL(
		    p, n, "expected an absolute path, not \"%.60s\"", v.p);
	else
		replace(path, v);
	if (at != NULL)
		*at = conf_place_of(n);
}

bool
conf_is_bare(struct conf_parser *p, yaml_node_t *n, const char *key)
{
	if (n->type != YAML_SCALAR_NODE || conf_text_of(n).n == 0)
		return false;
	CONF_FAIL(p, n,
	    "expected a map of settings; did you mean { %s: %.60s }?", key,
	    conf_text_of(n).p);
	return true;
}

void
conf_set_map(struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys)
{
	union {
		const struct conf_key *in;
		void *out;
	} arg = {keys};

	conf_each_pair(p, n, "a map of settings", set_key, arg.out);
}
