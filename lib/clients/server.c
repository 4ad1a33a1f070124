/* The description of the server, from its listeners. */
#include "clients/clients.h"

static const struct service {
	enum conf_service service;
	enum clients_protocol protocol;
	uint16_t usual;
	/* TLS from the first byte comes first [RFC 8314 3]. */
} services[] = {
    {CONF_IMAPS, CLIENTS_IMAP, 993},
    {CONF_IMAP, CLIENTS_IMAP, 143},
    {CONF_SUBMISSIONS, CLIENTS_SUBMISSION, 465},
    {CONF_SUBMISSION, CLIENTS_SUBMISSION, 587},
    {CONF_POP3S, CLIENTS_POP3, 995},
    {CONF_POP3, CLIENTS_POP3, 110},
};
#define SERVICES (sizeof services / sizeof services[0])

static bool
is_loopback(const struct conf_listen *l)
{
	struct sv host = sv_str(l->host);

	return sv_starts(host, SV("127.")) || sv_eq(host, SV("::1")) ||
	       sv_istarts(host, SV("::ffff:127."));
}

/* Is anything for mail programs reached from outside? */
static bool
is_public(const struct conf *c)
{
	size_t s, i;

	for (s = 0; s < SERVICES; s++) {
		enum conf_service v = services[s].service;

		for (i = 0; i < c->nlisten[v]; i++)
			if (!is_loopback(&c->listen[v][i]))
				return true;
	}
	return false;
}

static uint16_t
find_port(const struct conf *c, const struct service *s, bool public)
{
	uint16_t found = 0;
	size_t i;

	for (i = 0; i < c->nlisten[s->service]; i++) {
		const struct conf_listen *l = &c->listen[s->service][i];

		if (public && is_loopback(l))
			continue;
		if (found == 0 || l->port == s->usual)
			found = l->port;
	}
	return found;
}

static uint16_t
find_web(const struct conf *c)
{
	static const struct service web = {.service = CONF_HTTPS, .usual = 443};
	uint16_t port = find_port(c, &web, true);

	return port != 0 ? port : find_port(c, &web, false);
}

void
clients_put_origin(const struct clients_server *s, struct buf *out)
{
	buf_addf(out, "https://%s", s->hostname);
	if (s->web_port != 443)
		buf_addf(out, ":%u", s->web_port);
}

void
clients_server_of(const struct conf *c, struct clients_server *out)
{
	bool public = is_public(c);
	size_t i;

	*out = (struct clients_server){
	    .hostname = c->hostname, .web_port = find_web(c)};
	out->web = out->web_port != 0;
	for (i = 0; i < SERVICES; i++) {
		struct clients_port *p = out->port[services[i].protocol];
		uint16_t number = find_port(c, &services[i], public);

		if (number == 0)
			continue;
		p[p[0].number != 0] = (struct clients_port){
		    number, conf_service_tls(services[i].service)};
	}
}
