#include "cmd/run/name_service.h"

#include <string.h>

#include "dns/server.h"

int
name_service_load(
    const struct conf *conf, struct dns_server_opts *o, struct err *err)
{
	const struct conf_dns *d = &conf->dns;
	int r = dns_server_opts_load(
	    o, d->root_hints, d->trust_anchor, d->forward, d->nforward, err);

	if (r == RC_OK)
		o->validate = d->validate;
	return r;
}

int
name_service_check(const struct conf *conf, struct err *err)
{
	struct dns_server_opts o;
	int r = name_service_load(conf, &o, err);

	if (r == RC_OK)
		dns_server_opts_fini(&o);
	return r;
}

struct conf_place
name_service_place(const struct conf *conf, const struct err *err)
{
	const struct conf_dns *d = &conf->dns;

	return d->trust_anchor != NULL &&
		       (d->root_hints == NULL ||
			   strstr(err->text, d->trust_anchor) != NULL)
		   ? d->anchor_at
		   : d->hints_at;
}
