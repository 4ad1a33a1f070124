/*
 * The client against a server that says what it is told to say: each row is
 * the replies in order, and what the client must have made of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "queue/mx/client.h"
#include "test/unit/unit.h"

#define EHLO  "250-x\r\n250-8BITMIME\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"
#define PLAIN "250 x\r\n"

/* '<' reads a line, '.' reads to the lone dot, '!' hangs up; all else is
 * sent. */
static const struct {
	const char *name, *script;
	bool opens;
	int rc;
	unsigned code[2];
	const char *reply_text; /* within the first recipient's, or why */
	enum {
		SHORT,
		EIGHT_BIT,
		LARGE
	} message;
} rows[] = {
    {"pipelined",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n250 c\r\n354 go"
	"\r\n|.|250 2.0.0 taken\r\n",
	true, RC_OK, {250, 250}, "2.0.0 taken", EIGHT_BIT},
    {"step by step",
	"220 x\r\n|<|" PLAIN "|<|250 a\r\n|<|250 b\r\n|<|250 c"
	"\r\n|<|354 go\r\n|.|250 taken\r\n",
	true, RC_OK, {250, 250}, "taken", SHORT},
    {"one refused",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n550 5.1.1 no\r\n250 c"
	"\r\n354 go\r\n|.|250 taken\r\n",
	true, RC_OK, {550, 250}, "5.1.1 no", SHORT},
    {"all refused, DATA goes on",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n"
	"550 no\r\n451 later\r\n354 go\r\n|.|554 nobody\r\n",
	true, RC_OK, {550, 451}, "550 no", SHORT},
    {"all refused, DATA, too",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n550 no\r\n"
	"550 no\r\n503 nobody\r\n|<|250 reset\r\n",
	true, RC_OK, {550, 550}, "550 no", SHORT},
    {"sender refused",
	"220 x\r\n|<|" EHLO "|<<<<|553 not you\r\n503 x\r\n"
	"503 x\r\n503 x\r\n|<|250 reset\r\n",
	true, RC_OK, {553, 553}, "553 not you", SHORT},
    {"sender refused, step by step", "220 x\r\n|<|" PLAIN "|<|452 full\r\n",
	true, RC_OK, {452, 452}, "452 full", SHORT},
    {"message refused",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n250 c\r\n"
	"354 go\r\n|.|554 5.7.1 spam\r\n",
	true, RC_OK, {554, 554}, "5.7.1 spam", SHORT},
    {"a yes to DATA is no 354",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n250 c\r\n"
	"250 fine\r\n|!",
	true, RC_OK, {451, 451}, "250 fine", SHORT},
    {"gone after the dot",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n250 c"
	"\r\n354 go\r\n|.|!",
	true, RC_OK, {451, 451}, "connection was lost", SHORT},
    {"gone after RCPT", "220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n|!", true,
	RC_TEMP, {0, 0}, "lost at RCPT", SHORT},
    {"554 to MAIL, close", "220 x\r\n|<|" EHLO "|<<<<|554 5.7.1 not you\r\n|!",
	true, RC_OK, {554, 554}, "554 5.7.1 not you", SHORT},
    {"554 to MAIL, close, step by step",
	"220 x\r\n|<|" PLAIN "|<|554 5.7.1 not you\r\n|!", true, RC_OK,
	{554, 554}, "554 5.7.1 not you", SHORT},
    {"452 to MAIL, close", "220 x\r\n|<|" EHLO "|<<<<|452 full\r\n|!", true,
	RC_OK, {452, 452}, "452 full", SHORT},
    {"421 to MAIL", "220 x\r\n|<|" EHLO "|<<<<|421 bye\r\n", true, RC_OK,
	{421, 421}, "421 bye", SHORT},
    {"550 to RCPT, close",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n550 5.1.1 no\r\n|!", true, RC_OK,
	{550, 451}, "550 5.1.1 no", SHORT},
    {"550 to RCPT, close, step by step",
	"220 x\r\n|<|" PLAIN "|<|250 a\r\n|<|550 5.1.1 no\r\n|!", true, RC_OK,
	{550, 451}, "550 5.1.1 no", SHORT},
    {"550 to all, close before DATA's",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n550 no\r\n450 no\r\n|!", true,
	RC_OK, {550, 450}, "550 no", SHORT},
    {"one 250, one 550, close",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n550 no\r\n|!", true, RC_OK,
	{451, 550}, "connection was lost at DATA", SHORT},
    {"one 250, one 550, close, step by step",
	"220 x\r\n|<|" PLAIN "|<|250 a\r\n|<|250 b\r\n|<|550 no\r\n|!", true,
	RC_OK, {451, 550}, "connection was lost at DATA", SHORT},
    {"one 451, silence",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n451 4.7.1 grey\r\n|", true, RC_OK,
	{451, 451}, "451 4.7.1 grey", SHORT},
    {"one 550, 421",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n550 no\r\n421 bye\r\n|", true,
	RC_OK, {550, 421}, "550 no", SHORT},
    {"one 250, 421", "220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n421 bye\r\n|",
	true, RC_OK, {451, 421}, "421 bye", SHORT},
    {"421 to DATA",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n550 no\r\n421 bye\r\n|",
	true, RC_OK, {421, 550}, "421 bye", SHORT},
    {"gone after one 550 and 354",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n550 no\r\n354 go\r\n|.|!",
	true, RC_OK, {451, 550}, "lost at the message's end", SHORT},
    {"421 after the dot",
	"220 x\r\n|<|" EHLO "|<<<<|250 a\r\n250 b\r\n250 c\r\n"
	"354 go\r\n|.|421 bye\r\n|",
	true, RC_OK, {421, 421}, "421 bye", SHORT},
    {"552 within the message, close",
	"220 x\r\n|<|" PLAIN "|<|250 a\r\n|<|250 b\r\n|<|250 c\r\n"
	"|<|354 go\r\n552 5.3.4 too large\r\n|!",
	true, RC_OK, {552, 552}, "552 5.3.4 too large", LARGE},
    {"a yes within the message, close",
	"220 x\r\n|<|" PLAIN "|<|250 a\r\n|<|250 b\r\n|<|250 c\r\n"
	"|<|354 go\r\n250 taken\r\n|!",
	true, RC_OK, {451, 451}, "lost within the message", LARGE},
    {"HELO only",
	"220 x\r\n|<|502 what?\r\n|<|" PLAIN "|<|250 a\r\n|<|250 b"
	"\r\n|<|250 c\r\n|<|354 go\r\n|.|250 taken\r\n",
	true, RC_OK, {250, 250}, "taken", SHORT},
    {"no 8BITMIME", "220 x\r\n|<|" PLAIN, true, RC_OK, {554, 554}, "5.6.3",
	EIGHT_BIT},
    {"too large", "220 x\r\n|<|250-x\r\n250 SIZE 5\r\n", true, RC_OK,
	{552, 552}, "5.3.4", SHORT},
    {"closed door", "554 no service\r\n|!", false, RC_TEMP, {0, 0},
	"554 no service", SHORT},
    {"no SMTP", "HTTP/1.1 400\r\n|!", false, RC_TEMP, {0, 0},
	"not an SMTP reply", SHORT},
    {"nothing", "!", false, RC_TEMP, {0, 0}, "lost at the greeting", SHORT},
    {"silence", "|", false, RC_TEMP, {0, 0}, "no answer to the greeting",
	SHORT},
    {"EHLO 421", "220 x\r\n|<|421 busy\r\n|!", false, RC_TEMP, {0, 0},
	"421 busy", SHORT},
};

