#include "sieve/compile.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "sieve/error.h"
#include "sieve/parse.h"
#include "sieve/regex.h"

int
sieve_compile(struct sv text, const struct sieve_options *options,
    struct sieve_script **out, struct sieve_errors *errors)
{
	struct sieve_script *s = xcalloc(1, sizeof *s);
	int r;

	arena_init(&s->arena);
	s->limits = options->limits;
	s->name = arena_dup(&s->arena, sv_first(options->name, SIEVE_NAME_MAX));
	errors->n = 0;
	if (options->warnings != NULL)
		options->warnings->n = 0;
	r = sieve_parse(text, s, errors, &s->commands);
	if (r == RC_OK) {
		sieve_check_script(s, errors, options->warnings);
		if (errors->n > 0)
			r = RC_SYNTAX;
	}
	if (r == RC_OK)
		*out = s;
	else
		sieve_script_free(&s);
	return r;
}

int
sieve_compile_included(struct sieve_run *r, struct sv text, struct sv name,
    struct sieve_script **out, struct sieve_errors *errors)
{
	struct sieve_options o = {.limits = r->limits, .name = name};

	return sieve_compile(text, &o, out, errors);
}

void
sieve_script_free(struct sieve_script **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < (*s)->nregex; i++)
		sieve_regex_free((*s)->regex[i]);
	free((*s)->regex);
	arena_reset(&(*s)->arena);
	free(*s);
	*s = NULL;
}
