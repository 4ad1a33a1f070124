/* What mail programs ask to set themselves up: lib/clients answers. */
#include "base/clk.h"
#include "clients/clients.h"
#include "web/page/page.h"
#include "web/site_priv.h"

/* A reference to what it points into, to be given back with conf_free. */
static struct conf *
server_of(const struct http_ask *ask, struct clients_server *s)
{
	struct conf *c = web_site_conf(ask->arg);

	clients_server_of(c, s);
	return c;
}

/* The address that a program has put into its question; empty: none that could
 * be one. */
static void
asked_address(const struct http_ask *ask, const char *name, struct buf *out)
{
	buf_init(out, CLIENTS_ADDRESS_MAX);
	if (clients_query(ask->q->query, name, out) != RC_OK)
		buf_reset(out);
}

void
web_autoconfig(const struct http_ask *ask, struct http_response *a)
{
	struct clients_server s;
	struct conf *c = server_of(ask, &s);
	struct buf address;
	struct sv domain;

	asked_address(ask, "emailaddress", &address);
	a->type = CLIENTS_XML_TYPE;
	if (clients_domain(
		c, sv_str(ask->q->host), buf_sv(&address), &domain) == RC_OK ||
	    clients_domain(c, sv_str(c->hostname), SV(""), &domain) == RC_OK)
		clients_autoconfig(&s, domain, &a->body);
	if (a->body.n == 0)
		http_response_error(a, 404, NULL);
	buf_fini(&address);
	conf_free(&c);
}

/* Whatever a program says of who it is: everybody gets the same. */
void
web_autodiscover(const struct http_ask *ask, struct http_response *a)
{
	struct clients_server s;
	struct conf *c = server_of(ask, &s);

	a->type = CLIENTS_XML_TYPE;
	clients_discover(&s, ask->q->body, clk_now(), &a->body);
	conf_free(&c);
}

void
web_autodiscover_json(const struct http_ask *ask, struct http_response *a)
{
	struct clients_server s;
	struct conf *c = server_of(ask, &s);

	a->type = CLIENTS_JSON_TYPE;
	a->status = clients_discover_json(&s, ask->q->query, &a->body);
	conf_free(&c);
}

/* The same for everybody, too: nothing of the question is shown. */
void
web_settings(const struct http_ask *ask, struct http_response *a)
{
	struct clients_server s;
	struct conf *c = server_of(ask, &s);
	struct page p;

	a->type = PAGE_TYPE;
	page_begin(&p, &a->body,
	    &(struct page_frame){
		.language = web_language(ask), .title = W_SIGN_SETTINGS});
	page_settings(&p, &s, SV(""));
	/* Not of autoconfig.DOMAIN: there is nobody to sign in to. */
	if (!sv_starts(sv_str(ask->q->host), SV("autoconfig.")))
		page_go(&p, "/sign-in", SV(""), W_SIGN_IN);
	if (!page_end(&p))
		a->body.failed = true;
	conf_free(&c);
}
