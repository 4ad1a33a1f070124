#include "cmd/run/acme_look.h"

#include "base/clk.h"
#include "base/log.h"
#include "base/network.h"

#define FILE_MOST (1u << 20)
#define SWAP_MS	  30000 /* until all show a new certificate */

/* Those that speak TLS from the first byte. */
static const enum conf_service looked_at[] = {
    CONF_IMAPS, CONF_SUBMISSIONS, CONF_POP3S, CONF_HTTPS};

#define NLOOKED_AT (sizeof looked_at / sizeof looked_at[0])

static bool
is_any_address(const struct in6_addr *a)
{
	return IN6_IS_ADDR_UNSPECIFIED(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 0);
}

/* What one of them shows, once; RC_OK: it is that certificate. */
static int
look_once(const struct acme_look *a, const struct conf_listen *l, struct sv pem,
    struct err *err)
{
	struct in6_addr at;
	struct buf got;
	bool any = l->host == NULL || !network_address(l->host, &at) ||
		   is_any_address(&at);
	int r;

	if (any)
		(void)network_address("127.0.0.1", &at);
	buf_init(&got, FILE_MOST);
	r = https_look(a->https, a->conf->hostname, &at, l->port, &got, err);
	/* A host may have no IPv4 at all. */
	if (r != RC_OK && r != RC_DENIED && any) {
		buf_reset(&got);
		(void)network_address("::1", &at);
		r = https_look(
		    a->https, a->conf->hostname, &at, l->port, &got, err);
	}
	/* Both are the first of a chain, as OpenSSL prints it. */
	if (r == RC_OK && !sv_starts(pem, sv_trim(buf_sv(&got))))
		r = err_set(err, RC_TEMP, "it shows another certificate");
	buf_fini(&got);
	return r;
}

/* The time is for all: they change to a new one together. */
static void
look_at_one(const struct acme_look *a, enum conf_service service,
    const struct conf_listen *l, struct sv pem, int64_t until,
    struct buf *lines)
{
	struct err err;
	int r;

	do
		r = look_once(a, l, pem, &err);
	while (r != RC_OK && clk_mono() < until && a->wait(a->arg, 1));
	if (r == RC_OK || !a->wait(a->arg, 0))
		return;
	mlog(LOG_WARN, "acme.look", "service=%s text=\"%s\"",
	    conf_service_name(service), err.text);
	buf_addf(lines,
	    "%sport %u (%s) does not show the certificate of %s as clients "
	    "want it: %s",
	    lines->n > 0 ? "; " : "", l->port, conf_service_name(service),
	    a->conf->hostname, err.text);
}

void
acme_look(
    const struct acme_look *a, struct sv pem, bool fresh, struct buf *lines)
{
	const struct conf *conf = a->conf;
	int64_t until = clk_mono() + (fresh ? SWAP_MS : SWAP_MS / 3);
	size_t s, i;

	for (s = 0; s < NLOOKED_AT; s++)
		for (i = 0; i < conf->nlisten[looked_at[s]]; i++)
			if (conf->listen[looked_at[s]][i].port != 0)
				look_at_one(a, looked_at[s],
				    &conf->listen[looked_at[s]][i], pem, until,
				    lines);
}

/* The authority's port, and those of our own services. */
size_t
acme_ports(const struct conf *conf, uint16_t ports[ACME_PORTS_MAX])
{
	char host[HTTPS_HOST_MAX];
	size_t n = 0, s, i;

	ports[n++] = 80;
	ports[n++] = 443;
	if (https_url_parts(conf->acme.directory, host, &ports[n]) == RC_OK)
		n++;
	for (s = 0; s < NLOOKED_AT; s++)
		for (i = 0; i < conf->nlisten[looked_at[s]]; i++)
			if (n < ACME_PORTS_MAX &&
			    conf->listen[looked_at[s]][i].port != 0)
				ports[n++] = conf->listen[looked_at[s]][i].port;
	return n;
}
