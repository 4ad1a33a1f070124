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
#include <string.h>
#include <sys/stat.h>

#include <openssl/ssl.h>

#include "base/ascii.h"
#include "base/clk.h"
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
/* The loop of a listener waits for auth, which has the answer in its memory: if
 * it does not come at once something is wrong there, and for a while nobody
 * waits again. */
#define AUTH_MS	 1000
#define PAUSE_MS 10000
#define SLOW_MS	 100
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

/* Not while another loop is waiting for it in vain. */
static int
call_auth(struct web_site *s, struct msg *question, struct msg *reply)
{
	int64_t now = clk_mono(), since = atomic_load(&s->auth_since);
	int r;

	if (now < atomic_load(&s->auth_pause) ||
	    (since != 0 && now - since > SLOW_MS)) {
		msg_fini(question);
		return RC_TEMP;
	}
	if (since == 0)
		atomic_store(&s->auth_since, now);
	r = peer_call(s->auth, question, AUTH_MS, reply);
	if (r == RC_TIMEOUT)
		atomic_store(&s->auth_pause, clk_mono() + PAUSE_MS);
	atomic_store(&s->auth_since, 0);
	return r;
}

/* The answer's texts are in *m, which is the caller's with RC_OK.  Else the
 * response says why not. */
static int
ask_auth(const struct http_ask *ask, uint8_t what, struct msg *m,
    struct link_done *done, struct http_response *a)
{
	struct sv token = ask->rest;
	struct link_ask q = {.what = what};
	struct msg question;
	int r;

	if (sv_ends(token, SV(PROFILE)))
		token = sv_first(token, token.n - (sizeof PROFILE - 1));
	q.token = token;
	if (!is_token(token)) {
		http_response_error(a, 404, NULL);
		return RC_NOTFOUND;
	}
	msg_init(&question, AUTH_LINK);
	link_ask_put(&question, &q);
	r = call_auth(ask->arg, &question, m);
	if (r == RC_OK && link_done_get(m, done) == RC_OK && done->rc == RC_OK)
		return RC_OK;
	if (r != RC_OK)
		http_response_error(a, 503, "try again in a minute");
	else if (done->rc == RC_EXISTS)
		http_response_error(a, 410,
		    "this link was used already; ask for a new one if that was "
		    "not you");
	else
		http_response_error(a, 404,
		    "there is no such link, or its 15 minutes are over; ask "
		    "for a new one");
	if (r == RC_OK)
		msg_fini(m);
	return RC_DENIED;
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

void
web_device_look(const struct http_ask *ask, struct http_response *a)
{
	struct link_done done;
	struct msg m;
	struct xml x;

	if (ask_auth(ask, LINK_LOOK, &m, &done, a) != RC_OK)
		return;
	begin_page(&x, a, "Set up mail on this device");
	put_sentence(&x, "For %.*s, as \"%.*s\".", SV_ARG(done.address),
	    SV_ARG(done.device));
	/* To where the page came from. */
	xml_open(&x, "form", "method=\"post\"");
	xml_leaf(&x, "button", SV("Show the settings"));
	xml_close(&x);
	put_sentence(&x,
	    "This works once, within %u minutes: press it on the device that "
	    "is to have the mail.",
	    done.seconds / 60 + 1);
	end_page(&x, a);
	msg_fini(&m);
}

void
web_device_press(const struct http_ask *ask, struct http_response *a)
{
	struct link_done done;
	struct msg m;

	if (ask_auth(ask, LINK_PRESS, &m, &done, a) != RC_OK)
		return;
	http_response_error(a, 303, NULL);
	buf_addf(&a->location, "/settings/%.*s", SV_ARG(done.ticket));
	msg_fini(&m);
}

void
web_device_settings(const struct http_ask *ask, struct http_response *a)
{
	struct clients_server s;
	struct link_done done;
	struct conf *c;
	struct buf link;
	struct msg m;
	struct xml x;

	if (ask_auth(ask, LINK_TAKE, &m, &done, a) != RC_OK)
		return;
	c = web_site_conf(ask->arg);
	clients_server_of(c, &s);
	buf_init(&link, 128);
	buf_addf(&link, "/profile/%.*s" PROFILE, SV_ARG(ask->rest));
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
	xml_leaf(&x, "code", done.password);
	xml_close(&x);
	clients_put_table(&x, &s, done.address);
	end_page(&x, a);
	buf_wipe(&link);
	conf_free(&c);
	msg_fini(&m);
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

void
web_device_profile(const struct http_ask *ask, struct http_response *a)
{
	struct web_site *site = ask->arg;
	struct signing g = {a, web_site_roots(site)};
	struct clients_profile p;
	struct clients_server s;
	struct link_done done;
	struct conf *c;
	struct msg m;

	if (ask_auth(ask, LINK_TAKE, &m, &done, a) != RC_OK)
		return;
	c = web_site_conf(site);
	clients_server_of(c, &s);
	p = (struct clients_profile){
	    done.account, done.device, done.address, done.password};
	a->type = CLIENTS_PROFILE_TYPE;
	if (clients_profile(&s, &p, &a->body) != RC_OK)
		http_response_error(a, 404,
		    "there is no profile for this device; use the settings");
	else
		sni_use(web_site_sni(site), c->hostname, sign_with, &g);
	conf_free(&c);
	msg_fini(&m);
}
