#include "queue/mx/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/mx/deliver.h"

#define JOBS_MAX      128
#define KNOWN_MAX     512 /* with those whose outcome is not noted yet */
#define STACK_BYTES   (256u << 10)
#define REST_MS	      3000 /* a connection is kept so long */
#define REST_MAX      64
#define TRY_MS	      (20 * 60 * 1000)
#define FALLBACK_MS   (10 * 60 * 1000)
#define IDLE_MS	      5000 /* a thread is kept so long */
#define KEY_MAX	      (DNS_NAME_MAX + MX_USER_MAX + 32)
#define DRAIN_LOOK_MS 50

/* A connection that waits for the next message to its place. */
struct rest {
	char key[KEY_MAX];
	struct client *client;
	int64_t until;
	struct rest *next;
};

struct mx_service {
	struct mx_service_opts o;
	struct peer *queue, *dns;
	struct ev_timer *timer;
	pthread_mutex_t lock; /* of what follows */
	unsigned queue_life;  /* how many queues there were */
	struct rest *rests;
	bool looking; /* the timer runs, or is about to */
	unsigned nrests, jobs;
	struct job *known; /* all, until their outcome is noted */
	unsigned nknown;
	uint64_t last_number;
	struct job *todo, **todo_end; /* for workers that have nothing to do */
	unsigned ntodo, idle;
	pthread_cond_t more;
	bool leaving;  /* no more jobs */
	bool stopping; /* no more ends of messages */
	/* the loop's */
	struct ev_timer *draining;
	int64_t drain_until;
	void (*drained)(void *arg);
	void *drained_arg;
};

struct relay {
	bool set, fallback, implicit_tls;
	char host[MX_HOST_MAX];
	uint16_t port;
	enum conf_tls tls;
	char user[MX_USER_MAX], password[MX_SECRET_MAX];
};

struct job {
	struct mx_service *s;
	struct job *next;
	struct job *next_known;
	uint64_t number;
	uint8_t delivery_id[16];
	uint32_t *which; /* recipients of the message */
	bool finished;
	bool ending;	/* the host may have taken it */
	bool abandoned; /* for the next mx; the queue was told */
	uint32_t id;	/* of the request */
	unsigned life;	/* of which queue */
	char domain[DNS_NAME_MAX];
	struct relay relay;
	char *sender;
	struct client_rcpt *rcpt;
	struct client_message m;
	bool reached;
	/* clk_mono: after that no further host is tried; the direct way and
	 * the smarthost behind it have their own. */
	int64_t until;
	struct client_why why;
};

/* ---- connections at rest ---- */

#define LOOK_MS 1000

static void on_timer(void *arg);

static struct client *
take_rest(struct mx_service *s, const char *key)
{
	struct client *c = NULL;
	struct rest **at, *r;

	pthread_mutex_lock(&s->lock);
	for (at = &s->rests; *at != NULL; at = &(*at)->next)
		if (strcmp((*at)->key, key) == 0)
			break;
	r = *at;
	if (r != NULL) {
		*at = r->next;
		s->nrests--;
	}
	pthread_mutex_unlock(&s->lock);
	if (r != NULL)
		c = r->client;
	free(r);
	if (c != NULL && !client_alive(c))
		client_close(&c);
	return c;
}