static int listener = -1;
static uint16_t port;

static void
setup(void)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
}

static void
teardown(void)
{
	io_close(&listener);
}

static void
read_to(FILE *f, const char *end)
{
	char line[2000];

	while (fgets(line, sizeof line, f) != NULL)
		if (end == NULL || strcmp(line, end) == 0)
			return;
}

static void *
serve(void *arg)
{
	struct sv script = sv_str(arg);
	int fd = accept(listener, NULL, NULL);
	FILE *f = fdopen(fd, "r");

	while (script.n > 0) {
		struct sv step = sv_split(&script, '|');

		for (; step.n > 0 && step.p[0] == '<'; step = sv_skip(step, 1))
			read_to(f, NULL);
		if (sv_eq(step, SV(".")))
			read_to(f, ".\r\n");
		else if (sv_eq(step, SV("!")))
			break;
		else
			(void)send(fd, step.p, step.n, MSG_NOSIGNAL);
	}
	if (script.p != NULL && script.n == 0 && ((char *)arg)[0] != '!')
		read_to(f, "never");
	fclose(f);
	return NULL;
}

/* Nothing more can be said to whoever has gone, or is about to. */
static bool
is_over(const char *script)
{
	size_t n = strlen(script);

	return script[n - 1] == '!' || script[n - 1] == '|' ||
	       strstr(script, "421 ") != NULL;
}

