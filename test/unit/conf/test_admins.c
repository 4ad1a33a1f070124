/* Who may look at the admin's pages. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "test/unit/unit.h"

#define HEAD                           \
	"hostname: mail.example.org\n" \
	"domains: [example.org]\n"     \
	"accounts: { anna: {}, ben: {} }\n"

/* "0" anna, "1" ben, or what is wrong. */
static const char *const admins[][2] = {
    {"", ""},
    {"admins: [ben]\n", "1"},
    {"admins: [anna, ben]\n", "01"},
    {"admins: anna\n", "0"},
    {"admins: []\n", ""},
    {"admins: [zoe]\n", "there is no account \"zoe\""},
    {"admins: [ben@example.org]\n", "an account's name is expected"},
    {"admins: { anna: }\n", "expected a list"},
};

START_TEST(admins__are_accounts)
{
	const char *want = admins[_i][1];
	struct conf_errors e = {0};
	struct conf *c = NULL;
	char text[1000];

	(void)snprintf(text, sizeof text, HEAD "%s", admins[_i][0]);
	if (conf_parse(sv_str(text), "test.yaml", &c, &e) != RC_OK) {
		ck_assert(strstr(e.e[0].text, want) != NULL);
		return;
	}
	ck_assert_int_eq(c->account[0].admin, want[0] == '0');
	ck_assert_int_eq(c->account[1].admin, strchr(want, '1') != NULL);
	ck_assert_uint_lt(strlen(want), 3);
	conf_free(&c);
}
END_TEST

UNIT_TESTS(admins)
{
	TCase *t = tcase_create("admins");

	tcase_add_loop_test(t, admins__are_accounts, 0,
	    (int)(sizeof admins / sizeof admins[0]));
	return t;
}
