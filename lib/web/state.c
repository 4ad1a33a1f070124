/* What the handlers of the routes may ask for. */
#include "web/site_priv.h"

struct sni *
web_site_sni(struct web_site *s)
{
	return s->sni;
}

struct conf *
web_site_conf(struct web_site *s)
{
	struct conf *c;

	pthread_mutex_lock(&s->lock);
	c = conf_ref(s->conf);
	pthread_mutex_unlock(&s->lock);
	return c;
}

int
web_site_roots(struct web_site *s)
{
	return s->roots;
}
