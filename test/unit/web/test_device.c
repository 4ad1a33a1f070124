/* Links, with an auth that does not answer: nobody else has to wait for it. */
#include <pthread.h>
#include <string.h>

#include "ipc/line.h"
#include "web/site.h"
#include "test/unit/unit.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyz012345"

static struct ev_loop *loop;
static struct line *line;
static int questions;

/* In the loop's thread. */
static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	(void)m;
	(void)arg;
	questions++;
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
}

static void *
run_loop(void *arg)
{
	ev_run(arg);
	return NULL;
}

static void
stop(void *arg)
{
	ev_stop(arg);
}

/* The status. */
static void
ask(struct web_site *site, const char *request, char status[4])
{
	struct http_session *s =
	    http_session_new(&web_http_site, true, site, "192.0.2.1");
	struct buf out;
	bool closed;

	buf_init(&out, 65536);
	(void)http_session_input(s, sv_str(request), &out, &closed);
	ck_assert(buf_ok(&out) && out.n > 12);
	sv_copy(sv_first(sv_skip(buf_sv(&out), 9), 3), status, 4);
	http_session_free(&s);
	buf_fini(&out);
}

START_TEST(device__auth_does_not_answer)
{
	struct conf_errors e = {0};
	struct web_site *site;
	struct conf *conf;
	struct peer *auth;
	pthread_t thread;
	char status[4];
	int fd[2], i;

	ck_assert_int_eq(conf_parse(SV("hostname: mail.a.test\n"
				       "domains: [a.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &conf, &e),
	    RC_OK);
	loop = ev_loop_new();
	auth = peer_new(loop, "auth", NULL, NULL, NULL);
	site = web_site_new(conf, NULL, auth, -1);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(auth, fd[0]);
	line = line_new(loop, fd[1], on_msg, on_eof, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
	for (i = 0; i < 20; i++) {
		ask(site,
		    i % 2 == 0 ? "GET /device/" TOKEN
				 " HTTP/1.1\r\nHost: mail.a.test\r\n\r\n"
			       : "GET /profile/" TOKEN ".mobileconfig "
				 "HTTP/1.1\r\nHost: mail.a.test\r\n\r\n",
		    status);
		ck_assert_str_eq(status, "503");
	}
	ev_post(loop, stop, loop);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	/* As many as the machine lets wait for ten seconds. */
	ck_assert_int_ge(questions, 1);
	ck_assert_int_le(questions, 3);
	line_free(&line);
	web_site_free(&site);
	peer_free(&auth);
	ev_loop_free(&loop);
	conf_free(&conf);
}
END_TEST

UNIT_TESTS(device)
{
	TCase *t = tcase_create("device");

	tcase_add_test(t, device__auth_does_not_answer);
	return t;
}
