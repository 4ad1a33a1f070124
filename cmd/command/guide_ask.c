/*
 * Asks what `hearthmail dns` wants to know, as the dns process does it, with
 * the same configuration and behind the same walls: nothing but standard output
 * is left to this process then.
 *
 * Three views:
 *   - own recursion with an empty cache: what the zone's own servers say; by
 *     this entries are judged
 *   - each of the zone's name servers by itself: do all have it?
 *   - the system's name servers, which stand for the world's caches: only of
 *     what is right already, for a name that is asked for too early is
 *     remembered as missing [RFC 2308]
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/command/guide.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/users.h"
#include "dns/authority.h"
#include "dns/server.h"
#include "sandbox/sandbox.h"

#define LOOKUP_MS    15000
#define AUTHORITY_MS 20000
#define WORLD_MS     6000
#define REACH_MS     8000
#define ALL_MS	     90000
#define ITEMS_MAX    24 /* entries at a time */
#define FAR_MAX	     4	/* questions to each of the servers at a time */
#define LINE_MAX     2000
#define PORTS_MAX    16
#define SMTP_PORT    25

struct asking {
	struct guide *g;
	struct ev_loop *loop;
	struct peer *dns, *world; /* world: NULL, there is none */
	struct ev_timer *end;
	bool hosts; /* the phase: addresses of the host, or all else */
	size_t next, open;
	size_t next_far, open_far, open_world;
	bool late;
	bool heard; /* by own recursion: some server has answered something */
};

/* One question on its way. */
struct question {
	struct asking *all;
	size_t item;
	uint32_t id;
};

static void step(struct asking *s, size_t item);
static void go_on(struct asking *s);

static struct publish *
item_of(struct asking *s, size_t i)
{
	return &s->g->list.p[i];
}

static struct question *
question_new(struct asking *s, size_t item, uint32_t id)
{
	struct question *q = xcalloc(1, sizeof *q);

	*q = (struct question){s, item, id};
	return q;
}

/* ---- own recursion ---- */

static void
note_heard(struct asking *s, const struct dns_answer *a)
{
	s->heard |= a->rc == RC_OK || a->rc == RC_NOTFOUND;
}

static void
on_answer(struct dns_answer *a, void *arg)
{
	struct question q = *(struct question *)arg;
	struct lookup *l = item_of(q.all, q.item)->q;

	free(arg);
	note_heard(q.all, a);
	lookup_answer(l, q.id, a);
	if (lookup_waiting(l) == 0)
		step(q.all, q.item);
}

/* Hands in what cannot be asked for. */
static void
refuse(struct lookup *l, uint32_t id)
{
	struct dns_answer a;

	dns_answer_init(&a);
	a.rc = RC_SYNTAX;
	lookup_answer(l, id, &a);
}

static void
ask_open(struct asking *s, size_t item)
{
	bool any = false;
	struct lookup *l = item_of(s, item)->q;
	struct lookup_question q;

	while (lookup_open(l, &q)) {
		struct question *k = question_new(s, item, q.id);

		any = true;
		if (s->late || dns_ask(s->dns, q.name, q.type, LOOKUP_MS,
				   on_answer, k) != RC_OK) {
			free(k);
			refuse(l, q.id);
		}
	}
	/* It wants more, and asks nothing: it gets what there is. */
	if (!any && lookup_waiting(l) == 0)
		lookup_expire(l);
}

static void
end_item(struct asking *s)
{
	s->open--;
	go_on(s);
}

static void
on_connected(void *arg)
{
	end_item(arg);
}

/* Port 25 of a large receiver: its hosts are found, now connect. */
static int
try_port(struct asking *s, size_t item)
{
	struct publish *p = item_of(s, item);
	const struct dns_answer *mx, *a;
	char host[DNS_NAME_MAX];
	uint16_t preference;

	if (s->late) {
		end_item(s);
		return RC_OK;
	}
	mx = lookup_get(p->q, LOOKUP_MAILFROM, DNS_MX, sv_str(p->name));
	if (mx == NULL)
		return RC_MORE;
	if (mx->n == 0 || dns_mx(mx->record[0], &preference, host) != RC_OK ||
	    !lookup_name_valid(sv_str(host))) {
		(void)snprintf(host, sizeof host, "%s", p->name);
	}
	a = lookup_get(p->q, LOOKUP_MAILFROM, DNS_A, sv_str(host));
	if (a != NULL && a->n == 0)
		a = lookup_get(p->q, LOOKUP_MAILFROM, DNS_AAAA, sv_str(host));
	if (a == NULL)
		return RC_MORE;
	guide_connect(s->loop, p, a, on_connected, s);
	return RC_OK;
}

