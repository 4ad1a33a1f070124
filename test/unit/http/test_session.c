/* Connections: pipelining, early answers, keep-alive, HEAD, 404 and 405. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/cookie.h"
#include "http/session.h"
#include "test/unit/unit.h"

#define H "Host: a.test\r\n"

static void
answer_hello(const struct http_ask *ask, struct http_response *a)
{
	buf_addf(&a->body, "hello %.*s %s\n", SV_ARG(ask->rest),
	    ask->tls ? "tls" : "clear");
}

static void
answer_echo(const struct http_ask *ask, struct http_response *a)
{
	buf_addsv(&a->body, ask->q->body);
}

static void
answer_large(const struct http_ask *ask, struct http_response *a)
{
	(void)ask;
	buf_addf(&a->body, "%010000d", 0);
}

/* ---- answers that come later ---- */

static struct http_later *later;
static int woken;

static void
wake(void *arg)
{
	(void)arg;
	woken++;
}

static void
answer_later(const struct http_ask *ask, struct http_response *a)
{
	later = http_later_new(ask);
	buf_adds(&a->body, "this is forgotten");
}

static void
give_later(const char *text)
{
	struct http_response a;

	http_response_init(&a);
	buf_adds(&a.body, text);
	http_response_cookie(&a, SV("__Host-x"), SV("v-_1"), true, 60);
	http_later_answer(&later, &a);
	ck_assert_ptr_null(later);
}

/* Who is asked knows it at once. */
static void
answer_soon(const struct http_ask *ask, struct http_response *a)
{
	answer_later(ask, a);
	give_later("soon\n");
}

static const struct http_route routes[] = {
    {1, true, HTTP_PREFIX, SV("/later/"), HTTP_READS | HTTP_DOES(HTTP_POST),
	answer_later},
    {1, true, HTTP_EXACT, SV("/soon"), HTTP_READS, answer_soon},
    {1, true, HTTP_EXACT, SV("/hello"), HTTP_READS, answer_hello},
    {1, true, HTTP_PREFIX, SV("/p/"), HTTP_READS, answer_hello},
    {1, true, HTTP_ANY_CASE, SV("/any/case"), HTTP_READS, answer_hello},
    {1, true, HTTP_EXACT, SV("/echo"), HTTP_DOES(HTTP_POST), answer_echo},
    {1, false, HTTP_EXACT, SV("/secret"), HTTP_READS, answer_hello},
    {2, true, HTTP_EXACT, SV("/other"), HTTP_READS, answer_hello},
    {1, true, HTTP_EXACT, SV("/large"), HTTP_READS, answer_large},
};

static unsigned
hosts(const char *host, void *arg)
{
	(void)arg;
	return strcmp(host, "a.test") == 0 ? 1 : 0;
}

static bool
otherwise(const struct http_ask *ask, struct http_response *a)
{
	if (!sv_eq(ask->q->path, SV("/moved")))
		return false;
	http_response_error(a, 308, NULL);
	buf_adds(&a->location, "https://a.test/new");
	return true;
}

static bool
hsts(void *arg)
{
	return *(bool *)arg;
}

static int64_t
now(void)
{
	return 1796043600000; /* 2026-11-30 13:00:00 */
}

static void
answered(const struct http_request *q, unsigned status, const char *why,
    const char *peer)
{
	(void)q;
	(void)why;
	ck_assert_uint_ge(status, 200);
	ck_assert_str_eq(peer, "192.0.2.1");
}

static const struct http_site site = {
    .routes = routes,
    .nroutes = sizeof routes / sizeof routes[0],
    .limits = {.line = 100, .head = 300, .fields = 8, .body = 32},
    .requests = 5,
    .hosts = hosts,
    .otherwise = otherwise,
    .hsts = hsts,
    .now = now,
    .answered = answered,
};

static bool with_hsts;

static struct http_session *
open_session(bool tls)
{
	return http_session_new(&site, tls, &with_hsts, "192.0.2.1");
}

/* What one that sends all this at once gets; closed: by the server. */
static const char *
talk(bool tls, struct sv in, bool *closed)
{
	static char text[100000];
	struct http_session *s = open_session(tls);
	struct buf out, all;
	size_t took;

	buf_init(&all, sizeof text - 1);
	*closed = false;
	do {
		buf_init(&out, 65536);
		took = http_session_input(s, in, &out, closed);
		ck_assert(buf_ok(&out));
		in = sv_skip(in, took);
		buf_addsv(&all, buf_sv(&out));
		buf_fini(&out);
	} while (!*closed && in.n > 0 && took > 0);
	ck_assert(buf_ok(&all));
	memcpy(text, all.p, all.n + 1);
	buf_fini(&all);
	http_session_free(&s);
	return text;
}

