#include <check.h>
#include <stdlib.h>

#include "mail/addrlist.h"
#include "test/unit/unit.h"

/* "name|route|local|domain" with "-" for what is not there, "!" for broken
 * ones, "[name" and "]" for groups; separated by "; ". */
static void
render(struct sv value, struct buf *out)
{
	struct mail_addrlist l;
	struct mail_addr a;

	mail_addrlist_init(&l, value);
	while (mail_addrlist_next(&l, &a)) {
		const struct sv part[] = {a.name, a.route, a.local, a.domain};
		size_t i;

		if (out->n > 0)
			buf_adds(out, "; ");
		if (a.kind == MAIL_ADDR_GROUP_END)
			buf_addc(out, ']');
		if (a.kind == MAIL_ADDR_GROUP) {
			buf_addc(out, '[');
			buf_addsv(out, a.name);
		}
		if (a.kind != MAIL_ADDR_MAILBOX)
			continue;
		if (a.broken)
			buf_addc(out, '!');
		for (i = 0; i < 4; i++) {
			if (i > 0)
				buf_addc(out, '|');
			buf_addsv(out, part[i].p != NULL ? part[i] : SV("-"));
		}
	}
	mail_addrlist_fini(&l);
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"plain", "anna@example.org", "-|-|anna|example.org"},
    {"angle", "<anna@example.org>", "-|-|anna|example.org"},
    {"named", "Anna A <anna@example.org>", "Anna A|-|anna|example.org"},
    {"initial", "Anna B. C <anna@example.org>", "Anna B. C|-|anna|example.org"},
    {"quoted", "\"Anna, A\" <anna@example.org>", "Anna, A|-|anna|example.org"},
    {"escapes", "\"a\\\"b\\\\c\" <a@b>", "a\"b\\c|-|a|b"},
    {"comment is a name", "anna@example.org (Anna)", "Anna|-|anna|example.org"},
    {"nested comment", "anna@example.org (A (b) \\) c)",
	"A (b) ) c|-|anna|example.org"},
    {"comments everywhere", "(x) anna(y)@(z)example(.).org (last)",
	"last|-|anna|example.org"},
    {"two", "a@b, C <c@d>", "-|-|a|b; C|-|c|d"},
    {"empty elements", ", a@b,, ,c@d,", "-|-|a|b; -|-|c|d"},
    {"folded", "Anna\r\n A <anna@example.org>,\r\n\tben@example.org",
	"Anna A|-|anna|example.org; -|-|ben|example.org"},
    {"obs domain", "jdoe@test   . example", "-|-|jdoe|test.example"},
    {"route", "Mary <@machine.tld:mary@example.net>",
	"Mary|@machine.tld|mary|example.net"},
    {"long route", "<@a,@b.c:m@example.net>", "-|@a,@b.c|m|example.net"},
    {"quoted local", "\"a b\"@example.org", "-|-|a b|example.org"},
    {"literal", "a@[192.0.2.1]", "-|-|a|[192.0.2.1]"},
    {"group", "Friends: a@b, C <c@d>;", "[Friends; -|-|a|b; C|-|c|d; ]"},
    {"empty group", "undisclosed-recipients:;", "[undisclosed-recipients; ]"},
    {"group not closed", "g: a@b", "[g; -|-|a|b; ]"},
    {"groups", "g: a@b; h: c@d;, e@f",
	"[g; -|-|a|b; ]; [h; -|-|c|d; ]; -|-|e|f"},
    {"utf-8", "J\xc3\xb6rg <j@b>", "J\xc3\xb6rg|-|j|b"},
    {"encoded word stays", "=?utf-8?q?J=C3=B6rg?= <j@b>",
	"=?utf-8?q?J=C3=B6rg?=|-|j|b"},
    {"null", "<>", "!-|-|-|-"},
    {"no domain", "anna", "!-|-|anna|-"},
    {"words only", "Anna A", "!Anna A|-|-|-"},
    {"angle not closed", "Anna <anna@example.org", "!Anna|-|anna|example.org"},
    {"goes on behind a bad one", "a b c <x@y z>, ok@example.org",
	"!a b c|-|x|y; -|-|ok|example.org"},
    {"at sign in name", "a@b <c@d>, e@f", "!-|-|a|b; -|-|e|f"},
    {"quote not closed", "\"Anna <a@b>, c@d", "!-|-|Anna <a@b>, c@d|-"},
    {"comment not closed", "a@b (c <d@e>", "c <d@e>|-|a|b"},
    {"quoted and bare", "\"x\"y@z", "!x y|-|-|-"},
    {"empty name", "\"\" <a@b>", "|-|a|b"},
    {"trailing dot", "a@b., c@d", "-|-|a|b.; -|-|c|d"},
    {"nothing", " (only a comment) ", ""},
    {"semicolon alone", "a@b; c@d", "!-|-|a|b"},
};

START_TEST(mail_addrlist__reads_each_row)
{
	struct buf got;

	buf_init(&got, 4096);
	render(sv_str(rows[_i].in), &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(rows[_i].want)),
	    "%s: got \"%s\", want \"%s\"", rows[_i].name, got.p, rows[_i].want);
	buf_fini(&got);
}
END_TEST

/* Cut anywhere it ends, and every group that begins also ends. */
START_TEST(mail_addrlist__survives_truncation)
{
	struct sv in = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n <= in.n; n++) {
		char *copy = sv_dup(sv_first(in, n));
		struct mail_addrlist l;
		struct mail_addr a;
		int open = 0;

		mail_addrlist_init(&l, sv_of(copy, n));
		while (mail_addrlist_next(&l, &a))
			open += a.kind == MAIL_ADDR_GROUP	? 1
				: a.kind == MAIL_ADDR_GROUP_END ? -1
								: 0;
		ck_assert_int_eq(open, 0);
		mail_addrlist_fini(&l);
		free(copy);
	}
}
END_TEST

START_TEST(mail_addrlist__is_linear_in_hostile_input)
{
	static const char *const bad[] = {"(", "<", "\"", "a:", ";", "@", ",",
	    "\\", "<@", "[", ".", "a<", "a(", "\"\"", "a@b:c"};
	struct buf in, out;
	size_t i;

	buf_init(&in, 1 << 20);
	buf_init(&out, 64u << 20);
	while (buf_ok(&in))
		buf_adds(&in, bad[_i]);
	in.failed = false;
	render(buf_sv(&in), &out);
	for (i = 0; i < 3; i++)
		buf_reset(&out);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(addrlist)
{
	TCase *tc = tcase_create("addrlist");
	int n = (int)(sizeof rows / sizeof rows[0]);

	tcase_add_loop_test(tc, mail_addrlist__reads_each_row, 0, n);
	tcase_add_loop_test(tc, mail_addrlist__survives_truncation, 0, n);
	tcase_add_loop_test(
	    tc, mail_addrlist__is_linear_in_hostile_input, 0, 15);
	return tc;
}