/* An entry as far as it can be judged now. */
static void
step(struct asking *s, size_t item)
{
	struct publish *p = item_of(s, item);
	int r;

	for (;;) {
		if (p->kind == PUBLISH_PORT_25) {
			if (try_port(s, item) == RC_OK)
				return; /* it ends by itself */
			r = RC_MORE;
		} else {
			r = publish_judge(p, &s->g->host);
		}
		if (r != RC_MORE)
			break;
		ask_open(s, item);
		if (lookup_waiting(p->q) > 0)
			return;
	}
	end_item(s);
}

/* ---- each of the zone's servers ---- */

struct same {
	const struct publish *p;
	const struct publish_host *host;
	const struct dns_answer *own;
};

static const struct dns_answer *
own_answer(struct publish *p)
{
	return lookup_get(p->q, LOOKUP_MAILFROM, p->type, sv_str(p->name));
}

/* What is right, or becomes right once all servers have it. */
static bool
is_right(const struct dns_answer *a, void *arg)
{
	const struct same *s = arg;

	return (s->p->state == PUBLISH_RIGHT &&
		   publish_same_answer(s->p, a, s->own)) ||
	       publish_would_be_right(s->p, s->host, a);
}

/* A key that is not in use yet: no resolver that others share may hear of its
 * name before it is everywhere. */
static bool
is_next(const struct publish *p)
{
	return p->kind == PUBLISH_DKIM && p->key == PUBLISH_KEY_NEXT;
}

/* It is judged by what one of the servers says, one that has it if any has. */
static void
judge_next(struct publish *p, const struct publish_host *h,
    const struct dns_authority *a)
{
	const struct dns_answer *best = NULL;
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct dns_answer *it = &a->server[i].answer;

		if ((it->rc == RC_OK || it->rc == RC_NOTFOUND) &&
		    (best == NULL || (best->n == 0 && it->n > 0)))
			best = it;
	}
	if (best != NULL) {
		publish_judge_answer(p, h, best);
	} else {
		lookup_expire(p->q);
		(void)!publish_judge(p, h);
	}
}

/* Those that all others depend on. */
static bool
is_asked_everywhere(const struct publish *p)
{
	if (p->lookup && is_next(p))
		return true;
	return p->lookup && !p->hint && p->state != PUBLISH_UNKNOWN &&
	       p->security != DNS_BOGUS &&
	       (p->state != PUBLISH_RIGHT || p->found.n > 0) &&
	       (p->kind == PUBLISH_MX || p->kind == PUBLISH_ADDRESS ||
		   p->kind == PUBLISH_SPF || p->kind == PUBLISH_DKIM ||
		   p->kind == PUBLISH_DMARC);
}

static void
note_servers(struct publish *p, const struct publish_host *h,
    const struct dns_authority *a)
{
	struct same same = {p, h, own_answer(p)};
	struct dns_authority_count c;

	if (a->rc != RC_OK || same.own == NULL)
		return;
	dns_authority_count(a, is_right, &same, &c);
	if (c.right > 0 && c.missing + c.wrong > 0) {
		p->state = PUBLISH_DIFFERENT;
		p->warn = false;
		buf_reset(&p->words);
		buf_addf(&p->servers,
		    "not all of the zone's name servers have it: %s", c.text);
	} else if (c.right > 0 && c.dead > 0) {
		buf_addf(&p->servers, "a name server of the zone: %s", c.text);
	}
}

static void ask_far(struct asking *s);

static void
on_far(struct dns_authority *a, void *arg)
{
	struct question q = *(struct question *)arg;
	struct publish *p = item_of(q.all, q.item);

	free(arg);
	if (is_next(p))
		judge_next(p, &q.all->g->host, a);
	note_servers(p, &q.all->g->host, a);
	q.all->open_far--;
	ask_far(q.all);
}

/* ---- the world ---- */

