/* Inside lib/web only: the handlers of the routes. */
#ifndef WEB_SITE_PRIV_H
#define WEB_SITE_PRIV_H

#include <pthread.h>

#include "ipc/line.h"
#include "ipc/msg_page.h"
#include "web/page/words.h"
#include "web/site.h"

enum web_host {
	HOST_ANY = 1 << 0,     /* ours or not */
	HOST_SERVER = 1 << 1,  /* the host name */
	HOST_DOMAIN = 1 << 2,  /* one of the domains */
	HOST_MTA_STS = 1 << 3, /* mta-sts.DOMAIN */
	HOST_AUTOCONFIG = 1 << 4,
	HOST_AUTODISCOVER = 1 << 5,
	/* Where mail programs look for their settings. */
	HOST_SETUP =
	    HOST_SERVER | HOST_DOMAIN | HOST_AUTOCONFIG | HOST_AUTODISCOVER
};

struct web_site {
	pthread_mutex_t lock; /* of conf */
	struct conf *conf;
	struct sni *sni;
	bool without_https;
	struct peer *auth;
	int roots;
	struct challenges *challenges;
	/* Also under the lock: who waits for figures, and whom to ask. */
	struct web_call *scrapes;
	void (*ask_metrics)(void *arg);
	void *ask_arg;
};

/* ---- state.c ---- */

/* A reference, to be given back with conf_free. */
struct conf *web_site_conf(struct web_site *s);
int web_site_roots(struct web_site *s);

/* ---- call.c: questions to auth, whose answers come later ---- */

/* The beginning of what a handler keeps until then. */
struct web_call {
	struct web_site *site;
	struct http_later *later;
	/* With the answer, in the loop's thread.  rc: RC_OK, and *reply, whose
	 * bytes are freed behind it; else why there is none. */
	void (*done)(struct web_call *c, int rc, struct msg *reply);
	int rc;
	struct msg reply;
	struct web_call *next; /* that waits for the same */
};

/* rc and reply are there: has done called in the loop's thread. */
void web_call_finish(struct web_call *c);
/* Consumes m.  While auth is started anew the question waits. */
void web_call_auth(struct web_call *c, struct msg *m, int64_t ms);

/* ---- browser.c: what browsers send, and are sent ---- */

enum web_cookie {
	WEB_COOKIE_SESSION,
	WEB_COOKIE_BROWSER /* by which it is known for a year */
};

/* Under TLS, or a browser of this machine, as with the demo; else *a is the
 * way there, or 404. */
bool web_browser_may(const struct http_ask *ask, struct http_response *a);
/* Another site has made a browser send this form. */
bool web_is_from_elsewhere(const struct http_ask *ask);
/* Empty: there is none that could be one of ours. */
struct sv web_cookie(const struct http_ask *ask, enum web_cookie which);
void web_set_cookie(
    struct http_response *a, enum web_cookie which, struct sv value, bool tls);
/* Letters of a token, as many as it may have. */
bool web_is_token(struct sv s);
/* Is it a path of ours to go to behind signing in? */
bool web_is_way(struct sv path);
/* What it says of itself, in printable ASCII. */
void web_agent(const struct http_ask *ask, char out[PAGE_AGENT_MAX]);
/* The body, if it is a form of at most PAGE_FORM_MAX: else *a says why not. */
bool web_form(
    const struct http_ask *ask, struct sv *form, struct http_response *a);

/* ---- sign_in.c ---- */

http_handler_fn web_sign_in_page, web_sign_in, web_sign_out, web_link_page,
    web_link_press;
/* To /sign-in, and from there back to path (empty: nowhere). */
void web_to_sign_in(struct sv path, struct sv query, struct http_response *a);
/* A page with one sentence. */
void web_say(struct http_response *a, unsigned status,
    enum page_language language, enum page_word title, enum page_word text);

/* ---- visit.c ---- */

http_handler_fn web_visit;
/* With a link, without signing in. */
http_handler_fn web_confirm;

/* ---- request.c ---- */

/* Puts it into the log. */
void web_answered(const struct http_request *q, unsigned status,
    const char *why, const char *peer);
/* To https, where that can be had without a warning. */
bool web_redirect(const struct http_ask *ask, struct http_response *a);
/* A browser of this machine, by a name of it. */
bool web_is_local(const char *host);

/* ---- language.c ---- */

/* Of the browser. */
enum page_language web_language(const struct http_ask *ask);

/* ---- device.c ---- */

http_handler_fn web_device_look, web_device_press, web_device_settings,
    web_device_profile;

/* ---- metrics.c ---- */

http_handler_fn web_metrics;

/* ---- text.c ---- */

http_handler_fn web_security_txt, web_mta_sts;

/* ---- style.c ---- */

http_handler_fn web_icon, web_style;

/* ---- setup.c ---- */

http_handler_fn web_autoconfig, web_autodiscover, web_autodiscover_json,
    web_settings;

#endif
