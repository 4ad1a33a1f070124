#include "sieve/parse.h"

#include "base/utf8.h"
#include "sieve/error.h"
#include "sieve/lex.h"

struct parser {
	struct sieve_lexer lexer;
	struct sieve_token t; /* the one at hand */
	struct sieve_script *script;
	struct sieve_errors *errors;
	unsigned commands;
	bool too_big;
};

static struct sieve_node *parse_commands(struct parser *p, unsigned depth);
static struct sieve_node *parse_tests(
    struct parser *p, bool *list, unsigned depth);

static void
next(struct parser *p)
{
	sieve_lex(&p->lexer, &p->t);
}

static bool
at_mark(const struct parser *p, char mark)
{
	return p->t.kind == TOK_MARK && p->t.mark == mark;
}

/* What is there instead of what was expected. */
static const char *
found(const struct parser *p, struct sieve_quote *q)
{
	struct buf b;

	buf_init(&b, sizeof q->text - 1);
	switch (p->t.kind) {
	case TOK_END:
		buf_adds(&b, "the end of the script");
		break;
	case TOK_NUMBER:
		buf_adds(&b, "a number");
		break;
	case TOK_STRING:
		buf_adds(&b, "a string");
		break;
	case TOK_WORD:
	case TOK_TAG:
		buf_addf(&b, "\"%s%.*s\"", p->t.kind == TOK_TAG ? ":" : "",
		    SV_ARG(sv_first(p->t.text, 40)));
		break;
	case TOK_MARK:
		buf_addf(&b, "\"%c\"", p->t.mark);
		break;
	case TOK_BAD:
		break;
	}
	sv_copy(buf_sv(&b), q->text, sizeof q->text);
	buf_fini(&b);
	return q->text;
}

/* One error is enough: behind it all is guesswork. */
static void *
expected(struct parser *p, const char *what, const struct sieve_node *n)
{
	struct sieve_quote q;

	if (p->t.kind == TOK_BAD)
		return NULL;
	if (n == NULL)
		sieve_error_add(p->errors, p->t.line, p->t.column,
		    "expected %s, found %s", what, found(p, &q));
	else
		sieve_error_add(p->errors, p->t.line, p->t.column,
		    "expected %s after \"%.*s\" on line %u, found %s", what,
		    SV_ARG(sv_first(n->name, 40)), n->line, found(p, &q));
	return NULL;
}

static void *
too_many(struct parser *p, const char *what, unsigned max)
{
	sieve_error_add(p->errors, p->t.line, p->t.column,
	    "%s; at most %u are allowed", what, max);
	p->too_big = true;
	return NULL;
}

static void
add_string(struct parser *p, struct sieve_value *v, size_t *cap)
{
	v->s = arena_grow(&p->script->arena, v->s, cap, v->n + 1, sizeof *v->s);
	v->s[v->n++] = (struct sieve_string){
	    .s = p->t.text, .line = p->t.line, .column = p->t.column};
	next(p);
}

/* string-list = "[" string *("," string) "]" */
static bool
string_list(struct parser *p, struct sieve_value *v)
{
	size_t cap = 0;

	v->type = V_LIST;
	do {
		next(p);
		if (p->t.kind != TOK_STRING)
			return expected(p, "a string in this list", NULL);
		if (v->n >= p->script->limits.strings)
			return too_many(p, "this list has too many strings",
			    p->script->limits.strings);
		add_string(p, v, &cap);
	} while (at_mark(p, ','));
	if (!at_mark(p, ']'))
		return expected(
		    p, "\",\" or \"]\" after a string in a list", NULL);
	next(p);
	return true;
}

/* argument = string-list / number / tag; false: there is none, or an error. */
static bool
argument(struct parser *p, struct sieve_value *v)
{
	size_t cap = 0;

	*v = (struct sieve_value){.line = p->t.line, .column = p->t.column};
	if (p->t.kind == TOK_STRING) {
		v->type = V_STRING;
		add_string(p, v, &cap);
	} else if (p->t.kind == TOK_NUMBER) {
		v->type = V_NUMBER;
		v->number = p->t.number;
		next(p);
	} else if (p->t.kind == TOK_TAG) {
		v->type = V_TAG;
		v->tag = p->t.text;
		next(p);
	} else if (at_mark(p, '[')) {
		return string_list(p, v);
	} else {
		return false;
	}
	return p->t.kind != TOK_BAD;
}

