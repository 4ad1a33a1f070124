/* What browsers send, and are sent: cookies, where a form comes from, and
 * which way leads back. */
#include "base/ascii.h"
#include "base/network.h"
#include "http/cookie.h"
#include "web/site_priv.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define YEAR_S	  (365 * 24 * 60 * 60)

bool
web_browser_may(const struct http_ask *ask, struct http_response *a)
{
	/* A proxy on this machine speaks for others, by another name. */
	if (ask->tls ||
	    (network_is_loopback(ask->peer) && web_is_local(ask->q->host)))
		return true;
	if (!web_redirect(ask, a))
		http_response_error(a, 404, NULL);
	return false;
}

/* A browser leaves the usual port away, but not all that is between. */
static struct sv
without_usual_port(struct sv host, bool tls)
{
	struct sv usual = tls ? SV(":443") : SV(":80");

	return sv_ends(host, usual) ? sv_first(host, host.n - usual.n) : host;
}

/* "https://mail.example.org:8443", against the Host field, which a browser
 * writes alike. */
static bool
is_own_origin(const struct http_ask *ask, struct sv origin)
{
	struct sv host = http_reader_field(ask->reader, SV("host"));
	struct sv scheme = ask->tls ? SV("https://") : SV("http://");

	return sv_istarts(origin, scheme) &&
	       sv_ieq(without_usual_port(sv_skip(origin, scheme.n), ask->tls),
		   without_usual_port(sv_trim(host), ask->tls));
}

/* Browsers say where from: all of them by Origin, newer ones by Sec-Fetch-Site,
 * too.  What says neither is not a browser, and has no cookie of anybody's. */
bool
web_is_from_elsewhere(const struct http_ask *ask)
{
	struct sv origin = http_reader_field(ask->reader, SV("origin"));
	struct sv site = http_reader_field(ask->reader, SV("sec-fetch-site"));

	if (site.p != NULL && !sv_eq(site, SV("same-origin")) &&
	    !sv_eq(site, SV("none")))
		return true;
	/* It may be kept back where a page may not say where it is. */
	if (sv_eq(origin, SV("null")) && sv_eq(site, SV("same-origin")))
		return false;
	return origin.p != NULL && !is_own_origin(ask, origin);
}

/* A name of that prefix is taken from this host only, and under TLS [RFC
 * 6265bis 4.1.3.2]; a browser of this machine may be without. */
static struct sv
cookie_name(enum web_cookie which, bool tls)
{
	if (which == WEB_COOKIE_SESSION)
		return tls ? SV("__Host-hearthmail") : SV("hearthmail");
	return tls ? SV("__Host-hearthmail-browser") : SV("hearthmail-browser");
}

bool
web_is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n < PAGE_TOKEN_MAX;
}

struct sv
web_cookie(const struct http_ask *ask, enum web_cookie which)
{
	struct sv value =
	    http_cookie(http_reader_field(ask->reader, SV("cookie")),
		cookie_name(which, ask->tls));

	return web_is_token(value) ? value : SV("");
}

void
web_set_cookie(
    struct http_response *a, enum web_cookie which, struct sv value, bool tls)
{
	http_response_cookie(a, cookie_name(which, tls), value, tls,
	    which == WEB_COOKIE_BROWSER ? YEAR_S : 0);
}

/* "//elsewhere.test" and "/\elsewhere.test" are other hosts to browsers. */
bool
web_is_way(struct sv path)
{
	size_t i;

	if (path.n == 0 || path.n >= PAGE_FOLLOW_MAX || path.p[0] != '/')
		return false;
	if (path.n > 1 && (path.p[1] == '/' || path.p[1] == '\\'))
		return false;
	for (i = 0; i < path.n; i++)
		if (!ascii_is_graph(path.p[i]) || path.p[i] == '\\')
			return false;
	return true;
}

void
web_agent(const struct http_ask *ask, char out[PAGE_AGENT_MAX])
{
	struct sv s = http_reader_field(ask->reader, SV("user-agent"));
	size_t i, n = 0;

	for (i = 0; i < s.n && n < PAGE_AGENT_MAX - 1; i++)
		if (ascii_is_print(s.p[i]))
			out[n++] = s.p[i];
	out[n] = '\0';
}

bool
web_form(const struct http_ask *ask, struct sv *form, struct http_response *a)
{
	struct sv type = http_reader_field(ask->reader, SV("content-type"));

	*form = ask->q->body;
	type = sv_trim(sv_split(&type, ';'));
	if (form->n > 0 && !sv_ieq(type, SV(FORM_TYPE)))
		http_response_error(a, 415, "a form is expected");
	else if (form->n >= PAGE_FORM_MAX)
		http_response_error(a, 413, "the form is too large");
	else if (sv_chr(*form, '\0') < form->n)
		http_response_error(a, 400, "not a form");
	else
		return true;
	return false;
}