static void
on_world(struct dns_answer *a, void *arg)
{
	struct question q = *(struct question *)arg;
	struct publish *p = item_of(q.all, q.item);
	const struct dns_answer *own = own_answer(p);

	free(arg);
	if (own != NULL && (a->rc == RC_OK || a->rc == RC_NOTFOUND)) {
		p->world = publish_same_answer(p, a, own) ? PUBLISH_WORLD_SAME
							  : PUBLISH_WORLD_OLD;
		p->ttl = a->ttl;
	}
	q.all->open_world--;
	go_on(q.all);
}

static void
ask_world(struct asking *s, size_t item)
{
	struct publish *p = item_of(s, item);
	struct question *q = question_new(s, item, 0);

	if (dns_ask(s->world, p->name, p->type, WORLD_MS, on_world, q) == RC_OK)
		s->open_world++;
	else
		free(q);
}

/* A name below a top-level domain that does not exist.  (Those of RFC 6761 are
 * answered without asking anybody.) */
#define NOTHING "www.hearthmail-nothing"

static void
on_nothing(struct dns_answer *a, void *arg)
{
	struct asking *s = arg;

	s->g->resolver_lies = a->rc == RC_OK && a->n > 0;
	s->g->resolver_dead = a->rc != RC_OK && a->rc != RC_NOTFOUND;
	s->open_world--;
	go_on(s);
}

static void
ask_for_nothing(struct asking *s)
{
	if (s->world != NULL &&
	    dns_ask(s->world, NOTHING, DNS_A, WORLD_MS, on_nothing, s) == RC_OK)
		s->open_world++;
}

/* ---- all of it ---- */

static void
ask_far(struct asking *s)
{
	while (
	    s->next_far < s->g->list.n && s->open_far < FAR_MAX && !s->late) {
		size_t i = s->next_far++;
		struct publish *p = item_of(s, i);
		struct question *q;

		if (!is_asked_everywhere(p))
			continue;
		if (s->world != NULL && p->state == PUBLISH_RIGHT)
			ask_world(s, i);
		q = question_new(s, i, 0);
		if (dns_authority_ask(s->dns, p->name, p->type, AUTHORITY_MS,
			on_far, q) == RC_OK)
			s->open_far++;
		else
			free(q);
	}
	if (s->open == 0 && s->open_far == 0 && s->open_world == 0)
		ev_stop(s->loop);
}

static bool
is_of_phase(const struct asking *s, const struct publish *p)
{
	return (p->kind == PUBLISH_ADDRESS) == s->hosts && p->lookup &&
	       !is_next(p);
}

static void
go_on(struct asking *s)
{
	while (s->next < s->g->list.n && s->open < ITEMS_MAX) {
		size_t i = s->next++;

		if (!is_of_phase(s, item_of(s, i)))
			continue;
		s->open++;
		step(s, i);
	}
	if (s->open > 0 || s->next < s->g->list.n)
		return;
	if (s->hosts)
		ev_stop(s->loop);
	else
		ask_far(s);
}

static void
give_up(struct asking *s)
{
	s->late = true;
	ev_stop(s->loop);
}

/* Somebody waits for this: what has no answer by now is unknown. */
static void
judge_unanswered(struct asking *s)
{
	size_t i;

	for (i = 0; i < s->g->list.n; i++) {
		struct publish *p = item_of(s, i);

		lookup_expire(p->q);
		if (p->kind != PUBLISH_PORT_25)
			(void)!publish_judge(p, &s->g->host);
	}
}

static void
on_end(void *arg)
{
	struct asking *s = arg;

	s->end = NULL;
	give_up(s);
}

/* Without a network each of some hundred questions would wait for its end. */
static void
on_reached(struct dns_answer *a, void *arg)
{
	struct asking *s = arg;

	note_heard(s, a);
	if (!s->heard && !s->late)
		give_up(s);
}

static void
begin(void *arg)
{
	struct asking *s = arg;

	if (s->hosts)
		(void)!dns_ask(s->dns, NOTHING, DNS_A, REACH_MS, on_reached, s);
	else
		ask_for_nothing(s);
	go_on(s);
}

static void
run_phase(struct asking *s, bool hosts)
{
	s->hosts = hosts;
	s->next = 0;
	if (s->late)
		return;
	ev_post(s->loop, begin, s);
	ev_run(s->loop);
}

static void
add_receivers(struct guide *g)
{
	size_t i;

	for (i = 0; g->network && i < g->conf->dns.nreceiver; i++)
		publish_add_receiver(&g->list, g->conf->dns.receiver[i]);
}

