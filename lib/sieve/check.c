/*
 * The checker: each command against its row in the table of commands, its
 * arguments bound to what they mean.
 */
#include "sieve/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "sieve/check.h"
#include "sieve/command.h"
#include "sieve/error.h"
#include "sieve/ext.h"
#include "sieve/regex.h"
#include "sieve/text.h"

/*
 * What a script cannot know when it is written, since it asks for it with
 * "ihave", is an error only if it comes to it [RFC 5463 4].
 */
static bool __attribute__((format(printf, 5, 6))) missing(struct sieve_check *c,
    struct sieve_node *n, unsigned line, unsigned column, const char *fmt, ...)
{
	char text[SIEVE_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	sieve_error_text(text, sizeof text, fmt, ap);
	va_end(ap);
	if (c->asked_unknown)
		n->broken = arena_dup(&c->script->arena, sv_str(text)).p;
	else
		sieve_error_add(c->errors, line, column, "%s", text);
	return false;
}

static bool
needs(struct sieve_check *c, struct sieve_node *n, uint64_t ext, unsigned line,
    unsigned column, const char *mark, const char *name)
{
	if (ext == 0 || (c->ext & ext) != 0)
		return true;
	if ((c->asked & ext) != 0) {
		n->ext |= ext;
		return true;
	}
	sieve_error_add(c->errors, line, column,
	    "\"%s%s\" can only be used after: require \"%s\";", mark, name,
	    sieve_ext_name(sieve_ext_first(ext)));
	return false;
}

/* ---- binding ---- */

static const char *
type_name(enum sieve_type t)
{
	switch (t) {
	case V_NUMBER:
		return "a number";
	case V_STRING:
		return "a string";
	case V_LIST:
		return "a string or a list of them";
	case V_TAG:
	case V_NONE:
		break;
	}
	return "nothing";
}

/* A list takes the place of a string only where several may be. */
static bool
fits(struct sieve_value *v, enum sieve_type want)
{
	if (v->type == want)
		return true;
	if (want != V_LIST || v->type != V_STRING)
		return false;
	v->type = V_LIST;
	return true;
}

static const char *
found_name(const struct sieve_value *v)
{
	return v->type == V_LIST  ? "a list"
	       : v->type == V_TAG ? "another tag"
				  : type_name(v->type);
}

static const struct sieve_tag_spec *
find_tag(const struct sieve_command *cmd, struct sv name)
{
	for (size_t i = 0; i < SIEVE_TAG_LISTS && cmd->tags[i] != NULL; i++)
		for (const struct sieve_tag_spec *t = cmd->tags[i];
		     t->name != NULL; t++)
			if (sv_ieq(name, sv_str(t->name)))
				return t;
	return NULL;
}

static struct sv
nearest_tag(const struct sieve_command *cmd, struct sv name)
{
	struct sv_nearest near = {.word = name};

	for (size_t i = 0; i < SIEVE_TAG_LISTS && cmd->tags[i] != NULL; i++)
		for (const struct sieve_tag_spec *t = cmd->tags[i];
		     t->name != NULL; t++)
			sv_nearest(&near, sv_str(t->name));
	return near.best;
}

static bool
unknown_tag(
    struct sieve_check *c, struct sieve_node *n, const struct sieve_value *v)
{
	struct sv near = SV("");