START_TEST(client__makes_of_each_row_what_it_must)
{
	char *script = strdup(rows[_i].script);
	struct route_address to = {.host = "mx.example.test"};
	struct client_opts o = {.hostname = "mail.example.org",
	    .policy = CLIENT_TLS_OFF,
	    .port = port,
	    .timeout = {1000, 300, 2000, 2000, 2000, 2000, 5000, 5000, 5000}};
	struct client_rcpt rcpt[2] = {
	    {.address = "a@example.test"}, {.address = "b@example.test"}};
	struct client_message m = {.sender = "x@example.org",
	    .fd = memfd_create("m", MFD_CLOEXEC),
	    .size = rows[_i].message == LARGE ? 32u << 20 : 13,
	    .eight_bit = rows[_i].message == EIGHT_BIT,
	    .rcpt = rcpt,
	    .nrcpt = 2};
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;
	pthread_t t;
	int r;

	ck_assert_int_eq(io_write_all(m.fd, "Subject: x\r\n\n", 13), RC_OK);
	ck_assert_int_eq(ftruncate(m.fd, (off_t)m.size), 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.ip), 1);
	ck_assert_int_eq(pthread_create(&t, NULL, serve, script), 0);
	r = client_open(&o, &to, &c, &why);
	ck_assert_msg((r == RC_OK) == rows[_i].opens, "%s: %s", rows[_i].name,
	    why.reply_text);
	if (r == RC_OK) {
		r = client_send(c, &m, &why);
		ck_assert_msg(r == rows[_i].rc, "%s: %s: %s", rows[_i].name,
		    rc_name(r), why.reply_text);
		ck_assert_msg(!is_over(rows[_i].script) || client_worn(c), "%s",
		    rows[_i].name);
	}
	if (r == RC_OK) {
		ck_assert_msg(rcpt[0].code == rows[_i].code[0] &&
				  rcpt[1].code == rows[_i].code[1],
		    "%s: %u %u", rows[_i].name, rcpt[0].code, rcpt[1].code);
		(void)snprintf(why.reply_text, sizeof why.reply_text, "%s",
		    rcpt[0].reply_text);
	}
	ck_assert_msg(strstr(why.reply_text, rows[_i].reply_text) != NULL,
	    "%s: %s", rows[_i].name, why.reply_text);
	client_close(&c);
	ck_assert_ptr_null(c);
	pthread_join(t, NULL);
	close(m.fd);
	free(script);
}
END_TEST

/* A host that has had enough of a connection says so with the next MAIL. */
START_TEST(client__421_to_a_second_message_is_for_another_connection)
{
	char *script =
	    strdup("220 x\r\n|<|" EHLO
		   "|<<<<|250 a\r\n250 b\r\n550 c\r\n354 go\r\n|.|250 taken"
		   "\r\n|<<<<|421 enough\r\n|!");
	struct route_address to = {.host = "mx.example.test"};
	struct client_opts o = {.hostname = "mail.example.org",
	    .policy = CLIENT_TLS_OFF,
	    .port = port,
	    .timeout = {1000, 300, 2000, 2000, 2000, 2000, 5000, 5000, 5000}};
	struct client_rcpt rcpt[2] = {
	    {.address = "a@example.test"}, {.address = "b@example.test"}};
	struct client_message m = {.sender = "x@example.org",
	    .fd = memfd_create("m", MFD_CLOEXEC),
	    .size = 13,
	    .rcpt = rcpt,
	    .nrcpt = 2};
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;
	pthread_t t;

	ck_assert_int_eq(io_write_all(m.fd, "Subject: x\r\n\n", 13), RC_OK);
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.ip), 1);
	ck_assert_int_eq(pthread_create(&t, NULL, serve, script), 0);
	ck_assert_int_eq(client_open(&o, &to, &c, &why), RC_OK);
	ck_assert_int_eq(client_send(c, &m, &why), RC_OK);
	ck_assert(!client_worn(c));
	ck_assert_int_eq(client_send(c, &m, &why), RC_TEMP);
	ck_assert_ptr_nonnull(strstr(why.reply_text, "421 enough"));
	ck_assert(client_worn(c));
	client_close(&c);
	pthread_join(t, NULL);
	close(m.fd);
	free(script);
}
END_TEST

START_TEST(client_open__says_who_does_not_answer)
{
	struct route_address to = {.host = "mx.example.test"};
	struct client_opts o = {
	    .hostname = "x", .port = port, .timeout = CLIENT_TIMEOUTS};
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;

	io_close(&listener);
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.ip), 1);
	ck_assert_int_eq(client_open(&o, &to, &c, &why), RC_TEMP);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(why.reply_text,
	    "cannot connect to mx.example.test[127.0.0.1]: Connection "
	    "refused");
}
END_TEST

