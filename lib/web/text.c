/* The small texts below /.well-known/. */
#include <string.h>

#include "base/clk.h"
#include "publish/mta_sts.h"
#include "web/site_priv.h"

#define DAY_S		86400
#define EXPIRES_IN_DAYS 30

/* [RFC 9116]: the date is always ahead, as nobody has to keep it up to date. */
void
web_security_txt(const struct http_ask *ask, struct http_response *a)
{
	int64_t day = clk_now() / 1000 / DAY_S + EXPIRES_IN_DAYS;
	struct conf *c = web_site_conf(ask->arg);
	const char *host = conf_domain_is_local(c, sv_str(ask->q->host))
			       ? ask->q->host
			       : c->hostname;
	struct clk_tm t;

	clk_civil(day * DAY_S, &t);
	/* postmaster leads to the admin, under the server's name, too. */
	buf_addf(&a->body,
	    "Contact: mailto:postmaster@%s\r\n"
	    "Expires: %04d-%02d-%02dT00:00:00Z\r\n"
	    "Canonical: https://%s/.well-known/security.txt\r\n",
	    host, t.year, t.month, t.day, host);
	conf_free(&c);
}

/*
 * Exactly this, and no redirect, or it is as if there were no policy
 * [RFC 8461 3.3].
 */
void
web_mta_sts(const struct http_ask *ask, struct http_response *a)
{
	struct conf *c = web_site_conf(ask->arg);
	struct sv domain = sv_skip(sv_str(ask->q->host), strlen("mta-sts."));

	a->type = "text/plain";
	if (!publish_mta_sts_policy(c, domain, clk_now() / 1000, &a->body))
		http_response_error(a, 404, NULL);
	conf_free(&c);
}
