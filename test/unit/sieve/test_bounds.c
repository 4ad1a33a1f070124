/* What must not take long, whatever a script or a message says. */
#include <string.h>

#include "sieve/regex.h"
#include "test/unit/sieve/table.h"
#include "test/unit/unit.h"

static const struct sieve_host nobody = {0};
static struct sieve_errors errors;

static void
repeat(struct buf *b, const char *s, unsigned n)
{
	while (n-- > 0)
		buf_adds(b, s);
}

/* What compiling says: the code, and the first error. */
static int
compile(const struct buf *b, const struct sieve_limits *limits)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_script *s = NULL;
	int r;

	if (limits != NULL)
		o.limits = *limits;
	r = sieve_compile(buf_sv(b), &o, &s, &errors);
	sieve_script_free(&s);
	return r;
}

static void
run(const char *text, struct sv message, const struct sieve_limits *limits,
    struct sieve_result *out)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_message m = {.bytes = message, .spam = -1};
	struct sieve_script *s;

	if (limits != NULL)
		o.limits = *limits;
	ck_assert_int_eq(sieve_compile(sv_str(text), &o, &s, &errors), RC_OK);
	ck_assert_int_eq(sieve_run(&s, 1, &m, &nobody, NULL, out), RC_OK);
	sieve_script_free(&s);
}

static void
check_nesting(
    const char *open, const char *mid, const char *close, unsigned n, int want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	repeat(&b, open, n);
	buf_adds(&b, mid);
	repeat(&b, close, n);
	ck_assert_msg(compile(&b, NULL) == want, "%s %u: %s", open, n,
	    errors.n > 0 ? errors.e[0].text : "no error");
	buf_fini(&b);
}

START_TEST(sieve__nests_as_deep_as_it_must_and_no_deeper)
{
	/* [RFC 5228 2.10.7] */
	check_nesting("if true {", "keep;", "}", 15, RC_OK);
	check_nesting("if true {", "keep;", "}", 32, RC_OK);
	check_nesting("if true {", "keep;", "}", 33, RC_TOOBIG);
	check_nesting("if true {", "keep;", "}", 6000, RC_TOOBIG);
	check_nesting("if true{", "", "", 8000, RC_TOOBIG);
	check_nesting("k{", "", "", 10000, RC_TOOBIG);
	check_nesting("if anyof (", "true", "){}", 1, RC_OK);
	check_nesting("not ", "true", "", 10000, RC_TOOBIG);
	check_nesting("{", "", "", 10000, RC_SYNTAX);
	/* Loops in loops, as deep as blocks may be. */
	check_nesting(
	    "require \"foreverypart\"; foreverypart {", "keep;", "}", 1, RC_OK);
	check_nesting("foreverypart {", "break;", "}", 32, RC_SYNTAX);
	check_nesting("foreverypart :name \"a\" {", "break :name \"a\";", "}",
	    32, RC_SYNTAX);
	check_nesting("foreverypart {", "", "", 9, RC_SYNTAX);
	check_nesting("/*", "", "", 10000, RC_SYNTAX);
	check_nesting("[", "", "", 10000, RC_SYNTAX);
}
END_TEST

static void
check_tests(unsigned n, int want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, "if ");
	repeat(&b, "anyof(", n);
	buf_adds(&b, "true");
	repeat(&b, ")", n);
	buf_adds(&b, "{}");
	ck_assert_int_eq(compile(&b, NULL), want);
	buf_reset(&b);
	buf_adds(&b, "if ");
	repeat(&b, "not ", n);
	buf_adds(&b, "true {}");
	ck_assert_int_eq(compile(&b, NULL), want);
	buf_fini(&b);
}

START_TEST(sieve__nests_tests_as_deep_as_it_must_and_no_deeper)
{
	check_tests(15, RC_OK);
	check_tests(31, RC_OK);
	check_tests(32, RC_TOOBIG);
	check_tests(9000, RC_TOOBIG);
}
END_TEST

