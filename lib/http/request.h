/*
 * HTTP/1.0 and 1.1 requests [RFC 9110, 9112]: pure, bytes and limits in,
 * values out.
 *
 * Why not libmicrohttpd: it wants sockets or threads of its own, or a pair of
 * descriptors for each connection that goes through another process's TLS.
 * Here a request is parsed on the event loop and the TLS of lib/front, which
 * have the limits on connections, networks and time that all listeners share;
 * the whole is small enough to be fuzzed byte by byte, and what cannot be read
 * in one way only is refused:
 *
 * - lines end with CR LF; a CR or LF alone, a NUL or another control character
 *   is an error, as are folded fields and blanks before a colon;
 * - one Content-Length of digits only, or one Transfer-Encoding "chunked",
 *   never both, and the latter not in HTTP/1.0;
 * - one Host field, which HTTP/1.1 must have.
 *
 * After an error nothing more is read: where the next request begins is not
 * known.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_PATCH,
	HTTP_TRACE,
	HTTP_METHODS /* how many */
};

const char *http_method_name(enum http_method m);

struct http_limits {
	size_t line;	 /* bytes of the request line */
	size_t head;	 /* of all fields, and of the trailer */
	unsigned fields; /* how many */
	size_t body;	 /* bytes, without what chunks add */
};

#define HTTP_HOST_MAX 256

/* Slices live until the reader is told to go on with the next one. */
struct http_request {
	enum http_method method;
	struct sv path;	  /* without %XX; "/..." or "*" */
	struct sv query;  /* what is behind '?', as it came */
	struct sv target; /* path and query as they came */
	/* Of the target, else of the Host field: lower case, without a port
	 * and without a dot at the end; may be empty. */
	char host[HTTP_HOST_MAX];
	bool http10;
	bool keep;    /* the client can use the connection again */
	bool expects; /* it waits for "100 Continue" before the body */
	bool has_body;
	struct sv body; /* with HTTP_WHOLE */
};

enum http_event {
	HTTP_MORE, /* all was taken, more is needed */
	/* The head is complete.  Now it may be refused without its body;
	 * calling again reads that. */
	HTTP_HEADED,
	HTTP_WHOLE,
	HTTP_BAD /* see http_reader_status */
};

struct http_reader;

struct http_reader *http_reader_new(const struct http_limits *l);
void http_reader_free(struct http_reader **r);
/* Takes *took bytes of in; to be called again after HTTP_HEADED, also when
 * there are no more bytes. */
enum http_event http_reader_input(
    struct http_reader *r, struct sv in, size_t *took);
/* The status for HTTP_BAD, and a sentence for the log and the client. */
unsigned http_reader_status(const struct http_reader *r);
const char *http_reader_why(const struct http_reader *r);
/* From HTTP_HEADED on; with HTTP_BAD as far as it was understood. */
const struct http_request *http_reader_request(const struct http_reader *r);
/* After HTTP_WHOLE: forgets it and gives the memory back. */
void http_reader_next(struct http_reader *r);
/* Not a byte of a request has come. */
bool http_reader_is_idle(const struct http_reader *r);

/* The value of the first field with that name, in any case; empty with
 * p == NULL: there is none. */
struct sv http_reader_field(const struct http_reader *r, struct sv name);

/*
 * A host as in a Host field or a URL: "Mail.Example.org.:443".  RC_SYNTAX:
 * that is none.
 */
int http_host_read(struct sv text, char out[HTTP_HOST_MAX]) RC_USE_RESULT;

#endif
