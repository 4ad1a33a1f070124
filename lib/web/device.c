/*
 * A phone takes its settings: the link of `hearthmail device add`.  What is
 * behind it auth knows (auth/links.h); here is only the way there.
 *
 *   GET  /device/TOKEN    whose it is, and a button; changes nothing
 *   POST /device/TOKEN    the button: once, to
 *   GET  /settings/TICKET settings and password, and a link to
 *   GET  /profile/TICKET.mobileconfig
 *                         the profile, as often as the phone wants
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include "clients/profile.h"
#include "clients/sign.h"
#include "clients/xml.h"
#include "ipc/line.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "web/site_priv.h"

#define ROOTS_MAX (4 << 20)
#define AUTH_MS	  10000
/* By which a Mac knows what it has got. */
#define PROFILE ".mobileconfig"

/* Some of a link's letters; what has others is not asked about. */
static bool
is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n < LINK_TOKEN_MAX;
}

/* What is to be done with the answer. */
typedef void device_fn(struct web_site *site, struct sv token,
    const struct link_done *done, struct http_response *a);

struct device_call {
	struct web_call call; /* must be first */
	device_fn *fn;
	char token[LINK_TOKEN_MAX];
};

static void
refuse(int rc, const struct link_done *done, struct http_response *a)
{
	if (rc != RC_OK)
		http_response_error(a, 503, "try again in a minute");
	else if (done->rc == RC_EXISTS)
		http_response_error(a, 410,
		    "this link was used already; ask for a new one if that was "
		    "not you");
	else
		http_response_error(a, 404,
		    "there is no such link, or its 15 minutes are over; ask "
		    "for a new one");
}

static void
on_done(struct web_call *call, int rc, struct msg *m)
{
	struct device_call *c = (struct device_call *)call;
	struct link_done done = {.rc = RC_NOTFOUND};
	struct http_response a;

	http_response_init(&a);
	if (rc == RC_OK && link_done_get(m, &done) != RC_OK)
		rc = RC_SYNTAX;
	if (rc == RC_OK && done.rc == RC_OK)
		c->fn(call->site, sv_str(c->token), &done, &a);
	else
		refuse(rc, &done, &a);
	http_later_answer(&call->later, &a);
	explicit_bzero(c->token, sizeof c->token);
	free(c);
}

static void
ask_auth(const struct http_ask *ask, uint8_t what, device_fn *fn,
    struct http_response *a)
{
	struct link_ask q = {.what = what, .token = ask->rest};
	struct device_call *c;
	struct msg m;

	if (sv_ends(q.token, SV(PROFILE)))
		q.token = sv_first(q.token, q.token.n - (sizeof PROFILE - 1));
	if (!is_token(q.token)) {
		http_response_error(a, 404, NULL);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->call = (struct web_call){
	    .site = ask->arg, .later = http_later_new(ask), .done = on_done};
	c->fn = fn;
	sv_copy(q.token, c->token, sizeof c->token);
	msg_init(&m, AUTH_LINK);
	link_ask_put(&m, &q);
	web_call_auth(&c->call, &m, AUTH_MS);
}

/* ---- pages ---- */

static void
begin_page(struct xml *x, struct http_response *a, const char *title)
{
	a->type = "text/html; charset=utf-8";
	xml_begin_page(x, &a->body, title);
}

static void
end_page(struct xml *x, struct http_response *a)
{
	if (!xml_end(x))
		a->body.failed = true;
}

static void put_sentence(struct xml *x, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_sentence(struct xml *x, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 4096);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	xml_leaf(x, "p", buf_sv(&b));
	buf_wipe(&b);
}

static void
answer_look(struct web_site *site, struct sv token,
    const struct link_done *done, struct http_response *a)
{
	struct xml x;

	(void)site;
	(void)token;
	begin_page(&x, a, "Set up mail on this device");
	put_sentence(&x, "For %.*s, as \"%.*s\".", SV_ARG(done->address),
	    SV_ARG(done->device));
	/* To where the page came from. */
	xml_open(&x, "form", "method=\"post\"");
	xml_leaf(&x, "button", SV("Show the settings"));
	xml_close(&x);
	put_sentence(&x,
	    "This works once, within %u minutes: press it on the device that "
	    "is to have the mail.",
	    done->seconds / 60 + 1);
	end_page(&x, a);
}

void
web_device_look(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_LOOK, answer_look, a);
}

