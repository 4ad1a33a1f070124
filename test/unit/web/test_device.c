/* Links, with an auth that takes its time: nobody else has to wait for it. */
#include <stdio.h>
#include <string.h>

#include "ipc/line.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"
#include "web/site.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyz012345"
#define H     " HTTP/1.1\r\nHost: mail.a.test\r\n\r\n"

static struct ev_loop *loop;
static struct peer *auth;
static struct line *line;
static struct web_site *site;
static struct conf *conf;
static uint32_t asked[8];
static int questions, woken;

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	struct link_ask q;

	(void)l;
	(void)arg;
	ck_assert_int_eq(m->type, AUTH_LINK);
	ck_assert_int_eq(link_ask_get(m, &q), RC_OK);
	ck_assert(sv_eq(q.token, SV(TOKEN)));
	asked[questions++] = m->id;
	ev_stop(loop);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
}

static void
setup(void)
{
	struct conf_errors e = {0};
	int fd[2];

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
	questions = woken = 0;
}

static void
teardown(void)
{
	line_free(&line);
	web_site_free(&site);
	peer_free(&auth);
	ev_loop_free(&loop);
	conf_free(&conf);
}

static void
wake(void *arg)
{
	(void)arg;
	woken++;
	ev_stop(loop);
}

static struct http_session *
connect(void)
{
	const struct http_place place = {loop, wake, NULL, NULL};
	struct http_session *s =
	    http_session_new(&web_http_site, true, site, "192.0.2.1");

	http_session_set_place(s, &place);
	return s;
}

/* What it has to say now; empty: it waits. */
static const char *
say(struct http_session *s, const char *request)
{
	static char text[65536];
	struct buf out;
	bool closed;

	buf_init(&out, sizeof text - 1);
	(void)http_session_input(s, sv_str(request), &out, &closed);
	ck_assert(buf_ok(&out));
	memcpy(text, out.p, out.n + 1);
	buf_fini(&out);
	return text;
}

static void
reply(uint32_t id, int rc)
{
	const struct link_done done = {.rc = rc,
	    .account = SV("anna"),
	    .device = SV("a \"<phone>\""),
	    .address = SV("anna@a.test"),
	    .ticket = SV("TICKET"),
	    .password = SV("pass-word"),
	    .seconds = 800};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	link_done_put(&m, &done);
	ck_assert_int_eq(line_send(line, &m), RC_OK);
}

START_TEST(device__waits_for_auth_and_nobody_else_does)
{
	struct http_session *phone = connect(), *other = connect();
	const char *page;

	ck_assert_str_eq(say(phone, "GET /device/" TOKEN H), "");
	ev_run(loop);
	ck_assert_int_eq(questions, 1);
	ck_assert(strstr(say(other, "GET /style.css" H), " 200 OK\r\n"));
	reply(asked[0], RC_OK);
	ev_run(loop);
	ck_assert_int_eq(woken, 1);
	page = say(phone, "");
	ck_assert(strstr(page, " 200 OK\r\n"));
	ck_assert(strstr(page, "a &quot;&lt;phone&gt;&quot;") ||
		  strstr(page, "&lt;phone&gt;"));
	ck_assert_ptr_null(strstr(page, "pass-word"));
	http_session_free(&other);
	http_session_free(&phone);
}
END_TEST

static const struct {
	const char *request;
	int rc;
	const char *has;
} rows[] = {
    {"GET /device/", RC_EXISTS, " 410 Gone\r\n"},
    {"GET /device/", RC_NOTFOUND, " 404 Not Found\r\n"},
    {"POST /device/", RC_OK, "\r\nLocation: /settings/TICKET\r\n"},
    {"GET /settings/", RC_OK, "pass-word"},
    {"GET /settings/", RC_OK, "/profile/" TOKEN ".mobileconfig"},
};

START_TEST(device__gives_what_auth_says)
{
	struct http_session *s = connect();
	char request[200];

	(void)snprintf(request, sizeof request, "%s" TOKEN H, rows[_i].request);
	ck_assert_str_eq(say(s, request), "");
	ev_run(loop);
	reply(asked[0], rows[_i].rc);
	ev_run(loop);
	ck_assert_msg(
	    strstr(say(s, ""), rows[_i].has) != NULL, "%s", rows[_i].has);
	http_session_free(&s);
}
END_TEST

/* It dies with the question in hand; and the client leaves before that. */
START_TEST(device__auth_dies)
{
	struct http_session *s = connect(), *gone = connect();

	ck_assert_str_eq(say(s, "GET /device/" TOKEN H), "");
	ck_assert_str_eq(say(gone, "GET /device/" TOKEN H), "");
	while (questions < 2)
		ev_run(loop);
	http_session_free(&gone);
	line_free(&line);
	ev_run(loop);
	ck_assert(strstr(say(s, ""), " 503 Service Unavailable\r\n"));
	http_session_free(&s);
}
END_TEST

UNIT_TESTS(device)
{
	TCase *t = tcase_create("device");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, device__waits_for_auth_and_nobody_else_does);
	tcase_add_loop_test(t, device__gives_what_auth_says, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, device__auth_dies);
	return t;
}
