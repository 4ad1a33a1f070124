#include "dns/direct.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "dns/packet.h"

#define DAY	  86400
#define HOSTS_MAX 13 /* name servers of a zone */
#define EACH_MAX  2  /* addresses of one, of each family */
#define FAMILIES  2
#define SOA_LEAST 22 /* bytes of its data */

struct host {
	struct direct *d;
	char name[DNS_NAME_MAX];
	bool unknown;	/* an answer about its addresses is missing */
	size_t address; /* how many it has */
};

/* An address, and the resolver that asks it. */
struct far {
	struct direct *d;
	struct resolver *resolver;
	uint32_t negative; /* what it says of the negative TTL */
};

struct direct {
	struct ev_loop *loop;
	struct direct_opts o;
	char name[DNS_NAME_MAX];
	enum dns_type type;
	direct_fn *fn;
	void *arg;

	struct resolver *finder;
	struct sv cut;	/* the part of name that is looked at */
	unsigned finds; /* addresses that are being looked up */
	struct host host[HOSTS_MAX];
	size_t nhost;

	struct dns_authority result;
	struct far *far;
	size_t nfar;
	unsigned open; /* questions to them */

	struct ev_timer *next; /* the next step, outside of callbacks */
	struct ev_timer *end;  /* of patience */
};

static void find_zone(void *arg);
static void ask_all(void *arg);

/* ---- the end ---- */

static void
finish(struct direct *d)
{
	struct dns_authority *a = &d->result;
	bool known = false;
	size_t i;

	a->rc = a->n > 0 ? RC_OK : RC_TEMP;
	for (i = 0; i < d->nfar; i++)
		if (d->far[i].negative > 0) {
			known = true;
			if (d->far[i].negative > a->negative_ttl)
				a->negative_ttl = d->far[i].negative;
		}
	if (!known || a->negative_ttl > DAY)
		a->negative_ttl = DAY;
	d->fn(a, d->arg);
}

static void
finish_later(void *arg)
{
	struct direct *d = arg;

	d->next = NULL;
	finish(d);
}

static void
on_end(void *arg)
{
	struct direct *d = arg;

	d->end = NULL;
	/* A step that is due makes no difference any more. */
	ev_timer_del(&d->next);
	finish(d);
}

static void
then(struct direct *d, ev_fn *fn)
{
	ev_timer_del(&d->next);
	d->next = ev_timer_add(d->loop, 0, fn, d);
}

/* ---- the zone and its servers ---- */

bool
direct_next_cut(struct sv *name, bool first, bool shared)
{
	struct sv n = *name, rest, label;
	size_t dot, hidden = 0;
	bool below = false;

	/* The last label with "_" and what is before it. */
	for (rest = n; rest.n > 0;) {
		label = sv_split(&rest, '.');
		if (label.n > 0 && label.p[0] == '_') {
			hidden = n.n - rest.n;
			below = true;
		}
	}
	if (first && below && !shared)
		n = sv_skip(n, sv_chr(n, '.') + 1);
	else if (below && shared)
		n = sv_skip(n, hidden);
	else if (!first)
		n = sv_skip(n, sv_chr(n, '.') + 1);
	dot = sv_chr(n, '.');
	*name = n;
	return dot < n.n;
}

static bool
read_packet(const struct resolver_answer *a, const char *name,
    enum dns_type type, struct dns_packet *p)
{
	static const struct dns_packet_limits limits = DNS_PACKET_LIMITS;

	return a->ok && a->security != DNS_BOGUS &&
	       dns_packet_read(a->packet, name, type, &limits, p) == RC_OK;
}

/* address: text. */
static void
add_server(struct direct *d, const char *name, const char *address, int rc)
{
	struct dns_authority *a = &d->result;
	struct dns_authority_server *s = &a->server[a->n];

	must(a->n < DNS_AUTHORITY_SERVERS_MAX);
	a->n++;
	(void)snprintf(s->name, sizeof s->name, "%s", name);
	(void)snprintf(s->address, sizeof s->address, "%s", address);
	dns_answer_init(&s->answer);
	s->answer.rc = rc;
}

static void
at_port(const struct direct *d, const char *address, char out[DNS_ADDRESS_MAX])
{
	(void)snprintf(
	    out, DNS_ADDRESS_MAX, "%s@%u", address, (unsigned)d->o.port);
}

static void
add_address(struct host *h, const struct in6_addr *addr)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);
	char text[INET6_ADDRSTRLEN], at[DNS_ADDRESS_MAX];
	bool routed;

	must(inet_ntop(v4 ? AF_INET : AF_INET6, addr->s6_addr + (v4 ? 12 : 0),
		 text, sizeof text) != NULL);
	at_port(h->d, text, at);
	/* Where no way leads, nothing needs to be waited for. */
	routed = resolver_is_routed(at);
	add_server(h->d, h->name, text, routed ? RC_TIMEOUT : RC_TEMP);
	h->d->result.server[h->d->result.n - 1].unroutable = !routed;
	h->address++;
}

