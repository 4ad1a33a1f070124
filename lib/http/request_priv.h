/* Inside lib/http only: the reader and the parts of a head. */
#ifndef HTTP_REQUEST_PRIV_H
#define HTTP_REQUEST_PRIV_H

#include "http/request.h"

struct http_field {
	size_t name, name_n, value, value_n; /* in reader->head */
};

enum http_state {
	HTTP_ST_REQUEST, /* the request line */
	HTTP_ST_FIELDS,
	HTTP_ST_HEADED, /* HTTP_HEADED was said */
	HTTP_ST_BODY,	/* of known length */
	HTTP_ST_CHUNK,	/* a chunk's size */
	HTTP_ST_DATA,	/* its bytes */
	HTTP_ST_DATA_END,
	HTTP_ST_TRAILER,
	HTTP_ST_WHOLE,
	HTTP_ST_BAD
};

struct http_reader {
	struct http_limits limits;
	enum http_state state;
	struct buf line;  /* so much of a line has come */
	struct buf head;  /* what slices and fields point into */
	size_t head_used; /* of limits.head */
	struct http_field *field;
	size_t nfield, field_cap;
	struct buf body;
	uint64_t left;	 /* bytes of the body or chunk to come */
	unsigned blanks; /* empty lines before the request */
	unsigned status;
	const char *why;
	struct http_request q;
	size_t path, path_n, target, target_n, query_n; /* in head */

	/* What the fields say. */
	bool has_host, has_authority; /* the target's */
	bool has_length, has_coding;
	bool close, keep_alive, expect;
	uint64_t length;
};

/* ---- head.c ---- */

/* Says what is wrong; always false. */
bool http_fail(struct http_reader *r, unsigned status, const char *why);
/* Each takes one line without its end; false: http_fail was called. */
bool http_request_line(struct http_reader *r, struct sv line);
bool http_field_line(struct http_reader *r, struct sv line);
/* Name and value of a field; false: it is none. */
bool http_field_split(struct sv line, struct sv *name, struct sv *value);
/* All fields are there. */
bool http_head_end(struct http_reader *r);

#endif