START_TEST(sieve__takes_scripts_up_to_the_limit)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	repeat(&b, "#\n", (64 << 10) / 2);
	ck_assert_int_eq(compile(&b, NULL), RC_OK);
	buf_adds(&b, "#");
	ck_assert_int_eq(compile(&b, NULL), RC_TOOBIG);
	ck_assert_uint_eq(errors.e[0].line, 0);
	buf_reset(&b);
	repeat(&b, "keep;", 10000);
	ck_assert_int_eq(compile(&b, NULL), RC_OK);
	buf_adds(&b, "keep;");
	ck_assert_int_eq(compile(&b, NULL), RC_TOOBIG);
	buf_reset(&b);
	/* Each text is as long as it is, not as the rest. */
	repeat(&b, "k text:\n.\n;", 5900);
	ck_assert_int_eq(compile(&b, NULL), RC_SYNTAX);
	ck_assert_uint_eq(errors.n, 5900);
	buf_fini(&b);
}
END_TEST

START_TEST(sieve__takes_lists_up_to_the_limit)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, "if header \"a\" [\"\"");
	repeat(&b, ",\"\"", 4999);
	buf_adds(&b, "] {}");
	ck_assert_int_eq(compile(&b, NULL), RC_OK);
	buf_reset(&b);
	buf_adds(&b, "if header \"a\" [\"\"");
	repeat(&b, ",\"\"", 5000);
	buf_adds(&b, "] {}");
	ck_assert_int_eq(compile(&b, NULL), RC_TOOBIG);
	buf_fini(&b);
}
END_TEST

static void
check_regex(const char *piece, unsigned n, int want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, "require \"regex\"; if header :regex \"a\" \"");
	repeat(&b, piece, n);
	buf_adds(&b, "\" {}");
	ck_assert_msg(compile(&b, NULL) == want, "%s %u", piece, n);
	buf_fini(&b);
}

START_TEST(sieve__takes_regular_expressions_up_to_the_limit)
{
	ck_assert_int_eq(sieve_regex_load(NULL), RC_OK);
	check_regex("a", 2048, RC_OK);
	check_regex("a", 2049, RC_SYNTAX);
	check_regex("a", 65000, RC_SYNTAX);
	check_regex("(", 100, RC_SYNTAX);
	check_regex("(a{1,99}){1,99}", 100, RC_SYNTAX);
	check_regex("a{255}b{0,255}c{,30}[{300}\\\\]]", 1, RC_OK);
	check_regex("\\\\x{2014}\\\\{300}[[:alpha:]{300}]", 1, RC_OK);
	check_regex("a{256}", 1, RC_SYNTAX);
	check_regex("a{1,256}", 1, RC_SYNTAX);
	check_regex("a{300,}", 1, RC_SYNTAX);
	check_regex("[]a]{300}", 1, RC_SYNTAX);
	check_regex("\\\\X", 1, RC_SYNTAX);
}
END_TEST

