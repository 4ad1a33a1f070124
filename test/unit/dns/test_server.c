#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/be.h"
#include "base/log.h"
#include "dns/authority.h"
#include "dns/dns.h"
#include "dns/packet.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "test/unit/unit.h"

/*
 * A name server on the loopback that knows a few names: the whole way of a
 * question through line, server, libunbound and our event base, with no
 * network.  (Recursion and validation: test/system/test_dns.py.)
 */
struct far {
	int fd;
	char address[64];
	pthread_t thread;
	_Atomic unsigned asked;
	_Atomic bool mute;
};

static size_t
far_answer(struct far *f, char *p, size_t n)
{
	static const char data[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
	static const char ns[] = "\0\0\2\0\1\0\0\0\x3c\0\5\1n\1t\0";
	struct dns_wire name;
	char text[DNS_NAME_MAX] = "";
	size_t at = 12;

	if (dns_wire_read(sv_of(p, n), &at, &name) != RC_OK ||
	    dns_wire_text(&name, text) != RC_OK || f->mute ||
	    sv_starts(sv_str(text), SV("silent")))
		return 0;
	at += 4; /* type and class; what EDNS has added goes */
	f->asked++;
	be_put16(p + 2, 0x8180);
	be_put16(p + 6, 1);
	be_put16(p + 8, 0);
	be_put16(p + 10, 0);
	if (strcmp(text, "") == 0) {
		memcpy(p + at, ns, sizeof ns - 1);
		return at + sizeof ns - 1;
	}
	if (sv_starts(sv_str(text), SV("a"))) {
		memcpy(p + at, data, sizeof data - 1);
		return at + sizeof data - 1;
	}
	be_put16(
	    p + 2, sv_starts(sv_str(text), SV("broken")) ? 0x8182 : 0x8183);
	be_put16(p + 6, 0);
	return at;
}

static void *
far_run(void *arg)
{
	struct far *f = arg;
	struct sockaddr_in from;
	char p[2048];

	for (;;) {
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(
		    f->fd, p, sizeof p - 64, 0, (struct sockaddr *)&from, &len);

		if (n < 12)
			return NULL;
		n = (ssize_t)far_answer(f, p, (size_t)n);
		if (n > 0)
			(void)sendto(f->fd, p, (size_t)n, 0,
			    (struct sockaddr *)&from, len);
	}
}

static void
far_start(struct far *f)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(f->fd, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(
	    f->address, sizeof f->address, "127.0.0.1:%u", ntohs(a.sin_port));
	ck_assert_int_eq(pthread_create(&f->thread, NULL, far_run, f), 0);
}

static void
far_stop(struct far *f)
{
	(void)shutdown(f->fd, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	(void)close(f->fd);
}

struct near {
	struct ev_loop *loop;
	struct dns_server *server;
	struct peer *peer;
	unsigned open, ok, none, temp;
};

static void
near_start(
    struct near *t, const struct far *f, const struct dns_server_limits *limits)
{
	struct dns_server_opts o = {.validate = false, .limits = *limits};
	struct err err = {.text = ""};
	int fd[2];

	log_setup("test", LOG_ERROR);
	buf_init(&o.anchors, 0);
	ck_assert_int_eq(
	    dns_servers_add(&o.forward, sv_str(f->address)), RC_OK);
	t->loop = ev_loop_new();
	ck_assert_msg(dns_server_new(t->loop, &o, &t->server, &err) == RC_OK,
	    "%s", err.text);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	dns_server_add_client(t->server, fd[0]);
	t->peer = peer_new(t->loop, "dns", NULL, NULL, NULL);
	peer_connect(t->peer, fd[1]);
	dns_server_start(t->server);
}

static void
near_stop(struct near *t)
{
	peer_free(&t->peer);
	dns_server_free(&t->server);
	ev_loop_free(&t->loop);
}

static void
on_done(struct dns_answer *a, void *arg)
{
	struct near *t = arg;

	t->ok += a->rc == RC_OK && a->n > 0;
	t->none += a->rc == RC_NOTFOUND;
	t->temp += a->rc == RC_TEMP;
	if (--t->open == 0)
		ev_stop(t->loop);
}

static void
ask(struct near *t, const char *name)
{
	t->open++;
	ck_assert_int_eq(
	    dns_ask(t->peer, name, DNS_A, 20000, on_done, t), RC_OK);
}

static const struct dns_server_limits limits = {
    .per_line = 8, .all = 20, .answer_ms = 500, .probe_ms = 3000};

START_TEST(dns_server__answers)
{
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	unsigned asked;

	far_start(&f);
	near_start(&t, &f, &limits);
	ask(&t, "a.test");
	ask(&t, "a.test");
	ask(&t, "nothing.test");
	ask(&t, "broken.test");
	ev_run(t.loop);
	ck_assert_uint_eq(t.ok, 2);
	ck_assert_uint_eq(t.none, 1);
	ck_assert_uint_eq(t.temp, 1);
	/* From the cache. */
	asked = f.asked;
	ask(&t, "a.test");
	ev_run(t.loop);
	ck_assert_uint_eq(t.ok, 3);
	ck_assert_uint_eq(f.asked, asked);
	near_stop(&t);
	far_stop(&f);
}
END_TEST

/* Names that macros have made reach the name server as they are, and no type
 * whose answers name hosts of another kind is asked for by them. */
START_TEST(dns_server__asks_for_any_name)
{
	static const char *const names[] = {
	    "a+b=c._e.test", "a b\\c.test", "a\"(;)@$/.test", "a\\046.test"};
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	size_t i;

	far_start(&f);
	near_start(&t, &f, &limits);
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		t.open = 1;
		ck_assert_int_eq(
		    dns_ask_any(t.peer, names[i], DNS_A, 20000, on_done, &t),
		    RC_OK);
		ev_run(t.loop);
		ck_assert_msg(t.ok == i + 1, "%s", names[i]);
		ck_assert_int_eq(
		    dns_ask(t.peer, names[i], DNS_A, 20000, on_done, &t),
		    RC_SYNTAX);
	}
	t.open = 1;
	ck_assert_int_eq(
	    dns_ask_any(t.peer, "a+b.test", DNS_PTR, 20000, on_done, &t),
	    RC_OK);
	ev_run(t.loop);
	ck_assert_uint_eq(t.temp, 1);
	near_stop(&t);
	far_stop(&f);
}
END_TEST

static void
count_call(const struct resolver_answer *a, void *arg)
{
	(void)a;
	++*(unsigned *)arg;
}

/* Whoever frees it is not called back. */
START_TEST(resolver__ends_without_a_word)
{
	struct far f = {.asked = 0, .mute = true};
	struct dns_server_opts o = {.validate = false};
	struct resolver_opts ro = {.root = &o.hints, .forward = &o.forward};
	struct ev_loop *loop = ev_loop_new();
	struct err err = {.text = ""};
	struct resolver *r = NULL;
	unsigned calls = 0;

	far_start(&f);
	ck_assert_int_eq(dns_servers_add(&o.forward, sv_str(f.address)), RC_OK);
	ck_assert_msg(
	    resolver_new(loop, &ro, &r, &err) == RC_OK, "%s", err.text);
	ck_assert_int_eq(
	    resolver_ask(r, "silent.test", DNS_A, count_call, &calls), RC_OK);
	resolver_free(&r);
	ck_assert_uint_eq(calls, 0);
	ev_loop_free(&loop);
	far_stop(&f);
}
END_TEST

START_TEST(dns_server__caps_a_line_and_keeps_deadlines)
{
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	char name[64];
	int i;

	far_start(&f);
	near_start(&t, &f, &limits);
	ask(&t, "a.test");
	ev_run(t.loop);
	for (i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof name, "silent%d.test", i);
		ask(&t, name);
	}
	/* Four refused at once, eight at their deadline. */
	ev_run(t.loop);
	ck_assert_uint_eq(t.temp, 12);
	/* They are with the resolver still, and count. */
	ask(&t, "a.test");
	ev_run(t.loop);
	ck_assert_uint_eq(t.ok, 1);
	ck_assert_uint_eq(t.temp, 13);
	/* Freed with questions open. */
	near_stop(&t);
	far_stop(&f);
}
END_TEST