	if (sieve_check_suggests(c))
		near = nearest_tag(n->cmd, v->tag);
	if (near.n > 0)
		return missing(c, n, v->line, v->column,
		    "\"%s\" has no argument \":%s\"; did you mean \":%.*s\"?",
		    n->cmd->name, QUOTE(v->tag), SV_ARG(near));
	return missing(c, n, v->line, v->column,
	    "\"%s\" has no argument \":%s\"", n->cmd->name, QUOTE(v->tag));
}

/* With those that are bound already. */
static bool
tag_agrees(struct sieve_check *c, const struct sieve_node *n,
    const struct sieve_value *v, const struct sieve_tag_spec *spec)
{
	for (size_t i = 0; i < n->ntag; i++) {
		const struct sieve_tag_spec *other = n->tag[i].spec;

		if (other == spec)
			return sieve_check_fail(c, v,
			    "\":%s\" is there twice; the first is on line %u",
			    spec->name, n->tag[i].line);
		if (spec->group != G_NONE && other->group == spec->group)
			return sieve_check_fail(c, v,
			    "\":%s\" and \":%s\" cannot be used together",
			    other->name, spec->name);
	}
	return true;
}

/* The tag at *at, and its value. */
static bool
bind_tag(struct sieve_check *c, struct sieve_node *n, size_t *at)
{
	const struct sieve_value *v = &n->arg[*at];
	const struct sieve_tag_spec *spec = find_tag(n->cmd, v->tag);
	struct sieve_bound *b = &n->tag[n->ntag];
	struct sieve_value *value;

	if (spec == NULL)
		return unknown_tag(c, n, v);
	if (!needs(c, n, spec->ext, v->line, v->column, ":", spec->name) ||
	    !tag_agrees(c, n, v, spec))
		return false;
	*b = (struct sieve_bound){
	    .spec = spec, .line = v->line, .column = v->column};
	n->ntag++;
	++*at;
	if (spec->type == V_NONE)
		return true;
	value = *at < n->narg ? &n->arg[*at] : NULL;
	if (value == NULL || !fits(value, spec->type))
		return sieve_check_fail(c, value != NULL ? value : v,
		    "expected %s after \":%s\"%s%s", type_name(spec->type),
		    spec->name, value != NULL ? ", found " : "",
		    value != NULL ? found_name(value) : "");
	b->v = value;
	++*at;
	return true;
}

static bool
bind_tags(struct sieve_check *c, struct sieve_node *n, size_t *at)
{
	size_t tags = 0;

	for (size_t i = 0; i < n->narg; i++)
		tags += n->arg[i].type == V_TAG;
	if (tags > 0)
		n->tag = arena_array(&c->script->arena, tags, sizeof n->tag[0]);
	while (*at < n->narg && n->arg[*at].type == V_TAG)
		if (!bind_tag(c, n, at))
			return false;
	return true;
}

static enum sieve_type
type_of(char letter)
{
	return letter == 's' ? V_STRING : letter == 'l' ? V_LIST : V_NUMBER;
}

static bool
bind_positional(struct sieve_check *c, struct sieve_node *n, size_t at)
{
	const struct sieve_command *cmd = n->cmd;
	size_t have = n->narg - at, want = strlen(cmd->pos), first = 0;

	for (size_t i = at; i < n->narg; i++)
		if (n->arg[i].type == V_TAG)
			return sieve_check_fail(c, &n->arg[i],
			    "\":%s\" must come before the other arguments of "
			    "\"%s\"",
			    QUOTE(n->arg[i].tag), cmd->name);
	if (have > want)
		return sieve_check_fail(c, &n->arg[at + want],
		    want == 0 ? "\"%s\" has no such argument; expected \"%s\""
			      : "\"%s\" has too many arguments; expected "
				"\"%s\"",
		    cmd->name,
		    cmd->block		   ? "{"
		    : cmd->class == K_TEST ? "{"
					   : ";");
	if (have + cmd->optional_first + cmd->optional_last < want &&
	    cmd->tests == TESTS_NONE && n->has_tests && !n->test_list &&
	    cmd->pos[have + cmd->optional_first] != 'n')
		return sieve_check_fail_at(c, n->test,
		    "\"%s\" lacks %s, found %s; strings are written in \"\"",
		    cmd->name, cmd->what[have + cmd->optional_first],
		    QUOTE(n->test->name));
	if (have + cmd->optional_first + cmd->optional_last < want)
		return sieve_check_fail_at(c, n, "\"%s\" lacks %s", cmd->name,
		    cmd->what[have + cmd->optional_first]);
	if (have < want && cmd->optional_first > 0)
		first = want - have;
	for (size_t i = 0; i < have; i++) {
		struct sieve_value *v = &n->arg[at + i];
		enum sieve_type t = type_of(cmd->pos[first + i]);

		if (!fits(v, t))
			return sieve_check_fail(c, v,
			    "expected %s (%s) as an argument of \"%s\", found "
			    "%s",
			    type_name(t), cmd->what[first + i], cmd->name,
			    found_name(v));
		n->pos[first + i] = v;
	}
	return true;
}

/* ---- strings ---- */

static bool
check_ref(struct sieve_check *c, const struct sieve_string *s,
    const struct sieve_ref *ref)
{
	if (ref->space.n > 0 &&
	    ((c->ext & EXT(E_INCLUDE)) == 0 || ref->deep || ref->digits ||
		!sv_ieq(ref->space, SV("global"))))
		return sieve_check_fail_in(c, s,
		    "there is no variable \"%s%s%s\"%s", QUOTE(ref->space),
		    ref->deep ? "...." : ".", QUOTE(ref->name),
		    sv_ieq(ref->space, SV("global")) &&
			    (c->ext & EXT(E_INCLUDE)) == 0
			? "; it needs: require \"include\";"
			: "");
	if (ref->space.n == 0 && ref->digits && ref->number > SIEVE_MATCHES_MAX)
		return sieve_check_fail_in(c, s,
		    "\"${%s}\" is too large; matches are numbered up to %d",
		    QUOTE(ref->name), SIEVE_MATCHES_MAX);
	if (ref->space.n == 0 && ref->name.n > SIEVE_VARIABLE_MAX)
		return sieve_check_fail_in(c, s,
		    "the name of the variable \"%s\" is too long; at most %d "
		    "characters are allowed",
		    QUOTE(ref->name), SIEVE_VARIABLE_MAX);
	return true;
}

static bool
check_string(struct sieve_check *c, struct sieve_string *s)
{
	struct sieve_ref ref;
	struct sv rest;

	if ((c->ext & EXT(E_ENCODED)) != 0 &&
	    sieve_text_decode(&c->script->arena, s->s, &s->s) != RC_OK)
		return sieve_check_fail_in(c, s,
		    "\"${unicode:...}\" names a character that does not exist");
	rest = s->s;
	while (
	    (c->ext & EXT(E_VARIABLES)) != 0 && sieve_ref_next(&rest, &ref)) {
		if (!check_ref(c, s, &ref))
			return false;
		s->refs = true;
	}
	return true;
}

static bool
check_strings(struct sieve_check *c, struct sieve_node *n)
{
	for (size_t i = 0; i < n->narg; i++)
		for (size_t k = 0; k < n->arg[i].n; k++)
			if (!check_string(c, &n->arg[i].s[k]))
				return false;
	return true;
}

/* ---- matching ---- */

static bool
check_comparator(struct sieve_check *c, struct sieve_node *n)
{
	static const struct {
		struct sv name;
		enum sieve_comparator c;
		uint64_t ext;
	} all[] = {
	    {SV("i;ascii-casemap"), C_ASCII, 0},
	    {SV("i;octet"), C_OCTET, 0},
	    {SV("i;ascii-numeric"), C_NUMERIC, EXT(E_NUMERIC)},
	    {SV("i;unicode-casemap"), C_UNICODE, EXT(E_UNICODE)},
	};
	const struct sieve_value *v = sieve_tag_value(n, T_COMPARATOR);

	n->match.comparator = C_ASCII;
	if (v == NULL)
		return true;
	if (!sieve_check_constant(c, v, "the name of a comparator"))
		return false;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_eq(v->s[0].s, all[i].name)) {
			n->match.comparator = all[i].c;
			return needs(c, n, all[i].ext, v->line, v->column, "",
			    all[i].name.p);
		}
	return sieve_check_fail(c, v,
	    "there is no comparator \"%s\"; expected i;octet, "
	    "i;ascii-casemap, i;ascii-numeric or i;unicode-casemap",
	    QUOTE(v->s[0].s));
}

