#include "queue/mx/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_queue.h"

#define TRY_MS	    (20 * 60 * 1000)
#define FALLBACK_MS (10 * 60 * 1000)

/* In the job's thread. */
static bool
may_end(void *arg)
{
	struct job *j = arg;
	bool may;

	pthread_mutex_lock(&j->s->lock);
	may = !j->s->stopping;
	j->ending = j->ending || may;
	pthread_mutex_unlock(&j->s->lock);
	return may;
}

/* What the way through a route needs of a job and its connections. */
struct way_of {
	struct job *j;
	const char *key;
};

static struct client *
rested(void *arg)
{
	struct way_of *w = arg;

	return connections_take(w->j->s->connections, w->key);
}

static struct history_step
step_of(const struct job *j, const char *host)
{
	struct history_step s = {.kind = HISTORY_HOST,
	    .count = HISTORY_C_NONE,
	    .peer = sv_str(host)};

	memcpy(s.id, j->delivery_id, sizeof s.id);
	return s;
}

/* Our own " (mx.example.test[192.0.2.1])" behind the host's words. */
static struct sv
without_where(const char *reply_text, const char *where)
{
	struct sv s = sv_str(reply_text);
	size_t at = sv_rchr(s, '(');

	if (at < s.n && at > 0 && sv_starts(sv_skip(s, at + 1), sv_str(where)))
		return sv_first(s, at - 1);
	return s;
}

static void
rest(void *arg, struct client *c)
{
	struct way_of *w = arg;

	connections_put(w->j->s->connections, w->key, c);
}

/* What a host has said of one recipient after another is one step, as long as
 * it is the same. */
static void
heard(void *arg, const struct client *c, const struct client_message *m)
{
	const struct job *j = ((struct way_of *)arg)->j;
	struct history_step s = step_of(j, client_where(c));
	struct buf who;
	size_t i;

	if (client_tls_name(c) != NULL)
		s.flags |= HISTORY_TLS;
	buf_init(&who, HISTORY_WHO_MAX - 1);
	for (i = 0; i < m->nrcpt; i++) {
		const struct client_rcpt *to = &m->rcpt[i];

		buf_adds(&who, who.n > 0 ? " " : "");
		buf_adds(&who, to->address);
		if (i + 1 < m->nrcpt && to[1].code == to->code &&
		    strcmp(to[1].reply_text, to->reply_text) == 0)
			continue;
		s.who = buf_sv(&who);
		s.code = to->code;
		s.text = without_where(to->reply_text, client_where(c));
		history_note(j->s->o.history, &s);
		buf_reset(&who);
	}
	buf_fini(&who);
}

static void
missed(void *arg, const struct client *c, const struct route_address *a,
    const struct client_message *m)
{
	const struct job *j = ((struct way_of *)arg)->j;
	struct history_step s =
	    step_of(j, c != NULL ? client_where(c) : a->host);

	(void)m;
	if (c != NULL && client_tls_name(c) != NULL)
		s.flags |= HISTORY_TLS;
	s.text = sv_str(j->why.reply_text);
	history_note(j->s->o.history, &s);
}

static bool
may_go_on(void *arg)
{
	struct job *j = ((struct way_of *)arg)->j;
	bool may;

	pthread_mutex_lock(&j->s->lock);
	may = !j->s->stopping;
	pthread_mutex_unlock(&j->s->lock);
	return may && clk_mono() < j->until;
}

/* Goes through the addresses until one takes it. */
static void
try_route(struct job *j, const struct client_opts *o, const char *key,
    const struct route *route)
{
	struct way_of w = {j, key};
	struct deliver d = {.o = o,
	    .route = route,
	    .m = &j->m,
	    .why = &j->why,
	    .rested = rested,
	    .rest = rest,
	    .heard = heard,
	    .missed = missed,
	    .may_go_on = may_go_on,
	    .arg = &w};

	if (deliver_route(&d))
		j->reached = true;
}

