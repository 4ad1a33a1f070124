/* The keys below `metrics`: figures for monitoring. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/network.h"
#include "conf/conf_priv.h"

#define TOKEN_MIN 16
#define TOKEN_MAX 256

static void
set_listen(struct conf_parser *p, yaml_node_t *n)
{
	enum conf_service s = CONF_METRICS;
	size_t i;

	for (i = 0; i < p->c->nlisten[s]; i++)
		free(p->c->listen[s][i].host);
	p->c->nlisten[s] = 0;
	conf_each_item(p, n, "ports", conf_add_listen, &s);
	for (i = 0; i < p->c->nlisten[s]; i++) {
		struct conf_listen *l = &p->c->listen[s][i];

		if (l->host == NULL)
			l->host = sv_dup(SV("127.0.0.1"));
		if (!network_is_loopback(l->host))
			conf_error_add(p->errors, l->at,
			    "metrics.listen is without TLS, so it takes "
			    "loopback addresses only, such as 127.0.0.1:9090; "
			    "from elsewhere they are had by https with "
			    "metrics.token");
	}
}

/* It goes into a field of HTTP as it is. */
static void
set_token(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;
	size_t i;
	bool ok;

	if (!conf_get_text(p, n, "a long random word", &v))
		return;
	ok = v.n >= TOKEN_MIN && v.n <= TOKEN_MAX;
	for (i = 0; ok && i < v.n; i++)
		ok = v.p[i] > ' ' && v.p[i] <= '~';
	if (!ok) {
		CONF_FAIL(p, n,
		    "metrics.token: expected %d to %d letters, digits and "
		    "signs without blanks, as `openssl rand -hex 16` prints",
		    TOKEN_MIN, TOKEN_MAX);
		return;
	}
	free(p->c->metrics.token);
	p->c->metrics.token = sv_dup(v);
	p->c->metrics.token_at = conf_place_of(n);
}

static const struct conf_key metrics_keys[] = {
    {"listen", set_listen},
    {"token", set_token},
    {NULL, NULL},
};

void
conf_set_metrics(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, metrics_keys);
	conf_check_listens(p);
}
