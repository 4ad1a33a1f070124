/*
 * The table of what a server answers: everything else is 404, a method that is
 * not listed 405.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "base/ev.h"
#include "http/response.h"

#define HTTP_DOES(m) (1u << (m))
/* Who may read may ask whether there is something to read. */
#define HTTP_READS (HTTP_DOES(HTTP_GET) | HTTP_DOES(HTTP_HEAD))

/* What a handler knows. */
struct http_ask {
	const struct http_request *q;
	const struct http_reader *reader; /* for its fields */
	bool tls;
	struct sv rest; /* of the path, behind a route's prefix */
	void *arg;	/* the site's */
	const char *peer;
	struct http_session *session; /* for http_later_new */
};

typedef void http_handler_fn(
    const struct http_ask *ask, struct http_response *a);

struct http_route {
	unsigned hosts; /* kinds of host: bits with the site's meaning */
	bool clear;	/* without TLS, too */
	enum http_match {
		HTTP_EXACT,
		HTTP_ANY_CASE,
		HTTP_PREFIX, /* and something behind it */
		HTTP_PREFIX_ANY_CASE
	} match;
	struct sv path;
	unsigned methods;
	http_handler_fn *answer;
};

/*
 * The first that fits; NULL: none, and *allow has the methods that would do
 * there, or 0.  *rest is what is behind a prefix.
 */
const struct http_route *http_route_find(const struct http_route *routes,
    size_t n, const struct http_request *q, unsigned hosts, bool tls,
    struct sv *rest, unsigned *allow);

#endif