static void
all_codes(struct job *j, unsigned code, const char *reply_text)
{
	size_t i;

	for (i = 0; i < j->m.nrcpt; i++) {
		j->m.rcpt[i].code = code;
		(void)snprintf(j->m.rcpt[i].reply_text,
		    sizeof j->m.rcpt[i].reply_text, "%s", reply_text);
	}
	j->reached = true;
}

static struct route_opts
route_opts(const struct job *j, const struct conf *c)
{
	return (struct route_opts){j->s->dns, c->hostname, c->outbound.ipv6};
}

/* Are we ourselves a mail host on that port? */
static bool
listens_on(const struct conf *c, uint16_t port)
{
	size_t i;

	for (i = 0; i < c->nlisten[CONF_SMTP]; i++)
		if (c->listen[CONF_SMTP][i].port == port)
			return true;
	return false;
}

static void
try_direct(struct job *j, const struct conf *c)
{
	struct route_opts ro = route_opts(j, c);
	struct client_opts o = {.hostname = c->hostname,
	    .source4 = c->outbound.source4,
	    .source6 = c->outbound.source6,
	    .tls = j->s->o.tls,
	    .policy = CLIENT_TLS_OFFERED,
	    .port = j->s->o.port,
	    .may_be_self = listens_on(c, j->s->o.port),
	    .timeout = CLIENT_TIMEOUTS};
	struct route *route = xcalloc(1, sizeof *route);

	route_find(&ro, sv_str(j->domain), route);
	if (route->n > 0)
		try_route(j, &o, j->domain, route);
	else if (route->code != 0)
		all_codes(j, route->code, route->reply_text);
	else
		(void)snprintf(j->why.reply_text, sizeof j->why.reply_text,
		    "%s", route->reply_text);
	free(route);
}

static void
try_relay(struct job *j, const struct conf *c)
{
	static const enum client_tls policy[] = {
	    [CONF_TLS_VERIFY] = CLIENT_TLS_VERIFY,
	    [CONF_TLS_REQUIRE] = CLIENT_TLS_REQUIRE,
	    [CONF_TLS_OFF] = CLIENT_TLS_OFF};
	const struct relay *r = &j->relay;
	struct route_opts ro = route_opts(j, c);
	struct client_opts o = {.hostname = c->hostname,
	    .source4 = c->outbound.source4,
	    .source6 = c->outbound.source6,
	    .tls = j->s->o.tls,
	    .policy = policy[r->tls],
	    .implicit_tls = r->implicit_tls,
	    .port = r->port,
	    .user = r->user[0] != '\0' ? r->user : NULL,
	    .password = r->password,
	    .timeout = CLIENT_TIMEOUTS};
	struct route *route = xcalloc(1, sizeof *route);
	char key[CONNECTIONS_KEY_MAX];

	j->why.reply_text[0] = '\0'; /* of the direct way */
	/* Who has logged in, and what was asked of TLS, belong to a
	 * connection: it is nobody else's. */
	(void)snprintf(key, sizeof key, "relay %s:%u %u%u %s", r->host, r->port,
	    (unsigned)r->tls, r->implicit_tls, r->user);
	if (o.user != NULL && r->password[0] == '\0')
		(void)snprintf(j->why.reply_text, sizeof j->why.reply_text,
		    "there is no password for the smarthost %s; see "
		    "relay.password_file",
		    r->host);
	else
		route_find_host(&ro, r->host, route);
	if (route->n > 0)
		try_route(j, &o, key, route);
	else if (j->why.reply_text[0] == '\0')
		(void)snprintf(j->why.reply_text, sizeof j->why.reply_text,
		    "%s", route->reply_text);
	free(route);
}