START_TEST(dns_server__goes_on_when_who_asks_is_gone)
{
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	struct peer *gone;
	int fd[2];

	far_start(&f);
	near_start(&t, &f, &limits);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	dns_server_add_client(t.server, fd[0]);
	gone = peer_new(t.loop, "dns", NULL, NULL, NULL);
	peer_connect(gone, fd[1]);
	t.open++;
	ck_assert_int_eq(
	    dns_ask(gone, "a2.test", DNS_A, 20000, on_done, &t), RC_OK);
	t.open++;
	ck_assert_int_eq(
	    dns_ask(gone, "silent.test", DNS_A, 20000, on_done, &t), RC_OK);
	ask(&t, "a.test");
	peer_free(&gone);
	ev_run(t.loop);
	ck_assert_uint_eq(t.ok, 1);
	ck_assert_uint_eq(t.temp, 2);
	near_stop(&t);
	far_stop(&f);
}
END_TEST

START_TEST(dns_server__answers_though_nothing_works)
{
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	struct dns_server_limits l = limits;

	l.probe_ms = 300;
	f.mute = true;
	far_start(&f);
	near_start(&t, &f, &l);
	ask(&t, "a.test");
	ev_run(t.loop);
	ck_assert_uint_eq(t.temp, 1);
	near_stop(&t);
	far_stop(&f);
}
END_TEST

