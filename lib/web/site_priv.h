/* Inside lib/web only: the handlers of the routes. */
#ifndef WEB_SITE_PRIV_H
#define WEB_SITE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "ipc/line.h"
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
	/* clk_mono(): it has a question since, and is not asked before. */
	atomic_int_least64_t auth_since, auth_pause;
	int roots;
	struct challenges *challenges;
};

/* ---- state.c ---- */

/* A reference, to be given back with conf_free. */
struct conf *web_site_conf(struct web_site *s);
int web_site_roots(struct web_site *s);

/* ---- device.c ---- */

http_handler_fn web_device_look, web_device_press, web_device_settings,
    web_device_profile;

/* ---- text.c ---- */

http_handler_fn web_security_txt, web_mta_sts;

/* ---- style.c ---- */

http_handler_fn web_style;

/* ---- setup.c ---- */

http_handler_fn web_autoconfig, web_autodiscover, web_autodiscover_json,
    web_settings;

#endif
