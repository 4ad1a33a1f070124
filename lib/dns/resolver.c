#include "dns/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "dns/ubevent.h"
#include "dns/unbound_calls.h"

#define CLASS_IN 1

struct resolver {
	const struct unbound *ub;
	struct ub_event_base *base;
	struct ub_ctx *ctx;
	struct question *open;
	bool mute;
};

struct question {
	struct resolver *r;
	resolver_fn *fn;
	void *arg;
	struct question *prev, *next;
};

/*
 * Every setting that differs from libunbound's own, with its reason.  The
 * caches bound the memory: about 16 MB when they are full, whatever is asked.
 */
static const struct setting {
	const char *key, *value;
} settings[] = {
    {"msg-cache-size:", "4m"},
    {"rrset-cache-size:", "8m"},
    {"key-cache-size:", "1m"},
    {"neg-cache-size:", "1m"},
    {"infra-cache-numhosts:", "4000"},
    /* One thread needs no slabs. */
    {"msg-cache-slabs:", "1"},
    {"rrset-cache-slabs:", "1"},
    {"key-cache-slabs:", "1"},
    {"infra-cache-slabs:", "1"},
    /* Sockets open at a time: further questions wait for one. */
    {"outgoing-range:", "256"},
    {"outgoing-num-tcp:", "16"},
    /* Fits into every path without fragments [RFC 9715]. */
    {"edns-buffer-size:", "1232"},
    /* Who need not know the whole name does not get it [RFC 9156]. */
    {"qname-minimisation:", "yes"},
    {"aggressive-nsec:", "yes"},
    {"harden-glue:", "yes"},
    {"harden-dnssec-stripped:", "yes"},
    {"harden-below-nxdomain:", "yes"},
    {"harden-large-queries:", "yes"},
    /* Many forged replies: what they may have brought is forgotten. */
    {"unwanted-reply-threshold:", "100000"},
    /* Names in random case (use-caps-for-id) stay off: some servers answer
     * them wrongly, and random ports and ids with validation do the work. */
    {"val-clean-additional:", "yes"},
    {"val-bogus-ttl:", "60"},
    {"cache-max-ttl:", "86400"},
    {"cache-max-negative-ttl:", "3600"},
    /* A server that did not answer while the line was down is tried again
     * soon. */
    {"infra-host-ttl:", "300"},
    {"infra-keep-probing:", "yes"},
};

/* Many at a time, for one name each. */
static const struct setting small[] = {
    {"msg-cache-size:", "64k"},
    {"rrset-cache-size:", "128k"},
    {"key-cache-size:", "64k"},
    {"neg-cache-size:", "64k"},
    {"infra-cache-numhosts:", "100"},
    {"outgoing-range:", "16"},
    {"outgoing-num-tcp:", "2"},
};

bool
resolver_is_routed(const char *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {.any = {.sa_family = AF_UNSPEC}};
	char host[DNS_ADDRESS_MAX];
	struct sv s = sv_str(address);
	bool ok;
	int fd;

	(void)snprintf(
	    host, sizeof host, "%.*s", SV_ARG(sv_first(s, sv_chr(s, '@'))));
	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1)
		a.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1)
		a.v6.sin6_family = AF_INET6;
	a.v4.sin_port = htons(53); /* at the same place in both */
	fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ok = fd >= 0 && connect(fd, &a.any, sizeof a) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool
is_v6(const char *address)
{
	return sv_chr(sv_str(address), ':') < strlen(address);
}

/* Has this machine IPv4, or IPv6: towards any of the servers, or else towards
 * a.root-servers.net. */
static bool
has_family(const struct resolver_opts *o, bool v6)
{
	const struct dns_servers *s = o->forward != NULL ? o->forward : o->root;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (is_v6(s->address[i]) == v6 &&
		    resolver_is_routed(s->address[i]))
			return true;
	return resolver_is_routed(
	    v6 ? "2001:503:ba3e::2:30@53" : "198.41.0.4@53");
}

static bool
set(struct resolver *r, const char *key, const char *value)
{
	if (r->ub->ctx_set_option(r->ctx, key, value) == 0)
		return true;
	mlog(LOG_DEBUG, "dns.setting", "key=%s text=\"not known here\"", key);
	return false;
}

static void
set_families(struct resolver *r, const struct resolver_opts *o)
{
	bool v4 = has_family(o, false), v6 = has_family(o, true);

	/* A network that is not up yet: assume both. */
	(void)set(r, "do-ip4:", v4 || !v6 ? "yes" : "no");
	(void)set(r, "do-ip6:", v6 || !v4 ? "yes" : "no");
}

static int
set_servers(struct resolver *r, const struct resolver_opts *o)
{
	size_t i;
	int e = 0;

	/* Servers and roots of one's own know the names of their own networks,
	 * a router's server without signing them. */
	if (o->forward != NULL || o->root->n > 0)
		(void)set(r, "unblock-lan-zones:", "yes");
	if (o->forward != NULL)
		(void)set(r, "insecure-lan-zones:", "yes");
	if (o->forward == NULL) {
		/* As a zone to be primed from these addresses: that is what
		 * hints are, and needs no file. */
		for (i = 0; e == 0 && i < o->root->n; i++)
			e = r->ub->ctx_set_stub(
			    r->ctx, ".", o->root->address[i], 1);
		return e;
	}
	for (i = 0; e == 0 && i < o->forward->n; i++) {
		e = r->ub->ctx_set_fwd(r->ctx, o->forward->address[i]);
		if (dns_server_is_loopback(o->forward->address[i]))
			(void)set(r, "do-not-query-localhost:", "no");
	}
	return e;
}

