/*
 * /metrics: what `hearthmail status --metrics` prints, which the supervisor
 * runs; this process only passes it on.  Off unless there is a port of its own
 * on the loopback interface, or a token; whoever asks without it finds no such
 * page.
 */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/openmetrics.h"
#include "web/site_priv.h"

/* ---- asking ---- */

/* In the main loop's thread, or a client's. */
static void
wait_for_it(struct web_site *s, struct web_call *c)
{
	void (*ask)(void *arg);
	void *arg;

	pthread_mutex_lock(&s->lock);
	c->next = s->scrapes;
	s->scrapes = c;
	ask = s->ask_metrics;
	arg = s->ask_arg;
	pthread_mutex_unlock(&s->lock);
	if (ask != NULL)
		ask(arg);
	else
		web_site_metrics(s, RC_TEMP, SV(""));
}

void
web_site_ask_metrics(struct web_site *s, void (*ask)(void *arg), void *arg)
{
	pthread_mutex_lock(&s->lock);
	s->ask_metrics = ask;
	s->ask_arg = arg;
	pthread_mutex_unlock(&s->lock);
}

void
web_site_metrics(struct web_site *s, int rc, struct sv text)
{
	struct web_call *c, *next;

	pthread_mutex_lock(&s->lock);
	c = s->scrapes;
	s->scrapes = NULL;
	pthread_mutex_unlock(&s->lock);
	for (; c != NULL; c = next) {
		next = c->next;
		msg_init(&c->reply, 0);
		buf_addsv(&c->reply.b, text);
		c->rc = buf_ok(&c->reply.b) ? rc : RC_TOOBIG;
		web_call_finish(c);
	}
}

/* ---- answering ---- */

static void
on_metrics(struct web_call *c, int rc, struct msg *reply)
{
	struct http_response a;

	http_response_init(&a);
	if (rc != RC_OK) {
		http_response_error(&a, 503, "try again in a minute");
	} else {
		a.status = 200;
		a.type = OPENMETRICS_TYPE;
		buf_addsv(&a.body, buf_sv(&reply->b));
	}
	http_later_answer(&c->later, &a);
	free(c);
}

static void
answer(const struct http_ask *ask)
{
	struct web_call *c = xcalloc(1, sizeof *c);

	*c = (struct web_call){
	    .site = ask->arg, .later = http_later_new(ask), .done = on_metrics};
	wait_for_it(ask->arg, c);
}

/* In a time that says nothing of how much of it is right. */
static bool
has_token(const struct http_ask *ask, const char *token)
{
	struct sv given = http_reader_field(ask->reader, SV("authorization"));
	struct sv want = sv_str(token);

	if (!sv_istarts(given, SV("bearer ")))
		return false;
	given = sv_trim(sv_skip(given, 7));
	return want.n > 0 && given.n == want.n &&
	       CRYPTO_memcmp(given.p, want.p, want.n) == 0;
}

void
web_metrics(const struct http_ask *ask, struct http_response *a)
{
	struct conf *c = web_site_conf(ask->arg);

	if (c->metrics.token != NULL && has_token(ask, c->metrics.token))
		answer(ask);
	else
		http_response_error(a, 404, NULL);
	conf_free(&c);
}

/* ---- the port of its own ---- */

/* The kernel lets nobody in from elsewhere; a browser on this machine that
 * another site has sent here comes by a name of that site's. */
static void
answer_here(const struct http_ask *ask, struct http_response *a)
{
	struct conf *c = web_site_conf(ask->arg);
	bool ours = sv_eq(sv_str(ask->q->host), sv_str(c->hostname));

	conf_free(&c);
	if (ours || web_is_local(ask->q->host))
		answer(ask);
	else
		http_response_error(a, 404, NULL);
}

static const struct http_route routes[] = {
    {HOST_ANY, true, HTTP_EXACT, SV("/metrics"), HTTP_READS, answer_here},
};

static unsigned
any_host(const char *host, void *arg)
{
	(void)host;
	(void)arg;
	return HOST_ANY;
}

static bool
nothing(const struct http_ask *ask, struct http_response *a)
{
	(void)ask;
	(void)a;
	return false;
}

static bool
no_hsts(void *arg)
{
	(void)arg;
	return false;
}

const struct http_site web_metrics_site = {
    .routes = routes,
    .nroutes = sizeof routes / sizeof routes[0],
    .limits = {.line = 1024, .head = 8192, .fields = 50, .body = 0},
    .requests = 1000,
    .hosts = any_host,
    .otherwise = nothing,
    .hsts = no_hsts,
    .now = clk_now,
    .answered = web_answered,
};
