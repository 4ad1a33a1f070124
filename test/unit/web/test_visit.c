/*
 * Pages for somebody who has signed in, with this test as auth and as who
 * answers: what is passed on, and what is not taken from there.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_page.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"
#include "web/site.h"

#define TOKEN  "abcdefghijklmnopqrstuvwxyz012345"
#define COOKIE "Cookie: x=y; __Host-hearthmail=" TOKEN "\r\n"
#define HOST   " HTTP/1.1\r\nHost: mail.a.test\r\n"
#define HTML   "text/html; charset=utf-8"

static struct ev_loop *loop;
static struct peer *auth;
static struct line *line, *page;
static struct web_site *site;
static struct conf *conf;
static struct http_session *browser;
static int visits, woken;
static int auth_says;	/* to a visit */
static bool auth_dies;	/* instead */
static bool silent;	/* who answers */
static unsigned deaths; /* of who answers, before it does */
static struct page_answer answer;
static struct {
	uint8_t room, method;
	char path[200], query[200], form[200], peer[64], agent[256];
} seen;

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
}

/* Who answers. */
static void
on_page_msg(struct line *l, struct msg *m, void *arg)
{
	struct page_ask p;
	struct msg a;

	(void)arg;
	ck_assert_int_eq(m->type, PAGE_ASK);
	ck_assert_int_eq(page_ask_get(m, &p), RC_OK);
	seen.method = p.method;
	sv_copy(p.path, seen.path, sizeof seen.path);
	sv_copy(p.query, seen.query, sizeof seen.query);
	sv_copy(p.form, seen.form, sizeof seen.form);
	if (silent)
		return;
	if (deaths > 0) {
		deaths--;
		line_free(&page);
		return;
	}
	msg_init(&a, MSG_REPLY);
	a.id = m->id;
	page_answer_put(&a, &answer);
	ck_assert_int_eq(line_send(l, &a), RC_OK);
}

static void
on_auth_msg(struct line *l, struct msg *m, void *arg)
{
	struct visit_ask v;
	struct msg a;

	(void)arg;
	if (m->type == AUTH_SIGN_OUT)
		return;
	visits++;
	ck_assert_int_eq(m->type, AUTH_VISIT);
	ck_assert_int_eq(visit_ask_get(m, &v), RC_OK);
	ck_assert(sv_eq(v.session, SV(TOKEN)));
	ck_assert_int_ge(v.fd, 0);
	seen.room = v.room;
	sv_copy(v.peer, seen.peer, sizeof seen.peer);
	sv_copy(v.agent, seen.agent, sizeof seen.agent);
	if (auth_dies) {
		visit_ask_fini(&v);
		line_free(&line);
		return;
	}
	if (auth_says == RC_OK) {
		line_free(&page);
		page = line_new(loop, v.fd, on_page_msg, on_eof, NULL);
	} else {
		visit_ask_fini(&v);
	}
	msg_answer_make(&a, m->id, auth_says, "");
	ck_assert_int_eq(line_send(l, &a), RC_OK);
}

static void
wake(void *arg)
{
	(void)arg;
	woken++;
	ev_stop(loop);
}

static void
give_up(void *arg)
{
	(void)arg;
	ck_abort_msg("nothing comes");
}

