/* Arguments of a command, and errors about them. */
#include <stdio.h>

#include "base/alloc.h"
#include "sieve/check.h"
#include "sieve/error.h"

static void __attribute__((format(printf, 4, 0))) add(struct sieve_errors *e,
    unsigned line, unsigned column, const char *fmt, va_list ap)
{
	char text[SIEVE_ERROR_MAX];

	if (e == NULL)
		return;
	sieve_error_text(text, sizeof text, fmt, ap);
	sieve_error_add(e, line, column, "%s", text);
}

bool
sieve_check_suggests(const struct sieve_check *c)
{
	return c->errors->n < SIEVE_ERRORS_MAX;
}

bool
sieve_check_fail(
    struct sieve_check *c, const struct sieve_value *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c->errors, at->line, at->column, fmt, ap);
	va_end(ap);
	return false;
}

bool
sieve_check_fail_at(
    struct sieve_check *c, const struct sieve_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c->errors, n->line, n->column, fmt, ap);
	va_end(ap);
	return false;
}

bool
sieve_check_fail_in(
    struct sieve_check *c, const struct sieve_string *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c->errors, s->line, s->column, fmt, ap);
	va_end(ap);
	return false;
}

void
sieve_check_warn(
    struct sieve_check *c, const struct sieve_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c->warnings, n->line, n->column, fmt, ap);
	va_end(ap);
}

const struct sieve_bound *
sieve_bound(const struct sieve_node *n, enum sieve_tag t)
{
	for (size_t i = 0; i < n->ntag; i++)
		if (n->tag[i].spec->tag == t)
			return &n->tag[i];
	return NULL;
}

const struct sieve_value *
sieve_tag_value(const struct sieve_node *n, enum sieve_tag t)
{
	const struct sieve_bound *b = sieve_bound(n, t);

	return b != NULL ? b->v : NULL;
}

bool
sieve_has_tag(const struct sieve_node *n, enum sieve_tag t)
{
	return sieve_bound(n, t) != NULL;
}

bool
sieve_check_constant(
    struct sieve_check *c, const struct sieve_value *v, const char *what)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->s[i].refs)
			return sieve_check_fail_in(c, &v->s[i],
			    "%s cannot have a variable in it", what);
	return true;
}

bool
sieve_check_each(struct sieve_check *c, const struct sieve_value *v,
    bool (*ok)(struct sv s), const char *what)
{
	bool good = true;

	for (size_t i = 0; i < v->n; i++)
		if (!v->s[i].refs && !ok(v->s[i].s))
			good = sieve_check_fail_in(c, &v->s[i],
			    "\"%s\" is not %s", QUOTE(v->s[i].s), what);
	return good;
}

void
sieve_script_own_regex(struct sieve_script *s, void *regex)
{
	s->regex =
	    xgrow(s->regex, &s->regex_cap, s->nregex + 1, sizeof(void *));
	s->regex[s->nregex++] = regex;
}
