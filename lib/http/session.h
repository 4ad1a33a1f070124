/*
 * One connection: requests one after the other, answers in their order.  Pure,
 * as the reader is.
 *
 * What is refused before all of it has come ends the connection, since what is
 * still to come is not a request; so does what the client, or a limit, says.
 * "100 Continue" is sent only where the body will be read [RFC 9110 10.1.1].
 */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include "http/route.h"

/* Answers that wait to be sent before more is read. */
#define HTTP_OUTPUT 16384

struct http_site {
	const struct http_route *routes;
	size_t nroutes;
	struct http_limits limits;
	unsigned requests; /* of one connection */
	/* Which kinds of host is that?  0: none of ours. */
	unsigned (*hosts)(const char *host, void *arg);
	/* What no route has: true, and *a is the answer; false: 404. */
	bool (*otherwise)(const struct http_ask *ask, struct http_response *a);
	bool (*hsts)(void *arg);
	int64_t (*now)(void); /* milliseconds since 1970 */
	/* Each answer, for the log; why may be NULL. */
	void (*answered)(const struct http_request *q, unsigned status,
	    const char *why, const char *peer);
};

struct http_session;

/* Whose loop it is, for answers that come later; NULL: it has none of these. */
struct http_place {
	struct ev_loop *loop;
	/* There is one now: http_session_input is to be called, maybe with
	 * nothing. */
	void (*wake)(void *arg);
	/* Somebody has signed in from there; may be NULL. */
	void (*known)(void *arg);
	void *arg;
};

/* site, arg and peer must outlive it. */
struct http_session *http_session_new(
    const struct http_site *site, bool tls, void *arg, const char *peer);
/* Before the first input; copied. */
void http_session_set_place(struct http_session *s, const struct http_place *p);
void http_session_free(struct http_session **s);
/*
 * Answers what is complete, until HTTP_OUTPUT is reached or an answer comes
 * later; returns how many bytes it took.  *close: the connection ends behind
 * the answer, and what still comes is to be thrown away.
 */
size_t http_session_input(
    struct http_session *s, struct sv in, struct buf *out, bool *close);
/* An answer is to come: nothing is taken until then. */
bool http_session_waits(const struct http_session *s);
/* The server has no more time or place for it: an answer, if the client waits
 * for one. */
void http_session_end(
    struct http_session *s, unsigned status, const char *why, struct buf *out);

/*
 * ---- answers that come later ----
 *
 * A handler that has to ask somebody takes one of these, copies what it needs
 * of the request, and returns; what it has written to its response is
 * forgotten.  It must answer once, in the loop's thread, whether the client is
 * still there or not.
 */
struct http_later;

struct http_later *http_later_new(const struct http_ask *ask);
/* To which the answer is to be posted. */
struct ev_loop *http_later_loop(const struct http_later *l);
/* Does anybody still wait?  In the loop's thread. */
bool http_later_is_awaited(const struct http_later *l);
/* Whoever waits has signed in. */
void http_later_is_known(const struct http_later *l);
/* Takes over what *a has. */
void http_later_answer(struct http_later **l, struct http_response *a);

/* 503 to somebody who has no session. */
void http_busy(const char *why, int64_t now, struct buf *out);

#endif
