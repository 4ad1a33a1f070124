#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

struct place {
	struct fixture k;
	struct smtp_server *s;
	struct sockaddr_in at;
};

static void
place_open(struct place *p, const struct smtp_limits *l)
{
	socklen_t n = sizeof p->at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	fixture_init(&p->k, false);
	p->k.o.limits = *l;
	p->k.o.limits.loopback = true;
	p->at = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	p->at.sin_addr.s_addr = htonl(INADDR_ANY);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&p->at, n), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&p->at, &n), 0);
	p->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->s = smtp_server_new(&p->k.o);
	smtp_server_add(p->s, fd, false);
	smtp_server_start(p->s);
}

/* A connection from 127.0.net.host. */
static int
dial(struct place *p, unsigned net, unsigned host)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(0x7f000000 | net << 8 | host)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&p->at, sizeof p->at), 0);
	return fd;
}

/* The first three bytes it says: 0 if it closes. */
static int
hear(int fd)
{
	char b[4] = "";
	uint32_t code = 0;
	size_t n = 0;

	while (n < 3 && read(fd, b + n, 1) == 1)
		n++;
	if (n == 3)
		ck_assert_int_eq(sv_to_u32(sv_of(b, 3), 999, &code), RC_OK);
	while (n == 3 && read(fd, b, 1) == 1 && b[0] != '\n')
		;
	return (int)code;
}

static void
on_drained(void *arg)
{
	*(atomic_bool *)arg = true;
}

static void
place_close(struct place *p)
{
	static atomic_bool drained;
	const struct timespec pause = {0, 10 * 1000 * 1000};

	atomic_store(&drained, false);
	smtp_server_drain(p->s, 0, on_drained, &drained);
	while (!atomic_load(&drained))
		(void)nanosleep(&pause, NULL);
	smtp_server_free(&p->s);
	fixture_fini(&p->k);
}

START_TEST(smtp_server__limits_each_peer)
{
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;
	struct place p;
	int fd[4], i;

	l.connections_per_peer = 2;
	place_open(&p, &l);
	for (i = 0; i < 3; i++) {
		fd[i] = dial(&p, 0, 2);
		ck_assert_int_eq(hear(fd[i]), i < 2 ? 220 : 421);
	}
	fd[3] = dial(&p, 0, 3); /* another one is welcome */
	ck_assert_int_eq(hear(fd[3]), 220);
	for (i = 0; i < 4; i++)
		(void)close(fd[i]);
	place_close(&p);
}
END_TEST

START_TEST(smtp_server__limits_each_network)
{
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;
	struct place p;
	int fd[4], i;

	l.connections = 30; /* a tenth: 3 */
	place_open(&p, &l);
	for (i = 0; i < 4; i++) {
		fd[i] = dial(&p, 1, (unsigned)i + 1);
		ck_assert_int_eq(hear(fd[i]), i < 3 ? 220 : 421);
	}
	(void)close(fd[3]);
	fd[3] = dial(&p, 2, 1);
	ck_assert_int_eq(hear(fd[3]), 220);
	for (i = 0; i < 4; i++)
		(void)close(fd[i]);
	place_close(&p);
}
END_TEST

/* At 80 % the one that has moved least of late makes room, also if it drips
 * bytes all the time. */
START_TEST(smtp_server__crowded_the_slowest_leaves)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;
	struct place p;
	int fd[9];
	unsigned i;

	l.connections = 10;
	place_open(&p, &l);
	for (i = 0; i < 8; i++) {
		fd[i] = dial(&p, i + 1, 1);
		ck_assert_int_eq(hear(fd[i]), 220);
	}
	for (i = 0; i < 8; i++) {
		/* All but the fourth say something whole. */
		(void)nanosleep(&pause, NULL);
		if (i == 3) {
			ck_assert_int_eq(write(fd[i], "NO", 2), 2);
			continue;
		}
		ck_assert_int_eq(write(fd[i], "NOOP\r\n", 6), 6);
		ck_assert_int_eq(hear(fd[i]), 250);
	}
	fd[8] = dial(&p, 100, 1);
	ck_assert_int_eq(hear(fd[8]), 220);
	ck_assert_int_eq(hear(fd[3]), 421);
	ck_assert_int_eq(hear(fd[3]), 0);
	for (i = 0; i < 9; i++)
		(void)close(fd[i]);
	place_close(&p);
}
END_TEST

START_TEST(smtp_server__drain_waits_and_then_ends)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;
	static atomic_bool drained;
	struct place p;
	int fd;

	place_open(&p, &l);
	fd = dial(&p, 0, 2);
	ck_assert_int_eq(hear(fd), 220);
	smtp_server_drain(p.s, 300, on_drained, &drained);
	ck_assert_int_eq(write(fd, "NOOP\r\n", 6), 6);
	ck_assert_int_eq(hear(fd), 250);
	ck_assert(!atomic_load(&drained));
	ck_assert_int_eq(hear(fd), 421);
	while (!atomic_load(&drained))
		(void)nanosleep(&pause, NULL);
	ck_assert_uint_eq(smtp_server_count(p.s), 0);
	(void)close(fd);
	smtp_server_free(&p.s);
	fixture_fini(&p.k);
}
END_TEST

START_TEST(smtp_server__rate_of_a_network)
{
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;
	struct place p;
	int fd, i;

	l.messages_per_hour = 2;
	place_open(&p, &l);
	fd = dial(&p, 0, 2);
	ck_assert_int_eq(hear(fd), 220);
	ck_assert_int_eq(write(fd, "HELO c\r\n", 8), 8);
	ck_assert_int_eq(hear(fd), 250);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(write(fd, "MAIL FROM:<>\r\n", 14), 14);
		ck_assert_int_eq(hear(fd), i < 2 ? 250 : 451);
		ck_assert_int_eq(write(fd, "RSET\r\n", 6), 6);
		ck_assert_int_eq(hear(fd), 250);
	}
	(void)close(fd);
	place_close(&p);
}
END_TEST

UNIT_TESTS(server)
{
	TCase *tc = tcase_create("server");

	tcase_add_test(tc, smtp_server__limits_each_peer);
	tcase_add_test(tc, smtp_server__limits_each_network);
	tcase_add_test(tc, smtp_server__crowded_the_slowest_leaves);
	tcase_add_test(tc, smtp_server__drain_waits_and_then_ends);
	tcase_add_test(tc, smtp_server__rate_of_a_network);
	return tc;
}
