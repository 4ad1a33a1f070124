#include "acme/names.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"

#define NAME_LENGTH_MAX 253 /* [RFC 1035 2.3.4] */

static void
add(struct acme_names *s, const char *prefix, const char *domain)
{
	char *to = s->name[s->n];
	struct buf b;
	size_t i;

	if (s->n == ACME_NAMES_MAX)
		return;
	buf_init(&b, NAME_LENGTH_MAX + 1);
	buf_adds(&b, prefix);
	buf_adds(&b, domain);
	if (buf_ok(&b)) {
		for (i = 0; i < b.n; i++)
			to[i] = ascii_lower(b.p[i]);
		to[b.n] = '\0';
		s->n++;
	}
	buf_fini(&b);
}

void
acme_names_host(const char *hostname, struct acme_names *out)
{
	memset(out, 0, sizeof *out);
	add(out, "", hostname);
	(void)snprintf(out->file, sizeof out->file, "host.%s", out->name[0]);
}

bool
acme_names_domain(
    const char *domain, const char *hostname, struct acme_names *out)
{
	static const char *const prefix[] = {
	    "mta-sts.", "autoconfig.", "autodiscover."};
	size_t i;

	memset(out, 0, sizeof *out);
	for (i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
		add(out, prefix[i], domain);
	(void)snprintf(out->file, sizeof out->file, "domain.%.255s", domain);
	acme_names_drop(out, hostname);
	return out->n > 0;
}

bool
acme_names_has(const struct acme_names *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (sv_ieq(sv_str(s->name[i]), sv_str(name)))
			return true;
	return false;
}

void
acme_names_drop(struct acme_names *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		if (sv_ieq(sv_str(s->name[i]), sv_str(name))) {
			memmove(s->name[i], s->name[i + 1],
			    (s->n - i - 1) * sizeof s->name[0]);
			memmove(&s->way[i], &s->way[i + 1],
			    (s->n - i - 1) * sizeof s->way[0]);
			memmove(&s->tried[i], &s->tried[i + 1],
			    (s->n - i - 1) * sizeof s->tried[0]);
			s->n--;
			return;
		}
}