/* The smarthost gets what could not go the direct way. */
static void
try_fallback(struct job *j, const struct conf *c)
{
	struct client_rcpt *all = j->m.rcpt, *some;
	size_t n = j->m.nrcpt, i, k = 0;
	bool *moved = xcalloc(n, sizeof *moved);
	bool was_reached = j->reached;

	some = xcalloc(n, sizeof *some);
	for (i = 0; i < n; i++) {
		moved[i] = !was_reached || deliver_is_policy(&all[i]);
		if (moved[i])
			some[k++].address = all[i].address;
	}
	if (k > 0) {
		j->m.rcpt = some;
		j->m.nrcpt = k;
		j->reached = false;
		j->until = clk_mono() + FALLBACK_MS;
		try_relay(j, c);
		/* As long as the smarthost does not answer, its no is not the
		 * last word. */
		for (i = k = 0; i < n; i++)
			if (moved[i] && j->reached) {
				all[i] = some[k++];
			} else if (moved[i]) {
				all[i].code = 451;
				(void)snprintf(all[i].reply_text,
				    sizeof all[i].reply_text, "%s",
				    j->why.reply_text);
			}
		j->reached |= was_reached;
		j->m.rcpt = all;
		j->m.nrcpt = n;
	}
	free(some);
	free(moved);
}

void
mx_job_try(struct job *j)
{
	struct mx_service *s = j->s;
	struct conf *c = s->o.conf(s->o.arg);

	if (j->relay.set && !j->relay.fallback) {
		try_relay(j, c);
	} else {
		try_direct(j, c);
		if (j->relay.set)
			try_fallback(j, c);
	}
	conf_free(&c);
}

/* ---- its life ---- */

/* What is not needed once it was tried; the rest is kept for the queue. */
void
mx_job_drop_inputs(struct job *j)
{
	size_t i;

	for (i = 0; i < j->m.nrcpt; i++) {
		free((void *)(uintptr_t)j->m.rcpt[i].address);
		j->m.rcpt[i].address = NULL;
	}
	explicit_bzero(&j->relay, sizeof j->relay);
	io_close(&j->m.fd);
	free(j->sender);
	j->sender = NULL;
}

void
mx_job_free(struct job *j)
{
	mx_job_drop_inputs(j);
	free(j->which);
	free(j->rcpt);
	free(j);
}

static void
copy_relay(struct relay *out, const struct mx_relay *r)
{
	out->set = r->host.n > 0;
	if (!out->set)
		return;
	sv_copy(r->host, out->host, sizeof out->host);
	out->port = r->port;
	out->tls =
	    r->tls <= CONF_TLS_OFF ? (enum conf_tls)r->tls : CONF_TLS_VERIFY;
	out->implicit_tls = r->implicit_tls;
	out->fallback = r->fallback;
	sv_copy(r->user, out->user, sizeof out->user);
	sv_copy(r->password, out->password, sizeof out->password);
}

/* NULL: the message is garbled. */
struct job *
mx_job_read(struct mx_service *s, struct msg *m)
{
	struct mx_job asked;
	struct job *j;
	uint32_t i;

	if (mx_job_get(m, &asked) != RC_OK)
		return NULL;
	j = xcalloc(1, sizeof *j);
	j->s = s;
	j->until = clk_mono() + TRY_MS;
	j->id = m->id;
	j->life = s->queue_life;
	memcpy(j->delivery_id, asked.delivery_id, sizeof j->delivery_id);
	sv_copy(asked.domain, j->domain, sizeof j->domain);
	copy_relay(&j->relay, &asked.relay);
	j->sender = sv_dup(asked.sender);
	j->m.sender = j->sender;
	j->m.size = asked.size;
	j->m.eight_bit = (asked.flags & SPOOL_EIGHT_BIT) != 0;
	j->rcpt = xcalloc(asked.nrecipient + 1, sizeof *j->rcpt);
	j->which = xcalloc(asked.nrecipient + 1, sizeof *j->which);
	j->m.rcpt = j->rcpt;
	j->m.nrcpt = asked.nrecipient;
	j->m.may_end = may_end;
	j->m.arg = j;
	for (i = 0; i < asked.nrecipient; i++) {
		j->which[i] = asked.recipient[i].which;
		j->rcpt[i].address = sv_dup(asked.recipient[i].address);
	}
	j->m.fd = asked.fd;
	asked.fd = -1;
	mx_job_fini(&asked);
	if (j->m.nrcpt > 0)
		return j;
	mx_job_free(j);
	return NULL;
}