static void
answer_press(struct web_site *site, struct sv token,
    const struct link_done *done, struct http_response *a)
{
	(void)site;
	(void)token;
	http_response_error(a, 303, NULL);
	buf_addf(&a->location, "/settings/%.*s", SV_ARG(done->ticket));
}

void
web_device_press(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_PRESS, answer_press, a);
}

static void
answer_settings(struct web_site *site, struct sv token,
    const struct link_done *done, struct http_response *a)
{
	struct clients_server s;
	struct conf *c = web_site_conf(site);
	struct buf link;
	struct xml x;

	clients_server_of(c, &s);
	buf_init(&link, 128);
	buf_addf(&link, "/profile/%.*s" PROFILE, SV_ARG(token));
	begin_page(&x, a, "Settings for your mail");
	xml_leaf(&x, "h2", SV("iPhone, iPad, Mac"));
	xml_open(&x, "p", NULL);
	xml_open_with(&x, "a", "href", buf_sv(&link));
	xml_text(&x, SV("Install the profile"));
	xml_close(&x);
	xml_close(&x);
	put_sentence(&x,
	    "On an iPhone or iPad, then open Settings, and in it \"Profile "
	    "Downloaded\".");
	xml_leaf(&x, "h2", SV("Everything else"));
	put_sentence(&x,
	    "Type the address and this password; most programs find the rest "
	    "by themselves.");
	xml_open(&x, "p", NULL);
	xml_leaf(&x, "code", done->password);
	xml_close(&x);
	clients_put_table(&x, &s, done->address);
	end_page(&x, a);
	buf_wipe(&link);
	conf_free(&c);
}

void
web_device_settings(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_TAKE, answer_settings, a);
}

/* ---- the profile ---- */

/* Appends the file; without it nothing is trusted. */
static void
read_roots(int fd, struct buf *out)
{
	struct stat s;
	char *p;

	if (fd < 0 || fstat(fd, &s) != 0 || s.st_size > ROOTS_MAX ||
	    (p = buf_reserve(out, (size_t)s.st_size)) == NULL)
		return;
	if (io_pread_all(fd, p, (size_t)s.st_size, 0) == RC_OK)
		buf_added(out, (size_t)s.st_size);
}

struct signing {
	struct http_response *a;
	int roots;
};

/* With the certificate that browsers get for the server's name, if a device
 * would believe it. */
static void
sign_with(struct tls_ctx *ctx, void *arg)
{
	SSL_CTX *ssl = tls_ctx_openssl(ctx);
	struct signing *g = arg;
	struct clients_signer s = {
	    .leaf = SSL_CTX_get0_certificate(ssl),
	    .key = SSL_CTX_get0_privatekey(ssl),
	};
	struct err err = {.text = ""};
	struct buf der, roots;
	int r;

	buf_init(&der, HTTP_BODY_MAX);
	buf_init(&roots, ROOTS_MAX);
	read_roots(g->roots, &roots);
	(void)SSL_CTX_get0_chain_certs(ssl, &s.rest);
	r = clients_signer_trusted(&s, buf_sv(&roots), &err);
	if (r == RC_OK)
		r = clients_signer_sign(&s, buf_sv(&g->a->body), &der, &err);
	if (r == RC_OK) {
		buf_wipe(&g->a->body);
		buf_addsv(&g->a->body, buf_sv(&der));
	} else {
		mlog(LOG_INFO, "profile.unsigned", "text=\"%s\"", err.text);
	}
	buf_fini(&roots);
	buf_wipe(&der);
}

static void
answer_profile(struct web_site *site, struct sv token,
    const struct link_done *done, struct http_response *a)
{
	const struct clients_profile p = {
	    done->account, done->device, done->address, done->password};
	struct signing g = {a, web_site_roots(site)};
	struct clients_server s;
	struct conf *c = web_site_conf(site);

	(void)token;
	clients_server_of(c, &s);
	a->type = CLIENTS_PROFILE_TYPE;
	if (clients_profile(&s, &p, &a->body) != RC_OK)
		http_response_error(a, 404,
		    "there is no profile for this device; use the settings");
	else
		sni_use(web_site_sni(site), c->hostname, sign_with, &g);
	conf_free(&c);
}

void
web_device_profile(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_TAKE, answer_profile, a);
}