static int
set_zone(struct resolver *r, const struct resolver_opts *o)
{
	char zone[DNS_NAME_MAX + 1];

	if (o->zone == NULL)
		return 0;
	(void)snprintf(zone, sizeof zone, "%s.", o->zone);
	return r->ub->ctx_set_stub(r->ctx, zone, o->zone_address, 0);
}

static int
set_anchors(struct resolver *r, struct sv text, struct err *err)
{
	struct buf line;
	int rc;

	buf_init(&line, 8192);
	while ((rc = dns_anchor_next(&text, &line, err)) == RC_OK)
		if (r->ub->ctx_add_ta(r->ctx, line.p) != 0)
			rc = err_set(
			    err, RC_SYNTAX, "trust anchor: %.80s", line.p);
	buf_fini(&line);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static int
set_all(struct resolver *r, const struct resolver_opts *o, struct err *err)
{
	size_t i;
	int e, rc;

	/* Its own log would go to descriptor 2 in a form that is not ours; what
	 * matters of it comes with the answers. */
	(void)r->ub->ctx_debugout(r->ctx, NULL);
	for (i = 0; i < sizeof settings / sizeof settings[0]; i++)
		(void)set(r, settings[i].key, settings[i].value);
	set_families(r, o);
	if (o->small)
		for (i = 0; i < sizeof small / sizeof small[0]; i++)
			(void)set(r, small[i].key, small[i].value);
	e = set_servers(r, o);
	if (e == 0)
		e = set_zone(r, o);
	if (e != 0)
		return err_set(
		    err, RC_SYNTAX, "name servers: %s", r->ub->strerror(e));
	rc = set_anchors(r, o->anchors, err);
	if (rc != RC_OK)
		return rc;
	/* libunbound answers "test." itself [RFC 6761 6.2]; the root knows
	 * better, and a root of one's own may have one.  The first change of
	 * this kind makes it read and load all that it wants. */
	e = r->ub->ctx_zone_remove(r->ctx, "test.");
	if (e != 0)
		return err_set(err, RC_SYNTAX,
		    "libunbound refuses the trust anchors or servers: %s",
		    r->ub->strerror(e));
	return RC_OK;
}

static void
first_answer(const struct resolver_answer *a, void *arg)
{
	bool *done = arg;

	*done = a->ok;
}

int
resolver_new(struct ev_loop *loop, const struct resolver_opts *o,
    struct resolver **out, struct err *err)
{
	struct resolver *r = xcalloc(1, sizeof *r);
	bool done = false;
	int rc;

	rc = unbound_load(&r->ub, err);
	if (rc != RC_OK) {
		free(r);
		return rc;
	}
	r->base = ubevent_base_new(loop);
	r->ctx = r->ub->ctx_create_ub_event(r->base);
	must(r->ctx != NULL);
	rc = set_all(r, o, err);
	/* A name that it answers by itself, so that all is there. */
	if (rc == RC_OK && (resolver_ask(r, "localhost", DNS_A, first_answer,
				&done) != RC_OK ||
			       !done))
		rc = err_set(err, RC_IO, "libunbound does not answer");
	if (rc != RC_OK)
		resolver_free(&r);
	else
		*out = r;
	return rc;
}

static void
forget(struct question *q)
{
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		q->r->open = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	free(q);
}

void
resolver_free(struct resolver **rp)
{
	struct resolver *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	/* It answers what is open when it goes: those who asked may be half
	 * gone, too. */
	r->mute = true;
	/* Before the base that its events are on. */
	r->ub->ctx_delete(r->ctx);
	ubevent_base_free(&r->base);
	while (r->open != NULL)
		forget(r->open);
	free(r);
}

void
resolver_mute(struct resolver *r)
{
	r->mute = true;
}

static void
on_answer(void *arg, int rcode, void *packet, int len, int security, char *why,
    int limited)
{
	struct question *q = arg;
	struct resolver_answer a = {.why = security == 1 ? why : NULL};

	(void)limited;
	a.ok = rcode == 0 && packet != NULL && len > 0;
	if (a.ok)
		a.packet = sv_of(packet, (size_t)len);
	a.security = security == 2   ? DNS_SECURE
		     : security == 1 ? DNS_BOGUS
				     : DNS_INSECURE;
	if (!q->r->mute)
		q->fn(&a, q->arg);
	forget(q);
}

int
resolver_ask(
    struct resolver *r, const char *name, int type, resolver_fn *fn, void *arg)
{
	struct question *q = xcalloc(1, sizeof *q);

	q->r = r;
	q->fn = fn;
	q->arg = arg;
	q->next = r->open;
	if (q->next != NULL)
		q->next->prev = q;
	r->open = q;
	if (r->ub->resolve_event(
		r->ctx, name, type, CLASS_IN, q, on_answer, NULL) == 0)
		return RC_OK;
	forget(q);
	return RC_TEMP;
}
