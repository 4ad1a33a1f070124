/* Several scripts, one after another, for one message. */
#include <string.h>

#include "test/unit/sieve/table.h"
#include "test/unit/unit.h"

static const struct {
	const char *name, *first, *second, *want;
	bool failed;
} rows[] = {
    {"none", "", "", "implicit keep\n", false},
    {"what the first files does not come to the second",
	"require \"fileinto\"; fileinto \"A\";", "discard;", "fileinto \"A\"\n",
	false},
    {"what it keeps neither", "keep;", "discard;", "keep\n", false},
    {"what it discards neither", "discard;", "keep;", "", false},
    {"what it leaves does", "stop;", "discard;", "", false},
    {"a copy is no end",
	"require [\"fileinto\", \"copy\"]; fileinto :copy \"A\";",
	"require \"fileinto\"; fileinto \"B\";",
	"fileinto \"A\"\nfileinto \"B\"\n", false},
    {"flags go on", "require \"imap4flags\"; addflag \"x\";",
	"require \"fileinto\"; fileinto \"B\";", "fileinto \"B\" flags x\n",
	false},
    {"variables do not", "require \"variables\"; set \"a\" \"x\";",
	"require [\"variables\", \"fileinto\"]; fileinto \"y${a}\";",
	"fileinto \"y\"\n", false},
    {"one answer is enough", "require \"vacation\"; vacation \"away\";",
	"require \"vacation\"; vacation \"gone\";",
	"vacation to \"bob@example.net\"\nimplicit keep\n", false},
    {"a failure takes its own back",
	"require [\"vacation\", \"imap4flags\"]; vacation \"away\";",
	"require [\"copy\", \"fileinto\"]; redirect :copy \"a@example.com\"; "
	"fileinto \"missing\";",
	"vacation to \"bob@example.net\"\nimplicit keep\n", true},
    {"and leaves the flags of those before it",
	"require \"imap4flags\"; addflag \"x\";",
	"require [\"imap4flags\", \"fileinto\"]; setflag \"y\"; "
	"fileinto \"missing\";",
	"implicit keep flags x\n", true},
    {"and what they have made of the message",
	"require \"editheader\"; addheader \"X-One\" \"1\";",
	"require [\"editheader\", \"fileinto\"]; "
	"addheader \"X-Two\" \"2\"; fileinto \"missing\";",
	"implicit keep changed\n", true},
    {"a failure of the first is the end",
	"require \"fileinto\"; fileinto \"missing\";", "discard;",
	"implicit keep\n", true},
    {"redirects are counted together",
	"require \"copy\"; redirect :copy \"a@example.com\"; "
	"redirect :copy \"b@example.com\"; redirect :copy \"c@example.com\";",
	"redirect \"d@example.com\"; redirect \"e@example.com\";",
	"redirect \"a@example.com\"\nredirect \"b@example.com\"\n"
	"redirect \"c@example.com\"\nimplicit keep\n",
	true},
};

static const struct sv message =
    SV("From: bob@example.net\nTo: anna@example.org\n\nHello\n");

static struct sieve_script *
compile(const char *text)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	static struct sieve_errors errors;
	struct sieve_script *s;

	ck_assert_int_eq(sieve_compile(sv_str(text), &o, &s, &errors), RC_OK);
	return s;
}

static void
run(struct sieve_script **s, size_t n, struct buf *out, bool *failed)
{
	struct table t = {0};
	struct table_row row = {.now = 1796040000};
	struct table_context c = {&t, &row};
	struct sieve_message m = {.bytes = message,
	    .has_envelope = true,
	    .from = SV("bob@example.net"),
	    .to = SV("anna@example.org"),
	    .spam = -1};
	struct sieve_result r;

	buf_init(&t.trace, 1 << 20);
	ck_assert_int_eq(sieve_run(s, n, &m, &table_host, &c, &r), RC_OK);
	for (size_t i = 0; i < r.n; i++) {
		sieve_action_print(&r.action[i], out);
		buf_addc(out, '\n');
	}
	*failed = r.failed;
	sieve_result_fini(&r);
	buf_fini(&t.trace);
}

START_TEST(sieve__runs_scripts_one_after_another)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sieve_script *s[2] = {
		    compile(rows[i].first), compile(rows[i].second)};
		struct buf b;
		bool failed;

		buf_init(&b, 1 << 16);
		run(s, 2, &b, &failed);
		ck_assert_msg(
		    strcmp(b.p, rows[i].want) == 0 && failed == rows[i].failed,
		    "%s: got %s", rows[i].name, b.p);
		buf_fini(&b);
		sieve_script_free(&s[0]);
		sieve_script_free(&s[1]);
	}
}
END_TEST

START_TEST(sieve__keeps_without_a_script)
{
	struct buf b;
	bool failed;

	buf_init(&b, 1 << 16);
	run(NULL, 0, &b, &failed);
	ck_assert_str_eq(b.p, "implicit keep\n");
	ck_assert(!failed);
	buf_fini(&b);
}
END_TEST

START_TEST(sieve__lists_its_extensions)
{
	struct sv all = sv_str(sieve_extensions()), before = SV("");
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	static struct sieve_errors errors;
	unsigned n = 0;

	while (all.n > 0) {
		struct sv one = sv_split(&all, ' ');
		struct sieve_script *s;
		struct buf b;

		ck_assert(sv_cmp(before, one) < 0);
		buf_init(&b, 1000);
		buf_addf(&b, "require \"%.*s\";", SV_ARG(one));
		ck_assert_int_eq(
		    sieve_compile(buf_sv(&b), &o, &s, &errors), RC_OK);
		sieve_script_free(&s);
		buf_fini(&b);
		before = one;
		n++;
	}
	ck_assert_uint_eq(n, 40);
	ck_assert_str_eq(sieve_notify_methods(), "mailto");
}
END_TEST

UNIT_TESTS(chain)
{
	TCase *t = tcase_create("chain");

	tcase_add_test(t, sieve__runs_scripts_one_after_another);
	tcase_add_test(t, sieve__keeps_without_a_script);
	tcase_add_test(t, sieve__lists_its_extensions);
	return t;
}