/* Takes the client; in any thread. */
static void
put_rest(struct mx_service *s, const char *key, struct client *c)
{
	struct rest *r = xcalloc(1, sizeof *r);

	(void)snprintf(r->key, sizeof r->key, "%s", key);
	r->client = c;
	r->until = clk_mono() + REST_MS;
	pthread_mutex_lock(&s->lock);
	if (!client_worn(c) && s->nrests < REST_MAX) {
		/* They are looked after while there are any. */
		if (!s->looking)
			ev_post(s->o.loop, on_timer, s);
		s->looking = true;
		r->next = s->rests;
		s->rests = r;
		s->nrests++;
		r = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (r != NULL)
		client_close(&r->client);
	free(r);
}

/* Those that have waited long enough, or all. */
static struct rest *
expired(struct mx_service *s, bool all)
{
	struct rest **at, *r, *list = NULL;

	pthread_mutex_lock(&s->lock);
	for (at = &s->rests; (r = *at) != NULL;) {
		if (!all && r->until > clk_mono()) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		s->nrests--;
		r->next = list;
		list = r;
	}
	pthread_mutex_unlock(&s->lock);
	return list;
}

static void
close_rests(struct rest *list)
{
	struct rest *r;

	while ((r = list) != NULL) {
		list = r->next;
		client_close(&r->client);
		free(r);
	}
}

static void
on_timer(void *arg)
{
	struct mx_service *s = arg;

	struct rest *over = expired(s, false);
	bool any;

	pthread_mutex_lock(&s->lock);
	any = s->looking = s->nrests > 0;
	pthread_mutex_unlock(&s->lock);
	s->timer = any ? ev_timer_add(s->o.loop, LOOK_MS, on_timer, s) : NULL;
	close_rests(over);
}

/* ---- one job ---- */

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

	return take_rest(w->j->s, w->key);
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

	put_rest(w->j->s, w->key, c);
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
	char key[KEY_MAX];

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

/* ---- what became of it ---- */

/* With the lock held; consumes m.  A queue that has ended, as it does for a
 * new smarthost, hears it from mx_service_set_queue when it is back. */
static void
tell_queue(struct mx_service *s, struct msg *m)
{
	if (peer_tell(s->queue, m) != RC_OK)
		mlog(LOG_INFO, "mx.answer",
		    "text=\"the queue has ended; the next one is told\"");
}

/*
 * Numbers of requests mean something to the queue that gave them only.  One
 * that was started anew hears of the job by its message: MX_LATE.
 */
static void
tell_outcome(const struct job *j, bool late)
{
	size_t i, n = j->reached ? j->m.nrcpt : 0;
	struct mx_verdict *v = xcalloc(n + 1, sizeof *v);
	struct mx_outcome o = {
	    .rc = RC_OK,
	    .job = j->number,
	    .reached = j->reached,
	    .why = sv_str(j->why.reply_text),
	    .verdict = v,
	    .nverdict = (uint32_t)n,
	};
	struct msg m;

	memcpy(o.delivery_id, j->delivery_id, sizeof o.delivery_id);
	for (i = 0; i < n; i++)
		v[i] = (struct mx_verdict){j->which[i], j->m.rcpt[i].code,
		    sv_str(j->m.rcpt[i].reply_text)};
	msg_init(&m, late ? MX_LATE : MSG_REPLY);
	if (!late)
		m.id = j->id;
	mx_outcome_put(&m, &o);
	free(v);
	tell_queue(j->s, &m);
}

static void
tell_open(const struct job *j)
{
	struct mx_open o = {
	    .job = j->number,
	    .which = j->which,
	    .nwhich = (uint32_t)j->m.nrcpt,
	};
	struct msg m;

	memcpy(o.delivery_id, j->delivery_id, sizeof o.delivery_id);
	msg_init(&m, MX_OPEN);
	mx_open_put(&m, &o);
	tell_queue(j->s, &m);
}

/* What is not needed once it was tried; the rest is kept for the queue. */
static void
drop_inputs(struct job *j)
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

static void
job_free(struct job *j)
{
	drop_inputs(j);
	free(j->which);
	free(j->rcpt);
	free(j);
}

static void
finish_job(struct job *j)
{
	struct mx_service *s = j->s;

	drop_inputs(j);
	pthread_mutex_lock(&s->lock);
	j->finished = true;
	if (!j->abandoned) /* else as if it had not been */
		tell_outcome(j, j->life != s->queue_life);
	pthread_mutex_unlock(&s->lock);
}

/* Jobs with an outcome that the queue has, or that it asks for again. */
static void
forget(struct mx_service *s,
    bool (*meant)(const struct job *j, const void *arg), const void *arg)
{
	struct job **at, *j;

	pthread_mutex_lock(&s->lock);
	for (at = &s->known; (j = *at) != NULL;) {
		if (!j->finished || !meant(j, arg)) {
			at = &j->next_known;
			continue;
		}
		*at = j->next_known;
		s->nknown--;
		job_free(j);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool
has_number(const struct job *j, const void *arg)
{
	const uint64_t *number = arg;

	return j->number == *number;
}

/* The queue has waited for it no longer. */
static bool
is_same(const struct job *j, const void *arg)
{
	const struct job *fresh = arg;

	return memcmp(j->delivery_id, fresh->delivery_id,
		   sizeof j->delivery_id) == 0 &&
	       j->which[0] == fresh->which[0];
}

static void
run_job(struct job *j)
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
	finish_job(j);
}

/* With the lock held: the next job, or NULL after a while without one. */
static struct job *
wait_for_job(struct mx_service *s)
{
	int64_t at = clk_mono() + IDLE_MS;
	struct timespec until = {at / 1000, at % 1000 * 1000000};
	struct job *j;
	int e = 0;

	s->idle++;
	while (s->todo == NULL && e != ETIMEDOUT)
		e = pthread_cond_timedwait(&s->more, &s->lock, &until);
	s->idle--;
	j = s->todo;
	if (j != NULL) {
		s->ntodo--;
		if ((s->todo = j->next) == NULL)
			s->todo_end = &s->todo;
	}
	return j;
}

static void *
work(void *arg)
{
	struct job *j = arg;
	struct mx_service *s = j->s;

	while (j != NULL) {
		run_job(j);
		pthread_mutex_lock(&s->lock);
		s->jobs--;
		j = wait_for_job(s);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- the queue's line ---- */

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
static struct job *
read_job(struct mx_service *s, struct msg *m)
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
	job_free(j);
	return NULL;
}

/* With the lock held.  The number of a reply code: none, it was not even
 * tried. */
static void
reply_refused(struct mx_service *s, uint32_t id, int rc)
{
	const struct mx_outcome o = {.rc = rc};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	mx_outcome_put(&m, &o);
	tell_queue(s, &m);
}

static void
refuse(struct mx_service *s, uint32_t id, int rc)
{
	pthread_mutex_lock(&s->lock);
	reply_refused(s, id, rc);
	pthread_mutex_unlock(&s->lock);
}

static int
start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t t;
	int e;

	must(pthread_attr_init(&attr) == 0);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	e = pthread_create(&t, &attr, work, j);
	(void)pthread_attr_destroy(&attr);
	return e == 0 ? RC_OK : RC_TEMP;
}

/* With the lock held.  An outcome that nobody has noted for so long is of a
 * request that the queue has given up. */
static void
forget_oldest(struct mx_service *s)
{
	struct job **at, **oldest = NULL, *j;

	for (at = &s->known; *at != NULL; at = &(*at)->next_known)
		if ((*at)->finished)
			oldest = at;
	if (oldest == NULL)
		return;
	j = *oldest;
	*oldest = j->next_known;
	s->nknown--;
	job_free(j);
}

/* A thread for the job, or a place behind one that has nothing to do. */
static bool
take_up(struct mx_service *s, struct job *j)
{
	bool room, taken = false;

	pthread_mutex_lock(&s->lock);
	if (s->nknown >= KNOWN_MAX)
		forget_oldest(s);
	room = !s->leaving && s->jobs < JOBS_MAX && s->nknown < KNOWN_MAX;
	if (room) {
		s->jobs++;
		j->number = ++s->last_number;
		j->next_known = s->known;
		s->known = j;
		s->nknown++;
	}
	if (room && s->idle > s->ntodo) {
		*s->todo_end = j;
		s->todo_end = &j->next;
		s->ntodo++;
		pthread_cond_signal(&s->more);
		taken = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (!room || taken || start_thread(j) == RC_OK)
		return room;
	pthread_mutex_lock(&s->lock);
	s->jobs--;
	s->nknown--;
	s->known = j->next_known; /* only this thread adds */
	pthread_mutex_unlock(&s->lock);
	return false;
}

static void
on_job(struct mx_service *s, struct msg *m)
{
	struct job *j = read_job(s, m);

	if (j == NULL) {
		mlog(LOG_ERROR, "mx.job", "text=\"a garbled job was refused\"");
		refuse(s, m->id, RC_SYNTAX);
		return;
	}
	forget(s, is_same, j);
	if (!take_up(s, j)) {
		job_free(j);
		refuse(s, m->id, RC_TEMP);
	}
}

static void
on_queue_msg(struct line *l, struct msg *m, void *arg)
{
	struct mx_service *s = arg;
	struct mx_noted noted;

	(void)l;
	if (m->type == MX_JOB)
		on_job(s, m);
	else if (m->type == MX_NOTED && mx_noted_get(m, &noted) == RC_OK)
		forget(s, has_number, &noted.job);
}

struct mx_service *
mx_service_new(const struct mx_service_opts *o)
{
	struct mx_service *s = xcalloc(1, sizeof *s);
	pthread_condattr_t attr;

	s->o = *o;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->more, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	s->todo_end = &s->todo;
	/* No queue takes a number of ours for one of another mx. */
	randombytes_buf(&s->last_number, sizeof s->last_number);
	s->queue = peer_new(o->loop, "queue", on_queue_msg, NULL, s);
	s->dns = peer_new(o->loop, "dns", NULL, NULL, s);
	return s;
}

void
mx_service_free(struct mx_service **sp)
{
	struct mx_service *s = *sp;

	if (s == NULL)
		return;
	ev_timer_del(&s->timer);
	ev_timer_del(&s->draining);
	close_rests(expired(s, true));
	/* Threads that still speak go with the process: their messages are the
	 * queue's as long as it was told nothing. */
	*sp = NULL;
}

void
mx_service_set_queue(struct mx_service *s, int fd)
{
	const struct job *j;
	struct msg m;

	/* Under the lock, so that each job's end comes before the list or
	 * after it. */
	pthread_mutex_lock(&s->lock);
	s->queue_life++;
	peer_connect(s->queue, fd);
	for (j = s->known; j != NULL; j = j->next_known)
		if (j->abandoned)
			continue;
		else if (j->finished)
			tell_outcome(j, true);
		else
			tell_open(j);
	msg_init(&m, MX_LISTED);
	tell_queue(s, &m);
	pthread_mutex_unlock(&s->lock);
}

static unsigned
open_jobs(struct mx_service *s)
{
	const struct job *j;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (j = s->known; j != NULL; j = j->next_known)
		n += !j->abandoned;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void
on_drain(void *arg)
{
	struct mx_service *s = arg;
	unsigned open = open_jobs(s);

	s->draining = NULL;
	if (open > 0 && clk_mono() < s->drain_until) {
		s->draining =
		    ev_timer_add(s->o.loop, DRAIN_LOOK_MS, on_drain, s);
		return;
	}
	if (open > 0)
		mlog(LOG_WARN, "mx.drain", "left=%u", open);
	s->drained(s->drained_arg);
}

void
mx_service_drain(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg)
{
	bool again;

	pthread_mutex_lock(&s->lock);
	again = s->leaving;
	s->leaving = true;
	pthread_mutex_unlock(&s->lock);
	if (again)
		return;
	s->drained = fn;
	s->drained_arg = arg;
	s->drain_until = clk_mono() + ms;
	s->draining = ev_timer_add(s->o.loop, 0, on_drain, s);
}

void
mx_service_stop(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct job *j;

	pthread_mutex_lock(&s->lock);
	s->leaving = true;
	s->stopping = true;
	for (j = s->known; j != NULL; j = j->next_known) {
		if (j->finished || j->ending || j->abandoned)
			continue;
		j->abandoned = true;
		if (j->life == s->queue_life)
			reply_refused(s, j->id, RC_TEMP);
	}
	pthread_mutex_unlock(&s->lock);
	s->drained = fn;
	s->drained_arg = arg;
	s->drain_until = clk_mono() + ms;
	ev_timer_del(&s->draining);
	s->draining = ev_timer_add(s->o.loop, 0, on_drain, s);
}

void
mx_service_set_dns(struct mx_service *s, int fd)
{
	peer_connect(s->dns, fd);
}
