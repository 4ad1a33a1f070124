/*
 * A connection that speaks HTTP: the first byte says in which pieces the rest
 * comes.  However it is cut, the answers are the same, and what was refused is
 * the end.
 */
#include <stddef.h>
#include <stdint.h>

#include "http/cookie.h"
#include "http/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
answer(const struct http_ask *ask, struct http_response *a)
{
	const struct http_request *q = ask->q;

	must(q->path.n > 0 && q->path.n + q->query.n <= 8192);
	must(q->body.n <= 4096);
	must(sv_chr(q->target, '\r') == q->target.n);
	buf_addf(&a->body, "%s %zu %zu", q->host, q->path.n, q->query.n);
	buf_addsv(&a->body, ask->rest);
	buf_addsv(&a->body, q->body);
	http_response_cookie(a, SV("c"),
	    http_cookie(http_reader_field(ask->reader, SV("cookie")), SV("c")),
	    ask->tls, 1);
	if (!buf_ok(&a->fields))
		buf_reset(&a->fields);
}

/* At once, or when there is no more to do. */
static struct http_later *later;

static void
give(void)
{
	struct http_response a;

	http_response_init(&a);
	buf_adds(&a.body, "later");
	http_later_answer(&later, &a);
}

static void
answer_later(const struct http_ask *ask, struct http_response *a)
{
	(void)a;
	later = http_later_new(ask);
	if (ask->q->query.n > 0)
		give();
}

static bool
redirect(const struct http_ask *ask, struct http_response *a)
{
	if (!sv_starts(ask->q->path, SV("/r")))
		return false;
	http_response_error(a, 308, NULL);
	buf_addsv(&a->location, ask->q->target);
	return true;
}

static unsigned
hosts(const char *host, void *arg)
{
	(void)arg;
	return host[0] == 'm' ? 1 : 2;
}

static bool
hsts(void *arg)
{
	return arg != NULL;
}

static int64_t
now(void)
{
	return 0;
}

static void
answered(const struct http_request *q, unsigned status, const char *why,
    const char *peer)
{
	(void)why;
	(void)peer;
	must(q->method < HTTP_METHODS && status >= 200 && status < 600);
}

static const struct http_route routes[] = {
    {1, true, HTTP_EXACT, SV("/a"), HTTP_READS, answer},
    {3, true, HTTP_PREFIX_ANY_CASE, SV("/p/"),
	HTTP_READS | HTTP_DOES(HTTP_POST), answer},
    {2, false, HTTP_ANY_CASE, SV("/b"), HTTP_DOES(HTTP_POST), answer},
    {3, true, HTTP_EXACT, SV("/l"), HTTP_READS | HTTP_DOES(HTTP_POST),
	answer_later},
};

static const struct http_site site = {
    .routes = routes,
    .nroutes = sizeof routes / sizeof routes[0],
    .limits = {.line = 512, .head = 1024, .fields = 20, .body = 4096},
    .requests = 20,
    .hosts = hosts,
    .otherwise = redirect,
    .hsts = hsts,
    .now = now,
    .answered = answered,
};

/* Without "100 Continue", which depends on how it comes. */
static void
run(struct sv in, size_t piece, bool tls, struct buf *all)
{
	static const struct sv go_on = SV("HTTP/1.1 100 Continue\r\n\r\n");
	struct http_session *s = http_session_new(&site, tls, NULL, "peer");
	struct buf pending, out;
	bool closed = false, more;
	size_t took;

	buf_init(&pending, 1 << 20);
	buf_init(&out, 1 << 20);
	while (!closed && in.n > 0) {
		buf_addsv(&pending, sv_first(in, piece));
		in = sv_skip(in, piece);
		do {
			took = http_session_input(
			    s, buf_sv(&pending), &out, &closed);
			must(took <= pending.n && buf_ok(&out));
			buf_consume(&pending, took);
			buf_addsv(all, sv_starts(buf_sv(&out), go_on)
					   ? sv_skip(buf_sv(&out), go_on.n)
					   : buf_sv(&out));
			buf_reset(&out);
			more = http_session_waits(s);
			if (more)
				give();
		} while (!closed && (more || (took > 0 && pending.n > 0)));
		/* All is taken, or it has ended. */
		must(closed || pending.n == 0);
	}
	http_session_end(s, 408, "slow", all);
	must(buf_ok(all));
	buf_fini(&out);
	buf_fini(&pending);
	http_session_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char host[HTTP_HOST_MAX];
	struct buf whole, pieces;
	struct sv in;

	if (size < 1)
		return 0;
	in = sv_skip(sv_of(data, size), 1);
	buf_init(&whole, 8 << 20);
	buf_init(&pieces, 8 << 20);
	run(in, in.n, data[0] & 1, &whole);
	run(in, 1 + (size_t)(data[0] >> 1), data[0] & 1, &pieces);
	/* Of several requests in one piece the second may be asked to go on. */
	if (sv_find(buf_sv(&whole), SV("100 Continue")) == whole.n &&
	    sv_find(buf_sv(&pieces), SV("100 Continue")) == pieces.n)
		must(sv_eq(buf_sv(&whole), buf_sv(&pieces)));
	(void)http_host_read(in, host);
	buf_fini(&pieces);
	buf_fini(&whole);
	return 0;
}