START_TEST(sieve__finds_each_repetition)
{
	static const char *const bad[] = {"\\d{1000}", "\\w{60000}",
	    "\\D{60000}", "\\N{60000}", "\\R{300}", "\\h{1,300}",
	    "\\p{Lu}{300}", "\\pL{300}", "\\x{61}{300}", "\\x61{300}",
	    "\\o{141}{300}", "\\N{U+61}{300}", "(a)\\g{1}{300}", "(a)\\g1{300}",
	    "(?<n>a)\\k{n}{300}", "(a)\\1{300}", "\\Q[\\Ea{60000}",
	    "\\Qa\\E{60000}", "[\\E][]a{60000}", "[\\Q\\E][]a{60000}",
	    "\\c[a{60000}]", "[\\c][]a{60000}", "(?#[)a{60000}",
	    "[[:x]a{60000}", "[[.x]a{60000}", "[[=x]a{60000}",
	    "[[:x[:]a{60000}", "[[:alpha:]]a{60000}", "[^]]a{300}",
	    "(?x)#[\na{60000}", "(?i-sx:a)", "(?xx)[ ][]a{60000}",
	    "(?^x)#[\na{300}", "(?x) a {300}", "(?C'[')a{60000}",
	    "(*MARK:[)a{60000}", "(*:[)a{60000}", "(*UTF)a", "a{,300}",
	    "a{ 1, 300 }", "a{0300}", "(?:ab){300}", "(?[[a]])"};
	static const char *const good[] = {"\\d{4}-\\w{2,255}", "\\x{2014}",
	    "\\x{2014}{3}", "\\o{400}", "\\N{U+2014}", "\\p{Lu}{3}", "\\\\Q",
	    "\\\\{3}", "[(*#]", "a#b", "[[:alpha:]{300}]", "[[:x]",
	    "[[:^digit:]]{3}", "[[:a:b]", "(?<x>a)(?P=x)(?&x)", "(?i)a(?-i:b)",
	    "[]{300}]", "[\\]{300}]", "\\{300}"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err err;
		void *code = NULL;
		int r = sieve_regex_compile(sv_str(bad[i]), true, &code, &err);

		sieve_regex_free(code);
		ck_assert_msg(r == RC_SYNTAX, "%s", bad[i]);
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct err err;
		void *code = NULL;
		int r = sieve_regex_compile(sv_str(good[i]), true, &code, &err);

		sieve_regex_free(code);
		ck_assert_msg(r == RC_OK, "%s: %s", good[i], err.text);
	}
}
END_TEST

START_TEST(sieve__says_where_a_byte_cannot_be)
{
	static const struct {
		const char *text;
		size_t n;
		unsigned line, column;
	} rows[] = {
	    {"keep;\n keep\0;", 13, 2, 6},
	    {"keep; # \xff", 9, 1, 9},
	    {"# \xc3\xa4\r\n\"\xc3\"", 9, 2, 2},
	    {"keep \x01;", 7, 1, 6},
	    {"keep;\rkeep;", 11, 1, 6},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
		struct sieve_script *s;

		ck_assert_int_eq(sieve_compile(sv_of(rows[i].text, rows[i].n),
				     &o, &s, &errors),
		    RC_SYNTAX);
		ck_assert_uint_eq(errors.e[0].line, rows[i].line);
		ck_assert_uint_eq(errors.e[0].column, rows[i].column);
	}
}
END_TEST

START_TEST(sieve__prints_errors_with_their_place)
{
	struct sieve_errors e = {
	    .n = 2, .e = {{3, 7, "what"}, {0, 0, "too large"}}};
	struct buf b;

	buf_init(&b, 1000);
	sieve_errors_print(&e, "main", &b);
	ck_assert_str_eq(b.p, "main:3:7: what\nmain: too large\n");
	buf_reset(&b);
	sieve_errors_print(&e, NULL, &b);
	ck_assert_str_eq(b.p, "line 3, column 7: what\ntoo large\n");
	buf_fini(&b);
}
END_TEST

START_TEST(sieve__ends_after_so_many_steps)
{
	struct sieve_limits l = SIEVE_LIMITS_DEFAULT;
	struct sieve_result r;

	l.steps = 3;
	run("if true { keep; }", SV("A: b\n\n"), &l, &r);
	ck_assert(!r.failed);
	ck_assert_uint_eq(r.steps, 3);
	sieve_result_fini(&r);
	run("if true { keep; discard; }", SV("A: b\n\n"), &l, &r);
	ck_assert(r.failed);
	ck_assert_str_eq(r.error.text,
	    "the script takes too many steps; at most 3 are allowed");
	ck_assert_uint_eq(r.n, 1);
	ck_assert(r.action[0].implicit);
	sieve_result_fini(&r);
}
END_TEST