/* Status lines in a row, "200 200 404". */
static const char *
statuses(const char *answers)
{
	static char list[1000];
	const char *p = answers;

	list[0] = '\0';
	while ((p = strstr(p, "HTTP/1.1 ")) != NULL) {
		(void)snprintf(list + strlen(list), sizeof list - strlen(list),
		    "%s%.3s", list[0] != '\0' ? " " : "", p + 9);
		p += 9;
	}
	return list;
}

static const struct {
	const char *name;
	struct sv in;
	const char *statuses;
	bool closed;
	const char *has, *lacks;
} rows[] = {
    {"one", SV("GET /hello HTTP/1.1\r\n" H "\r\n"), "200", false,
	"hello  clear\n", "Connection:"},
    {"three at once",
	SV("GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /p/x HTTP/1.1\r\n" H "\r\n"
	   "GET /nothing HTTP/1.1\r\n" H "\r\n"),
	"200 200 404", false, "hello x clear\n", NULL},
    {"HEAD",
	SV("HEAD /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"200 200", false, "Content-Length: 13\r\n", NULL},
    {"HEAD has no body", SV("HEAD /hello HTTP/1.1\r\n" H "\r\n"), "200", false,
	"Content-Length: 13\r\n", "hello"},
    {"HEAD of nothing", SV("HEAD /x HTTP/1.1\r\n" H "\r\n"), "404", false, NULL,
	"404 Not Found\n"},
    {"1.0", SV("GET /hello HTTP/1.0\r\n" H "\r\n"), "200", true,
	"Connection: close\r\n", NULL},
    {"1.0 that stays",
	SV("GET /hello HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n"), "200",
	false, "Connection: keep-alive\r\n", NULL},
    {"goes",
	SV("GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"200", true, "Connection: close\r\n", NULL},
    {"any case", SV("GET /ANY/Case HTTP/1.1\r\n" H "\r\n"), "200", false, NULL,
	NULL},
    {"exact case", SV("GET /HELLO HTTP/1.1\r\n" H "\r\n"), "404", false, NULL,
	NULL},
    {"prefix alone", SV("GET /p/ HTTP/1.1\r\n" H "\r\n"), "404", false, NULL,
	NULL},
    {"method", SV("POST /hello HTTP/1.1\r\n" H "\r\n"), "405", false,
	"Allow: GET, HEAD\r\n", NULL},
    {"method, the other way", SV("GET /echo HTTP/1.1\r\n" H "\r\n"), "405",
	false, "Allow: POST\r\n", NULL},
    {"no such method", SV("BREW /hello HTTP/1.1\r\n" H "\r\n"), "501", true,
	"Connection: close\r\n", NULL},
    {"other host", SV("GET /hello HTTP/1.1\r\nHost: b.test\r\n\r\n"), "404",
	false, NULL, NULL},
    {"a route of another host", SV("GET /other HTTP/1.1\r\n" H "\r\n"), "404",
	false, NULL, NULL},
    {"only under TLS", SV("GET /secret HTTP/1.1\r\n" H "\r\n"), "404", false,
	NULL, NULL},
    {"moved", SV("GET /moved HTTP/1.1\r\n" H "\r\n"), "308", false,
	"Location: https://a.test/new\r\n", NULL},
    {"body",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"200 200", false, "\r\n\r\nabcdeHTTP/1.1 200", NULL},
    {"body of a read",
	SV("GET /hello HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nGET "
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"200 200", false, NULL, NULL},
    {"body nobody wants",
	SV("POST /x HTTP/1.1\r\n" H "Content-Length: 41\r\n\r\n"
	   "GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"404", true, "Connection: close\r\n", NULL},
    {"body to what only reads",
	SV("POST /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde"),
	"405", true, "Connection: close\r\n", NULL},
    {"too large a body",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 33\r\n\r\n"), "413",
	true, "Connection: close\r\n", "100 Continue"},
    {"too large, and waits",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 33\r\n"
	   "Expect: 100-continue\r\n\r\n"),
	"413", true, "Connection: close\r\n", "100 Continue"},
    {"waits",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "Expect: 100-continue\r\n\r\n"),
	"100", false, "HTTP/1.1 100 Continue\r\n\r\n", NULL},
    {"does not wait",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "Expect: 100-continue\r\n\r\nabc"),
	"200", false, NULL, "100 Continue"},
    {"waits for nothing",
	SV("POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "Expect: 100-continue\r\n\r\n"),
	"404", true, NULL, "100 Continue"},
    {"smuggled",
	SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"400", true, NULL, "hello"},
    {"enough requests",
	SV("GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"
	   "GET /hello HTTP/1.1\r\n" H "\r\n"),
	"200 200 200 200 200", true, "Connection: close\r\n", NULL},
    {"strict", SV("GET /x HTTP/1.1\r\n" H "\r\n"), "404", false,
	"X-Content-Type-Options: nosniff\r\n", "Server:"},
    {"without scripts", SV("GET /x HTTP/1.1\r\n" H "\r\n"), "404", false,
	"default-src 'none'", "script"},
    {"without frames", SV("GET /x HTTP/1.1\r\n" H "\r\n"), "404", false,
	"frame-ancestors 'none'", NULL},
    {"date", SV("GET /x HTTP/1.1\r\n" H "\r\n"), "404", false,
	"Date: Mon, 30 Nov 2026 13:00:00 GMT\r\n", NULL},
};

START_TEST(session__answers)
{
	bool closed;
	const char *got = talk(false, rows[_i].in, &closed);

	ck_assert_msg(strcmp(statuses(got), rows[_i].statuses) == 0, "%s: %s",
	    rows[_i].name, got);
	ck_assert_msg(closed == rows[_i].closed, "%s: %s", rows[_i].name, got);
	ck_assert_msg(rows[_i].has == NULL || strstr(got, rows[_i].has) != NULL,
	    "%s: %s", rows[_i].name, got);
	ck_assert_msg(
	    rows[_i].lacks == NULL || strstr(got, rows[_i].lacks) == NULL,
	    "%s: %s", rows[_i].name, got);
}
END_TEST

START_TEST(session__knows_tls)
{
	struct sv in = SV("GET /secret HTTP/1.1\r\n" H "\r\n");
	bool closed;

	with_hsts = true;
	ck_assert_ptr_nonnull(strstr(talk(true, in, &closed), "hello  tls"));
	ck_assert_ptr_nonnull(strstr(
	    talk(true, in, &closed), "Strict-Transport-Security: max-age="));
	/* A promise that came in the clear is to be ignored. */
	ck_assert_ptr_null(
	    strstr(talk(false, in, &closed), "Strict-Transport"));
	with_hsts = false;
	ck_assert_ptr_null(strstr(talk(true, in, &closed), "Strict-Transport"));
}
END_TEST

/* Answers that nobody takes do not grow without end. */
START_TEST(session__stops_at_its_output)
{
	struct http_session *s = open_session(false);
	struct sv in = SV("GET /large HTTP/1.1\r\n" H "\r\n"
			  "GET /large HTTP/1.1\r\n" H "\r\n"
			  "GET /large HTTP/1.1\r\n" H "\r\n");
	struct buf out;
	bool closed;
	size_t took;

	buf_init(&out, 65536);
	took = http_session_input(s, in, &out, &closed);
	ck_assert_uint_eq(took, in.n / 3 * 2);
	buf_reset(&out);
	took += http_session_input(s, sv_skip(in, took), &out, &closed);
	ck_assert_uint_eq(took, in.n);
	ck_assert_str_eq(statuses(out.p), "200");
	buf_fini(&out);
	http_session_free(&s);
}
END_TEST

/* At the end only who waits for an answer gets one. */
START_TEST(session__ends)
{
	static const struct {
		struct sv in;
		const char *last;
	} ends[] = {
	    {SV(""), ""},
	    {SV("GET /hello HTTP/1.1\r\n" H "\r\n"), ""},
	    {SV("GET /hel"), "408"},
	    {SV("\r"), "408"},
	    {SV("GET /hello HTTP/1.1\r\n" H "\r\nG"), "408"},
	    {SV("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\na"),
		"408"},
	    {SV("GET\r\n"), ""},
	};
	struct http_session *s = open_session(false);
	struct buf out;
	bool closed;

	buf_init(&out, 65536);
	(void)http_session_input(s, ends[_i].in, &out, &closed);
	buf_reset(&out);
	http_session_end(s, 408, "too slow", &out);
	ck_assert_str_eq(statuses(out.p), ends[_i].last);
	ck_assert(out.n == 0 || strstr(out.p, "Connection: close\r\n"));
	/* Once. */
	buf_reset(&out);
	http_session_end(s, 408, "too slow", &out);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
	http_session_free(&s);
}
END_TEST

#define LATER "GET /later/x HTTP/1.1\r\n" H "\r\n"
#define HELLO "GET /hello HTTP/1.1\r\n" H "\r\n"

START_TEST(session__waits_for_an_answer)
{
	static const struct http_place place = {NULL, wake, NULL, NULL};
	struct sv in = SV("GET /hello HTTP/1.1\r\n" H "\r\n"
			  "HEAD /later/x HTTP/1.1\r\n" H "\r\n" LATER HELLO);
	struct http_session *s = open_session(true);
	struct buf out;
	bool closed;
	size_t took;

	woken = 0;
	http_session_set_place(s, &place);
	buf_init(&out, 65536);
	took = http_session_input(s, in, &out, &closed);
	ck_assert_str_eq(statuses(out.p), "200");
	ck_assert(http_session_waits(s) && !closed);
	in = sv_skip(in, took);
	ck_assert(sv_eq(in, SV(LATER HELLO)));
	ck_assert_uint_eq(http_session_input(s, in, &out, &closed), 0);
	ck_assert_int_eq(woken, 0);
	ck_assert(http_later_is_awaited(later));
	give_later("first\n");
	ck_assert_int_eq(woken, 1);
	buf_reset(&out);
	took = http_session_input(s, in, &out, &closed);
	ck_assert_str_eq(statuses(out.p), "200");
	ck_assert(strstr(out.p, "Content-Length: 6\r\n") != NULL);
	ck_assert_ptr_null(strstr(out.p, "first"));
	ck_assert(
	    strstr(out.p, "\r\nSet-Cookie: __Host-x=v-_1; Path=/; HttpOnly; "
			  "SameSite=Lax; Secure; Max-Age=60\r\n") != NULL);
	in = sv_skip(in, took);
	give_later("second\n");
	buf_reset(&out);
	took = http_session_input(s, in, &out, &closed);
	ck_assert_str_eq(statuses(out.p), "200 200");
	ck_assert(strstr(out.p, "\r\n\r\nsecond\nHTTP/1.1 200") != NULL);
	ck_assert_uint_eq(took, in.n);
	http_session_free(&s);
	buf_fini(&out);
}
END_TEST

START_TEST(session__an_answer_may_be_there_at_once)
{
	bool closed;

	ck_assert_str_eq(
	    statuses(talk(
		false, SV("GET /soon HTTP/1.1\r\n" H "\r\n" HELLO), &closed)),
	    "200 200");
}
END_TEST

/* The client has left, or waited for too long: nobody gets the answer. */
START_TEST(session__ends_before_its_answer)
{
	struct http_session *s = open_session(false);
	struct buf out;
	bool closed;

	buf_init(&out, 65536);
	(void)http_session_input(s, SV(LATER HELLO), &out, &closed);
	if (_i == 0) {
		http_session_end(s, 408, "too slow", &out);
		ck_assert_str_eq(statuses(out.p), "503");
		ck_assert(strstr(out.p, "Connection: close\r\n") != NULL);
	} else if (_i == 1) {
		/* It has come, but nobody has asked for it. */
		give_later("x");
	}
	if (_i != 1)
		http_session_free(&s);
	if (_i == 2)
		ck_assert(!http_later_is_awaited(later));
	if (_i != 1)
		give_later("x");
	http_session_free(&s);
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *field, *name, *value;
} cookies[] = {
    {"a=b", "a", "b"},
    {"a=b; c=d", "c", "d"},
    {"a=b;c=d", "c", "d"},
    {"a=b ; c=d", "a", "b"},
    {"a=; c=d", "a", ""},
    {"a=b=c", "a", "b=c"},
    {"a=1; a=2", "a", "1"},
    {"A=b", "a", NULL},
    {"xa=b", "a", NULL},
    {"a", "a", NULL},
    {"a; a=b", "a", "b"},
    {"=b; a=c", "a", "c"},
    {"", "a", NULL},
    {";;; ; a=\"b\"", "a", "\"b\""},
};

START_TEST(session__reads_cookies)
{
	struct sv v =
	    http_cookie(sv_str(cookies[_i].field), sv_str(cookies[_i].name));

	ck_assert_int_eq(v.p != NULL, cookies[_i].value != NULL);
	if (v.p != NULL)
		ck_assert(sv_eq(v, sv_str(cookies[_i].value)));
}
END_TEST

START_TEST(session__cookies_are_tokens)
{
	struct http_response a;

	http_response_init(&a);
	http_response_cookie(&a, SV("x"), SV(""), false, 9);
	ck_assert_str_eq(a.fields.p,
	    "Set-Cookie: x=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0\r\n");
	ck_assert(http_response_ok(&a));
	http_response_cookie(&a, SV("x"), SV("a\r\nb"), false, 9);
	ck_assert(!http_response_ok(&a));
	http_response_fini(&a);
}
END_TEST

UNIT_TESTS(session)
{
	TCase *t = tcase_create("session");

	tcase_add_loop_test(
	    t, session__answers, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, session__knows_tls);
	tcase_add_test(t, session__stops_at_its_output);
	tcase_add_loop_test(t, session__ends, 0, 7);
	tcase_add_test(t, session__waits_for_an_answer);
	tcase_add_test(t, session__an_answer_may_be_there_at_once);
	tcase_add_loop_test(t, session__ends_before_its_answer, 0, 3);
	tcase_add_loop_test(t, session__reads_cookies, 0,
	    (int)(sizeof cookies / sizeof cookies[0]));
	tcase_add_test(t, session__cookies_are_tokens);
	return t;
}
