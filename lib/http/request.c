#include "http/request.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "http/request_priv.h"

#define BLANKS_MAX     2   /* empty lines before a request [RFC 9112 2.2] */
#define CHUNK_LINE_MAX 256 /* bytes of a chunk's size with its extensions */
#define CHUNK_DIGITS   8

static void
forget(struct http_reader *r)
{
	struct http_limits l = r->limits;

	buf_wipe(&r->line); /* cookies */
	buf_wipe(&r->head);
	buf_wipe(&r->body);
	free(r->field);
	*r = (struct http_reader){.limits = l};
	buf_init(&r->line, l.line + l.head + CHUNK_LINE_MAX + 2);
	/* The path is in it twice. */
	buf_init(&r->head, 2 * l.line + l.head + 1);
	buf_init(&r->body, l.body);
}

struct http_reader *
http_reader_new(const struct http_limits *l)
{
	struct http_reader *r = xcalloc(1, sizeof *r);

	r->limits = *l;
	forget(r);
	return r;
}

void
http_reader_free(struct http_reader **r)
{
	if (*r == NULL)
		return;
	forget(*r);
	free(*r);
	*r = NULL;
}

void
http_reader_next(struct http_reader *r)
{
	must(r->state == HTTP_ST_WHOLE);
	forget(r);
}

bool
http_reader_is_idle(const struct http_reader *r)
{
	return r->state == HTTP_ST_REQUEST && r->line.n == 0;
}

unsigned
http_reader_status(const struct http_reader *r)
{
	return r->status;
}

const char *
http_reader_why(const struct http_reader *r)
{
	return r->why;
}

const struct http_request *
http_reader_request(const struct http_reader *r)
{
	return &r->q;
}

struct sv
http_reader_field(const struct http_reader *r, struct sv name)
{
	size_t i;

	for (i = 0; i < r->nfield; i++) {
		const struct http_field *f = &r->field[i];

		if (sv_ieq(sv_of(r->head.p + f->name, f->name_n), name))
			return sv_of(r->head.p + f->value, f->value_n);
	}
	return (struct sv){NULL, 0};
}

/* ---- lines ---- */

/*
 * Gathers a line of at most max bytes.  true: r->line has all of it, without
 * its end.  A line that ends otherwise than with CR LF, or has a CR of its own,
 * would be two lines to others: [RFC 9112 2.2], the strict way.
 */
static bool
take_line(struct http_reader *r, struct sv in, size_t *took, size_t max,
    unsigned too_long)
{
	struct sv line = sv_first(in, sv_chr(in, '\n') + 1);

	*took = line.n;
	if (r->line.n + line.n > max + 2) {
		(void)http_fail(r, too_long,
		    too_long == 414 ? "the request line is too long"
				    : "the fields are too long");
		return false;
	}
	buf_addsv(&r->line, line);
	if (line.n == 0 || line.p[line.n - 1] != '\n')
		return false;
	line = sv_first(buf_sv(&r->line), r->line.n - 1);
	if (line.n == 0 || sv_chr(line, '\r') != line.n - 1) {
		(void)http_fail(r, 400, "lines must end with CR LF");
		return false;
	}
	if (sv_chr(line, '\0') < line.n) {
		(void)http_fail(r, 400, "a NUL in the head");
		return false;
	}
	buf_truncate(&r->line, line.n - 1);
	return true;
}

static void
begin(struct http_reader *r, struct sv in, size_t *took)
{
	/* Before a line is waited for that never comes: somebody speaks
	 * another language, such as TLS. */
	if (r->line.n == 0 && in.p[0] != '\r' && !ascii_is_alpha(in.p[0])) {
		(void)http_fail(r, 400, "this is not HTTP");
		return;
	}
	if (!take_line(r, in, took, r->limits.line, 414))
		return;
	if (r->line.n > 0) {
		if (http_request_line(r, buf_sv(&r->line)))
			r->state = HTTP_ST_FIELDS;
	} else if (++r->blanks > BLANKS_MAX) {
		(void)http_fail(r, 400, "empty lines instead of a request");
	}
	buf_reset(&r->line);
}

/* true: the line may be read; counts it. */
static bool
take_field(struct http_reader *r, struct sv in, size_t *took)
{
	if (!take_line(r, in, took, r->limits.head - r->head_used, 431))
		return false;
	r->head_used += r->line.n + 2 < r->limits.head - r->head_used
			    ? r->line.n + 2
			    : r->limits.head - r->head_used;
	return true;
}

static void
field(struct http_reader *r, struct sv in, size_t *took)
{
	if (!take_field(r, in, took))
		return;
	if (r->line.n > 0) {
		(void)http_field_line(r, buf_sv(&r->line));
	} else if (http_head_end(r)) {
		r->q.path = sv_of(r->head.p + r->path, r->path_n);
		r->q.target = sv_of(r->head.p + r->target, r->target_n);
		r->q.query = sv_skip(r->q.target, r->target_n - r->query_n);
		r->state = HTTP_ST_HEADED;
	}
	buf_reset(&r->line);
}

