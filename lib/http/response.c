#include "http/response.h"

#include "base/ascii.h"
#include "base/clk.h"

static const struct {
	unsigned status;
	const char *reason;
} statuses[] = {
    {200, "OK"},
    {303, "See Other"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *
reason_of(unsigned status)
{
	size_t i;

	for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].status == status)
			return statuses[i].reason;
	return "Unknown";
}

void
http_response_init(struct http_response *a)
{
	a->status = 200;
	a->forms = false;
	a->type = HTTP_TEXT_TYPE;
	buf_init(&a->body, HTTP_BODY_MAX);
	buf_init(&a->location, HTTP_LOCATION_MAX);
	buf_init(&a->fields, HTTP_FIELDS_MAX);
}

void
http_response_fini(struct http_response *a)
{
	buf_wipe(&a->fields);
	buf_wipe(&a->location);
	buf_wipe(&a->body);
}

bool
http_response_ok(const struct http_response *a)
{
	return buf_ok(&a->body) && buf_ok(&a->location) && buf_ok(&a->fields);
}

/* [RFC 9110 5.6.2], of which values of ours are, too. */
static bool
is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

void
http_response_cookie(struct http_response *a, struct sv name, struct sv value,
    bool secure, uint32_t seconds)
{
	must(name.n > 0 && is_token(name));
	if (!is_token(value)) {
		a->fields.failed = true;
		return;
	}
	buf_addf(&a->fields,
	    "Set-Cookie: %.*s=%.*s; Path=/; HttpOnly; "
	    "SameSite=Lax%s",
	    SV_ARG(name), SV_ARG(value), secure ? "; Secure" : "");
	if (value.n == 0)
		buf_adds(&a->fields, "; Max-Age=0");
	else if (seconds > 0)
		buf_addf(&a->fields, "; Max-Age=%u", seconds);
	buf_adds(&a->fields, "\r\n");
}

void
http_response_error(struct http_response *a, unsigned status, const char *why)
{
	a->status = status;
	a->type = HTTP_TEXT_TYPE;
	buf_reset(&a->location);
	buf_reset(&a->body);
	buf_addf(&a->body, "%u %s%s%s\n", status, reason_of(status),
	    why != NULL ? ": " : "", why != NULL ? why : "");
}

void
http_date(int64_t ms, struct buf *out)
{
	static const char days[][4] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct clk_tm t;

	clk_civil(ms / 1000, &t);
	buf_addf(out, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.weekday],
	    t.day, months[t.month - 1], t.year, t.hour, t.minute, t.second);
}

static void
add_allow(unsigned methods, struct buf *out)
{
	int i, n = 0;

	buf_adds(out, "Allow: ");
	for (i = 0; i < HTTP_METHODS; i++)
		if ((methods & 1u << i) != 0)
			buf_addf(out, "%s%s", n++ > 0 ? ", " : "",
			    http_method_name((enum http_method)i));
	buf_adds(out, "\r\n");
}

static const char strict[] =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n";

void
http_response_write(const struct http_response *a, const struct http_framing *f,
    struct buf *out)
{
	buf_addf(
	    out, "HTTP/1.1 %u %s\r\nDate: ", a->status, reason_of(a->status));
	http_date(f->now, out);
	buf_addf(out, "\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
	    a->type, a->body.n);
	if (f->close)
		buf_adds(out, "Connection: close\r\n");
	else if (f->http10)
		buf_adds(out, "Connection: keep-alive\r\n");
	if (a->location.n > 0)
		buf_addf(out, "Location: %s\r\n", a->location.p);
	if (f->allow != 0)
		add_allow(f->allow, out);
	if (f->hsts)
		buf_adds(out, "Strict-Transport-Security: "
			      "max-age=31536000\r\n");
	buf_addsv(out, buf_sv(&a->fields));
	buf_adds(out, strict);
	buf_adds(out, a->forms ? "Referrer-Policy: same-origin\r\n"
			       : "Referrer-Policy: no-referrer\r\n");
	buf_adds(out, "\r\n");
	if (!f->head)
		buf_addsv(out, buf_sv(&a->body));
}
