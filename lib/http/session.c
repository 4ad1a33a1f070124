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

	struct http_place place;

	/* Of this request. */
	struct http_later *later; /* it waits for its answer */
	bool ready;		  /* which has come */
	struct http_response answer;
	unsigned hosts;
	const struct http_route *route;
	struct sv rest;
};

struct http_later {
	struct http_session *session; /* NULL: it has ended */
	struct ev_loop *loop;
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
http_session_set_place(struct http_session *s, const struct http_place *p)
{
	s->place = *p;
}

/* Nobody waits for the answer any more, if one was to come or has. */
static void
forget_later(struct http_session *s)
{
	if (s->later != NULL)
		s->later->session = NULL;
	s->later = NULL;
	if (s->ready)
		http_response_fini(&s->answer);
	s->ready = false;
}

void
http_session_free(struct http_session **s)
{
	if (*s == NULL)
		return;
	forget_later(*s);
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
ask_of(struct http_session *s)
{
	return (struct http_ask){.q = http_reader_request(s->reader),
	    .reader = s->reader,
	    .tls = s->tls,
	    .rest = s->rest,
	    .arg = s->arg,
	    .peer = s->peer,
	    .session = s};
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
	if (!http_response_ok(&a))
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
finish(struct http_session *s)
{
	s->ended = s->last;
	s->route = NULL;
	http_reader_next(s->reader);
}

static void
give(struct http_session *s, struct http_response *a, struct buf *out)
{
	if (!http_response_ok(a))
		http_response_error(a, 500, NULL);
	write_answer(s, a, 0, NULL, out);
	http_response_fini(a);
	finish(s);
}

/* One that was waited for has come. */
static void
give_ready(struct http_session *s, struct buf *out)
{
	if (!s->ready)
		return;
	s->ready = false;
	give(s, &s->answer, out);
}

static void
on_whole(struct http_session *s, struct buf *out)
{
	struct http_ask ask = ask_of(s);
	struct http_response a;

	if (s->route == NULL) {
		finish(s); /* it has its answer */
		return;
	}
	http_response_init(&a);
	s->route->answer(&ask, &a);
	if (s->later == NULL && !s->ready) {
		give(s, &a, out);
		return;
	}
	http_response_fini(&a);
	give_ready(s, out); /* it came while it was asked for */
}

/* ---- answers that come later ---- */

struct http_later *
http_later_new(const struct http_ask *ask)
{
	struct http_later *l = xcalloc(1, sizeof *l);

	must(ask->session->later == NULL && !ask->session->ready);
	*l = (struct http_later){ask->session, ask->session->place.loop};
	ask->session->later = l;
	return l;
}

struct ev_loop *
http_later_loop(const struct http_later *l)
{
	return l->loop;
}

bool
http_later_is_awaited(const struct http_later *l)
{
	return l->session != NULL;
}

void
http_later_is_known(const struct http_later *l)
{
	const struct http_session *s = l->session;

	if (s != NULL && s->place.known != NULL)
		s->place.known(s->place.arg);
}

void
http_later_answer(struct http_later **l, struct http_response *a)
{
	struct http_session *s = (*l)->session;

	free(*l);
	*l = NULL;
	if (s == NULL) {
		http_response_fini(a);
		return;
	}
	s->later = NULL;
	s->answer = *a;
	s->ready = true;
	if (s->place.wake != NULL)
		s->place.wake(s->place.arg);
}

bool
http_session_waits(const struct http_session *s)
{
	return s->later != NULL;
}

/* ---- a connection ---- */

size_t
http_session_input(
    struct http_session *s, struct sv in, struct buf *out, bool *close)
{
	enum http_event what = HTTP_WHOLE;
	size_t took = 0, k;

	give_ready(s, out);
	while (s->later == NULL && what != HTTP_MORE && !s->ended &&
	       out->n < HTTP_OUTPUT) {
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
	const bool waits = s->later != NULL || s->ready;

	forget_later(s);
	if (!s->ended && waits)
		refuse(s, 503, "there was no answer in time", out);
	else if (!s->ended && !http_reader_is_idle(s->reader))
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
