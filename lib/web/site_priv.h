/* Inside lib/web only: the handlers of the routes. */
#ifndef WEB_SITE_PRIV_H
#define WEB_SITE_PRIV_H

#include "web/site.h"

enum web_host {
	HOST_ANY = 1 << 0,    /* ours or not */
	HOST_SERVER = 1 << 1, /* the host name */
	HOST_DOMAIN = 1 << 2, /* one of the domains */
	HOST_MTA_STS = 1 << 3 /* mta-sts.DOMAIN */
};

/* ---- site.c ---- */

/* A reference, to be given back with conf_free. */
struct conf *web_site_conf(struct web_site *s);

/* ---- text.c ---- */

http_handler_fn web_security_txt;

#endif