static void
run_all(struct asking *s)
{
	struct guide *g = s->g;

	s->end = ev_timer_add(s->loop, ALL_MS, on_end, s);
	run_phase(s, true);
	publish_find_senders(&g->list, &g->host);
	publish_add_senders(&g->list, &g->host, g->conf);
	add_receivers(g);
	run_phase(s, false);
	if (s->late)
		judge_unanswered(s);
	ev_timer_del(&s->end);
}

/* ---- behind walls ---- */

/* The dns process's walls; a server that has never been started has no empty
 * folder yet, and then the other walls have to do. */
static int
raise_walls(
    const struct guide *g, const struct dns_server_opts *o, struct err *err)
{
	uint16_t ports[PORTS_MAX + 1];
	struct sandbox_profile walls = {
	    .name = "dns", .connects = true, .datagrams = true, .ports = ports};
	struct sandbox_opts opts = {
	    .off = !g->conf->sandbox, .landlock_max = -1};
	struct super_user user[ROLE_COUNT];
	struct buf folder;
	const char *how;
	int r;

	users_find(user, &opts.change_user, &how);
	opts.uid = user[ROLE_DNS].uid;
	opts.gid = user[ROLE_DNS].gid;
	walls.nports = dns_server_opts_ports(o, ports, PORTS_MAX);
	if (g->network)
		ports[walls.nports++] = SMTP_PORT;
	buf_init(&folder, 4096);
	buf_addf(&folder, "%s/run/empty", g->conf->data);
	r = sandbox_enter(
	    &walls, &opts, access(folder.p, F_OK) == 0 ? folder.p : "/", err);
	buf_fini(&folder);
	return r;
}

/* A name service in this process, and its other end. */
struct service {
	struct dns_server *server;
	int fd[2];
};

static int
service_new(struct ev_loop *loop, struct dns_server_opts *o,
    struct service *out, struct err *err)
{
	int r;

	o->limits.per_line = o->limits.all = LINE_MAX;
	r = dns_server_new(loop, o, &out->server, err);
	if (r != RC_OK)
		dns_server_opts_fini(o);
	else if (line_pair(out->fd) != RC_OK)
		r = err_set(err, RC_IO, "too many open files");
	return r;
}

static struct peer *
service_start(struct ev_loop *loop, struct service *s)
{
	struct peer *p = peer_new(loop, "dns", NULL, NULL, NULL);

	dns_server_add_client(s->server, s->fd[0]);
	peer_connect(p, s->fd[1]);
	s->fd[0] = s->fd[1] = -1;
	dns_server_start(s->server);
	return p;
}

static void
service_free(struct service *s)
{
	io_close(&s->fd[0]);
	io_close(&s->fd[1]);
	dns_server_free(&s->server);
}

/* The system's name servers as they are: none, if they are asked anyway. */
static int
world_new(const struct guide *g, struct ev_loop *loop, struct service *out,
    struct err *err)
{
	struct dns_server_opts o;
	int r = name_service_load(g->conf, &o, err);

	if (r != RC_OK)
		return r;
	if (o.system.n == 0 || o.forward.n > 0) {
		dns_server_opts_fini(&o);
		return RC_OK;
	}
	o.forward = o.system;
	o.system.n = o.hints.n = 0;
	o.validate = false;
	o.direct = true;
	o.limits.answer_ms = o.limits.probe_ms = WORLD_MS;
	return service_new(loop, &o, out, err);
}

int
guide_ask(struct guide *g, struct err *err)
{
	struct ev_loop *loop = ev_loop_new();
	struct asking s = {.g = g, .loop = loop};
	struct service own = {NULL, {-1, -1}}, world = {NULL, {-1, -1}};
	struct dns_server_opts o, copy;
	int r = name_service_load(g->conf, &o, err);

	if (r != RC_OK)
		goto out;
	o.direct = true;
	o.limits.answer_ms = LOOKUP_MS; /* a person waits */
	copy = o;
	r = service_new(loop, &o, &own, err);
	if (r == RC_OK)
		r = world_new(g, loop, &world, err);
	if (r == RC_OK)
		r = raise_walls(g, &copy, err);
	if (r != RC_OK)
		goto out;
	s.dns = service_start(loop, &own);
	if (world.server != NULL)
		s.world = service_start(loop, &world);
	run_all(&s);
	peer_free(&s.world);
	peer_free(&s.dns);
out:
	service_free(&world);
	service_free(&own);
	ev_loop_free(&loop);
	return r;
}
