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
#include <stdio.h>
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
#include "ipc/line.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "web/page/page.h"
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

struct device_call;

/* What is to be done with the answer. */
typedef void device_fn(const struct device_call *c,
    const struct link_done *done, struct http_response *a);

struct device_call {
	struct web_call call; /* must be first */
	device_fn *fn;
	enum page_language language;
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
		c->fn(c, &done, &a);
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
	c->language = web_language(ask);
	sv_copy(q.token, c->token, sizeof c->token);
	msg_init(&m, AUTH_LINK);
	link_ask_put(&m, &q);
	web_call_auth(&c->call, &m, AUTH_MS);
}

/* ---- pages ---- */

static void
begin_page(struct page *p, const struct device_call *c, enum page_word title,
    struct http_response *a)
{
	a->type = PAGE_TYPE;
	page_begin(p, &a->body,
	    &(struct page_frame){.language = c->language, .title = title});
}

static void
end_page(struct page *p, struct http_response *a)
{
	if (!page_end(p))
		a->body.failed = true;
}

static void
answer_look(const struct device_call *c, const struct link_done *done,
    struct http_response *a)
{
	char action[sizeof "/device/" + LINK_TOKEN_MAX];
	struct page p;

	(void)snprintf(action, sizeof action, "/device/%s", c->token);
	begin_page(&p, c, W_LINK_TITLE, a);
	page_say(&p, "p", W_LINK_FOR, page_text(done->address),
	    page_text(done->device));
	page_form(&p, action);
	page_button(&p, W_LINK_PRESS, PAGE_BUTTON_MAIN);
	page_form_end(&p);
	page_say(&p, "p", W_LINK_ONCE, page_count(done->seconds / 60 + 1));
	end_page(&p, a);
}

void
web_device_look(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_LOOK, answer_look, a);
}

static void
answer_press(const struct device_call *c, const struct link_done *done,
    struct http_response *a)
{
	(void)c;
	http_response_error(a, 303, NULL);
	buf_addf(&a->location, "/settings/%.*s", SV_ARG(done->ticket));
}

void
web_device_press(const struct http_ask *ask, struct http_response *a)
{
	ask_auth(ask, LINK_PRESS, answer_press, a);
}

static void
answer_settings(const struct device_call *call, const struct link_done *done,
    struct http_response *a)
{
	char profile[sizeof "/profile/" PROFILE + LINK_TOKEN_MAX];
	struct clients_server s;
	struct conf *c = web_site_conf(call->call.site);
	struct page p;

	clients_server_of(c, &s);
	(void)snprintf(
	    profile, sizeof profile, "/profile/%s" PROFILE, call->token);
	begin_page(&p, call, W_SETTINGS_YOURS, a);
	page_section(&p, W_LINK_APPLE);
	page_go(&p, profile, SV(""), W_LINK_PROFILE);
	page_say(&p, "p", W_LINK_PROFILE_THEN);
	page_section_end(&p);
	page_section(&p, W_LINK_OTHERS);
	page_say(&p, "p", W_LINK_OTHERS_ABOUT);
	page_code(&p, done->password);
	page_settings(&p, &s, done->address);
	page_section_end(&p);
	end_page(&p, a);
	explicit_bzero(profile, sizeof profile);
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
answer_profile(const struct device_call *call, const struct link_done *done,
    struct http_response *a)
{
	const struct clients_profile p = {
	    done->account, done->device, done->address, done->password};
	struct web_site *site = call->call.site;
	struct signing g = {a, web_site_roots(site)};
	struct clients_server s;
	struct conf *c = web_site_conf(site);

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
