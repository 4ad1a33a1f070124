#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sieve/error.h"
#include "sieve/ext.h"
#include "sieve/run.h"

/* Of one string with variables in it. */
#define EXPANDED_MAX (256 << 10)
/* What looking for a variable costs, and a command or test. */
#define REF_WORK  1024
#define STEP_WORK 200
/* However large a message is. */
#define WORK_MAX (UINT64_C(4) << 30)

enum sieve_flow
sieve_fail(
    struct sieve_run *r, const struct sieve_node *n, const char *fmt, ...)
{
	struct sieve_error *e = &r->result->error;
	va_list ap;

	e->line = n->line;
	e->column = n->column;
	va_start(ap, fmt);
	sieve_error_text(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	r->result->failed_script = sieve_keep_sv(r, r->scope->script->name);
	return FLOW_FAIL;
}

enum sieve_flow
sieve_fail_rc(
    struct sieve_run *r, const struct sieve_node *n, int rc, const char *text)
{
	if (rc == RC_OK)
		return FLOW_ON;
	if (rc == RC_TEMP)
		return FLOW_TEMP;
	return sieve_fail(r, n, "%s", text);
}

void
sieve_trace(
    struct sieve_run *r, const struct sieve_node *n, const char *fmt, ...)
{
	char text[SIEVE_ERROR_MAX];
	va_list ap;

	if (r->host->trace == NULL)
		return;
	va_start(ap, fmt);
	sieve_error_text(text, sizeof text, fmt, ap);
	va_end(ap);
	r->host->trace(r->arg,
	    r->scope != NULL ? r->scope->script->name : SV(""),
	    n != NULL ? n->line : 0, sv_str(text));
}

enum sieve_flow
sieve_step(struct sieve_run *r, const struct sieve_node *n)
{
	uint64_t lacks = n->ext & ~r->scope->ext;

	r->work += STEP_WORK;
	if (++r->steps > r->limits.steps)
		return sieve_fail(r, n,
		    "the script takes too many steps; at most %u are allowed",
		    r->limits.steps);
	if (n->broken != NULL)
		return sieve_fail(r, n, "%s", n->broken);
	if (lacks != 0)
		return sieve_fail(r, n,
		    "\"%s\" needs the extension \"%s\", which is neither "
		    "required nor was found by ihave before",
		    n->cmd->name, sieve_ext_name(sieve_ext_first(lacks)));
	return FLOW_ON;
}

uint64_t
sieve_work_left(const struct sieve_run *r)
{
	uint64_t max =
	    r->limits.work + r->limits.work_per_byte * r->message->bytes.n;

	if (max > WORK_MAX)
		max = WORK_MAX;
	return r->work < max ? max - r->work : 0;
}

enum sieve_flow
sieve_charge(struct sieve_run *r, const struct sieve_node *n, uint64_t work)
{
	r->work += work;
	if (sieve_work_left(r) == 0)
		return sieve_fail(
		    r, n, "the script takes too long for this message");
	return FLOW_ON;
}

struct sv
sieve_keep_sv(struct sieve_run *r, struct sv s)
{
	return arena_dup(&r->result->arena, s);
}

/* ---- variables ---- */

static struct sieve_variable *
find(struct sieve_variables *v, struct sv name)
{
	for (size_t i = 0; i < v->n; i++)
		if (sv_ieq(v->v[i].name, name))
			return &v->v[i];
	return NULL;
}

bool
sieve_scope_is_global(const struct sieve_scope *s, struct sv name)
{
	for (size_t i = 0; i < s->nglobal; i++)
		if (sv_ieq(s->global[i], name))
			return true;
	return false;
}

/* Where it lives; cuts "global." off its name. */
static struct sieve_variables *
home(struct sieve_run *r, struct sv *name)
{
	if (sv_istarts(*name, SV("global."))) {
		*name = sv_skip(*name, 7);
		return &r->global;
	}
	if (sieve_scope_is_global(r->scope, *name))
		return &r->global;
	return &r->scope->own;
}

struct sv
sieve_variable_get(struct sieve_run *r, struct sv name)
{
	struct sieve_variables *all = home(r, &name);
	const struct sieve_variable *v = find(all, name);

	return v != NULL ? buf_sv(&v->value) : SV("");
}

/* At most max bytes, and no part of a character. */
static struct sv
cut(struct sv s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
		max--;
	return sv_first(s, max);
}

void
sieve_variable_set(struct sieve_run *r, struct sv name, struct sv value)
{
	struct sieve_variables *all = home(r, &name);
	struct sieve_variable *v = find(all, name);

	if (v == NULL) {
		/* Bounded by the names that are in scripts. */
		all->v = xgrow(all->v, &all->cap, all->n + 1, sizeof *v);
		v = &all->v[all->n++];
		v->name = sieve_keep_sv(r, name);
		buf_init(&v->value, r->limits.value);
	}
	buf_set(&v->value, cut(value, r->limits.value));
}

void
sieve_variables_fini(struct sieve_variables *v)
{
	for (size_t i = 0; i < v->n; i++)
		buf_fini(&v->v[i].value);
	free(v->v);
	*v = (struct sieve_variables){0};
}

static struct sv
ref_value(struct sieve_run *r, const struct sieve_ref *ref)
{
	const struct sieve_scope *s = r->scope;

	if (ref->space.n > 0) /* "global." and what is directly behind it */
		return sieve_variable_get(
		    r, sv_of(ref->space.p,
			   (size_t)(ref->name.p - ref->space.p) + ref->name.n));
	if (!ref->digits)
		return sieve_variable_get(r, ref->name);
	if (ref->number >= s->nmatch)
		return SV("");
	return sv_of(s->matched.p + s->match[ref->number].start,
	    s->match[ref->number].end - s->match[ref->number].start);
}

enum sieve_flow
sieve_expand(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_string *s, struct sv *out)
{
	struct sv rest = s->s;
	struct sieve_ref ref;
	struct buf b;
	uint64_t refs = 0;
	bool ok;

	if (!s->refs) {
		*out = s->s;
		return FLOW_ON;
	}
	buf_init(&b, EXPANDED_MAX);
	while (sieve_ref_next(&rest, &ref)) {
		refs++;
		buf_addsv(&b, ref.before);
		buf_addsv(&b, ref_value(r, &ref));
	}
	buf_addsv(&b, rest);
	ok = buf_ok(&b);
	*out = arena_dup(&r->scratch, buf_sv(&b));
	buf_fini(&b);
	if (!ok)
		return sieve_fail(
		    r, n, "with its variables this string is too long");
	return sieve_charge(r, n, s->s.n + out->n + refs * REF_WORK);
}

enum sieve_flow
sieve_expand_all(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_value *v, struct sv **out, size_t *n_out)
{
	struct sv *all = NULL;
	size_t count = v != NULL ? v->n : 0;
	enum sieve_flow f = FLOW_ON;

	if (count > 0)
		all = arena_array(&r->scratch, count, sizeof *all);
	for (size_t i = 0; i < count && f == FLOW_ON; i++)
		f = sieve_expand(r, n, &v->s[i], &all[i]);
	*out = all;
	*n_out = count;
	return f;
}
