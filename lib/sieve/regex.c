#include "sieve/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <dlfcn.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>

/* What one match may take; a hundred milliseconds at most. */
#define MATCH_LIMIT 1000000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT  (8 << 10) /* KiB */
#define NEST_LIMIT  100

static struct calls {
	__typeof__(pcre2_compile_8) *compile;
	__typeof__(pcre2_code_free_8) *code_free;
	__typeof__(pcre2_compile_context_create_8) *compile_context_create;
	__typeof__(pcre2_compile_context_free_8) *compile_context_free;
	__typeof__(pcre2_set_parens_nest_limit_8) *set_parens_nest_limit;
	__typeof__(pcre2_match_context_create_8) *match_context_create;
	__typeof__(pcre2_match_context_free_8) *match_context_free;
	__typeof__(pcre2_set_match_limit_8) *set_match_limit;
	__typeof__(pcre2_set_depth_limit_8) *set_depth_limit;
	__typeof__(pcre2_set_heap_limit_8) *set_heap_limit;
	__typeof__(pcre2_match_data_create_8) *match_data_create;
	__typeof__(pcre2_match_data_free_8) *match_data_free;
	__typeof__(pcre2_match_8) *match;
	__typeof__(pcre2_get_ovector_pointer_8) *get_ovector_pointer;
	__typeof__(pcre2_get_ovector_count_8) *get_ovector_count;
	__typeof__(pcre2_get_error_message_8) *get_error_message;
} calls;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

static void
load(void)
{
	static const struct {
		const char *name;
		size_t at;
	} want[] = {
#define CALL(name) {"pcre2_" #name "_8", offsetof(struct calls, name)}
	    CALL(compile),
	    CALL(code_free),
	    CALL(compile_context_create),
	    CALL(compile_context_free),
	    CALL(set_parens_nest_limit),
	    CALL(match_context_create),
	    CALL(match_context_free),
	    CALL(set_match_limit),
	    CALL(set_depth_limit),
	    CALL(set_heap_limit),
	    CALL(match_data_create),
	    CALL(match_data_free),
	    CALL(match),
	    CALL(get_ovector_pointer),
	    CALL(get_ovector_count),
	    CALL(get_error_message),
	};
	void *lib = dlopen("libpcre2-8.so.0", RTLD_LAZY | RTLD_LOCAL);

	if (lib == NULL)
		return;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		void *f = dlsym(lib, want[i].name);

		if (f == NULL)
			return;
		*(void **)((char *)&calls + want[i].at) = f;
	}
	loaded = true;
}

int
sieve_regex_load(struct err *err)
{
	must(pthread_once(&once, load) == 0);
	if (!loaded)
		return err_set(err, RC_NOTFOUND,
		    "regular expressions need the library libpcre2-8.so.0");
	return RC_OK;
}

int
sieve_regex_compile(
    struct sv pattern, bool ignore_case, void **out, struct err *err)
{
	pcre2_compile_context *ctx;
	pcre2_code *code;
	PCRE2_UCHAR text[120];
	PCRE2_SIZE at;
	int r;

	if (sieve_regex_load(err) != RC_OK)
		return RC_NOTFOUND;
	ctx = calls.compile_context_create(NULL);
	must(ctx != NULL);
	(void)calls.set_parens_nest_limit(ctx, NEST_LIMIT);
	code = calls.compile((PCRE2_SPTR)pattern.p, pattern.n,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
		PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL |
		(ignore_case ? PCRE2_CASELESS : 0U),
	    &r, &at, ctx);
	calls.compile_context_free(ctx);
	if (code == NULL) {
		(void)calls.get_error_message(r, text, sizeof text);
		return err_set(err, RC_SYNTAX, "%s, at its character %zu",
		    (const char *)text, at + 1);
	}
	*out = code;
	return RC_OK;
}

void
sieve_regex_free(void *code)
{
	if (code != NULL)
		calls.code_free(code);
}

int
sieve_regex_match(const void *code, struct sv text,
    struct sieve_regex_span *span, size_t max, size_t *n_out)
{
	pcre2_match_context *ctx = calls.match_context_create(NULL);
	pcre2_match_data *data = calls.match_data_create((uint32_t)max, NULL);
	int r;

	must(ctx != NULL && data != NULL);
	(void)calls.set_match_limit(ctx, MATCH_LIMIT);
	(void)calls.set_depth_limit(ctx, DEPTH_LIMIT);
	(void)calls.set_heap_limit(ctx, HEAP_LIMIT);
	r = calls.match(code, (PCRE2_SPTR)(text.p != NULL ? text.p : ""),
	    text.n, 0, PCRE2_NO_JIT, data, ctx);
	if (r >= 0) {
		const PCRE2_SIZE *v = calls.get_ovector_pointer(data);
		size_t n = r > 0 ? (size_t)r : max;

		for (size_t i = 0; i < n; i++)
			span[i] =
			    (struct sieve_regex_span){v[2 * i], v[2 * i + 1]};
		*n_out = n;
	}
	calls.match_data_free(data);
	calls.match_context_free(ctx);
	return r >= 0			  ? RC_OK
	       : r == PCRE2_ERROR_NOMATCH ? RC_NOTFOUND
					  : RC_TOOBIG;
}