/* From the address that the configuration names; not without it. */
START_TEST(client_open__comes_from_its_source)
{
	struct route_address to = {.host = "mx.example.test"};
	struct client_opts o = {.hostname = "x",
	    .policy = CLIENT_TLS_OFF,
	    .port = port,
	    .source4 = "127.0.0.9",
	    .source6 = "2001:db8::1",
	    .timeout = CLIENT_TIMEOUTS};
	struct sockaddr_in from;
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;
	socklen_t len = sizeof from;
	int fd;

	ck_assert_int_eq(inet_pton(AF_INET6, "2001:db8::2", &to.ip), 1);
	ck_assert_int_eq(client_open(&o, &to, &c, &why), RC_TEMP);
	ck_assert_ptr_nonnull(strstr(why.reply_text,
	    "cannot connect from 2001:db8::1 (outbound.source)"));
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.ip), 1);
	o.timeout.greeting = 1; /* it says nothing */
	ck_assert_int_eq(client_open(&o, &to, &c, &why), RC_TEMP);
	fd = accept(listener, (struct sockaddr *)&from, &len);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(ntohl(from.sin_addr.s_addr), 0x7f000009);
	io_close(&fd);
}
END_TEST

static struct client_opts
impatient(void)
{
	return (struct client_opts){.hostname = "mail.example.org",
	    .policy = CLIENT_TLS_OFF,
	    .port = port,
	    .timeout = {
		1000, 60000, 60000, 60000, 60000, 60000, 500, 500, 500}};
}

/* A host that never rests and never gets anywhere: what it says after its
 * script it repeats, a byte at a time, and it reads as slowly. */
struct dribble {
	const char *script, *for_ever;
};

static bool enough; /* the client is through */

static void *
dribble(void *arg)
{
	const struct dribble *d = arg;
	const struct timespec pause = {0, 5 * 1000 * 1000};
	int fd = accept(listener, NULL, NULL), i;
	char some[4096];

	(void)send(fd, d->script, strlen(d->script), MSG_NOSIGNAL);
	/* Ten seconds: far beyond what the client may wait. */
	for (i = 0; i < 2000 && !__atomic_load_n(&enough, __ATOMIC_SEQ_CST);
	     i++) {
		if (d->for_ever[0] != '\0' &&
		    send(fd, d->for_ever + (size_t)i % strlen(d->for_ever), 1,
			MSG_NOSIGNAL) < 0)
			break;
		if (recv(fd, some, sizeof some, MSG_DONTWAIT) <= 0 &&
		    errno != EAGAIN)
			break;
		(void)nanosleep(&pause, NULL);
	}
	close(fd);
	return NULL;
}

START_TEST(client__a_host_that_gets_nowhere_is_given_up)
{
	static const struct {
		struct dribble d;
		bool opens;
		const char *reply_text;
	} slow[] = {
	    {{"", "220-x\r\n"}, false, "greeting"},
	    {{"220 x\r\n", "250-x\r\n"}, false, "EHLO"},
	    {{"220 x\r\n250 x\r\n", "250-x\r\n"}, true, "MAIL"},
	    {{"220 x\r\n250 x\r\n250 a\r\n250 b\r\n", "3"}, true, "DATA"},
	    {{"220 x\r\n250 x\r\n250 a\r\n250 b\r\n354 go\r\n", ""}, true,
		"not taken in time"},
	};
	const uint64_t size = 16u << 20;
	struct route_address to = {.host = "mx.example.test"};
	struct client_opts o = impatient();
	struct client_rcpt rcpt = {.address = "a@example.test"};
	struct client_message m = {.sender = "x@example.org",
	    .fd = memfd_create("m", MFD_CLOEXEC),
	    .size = size,
	    .rcpt = &rcpt,
	    .nrcpt = 1};
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;
	int64_t began = clk_mono();
	pthread_t t;
	int r;

	__atomic_store_n(&enough, false, __ATOMIC_SEQ_CST);
	ck_assert_int_eq(ftruncate(m.fd, (off_t)size), 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.ip), 1);
	ck_assert_int_eq(
	    pthread_create(&t, NULL, dribble, (void *)(uintptr_t)&slow[_i].d),
	    0);
	r = client_open(&o, &to, &c, &why);
	ck_assert_msg((r == RC_OK) == slow[_i].opens, "%s", why.reply_text);
	if (r == RC_OK && client_send(c, &m, &why) == RC_OK) {
		ck_assert_uint_eq(rcpt.code, 451);
		(void)snprintf(why.reply_text, sizeof why.reply_text, "%s",
		    rcpt.reply_text);
	}
	ck_assert_msg(strstr(why.reply_text, slow[_i].reply_text) != NULL, "%s",
	    why.reply_text);
	client_close(&c);
	ck_assert_int_lt(clk_mono() - began, 60000);
	__atomic_store_n(&enough, true, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
	close(m.fd);
}
END_TEST

UNIT_TESTS(client)
{
	TCase *t = tcase_create("client");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, client__makes_of_each_row_what_it_must, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(
	    t, client__a_host_that_gets_nowhere_is_given_up, 0, 5);
	tcase_add_test(
	    t, client__421_to_a_second_message_is_for_another_connection);
	tcase_add_test(t, client_open__says_who_does_not_answer);
	tcase_add_test(t, client_open__comes_from_its_source);
	return t;
}
