/* Browsers that are known: to whom, and for how long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/browsers.h"
#include "test/unit/unit.h"

#define NOW  1796043600
#define SALT "$argon2id$one"

static char path[] = "browsers-test-XXXXXX";
static struct auth_browsers *browsers;
static struct buf cookie;

static void
setup(void)
{
	int fd;

	strcpy(path, "browsers-test-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	browsers = auth_browsers_new(path);
	buf_init(&cookie, 100);
	auth_browsers_make(browsers, SV("anna"), SALT, NOW, &cookie);
}

static void
teardown(void)
{
	auth_browsers_free(&browsers);
	buf_fini(&cookie);
	(void)unlink(path);
}

static bool
check(const char *account, const char *salt, int64_t at, bool *fresh)
{
	unsigned char id[BROWSER_ID];

	return auth_browsers_check(
	    browsers, buf_sv(&cookie), sv_str(account), salt, at, id, fresh);
}

START_TEST(browsers__are_known_to_their_account)
{
	bool fresh;

	ck_assert_uint_lt(cookie.n, 64);
	ck_assert(check("anna", SALT, NOW, &fresh) && fresh);
	ck_assert(!check("ben", SALT, NOW, &fresh));
	ck_assert(!check("ann", SALT, NOW, &fresh));
	ck_assert(!check("anna", "$argon2id$two", NOW, &fresh));
	ck_assert(check("anna", SALT, NOW - 60, &fresh) && fresh);
	ck_assert(check("anna", SALT, NOW + BROWSER_RENEW_S, &fresh) && !fresh);
	ck_assert(check("anna", SALT, NOW + BROWSER_LIFE_S - 1, &fresh));
	ck_assert(!check("anna", SALT, NOW + BROWSER_LIFE_S, &fresh));
	/* The key outlives the process. */
	auth_browsers_free(&browsers);
	browsers = auth_browsers_new(path);
	ck_assert(check("anna", SALT, NOW, &fresh));
	(void)unlink(path);
	auth_browsers_free(&browsers);
	browsers = auth_browsers_new(path);
	ck_assert(!check("anna", SALT, NOW, &fresh));
}
END_TEST

START_TEST(browsers__cannot_be_forged)
{
	bool fresh;
	size_t i;

	for (i = 0; i < cookie.n; i++) {
		const char was = cookie.p[i];

		cookie.p[i] = was == 'A' ? 'B' : 'A';
		ck_assert(!check("anna", SALT, NOW, &fresh));
		cookie.p[i] = '=';
		ck_assert(!check("anna", SALT, NOW, &fresh));
		cookie.p[i] = was;
	}
	ck_assert(check("anna", SALT, NOW, &fresh));
	buf_addc(&cookie, 'A');
	ck_assert(!check("anna", SALT, NOW, &fresh));
	buf_reset(&cookie);
	ck_assert(!check("anna", SALT, NOW, &fresh));
}
END_TEST

UNIT_TESTS(browsers)
{
	TCase *t = tcase_create("browsers");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, browsers__are_known_to_their_account);
	tcase_add_test(t, browsers__cannot_be_forged);
	return t;
}
