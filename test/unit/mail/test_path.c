#include <check.h>
#include <stdlib.h>

#include "mail/path.h"
#include "test/unit/unit.h"

static const struct {
	const char *in;
	int rc;
	bool null_ok;
	const char *plain, *rest;
} rows[] = {
    {"<anna@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<anna@example.org> SIZE=1", RC_OK, false, "anna@example.org", " SIZE=1"},
    {"<>", RC_OK, true, "", ""},
    {"<>", RC_SYNTAX, false, NULL, NULL},
    {"<postmaster>", RC_OK, false, "postmaster", ""},
    {"<PostMaster>", RC_OK, false, "PostMaster", ""},
    {"<anna>", RC_SYNTAX, false, NULL, NULL},
    {"<\"a b\"@example.org>", RC_OK, false, "\"a b\"@example.org", ""},
    {"<\"anna\"@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<\"an\\na\"@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<\"a>b\"@example.org>", RC_OK, false, "\"a>b\"@example.org", ""},
    {"<\"\"@example.org>", RC_OK, false, "\"\"@example.org", ""},
    {"<@a.b:anna@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<@a.b,@c:anna@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<anna@[192.0.2.1]>", RC_OK, false, "anna@[192.0.2.1]", ""},
    {"<anna@[IPv6:2001:db8::1]>", RC_OK, false, "anna@[IPv6:2001:db8::1]", ""},
    {"<anna@[192.0.2]>", RC_SYNTAX, false, NULL, NULL},
    {"<anna@[IPv6:zz]>", RC_SYNTAX, false, NULL, NULL},
    {"anna@example.org", RC_OK, false, "anna@example.org", ""},
    {"anna@example.org SIZE=1", RC_OK, false, "anna@example.org", " SIZE=1"},
    {"anna@example.org.", RC_OK, false, "anna@example.org", ""},
    {"anna@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"postmaster", RC_OK, false, "postmaster", ""},
    {"@a.b:anna@example.org", RC_OK, false, "anna@example.org", ""},
    {"", RC_SYNTAX, true, NULL, NULL},
    {" ", RC_SYNTAX, true, NULL, NULL},
    {"< anna@example.org\t>", RC_OK, false, "anna@example.org", ""},
    {"< >", RC_OK, true, "", ""},
    {"<@a_b.c:anna@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<\"an\".\"na\"@example.org>", RC_OK, false, "an.na@example.org", ""},
    {"<an\\na@example.org>", RC_OK, false, "anna@example.org", ""},
    {"<an\\@na@example.org>", RC_OK, false, "\"an@na\"@example.org", ""},
    {"<\"a\\\"b\"@example.org>", RC_OK, false, "\"a\\\"b\"@example.org", ""},
    {"<a:b,(c)@example.org>", RC_OK, false, "\"a:b,(c)\"@example.org", ""},
    {"<\"a..b\"@example.org>", RC_OK, false, "a..b@example.org", ""},
    {"<.@example.org>", RC_OK, false, ".@example.org", ""},
    {"<a@1.2.3.4>", RC_OK, false, "a@1.2.3.4", ""},
    {"<a@_spf.x--.-y>", RC_OK, false, "a@_spf.x--.-y", ""},
    {"<a@b..>", RC_SYNTAX, false, NULL, NULL},
    {"<a@.>", RC_SYNTAX, false, NULL, NULL},
    {"<a@[192.0.2.1].>", RC_SYNTAX, false, NULL, NULL},
    {"<a\x7f@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<a\\\r@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<\"a\nb\"@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<a\tb@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<a@b>c>", RC_OK, false, "a@b", "c>"},
    {"<<a@b>>", RC_SYNTAX, false, NULL, NULL},
    {"a@b\xc3\xa4", RC_NOSUPPORT, false, NULL, NULL},
    {"<anna@example.org", RC_SYNTAX, false, NULL, NULL},
    {"<anna@>", RC_SYNTAX, false, NULL, NULL},
    {"<@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<anna@example..org>", RC_SYNTAX, false, NULL, NULL},
    {"<anna@-x.org>", RC_OK, false, "anna@-x.org", ""},
    {"<anna@x-.org>", RC_OK, false, "anna@x-.org", ""},
    {"<anna@x_y.org>", RC_OK, false, "anna@x_y.org", ""},
    {"<.anna@example.org>", RC_OK, false, ".anna@example.org", ""},
    {"<anna.@example.org>", RC_OK, false, "anna.@example.org", ""},
    {"<a..b@example.org>", RC_OK, false, "a..b@example.org", ""},
    {"<a b@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<\"a@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<\"a\\\"@example.org>", RC_SYNTAX, false, NULL, NULL},
    {"<a@b@c>", RC_SYNTAX, false, NULL, NULL},
    {"<\xc3\xa4@example.org>", RC_NOSUPPORT, false, NULL, NULL},
    {"<anna@example.org\r\n>", RC_SYNTAX, false, NULL, NULL},
    {"<anna@example.org.>", RC_OK, false, "anna@example.org", ""},
    {"<", RC_SYNTAX, true, NULL, NULL},
};

START_TEST(smtp_path__reads_each_row)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct sv in = sv_str(rows[_i].in);
	struct mail_path p;
	struct buf plain;
	int r = mail_path_parse(&in, &lim, rows[_i].null_ok, &p);

	ck_assert_msg(r == rows[_i].rc, "%s: %s", rows[_i].in, rc_name(r));
	if (r != RC_OK) {
		ck_assert_ptr_eq(in.p, rows[_i].in);
		return;
	}
	buf_init(&plain, 1000);
	mail_path_plain(&p, &plain);
	ck_assert_str_eq(plain.p, rows[_i].plain);
	ck_assert(sv_eq(in, sv_str(rows[_i].rest)));
	buf_fini(&plain);
}
END_TEST