/* Each level includes the next one twice: "a" to "z". */
static int
include_twice(
    void *arg, enum sieve_include where, struct sv name, struct buf *out)
{
	(void)arg;
	(void)where;
	buf_addf(out,
	    "require \"include\"; include \"%c\"; include \"%c\"; "
	    "include \"%c\"; include \"%c\";",
	    name.p[0] + 1, name.p[0] + 1, name.p[0] + 1, name.p[0] + 1);
	return RC_OK;
}

/* The same, but the last level has nothing. */
static int
include_bomb(
    void *arg, enum sieve_include where, struct sv name, struct buf *out)
{
	if (name.p[0] == 'i')
		return RC_OK;
	return include_twice(arg, where, name, out);
}

START_TEST(sieve__includes_only_so_deep_and_so_often)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_host host = {.include = include_twice};
	struct sieve_message m = {.bytes = SV("A: b\n\n")};
	struct sieve_script *s;
	struct sieve_result r;

	ck_assert_int_eq(
	    sieve_compile(
		SV("require \"include\"; include \"a\";"), &o, &s, &errors),
	    RC_OK);
	ck_assert_int_eq(sieve_run(&s, 1, &m, &host, NULL, &r), RC_OK);
	ck_assert(r.failed);
	ck_assert_ptr_nonnull(strstr(r.error.text, "included too deeply"));
	sieve_result_fini(&r);
	host.include = include_bomb;
	ck_assert_int_eq(sieve_run(&s, 1, &m, &host, NULL, &r), RC_OK);
	ck_assert(r.failed);
	ck_assert_ptr_nonnull(strstr(r.error.text, "too many steps"));
	sieve_result_fini(&r);
	sieve_script_free(&s);
}
END_TEST

/* 64 KiB of what takes long to compile. */
static int
include_expressions(
    void *arg, enum sieve_include where, struct sv name, struct buf *out)
{
	(void)arg;
	(void)where;
	(void)name;
	buf_adds(
	    out, "require [\"regex\", \"include\"]; if header :regex \"a\" [");
	repeat(out, "\"(b{200}){100}\",", 3900);
	buf_adds(out, "\"\"] {}");
	return RC_OK;
}

START_TEST(sieve__compiles_only_so_much_in_a_run)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_host host = {.include = include_expressions};
	struct sieve_message m = {.bytes = SV("A: b\n\n")};
	struct sieve_script *s;
	struct sieve_result r;

	ck_assert_int_eq(sieve_compile(SV("require \"include\"; include \"a\";"
					  "include \"b\"; include \"c\";"),
			     &o, &s, &errors),
	    RC_OK);
	ck_assert_int_eq(sieve_run(&s, 1, &m, &host, NULL, &r), RC_OK);
	ck_assert(r.failed);
	ck_assert_ptr_nonnull(strstr(r.error.text, "too long"));
	sieve_result_fini(&r);
	sieve_script_free(&s);
}
END_TEST

START_TEST(sieve__looks_at_a_message_only_so_often)
{
	struct sieve_limits l = SIEVE_LIMITS_DEFAULT;
	struct sieve_result r;
	struct buf b;

	l.work = 100000;
	l.work_per_byte = 0;
	buf_init(&b, 4 << 20);
	buf_adds(&b, "Subject: ");
	repeat(&b, "a", 100000);
	buf_adds(&b, "\n\n");
	run("if header :contains \"subject\" \"b\" { discard; }", buf_sv(&b),
	    &l, &r);
	ck_assert(r.failed);
	sieve_result_fini(&r);
	/* Exponential elsewhere; here quadratic at most, and counted. */
	l.work = 20000000;
	run("if header :matches \"subject\" "
	    "\"*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*a*a*a*a*a*a*a*a*b\" "
	    "{ discard; }",
	    buf_sv(&b), &l, &r);
	sieve_result_fini(&r);
	/* Parts of parts, each asked in a loop. */
	buf_reset(&b);
	buf_adds(&b, "Content-Type: multipart/mixed; boundary=b\n\n");
	repeat(&b, "--b\n\nx\n", 1900);
	run("require [\"foreverypart\", \"mime\"]; foreverypart { if header "
	    ":mime :anychild \"x\" \"y\" { } if exists :mime \"z\" { } "
	    "if exists :mime \"z\" { } if exists :mime \"z\" { } }",
	    buf_sv(&b), NULL, &r);
	ck_assert(r.failed);
	sieve_result_fini(&r);
	buf_fini(&b);
}
END_TEST

