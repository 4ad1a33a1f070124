/* The keys `retention` and `restore_folder`: what becomes of expunged mail; and
 * `detail`: where mail for name+detail goes. */
#include <stdio.h>

#include "conf/conf_priv.h"

#define HOUR_MS	 (3600 * 1000ll)
#define DAYS_MAX 3650

void
conf_set_age(struct conf_parser *p, yaml_node_t *n, const char *key,
    const char *none, int64_t *ms)
{
	char expected[100];
	int64_t unit = 0;
	uint64_t v;
	struct sv s;

	(void)snprintf(expected, sizeof expected,
	    "a time such as 30d or 12h, or %s for none", none);
	if (!conf_get_text(p, n, expected, &s))
		return;
	if (s.n > 1 && s.p[s.n - 1] == 'd')
		unit = 24 * HOUR_MS;
	else if (s.n > 1 && s.p[s.n - 1] == 'h')
		unit = HOUR_MS;
	if (sv_to_u64(unit != 0 ? sv_first(s, s.n - 1) : s, DAYS_MAX, &v) !=
		RC_OK ||
	    (unit == 0 && v != 0)) {
		CONF_FAIL(
		    p, n, "%s: expected %s, not \"%.60s\"", key, expected, s.p);
		return;
	}
	*ms = (int64_t)v * unit;
}

void
conf_set_retention(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_age(p, n, "retention", "0", &p->c->retention_ms);
}

void
conf_set_restore_folder(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;
	bool on;

	if (!conf_get_text(p, n, "namespace, yes or no", &v))
		return;
	if (sv_ieq(v, SV("namespace")))
		p->c->restore_folder = CONF_RESTORE_NAMESPACE;
	else if (conf_get_bool(p, n, &on))
		p->c->restore_folder = on ? CONF_RESTORE_YES : CONF_RESTORE_NO;
}

void
conf_set_detail(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;
	bool on;

	if (!conf_get_text(p, n, "folder or off", &v))
		return;
	if (sv_ieq(v, SV("folder")))
		p->c->detail_folder = true;
	else if (conf_get_bool(p, n, &on)) {
		if (on)
			CONF_FAIL(p, n, "expected folder or off");
		else
			p->c->detail_folder = false;
	}
}
