/* POP3 after login, on a store in a folder of its own. */
#include <check.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "pop3/session/session.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX];
static struct store *st;
static struct pool *pool;
static struct pop3_gate gate = POP3_GATE_INIT;
static int fd = -1;

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
add(const char *text, size_t n)
{
	struct store_body *b = store_body_new(st);
	struct store_add a = {.mailbox = "INBOX"};
	struct store_added out;
	uint64_t need = 0;

	ck_assert_int_eq(store_body_add(b, text, n), RC_OK);
	ck_assert_int_eq(store_add(st, &b, &a, &out, &need, NULL), RC_OK);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
}

static bool
gate_taken(void)
{
	bool is;

	pthread_mutex_lock(&gate.lock);
	is = gate.holder != NULL;
	pthread_mutex_unlock(&gate.lock);
	return is;
}

static int
join_after(int64_t silent_ms)
{
	struct pop3_session_args a = {.store = st,
	    .gate = &gate,
	    .account = "anna",
	    .peer = "192.0.2.1",
	    .silent_ms = silent_ms};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	a.fd = pair[0];
	pool_add(pool, pop3_session_new(&a));
	return pair[1];
}

static int
join(void)
{
	return join_after(0);
}

/* Reads until exactly `want` has come; more or less is an error. */
static void
hear_on(int from, const char *want)
{
	static char b[200000];
	size_t n = 0, left = strlen(want);
	struct pollfd p = {.fd = from, .events = POLLIN};

	while (n < left && poll(&p, 1, 5000) == 1) {
		ssize_t k = read(from, b + n, left - n);

		if (k <= 0)
			break;
		n += (size_t)k;
	}
	b[n] = '\0';
	ck_assert_str_eq(b, want);
	ck_assert_int_le(
	    recv(from, b, 1, MSG_PEEK | MSG_DONTWAIT), 0); /* no more */
}

static void
hear(const char *want)
{
	hear_on(fd, want);
}

static void
say(const char *text)
{
	ck_assert_int_eq(io_write_all(fd, text, strlen(text)), RC_OK);
}

static void
ask(const char *line, const char *want)
{
	say(line);
	hear(want);
}

static void
hear_end(void)
{
	char c;

	ck_assert_int_eq(read(fd, &c, 1), 0);
	io_close(&fd);
}

static const char one[] = "Subject: one\r\n\r\nfirst\r\n.dot\r\nlast\r\n";
static const char two[] = "Subject: two\r\n\r\nno line end";
static const char three[] = "Subject: three\r\n\r\n";

static void
setup(void)
{
	struct store_opts o = {.low_water_bytes = 1};
	struct err err = {0};

	unit_folder(dir, "pop3");
	ck_assert_int_eq(store_open(dir, &o, &st, &err), RC_OK);
	add(one, sizeof one - 1);
	add(two, sizeof two - 1);
	add(three, sizeof three - 1);
	pool = pool_new(4);
	fd = join();
	hear("+OK 3 messages\r\n");
}