static bool
check_relation(struct sieve_check *c, struct sieve_node *n, enum sieve_tag t)
{
	static const struct sv all[] = {
	    SV("gt"), SV("ge"), SV("lt"), SV("le"), SV("eq"), SV("ne")};
	const struct sieve_value *v = sieve_tag_value(n, t);

	if (!sieve_check_constant(c, v, "a relation"))
		return false;
	for (unsigned i = 0; i < 6; i++)
		if (sv_ieq(v->s[0].s, all[i])) {
			n->match.relation = (enum sieve_relation)i;
			return true;
		}
	return sieve_check_fail(c, v,
	    "expected \"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\" after "
	    "\":%s\", found \"%s\"",
	    t == T_VALUE ? "value" : "count", QUOTE(v->s[0].s));
}

/* The keys are the last argument of all commands that match. */
static struct sieve_value *
keys_of(const struct sieve_node *n)
{
	size_t count = strlen(n->cmd->pos);

	return count > 0 ? n->pos[count - 1] : NULL;
}

static bool
check_regex(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = keys_of(n);
	bool fold = n->match.comparator != C_OCTET;
	struct err err;

	if (v == NULL)
		return true;
	n->regex = arena_array(&c->script->arena, v->n, sizeof(void *));
	for (size_t i = 0; i < v->n; i++) {
		if (v->s[i].refs)
			continue;
		if (v->s[i].s.n > c->script->limits.regex)
			return sieve_check_fail_in(c, &v->s[i],
			    "this regular expression is too long; at most %zu "
			    "bytes are allowed",
			    c->script->limits.regex);
		if (sieve_regex_compile(v->s[i].s, fold, &n->regex[i], &err) !=
		    RC_OK)
			return sieve_check_fail_in(c, &v->s[i],
			    "this is not a regular expression: %s", err.text);
		sieve_script_own_regex(c->script, n->regex[i]);
	}
	return true;
}