/* ---- a line that may ask for little ---- */

static bool
is_of_house(const char *name, void *arg)
{
	(void)arg;
	return sv_starts(sv_str(name), SV("key.house."));
}

static void
on_far(struct dns_authority *a, void *arg)
{
	struct near *t = arg;

	t->ok += a->rc == RC_OK;
	t->temp += a->rc == RC_TEMP;
	if (--t->open == 0)
		ev_stop(t->loop);
}

static void
ask_far(struct near *t, struct peer *p, const char *name, enum dns_type type)
{
	t->open++;
	ck_assert_int_eq(
	    dns_authority_ask(p, name, type, 20000, on_far, t), RC_OK);
	ev_run(t->loop);
}

START_TEST(dns_server__gives_no_network_to_who_may_ask_for_little)
{
	const struct dns_server_few few = {.may = is_of_house, .per_hour = 2};
	struct far f = {.asked = 0};
	struct near t = {.open = 0};
	struct peer *little;
	unsigned asked;
	int fd[2];

	far_start(&f);
	near_start(&t, &f, &limits);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	dns_server_add_few(t.server, fd[0], &few);
	little = peer_new(t.loop, "dns", NULL, NULL, NULL);
	peer_connect(little, fd[1]);
	ask(&t, "a.test");
	ev_run(t.loop);
	asked = f.asked;
	/* Not like this, nor for that, nor of that type. */
	t.open++;
	ck_assert_int_eq(
	    dns_ask(little, "key.house.test", DNS_TXT, 20000, on_done, &t),
	    RC_OK);
	ev_run(t.loop);
	ask_far(&t, little, "secret.evil.test", DNS_TXT);
	ask_far(&t, little, "key.house.test", DNS_A);
	ck_assert_uint_eq(t.temp, 3);
	ck_assert_uint_eq(f.asked, asked);
	/* Those are looked for: here in vain. */
	ask_far(&t, little, "key.house.test", DNS_TXT);
	ck_assert_uint_gt(f.asked, asked);
	ask_far(&t, little, "key.house.test", DNS_TXT);
	asked = f.asked;
	ask_far(&t, little, "key.house.test", DNS_TXT);
	ck_assert_uint_eq(f.asked, asked);
	/* Others may ask for any name, but not of a server of their choice. */
	ask_far(&t, t.peer, "other.test", DNS_A);
	ck_assert_uint_eq(f.asked, asked);
	ask(&t, "other.test");
	ev_run(t.loop);
	ck_assert_uint_gt(f.asked, asked);
	peer_free(&little);
	near_stop(&t);
	far_stop(&f);
}
END_TEST

UNIT_TESTS(server)
{
	TCase *t = tcase_create("server");

	tcase_add_test(t, dns_server__answers);
	tcase_add_test(t, dns_server__asks_for_any_name);
	tcase_add_test(t, resolver__ends_without_a_word);
	tcase_add_test(t, dns_server__caps_a_line_and_keeps_deadlines);
	tcase_add_test(t, dns_server__goes_on_when_who_asks_is_gone);
	tcase_add_test(t, dns_server__answers_though_nothing_works);
	tcase_add_test(
	    t, dns_server__gives_no_network_to_who_may_ask_for_little);
	return t;
}
