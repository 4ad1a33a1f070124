/* What `hearthmail dns` has found, as a whole. */
#include "cmd/command/guide.h"

size_t
guide_troubles(const struct guide *g)
{
	size_t i, n = 0;

	for (i = 0; i < g->list.n; i++)
		n += publish_is_trouble(&g->list.p[i]);
	return n;
}

bool
guide_knows_nothing(const struct guide *g)
{
	size_t i;

	for (i = 0; i < g->list.n; i++) {
		const struct publish *p = &g->list.p[i];

		if (p->lookup && p->kind != PUBLISH_PTR &&
		    p->kind != PUBLISH_PORT_25 && p->state != PUBLISH_UNKNOWN)
			return false;
	}
	return true;
}

bool
guide_shows(const struct guide *g, const struct conf_domain *d)
{
	return g->domain == NULL || g->domain == d->name;
}