static bool
check_match_type(struct sieve_check *c, struct sieve_node *n)
{
	enum sieve_match_type t = n->match.type;

	if (t == M_VALUE && !check_relation(c, n, T_VALUE))
		return false;
	if (t == M_COUNT && !check_relation(c, n, T_COUNT))
		return false;
	if (t == M_EXTLIST && sieve_tag_value(n, T_COMPARATOR) != NULL)
		return sieve_check_fail_at(
		    c, n, "\":comparator\" cannot be used with \":list\"");
	if (n->match.comparator == C_NUMERIC &&
	    (t == M_CONTAINS || t == M_MATCHES || t == M_REGEX))
		return sieve_check_fail_at(c, n,
		    "the comparator \"i;ascii-numeric\" cannot be used with "
		    "\":contains\", \":matches\" or \":regex\"");
	if (t == M_VALUE && n->match.comparator == C_NUMERIC &&
	    (n->match.relation == R_GT || n->match.relation == R_GE) &&
	    sv_ieq(n->name, SV("header")))
		sieve_check_warn(c, n,
		    "text that is not a number, such as \"-3\" or "
		    "\"unknown\", is larger than all numbers");
	if (t == M_REGEX)
		return check_regex(c, n);
	return true;
}

static bool
check_match(struct sieve_check *c, struct sieve_node *n)
{
	bool matches = false;

	for (size_t i = 0; i < SIEVE_TAG_LISTS && n->cmd->tags[i] != NULL; i++)
		matches |= n->cmd->tags[i][0].group == G_MATCH;
	for (size_t i = 0; i < n->ntag; i++) {
		enum sieve_tag t = n->tag[i].spec->tag;

		if (n->tag[i].spec->group == G_MATCH)
			n->match.type =
			    (enum sieve_match_type)(t - T_IS) + M_IS;
		if (n->tag[i].spec->group == G_PART)
			n->match.part = (enum sieve_part)(t - T_ALL) + P_ALL;
	}
	if (!matches && sieve_tag_value(n, T_COMPARATOR) == NULL)
		return true;
	return check_comparator(c, n) && check_match_type(c, n);
}

/* ---- commands ---- */

static bool check_test(struct sieve_check *c, struct sieve_node *n);

static bool
unknown_command(struct sieve_check *c, struct sieve_node *n, bool test)
{
	struct sv near = SV("");

	if (sieve_check_suggests(c))
		near = sieve_command_nearest(n->name, test);

	if (sieve_command_find(n->name, !test) != NULL)
		return sieve_check_fail_at(c, n,
		    test ? "\"%s\" is not a test, but a command; expected a "
			   "test"
			 : "\"%s\" is a test; tests come after \"if\" or "
			   "\"elsif\"",
		    QUOTE(n->name));
	if (near.n > 0)
		return missing(c, n, n->line, n->column,
		    "unknown %s \"%s\"; did you mean \"%.*s\"?",
		    test ? "test" : "command", QUOTE(n->name), SV_ARG(near));
	return missing(c, n, n->line, n->column, "unknown %s \"%s\"",
	    test ? "test" : "command", QUOTE(n->name));
}

static bool
check_nested(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_command *cmd = n->cmd;
	bool ok = true;

	if (cmd->tests == TESTS_NONE && n->has_tests && !cmd->block &&
	    cmd->class != K_TEST)
		return sieve_check_fail_at(c, n->test,
		    "expected \";\" after \"%s\" on line %u, found \"%s\"",
		    cmd->name, n->line, QUOTE(n->test->name));
	if (cmd->tests == TESTS_NONE && n->has_tests)
		return sieve_check_fail_at(c, n->test,
		    "\"%s\" has no test; expected \"{\" before \"%s\"",
		    cmd->name, QUOTE(n->test->name));
	if (cmd->tests != TESTS_NONE && !n->has_tests)
		return sieve_check_fail_at(c, n, "\"%s\" lacks %s", cmd->name,
		    cmd->tests == TESTS_ONE ? "a test"
					    : "tests, in \"(\" and \")\"");
	if (cmd->tests == TESTS_LIST && !n->test_list)
		return sieve_check_fail_at(c, n->test,
		    "the tests of \"%s\" are written in \"(\" and \")\"",
		    cmd->name);
	if (cmd->tests == TESTS_ONE && n->test_list)
		return sieve_check_fail_at(c, n->test,
		    "\"%s\" has one test, without \"(\" and \")\"; for several "
		    "of them use allof or anyof",
		    cmd->name);
	for (struct sieve_node *t = n->test; t != NULL; t = t->next)
		ok &= check_test(c, t);
	return ok;
}

