#include "http/session.h"

#include <stdlib.h>

#include "base/alloc.h"

struct http_session {
	const struct http_site *site;
	bool tls;
	void *arg;
	const char *peer;
	struct http_reader *reader;
	unsigned requests;
	bool last; /* the connection ends behind this request */
	bool ended;

	/* Of this request. */
	unsigned hosts;
	const struct http_route *route;
	struct sv rest;
};

struct http_session *
http_session_new(
    const struct http_site *site, bool tls, void *arg, const char *peer)
{
	struct http_session *s = xcalloc(1, sizeof *s);

	s->site = site;
	s->tls = tls;
	s->arg = arg;
	s->peer = peer;
	s->reader = http_reader_new(&site->limits);
	return s;
}

void
http_session_free(struct http_session **s)
{
	if (*s == NULL)
		return;
	http_reader_free(&(*s)->reader);
	free(*s);
	*s = NULL;
}

static void
write_answer(struct http_session *s, const struct http_response *a,
    unsigned allow, const char *why, struct buf *out)
{
	const struct http_request *q = http_reader_request(s->reader);
	struct http_framing f = {
	    .head = q->method == HTTP_HEAD,
	    .http10 = q->http10,
	    .close = s->last,
	    .hsts = s->tls && s->site->hsts(s->arg),
	    .now = s->site->now(),
	    .allow = allow,
	};

	http_response_write(a, &f, out);
	s->site->answered(q, a->status, why, s->peer);
}

/* Without what is still to come of the request. */
static void
refuse(
    struct http_session *s, unsigned status, const char *why, struct buf *out)
{
	struct http_response a;

	s->last = s->ended = true;
	http_response_init(&a);
	http_response_error(&a, status, why);
	write_answer(s, &a, 0, why, out);
	http_response_fini(&a);
}

static struct http_ask
ask_of(const struct http_session *s)
{
	return (struct http_ask){.q = http_reader_request(s->reader),
	    .reader = s->reader,
	    .tls = s->tls,
	    .rest = s->rest,
	    .arg = s->arg};
}

/* No route has it. */
static void
answer_without(struct http_session *s, unsigned allow, struct buf *out)
{
	struct http_ask ask = ask_of(s);
	struct http_response a;

	http_response_init(&a);
	if (allow != 0)
		http_response_error(&a, 405, NULL);
	else if (!s->site->otherwise(&ask, &a))
		http_response_error(&a, 404, NULL);
	if (!buf_ok(&a.body) || !buf_ok(&a.location))
		http_response_error(&a, 500, NULL);
	write_answer(s, &a, allow, NULL, out);
	http_response_fini(&a);
}

/* The head is there.  waits: it is all that has come. */
static void
on_head(struct http_session *s, bool waits, struct buf *out)
{
	const struct http_request *q = http_reader_request(s->reader);
	unsigned allow;

	s->requests++;
	s->last = !q->keep || s->requests >= s->site->requests;
	s->hosts = s->site->hosts(q->host, s->arg);
	s->route = http_route_find(s->site->routes, s->site->nroutes, q,
	    s->hosts, s->tls, &s->rest, &allow);
	if (s->route == NULL) {
		/* Its body is not waited for. */
		s->last = s->last || q->has_body;
		answer_without(s, allow, out);
		s->ended = s->last;
	} else if (q->expects && waits) {
		buf_adds(out, "HTTP/1.1 100 Continue\r\n\r\n");
	}
}

static void
on_whole(struct http_session *s, struct buf *out)
{
	struct http_ask ask = ask_of(s);
	struct http_response a;

	/* Else it has its answer. */
	if (s->route != NULL) {
		http_response_init(&a);
		s->route->answer(&ask, &a);
		if (!buf_ok(&a.body) || !buf_ok(&a.location))
			http_response_error(&a, 500, NULL);
		write_answer(s, &a, 0, NULL, out);
		http_response_fini(&a);
	}
	s->ended = s->last;
	s->route = NULL;
	http_reader_next(s->reader);
}

size_t
http_session_input(
    struct http_session *s, struct sv in, struct buf *out, bool *close)
{
	enum http_event what = HTTP_WHOLE;
	size_t took = 0, k;

	while (what != HTTP_MORE && !s->ended && out->n < HTTP_OUTPUT) {
		what = http_reader_input(s->reader, sv_skip(in, took), &k);
		took += k;
		if (what == HTTP_HEADED)
			on_head(s, took == in.n, out);
		else if (what == HTTP_WHOLE)
			on_whole(s, out);
		else if (what == HTTP_BAD)
			refuse(s, http_reader_status(s->reader),
			    http_reader_why(s->reader), out);
	}
	*close = s->ended;
	return took;
}

void
http_session_end(
    struct http_session *s, unsigned status, const char *why, struct buf *out)
{
	if (!s->ended && !http_reader_is_idle(s->reader))
		refuse(s, status, why, out);
	s->ended = true;
}

void
http_busy(const char *why, int64_t now, struct buf *out)
{
	const struct http_framing f = {.close = true, .now = now};
	struct http_response a;

	http_response_init(&a);
	http_response_error(&a, 503, why);
	http_response_write(&a, &f, out);
	http_response_fini(&a);
}
