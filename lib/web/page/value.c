/* What forms send: base/form.h reads it. */
#include <sodium.h>

#include "base/form.h"
#include "web/page/page.h"

void
page_query_add(struct buf *query, const char *name, struct sv value)
{
	buf_addf(query, "%s%s=", query->n > 0 ? "&" : "", name);
	form_encode(value, query);
}

bool
page_same_secret(struct sv a, struct sv b)
{
	return a.n > 0 && a.n == b.n && sodium_memcmp(a.p, b.p, a.n) == 0;
}
