/* What all answers need to know of a request, and what is noted of it. */
#include <string.h>

#include "base/log.h"
#include "base/network.h"
#include "web/site_priv.h"

/* Somebody on this machine, who has no better name for it, as in the demo. */
bool
web_is_local(const char *host)
{
	struct in6_addr a;

	return strcmp(host, "localhost") == 0 ||
	       (network_address(host, &a) && network_is_loopback(host));
}

/* To https, where that can be had without a warning. */
bool
web_redirect(const struct http_ask *ask, struct http_response *a)
{
	struct web_site *s = ask->arg;
	const struct http_request *q = ask->q;
	struct conf *c = web_site_conf(s);
	uint16_t port =
	    c->nlisten[CONF_HTTPS] > 0 ? c->listen[CONF_HTTPS][0].port : 0;

	conf_free(&c);
	if (ask->tls || s->without_https || port == 0 || q->target.n == 0 ||
	    q->host[0] == '\0' || !sni_is_for(s->sni, q->host))
		return false;
	http_response_error(a, 308, NULL);
	buf_addf(&a->location,
	    strchr(q->host, ':') != NULL ? "https://[%s]" : "https://%s",
	    q->host);
	if (port != 443)
		buf_addf(&a->location, ":%u", port);
	buf_addsv(&a->location, q->target);
	return true;
}

/* Without what is behind the beginning of a link, which lets in. */
static struct sv
path_for_log(struct sv path)
{
	static const struct sv links[] = {SV("/confirm/"), SV("/device/"),
	    SV("/settings/"), SV("/profile/"), SV("/web-login/")};
	size_t i;

	for (i = 0; i < sizeof links / sizeof links[0]; i++)
		if (sv_istarts(path, links[i]))
			return links[i];
	return sv_first(path, 100);
}

void
web_answered(const struct http_request *q, unsigned status, const char *why,
    const char *peer)
{
	char host[LOG_Q_MAX], path[LOG_Q_MAX];
	unsigned missed = 0;

	if (status >= 400 && !log_peer_may(peer, &missed))
		return;
	mlog(status >= 400 ? LOG_INFO : LOG_DEBUG, "web.request",
	    "peer=%s status=%u method=%s host=%s path=%s%s%s%s", peer, status,
	    http_method_name(q->method), log_q(host, sv_str(q->host)),
	    log_q(path, path_for_log(q->path)), why != NULL ? " text=\"" : "",
	    why != NULL ? why : "", why != NULL ? "\"" : "");
}