/* How long a run takes is counted, whatever the script does: one that takes
 * minutes elsewhere ends, one of a hundred rules does not. */
START_TEST(sieve__takes_only_so_long)
{
	static const struct {
		const char *command; /* as often as there is room */
		bool fails;
	} rows[] = {
	    {"if header :regex \"subject\" \"a*a*[bc]\" {}", true},
	    {"if header :regex \"subject\" \"a+[bc]\" {}", true},
	    {"if header :regex \"subject\" \"(a*)*b\" {}", true},
	    {"if header :regex \"subject\" \"(a|a?)+$\" {}", true},
	    {"if header :regex \"subject\" \"(a+)\\\\1[bc]\" {}", true},
	    {"if header :regex \"subject\" \".*.*.*=.*\" {}", true},
	    {"if header :regex \"subject\" \"a{255}[cd]\" {}", true},
	    {"if header :matches \"subject\" \"*aaaaaaaaaaaaaaaaab*\" {}",
		true},
	    {"if header :contains \"subject\" \"aaaaaaaaab\" {}", true},
	    {"if header \"subject\" \"\" {}", true},
	    {"if body :contains \"zzz\" {}", true},
	    {"set \"a\" \"a${a}${a}\";", false},
	    {"set :upper :quoteregex \"a\" \"a${a}${a}\";", true},
	    {"stop /* and no more */;", false},
	};
	struct sieve_result r;
	struct buf m, text;

	buf_init(&m, 1 << 20);
	buf_init(&text, 64 << 10);
	buf_adds(&m, "Subject: ");
	repeat(&m, "a", 100000);
	buf_adds(&m, "\n\n");
	repeat(&m, "aaaaaaaaa\n", 10000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = strlen(rows[i].command);

		buf_reset(&text);
		buf_adds(
		    &text, "require [\"regex\", \"variables\", \"body\"];");
		while (text.n + n < 60000)
			buf_adds(&text, rows[i].command);
		run(text.p, buf_sv(&m), NULL, &r);
		ck_assert_msg(r.failed == rows[i].fails, "%s: %s",
		    rows[i].command, r.failed ? r.error.text : "no error");
		sieve_result_fini(&r);
	}
	buf_reset(&m);
	buf_adds(&m, "Subject: Re: my list\nTo: anna@example.org\n\n");
	repeat(&m, "What is written in letters.\n", 100000 / 28);
	buf_reset(&text);
	buf_adds(&text, "require [\"body\", \"regex\"];");
	for (unsigned i = 0; i < 50; i++)
		buf_adds(&text,
		    "if body :contains [\"viagra\", \"casino\"] { discard; }"
		    "if header :regex \"subject\" \"^(re|fwd): .*list\" {}"
		    "if header :contains [\"to\", \"cc\"] \"x@y\" {}");
	run(text.p, buf_sv(&m), NULL, &r);
	ck_assert_msg(!r.failed, "%s", r.error.text);
	sieve_result_fini(&r);
	/* As many rules as there is room for, and a long header. */
	buf_reset(&m);
	for (unsigned i = 0; i < 100; i++)
		buf_addf(&m, "X-Field-%u: %0200u\n", i, i);
	buf_adds(&m, "From: x@example.net\nSubject: s\n\nbody\n");
	buf_reset(&text);
	buf_adds(&text, "require \"fileinto\";");
	for (unsigned i = 0; i < 700; i++)
		buf_addf(&text,
		    "if address :is \"from\" \"list%u@example.net\" "
		    "{ fileinto \"Lists/%u\"; }\n",
		    i, i);
	run(text.p, buf_sv(&m), NULL, &r);
	ck_assert_msg(!r.failed, "%s", r.error.text);
	sieve_result_fini(&r);
	buf_fini(&text);
	buf_fini(&m);
}
END_TEST

