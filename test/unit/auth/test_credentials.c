/* The credentials' file, weak passwords, app passwords. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credentials.h"
#include "base/io.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX], path[96];
static struct credentials *c;

static void
load(int want)
{
	struct err err = {0};
	int r;

	credentials_free(&c);
	r = credentials_load(path, &c, &err);
	ck_assert_msg(r == want, "%s: %s", rc_name(r), err.text);
}

static void
setup(void)
{
	unit_folder(dir, "auth");
	(void)snprintf(path, sizeof path, "%s/credentials", dir);
	load(RC_OK);
}

static void
teardown(void)
{
	credentials_free(&c);
	credentials_free(&c);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
add_app(const char *account, const char *label, struct buf *out)
{
	struct err err = {0};

	buf_init(out, 100);
	ck_assert_int_eq(
	    credentials_app_add(c, sv_str(account), sv_str(label), out, &err),
	    RC_OK);
}

START_TEST(credentials__come_back_from_the_file)
{
	struct buf pw, list;
	struct stat st;
	uint64_t id;

	credentials_set_hash(c, SV("anna"), "$argon2id$1");
	credentials_set_hash(c, SV("ben"), "$argon2id$2");
	credentials_set_hash(c, SV("anna"), "$argon2id$3");
	add_app("anna", "my phone", &pw);
	id = credentials_app_match(c, SV("anna"), buf_sv(&pw));
	ck_assert_uint_ne(id, 0);
	ck_assert_int_eq(credentials_save(c, path, NULL), RC_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	load(RC_OK);
	ck_assert_str_eq(
	    credentials_password_hash(c, SV("anna")), "$argon2id$3");
	ck_assert_str_eq(
	    credentials_password_hash(c, SV("ben")), "$argon2id$2");
	ck_assert_ptr_null(credentials_password_hash(c, SV("zoe")));
	ck_assert_uint_eq(
	    credentials_app_match(c, SV("anna"), buf_sv(&pw)), id);
	ck_assert_uint_eq(credentials_app_match(c, SV("ben"), buf_sv(&pw)), 0);
	buf_init(&list, 1000);
	credentials_app_list(c, SV("anna"), &list);
	ck_assert(sv_ends(buf_sv(&list), SV("  my phone\n")));
	buf_fini(&list);
	buf_fini(&pw);
}
END_TEST

static const char *const damaged[] = {
    "",
    "hearthmail credentials 2\n",
    "hearthmail credentials 1\nnonsense\n",
    "hearthmail credentials 1\npassword anna\n",
    "hearthmail credentials 1\npassword  $argon2id$\n",
    "hearthmail credentials 1\napp anna 1 2\n",
    "hearthmail credentials 1\napp anna 1 2 00 label\n",
    "hearthmail credentials 1\napp anna x 2 "
    "0000000000000000000000000000000000000000000000000000000000000000 l\n",
    "hearthmail credentials 1\napp anna 1 2 "
    "0000000000000000000000000000000000000000000000000000000000000000\n",
    "hearthmail credentials 1\napp anna 1 2 "
    "00000000000000000000000000000000000000000000000000000000000000000000 "
    "l\n",
    "hearthmail credentials 1\ntotp anna 3132 5\n",
    "hearthmail credentials 1\ntotp anna "
    "3132333435363738393031323334353637383930\n",
    "hearthmail credentials 1\nrecovery anna abcd\n",
};

START_TEST(credentials_load__refuses_a_damaged_file)
{
	ck_assert_int_eq(
	    io_replace_file(path, sv_str(damaged[_i]), 0600, NULL), RC_OK);
	load(RC_DAMAGED);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(credentials_load__survives_truncation)
{
	struct buf text, pw;
	size_t n;

	credentials_set_hash(c, SV("anna"), "$argon2id$1");
	add_app("anna", "phone", &pw);
	ck_assert_int_eq(credentials_save(c, path, NULL), RC_OK);
	buf_init(&text, 10000);
	ck_assert_int_eq(io_read_file(path, &text, NULL), RC_OK);
	for (n = 0; n < text.n; n++) {
		int r;

		credentials_free(&c);
		ck_assert_int_eq(io_replace_file(path,
				     sv_first(buf_sv(&text), n), 0600, NULL),
		    RC_OK);
		r = credentials_load(path, &c, NULL);
		ck_assert(r == RC_OK ? c != NULL : r == RC_DAMAGED);
	}
	buf_fini(&text);
	buf_fini(&pw);
}
END_TEST

static const struct {
	const char *password;
	bool ok;
} strength[] = {
    {"", false},
    {"seven77", false},
    {"eightyyy8", true},
    {"correct horse battery", true},
    {"aaaaaaaaaaaa", false},
    {"abcdefghijkl", false},
    {"87654321", false},
    {"Password", false},
    {"QWERTYUIOP", false},
    {"anna1234", false},
    {"1234ANNA!", false},
    {"annaandtheseahorses", true},
    {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", true},
};

START_TEST(credentials_check_strength__judges_each_row)
{
	struct err err = {0};
	int r = credentials_check_strength(
	    SV("anna"), sv_str(strength[_i].password), &err);

	ck_assert_msg(r == (strength[_i].ok ? RC_OK : RC_DENIED), "%s",
	    strength[_i].password);
	ck_assert(r == RC_OK || err.text[0] != '\0');
}
END_TEST

START_TEST(credentials_check_strength__nul_and_length)
{
	static char big[1025];
	int i;

	for (i = 0; i < 1025; i++)
		big[i] = (char)('a' + i % 7);
	ck_assert_int_eq(
	    credentials_check_strength(SV("anna"), sv_of(big, 1024), NULL),
	    RC_OK);
	ck_assert_int_eq(
	    credentials_check_strength(SV("anna"), sv_of(big, 1025), NULL),
	    RC_DENIED);
	ck_assert_int_eq(credentials_check_strength(
			     SV("anna"), sv_of("12\0004cdexyz", 10), NULL),
	    RC_DENIED);
}
END_TEST

START_TEST(credentials_verify__fits_the_hash)
{
	const char *h;

	ck_assert_int_eq(
	    credentials_set_password(c, SV("anna"), SV("good morning"), NULL),
	    RC_OK);
	h = credentials_password_hash(c, SV("anna"));
	ck_assert(sv_starts(sv_str(h), SV("$argon2id$v=19$m=32768,t=3,")));
	ck_assert(credentials_verify(h, SV("good morning")));
	ck_assert(!credentials_verify(h, SV("good mornin")));
	ck_assert(!credentials_verify(h, SV("")));
	ck_assert(!credentials_verify(NULL, SV("good morning")));
	ck_assert(!credentials_verify("$argon2id$junk", SV("good morning")));
}
END_TEST

START_TEST(credentials_app__is_typed_as_people_do)
{
	struct buf pw, loud;
	size_t i;

	add_app("anna", "phone", &pw);
	ck_assert_uint_eq(pw.n, 29);
	buf_init(&loud, 100);
	for (i = 0; i < pw.n; i++)
		buf_addc(&loud, pw.p[i] == '-'	 ? ' '
				: pw.p[i] >= 'a' ? (char)(pw.p[i] - 32)
						 : pw.p[i]);
	ck_assert_uint_ne(
	    credentials_app_match(c, SV("anna"), buf_sv(&loud)), 0);
	loud.p[3] = loud.p[3] == 'X' ? 'Y' : 'X';
	ck_assert_uint_eq(
	    credentials_app_match(c, SV("anna"), buf_sv(&loud)), 0);
	ck_assert_uint_eq(
	    credentials_app_match(c, SV("anna"), sv_first(buf_sv(&pw), 23)), 0);
	ck_assert_uint_eq(credentials_app_match(c, SV("anna"), SV("")), 0);
	buf_fini(&loud);
	buf_fini(&pw);
}
END_TEST

START_TEST(credentials_app__labels)
{
	char longer[62];
	struct buf pw, b;
	uint64_t id = 0;

	memset(longer, 'x', sizeof longer);
	buf_init(&b, 100);
	add_app("anna", "phone", &pw);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("phone"), &b, NULL),
	    RC_EXISTS);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV(""), &b, NULL), RC_SYNTAX);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("a\nb"), &b, NULL),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("-x"), &b, NULL), RC_SYNTAX);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("a\x80"), &b, NULL),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("a\xc2\x9b"), &b, NULL),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    credentials_app_add(c, SV("anna"), SV("a\xe2\x80\xae"), &b, NULL),
	    RC_SYNTAX);
	ck_assert_int_eq(credentials_app_add(c, SV("anna"),
			     sv_of(longer, sizeof longer), &b, NULL),
	    RC_SYNTAX);
	ck_assert_uint_eq(credentials_app_count(c, SV("anna")), 1);
	ck_assert_int_eq(
	    credentials_app_revoke(c, SV("anna"), SV("x"), &id), RC_NOTFOUND);
	ck_assert_int_eq(
	    credentials_app_revoke(c, SV("zoe"), SV("x"), &id), RC_NOTFOUND);
	ck_assert_int_eq(
	    credentials_app_revoke(c, SV("anna"), SV("phone"), &id), RC_OK);
	ck_assert_uint_ne(id, 0);
	ck_assert_uint_eq(credentials_app_match(c, SV("anna"), buf_sv(&pw)), 0);
	buf_fini(&pw);
	buf_fini(&b);
}
END_TEST

START_TEST(credentials_totp__comes_back_from_the_file)
{
	struct credentials_totp t = {.last = 55555555}, got;
	struct credentials_codes codes;
	struct err err = {0};
	struct buf text;
	struct sv rest, first;
	char upper[64];
	size_t i;

	buf_init(&text, 1000);
	memset(t.secret, 0xa5, sizeof t.secret);
	credentials_make_codes(&codes, &text);
	rest = buf_sv(&text);
	first = sv_split(&rest, '\n');
	ck_assert_uint_eq(first.n, 19);
	ck_assert(!credentials_totp(c, SV("anna"), &got));
	credentials_set_totp(c, SV("anna"), &t);
	credentials_set_recovery(c, SV("anna"), &codes);
	ck_assert_int_eq(credentials_save(c, path, &err), RC_OK);
	load(RC_OK);
	ck_assert(credentials_totp(c, SV("anna"), &got));
	ck_assert_mem_eq(got.secret, t.secret, sizeof t.secret);
	ck_assert_uint_eq(got.last, 55555555);
	ck_assert(!credentials_totp(c, SV("ben"), &got));
	credentials_recovery(c, SV("anna"), &codes);
	ck_assert_uint_eq(codes.n, 10);
	/* As it is read off a sheet of paper; once. */
	for (i = 0; i < first.n; i++)
		upper[i] = first.p[i] == '-'   ? ' '
			   : first.p[i] >= 'a' ? (char)(first.p[i] - 'a' + 'A')
					       : first.p[i];
	ck_assert(!credentials_take_code(&codes, sv_of(upper, 18)));
	ck_assert(!credentials_take_code(&codes, SV("")));
	ck_assert(credentials_take_code(&codes, sv_of(upper, first.n)));
	ck_assert(!credentials_take_code(&codes, first));
	ck_assert_uint_eq(codes.n, 9);
	while ((first = sv_split(&rest, '\n')).n > 0)
		ck_assert(credentials_take_code(&codes, first));
	ck_assert_uint_eq(codes.n, 0);
	credentials_set_totp(c, SV("anna"), NULL);
	ck_assert_int_eq(credentials_save(c, path, &err), RC_OK);
	load(RC_OK);
	ck_assert(!credentials_totp(c, SV("anna"), &got));
	credentials_recovery(c, SV("anna"), &codes);
	ck_assert_uint_eq(codes.n, 0);
	buf_fini(&text);
}
END_TEST

UNIT_TESTS(credentials)
{
	TCase *t = tcase_create("credentials");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, credentials__come_back_from_the_file);
	tcase_add_loop_test(t, credentials_load__refuses_a_damaged_file, 0,
	    sizeof damaged / sizeof damaged[0]);
	tcase_add_test(t, credentials_load__survives_truncation);
	tcase_add_loop_test(t, credentials_check_strength__judges_each_row, 0,
	    sizeof strength / sizeof strength[0]);
	tcase_add_test(t, credentials_check_strength__nul_and_length);
	tcase_add_test(t, credentials_verify__fits_the_hash);
	tcase_add_test(t, credentials_app__is_typed_as_people_do);
	tcase_add_test(t, credentials_app__labels);
	tcase_add_test(t, credentials_totp__comes_back_from_the_file);
	return t;
}
