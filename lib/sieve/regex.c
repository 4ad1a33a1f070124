#include "sieve/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <dlfcn.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/ascii.h"

/*
 * The library's own limits are for one place of the text at which a match may
 * begin, and do not count characters that are passed over.  So it is asked to
 * call back before each item of the expression, and what lies between two
 * calls is counted there; what cannot be counted so is refused: long
 * repetitions, which may fail inside of one item, and \X; and so is what would
 * hide a repetition from who looks for it.
 */
#define MATCH_LIMIT 1000000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT  (8 << 10) /* KiB */
#define NEST_LIMIT  100
#define REPEAT_MAX  255 /* RE_DUP_MAX of POSIX */
#define LOOK_EVERY  256 /* items: at the clock */
#define ITEM_WORK   16	/* of one item: nanoseconds, more or less */

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
	__typeof__(pcre2_set_callout_8) *set_callout;
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
	    CALL(set_callout),
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

/* How long "[:alpha:]" is in a class; 0: the "[" is itself. */
static size_t
posix_class(struct sv s)
{
	size_t n = 2;

	if (!sv_starts(s, SV("[:")))
		return 0;
	if (n < s.n && s.p[n] == '^')
		n++;
	while (n < s.n && ascii_is_alpha(s.p[n]))
		n++;
	return sv_starts(sv_skip(s, n), SV(":]")) ? n + 2 : 0;
}

/* Behind "[", with a "]" that comes first. */
static size_t
end_of_class(struct sv p, size_t at)
{
	if (at < p.n && p.p[at] == '^')
		at++;
	for (size_t first = at; at < p.n; at++) {
		size_t n = posix_class(sv_skip(p, at));

		if (n > 0)
			at += n - 1;
		else if (p.p[at] == '\\')
			at++;
		else if (p.p[at] == ']' && at > first)
			break;
	}
	return at;
}

/* The largest number in "{1,200}"; 0: it is not one.  Later versions of the
 * library take blanks in it, too. */
static uint64_t
repetition(struct sv s)
{
	uint64_t n = 0, most = 0;

	if (sv_chr(s, '}') == s.n)
		return 0;
	for (size_t i = 1; i < s.n && s.p[i] != '}'; i++) {
		if (s.p[i] == ',') {
			n = 0;
			continue;
		}
		if (s.p[i] == ' ' || s.p[i] == '\t')
			continue;
		if (!ascii_is_digit(s.p[i]))
			return 0;
		n = n > REPEAT_MAX ? n : 10 * n + (uint64_t)(s.p[i] - '0');
		most = n > most ? n : most;
	}
	return most;
}

/*
 * NULL, or what makes the next characters others than they look like, so that
 * a repetition could hide behind them.  A backslash takes the next character
 * with it, in a class as well, if there is none of these.
 */
static const char *
bad_escape(struct sv p, size_t *at)
{
	for (*at = 0; *at + 1 < p.n; ++*at) {
		if (p.p[*at] != '\\')
			continue;
		switch (p.p[*at + 1]) {
		case 'X':
			return "\\X is not supported";
		case 'Q':
		case 'E':
			return "\\Q and \\E are not supported";
		case 'c':
			return "\\c is not supported";
		default:
			++*at;
		}
	}
	return NULL;
}

/* The same of what begins with "(". */
static const char *
bad_group(struct sv s)
{
	if (sv_starts(s, SV("(*")))
		return "(*...) is not supported";
	if (sv_starts(s, SV("(?#")))
		return "comments are not supported";
	if (sv_starts(s, SV("(?C")))
		return "(?C...) is not supported";
	if (sv_starts(s, SV("(?[")))
		return "(?[...]) is not supported";
	if (!sv_starts(s, SV("(?")))
		return NULL;
	for (size_t i = 2; i < s.n && (ascii_is_alpha(s.p[i]) ||
					  s.p[i] == '^' || s.p[i] == '-');
	     i++)
		if (s.p[i] == 'x')
			return "(?x) is not supported";
	return NULL;
}

