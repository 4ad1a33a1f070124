/* A session after login: how long it may be silent. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "managesieve/session/session.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define WIDE_MS (60 * 1000)

static struct store *st;
static struct pool *pool;

static void
setup(void)
{
	fixture_make();
	st = fixture_open();
	pool = pool_new(4);
}

static void
teardown(void)
{
	ck_assert(pool_stop(pool, WIDE_MS));
	store_close(&st);
	fixture_remove();
}

/* Our end of a session's connection. */
static int
join(int64_t idle_ms)
{
	int fd[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	pool_add(pool, msv_session_new(&(struct msv_session_args){.store = st,
			   .fd = fd[0],
			   .account = "anna",
			   .peer = "192.0.2.1",
			   .idle_ms = idle_ms}));
	return fd[1];
}

/* The next line; empty: the end. */
static const char *
next_line(int fd)
{
	static char line[512];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	do {
		/* What an account does every second. */
		for (int i = 0; poll(&p, 1, 20) == 0 && i < WIDE_MS / 20; i++)
			pool_tick(pool);
		if (read(fd, line + n, 1) != 1)
			break;
	} while (line[n++] != '\n' && n < sizeof line - 1);
	line[n] = '\0';
	return line;
}

/* [RFC 5804 1.2] A silent client is told, and is gone; others stay, also one
 * that is silent with half a command. */
START_TEST(msv_session__says_bye_to_the_silent)
{
	int silent = join(200), half = join(200), other = join(0);

	ck_assert_str_eq(next_line(other), "OK \"Logged in.\"\r\n");
	ck_assert_str_eq(next_line(silent), "OK \"Logged in.\"\r\n");
	ck_assert_int_eq(write(half, "NOO", 3), 3);
	ck_assert_str_eq(next_line(half), "OK \"Logged in.\"\r\n");
	ck_assert_str_eq(next_line(silent),
	    "BYE (TRYLATER) \"You were silent for too long.\"\r\n");
	ck_assert_str_eq(next_line(silent), "");
	ck_assert_str_eq(next_line(half),
	    "BYE (TRYLATER) \"You were silent for too long.\"\r\n");
	ck_assert_str_eq(next_line(half), "");
	ck_assert_int_eq(write(other, "NOOP\r\n", 6), 6);
	ck_assert_str_eq(next_line(other), "OK \"Nothing to do.\"\r\n");
	(void)close(silent);
	(void)close(half);
	(void)close(other);
}
END_TEST

UNIT_TESTS(session)
{
	TCase *tc = tcase_create("msv_session");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, msv_session__says_bye_to_the_silent);
	return tc;
}
