#include <stdio.h>
#include <stdlib.h>

#include "smtp/command.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

START_TEST(smtp_command__finds_verbs_in_any_case)
{
	struct sv args;
	size_t i;

	for (i = 0; i < smtp_ncommands; i++) {
		const struct smtp_command *c = &smtp_commands[i];
		char line[40], *p;

		(void)snprintf(line, sizeof line, "%s a b", c->name);
		ck_assert_ptr_eq(smtp_command_find(sv_str(line), &args), c);
		ck_assert(sv_eq(args, SV("a b")));
		for (p = line; *p != '\0' && *p != ' '; p++)
			*p = (char)(*p | 0x20);
		ck_assert_ptr_eq(smtp_command_find(sv_str(line), &args), c);
		/* A shorter or longer word is another one. */
		ck_assert_ptr_null(
		    smtp_command_find(sv_first(sv_str(c->name), 3), &args));
		line[strlen(c->name)] = 'x';
		ck_assert_ptr_null(smtp_command_find(sv_str(line), &args));
	}
	ck_assert_ptr_null(smtp_command_find(SV(""), &args));
	ck_assert_ptr_null(smtp_command_find(SV(" NOOP"), &args));
	ck_assert_ptr_nonnull(smtp_command_find(SV("NOOP\t x y"), &args));
	ck_assert(sv_eq(args, SV("x y")));
}
END_TEST