static void
teardown(void)
{
	ck_assert(pool_stop(pool, 3000));
	io_close(&fd);
	store_close(&st);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"STAT", "STAT\r\n", "+OK 3 80\r\n"},
    {"LIST", "LIST\r\n", "+OK\r\n1 35\r\n2 27\r\n3 18\r\n.\r\n"},
    {"LIST 2", "list 2\r\n", "+OK 2 27\r\n"},
    {"LIST, no number", "LIST x\r\n", "-ERR a message number is expected\r\n"},
    {"LIST 0", "LIST 0\r\n", "-ERR a message number is expected\r\n"},
    {"LIST 4", "LIST 4\r\n", "-ERR there is no such message\r\n"},
    {"LIST, huge", "LIST 4294967297\r\n",
	"-ERR a message number is expected\r\n"},
    {"RETR", "RETR 1\r\n",
	"+OK 35 octets\r\nSubject: one\r\n\r\nfirst\r\n..dot\r\nlast\r\n.\r\n"},
    {"RETR without a line end", "RETR 2\r\n",
	"+OK 27 octets\r\nSubject: two\r\n\r\nno line end\r\n.\r\n"},
    {"RETR without a body", "RETR 3\r\n",
	"+OK 18 octets\r\nSubject: three\r\n\r\n.\r\n"},
    {"RETR without a number", "RETR\r\n",
	"-ERR a message number is expected\r\n"},
    {"TOP 0", "TOP 1 0\r\n", "+OK\r\nSubject: one\r\n\r\n.\r\n"},
    {"TOP 2", "TOP 1 2\r\n",
	"+OK\r\nSubject: one\r\n\r\nfirst\r\n..dot\r\n.\r\n"},
    {"TOP of more than there is", "TOP 3 99\r\n",
	"+OK\r\nSubject: three\r\n\r\n.\r\n"},
    {"TOP without lines", "TOP 1\r\n",
	"-ERR TOP needs a message and a number of lines\r\n"},
    {"TOP, negative", "TOP 1 -1\r\n",
	"-ERR TOP needs a message and a number of lines\r\n"},
    {"NOOP", "NOOP\r\n", "+OK\r\n"},
    {"bare LF and blanks", " NOOP \n", "+OK\r\n"},
    {"unknown", "XYZZY\r\n\r\n",
	"-ERR unknown command\r\n-ERR unknown command\r\n"},
    {"pipelined", "NOOP\r\nLIST 1\r\nNOOP\r\n", "+OK\r\n+OK 1 35\r\n+OK\r\n"},
    {"CAPA", "CAPA\r\n",
	"+OK capabilities follow\r\nTOP\r\nUIDL\r\nPIPELINING\r\n"
	"RESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n"
	"IMPLEMENTATION hearthmail\r\n.\r\n"},
    {"DELE and RSET",
	"DELE 1\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nLIST\r\nRSET\r\nSTAT\r\n",
	"+OK marked for deletion\r\n+OK 2 45\r\n"
	"-ERR that message is deleted\r\n-ERR that message is deleted\r\n"
	"+OK\r\n2 27\r\n3 18\r\n.\r\n+OK 3 messages\r\n+OK 3 80\r\n"},
};

START_TEST(pop3_session__answers_each_row)
{
	size_t i;

	ask(rows[_i].in, rows[_i].want);
	for (i = 0; rows[_i].in[i] != '\0'; i++) {
		char c[2] = {rows[_i].in[i], '\0'};

		say(c);
	}
	hear(rows[_i].want);
}
END_TEST

START_TEST(pop3_session__quit_deletes_what_is_marked)
{
	ask("DELE 2\r\nDELE 1\r\nQUIT\r\n",
	    "+OK marked for deletion\r\n+OK marked for deletion\r\n"
	    "+OK goodbye, 2 deleted\r\n");
	/* Who has read the answer may come again at once. */
	ck_assert(!gate_taken());
	hear_end();
	fd = join();
	hear("+OK 1 message\r\n");
	ask("LIST\r\n", "+OK\r\n1 18\r\n.\r\n");
}
END_TEST

START_TEST(pop3_session__an_end_without_quit_deletes_nothing)
{
	ask("DELE 2\r\n", "+OK marked for deletion\r\n");
	io_close(&fd);
	while (gate_taken())
		usleep(1000);
	fd = join();
	hear("+OK 3 messages\r\n");
}
END_TEST

START_TEST(pop3_session__one_at_a_time)
{
	int other = join();
	char c;

	hear_on(other, "-ERR [IN-USE] another POP3 session has this mailbox; "
		       "try again\r\n");
	ck_assert_int_eq(read(other, &c, 1), 0);
	close(other);
	ask("NOOP\r\n", "+OK\r\n");
	ck_assert(gate_taken());
}
END_TEST

/* What it has marked stays, since it has not said QUIT; and it ends. */
START_TEST(pop3_session__a_silent_one_makes_room)
{
	int other, was = fd;
	char line[40] = "";
	char c;

	ask("DELE 1\r\n", "+OK marked for deletion\r\n");
	/* Silence is a matter of time: until it is taken for silent. */
	for (;;) {
		other = join_after(20);
		ck_assert_int_gt(read(other, line, 12), 0);
		if (line[0] == '+')
			break;
		close(other);
	}
	while (read(other, &c, 1) == 1 && c != '\n')
		;
	ck_assert_int_eq(read(was, &c, 1), 0); /* without a word */
	close(was);
	fd = other;
	ask("STAT\r\n", "+OK 3 80\r\n");
}
END_TEST

