/* The keys `quota` and `accounts.NAME.quota`: how much mail an account holds.
 */
#include "conf/conf_priv.h"

#define QUOTA_MAX (1ull << 50)

static const char expected[] = "a size such as 500M or 2G, or none";

void
conf_set_quota_of(struct conf_parser *p, yaml_node_t *n, uint64_t *at)
{
	struct sv s;

	if (!conf_get_text(p, n, expected, &s))
		return;
	if (sv_eq(s, SV("none")))
		*at = 0;
	else if (!conf_number(s, 1024, QUOTA_MAX, at))
		CONF_FAIL(p, n,
		    "expected %s, not \"%.60s\"; at least 1K, with K, M or G "
		    "after the number",
		    expected, s.p);
}

void
conf_set_quota(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_quota_of(p, n, &p->c->quota);
}

uint64_t
conf_quota(const struct conf *c, uint32_t account)
{
	const struct conf_account *a = &c->account[account];

	return a->quota != CONF_QUOTA_DEFAULT ? a->quota : c->quota;
}