/* All of one command or test but what is in its block. */
static bool
check_node(struct sieve_check *c, struct sieve_node *n, bool test)
{
	size_t at = 0;

	n->cmd = sieve_command_find(n->name, test);
	if (n->cmd == NULL)
		return unknown_command(c, n, test);
	if (!needs(c, n, n->cmd->ext, n->line, n->column, "", n->cmd->name) ||
	    !check_strings(c, n) || !bind_tags(c, n, &at) ||
	    !bind_positional(c, n, at) || !check_match(c, n))
		return false;
	/* What is required is known behind it, though a ";" is missing. */
	if (!check_nested(c, n)) {
		if (sv_ieq(n->name, SV("require")))
			(void)n->cmd->check(c, n);
		return false;
	}
	return n->cmd->check == NULL || n->cmd->check(c, n);
}

static bool
check_test(struct sieve_check *c, struct sieve_node *n)
{
	return check_node(c, n, true);
}

static bool
is_named(const struct sieve_node *n, const char *name)
{
	return n != NULL && sv_ieq(n->name, sv_str(name));
}

/* Where in a script it is. */
static bool
check_place(struct sieve_check *c, const struct sieve_node *n,
    const struct sieve_node *before, bool top)
{
	if ((is_named(n, "elsif") || is_named(n, "else")) &&
	    !is_named(before, "if") && !is_named(before, "elsif"))
		return sieve_check_fail_at(c, n,
		    "\"%s\" must come directly after the block of \"if\" or "
		    "\"elsif\"",
		    QUOTE(n->name));
	if (is_named(n, "require") &&
	    (!top || (before != NULL && !is_named(before, "require"))))
		return sieve_check_fail_at(
		    c, n, "\"require\" must come before all other commands");
	return true;
}

static void check_commands(
    struct sieve_check *c, struct sieve_node *first, bool top);

static void
check_block(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_value(n, T_NAME);
	/* One that is too deep has been told of, and is not remembered. */
	bool loop = is_named(n, "foreverypart") && c->loops < SIEVE_LOOPS_MAX;

	if (n->cmd->block != n->has_block) {
		/* A ";" is missing in front of an "if": that has been said. */
		if (n->has_block && n->has_tests &&
		    n->cmd->tests == TESTS_NONE) {
			check_commands(c, n->block, false);
			return;
		}
		(void)sieve_check_fail_at(c, n,
		    n->has_block ? "\"%s\" has no block; expected \";\""
				 : "\"%s\" lacks a block in \"{\" and \"}\"",
		    n->cmd->name);
		return;
	}
	if (loop)
		c->loop[c->loops++] =
		    name != NULL ? name->s[0].s : (struct sv){0};
	check_commands(c, n->block, false);
	c->loops -= loop;
}

static void
check_commands(struct sieve_check *c, struct sieve_node *first, bool top)
{
	const struct sieve_node *before = NULL;

	for (struct sieve_node *n = first; n != NULL; n = n->next) {
		bool ok =
		    check_place(c, n, before, top) && check_node(c, n, false);

		/* What is in the block of an unknown command is unknown. */
		if (n->cmd != NULL && n->broken == NULL && (ok || n->has_block))
			check_block(c, n);
		before = n;
	}
}

/* What the tests "ihave" of the script ask for: it may be used. */
static void
look_for_ihave(struct sieve_check *c, const struct sieve_node *n)
{
	enum sieve_ext e;

	for (; n != NULL; n = n->next) {
		look_for_ihave(c, n->test);
		look_for_ihave(c, n->block);
		if (!is_named(n, "ihave") || n->narg != 1)
			continue;
		for (size_t i = 0; i < n->arg[0].n; i++)
			if (sieve_ext_find(n->arg[0].s[i].s, &e) == RC_OK)
				c->asked |= sieve_ext_all(e);
			else
				c->asked_unknown = true;
	}
}

static bool
requires_ihave(const struct sieve_node *n)
{
	for (; is_named(n, "require"); n = n->next)
		for (size_t i = 0; n->narg == 1 && i < n->arg[0].n; i++)
			if (sv_eq(n->arg[0].s[i].s, SV("ihave")))
				return true;
	return false;
}

void
sieve_check_script(struct sieve_script *s, struct sieve_errors *errors,
    struct sieve_errors *warnings)
{
	struct sieve_check c = {
	    .script = s, .errors = errors, .warnings = warnings};

	if (requires_ihave(s->commands))
		look_for_ihave(&c, s->commands);
	check_commands(&c, s->commands, true);
	if (errors->n == 0)
		sieve_check_redirects(&c);
	s->ext = c.ext;
}