static void
take_addresses(struct host *h, const struct resolver_answer *a, enum dns_type t)
{
	struct dns_packet p;
	struct sv rest, record;
	struct in6_addr addr;
	unsigned n = 0;

	if (read_packet(a, h->name, t, &p)) {
		rest = buf_sv(&p.data);
		h->unknown |= p.rc == RC_TEMP;
		while (n < EACH_MAX && dns_packet_next(&rest, &record))
			if (dns_addr(record, &addr) == RC_OK) {
				add_address(h, &addr);
				n++;
			}
		buf_fini(&p.data);
	} else {
		h->unknown = true;
	}
	if (--h->d->finds == 0)
		then(h->d, ask_all);
}

static void
on_a(const struct resolver_answer *a, void *arg)
{
	take_addresses(arg, a, DNS_A);
}

static void
on_aaaa(const struct resolver_answer *a, void *arg)
{
	take_addresses(arg, a, DNS_AAAA);
}

static void
find_addresses(void *arg)
{
	static const struct {
		enum dns_type type;
		resolver_fn *fn;
	} family[FAMILIES] = {{DNS_A, on_a}, {DNS_AAAA, on_aaaa}};
	struct direct *d = arg;
	size_t i, j;

	d->next = NULL;
	/* All of them first, and one for us: answers may come at once. */
	d->finds = (unsigned)d->nhost * FAMILIES + 1;
	for (i = 0; i < d->nhost; i++)
		for (j = 0; j < FAMILIES; j++)
			if (resolver_ask(d->finder, d->host[i].name,
				(int)family[j].type, family[j].fn,
				&d->host[i]) != RC_OK)
				d->finds--;
	if (--d->finds == 0)
		then(d, ask_all);
}

/* The name servers at a name; false: it is not a zone's. */
static bool
take_servers(struct direct *d, const struct resolver_answer *a)
{
	struct sv rest, record;
	struct dns_packet p;

	if (!read_packet(a, d->cut.p, DNS_NS, &p))
		return false;
	rest = buf_sv(&p.data);
	/* A CNAME there leads to another zone, which is not the name's. */
	if (sv_eq(sv_str(p.canonical), d->cut))
		while (
		    d->nhost < HOSTS_MAX && dns_packet_next(&rest, &record)) {
			struct host *h = &d->host[d->nhost];

			if (dns_host(record, h->name) == RC_OK) {
				h->d = d;
				d->nhost++;
			}
		}
	buf_fini(&p.data);
	return d->nhost > 0;
}

static void
on_ns(const struct resolver_answer *a, void *arg)
{
	struct direct *d = arg;
	unsigned rcode = a->ok && a->packet.n >= 4 ? a->packet.p[3] & 0x0f : 2;

	if (take_servers(d, a)) {
		sv_copy(d->cut, d->result.zone, sizeof d->result.zone);
		then(d, find_addresses);
	} else if ((rcode == 0 || rcode == 3) && a->security != DNS_BOGUS &&
		   direct_next_cut(&d->cut, false, d->o.way.forward != NULL)) {
		then(d, find_zone);
	} else {
		/* Above it there may be an answer, but of another zone. */
		then(d, finish_later);
	}
}

static void
find_zone(void *arg)
{
	struct direct *d = arg;

	d->next = NULL;
	/* It ends where the name ends. */
	if (resolver_ask(d->finder, d->cut.p, DNS_NS, on_ns, d) != RC_OK)
		then(d, finish_later);
}

static void
begin(void *arg)
{
	struct direct *d = arg;
	struct resolver_opts way = d->o.way;
	struct err err;

	d->next = NULL;
	way.small = true;
	if (!direct_next_cut(&d->cut, true, way.forward != NULL) ||
	    resolver_new(d->loop, &way, &d->finder, &err) != RC_OK) {
		finish(d);
		return;
	}
	find_zone(d);
}

/* ---- each of them ---- */

static void
one_less(struct direct *d)
{
	if (--d->open == 0)
		then(d, finish_later);
}

/* "There is none" carries the zone's SOA, but not if a CNAME has led elsewhere:
 * the answer to the question for the SOA counts. */