/* The clock ends what counting does not. */
START_TEST(sieve__looks_at_the_clock)
{
	struct sieve_regex_time t = {.max = UINT64_MAX};
	uint64_t work = UINT64_MAX;
	struct sieve_regex_span span;
	struct err err;
	struct buf b;
	void *code;
	size_t n;

	buf_init(&b, 1 << 20);
	repeat(&b, "a", 1000);
	ck_assert_int_eq(
	    sieve_regex_compile(SV("a+[bc]"), true, &code, &err), RC_OK);
	ck_assert_int_eq(
	    sieve_regex_match(code, buf_sv(&b), &work, &t, &span, 1, &n),
	    RC_NOTFOUND);
	ck_assert_uint_gt(t.items, 1000);
	t = (struct sieve_regex_time){.max = 0};
	work = UINT64_MAX;
	ck_assert_int_eq(
	    sieve_regex_match(code, buf_sv(&b), &work, &t, &span, 1, &n),
	    RC_TOOBIG);
	sieve_regex_free(code);
	buf_fini(&b);
}
END_TEST

START_TEST(sieve__changes_a_message_only_so_often)
{
	struct sieve_result r;
	struct buf b, text;

	buf_init(&b, 4 << 20);
	buf_init(&text, 64 << 10);
	buf_adds(&b, "Subject: ");
	repeat(&b, "a", 1000000);
	buf_adds(&b, "\n\n");
	buf_adds(&text, "require [\"editheader\", \"fileinto\"];");
	for (unsigned i = 0; i < 30; i++)
		buf_addf(&text, "addheader \"X\" \"y\"; fileinto \"%u\";", i);
	run(text.p, buf_sv(&b), NULL, &r);
	ck_assert(r.failed);
	ck_assert_uint_eq(r.n, 1);
	sieve_result_fini(&r);
	buf_reset(&text);
	buf_adds(&text, "require \"fileinto\";");
	for (unsigned i = 0; i < 33; i++)
		buf_addf(&text, "fileinto \"%u\";", i);
	run(text.p, SV("A: b\n\n"), NULL, &r);
	ck_assert(r.failed);
	ck_assert_ptr_nonnull(strstr(r.error.text, "too many actions"));
	sieve_result_fini(&r);
	buf_fini(&text);
	buf_fini(&b);
}
END_TEST

/* Whatever the bytes are, there is an answer: the message is nothing, has no
 * header, no body, or neither. */
START_TEST(sieve__decides_about_messages_of_all_kinds)
{
	static const struct sv all[] = {SV(""), SV("\n"), SV("x"), SV("\r\n"),
	    SV("A: b"), SV("A: b\n"), SV("\n\n\n"), SV(" x\nA: b\n\n"),
	    SV("From x\nA: b\n\nc"), SV(":\n:\n")};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct sieve_result r;

		run("require [\"body\", \"editheader\", \"foreverypart\", "
		    "\"mime\", \"replace\", \"enclose\", \"fileinto\"];"
		    "if body :raw :contains \"\" { fileinto \"raw\"; }"
		    "addheader \"X\" \"y\"; fileinto \"edited\";"
		    "foreverypart { replace \"x\"; } fileinto \"replaced\";"
		    "enclose \"y\"; fileinto \"enclosed\"; keep;",
		    all[i], NULL, &r);
		ck_assert_msg(!r.failed, "%zu: %s", i, r.error.text);
		ck_assert_uint_ge(r.n, 4);
		sieve_result_fini(&r);
	}
}
END_TEST

/* Scripts of editors have LF alone, or a mark of UTF-8 in front; strings are
 * the same as with CRLF. */
