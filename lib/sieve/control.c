/* require, if, stop; ihave and error [RFC 5463]; the tests that have tests. */
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/ext.h"
#include "sieve/run.h"

static bool
unknown_extension(struct sieve_check *c, const struct sieve_string *s)
{
	struct sv near = SV("");

	if (sieve_check_suggests(c))
		near = sieve_ext_nearest(s->s);
	if (sv_eq(s->s, SV("redirect")) || sv_eq(s->s, SV("keep")) ||
	    sv_eq(s->s, SV("discard")))
		return sieve_check_fail_in(c, s,
		    "\"%s\" is not an extension; it is always there and must "
		    "not be required",
		    QUOTE(s->s));
	if (near.n > 0)
		return sieve_check_fail_in(c, s,
		    "there is no extension \"%s\"; did you mean \"%.*s\"?",
		    QUOTE(s->s), SV_ARG(near));
	return sieve_check_fail_in(
	    c, s, "there is no extension \"%s\"", QUOTE(s->s));
}

bool
sieve_check_require(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = n->pos[0];
	enum sieve_ext e;
	bool ok = true;

	for (size_t i = 0; i < v->n; i++) {
		if (sieve_ext_find(v->s[i].s, &e) == RC_OK)
			c->ext |= sieve_ext_all(e);
		else
			ok = unknown_extension(c, &v->s[i]);
	}
	return ok;
}

static enum sieve_flow
branch(struct sieve_run *r, const struct sieve_node *n)
{
	bool yes = true;
	enum sieve_flow f = FLOW_ON;

	if (n->test != NULL)
		f = sieve_test(r, n->test, &yes);
	if (f == FLOW_ON)
		sieve_trace(r, n, "%s: %s", n->cmd->name,
		    n->test == NULL ? "none of the tests before it is true"
		    : yes	    ? "the test is true"
				    : "the test is false");
	r->taken = yes;
	return f == FLOW_ON && yes ? sieve_exec(r, n->block) : f;
}

enum sieve_flow
sieve_run_if(struct sieve_run *r, const struct sieve_node *n)
{
	return branch(r, n);
}

enum sieve_flow
sieve_run_elsif(struct sieve_run *r, const struct sieve_node *n)
{
	return r->taken ? FLOW_ON : branch(r, n);
}

enum sieve_flow
sieve_run_else(struct sieve_run *r, const struct sieve_node *n)
{
	return r->taken ? FLOW_ON : branch(r, n);
}

enum sieve_flow
sieve_run_stop(struct sieve_run *r, const struct sieve_node *n)
{
	sieve_trace(r, n, "stop");
	return FLOW_STOP;
}

/* ---- ihave ---- */

bool
sieve_check_ihave(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_constant(c, n->pos[0], "the name of an extension");
}

/* Extensions that change how a script is read cannot come so late. */
static bool
can_be_had(const struct sieve_run *r, struct sv name, uint64_t *ext)
{
	enum sieve_ext e;

	if (sieve_ext_find(name, &e) != RC_OK)
		return false;
	*ext = sieve_ext_all(e);
	return (e != E_VARIABLES && e != E_ENCODED) ||
	       (r->scope->ext & EXT(e)) != 0;
}

enum sieve_flow
sieve_test_ihave(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	const struct sieve_value *v = n->pos[0];
	uint64_t all = 0, ext;

	*out = true;
	for (size_t i = 0; i < v->n && *out; i++)
		if (can_be_had(r, v->s[i].s, &ext))
			all |= ext;
		else
			*out = false;
	if (*out)
		r->scope->ext |= all;
	return FLOW_ON;
}

enum sieve_flow
sieve_run_error(struct sieve_run *r, const struct sieve_node *n)
{
	struct sv text;
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &text);

	if (f != FLOW_ON)
		return f;
	return sieve_fail(r, n, "the script says: %s", QUOTE(text));
}

/* ---- tests of tests ---- */

enum sieve_flow
sieve_test_true(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	(void)r;
	(void)n;
	*out = true;
	return FLOW_ON;
}

enum sieve_flow
sieve_test_false(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	(void)r;
	(void)n;
	*out = false;
	return FLOW_ON;
}

enum sieve_flow
sieve_test_not(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	enum sieve_flow f = sieve_test(r, n->test, out);

	*out = !*out;
	return f;
}

enum sieve_flow
sieve_test_allof(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	enum sieve_flow f = FLOW_ON;

	*out = true;
	for (const struct sieve_node *t = n->test;
	     t != NULL && *out && f == FLOW_ON; t = t->next)
		f = sieve_test(r, t, out);
	return f;
}

enum sieve_flow
sieve_test_anyof(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	enum sieve_flow f = FLOW_ON;

	*out = false;
	for (const struct sieve_node *t = n->test;
	     t != NULL && !*out && f == FLOW_ON; t = t->next)
		f = sieve_test(r, t, out);
	return f;
}
