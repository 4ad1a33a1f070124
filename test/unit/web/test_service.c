/* What the process that gets certificates may tell, over a line. */
#include <stdlib.h>
#include <unistd.h>

#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_web.h"
#include "ipc/proto.h"
#include "web/service.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct tls_ctx *tls;
static struct sni *sni;
static struct conf *conf;
static struct web_site *site;
static struct web_service *service;
static struct line *line;
static int answered;
static bool ended;

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	char text[ERR_TEXT_MAX];

	(void)l;
	(void)arg;
	ck_assert_int_eq(m->type, MSG_REPLY);
	answered = msg_answer_read(m, RC_DAMAGED, text);
	ev_stop(loop);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
	ended = true;
	ev_stop(loop);
}

static void
setup(void)
{
	struct conf_errors e = {0};
	struct buf cert, key;
	struct err err;
	int fd[2];

	tls_library_setup();
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mail.a.test", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &tls, &err), RC_OK);
	ck_assert_int_eq(conf_parse(SV("hostname: mail.a.test\n"
				       "domains: [a.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &conf, &e),
	    RC_OK);
	loop = ev_loop_new();
	sni = sni_new(tls);
	site = web_site_new(conf, sni, NULL, -1);
	service = web_service_new(loop, site);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	web_service_add(service, fd[0]);
	line = line_new(loop, fd[1], on_msg, on_eof, NULL);
	ended = false;
	buf_fini(&cert);
	buf_fini(&key);
}

static void
teardown(void)
{
	line_free(&line);
	web_service_free(&service);
	web_site_free(&site);
	conf_free(&conf);
	tls_ctx_free(&tls);
	sni_free(&sni);
	ev_loop_free(&loop);
}

/* Consumes m; the answer. */
static int
ask(struct msg *m)
{
	m->id = 7;
	ck_assert_int_eq(line_send(line, m), RC_OK);
	ev_run(loop);
	return answered;
}

static int
set(const char *token, const char *answer)
{
	const struct http_challenge v = {sv_str(token), sv_str(answer)};
	struct msg m;

	msg_init(&m, HTTP_CHALLENGE_SET);
	http_challenge_put(&m, &v);
	return ask(&m);
}

static int
clear(const char *token)
{
	const struct http_challenge_end v = {sv_str(token)};
	struct msg m;

	msg_init(&m, HTTP_CHALLENGE_CLEAR);
	http_challenge_end_put(&m, &v);
	return ask(&m);
}

static bool
is_there(const char *token)
{
	struct buf b;
	bool is;

	buf_init(&b, 1000);
	is = challenges_find(web_site_challenges(site), sv_str(token), &b);
	buf_fini(&b);
	return is;
}

START_TEST(service__takes_challenges)
{
	ck_assert_int_eq(set("a", "a.x"), RC_OK);
	ck_assert_int_eq(set("b", "b.x"), RC_OK);
	ck_assert_int_eq(set("c d", "x"), RC_SYNTAX);
	ck_assert(is_there("a") && is_there("b") && !is_there("c d"));
	ck_assert_int_eq(clear("a"), RC_OK);
	ck_assert_int_eq(clear("nothing"), RC_OK);
	ck_assert(!is_there("a") && is_there("b"));
	ck_assert_int_eq(clear(""), RC_OK);
	ck_assert(!is_there("b"));
}
END_TEST

static int
certificate(const char *id, const char *name)
{
	struct web_certificate v = {.id = sv_str(id)};
	struct buf cert, key;
	struct err err;
	struct msg m;
	int r;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	if (name != NULL)
		ck_assert_int_eq(
		    tls_self_signed(name, &cert, &key, &err), RC_OK);
	v.cert_pem = buf_sv(&cert);
	v.key_pem = buf_sv(&key);
	msg_init(&m, WEB_CERTIFICATE);
	web_certificate_put(&m, &v);
	r = ask(&m);
	buf_fini(&cert);
	buf_fini(&key);
	return r;
}

START_TEST(service__takes_certificates)
{
	ck_assert_int_eq(certificate("a.test", "mta-sts.a.test"), RC_OK);
	ck_assert(sni_is_for(sni, "mta-sts.a.test"));
	ck_assert_int_eq(certificate("a.test", "autoconfig.a.test"), RC_OK);
	ck_assert(!sni_is_for(sni, "mta-sts.a.test"));
	ck_assert(sni_is_for(sni, "autoconfig.a.test"));
	ck_assert_int_eq(certificate("", "x.a.test"), RC_SYNTAX);
	ck_assert_int_eq(certificate("b.test", NULL), RC_OK);
	ck_assert(sni_is_for(sni, "autoconfig.a.test"));
	ck_assert_int_eq(certificate("a.test", NULL), RC_OK);
	ck_assert(!sni_is_for(sni, "autoconfig.a.test"));
}
END_TEST

START_TEST(service__takes_proofs)
{
	struct alpn_challenge v = {.name = SV("a.test")};
	const struct alpn_challenge_end end = {SV("a.test")};
	struct buf cert, key;
	struct err err;
	struct msg m;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(tls_self_signed("a.test", &cert, &key, &err), RC_OK);
	v.cert_pem = buf_sv(&cert);
	v.key_pem = buf_sv(&key);
	msg_init(&m, ALPN_CHALLENGE_SET);
	alpn_challenge_put(&m, &v);
	ck_assert_int_eq(ask(&m), RC_OK);
	/* It is for nobody else. */
	ck_assert(!sni_is_for(sni, "a.test"));
	msg_init(&m, ALPN_CHALLENGE_CLEAR);
	alpn_challenge_end_put(&m, &end);
	ck_assert_int_eq(ask(&m), RC_OK);
	v.key_pem = SV("x");
	msg_init(&m, ALPN_CHALLENGE_SET);
	alpn_challenge_put(&m, &v);
	ck_assert_int_lt(ask(&m), RC_OK);
	buf_fini(&cert);
	buf_fini(&key);
}
END_TEST

START_TEST(service__cuts_who_says_something_else)
{
	struct msg m;

	msg_init(&m, DELIVER);
	ck_assert_int_eq(line_send(line, &m), RC_OK);
	ev_run(loop);
	ck_assert(ended);
}
END_TEST

static void
stop(void *arg)
{
	ev_stop(arg);
}

/* Its challenges end with it, its certificates do not. */
START_TEST(service__outlives_who_tells)
{
	int rounds;

	ck_assert_int_eq(set("a", "a.x"), RC_OK);
	ck_assert_int_eq(certificate("a.test", "mta-sts.a.test"), RC_OK);
	line_free(&line);
	for (rounds = 0; is_there("a") && rounds < 1000; rounds++) {
		ev_post(loop, stop, loop);
		ev_run(loop);
	}
	ck_assert(!is_there("a"));
	ck_assert(sni_is_for(sni, "mta-sts.a.test"));
}
END_TEST

UNIT_TESTS(service)
{
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, service__takes_challenges);
	tcase_add_test(t, service__takes_certificates);
	tcase_add_test(t, service__takes_proofs);
	tcase_add_test(t, service__cuts_who_says_something_else);
	tcase_add_test(t, service__outlives_who_tells);
	return t;
}