START_TEST(sieve__reads_lines_that_end_with_lf)
{
	static const char *const texts[] = {
	    "require \"reject\"; reject text:\na\n..b\n.\n;\n",
	    "require \"reject\"; reject text: # x\r\na\r\n.b\r\n.\r\n;\r\n",
	    "require \"reject\"; reject \"a\n.b\n\";",
	    "\xef\xbb\xbfrequire \"reject\"; # x\n reject \"a\r\n.b\r\n\"; # y",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
		struct sieve_message m = {.bytes = SV("A: b\n\n"),
		    .has_envelope = true,
		    .from = SV("bob@example.net"),
		    .to = SV("anna@example.org")};
		struct sieve_script *s;
		struct sieve_result r;

		ck_assert_int_eq(
		    sieve_compile(sv_str(texts[i]), &o, &s, &errors), RC_OK);
		ck_assert_int_eq(
		    sieve_run(&s, 1, &m, &nobody, NULL, &r), RC_OK);
		ck_assert_uint_eq(r.n, 1);
		ck_assert(sv_eq(r.action[0].reason, SV("a\r\n.b\r\n")));
		sieve_result_fini(&r);
		sieve_script_free(&s);
	}
}
END_TEST

/* A header without end is not compared with each of :addresses for nothing. */
START_TEST(sieve__counts_addresses)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_message m = {
	    .has_envelope = true, .from = SV("x@far.test"), .spam = -1};
	struct sieve_result r;
	struct sieve_script *s;
	struct buf b, text;

	buf_init(&text, 1 << 20);
	buf_adds(&text, "require \"vacation\"; vacation :addresses [\"a@b.c\"");
	repeat(&text, ",\"a@b.c\"", 4000);
	buf_adds(&text, "] \"away\";");
	buf_init(&b, 32 << 20);
	buf_adds(&b, "From: x@far.test\r\nTo: d@e.f");
	repeat(&b, ",d@e.f", 200000);
	buf_adds(&b, "\r\n\r\nx\r\n");
	m.bytes = buf_sv(&b);
	ck_assert_int_eq(sieve_compile(buf_sv(&text), &o, &s, &errors), RC_OK);
	ck_assert_int_eq(sieve_run(&s, 1, &m, &nobody, NULL, &r), RC_OK);
	ck_assert(r.failed);
	ck_assert_str_eq(
	    r.error.text, "the script takes too long for this message");
	sieve_result_fini(&r);
	sieve_script_free(&s);
	buf_fini(&b);
	buf_fini(&text);
}
END_TEST

UNIT_TESTS(bounds)
{
	TCase *t = tcase_create("bounds");

	tcase_add_test(t, sieve__nests_as_deep_as_it_must_and_no_deeper);
	tcase_add_test(t, sieve__nests_tests_as_deep_as_it_must_and_no_deeper);
	tcase_add_test(t, sieve__takes_scripts_up_to_the_limit);
	tcase_add_test(t, sieve__takes_lists_up_to_the_limit);
	tcase_add_test(t, sieve__takes_regular_expressions_up_to_the_limit);
	tcase_add_test(t, sieve__finds_each_repetition);
	tcase_add_test(t, sieve__says_where_a_byte_cannot_be);
	tcase_add_test(t, sieve__reads_lines_that_end_with_lf);
	tcase_add_test(t, sieve__prints_errors_with_their_place);
	tcase_add_test(t, sieve__ends_after_so_many_steps);
	tcase_add_test(t, sieve__includes_only_so_deep_and_so_often);
	tcase_add_test(t, sieve__looks_at_a_message_only_so_often);
	tcase_add_test(t, sieve__compiles_only_so_much_in_a_run);
	tcase_add_test(t, sieve__takes_only_so_long);
	tcase_add_test(t, sieve__looks_at_the_clock);
	tcase_add_test(t, sieve__changes_a_message_only_so_often);
	tcase_add_test(t, sieve__decides_about_messages_of_all_kinds);
	tcase_add_test(t, sieve__counts_addresses);
	return t;
}
