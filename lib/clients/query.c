/* Who asks: the address in a query, the domain of a request. */
#include "base/form.h"
#include "clients/clients.h"

int
clients_query(struct sv query, const char *name, struct buf *out)
{
	while (query.n > 0) {
		struct sv value = sv_split(&query, '&');
		struct sv key = sv_split(&value, '=');

		if (sv_ieq(key, sv_str(name))) {
			buf_reset(out);
			return form_decode(value, false, out);
		}
	}
	return RC_NOTFOUND;
}

/* ---- the domain ---- */

/* By its own name; whatever case. */
static int
find_domain(const struct conf *c, struct sv name, struct sv *out)
{
	size_t i;

	for (i = 0; i < c->ndomain; i++)
		if (sv_ieq(name, sv_str(c->domain[i].name))) {
			*out = sv_str(c->domain[i].name);
			return RC_OK;
		}
	return RC_NOTFOUND;
}

static struct sv
without_end(struct sv name)
{
	return name.n > 0 && name.p[name.n - 1] == '.'
		   ? sv_first(name, name.n - 1)
		   : name;
}

bool
clients_is_hosts(const struct conf *c, struct sv name)
{
	struct sv host = sv_str(c->hostname);
	size_t more = host.n - name.n;

	/* One label is nobody's. */
	return name.n <= host.n && sv_ieq(sv_skip(host, more), name) &&
	       (more == 0 ||
		   (host.p[more - 1] == '.' && sv_chr(name, '.') < name.n));
}

/* The domain that the host's own name is in, the longest; else the first. */
static int
find_hosts_own(const struct conf *c, struct sv name, struct sv *out)
{
	struct sv rest = name;

	if (!clients_is_hosts(c, name) || c->ndomain == 0)
		return RC_NOTFOUND;
	while (rest.n > 0) {
		if (find_domain(c, rest, out) == RC_OK)
			return RC_OK;
		(void)sv_split(&rest, '.');
	}
	*out = sv_str(c->domain[0].name);
	return RC_OK;
}

int
clients_domain(const struct conf *c, struct sv host, struct sv address,
    struct sv *domain_out)
{
	static const struct sv prefixes[] = {
	    SV("autoconfig."), SV("autodiscover.")};
	size_t at = sv_rchr(address, '@'), i;

	if (at < address.n &&
	    find_domain(c, without_end(sv_skip(address, at + 1)), domain_out) ==
		RC_OK)
		return RC_OK;
	host = without_end(sv_first(host, sv_chr(host, ':')));
	if (find_domain(c, host, domain_out) == RC_OK ||
	    (sv_ieq(host, sv_str(c->hostname)) &&
		find_hosts_own(c, host, domain_out) == RC_OK))
		return RC_OK;
	for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		struct sv rest = sv_skip(host, prefixes[i].n);

		if (sv_istarts(host, prefixes[i]) &&
		    (find_domain(c, rest, domain_out) == RC_OK ||
			find_hosts_own(c, rest, domain_out) == RC_OK))
			return RC_OK;
	}
	return RC_NOTFOUND;
}
