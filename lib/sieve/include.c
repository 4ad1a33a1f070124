/* include, return, global [RFC 6609]. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fields.h"
#include "sieve/modify.h"

#define NAME_BYTES  512
#define SCRIPTS_MAX 64 /* that one run compiles */
/* What compiling costs: of a byte, and of a regular expression. */
#define BYTE_WORK  40
#define REGEX_WORK 12000

/* The name of a script [RFC 5804 1.6], and no path to somewhere else
 * [RFC 6609 3.2]. */
static bool
is_script_name(struct sv s)
{
	struct sv rest = s;
	uint32_t cp;

	if (s.n == 0 || s.n > NAME_BYTES || sv_starts(s, SV("/")))
		return false;
	for (struct sv level = s; level.n > 0;
	     level = sv_skip(level, sv_chr(level, '/') + 1))
		if (sv_eq(sv_first(level, sv_chr(level, '/')), SV("..")))
			return false;
	while (rest.n > 0)
		if (utf8_next(&rest, &cp) != RC_OK || cp < 0x20 ||
		    (cp >= 0x7f && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029)
			return false;
	return true;
}

bool
sieve_check_include(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_constant(c, n->pos[0], "the name of a script") &&
	       sieve_check_each(
		   c, n->pos[0], is_script_name, "the name of a script");
}

static struct sieve_included *
find(struct sieve_run *r, struct sv name)
{
	for (size_t i = 0; i < r->nincluded; i++)
		if (sv_eq(r->included[i].name, name))
			return &r->included[i];
	return NULL;
}

/* "p:name" or "g:name" */
static struct sv
full_name(struct sieve_run *r, const struct sieve_node *n, bool global)
{
	struct buf b;
	struct sv out;

	buf_init(&b, NAME_BYTES + 2);
	buf_adds(&b, global ? "g:" : "p:");
	buf_addsv(&b, n->pos[0]->s[0].s);
	out = sieve_keep_sv(r, buf_sv(&b));
	buf_fini(&b);
	return out;
}

static enum sieve_flow
compile(struct sieve_run *r, const struct sieve_node *n, struct sv text,
    struct sieve_included *to)
{
	struct sv name = sv_skip(to->name, 2);
	struct sieve_errors errors;

	if (r->compile(r, text, name, &to->script, &errors) == RC_OK)
		return sieve_charge(
		    r, n, BYTE_WORK * text.n + REGEX_WORK * to->script->nregex);
	return sieve_fail(r, n,
	    "the included script \"%s\" has an error: line %u, column %u: %s",
	    QUOTE(name), errors.e[0].line, errors.e[0].column,
	    errors.e[0].text);
}

/* The script, compiled once in a run; NULL: it is missing, and may be. */
static enum sieve_flow
load(struct sieve_run *r, const struct sieve_node *n, struct sv name,
    bool global, struct sieve_included **out)
{
	enum sieve_flow f = FLOW_ON;
	struct buf text;
	int rc = RC_NOTFOUND;

	*out = find(r, name);
	if (*out != NULL)
		return FLOW_ON;
	if (r->nincluded >= SCRIPTS_MAX)
		return sieve_fail(r, n, "too many scripts are included");
	buf_init(&text, r->limits.script + 1);
	if (r->host->include != NULL)
		rc = r->host->include(r->arg,
		    global ? SIEVE_GLOBAL : SIEVE_PERSONAL, sv_skip(name, 2),
		    &text);
	if (rc == RC_OK && !buf_ok(&text)) {
		f = sieve_fail(r, n, "the script \"%s\" is too large",
		    QUOTE(sv_skip(name, 2)));
	} else if (rc == RC_OK) {
		r->included = xgrow(r->included, &r->included_cap,
		    r->nincluded + 1, sizeof *r->included);
		*out = &r->included[r->nincluded++];
		**out = (struct sieve_included){.name = name};
		f = compile(r, n, buf_sv(&text), *out);
	} else if (rc == RC_TEMP) {
		f = FLOW_TEMP;
	} else if (!sieve_has_tag(n, T_OPTIONAL)) {
		f = sieve_fail(r, n, "there is no script \"%s\" to include",
		    QUOTE(sv_skip(name, 2)));
	}
	buf_fini(&text);
	return f;
}

/* Does it run now? */
static bool
is_running(const struct sieve_run *r, const struct sieve_script *script)
{
	for (const struct sieve_scope *s = r->scope; s != NULL; s = s->up)
		if (s->script == script)
			return true;
	return false;
}

static enum sieve_flow
run(struct sieve_run *r, const struct sieve_node *n, struct sieve_script *s)
{
	struct sieve_scope scope = {.script = s,
	    .up = r->scope,
	    .ext = s->ext,
	    .depth = r->scope->depth + 1};
	struct sieve_loop *loop = r->loop;
	uint32_t root = r->root;
	enum sieve_flow f;

	if (scope.depth > r->limits.includes)
		return sieve_fail(r, n,
		    "scripts are included too deeply; at most %u levels are "
		    "allowed",
		    r->limits.includes);
	buf_init(&scope.matched, 64 << 10);
	r->scope = &scope;
	/* The part at hand is its message. */
	if (loop != NULL)
		r->root = loop->part;
	r->loop = NULL;
	f = sieve_exec(r, s->commands);
	r->scope = scope.up;
	r->loop = loop;
	r->root = root;
	buf_fini(&scope.matched);
	sieve_variables_fini(&scope.own);
	return f == FLOW_RETURN ? FLOW_ON : f;
}

enum sieve_flow
sieve_run_include(struct sieve_run *r, const struct sieve_node *n)
{
	bool global = sieve_has_tag(n, T_GLOBAL);
	struct sv name = full_name(r, n, global);
	struct sieve_included *found = find(r, name);
	enum sieve_flow f;

	if (found != NULL && sieve_has_tag(n, T_ONCE))
		return FLOW_ON;
	f = load(r, n, name, global, &found);
	if (f != FLOW_ON || found == NULL)
		return f;
	if (is_running(r, found->script) ||
	    (!global && sv_eq(r->scope->script->name, sv_skip(name, 2)) &&
		r->scope->up == NULL))
		return sieve_has_tag(n, T_ONCE)
			   ? FLOW_ON
			   : sieve_fail(r, n,
				 "the script \"%s\" includes itself",
				 QUOTE(sv_skip(name, 2)));
	return run(r, n, found->script);
}

enum sieve_flow
sieve_run_return(struct sieve_run *r, const struct sieve_node *n)
{
	(void)n;
	return r->scope->up != NULL ? FLOW_RETURN : FLOW_STOP;
}

static bool
was_set(const struct sieve_check *c, struct sv name)
{
	for (size_t i = 0; i < c->nset; i++)
		if (sv_ieq(c->set[i], name))
			return true;
	return false;
}

bool
sieve_check_global(struct sieve_check *c, struct sieve_node *n)
{
	struct sieve_value one = *n->pos[0];

	if ((c->ext & EXT(E_VARIABLES)) == 0)
		return sieve_check_fail_at(c, n,
		    "\"global\" can only be used after: require "
		    "\"variables\";");
	one.n = 1;
	for (size_t i = 0; i < n->pos[0]->n; i++, one.s++) {
		if (!sieve_check_variable(c, &one, false))
			return false;
		if (was_set(c, one.s->s))
			return sieve_check_fail_in(c, one.s,
			    "the variable \"%s\" has been set before it is "
			    "made global",
			    QUOTE(one.s->s));
		if (!sieve_check_names(
			c, one.s, &c->global, &c->nglobal, &c->global_cap))
			return false;
	}
	return true;
}

enum sieve_flow
sieve_run_global(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_scope *s = r->scope;

	for (size_t i = 0; i < n->pos[0]->n; i++) {
		struct sv name = n->pos[0]->s[i].s;

		if (sieve_scope_is_global(s, name))
			continue;
		s->global = arena_grow(&r->result->arena, s->global,
		    &s->global_cap, s->nglobal + 1, sizeof *s->global);
		s->global[s->nglobal++] = name;
	}
	return FLOW_ON;
}
