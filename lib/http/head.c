/* The head of a request: its first line, its fields, and what they say
 * together. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "http/request_priv.h"

bool
http_fail(struct http_reader *r, unsigned status, const char *why)
{
	r->state = HTTP_ST_BAD;
	r->status = status;
	r->why = why;
	return false;
}

static const char *const methods[HTTP_METHODS] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};

const char *
http_method_name(enum http_method m)
{
	return methods[m];
}

/* tchar [RFC 9110 5.6.2] */
static bool
is_tchar(char c)
{
	return ascii_is_alnum(c) ||
	       (c != '\0' && sv_chr(SV("!#$%&'*+-.^_`|~"), c) < 15);
}

static bool
is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!is_tchar(s.p[i]))
			return false;
	return s.n > 0;
}

/* ---- host names ---- */

static bool
is_port(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]))
			return false;
	return s.n <= 5;
}

static bool
is_host_char(char c, bool v6)
{
	if (v6)
		return ascii_hex(c) >= 0 || c == ':' || c == '.';
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

/* uri-host [ ":" port ] [RFC 9110 7.2], of names those that the DNS has. */
int
http_host_read(struct sv text, char out[HTTP_HOST_MAX])
{
	bool v6 = text.n > 0 && text.p[0] == '[';
	size_t end = v6 ? sv_chr(text, ']') : sv_chr(text, ':');
	struct sv host, rest;
	size_t i;

	if (v6 && end == text.n)
		return RC_SYNTAX;
	host = v6 ? sv_skip(sv_first(text, end), 1) : sv_first(text, end);
	rest = sv_skip(text, v6 ? end + 1 : end);
	if (rest.n > 0 && (rest.p[0] != ':' || !is_port(sv_skip(rest, 1))))
		return RC_SYNTAX;
	/* Browsers keep the dot of a full name. */
	if (!v6 && host.n > 1 && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n >= HTTP_HOST_MAX || (host.n == 0 && text.n > 0))
		return RC_SYNTAX;
	for (i = 0; i < host.n; i++) {
		if (!is_host_char(host.p[i], v6))
			return RC_SYNTAX;
		out[i] = ascii_lower(host.p[i]);
	}
	out[host.n] = '\0';
	return RC_OK;
}

/* ---- the request line ---- */

static bool
read_version(struct http_reader *r, struct sv v)
{
	if (v.n != 8 || !sv_starts(v, SV("HTTP/")) || v.p[6] != '.' ||
	    !ascii_is_digit(v.p[5]) || !ascii_is_digit(v.p[7]))
		return http_fail(r, 400, "not a request line");
	if (v.p[5] != '1')
		return http_fail(r, 505, "HTTP/1.0 and 1.1 only");
	r->q.http10 = v.p[7] == '0';
	return true;
}

static bool
read_method(struct http_reader *r, struct sv m)
{
	int i;

	if (!is_token(m))
		return http_fail(r, 400, "not a request line");
	for (i = 0; i < HTTP_METHODS; i++)
		if (sv_eq(m, sv_str(methods[i]))) {
			r->q.method = (enum http_method)i;
			return true;
		}
	return http_fail(r, 501, "an unknown method");
}

/* %XX is a byte, if it is not one that only serves to deceive. */
static bool
decode_path(struct http_reader *r, struct sv raw)
{
	size_t i;

	r->path = r->head.n;
	for (i = 0; i < raw.n; i++) {
		int high, low;

		if (raw.p[i] != '%') {
			buf_addc(&r->head, raw.p[i]);
			continue;
		}
		high = i + 2 < raw.n ? ascii_hex(raw.p[i + 1]) : -1;
		low = i + 2 < raw.n ? ascii_hex(raw.p[i + 2]) : -1;
		if (high < 0 || low < 0 ||
		    ascii_is_ctl((char)(high << 4 | low)))
			return http_fail(r, 400, "a broken %XX in the path");
		buf_addc(&r->head, (char)(high << 4 | low));
		i += 2;
	}
	r->path_n = r->head.n - r->path;
	return true;
}

/* absolute-form: its authority counts, whatever Host says [RFC 9112 3.2.2]. */
static bool
take_authority(struct http_reader *r, struct sv *target)
{
	struct sv rest;
	size_t end;

	if (sv_istarts(*target, SV("http://")))
		rest = sv_skip(*target, 7);
	else if (sv_istarts(*target, SV("https://")))
		rest = sv_skip(*target, 8);
	else
		return http_fail(r, 400, "the target is not a path");
	for (end = 0; end < rest.n && rest.p[end] != '/' && rest.p[end] != '?';
	     end++)
		;
	if (end == 0 || http_host_read(sv_first(rest, end), r->q.host) != RC_OK)
		return http_fail(r, 400, "the target's host is not one");
	r->has_authority = true;
	*target = sv_skip(rest, end);
	return true;
}

static bool
read_target(struct http_reader *r, struct sv target)
{
	struct sv path;
	size_t i;

	for (i = 0; i < target.n; i++)
		if (!ascii_is_graph(target.p[i]) || target.p[i] == '#')
			return http_fail(r, 400, "the target is not a path");
	if (sv_eq(target, SV("*")) && r->q.method == HTTP_OPTIONS) {
		buf_addsv(&r->head, target);
		r->path_n = 1;
		return true;
	}
	if ((target.n == 0 || target.p[0] != '/') &&
	    !take_authority(r, &target))
		return false;
	path = sv_first(target, sv_chr(target, '?'));
	if (!decode_path(r, path.n > 0 ? path : SV("/")))
		return false;
	r->query_n = sv_skip(target, path.n + 1).n;
	r->target = r->head.n;
	if (path.n == 0)
		buf_addc(&r->head, '/');
	buf_addsv(&r->head, target);
	r->target_n = r->head.n - r->target;
	return true;
}

/* method SP request-target SP HTTP-version [RFC 9112 3] */
bool
http_request_line(struct http_reader *r, struct sv line)
{
	struct sv method = sv_split(&line, ' ');
	struct sv target = sv_split(&line, ' ');

	return read_version(r, line) && read_method(r, method) &&
	       read_target(r, target);
}

/* ---- fields ---- */

static bool
on_host(struct http_reader *r, struct sv v)
{
	char host[HTTP_HOST_MAX];

	if (r->has_host)
		return http_fail(r, 400, "more than one Host");
	r->has_host = true;
	if (http_host_read(v, host) != RC_OK)
		return http_fail(r, 400, "Host is not a host");
	if (!r->has_authority)
		memcpy(r->q.host, host, sizeof host);
	return true;
}

/* Not even twice the same, nor as a list: others may take another one. */
static bool
on_length(struct http_reader *r, struct sv v)
{
	int rc;

	if (r->has_length)
		return http_fail(r, 400, "more than one Content-Length");
	r->has_length = true;
	rc = sv_to_u64(v, UINT64_MAX / 2, &r->length);
	if (rc == RC_TOOBIG)
		r->length = UINT64_MAX / 2;
	return rc == RC_OK || rc == RC_TOOBIG
		   ? true
		   : http_fail(r, 400, "Content-Length is not a number");
}

static bool
on_coding(struct http_reader *r, struct sv v)
{
	if (r->has_coding)
		return http_fail(r, 400, "more than one Transfer-Encoding");
	r->has_coding = true;
	return sv_ieq(v, SV("chunked"))
		   ? true
		   : http_fail(r, 501, "Transfer-Encoding may be chunked only");
}

static bool
on_connection(struct http_reader *r, struct sv v)
{
	while (v.n > 0) {
		struct sv word = sv_trim(sv_split(&v, ','));

		r->close = r->close || sv_ieq(word, SV("close"));
		r->keep_alive = r->keep_alive || sv_ieq(word, SV("keep-alive"));
	}
	return true;
}

static bool
on_expect(struct http_reader *r, struct sv v)
{
	r->expect = true;
	return sv_ieq(v, SV("100-continue"))
		   ? true
		   : http_fail(r, 417, "Expect may be 100-continue only");
}

static const struct {
	struct sv name;
	bool (*read)(struct http_reader *r, struct sv v);
} known[] = {
    {SV("host"), on_host},
    {SV("content-length"), on_length},
    {SV("transfer-encoding"), on_coding},
    {SV("connection"), on_connection},
    {SV("expect"), on_expect},
};

/* field-name ":" OWS field-value OWS [RFC 9112 5] */
bool
http_field_split(struct sv line, struct sv *name, struct sv *value)
{
	size_t i;

	*name = sv_split(&line, ':');
	if (!is_token(*name) || line.p == NULL)
		return false;
	*value = sv_trim(line);
	for (i = 0; i < value->n; i++)
		if (ascii_is_ctl(value->p[i]) && value->p[i] != '\t')
			return false;
	return true;
}

static struct http_field *
add_field(struct http_reader *r, struct sv name, struct sv value)
{
	struct http_field *f;

	r->field =
	    xgrow(r->field, &r->field_cap, r->nfield + 1, sizeof *r->field);
	f = &r->field[r->nfield++];
	*f =
	    (struct http_field){r->head.n, name.n, r->head.n + name.n, value.n};
	buf_addsv(&r->head, name);
	buf_addsv(&r->head, value);
	return f;
}

bool
http_field_line(struct http_reader *r, struct sv line)
{
	struct sv name, value;
	size_t i;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return http_fail(r, 400, "a folded field");
	if (!http_field_split(line, &name, &value))
		return http_fail(r, 400, "not a field");
	if (r->nfield == r->limits.fields)
		return http_fail(r, 431, "too many fields");
	(void)add_field(r, name, value);
	if (!buf_ok(&r->head))
		return http_fail(r, 431, "the fields are too long");
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_ieq(name, known[i].name))
			return known[i].read(r, value);
	return true;
}

bool
http_head_end(struct http_reader *r)
{
	struct http_request *q = &r->q;

	if (!r->has_host && !q->http10)
		return http_fail(r, 400, "Host is missing");
	if (r->has_coding && r->has_length)
		return http_fail(r, 400,
		    "Content-Length and Transfer-Encoding exclude each other");
	if (r->has_coding && q->http10)
		return http_fail(
		    r, 400, "HTTP/1.0 does not have Transfer-Encoding");
	q->keep = !r->close && (!q->http10 || r->keep_alive);
	q->has_body = r->has_coding || r->length > 0;
	/* What will not be read is not asked for. */
	q->expects = r->expect && q->has_body && !q->http10 &&
		     r->length <= r->limits.body;
	return true;
}