static void
setup(void)
{
	const struct http_place place = {NULL, wake, NULL, NULL};
	struct http_place here = place;
	struct conf_errors e = {0};
	int fd[2];

	ck_assert_int_eq(conf_parse(SV("hostname: mail.a.test\n"
				       "domains: [a.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &conf, &e),
	    RC_OK);
	loop = ev_loop_new();
	here.loop = loop;
	auth = peer_new(loop, "auth", NULL, NULL, NULL);
	site = web_site_new(conf, NULL, auth, -1);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(auth, fd[0]);
	line = line_new(loop, fd[1], on_auth_msg, on_eof, NULL);
	browser = http_session_new(&web_http_site, true, site, "192.0.2.1");
	http_session_set_place(browser, &here);
	visits = woken = 0;
	auth_says = RC_OK;
	auth_dies = silent = false;
	deaths = 0;
	answer = (struct page_answer){
	    .status = 200, .type = SV(HTML), .body = SV("<p>hello")};
	(void)ev_timer_add(loop, 300000, give_up, NULL);
}

static void
teardown(void)
{
	http_session_free(&browser);
	line_free(&page);
	line_free(&line);
	web_site_free(&site);
	peer_free(&auth);
	ev_loop_free(&loop);
	conf_free(&conf);
}

/* The whole answer. */
static const char *
get(const char *request)
{
	static char text[100000];
	struct buf out;
	bool closed;

	buf_init(&out, sizeof text - 1);
	(void)http_session_input(browser, sv_str(request), &out, &closed);
	if (http_session_waits(browser)) {
		ev_run(loop);
		(void)http_session_input(browser, SV(""), &out, &closed);
	}
	ck_assert(buf_ok(&out));
	memcpy(text, out.p, out.n + 1);
	buf_fini(&out);
	return text;
}

START_TEST(visit__asks_who_it_is_and_then_who_answers)
{
	const char *a = get(
	    "GET /home/x%20y?q=%41" HOST COOKIE "User-Agent: B\xff 1\r\n\r\n");

	ck_assert(strstr(a, "HTTP/1.1 200 OK\r\n") == a);
	ck_assert(strstr(a, "\r\n\r\n<p>hello") != NULL);
	ck_assert(strstr(a, "Cache-Control: no-store\r\n") != NULL);
	ck_assert(strstr(a, "Referrer-Policy: same-origin\r\n") != NULL);
	ck_assert_int_eq(seen.room, PAGE_SELF);
	ck_assert_int_eq(seen.method, PAGE_GET);
	ck_assert_str_eq(seen.path, "/home/x y");
	ck_assert_str_eq(seen.query, "q=%41");
	ck_assert_str_eq(seen.peer, "192.0.2.1");
	ck_assert_str_eq(seen.agent, "B 1");
	a = get("POST /admin/queue" HOST COOKIE
		"Content-Type: application/x-www-form-urlencoded\r\n"
		"Content-Length: 7\r\n\r\na=b&c=d");
	ck_assert(strstr(a, "HTTP/1.1 200 OK\r\n") == a);
	ck_assert_int_eq(seen.room, PAGE_ADMIN);
	ck_assert_int_eq(seen.method, PAGE_POST);
	ck_assert_str_eq(seen.form, "a=b&c=d");
	/* A name that only begins like a room is none. */
	a = get("GET /administrator" HOST COOKIE "\r\n");
	ck_assert(strstr(a, "HTTP/1.1 404 ") == a);
	ck_assert_int_eq(visits, 2);
}
END_TEST

static const struct {
	int says;
	const char *has;
} refusals[] = {
    {RC_NOTFOUND, "\r\nLocation: /sign-in?to=%2Fhome\r\n"},
    {RC_NOTFOUND, "\r\nSet-Cookie: __Host-hearthmail=;"},
    {RC_DENIED, "HTTP/1.1 403 "},
    {RC_TEMP, "HTTP/1.1 503 "},
    {RC_SYNTAX, "HTTP/1.1 503 "},
};

START_TEST(visit__is_refused)
{
	auth_says = refusals[_i].says;
	ck_assert(strstr(get("GET /home" HOST COOKIE "\r\n"),
		      refusals[_i].has) != NULL);
	ck_assert_int_eq(visits, 1);
}
END_TEST

/* What a process that has been taken over may say, and what it may not. */
static const struct {
	uint16_t status;
	const char *type, *location, *body;
	bool ok;
} pages[] = {
    {200, HTML, "", "x", true},
    {422, HTML, "", "x", true},
    {404, "", "", "", true},
    {303, "", "/devices?done=x", "", true},
    {200, "image/svg+xml", "", "<svg/>", true},
    {200, "text/plain; charset=utf-8", "", "x", true},
    {0, HTML, "", "x", false},
    {100, HTML, "", "x", false},
    {304, HTML, "", "", false},
    {999, HTML, "", "x", false},
    {200, "text/html", "", "x", false},
    {200, "text/javascript", "", "x", false},
    {200, "application/octet-stream", "", "x", false},
    {200, "text/html; charset=utf-8\r\nX: y", "", "x", false},
    {200, "", "", "x", false},
    {303, "", "", "", false},
    {200, HTML, "/home", "x", false},
    {303, "", "//elsewhere.test/", "", false},
    {303, "", "/\\elsewhere.test/", "", false},
    {303, "", "https://elsewhere.test/", "", false},
    {303, "", "/x\r\nSet-Cookie: a=b", "", false},
    {303, "", "/x y", "", false},
    {303, "", "home", "", false},
};

START_TEST(visit__takes_pages_of_ours_only)
{
	const char *a;

	answer = (struct page_answer){.status = pages[_i].status,
	    .type = sv_str(pages[_i].type),
	    .location = sv_str(pages[_i].location),
	    .body = sv_str(pages[_i].body)};
	a = get("GET /home" HOST COOKIE "\r\n");
	ck_assert_msg(
	    (strstr(a, "HTTP/1.1 503 ") == a) == !pages[_i].ok, "%s", a);
	ck_assert(strstr(a, "elsewhere") == NULL);
	ck_assert(strstr(a, "X: y") == NULL);
}
END_TEST

START_TEST(visit__the_largest_page_fits)
{
	static char large[PAGE_BODY_MAX + 1];
	const char *a;

	memset(large, 'x', sizeof large);
	answer.body = sv_of(large, PAGE_BODY_MAX);
	a = get("GET /home" HOST COOKIE "\r\n");
	ck_assert(strstr(a, "\r\nContent-Length: 57344\r\n") != NULL);
	ck_assert_uint_gt(strlen(a), PAGE_BODY_MAX);
	answer.body = sv_of(large, PAGE_BODY_MAX + 1);
	a = get("GET /home" HOST COOKIE "\r\n");
	ck_assert(strstr(a, "HTTP/1.1 503 ") == a);
}
END_TEST

START_TEST(visit__may_end_the_session)
{
	answer.over = true;
	ck_assert(strstr(get("GET /home" HOST COOKIE "\r\n"),
		      "\r\nSet-Cookie: __Host-hearthmail=; Path=/; HttpOnly; "
		      "SameSite=Lax; Secure; Max-Age=0\r\n") != NULL);
}
END_TEST

/* A page is asked for once more, a form never. */
START_TEST(visit__who_answers_dies)
{
	deaths = 1;
	ck_assert(strstr(get("GET /home" HOST COOKIE "\r\n"),
		      "HTTP/1.1 200 OK\r\n") != NULL);
	ck_assert_int_eq(visits, 2);
	deaths = 2;
	ck_assert(strstr(get("GET /home" HOST COOKIE "\r\n"),
		      "HTTP/1.1 503 ") != NULL);
	ck_assert_int_eq(visits, 4);
	deaths = 1;
	ck_assert(
	    strstr(get("POST /home" HOST COOKIE "Content-Length: 0\r\n\r\n"),
		"HTTP/1.1 503 ") != NULL);
	ck_assert_int_eq(visits, 5);
}
END_TEST

static void
connect_again(void *arg)
{
	int fd[2];

	(void)arg;
	auth_dies = false;
	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(auth, fd[0]);
	line = line_new(loop, fd[1], on_auth_msg, on_eof, NULL);
}

START_TEST(visit__auth_dies)
{
	auth_dies = true;
	(void)ev_timer_add(loop, 50, connect_again, NULL);
	ck_assert(strstr(get("GET /home" HOST COOKIE "\r\n"),
		      "HTTP/1.1 200 OK\r\n") != NULL);
	ck_assert_int_eq(visits, 2);
}
END_TEST

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

/* At each moment. */
START_TEST(visit__the_client_leaves)
{
	struct buf out;
	bool closed;
	int i;

	silent = _i == 1;
	deaths = _i == 2 ? 1 : 0;
	buf_init(&out, 65536);
	(void)http_session_input(
	    browser, SV("GET /home" HOST COOKIE "\r\n"), &out, &closed);
	ck_assert(http_session_waits(browser));
	if (_i == 1)
		while (visits == 0) {
			(void)ev_timer_add(loop, 1, stop, NULL);
			ev_run(loop);
		}
	if (_i == 2)
		while (deaths > 0) {
			(void)ev_timer_add(loop, 1, stop, NULL);
			ev_run(loop);
		}
	http_session_free(&browser);
	for (i = 0; i < 300; i++) {
		(void)ev_timer_add(loop, 1, stop, NULL);
		ev_run(loop);
	}
	ck_assert_int_eq(woken, 0);
	buf_fini(&out);
}
END_TEST

static const char *const strangers[] = {"", "Cookie: hearthmail=" TOKEN "\r\n",
    "Cookie: __Host-hearthmail=\r\n", "Cookie: __host-hearthmail=" TOKEN "\r\n",
    "Cookie: __Host-hearthmail=a b\r\n",
    "Cookie: __Host-hearthmail=\"" TOKEN "\"\r\n",
    "Cookie: __Host-hearthmail=" TOKEN TOKEN "\r\n",
    "X-Cookie: __Host-hearthmail=" TOKEN "\r\n"};

START_TEST(visit__of_strangers_asks_nobody)
{
	char request[1000];

	(void)snprintf(request, sizeof request,
	    "GET /devices?a=b" HOST "%s\r\n", strangers[_i]);
	ck_assert(
	    strstr(get(request),
		"\r\nLocation: /sign-in?to=%2Fdevices%3Fa%3Db\r\n") != NULL);
	ck_assert_int_eq(visits, 0);
}
END_TEST

static const struct {
	const char *host, *origin;
	bool ours;
} origins[] = {
    {"mail.a.test", "https://mail.a.test", true},
    {"mail.a.test:443", "https://mail.a.test", true},
    {"MAIL.a.test", "https://mail.A.test:443", true},
    {"mail.a.test:8443", "https://mail.a.test:8443", true},
    {"mail.a.test", "https://mail.a.test:8443", false},
    {"mail.a.test:8443", "https://mail.a.test", false},
    {"mail.a.test", "http://mail.a.test", false},
    {"mail.a.test:80", "https://mail.a.test", false},
    {"mail.a.test", "https://mail.a.test.elsewhere.test", false},
    {"mail.a.test", "https://elsewhere.test", false},
    {"mail.a.test", "", false},
    {"mail.a.test", "null", false},
};

/* A form that another site has made a browser send asks nobody. */
START_TEST(visit__takes_forms_from_here)
{
	char request[1000];

	(void)snprintf(request, sizeof request,
	    "POST /home HTTP/1.1\r\nHost: %s\r\n" COOKIE
	    "Origin: %s\r\nContent-Length: 0\r\n\r\n",
	    origins[_i].host, origins[_i].origin);
	ck_assert_msg((strstr(get(request), "HTTP/1.1 200 OK\r\n") != NULL) ==
			  origins[_i].ours,
	    "%s %s", origins[_i].host, origins[_i].origin);
	ck_assert_int_eq(visits, origins[_i].ours);
}
END_TEST

UNIT_TESTS(visit)
{
	TCase *t = tcase_create("visit");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, visit__asks_who_it_is_and_then_who_answers);
	tcase_add_loop_test(t, visit__is_refused, 0,
	    (int)(sizeof refusals / sizeof refusals[0]));
	tcase_add_loop_test(t, visit__takes_pages_of_ours_only, 0,
	    (int)(sizeof pages / sizeof pages[0]));
	tcase_add_test(t, visit__the_largest_page_fits);
	tcase_add_test(t, visit__may_end_the_session);
	tcase_add_test(t, visit__who_answers_dies);
	tcase_add_test(t, visit__auth_dies);
	tcase_add_loop_test(t, visit__the_client_leaves, 0, 3);
	tcase_add_loop_test(t, visit__of_strangers_asks_nobody, 0,
	    (int)(sizeof strangers / sizeof strangers[0]));
	tcase_add_loop_test(t, visit__takes_forms_from_here, 0,
	    (int)(sizeof origins / sizeof origins[0]));
	return t;
}