/* A command or a test up to its arguments: *argument [test / test-list] */
static struct sieve_node *
parse_start(struct parser *p, unsigned depth)
{
	struct sieve_node *n;
	struct sieve_value v;
	size_t cap = 0;

	if (p->commands++ >= p->script->limits.commands)
		return too_many(p, "the script has too many commands and tests",
		    p->script->limits.commands);
	n = arena_alloc(&p->script->arena, sizeof *n);
	n->name = p->t.text;
	n->line = p->t.line;
	n->column = p->t.column;
	next(p);
	while (argument(p, &v)) {
		n->arg = arena_grow(&p->script->arena, n->arg, &cap,
		    n->narg + 1, sizeof *n->arg);
		n->arg[n->narg++] = v;
	}
	if (p->t.kind == TOK_BAD || p->errors->n > 0)
		return NULL;
	if (p->t.kind == TOK_WORD || at_mark(p, '(')) {
		n->has_tests = true;
		n->test = parse_tests(p, &n->test_list, depth);
		if (n->test == NULL)
			return NULL;
	}
	return n;
}

static struct sieve_node *
parse_test(struct parser *p, unsigned depth)
{
	if (p->t.kind != TOK_WORD)
		return expected(p, "a test", NULL);
	return parse_start(p, depth);
}

/* test / "(" test *("," test) ")" */
static struct sieve_node *
parse_tests(struct parser *p, bool *list, unsigned depth)
{
	struct sieve_node *first = NULL, **end = &first;

	if (depth >= p->script->limits.nesting)
		return too_many(p, "tests are nested too deeply",
		    p->script->limits.nesting);
	*list = at_mark(p, '(');
	if (!*list)
		return parse_test(p, depth + 1);
	do {
		next(p);
		*end = parse_test(p, depth + 1);
		if (*end == NULL)
			return NULL;
		end = &(*end)->next;
	} while (at_mark(p, ','));
	if (!at_mark(p, ')'))
		return expected(p, "\",\" or \")\" after a test", NULL);
	next(p);
	return first;
}

/* command = identifier arguments (";" / block) */
static struct sieve_node *
parse_command(struct parser *p, unsigned depth)
{
	struct sieve_node *n;

	if (p->t.kind != TOK_WORD)
		return expected(p, "a command", NULL);
	n = parse_start(p, 0);
	if (n == NULL)
		return NULL;
	if (at_mark(p, ';')) {
		next(p);
		return p->t.kind == TOK_BAD ? NULL : n;
	}
	if (!at_mark(p, '{'))
		return expected(p,
		    n->has_tests ? "a block in \"{\" and \"}\"" : "\";\"", n);
	if (depth >= p->script->limits.nesting)
		return too_many(p, "blocks are nested too deeply",
		    p->script->limits.nesting);
	next(p);
	n->has_block = true;
	n->block = parse_commands(p, depth + 1);
	if (p->errors->n > 0)
		return NULL;
	if (!at_mark(p, '}'))
		return expected(p, "a command or the \"}\" of the block", n);
	next(p);
	return p->t.kind == TOK_BAD ? NULL : n;
}

static struct sieve_node *
parse_commands(struct parser *p, unsigned depth)
{
	struct sieve_node *first = NULL, **end = &first;

	while (p->t.kind != TOK_END && !(depth > 0 && at_mark(p, '}'))) {
		*end = parse_command(p, depth);
		if (*end == NULL)
			break;
		end = &(*end)->next;
	}
	return first;
}

/* Where a byte is that cannot be in a script. */
static void
place(struct sv text, size_t at, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at; i++)
		if (text.p[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
			++*column;
		}
}

static bool
bytes_are_good(struct parser *p, struct sv text)
{
	unsigned line, column;
	struct sv rest = text;
	uint32_t cp;
	size_t nul = sv_chr(text, '\0');

	if (nul < text.n) {
		place(text, nul, &line, &column);
		sieve_error_add(p->errors, line, column,
		    "a NUL byte cannot be in a script");
		return false;
	}
	while (rest.n > 0) {
		size_t at = text.n - rest.n;

		if (utf8_next(&rest, &cp) == RC_OK)
			continue;
		place(text, at, &line, &column);
		sieve_error_add(p->errors, line, column,
		    "this byte is not UTF-8, in which scripts are written");
		return false;
	}
	return true;
}

int
sieve_parse(struct sv text, struct sieve_script *script,
    struct sieve_errors *errors, struct sieve_node **out)
{
	struct parser p = {.script = script, .errors = errors};
	struct sieve_node *first;

	errors->n = 0;
	if (text.n > script->limits.script) {
		sieve_error_add(errors, 0, 0,
		    "the script has %zu bytes; at most %zu are allowed", text.n,
		    script->limits.script);
		return RC_TOOBIG;
	}
	if (!bytes_are_good(&p, text))
		return RC_SYNTAX;
	if (sv_starts(text, SV("\xef\xbb\xbf"))) /* of an editor */
		text = sv_skip(text, 3);
	p.lexer = (struct sieve_lexer){.rest = text,
	    .line = 1,
	    .column = 1,
	    .arena = &script->arena,
	    .errors = errors};
	next(&p);
	first = parse_commands(&p, 0);
	if (errors->n > 0)
		return p.too_big ? RC_TOOBIG : RC_SYNTAX;
	*out = first;
	return RC_OK;
}