/* NULL, or what of it cannot be counted, which begins at *at. */
static const char *
uncountable(struct sv p, size_t *at)
{
	const char *why = bad_escape(p, at);

	if (why != NULL)
		return why;
	for (*at = 0; *at < p.n; ++*at) {
		struct sv rest = sv_skip(p, *at);

		if (sv_starts(rest, SV("\\x{")) ||
		    sv_starts(rest, SV("\\o{"))) {
			/* "\x{2014}" is not a repetition. */
			*at += sv_chr(rest, '}');
		} else if (rest.p[0] == '\\') {
			++*at;
		} else if (rest.p[0] == '[') {
			*at = end_of_class(p, *at + 1);
		} else if (rest.p[0] == '(') {
			why = bad_group(rest);
			if (why != NULL)
				return why;
		} else if (rest.p[0] == '{' && repetition(rest) > REPEAT_MAX) {
			return "nothing can be repeated more than 255 times";
		}
	}
	return NULL;
}

int
sieve_regex_compile(
    struct sv pattern, bool ignore_case, void **out, struct err *err)
{
	const char *why;
	pcre2_compile_context *ctx;
	pcre2_code *code;
	PCRE2_UCHAR text[120];
	PCRE2_SIZE at;
	int r;

	if (sieve_regex_load(err) != RC_OK)
		return RC_NOTFOUND;
	why = uncountable(pattern, &at);
	if (why != NULL)
		return err_set(
		    err, RC_SYNTAX, "%s, at its character %zu", why, at + 1);
	ctx = calls.compile_context_create(NULL);
	must(ctx != NULL);
	(void)calls.set_parens_nest_limit(ctx, NEST_LIMIT);
	code = calls.compile((PCRE2_SPTR)pattern.p, pattern.n,
	    PCRE2_AUTO_CALLOUT | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
		PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL |
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

struct count {
	uint64_t work, max;
	size_t last; /* where the text was looked at */
	struct sieve_regex_time *time;
};

static bool
takes_too_long(struct sieve_regex_time *t)
{
	struct timespec ts;
	uint64_t now;

	if (++t->items % LOOK_EVERY != 0)
		return false;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	if (t->items == LOOK_EVERY)
		t->start = now;
	return now - t->start > t->max;
}

/* Before each item.  A back reference compares what was matched before. */
static int
count_item(pcre2_callout_block *b, void *arg)
{
	struct count *c = arg;
	size_t now = b->current_position;

	c->work += ITEM_WORK + (now > c->last ? now - c->last : c->last - now);
	if (b->capture_top > 1)
		c->work += (now - b->start_match) / 6;
	c->last = now;
	return c->work > c->max || takes_too_long(c->time) ? PCRE2_ERROR_CALLOUT
							   : 0;
}

int
sieve_regex_match(const void *code, struct sv text, uint64_t *work,
    struct sieve_regex_time *time, struct sieve_regex_span *span, size_t max,
    size_t *n_out)
{
	struct count count = {.max = *work, .time = time};

	pcre2_match_context *ctx = calls.match_context_create(NULL);
	pcre2_match_data *data = calls.match_data_create((uint32_t)max, NULL);
	int r;

	must(ctx != NULL && data != NULL);
	(void)calls.set_match_limit(ctx, MATCH_LIMIT);
	(void)calls.set_depth_limit(ctx, DEPTH_LIMIT);
	(void)calls.set_heap_limit(ctx, HEAP_LIMIT);
	(void)calls.set_callout(ctx, count_item, &count);
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
	*work = count.work;
	calls.match_data_free(data);
	calls.match_context_free(ctx);
	return r >= 0			  ? RC_OK
	       : r == PCRE2_ERROR_NOMATCH ? RC_NOTFOUND
					  : RC_TOOBIG;
}
