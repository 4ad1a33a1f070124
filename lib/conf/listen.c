/* The keys below `listen`: addresses and ports. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "conf/conf_priv.h"

/* "25", "192.0.2.1:25", "[2001:db8::1]:25" */
static bool
split(struct sv v, struct sv *host, uint64_t *port)
{
	size_t colon = sv_rchr(v, ':');

	*host = (struct sv){NULL, 0};
	if (colon < v.n) {
		*host = sv_first(v, colon);
		v = sv_skip(v, colon + 1);
		if (host->n > 2 && host->p[0] == '[' &&
		    host->p[host->n - 1] == ']')
			*host = sv_first(sv_skip(*host, 1), host->n - 2);
		else if (sv_chr(*host, ':') < host->n)
			return false;
		if (host->n == 0)
			return false;
	}
	return sv_to_u64(v, 65535, port) == RC_OK;
}

/* As the socket will have it; IPv4 as [::ffff:0:0]/96. */
static bool
to_address(const char *host, struct in6_addr *out)
{
	struct in_addr four;

	*out = in6addr_any;
	if (host == NULL || inet_pton(AF_INET6, host, out) == 1)
		return true;
	if (inet_pton(AF_INET, host, &four) != 1)
		return false;
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &four, sizeof four);
	return true;
}

void
conf_add_listen(struct conf_parser *p, yaml_node_t *n, void *service)
{
	enum conf_service s = *(enum conf_service *)service;
	struct conf *c = p->c;
	struct in6_addr address;
	struct sv v, host;
	uint64_t port;
	char *name;

	if (!conf_get_text(p, n, "a port or address:port", &v))
		return;
	if (!split(v, &host, &port)) {
		CONF_FAIL(p, n,
		    "expected a port, address:port or [v6]:port, not "
		    "\"%.60s\"",
		    v.p);
		return;
	}
	name = host.p != NULL ? sv_dup(host) : NULL;
	if (!to_address(name, &address)) {
		CONF_FAIL(p, n,
		    "\"%.60s\" is not a numeric address such as 127.0.0.1:%u",
		    name, (unsigned)port);
		free(name);
		return;
	}
	c->listen[s] = xreallocarray(
	    c->listen[s], c->nlisten[s] + 1, sizeof *c->listen[s]);
	c->listen[s][c->nlisten[s]++] =
	    (struct conf_listen){name, (uint16_t)port, conf_place_of(n)};
}

/* ---- two that exclude each other ---- */

static bool
is_any(const struct in6_addr *a)
{
	static const struct in6_addr four = {
	    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}};

	return memcmp(a, &four, sizeof four) == 0;
}

static bool
clash(const struct conf_listen *x, const struct conf_listen *y)
{
	struct in6_addr a, b;

	if (x->port != y->port || x->port == 0 || !to_address(x->host, &a) ||
	    !to_address(y->host, &b))
		return false;
	/* The one of all IPv6 addresses takes IPv4, too. */
	return memcmp(&a, &b, sizeof a) == 0 || IN6_IS_ADDR_UNSPECIFIED(&a) ||
	       IN6_IS_ADDR_UNSPECIFIED(&b) ||
	       (IN6_IS_ADDR_V4MAPPED(&a) && IN6_IS_ADDR_V4MAPPED(&b) &&
		   (is_any(&a) || is_any(&b)));
}

/* Said twice it is one socket. */
static bool
is_same(const struct conf_listen *x, const struct conf_listen *y)
{
	return sv_eq(sv_str(x->host), sv_str(y->host));
}

static void
check_with_earlier(
    struct conf_parser *p, enum conf_service s, const struct conf_listen *l)
{
	struct conf *c = p->c;
	int t;
	size_t i;

	for (t = 0; t < CONF_SERVICES; t++)
		for (i = 0; i < c->nlisten[t]; i++) {
			const struct conf_listen *e = &c->listen[t][i];

			/* Of two the one further down; a default is
			 * nowhere. */
			if (e == l || !clash(e, l) ||
			    ((int)s == t && is_same(e, l)) ||
			    e->at.line > l->at.line ||
			    (e->at.line == l->at.line &&
				e->at.column > l->at.column))
				continue;
			conf_error_add(p->errors, l->at,
			    "%s%s already uses port %u%s%s%s",
			    t == CONF_METRICS ? "" : "listen.",
			    t == CONF_METRICS
				? "metrics.listen"
				: conf_service_name((enum conf_service)t),
			    e->port, e->host != NULL ? " of " : "",
			    e->host != NULL ? e->host : "",
			    e->at.line == 0 ? ", by default" : "");
			return;
		}
}

void
conf_check_listens(struct conf_parser *p)
{
	int s;
	size_t i;

	for (s = 0; s < CONF_SERVICES; s++)
		for (i = 0; i < p->c->nlisten[s]; i++)
			if (p->c->listen[s][i].at.line > 0)
				check_with_earlier(p, (enum conf_service)s,
				    &p->c->listen[s][i]);
}
