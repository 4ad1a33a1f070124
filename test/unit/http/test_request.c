/* Requests, fed whole, byte by byte and cut off: what is read in one way only
 * is taken, everything else is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "http/request.h"
#include "test/unit/unit.h"

static const struct http_limits limits = {
    .line = 100, .head = 300, .fields = 8, .body = 32};

#define H "Host: a.test\r\n"

/* Up to HTTP_WHOLE or HTTP_BAD in pieces of n bytes; what is left over. */
static enum http_event
feed(struct http_reader *r, struct sv in, size_t n, struct sv *rest)
{
	enum http_event e = HTTP_MORE;
	size_t took;

	do {
		e = http_reader_input(r, sv_first(in, n), &took);
		ck_assert_uint_le(took, n);
		in = sv_skip(in, took);
	} while (e == HTTP_HEADED || (e == HTTP_MORE && in.n > 0));
	*rest = in;
	return e;
}

/* ---- what is refused ---- */

static const struct {
	const char *name;
	struct sv in;
	unsigned status;
} bad_rows[] = {
    {"not HTTP", SV("\x16\x03\x01\x02"), 400},
    {"not HTTP but a line", SV("SSH-2.0-x\r\n"), 400},
    {"SMTP", SV("EHLO x\r\n"), 400},
    {"HTTP/0.9", SV("GET /\r\n"), 400},
    {"HTTP/2", SV("PRI * HTTP/2.0\r\n\r\n"), 505},
    {"HTTP/0.9 said", SV("GET / HTTP/0.9\r\n\r\n"), 505},
    {"version without digits", SV("GET / HTTP/1.\r\n\r\n"), 400},
    {"version in lower case", SV("GET / http/1.1\r\n" H "\r\n"), 400},
    {"long version", SV("GET / HTTP/1.10\r\n" H "\r\n"), 400},
    {"blank behind the version", SV("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
    {"two blanks", SV("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
    {"a tab", SV("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"a blank in the path", SV("GET /a b HTTP/1.1\r\n" H "\r\n"), 400},
    {"blank before the method", SV(" GET / HTTP/1.1\r\n" H "\r\n"), 400},
    {"unknown method", SV("BREW / HTTP/1.1\r\n" H "\r\n"), 501},
    {"CONNECT", SV("CONNECT a.test:25 HTTP/1.1\r\n" H "\r\n"), 501},
    {"method in lower case", SV("get / HTTP/1.1\r\n" H "\r\n"), 501},
    {"no target", SV("GET HTTP/1.1\r\n" H "\r\n"), 400},
    {"relative target", SV("GET a HTTP/1.1\r\n" H "\r\n"), 400},
    {"asterisk", SV("GET * HTTP/1.1\r\n" H "\r\n"), 400},
    {"fragment", SV("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400},
    {"bytes in the target", SV("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), 400},
    {"broken %", SV("GET /%4 HTTP/1.1\r\n" H "\r\n"), 400},
    {"% without digits", SV("GET /%zz HTTP/1.1\r\n" H "\r\n"), 400},
    {"% NUL", SV("GET /%00 HTTP/1.1\r\n" H "\r\n"), 400},
    {"% CR", SV("GET /%0d%0aX HTTP/1.1\r\n" H "\r\n"), 400},
    {"other scheme", SV("GET ftp://a.test/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"no authority", SV("GET http:/// HTTP/1.1\r\n" H "\r\n"), 400},
    {"user in it", SV("GET http://u@a.test/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"bare LF", SV("GET / HTTP/1.1\n"), 400},
    {"bare LF behind a field", SV("GET / HTTP/1.1\r\nHost: a.test\n"), 400},
    {"bare LF at the end", SV("GET / HTTP/1.1\r\n" H "\n"), 400},
    {"bare CR", SV("GET / HTTP/1.1\r\nA: b\rHost: a.test\r\n"), 400},
    {"CR CR LF", SV("GET / HTTP/1.1\r\r\n"), 400},
    {"empty lines", SV("\r\n\r\n\r\n"), 400},
    {"LF first", SV("\nGET / HTTP/1.1\r\n"), 400},
    {"NUL in the line", SV("GET /\0 HTTP/1.1\r\n" H "\r\n"), 400},
    {"NUL in a field", SV("GET / HTTP/1.1\r\nHost: a\0.test\r\n\r\n"), 400},
    {"control in a field", SV("GET / HTTP/1.1\r\nA: \x01\r\n"), 400},
    {"folded", SV("GET / HTTP/1.1\r\n" H " b\r\n"), 400},
    {"folded with a tab", SV("GET / HTTP/1.1\r\n" H "\tb\r\n"), 400},
    {"folded first field", SV("GET / HTTP/1.1\r\n Host: a.test\r\n"), 400},
    {"blank before the colon", SV("GET / HTTP/1.1\r\nHost : a.test\r\n"), 400},
    {"tab before the colon",
	SV("POST / HTTP/1.1\r\n" H "Content-Length\t: 3\r\n"), 400},
    {"no colon", SV("GET / HTTP/1.1\r\nHost\r\n"), 400},
    {"no name", SV("GET / HTTP/1.1\r\n: a\r\n"), 400},
    {"odd name", SV("GET / HTTP/1.1\r\nA(b): a\r\n"), 400},
    {"no Host", SV("GET / HTTP/1.1\r\n\r\n"), 400},
    {"two Hosts", SV("GET / HTTP/1.1\r\n" H H "\r\n"), 400},
    {"two Hosts in 1.0", SV("GET / HTTP/1.0\r\n" H H "\r\n"), 400},
    {"Host with a path", SV("GET / HTTP/1.1\r\nHost: a.test/\r\n"), 400},
    {"Host with a user", SV("GET / HTTP/1.1\r\nHost: u@a.test\r\n"), 400},
    {"Host with two", SV("GET / HTTP/1.1\r\nHost: a.test, b\r\n"), 400},
    {"Host with a port that is not", SV("GET / HTTP/1.1\r\nHost: a:x\r\n"),
	400},
    {"Host with two ports", SV("GET / HTTP/1.1\r\nHost: a:1:2\r\n"), 400},
    {"Host of a port alone", SV("GET / HTTP/1.1\r\nHost: :80\r\n"), 400},
    {"two lengths",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "Content-Length: 4\r\n"),
	400},
    {"the same length twice",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "content-length: 3\r\n"),
	400},
    {"lengths as a list",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n"), 400},
    {"length with a sign", SV("POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n"),
	400},
    {"negative length", SV("POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n"),
	400},
    {"hex length", SV("POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n"), 400},
    {"empty length", SV("POST / HTTP/1.1\r\n" H "Content-Length: \r\n"), 400},
    {"length and coding",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	   "Transfer-Encoding: chunked\r\n\r\n"),
	400},
    {"coding and length",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	   "Content-Length: 0\r\n\r\n"),
	400},
    {"coding in 1.0",
	SV("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), 400},
    {"two codings",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	   "Transfer-Encoding: chunked\r\n"),
	400},
    {"other coding",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n"),
	501},
    {"coding with more",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, x\r\n"), 501},
    {"almost chunked",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n"), 501},
    {"chunked in quotes",
	SV("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n"), 501},
    {"other expectation", SV("POST / HTTP/1.1\r\n" H "Expect: x\r\n"), 417},
    {"length too large",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 33\r\n\r\n"), 413},
    {"length beyond all",
	SV("POST / HTTP/1.1\r\n" H
	   "Content-Length: 99999999999999999999\r\n\r\n"),
	413},
#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
    {"chunk without a size", SV(CHUNKED "\r\n"), 400},
    {"chunk of letters", SV(CHUNKED "xyz\r\n"), 400},
    {"chunk with a sign", SV(CHUNKED "-1\r\n"), 400},
    {"chunk with 0x", SV(CHUNKED "0x3\r\nabc\r\n"), 400},
    {"chunk with a blank", SV(CHUNKED "3 \r\nabc\r\n"), 400},
    {"chunk with a blank before", SV(CHUNKED " 3\r\nabc\r\n"), 400},
    {"chunk ends with LF", SV(CHUNKED "3\nabc\r\n"), 400},
    {"LF in an extension", SV(CHUNKED "3;a\nabc\r\n"), 400},
    {"CR in an extension", SV(CHUNKED "3;a\rb\r\nabc\r\n"), 400},
    {"data longer than said", SV(CHUNKED "3\r\nabcd\r\n"), 400},
    {"data ends with LF", SV(CHUNKED "3\r\nabc\n0\r\n\r\n"), 400},
    {"chunk too large", SV(CHUNKED "21\r\n"), 413},
    {"chunks too large",
	SV(CHUNKED "20\r\n01234567890123456789012345678901"
		   "\r\n1\r\nx\r\n"),
	413},
    {"a huge size", SV(CHUNKED "fffffffff\r\n"), 400},
    {"a size that overflows", SV(CHUNKED "10000000000000003\r\nabc\r\n"), 400},
    {"trailer is no field", SV(CHUNKED "0\r\nabc\r\n\r\n"), 400},
    {"trailer with LF", SV(CHUNKED "0\r\n\n"), 400},
    {"too many fields",
	SV("GET / HTTP/1.1\r\n" H "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n"
	   "A:\r\n"),
	431},
};

static void
check_bad(int row, size_t piece)
{
	struct http_reader *r = http_reader_new(&limits);
	enum http_event e;
	struct sv rest;

	e = feed(r, bad_rows[row].in, piece, &rest);
	ck_assert_msg(e == HTTP_BAD, "%s: event %d", bad_rows[row].name, e);
	ck_assert_msg(http_reader_status(r) == bad_rows[row].status, "%s: %u",
	    bad_rows[row].name, http_reader_status(r));
	ck_assert_ptr_nonnull(http_reader_why(r));
	http_reader_free(&r);
}

START_TEST(request__refuses)
{
	check_bad(_i, 100000);
	check_bad(_i, 1);
	check_bad(_i, 3);
}
END_TEST

/* ---- what is read ---- */

static const struct {
	const char *name;
	struct sv in;
	enum http_method method;
	const char *host, *path, *query, *body;
	bool http10, keep, expects;
} good_rows[] = {
    {"plain", SV("GET / HTTP/1.1\r\n" H "\r\n"), HTTP_GET, "a.test", "/", "",
	"", .keep = true},
    {"1.0", SV("GET / HTTP/1.0\r\n\r\n"), HTTP_GET, "", "/", "", "",
	.http10 = true},
    {"1.0 that stays", SV("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
	HTTP_GET, "", "/", "", "", .http10 = true, .keep = true},
    {"a later 1.x", SV("HEAD / HTTP/1.7\r\n" H "\r\n"), HTTP_HEAD, "a.test",
	"/", "", "", .keep = true},
    {"empty lines before", SV("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_GET,
	"a.test", "/", "", "", .keep = true},
    {"goes", SV("GET / HTTP/1.1\r\n" H "Connection: x, CLOSE\r\n\r\n"),
	HTTP_GET, "a.test", "/", "", "", .keep = false},
    {"query", SV("GET /a?b=c&d?e HTTP/1.1\r\n" H "\r\n"), HTTP_GET, "a.test",
	"/a", "b=c&d?e", "", .keep = true},
    {"empty query", SV("GET /a? HTTP/1.1\r\n" H "\r\n"), HTTP_GET, "a.test",
	"/a", "", "", .keep = true},
    {"escapes", SV("GET /%2ewell%2Dknown/%C3%a4?%41 HTTP/1.1\r\n" H "\r\n"),
	HTTP_GET, "a.test", "/.well-known/\xc3\xa4", "%41", "", .keep = true},
    {"absolute wins", SV("GET http://B.test:80/x?y HTTP/1.1\r\n" H "\r\n"),
	HTTP_GET, "b.test", "/x", "y", "", .keep = true},
    {"absolute without a path", SV("GET HTTPS://b.test HTTP/1.1\r\n" H "\r\n"),
	HTTP_GET, "b.test", "/", "", "", .keep = true},
    {"absolute with a query", SV("GET http://b.test?q HTTP/1.1\r\n" H "\r\n"),
	HTTP_GET, "b.test", "/", "q", "", .keep = true},
    {"host with all",
	SV("GET / HTTP/1.1\r\nhOsT:\t MTA-STS.A.Test.:443 \r\n"
	   "\r\n"),
	HTTP_GET, "mta-sts.a.test", "/", "", "", .keep = true},
    {"host with an empty port", SV("GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n"),
	HTTP_GET, "a.test", "/", "", "", .keep = true},
    {"empty host", SV("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_GET, "", "/", "",
	"", .keep = true},
    {"address", SV("GET / HTTP/1.1\r\nHost: [2001:DB8::1]:8080\r\n\r\n"),
	HTTP_GET, "2001:db8::1", "/", "", "", .keep = true},
    {"all", SV("OPTIONS * HTTP/1.1\r\n" H "\r\n"), HTTP_OPTIONS, "a.test", "*",
	"", "", .keep = true},
    {"body", SV("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\na\nb"),
	HTTP_POST, "a.test", "/", "", "a\nb", .keep = true},
    {"body of nothing",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n"
	   "Expect: 100-continue\r\n\r\n"),
	HTTP_POST, "a.test", "/", "", "", .keep = true},
    {"length with zeros",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 0003\r\n\r\nabc"),
	HTTP_POST, "a.test", "/", "", "abc", .keep = true},
    {"largest body",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 32\r\n\r\n"
	   "01234567890123456789012345678901"),
	HTTP_POST, "a.test", "/", "", "01234567890123456789012345678901",
	.keep = true},
    {"chunks", SV(CHUNKED "3\r\nabc\r\n02;x=\"y\"\r\nde\r\n0\r\n\r\n"),
	HTTP_POST, "a.test", "/", "", "abcde", .keep = true},
    {"chunks with a trailer",
	SV(CHUNKED "A\r\n0123456789\r\n00\r\nX: y\r\n"
		   "Content-Length: 7\r\n\r\n"),
	HTTP_POST, "a.test", "/", "", "0123456789", .keep = true},
    {"expects",
	SV("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
	   "Expect: 100-Continue\r\n\r\nx"),
	HTTP_POST, "a.test", "/", "", "x", .keep = true, .expects = true},
    {"1.0 expects nothing",
	SV("POST / HTTP/1.0\r\nContent-Length: 1\r\n"
	   "Expect: 100-continue\r\n\r\nx"),
	HTTP_POST, "", "/", "", "x", .http10 = true},
};

static void
check_sv(const char *name, struct sv got, const char *want)
{
	ck_assert_msg(sv_eq(got, sv_str(want)),
	    "%s: \"%.*s\" instead of \"%s\"", name, SV_ARG(got), want);
}

static void
check_good(int row, size_t piece)
{
	struct http_reader *r = http_reader_new(&limits);
	const struct http_request *q = http_reader_request(r);
	const char *name = good_rows[row].name;
	enum http_event e;
	struct buf twice;
	struct sv rest;
	int i;

	/* What follows is the next one's. */
	buf_init(&twice, 10000);
	buf_addsv(&twice, good_rows[row].in);
	buf_addsv(&twice, good_rows[row].in);
	rest = buf_sv(&twice);
	for (i = 0; i < 2; i++) {
		e = feed(r, rest, piece, &rest);
		ck_assert_msg(e == HTTP_WHOLE, "%s: %s", name,
		    e == HTTP_BAD ? http_reader_why(r) : "not whole");
		ck_assert_uint_eq(q->method, good_rows[row].method);
		check_sv(name, sv_str(q->host), good_rows[row].host);
		check_sv(name, q->path, good_rows[row].path);
		check_sv(name, q->query, good_rows[row].query);
		check_sv(name, q->body, good_rows[row].body);
		ck_assert_msg(q->http10 == good_rows[row].http10, "%s", name);
		ck_assert_msg(q->keep == good_rows[row].keep, "%s", name);
		ck_assert_msg(q->expects == good_rows[row].expects, "%s", name);
		http_reader_next(r);
		ck_assert(http_reader_is_idle(r));
	}
	ck_assert_uint_eq(rest.n, 0);
	buf_fini(&twice);
	http_reader_free(&r);
}

START_TEST(request__reads)
{
	check_good(_i, 100000);
	check_good(_i, 1);
	check_good(_i, 7);
}
END_TEST

/* One that is cut off is waited for, wherever. */
START_TEST(request__waits_for_the_rest)
{
	struct sv in = good_rows[_i].in, rest;
	size_t n;

	for (n = 0; n < in.n; n++) {
		struct http_reader *r = http_reader_new(&limits);

		ck_assert_msg(
		    feed(r, sv_first(in, n), 100000, &rest) == HTTP_MORE,
		    "%s after %zu", good_rows[_i].name, n);
		ck_assert_uint_eq(rest.n, 0);
		http_reader_free(&r);
	}
}
END_TEST

/* ---- limits ---- */

static unsigned
status_of(struct buf *in)
{
	struct http_reader *r = http_reader_new(&limits);
	struct sv rest;
	unsigned status;

	status = feed(r, buf_sv(in), 100000, &rest) == HTTP_WHOLE
		     ? 200
		     : http_reader_status(r);
	http_reader_free(&r);
	buf_reset(in);
	return status;
}

START_TEST(request__has_limits)
{
	struct buf in;
	int n;

	buf_init(&in, 100000);
	for (n = 86; n <= 90; n++) {
		/* "GET " and " HTTP/1.1" */
		buf_addf(&in, "GET /%0*d HTTP/1.1\r\n" H "\r\n", n - 1, 0);
		ck_assert_uint_eq(status_of(&in), n + 13 <= 100 ? 200 : 414);
	}
	for (n = 280; n <= 286; n++) {
		/* H and "A: "; the last line end does not count. */
		buf_addf(&in, "GET / HTTP/1.1\r\n" H "A: %0*d\r\n\r\n", n, 0);
		ck_assert_uint_eq(status_of(&in), n <= 283 ? 200 : 431);
	}
	/* Before there is a line end. */
	buf_addf(&in, "GET /%0*d", 200, 0);
	ck_assert_uint_eq(status_of(&in), 414);
	buf_addf(&in, "GET / HTTP/1.1\r\nA: %0*d", 400, 0);
	ck_assert_uint_eq(status_of(&in), 431);
	buf_addf(&in, CHUNKED "3;%0*d", 400, 0);
	ck_assert_uint_eq(status_of(&in), 400);
	buf_addf(&in, CHUNKED "0\r\nA: %0*d\r\n", 400, 0);
	ck_assert_uint_eq(status_of(&in), 431);
	buf_fini(&in);
}
END_TEST

START_TEST(request__finds_fields)
{
	struct http_reader *r = http_reader_new(&limits);
	struct sv rest;

	ck_assert_int_eq(
	    feed(r,
		SV("GET / HTTP/1.1\r\n" H "Accept:  x y\t\r\nEmpty:\r\n"
		   "accept: z\r\n\r\n"),
		100, &rest),
	    HTTP_WHOLE);
	check_sv("accept", http_reader_field(r, SV("ACCEPT")), "x y");
	ck_assert_ptr_nonnull(http_reader_field(r, SV("empty")).p);
	check_sv("empty", http_reader_field(r, SV("empty")), "");
	ck_assert_ptr_null(http_reader_field(r, SV("accep")).p);
	http_reader_free(&r);
}
END_TEST

UNIT_TESTS(request)
{
	TCase *t = tcase_create("request");

	tcase_add_loop_test(t, request__refuses, 0,
	    (int)(sizeof bad_rows / sizeof bad_rows[0]));
	tcase_add_loop_test(t, request__reads, 0,
	    (int)(sizeof good_rows / sizeof good_rows[0]));
	tcase_add_loop_test(t, request__waits_for_the_rest, 0,
	    (int)(sizeof good_rows / sizeof good_rows[0]));
	tcase_add_test(t, request__has_limits);
	tcase_add_test(t, request__finds_fields);
	return t;
}