/* ---- bodies ---- */

static void
begin_body(struct http_reader *r)
{
	r->left = r->length;
	if (r->has_coding)
		r->state = HTTP_ST_CHUNK;
	else if (r->left > r->limits.body)
		(void)http_fail(r, 413, "the body is too large");
	else
		r->state = r->left > 0 ? HTTP_ST_BODY : HTTP_ST_WHOLE;
}

static void
take_body(struct http_reader *r, struct sv in, size_t *took)
{
	in = sv_first(in, r->left);
	buf_addsv(&r->body, in);
	r->left -= in.n;
	*took = in.n;
	if (r->left == 0)
		r->state = r->has_coding ? HTTP_ST_DATA_END : HTTP_ST_WHOLE;
}

/* chunk-ext, which nobody needs: no control characters but a tab. */
static bool
is_extension(struct sv s)
{
	size_t i;

	if (s.n > 0 && s.p[0] != ';')
		return false;
	for (i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]) && s.p[i] != '\t')
			return false;
	return true;
}

/* chunk-size [ chunk-ext ] CRLF, without blanks before an extension. */
static void
chunk(struct http_reader *r, struct sv in, size_t *took)
{
	struct sv line;
	uint64_t n = 0;
	size_t i;

	if (!take_line(r, in, took, CHUNK_LINE_MAX, 400))
		return;
	line = buf_sv(&r->line);
	for (i = 0; i < line.n && ascii_hex(line.p[i]) >= 0; i++)
		if (i < CHUNK_DIGITS)
			n = n * 16 + (uint64_t)ascii_hex(line.p[i]);
	if (i == 0 || i > CHUNK_DIGITS || !is_extension(sv_skip(line, i)))
		(void)http_fail(r, 400, "a chunk has no size");
	else if (n > r->limits.body - r->body.n)
		(void)http_fail(r, 413, "the body is too large");
	else
		r->state = n > 0 ? HTTP_ST_DATA : HTTP_ST_TRAILER;
	r->left = n;
	buf_reset(&r->line);
}

static void
chunk_end(struct http_reader *r, struct sv in, size_t *took)
{
	if (!take_line(r, in, took, 0, 400)) {
		if (r->state == HTTP_ST_BAD)
			r->why = "a chunk is longer than it says";
		return;
	}
	r->state = HTTP_ST_CHUNK;
	buf_reset(&r->line);
}

/* Read as carefully as the head, and forgotten [RFC 9110 6.5.1]. */
static void
trailer(struct http_reader *r, struct sv in, size_t *took)
{
	struct sv name, value;

	if (!take_field(r, in, took))
		return;
	if (r->line.n == 0)
		r->state = HTTP_ST_WHOLE;
	else if (!http_field_split(buf_sv(&r->line), &name, &value))
		(void)http_fail(r, 400, "not a field");
	buf_reset(&r->line);
}

static void
step(struct http_reader *r, struct sv in, size_t *took)
{
	*took = 0;
	switch (r->state) {
	case HTTP_ST_REQUEST:
		begin(r, in, took);
		break;
	case HTTP_ST_FIELDS:
		field(r, in, took);
		break;
	case HTTP_ST_BODY:
	case HTTP_ST_DATA:
		take_body(r, in, took);
		break;
	case HTTP_ST_CHUNK:
		chunk(r, in, took);
		break;
	case HTTP_ST_DATA_END:
		chunk_end(r, in, took);
		break;
	case HTTP_ST_TRAILER:
		trailer(r, in, took);
		break;
	case HTTP_ST_HEADED:
	case HTTP_ST_WHOLE:
	case HTTP_ST_BAD:
		break;
	}
}

enum http_event
http_reader_input(struct http_reader *r, struct sv in, size_t *took)
{
	size_t k;

	*took = 0;
	if (r->state == HTTP_ST_HEADED)
		begin_body(r);
	while (in.n > 0 && r->state < HTTP_ST_WHOLE &&
	       r->state != HTTP_ST_HEADED) {
		step(r, in, &k);
		in = sv_skip(in, k);
		*took += k;
	}
	r->q.body = buf_sv(&r->body);
	switch (r->state) {
	case HTTP_ST_HEADED:
		return HTTP_HEADED;
	case HTTP_ST_WHOLE:
		return HTTP_WHOLE;
	case HTTP_ST_BAD:
		return HTTP_BAD;
	case HTTP_ST_REQUEST:
	case HTTP_ST_FIELDS:
	case HTTP_ST_BODY:
	case HTTP_ST_CHUNK:
	case HTTP_ST_DATA:
	case HTTP_ST_DATA_END:
	case HTTP_ST_TRAILER:
		break;
	}
	return HTTP_MORE;
}