static void
on_soa(const struct resolver_answer *a, void *arg)
{
	struct far *f = arg;
	struct dns_packet p;
	struct sv rest, soa;

	if (read_packet(a, f->d->result.zone, DNS_SOA, &p)) {
		rest = buf_sv(&p.data);
		if (dns_packet_next(&rest, &soa) && soa.n >= SOA_LEAST) {
			uint32_t minimum = be_get32(soa.p + soa.n - 4);

			f->negative = minimum < p.ttl ? minimum : p.ttl;
			/* 0: not remembered at all; but it is known. */
			f->negative += f->negative == 0;
		}
		buf_fini(&p.data);
	}
	one_less(f->d);
}

/* Moves what the packet says into the answer. */
static void
take_answer(
    struct dns_packet *p, enum dns_security security, struct dns_answer *out)
{
	struct sv rest = buf_sv(&p->data), record;

	dns_answer_fini(out);
	out->rc = p->rc;
	out->security = security;
	out->ttl = p->ttl;
	memcpy(out->canonical, p->canonical, sizeof out->canonical);
	out->bytes = xmemdup0(p->data.p, p->data.n);
	out->record = xcalloc(p->n + 1, sizeof *out->record);
	rest.p = out->bytes;
	while (out->n < p->n && dns_packet_next(&rest, &record))
		out->record[out->n++] = record;
}

static void
on_far(const struct resolver_answer *a, void *arg)
{
	struct far *f = arg;
	struct direct *d = f->d;
	struct dns_answer *out = &d->result.server[f - d->far].answer;
	struct dns_packet p;

	out->rc = RC_TEMP;
	out->security = a->security;
	if (read_packet(a, d->name, d->type, &p)) {
		take_answer(&p, a->security, out);
		buf_fini(&p.data);
	}
	one_less(d);
}

static int
ask_far(struct direct *d, struct far *f, const char *address)
{
	struct resolver_opts way = d->o.way;
	char at[DNS_ADDRESS_MAX];
	struct err err;
	int r;

	at_port(d, address, at);
	way.small = true;
	way.zone = d->result.zone;
	way.zone_address = at;
	r = resolver_new(d->loop, &way, &f->resolver, &err);
	if (r != RC_OK)
		return r;
	d->open += 2;
	if (resolver_ask(f->resolver, d->result.zone, DNS_SOA, on_soa, f) !=
	    RC_OK)
		one_less(d);
	if (resolver_ask(f->resolver, d->name, (int)d->type, on_far, f) !=
	    RC_OK)
		one_less(d);
	return RC_OK;
}

/* Those without an address, so that it is known of them. */
static void
add_rest(struct direct *d)
{
	size_t i;

	for (i = 0; i < d->nhost; i++)
		if (d->host[i].address == 0)
			add_server(d, d->host[i].name, "",
			    d->host[i].unknown ? RC_TEMP : RC_NOTFOUND);
}

static void
ask_all(void *arg)
{
	struct direct *d = arg;
	struct dns_authority_server *s = d->result.server;
	size_t i;

	d->next = NULL;
	ev_timer_del(&d->end);
	d->end = ev_timer_add(d->loop, d->o.answer_ms, on_end, d);
	add_rest(d);
	d->nfar = d->result.n;
	d->far = xcalloc(d->nfar + 1, sizeof *d->far);
	d->open = 1; /* ours */
	for (i = 0; i < d->nfar; i++) {
		d->far[i].d = d;
		if (s[i].answer.rc == RC_TIMEOUT &&
		    ask_far(d, &d->far[i], s[i].address) != RC_OK)
			s[i].answer.rc = RC_TEMP;
	}
	one_less(d);
}

/* ---- life ---- */

struct direct *
direct_new(struct ev_loop *loop, const struct direct_opts *o, const char *name,
    enum dns_type type, direct_fn *fn, void *arg)
{
	struct direct *d = xcalloc(1, sizeof *d);

	d->loop = loop;
	d->o = *o;
	(void)snprintf(d->name, sizeof d->name, "%s", name);
	d->cut = sv_str(d->name);
	d->type = type;
	d->fn = fn;
	d->arg = arg;
	dns_authority_init(&d->result);
	d->result.server =
	    xcalloc(DNS_AUTHORITY_SERVERS_MAX, sizeof *d->result.server);
	d->next = ev_timer_add(loop, 0, begin, d);
	d->end = ev_timer_add(loop, o->find_ms, on_end, d);
	return d;
}

void
direct_free(struct direct **dp)
{
	struct direct *d = *dp;
	size_t i;

	if (d == NULL)
		return;
	*dp = NULL;
	ev_timer_del(&d->next);
	ev_timer_del(&d->end);
	for (i = 0; i < d->nfar; i++)
		resolver_free(&d->far[i].resolver);
	resolver_free(&d->finder);
	dns_authority_fini(&d->result);
	free(d->far);
	free(d);
}
