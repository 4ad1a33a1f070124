#include "web/site.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/network.h"
#include "clients/clients.h"
#include "web/site_priv.h"

struct web_site *
web_site_new(struct conf *c, struct sni *sni, struct peer *auth, int roots)
{
	struct web_site *s = xcalloc(1, sizeof *s);

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	s->conf = conf_ref(c);
	s->sni = sni;
	s->auth = auth;
	s->roots = roots;
	s->challenges = challenges_new();
	return s;
}

void
web_site_free(struct web_site **s)
{
	if (*s == NULL)
		return;
	challenges_free(&(*s)->challenges);
	conf_free(&(*s)->conf);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

void
web_site_without_https(struct web_site *s)
{
	s->without_https = true;
}

struct challenges *
web_site_challenges(struct web_site *s)
{
	return s->challenges;
}

void
web_site_set_conf(struct web_site *s, struct conf *c)
{
	struct conf *old;

	pthread_mutex_lock(&s->lock);
	old = s->conf;
	s->conf = conf_ref(c);
	pthread_mutex_unlock(&s->lock);
	conf_free(&old);
}

/* ---- whose name is it? ---- */

static const struct {
	struct sv prefix;
	unsigned kind;
} kinds[] = {
    {SV("mta-sts."), HOST_MTA_STS},
    {SV("autoconfig."), HOST_AUTOCONFIG},
    {SV("autodiscover."), HOST_AUTODISCOVER},
};

/* Mail programs also look by the domain of the MX, which is this server's
 * name. */
static bool
is_ours(const struct conf *c, struct sv domain, unsigned kind)
{
	return conf_domain_is_local(c, domain) ||
	       (kind != HOST_MTA_STS && clients_is_hosts(c, domain));
}

static unsigned
hosts_of(const char *host, void *arg)
{
	struct conf *c = web_site_conf(arg);
	struct sv name = sv_str(host);
	unsigned is = HOST_ANY;
	size_t i;

	if (sv_eq(name, sv_str(c->hostname)) || web_is_local(host))
		is |= HOST_SERVER;
	if (conf_domain_is_local(c, name))
		is |= HOST_DOMAIN;
	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (sv_starts(name, kinds[i].prefix) &&
		    is_ours(c, sv_skip(name, kinds[i].prefix.n), kinds[i].kind))
			is |= kinds[i].kind;
	conf_free(&c);
	return is;
}

/* ---- the routes ---- */

static void
answer_challenge(const struct http_ask *ask, struct http_response *a)
{
	struct web_site *s = ask->arg;

	if (!challenges_find(s->challenges, ask->rest, &a->body))
		http_response_error(a, 404, NULL);
	else
		a->type = "application/octet-stream";
}

/* Of somebody who has signed in: one page, and all behind it. */
#define ROOM(path)                                               \
	{HOST_SERVER, true, HTTP_EXACT, SV(path),                \
	    HTTP_READS | HTTP_DOES(HTTP_POST), web_visit},       \
	{                                                        \
		HOST_SERVER, true, HTTP_PREFIX, SV(path "/"),    \
		    HTTP_READS | HTTP_DOES(HTTP_POST), web_visit \
	}

static const struct http_route routes[] = {
    {HOST_ANY, true, HTTP_PREFIX, SV("/.well-known/acme-challenge/"),
	HTTP_READS, answer_challenge},
    {HOST_SERVER | HOST_DOMAIN, false, HTTP_EXACT,
	SV("/.well-known/security.txt"), HTTP_READS, web_security_txt},
    {HOST_MTA_STS, false, HTTP_EXACT, SV("/.well-known/mta-sts.txt"),
	HTTP_READS, web_mta_sts},
    {HOST_SERVER, false, HTTP_PREFIX, SV("/device/"), HTTP_READS,
	web_device_look},
    {HOST_SERVER, false, HTTP_PREFIX, SV("/device/"), HTTP_DOES(HTTP_POST),
	web_device_press},
    {HOST_SERVER, false, HTTP_PREFIX, SV("/settings/"), HTTP_READS,
	web_device_settings},
    {HOST_SERVER, false, HTTP_PREFIX, SV("/profile/"), HTTP_READS,
	web_device_profile},
    {HOST_SETUP, true, HTTP_EXACT, SV("/mail/config-v1.1.xml"), HTTP_READS,
	web_autoconfig},
    {HOST_SETUP, true, HTTP_EXACT,
	SV("/.well-known/autoconfig/mail/config-v1.1.xml"), HTTP_READS,
	web_autoconfig},
    {HOST_SETUP, true, HTTP_EXACT, SV("/.well-known/mail-v1.xml"), HTTP_READS,
	web_autoconfig},
    {HOST_SETUP, true, HTTP_ANY_CASE, SV("/autodiscover/autodiscover.xml"),
	HTTP_READS | HTTP_DOES(HTTP_POST), web_autodiscover},
    {HOST_SETUP, true, HTTP_ANY_CASE, SV("/autodiscover/autodiscover.json"),
	HTTP_READS, web_autodiscover_json},
    {HOST_SETUP, true, HTTP_PREFIX_ANY_CASE,
	SV("/autodiscover/autodiscover.json/"), HTTP_READS,
	web_autodiscover_json},
    {HOST_SERVER, false, HTTP_EXACT, SV("/metrics"), HTTP_READS, web_metrics},
    {HOST_SERVER | HOST_AUTOCONFIG, false, HTTP_EXACT, SV("/"), HTTP_READS,
	web_settings},
    {HOST_SERVER | HOST_AUTOCONFIG, true, HTTP_EXACT, SV("/style.css"),
	HTTP_READS, web_style},
    {HOST_SERVER | HOST_AUTOCONFIG, true, HTTP_EXACT, SV("/icon.svg"),
	HTTP_READS, web_icon},
    {HOST_SERVER, true, HTTP_EXACT, SV("/sign-in"), HTTP_READS,
	web_sign_in_page},
    {HOST_SERVER, true, HTTP_EXACT, SV("/sign-in"), HTTP_DOES(HTTP_POST),
	web_sign_in},
    {HOST_SERVER, true, HTTP_EXACT, SV("/sign-out"), HTTP_DOES(HTTP_POST),
	web_sign_out},
    {HOST_SERVER, true, HTTP_PREFIX, SV("/web-login/"), HTTP_READS,
	web_link_page},
    {HOST_SERVER, true, HTTP_PREFIX, SV("/web-login/"), HTTP_DOES(HTTP_POST),
	web_link_press},
    ROOM("/home"),
    ROOM("/devices"),
    ROOM("/sessions"),
    ROOM("/password"),
    ROOM("/second-factor"),
    ROOM("/addresses"),
    ROOM("/restore"),
    ROOM("/trace"),
    ROOM("/filters"),
    ROOM("/vacation"),
    ROOM("/forward"),
    ROOM("/junk"),
    ROOM("/admin"),
    {HOST_SERVER, true, HTTP_PREFIX, SV("/confirm/"),
	HTTP_READS | HTTP_DOES(HTTP_POST), web_confirm},
};

/* ---- everything else ---- */

static bool
hsts(void *arg)
{
	struct conf *c = web_site_conf(arg);
	bool on = c->web.hsts;

	conf_free(&c);
	return on;
}

const struct http_site web_http_site = {
    .routes = routes,
    .nroutes = sizeof routes / sizeof routes[0],
    .limits = {.line = 8192, .head = 16384, .fields = 100, .body = 65536},
    .requests = 100,
    .hosts = hosts_of,
    .otherwise = web_redirect,
    .hsts = hsts,
    .now = clk_now,
    .answered = web_answered,
};