static const struct {
	const char *args;
	enum smtp_arg_error e;
	const char *mailbox;
	bool null;
} mail[] = {
    {"FROM:<anna@example.org>", SMTP_ARG_OK, "anna@example.org", false},
    {"from:<anna@example.org>", SMTP_ARG_OK, "anna@example.org", false},
    {"FROM:<>", SMTP_ARG_OK, "", true},
    {"FROM: <anna@example.org>", SMTP_ARG_OK, "anna@example.org", false},
    {"FROM:<anna@example.org> ", SMTP_ARG_OK, "anna@example.org", false},
    {"FROM:<anna@example.org> SIZE=100", SMTP_ARG_OK, "anna@example.org",
	false},
    {"FROM:<a@b> BODY=8BITMIME SIZE=1", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a@b> body=7bit", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a@b> AUTH=<>", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a@b> BODY=BINARYMIME", SMTP_ARG_PARAM, NULL, false},
    {"FROM:<a@b> SMTPUTF8", SMTP_ARG_PARAM, NULL, false},
    {"FROM:<a@b> X=1", SMTP_ARG_PARAM, NULL, false},
    {"FROM:<a@b> SIZE=", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b> SIZE=-1", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b> SIZE=99999999999999999999", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b> SIZE=1x", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b>  SIZE=1 \tBODY=7BIT", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a@b>\tSIZE=1\t", SMTP_ARG_OK, "a@b", false},
    {"FROM:\t <a@b>", SMTP_ARG_OK, "a@b", false},
    {"From : <a@b>", SMTP_ARG_OK, "a@b", false},
    {"FROM:a@b SIZE=1", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a..b@c>", SMTP_ARG_OK, "a..b@c", false},
    {"FROM:\xc3\xa4@b", SMTP_ARG_INTERNATIONAL, NULL, false},
    {"FROM:<a@\xc3\xa4> SIZE=1", SMTP_ARG_INTERNATIONAL, NULL, false},
    {"FROM:<a@b>SIZE=1", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b> =1", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:<a@b> A=1=2", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:a@b", SMTP_ARG_OK, "a@b", false},
    {"FROM:<a b@c>", SMTP_ARG_ADDRESS, NULL, false},
    {"FROM <a@b>", SMTP_ARG_SYNTAX, NULL, false},
    {"", SMTP_ARG_SYNTAX, NULL, false},
    {"TO:<a@b>", SMTP_ARG_SYNTAX, NULL, false},
    {"FROM:", SMTP_ARG_ADDRESS, NULL, false},
};

START_TEST(smtp_mail__reads_each_row)
{
	struct smtp_mail m;
	enum smtp_arg_error e = smtp_mail_parse(sv_str(mail[_i].args), &m);

	ck_assert_msg(e == mail[_i].e, "%s: %d", mail[_i].args, e);
	if (e != SMTP_ARG_OK)
		return;
	ck_assert_int_eq(m.path.null, mail[_i].null);
	ck_assert(sv_eq(m.path.mailbox, sv_str(mail[_i].mailbox)));
}
END_TEST

START_TEST(smtp_mail__survives_truncation)
{
	struct sv in = sv_str(mail[_i].args);
	struct smtp_mail m;
	size_t n;

	for (n = 0; n <= in.n; n++) {
		char *copy = sv_dup(sv_first(in, n));

		(void)smtp_mail_parse(sv_of(copy, n), &m);
		(void)smtp_rcpt_parse(sv_of(copy, n), &m.path);
		free(copy);
	}
}
END_TEST

START_TEST(smtp_rcpt__rows)
{
	static const struct {
		const char *args;
		enum smtp_arg_error e;
	} rows[] = {{"TO:<anna@example.org>", SMTP_ARG_OK},
	    {"to:<Postmaster>", SMTP_ARG_OK}, {"TO:<>", SMTP_ARG_ADDRESS},
	    {"TO:<anna>", SMTP_ARG_ADDRESS},
	    {"TO:<a@b> NOTIFY=NEVER", SMTP_ARG_PARAM},
	    {"TO:<a@b> x=", SMTP_ARG_SYNTAX}, {"FROM:<a@b>", SMTP_ARG_SYNTAX}};
	struct mail_path p;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(
		    smtp_rcpt_parse(sv_str(rows[i].args), &p) == rows[i].e,
		    "%s", rows[i].args);
}
END_TEST

START_TEST(smtp_bdat__rows)
{
	static const struct {
		const char *args;
		enum smtp_arg_error e;
		uint64_t size;
		bool last;
	} rows[] = {{"0", SMTP_ARG_OK, 0, false},
	    {"123 LAST", SMTP_ARG_OK, 123, true},
	    {"123 last", SMTP_ARG_OK, 123, true},
	    {"9223372036854775807", SMTP_ARG_OK, INT64_MAX, false},
	    {"9223372036854775808", SMTP_ARG_SYNTAX, 0, false},
	    {"", SMTP_ARG_SYNTAX, 0, false}, {"x", SMTP_ARG_SYNTAX, 0, false},
	    {"-1", SMTP_ARG_SYNTAX, 0, false},
	    {"1LAST", SMTP_ARG_SYNTAX, 0, false},
	    {"1  LAST", SMTP_ARG_OK, 1, true},
	    {"1\tLAST ", SMTP_ARG_OK, 1, true}, {"1 ", SMTP_ARG_OK, 1, false},
	    {"1 LASTX", SMTP_ARG_PARAM, 1, false},
	    {"1 LAST x", SMTP_ARG_PARAM, 1, true}};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t size = 0;
		bool last;

		ck_assert_msg(smtp_bdat_parse(sv_str(rows[i].args), &size,
				  &last) == rows[i].e,
		    "%s", rows[i].args);
		if (rows[i].e != SMTP_ARG_SYNTAX)
			ck_assert(size == rows[i].size && last == rows[i].last);
	}
}
END_TEST

START_TEST(smtp_helo__needs_a_word)
{
	ck_assert(smtp_helo_valid(SV("mail.example.org")));
	ck_assert(smtp_helo_valid(SV("[192.0.2.1]")));
	ck_assert(smtp_helo_valid(SV("my_printer")));
	ck_assert(!smtp_helo_valid(SV("")));
	ck_assert(smtp_helo_valid(SV("my laptop")));
	ck_assert(smtp_helo_valid(SV("J\xc3\xbcrgen-PC")));
	ck_assert(!smtp_helo_valid(SV("a\rb")));
	ck_assert(!smtp_helo_valid(SV("a\x7f")));
}
END_TEST

UNIT_TESTS(command)
{
	TCase *tc = tcase_create("command");
	int n = (int)(sizeof mail / sizeof mail[0]);

	tcase_add_test(tc, smtp_command__finds_verbs_in_any_case);
	tcase_add_loop_test(tc, smtp_mail__reads_each_row, 0, n);
	tcase_add_loop_test(tc, smtp_mail__survives_truncation, 0, n);
	tcase_add_test(tc, smtp_rcpt__rows);
	tcase_add_test(tc, smtp_bdat__rows);
	tcase_add_test(tc, smtp_helo__needs_a_word);
	return tc;
}
