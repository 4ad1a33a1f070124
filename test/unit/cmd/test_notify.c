/* Telling the service manager. */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/supervisor/sd_notify.h"
#include "test/unit/unit.h"

static int manager;
static char name[64];

/* A manager that listens under an abstract name. */
static void
setup(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(sa_family_t);

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	/* With no name the kernel chooses an abstract one of five letters. */
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&a, n), 0);
	n = sizeof a;
	ck_assert_int_eq(getsockname(manager, (struct sockaddr *)&a, &n), 0);
	memset(name, 0, sizeof name);
	memcpy(name, a.sun_path, n - offsetof(struct sockaddr_un, sun_path));
	name[0] = '@';
}

static void
teardown(void)
{
	close(manager);
	unsetenv("NOTIFY_SOCKET");
}

static const char *
got(void)
{
	static char text[256];
	ssize_t n = recv(manager, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(notify__sends_what_it_is_told)
{
	setenv("NOTIFY_SOCKET", name, 1);
	notify_setup();
	notify("READY=1");
	ck_assert_str_eq(got(), "READY=1");
	notify("STOPPING=1");
	ck_assert_str_eq(got(), "STOPPING=1");
}
END_TEST

START_TEST(notify__children_do_not_get_the_socket)
{
	setenv("NOTIFY_SOCKET", name, 1);
	notify_setup();
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
}
END_TEST

START_TEST(notify__is_silent_without_a_manager)
{
	notify_setup();
	notify("READY=1");
	ck_assert_str_eq(got(), "");
}
END_TEST

START_TEST(notify__reloading_says_since_when)
{
	const char *text;

	setenv("NOTIFY_SOCKET", name, 1);
	notify_setup();
	notify_reloading();
	text = got();
	ck_assert_int_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	ck_assert_uint_gt(strlen(text), 27);
}
END_TEST

START_TEST(notify__to_a_path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/notify.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	strcat(strcpy(a.sun_path, dir), "/s");
	close(manager);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(notify_send(a.sun_path, SV("READY=1")), RC_OK);
	ck_assert_str_eq(got(), "READY=1");
	unlink(a.sun_path);
	rmdir(dir);
}
END_TEST

/* 108 bytes fit into an address, and a name of 108 has no end. */
START_TEST(notify_send__refuses_what_is_no_address)
{
	static const struct {
		const char *name;
		size_t length;
		char first;
		int want;
	} rows[] = {
	    {"nothing", 0, '/', RC_SYNTAX},
	    {"one letter", 1, '/', RC_SYNTAX},
	    {"relative", 10, 'x', RC_SYNTAX},
	    {"longest, nobody there", 107, '/', RC_IO},
	    {"too long", 108, '/', RC_SYNTAX},
	    {"far too long", 200, '@', RC_SYNTAX},
	    {"abstract, nobody there", 100, '@', RC_IO},
	};
	char s[256];
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memset(s, 'x', sizeof s);
		s[0] = rows[i].first;
		s[rows[i].length] = '\0';
		ck_assert_msg(notify_send(s, SV("READY=1")) == rows[i].want,
		    "%s", rows[i].name);
	}
}
END_TEST

UNIT_TESTS(notify)
{
	TCase *t = tcase_create("notify");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, notify__sends_what_it_is_told);
	tcase_add_test(t, notify__children_do_not_get_the_socket);
	tcase_add_test(t, notify__is_silent_without_a_manager);
	tcase_add_test(t, notify__reloading_says_since_when);
	tcase_add_test(t, notify__to_a_path);
	tcase_add_test(t, notify_send__refuses_what_is_no_address);
	return t;
}
