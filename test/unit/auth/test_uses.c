/* What is remembered of devices, and its file. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/uses.h"
#include "base/clk.h"
#include "base/io.h"
#include "test/unit/unit.h"

static char dir[] = "/tmp/hearthmail-uses.XXXXXX";
static char path[64];
static struct auth_uses *uses;
static struct credentials *cred;
static struct buf out;
static uint64_t ids[2];

static void
note_id(const struct credentials_app *a, void *arg)
{
	uint64_t **at = arg;

	*(*at)++ = a->id;
}

static void
setup(void)
{
	struct err err;
	uint64_t *at = ids;
	struct buf pw;

	strcpy(dir, "/tmp/hearthmail-uses.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/uses", dir);
	uses = auth_uses_new();
	buf_init(&out, 4096);
	buf_init(&pw, 100);
	ck_assert_int_eq(credentials_load("/nowhere", &cred, &err), RC_OK);
	ck_assert_int_eq(
	    credentials_app_add(cred, SV("anna"), SV("phone"), &pw, &err),
	    RC_OK);
	ck_assert_int_eq(
	    credentials_app_add(cred, SV("anna"), SV("old tablet"), &pw, &err),
	    RC_OK);
	credentials_app_each(cred, SV("anna"), note_id, &at);
	buf_fini(&pw);
}

static void
teardown(void)
{
	auth_uses_free(&uses);
	credentials_free(&cred);
	buf_fini(&out);
	(void)unlink(path);
	(void)rmdir(dir);
}

START_TEST(uses__tell_the_last)
{
	const struct auth_use *u;
	char want[300];

	ck_assert_ptr_null(auth_uses_find(uses, ids[0]));
	auth_uses_note(uses, ids[0], "imaps", "192.0.2.1");
	auth_uses_note(uses, ids[0], "submissions", "2001:db8::1");
	u = auth_uses_find(uses, ids[0]);
	ck_assert_ptr_nonnull(u);
	ck_assert_str_eq(u->service, "submissions");
	ck_assert_str_eq(u->peer, "2001:db8::1");
	ck_assert_int_le(llabs(u->when - clk_now() / 1000), 60);
	auth_uses_list(uses, cred, SV("anna"), &out);
	(void)snprintf(want, sizeof want,
	    " %lld submissions 2001:db8::1 phone\n", (long long)u->when);
	ck_assert_msg(strstr(out.p, want) != NULL, "%s", out.p);
	ck_assert_msg(
	    strstr(out.p, " 0 - - old tablet\n") != NULL, "%s", out.p);
	buf_reset(&out);
	auth_uses_list(uses, cred, SV("ben"), &out);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(uses__outlive_the_process_but_not_the_password)
{
	uint64_t id;

	auth_uses_note(uses, ids[0], "imaps", "192.0.2.1");
	auth_uses_note(uses, ids[1], "imap", "192.0.2.2");
	auth_uses_save(uses, path, cred);
	auth_uses_free(&uses);
	uses = auth_uses_new();
	auth_uses_load(uses, path);
	ck_assert_str_eq(auth_uses_find(uses, ids[0])->peer, "192.0.2.1");
	ck_assert_str_eq(auth_uses_find(uses, ids[1])->service, "imap");
	ck_assert_int_eq(
	    credentials_app_revoke(cred, SV("anna"), SV("old tablet"), &id),
	    RC_OK);
	auth_uses_note(uses, ids[0], "imaps", "192.0.2.9");
	auth_uses_save(uses, path, cred);
	auth_uses_free(&uses);
	uses = auth_uses_new();
	auth_uses_load(uses, path);
	ck_assert_str_eq(auth_uses_find(uses, ids[0])->peer, "192.0.2.9");
	ck_assert_ptr_null(auth_uses_find(uses, ids[1]));
}
END_TEST

/* What is whole is read, and nothing breaks. */
static const struct {
	const char *text;
	bool first;
} files[] = {
    {"", false},
    {"hearthmail uses 2\n7 1 imap 192.0.2.1\n", false},
    {"hearthmail uses 1\n7 1 imap 192.0.2.1\n", true},
    {"hearthmail uses 1\n7 1 imap 192.0.2.1\n8 1 im", true},
    {"hearthmail uses 1\n7 -1 imap 192.0.2.1\n", false},
    {"hearthmail uses 1\n7 1 imap \n", false},
    {"hearthmail uses 1\n7 1 imapimapimapimapimap 192.0.2.1\n", false},
    {"hearthmail uses 1\n7 1 imap 192.0.2.1 x\n", false},
    {"hearthmail uses 1\n\n", false},
};

START_TEST(uses__of_a_broken_file)
{
	struct err err;

	ck_assert_int_eq(
	    io_replace_file(path, sv_str(files[_i].text), 0600, &err), RC_OK);
	auth_uses_load(uses, path);
	ck_assert_msg((auth_uses_find(uses, 7) != NULL) == files[_i].first,
	    "%s", files[_i].text);
	ck_assert_ptr_null(auth_uses_find(uses, 8));
}
END_TEST

UNIT_TESTS(uses)
{
	TCase *t = tcase_create("uses");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, uses__tell_the_last);
	tcase_add_test(t, uses__outlive_the_process_but_not_the_password);
	tcase_add_loop_test(t, uses__of_a_broken_file, 0,
	    (int)(sizeof files / sizeof files[0]));
	return t;
}