START_TEST(smtp_path__survives_truncation)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct sv in = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n < in.n; n++) {
		char *copy = sv_dup(sv_first(in, n));
		struct sv s = sv_of(copy, n);
		struct mail_path p;

		if (n > 0 && copy[0] == '<' && copy[n - 1] != '>')
			ck_assert_int_ne(
			    mail_path_parse(&s, &lim, true, &p) == RC_OK &&
				sv_chr(sv_of(copy, n), '>') == n,
			    1);
		free(copy);
	}
}
END_TEST

/* limit - 1, limit, limit + 1 */
START_TEST(smtp_path__holds_its_limits)
{
	const struct mail_path_limits lim = {5, 7, 14};
	static const struct {
		const char *in;
		int rc;
	} l[] = {{"<1234@123.org>", RC_OK}, {"<12345@a.org>", RC_OK},
	    {"<123456@a.org>", RC_TOOBIG}, {"<1@123.org>", RC_OK},
	    {"<1@1234.org>", RC_TOOBIG}, {"<12345@123.org>", RC_TOOBIG}};
	size_t i;

	for (i = 0; i < sizeof l / sizeof l[0]; i++) {
		struct sv in = sv_str(l[i].in);
		struct mail_path p;

		ck_assert_msg(mail_path_parse(&in, &lim, false, &p) == l[i].rc,
		    "%s", l[i].in);
	}
}
END_TEST

/* What is read is written so that it is read again, and strictly. */
START_TEST(mail_address_write__quotes_what_must_be)
{
	static const char *const w[][2] = {
	    {"anna@example.org", "anna@example.org"},
	    {"a..b@example.org", "\"a..b\"@example.org"},
	    {".a@example.org", "\".a\"@example.org"},
	    {"a.@x_y.org", "\"a.\"@x_y.org"},
	    {"\"a b\"@example.org", "\"a b\"@example.org"},
	    {"\"\"@example.org", "\"\"@example.org"},
	    {"\"a@b\"@example.org", "\"a@b\"@example.org"},
	    {"a@[192.0.2.1]", "a@[192.0.2.1]"},
	    {"postmaster", "postmaster"},
	    {"", ""},
	};
	size_t i;

	for (i = 0; i < sizeof w / sizeof w[0]; i++) {
		struct buf out;

		buf_init(&out, 1000);
		mail_address_write(sv_str(w[i][0]), &out);
		ck_assert_str_eq(out.p, w[i][1]);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(smtp_domain__label_limits)
{
	char name[80];

	memset(name, 'a', sizeof name);
	ck_assert(mail_domain_valid(sv_of(name, 63)));
	ck_assert(!mail_domain_valid(sv_of(name, 64)));
	ck_assert(!mail_domain_valid(SV("")));
	ck_assert(!mail_domain_valid(SV("a..b")));
	ck_assert(!mail_domain_valid(SV("a_b.org")));
	ck_assert(!mail_domain_valid(SV("a-.org")));
	ck_assert(!mail_domain_valid(SV("a.org.")));
	ck_assert(mail_domain_valid(SV("localhost")));
}
END_TEST

UNIT_TESTS(path)
{
	TCase *tc = tcase_create("path");
	int n = (int)(sizeof rows / sizeof rows[0]);

	tcase_add_loop_test(tc, smtp_path__reads_each_row, 0, n);
	tcase_add_loop_test(tc, smtp_path__survives_truncation, 0, n);
	tcase_add_test(tc, smtp_path__holds_its_limits);
	tcase_add_test(tc, mail_address_write__quotes_what_must_be);
	tcase_add_test(tc, smtp_domain__label_limits);
	return tc;
}