START_TEST(pop3_session__sees_the_mailbox_of_its_login)
{
	add(one, sizeof one - 1);
	ask("STAT\r\nRETR 4\r\n",
	    "+OK 3 80\r\n-ERR there is no such message\r\n");
}
END_TEST

START_TEST(pop3_session__uidl_stays)
{
	char first[200], again[200];
	ssize_t n;
	int i;

	say("UIDL\r\n");
	usleep(100000);
	n = recv(fd, first, sizeof first - 1, 0);
	ck_assert_int_gt(n, 30);
	first[n] = '\0';
	say("QUIT\r\n");
	hear("+OK goodbye, 0 deleted\r\n");
	hear_end();
	for (i = 0; gate_taken() && i < 1000; i++)
		usleep(1000);
	fd = join();
	hear("+OK 3 messages\r\n");
	say("UIDL\r\n");
	usleep(100000);
	n = recv(fd, again, sizeof again - 1, 0);
	ck_assert_int_gt(n, 30);
	again[n] = '\0';
	ck_assert_str_eq(first, again);
}
END_TEST

START_TEST(pop3_session__ends_after_too_many_bad_commands)
{
	int i;

	for (i = 0; i < 20; i++)
		ask("X\r\n", "-ERR unknown command\r\n");
	hear_end();
}
END_TEST

START_TEST(pop3_session__ends_at_a_line_that_is_too_long)
{
	char line[1200];

	memset(line, 'x', sizeof line);
	ck_assert_int_eq(io_write_all(fd, line, sizeof line), RC_OK);
	hear("-ERR the line is too long\r\n");
}
END_TEST

START_TEST(pop3_session__stops_with_a_word)
{
	pool_stop_some(pool, NULL, NULL);
	hear("-ERR [SYS/TEMP] the session ends\r\n");
	hear_end();
}
END_TEST

/* What is read in pieces must not show: the header's end at every place
 * around the end of the first piece. */
START_TEST(pop3_session__top_finds_the_headers_end_anywhere)
{
	static char m[33000], want[33100];
	size_t header = (size_t)(32768 - 8 + _i), body;

	memset(m, 'h', header);
	memcpy(m, "X: ", 3);
	memcpy(m + header, "\r\n\r\n", 4);
	body = header + 4;
	memcpy(m + body, "a\r\n.b\r\nc\r\n", 10);
	add(m, body + 10);
	say("QUIT\r\n");
	hear("+OK goodbye, 0 deleted\r\n");
	hear_end();
	while (gate_taken())
		usleep(1000);
	fd = join();
	hear("+OK 4 messages\r\n");
	(void)snprintf(
	    want, sizeof want, "+OK\r\n%.*sa\r\n..b\r\n.\r\n", (int)body, m);
	ask("TOP 4 2\r\n", want);
	(void)snprintf(want, sizeof want, "+OK\r\n%.*s.\r\n", (int)body, m);
	ask("TOP 4 0\r\n", want);
	(void)snprintf(want, sizeof want,
	    "+OK %zu octets\r\n%.*sa\r\n..b\r\nc\r\n.\r\n", body + 10,
	    (int)body, m);
	ask("RETR 4\r\n", want);
}
END_TEST

UNIT_TESTS(session)
{
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, pop3_session__answers_each_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, pop3_session__quit_deletes_what_is_marked);
	tcase_add_test(t, pop3_session__an_end_without_quit_deletes_nothing);
	tcase_add_test(t, pop3_session__one_at_a_time);
	tcase_add_test(t, pop3_session__a_silent_one_makes_room);
	tcase_add_test(t, pop3_session__sees_the_mailbox_of_its_login);
	tcase_add_test(t, pop3_session__uidl_stays);
	tcase_add_test(t, pop3_session__ends_after_too_many_bad_commands);
	tcase_add_test(t, pop3_session__ends_at_a_line_that_is_too_long);
	tcase_add_test(t, pop3_session__stops_with_a_word);
	tcase_add_loop_test(
	    t, pop3_session__top_finds_the_headers_end_anywhere, 0, 10);
	return t;
}
