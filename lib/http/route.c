#include "http/route.h"

static bool
is_path(const struct http_route *t, struct sv path, struct sv *rest)
{
	*rest = sv_skip(path, t->path.n);
	switch (t->match) {
	case HTTP_EXACT:
		return sv_eq(path, t->path);
	case HTTP_ANY_CASE:
		return sv_ieq(path, t->path);
	case HTTP_PREFIX:
		return sv_starts(path, t->path) && rest->n > 0;
	case HTTP_PREFIX_ANY_CASE:
		return sv_istarts(path, t->path) && rest->n > 0;
	}
	return false;
}

const struct http_route *
http_route_find(const struct http_route *routes, size_t n,
    const struct http_request *q, unsigned hosts, bool tls, struct sv *rest,
    unsigned *allow)
{
	size_t i;

	*allow = 0;
	for (i = 0; i < n; i++) {
		const struct http_route *t = &routes[i];

		if ((t->hosts & hosts) == 0 || (!tls && !t->clear) ||
		    !is_path(t, q->path, rest))
			continue;
		if ((t->methods & HTTP_DOES(q->method)) != 0)
			return t;
		*allow |= t->methods;
	}
	*rest = (struct sv){NULL, 0};
	return NULL;
}
