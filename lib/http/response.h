/*
 * Answers, with the fields that each of them has: nothing that a page could
 * load or run from elsewhere, no frame around it, no guessing of types, nothing
 * kept by caches; and nothing about this server [RFC 9110 10.2.4].
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/request.h"

#define HTTP_TEXT_TYPE "text/plain; charset=utf-8"

struct http_response {
	unsigned status;
	const char *type;    /* of the body */
	struct buf body;     /* an empty one where a status allows none */
	struct buf location; /* empty: none */
	struct buf fields;   /* more of them, each a whole line */
	/* Its forms are for this site: a browser says so then, and nothing to
	 * others.  Without, it says nothing to anybody, not even who asks. */
	bool forms;
};

#define HTTP_BODY_MAX	  57344 /* bytes of an answer */
#define HTTP_FIELDS_MAX	  4096
#define HTTP_LOCATION_MAX 16384

void http_response_init(struct http_response *a);
/* Wipes the body, too: there may be a password in it. */
void http_response_fini(struct http_response *a);
/* An answer that only says its status, and why if there is more to say. */
void http_response_error(
    struct http_response *a, unsigned status, const char *why);

/* Does all that was written fit? */
bool http_response_ok(const struct http_response *a);

/*
 * Sets a cookie for all of this host [RFC 6265 4.1]: of no use to scripts, nor
 * to requests that other sites make, but for links.  name and value have only
 * what a token may have.  seconds 0: until the browser ends; empty: it is
 * forgotten.
 */
void http_response_cookie(struct http_response *a, struct sv name,
    struct sv value, bool secure, uint32_t seconds);

struct http_framing {
	bool head;   /* the request was HEAD: without the body */
	bool http10; /* the client's version */
	bool close;  /* the connection ends behind it */
	bool hsts;   /* Strict-Transport-Security: under TLS only */
	int64_t now; /* milliseconds since 1970, for Date */
	/* Methods (1 << http_method) that would do, for 405; 0: not said. */
	unsigned allow;
};

void http_response_write(const struct http_response *a,
    const struct http_framing *f, struct buf *out);

/* "Mon, 30 Nov 2026 13:00:00 GMT" [RFC 9110 5.6.7] */
void http_date(int64_t ms, struct buf *out);

#endif
