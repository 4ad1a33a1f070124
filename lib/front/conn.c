#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "front/front_priv.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "net/sni.h"

#define AUTH_TIMEOUT_MS	  30000
#define AGAIN_MS	  200
#define LOGIN_PATIENCE_MS 20000

static void front_run(struct conn *c);

void
conn_watch(struct conn *c, uint32_t client, uint32_t session)
{
	if (c->ev != NULL && client != c->watch) {
		c->watch = client;
		ev_set(c->ev, client);
	}
	if (c->session_ev != NULL && session != c->session_watch) {
		c->session_watch = session;
		ev_set(c->session_ev, session);
	}
}

void
conn_kill(struct conn *c)
{
	struct shard *s = c->shard;

	if (c->state == CONN_DEAD)
		return;
	/* Auth still holds the name of this connection: the answer frees. */
	ev_del(&c->ev);
	ev_del(&c->session_ev);
	io_close(&c->session_fd);
	SSL_free(c->ssl);
	c->ssl = NULL;
	io_close(&c->fd);
	if (c->front != NULL)
		s->l->o.proto->close(c->front);
	c->front = NULL;
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	if (c->state == CONN_LOGIN) {
		c->state = CONN_DEAD;
		return;
	}
	c->state = CONN_DEAD;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = NULL;
	c->next = s->dead;
	s->dead = c;
	shard_sweep_soon(s);
	/* At once: who comes again and again has one connection. */
	strangers_leave(c);
	peers_leave(s->l, c->peer);
	s->l->sessions -= c->in_session;
	s->l->count--;
}

/* Auth's answer finds nobody then. */
void
conn_evict_login(struct conn *c)
{
	struct buf out;

	buf_init(&out, 1024);
	c->shard->l->o.proto->bye(
	    c->front, "too many connections, try again later", &out);
	(void)wire_write(c, out.p, out.n);
	buf_fini(&out);
	conn_kill(c);
	strangers_give_place(c);
}

void
conn_reap(struct shard *s)
{
	struct conn *c;

	while ((c = s->dead) != NULL) {
		s->dead = c->next;
		free(c);
	}
}

/* All is sent. */
static void
end_of_output(struct conn *c)
{
	(void)shutdown(c->fd, SHUT_WR);
	if (!c->shard->l->o.proto->lingers || c->client_eof) {
		conn_kill(c);
		return;
	}
	c->state = CONN_LINGER;
	c->deadline = clk_mono() + LINGER_MS;
	shard_sweep_soon(c->shard);
	conn_watch(c, EPOLLIN, 0);
}

static void
linger(struct conn *c)
{
	long k = wire_discard(c);

	c->lingered += k > 0 ? (size_t)k : 0;
	if (k < 0 || c->lingered > LINGER_BYTES)
		conn_kill(c);
}

void
conn_close(struct conn *c)
{
	wire_bye(c);
	if (c->out.n == 0) {
		end_of_output(c);
		return;
	}
	c->state = CONN_CLOSING;
	c->deadline = clk_mono() + 10000;
	shard_sweep_soon(c->shard);
	conn_watch(c, EPOLLOUT, 0);
}

void
conn_bye(struct conn *c, const char *text)
{
	struct buf out;

	buf_init(&out, 1024);
	c->shard->l->o.proto->bye(c->front, text, &out);
	if (!wire_write(c, out.p, out.n))
		conn_kill(c);
	else
		conn_close(c);
	buf_fini(&out);
}

void
conn_idle(struct conn *c)
{
	struct sv text = sv_str(c->shard->l->o.proto->idle_bye);

	/* One that does not take its answer gets no other. */
	if (text.p == NULL && c->out.n > 0)
		conn_kill(c);
	else if (text.p == NULL)
		conn_bye(c, NULL);
	else if (!wire_write(c, text.p, text.n))
		conn_kill(c);
	else
		conn_close(c);
}

/* It has said something: its time begins anew. */
static void
not_idle(struct conn *c)
{
	c->deadline = clk_mono() + c->shard->l->o.proto->idle_ms;
	shard_sweep_soon(c->shard);
}

/* ---- login ---- */

struct login {
	struct conn *c;
	int fd; /* our end of the session's pair */
	int rc;
	bool answered; /* by auth */
	bool asked;    /* counted as such */
	int64_t until; /* so long it may be asked again */
	struct buf sasl, tag;
	char text[ERR_TEXT_MAX];
};

static void
login_failed(struct conn *c, const struct login *lg)
{
	struct buf out;
	enum front_do what;
	char q[LOG_Q_MAX];

	/* What auth has answered it has logged. */
	if (!lg->answered)
		mlog(LOG_WARN, "login.fail",
		    "service=%s peer=%s account=unknown reason=%s",
		    conf_service_name(c->service), c->peer,
		    log_q(q, sv_str(lg->text)));
	buf_init(&out, 4096);
	what = c->shard->l->o.proto->failed(c->front,
	    lg->rc == RC_DENIED ? FRONT_DENIED : FRONT_TEMP, lg->text, &out);
	c->state = CONN_FRONT;
	not_idle(c);
	if (!wire_write(c, out.p, out.n))
		conn_kill(c);
	else if (what == FRONT_CLOSE)
		conn_close(c);
	else
		front_run(c);
	buf_fini(&out);
}

/* A place among the sessions. */
static bool
enter_session(struct conn *c)
{
	struct listener *l = c->shard->l;
	uint32_t most;

	pthread_mutex_lock(&l->lock);
	most = l->o.connections;
	c->in_session = l->sessions < most;
	l->sessions += c->in_session;
	pthread_mutex_unlock(&l->lock);
	if (c->in_session) {
		strangers_note_known(l, c->peer);
		strangers_leave(c);
	}
	return c->in_session;
}

static void login_ask(void *arg);

static void
login_free(struct login *lg)
{
	io_close(&lg->fd);
	buf_wipe(&lg->sasl);
	buf_fini(&lg->tag);
	free(lg);
}

/*
 * A process on the way died of something else, or is just being started: that
 * is not an answer for somebody who logs in.  They are asked for again, with a
 * session's socket that nobody has written to.
 */
static bool
login_again(struct login *lg)
{
	if (lg->rc != RC_IO || clk_mono() >= lg->until ||
	    lg->c->state == CONN_DEAD)
		return false;
	io_close(&lg->fd);
	(void)ev_timer_add(lg->c->shard->loop, AGAIN_MS, login_ask, lg);
	return true;
}

/* In the shard's thread. */
static void
login_finish(void *arg)
{
	struct login *lg = arg;
	struct conn *c = lg->c;

	if (login_again(lg))
		return;
	if (lg->asked)
		strangers_have_asked(c);
	if (lg->rc == RC_OK && c->state != CONN_DEAD && !enter_session(c)) {
		lg->rc = RC_TEMP;
		lg->answered = false;
		(void)memcpy(lg->text, "too many sessions", 18);
	}
	if (c->state == CONN_DEAD) {
		/* The client has left meanwhile.  Now it can go. */
		c->state = CONN_CLOSING;
		conn_kill(c);
	} else if (lg->rc == RC_OK) {
		pump_start(c, lg->fd);
		lg->fd = -1;
	} else {
		login_failed(c, lg);
	}
	login_free(lg);
}

/* In the main loop's thread.  RC_TEMP without a reply: auth has died. */
static void
login_reply(int rc, struct msg *reply, void *arg)
{
	struct login *lg = arg;
	struct login_done done;

	lg->rc = rc == RC_TEMP ? RC_IO : rc == RC_OK ? RC_TEMP : rc;
	lg->text[0] = '\0';
	if (rc == RC_OK) {
		lg->answered = login_done_get(reply, &done) == RC_OK;
		if (lg->answered) {
			sv_copy(done.text, lg->text, sizeof lg->text);
			lg->rc = done.rc;
		}
	}
	if (lg->rc != RC_OK && lg->rc != RC_DENIED && lg->text[0] == '\0')
		(void)memcpy(lg->text, "try again later", 16);
	ev_post(lg->c->shard->loop, login_finish, lg);
}

/* In the shard's thread. */
static void
login_ask(void *arg)
{
	struct login *lg = arg;
	struct conn *c = lg->c;
	struct login_ask asked;
	struct msg m;
	int pair[2];

	if (c->state == CONN_DEAD ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) != 0) {
		lg->rc = RC_TEMP;
		(void)memcpy(lg->text, "too many connections", 21);
		login_finish(lg);
		return;
	}
	lg->fd = pair[0];
	asked = (struct login_ask){
	    .service = (uint8_t)c->service,
	    .sasl = buf_sv(&lg->sasl),
	    .peer = sv_str(c->peer),
	    .tls = c->ssl != NULL,
	    .tag = buf_sv(&lg->tag),
	    .fd = pair[1],
	};
	msg_init(&m, AUTH_LOGIN);
	login_ask_put(&m, &asked);
	peer_ask_later(
	    c->shard->l->o.auth, &m, AUTH_TIMEOUT_MS, login_reply, lg);
}

static void
login_start(struct conn *c, struct front_action *act)
{
	struct login *lg = xcalloc(1, sizeof *lg);

	lg->c = c;
	lg->fd = -1;
	lg->until = clk_mono() + LOGIN_PATIENCE_MS;
	buf_init(&lg->sasl, act->sasl.max);
	buf_addsv(&lg->sasl, buf_sv(&act->sasl));
	buf_init(&lg->tag, act->tag.max);
	buf_addsv(&lg->tag, buf_sv(&act->tag));
	c->state = CONN_LOGIN;
	c->deadline = 0;
	conn_watch(c, c->out.n > 0 ? EPOLLOUT : 0, 0);
	lg->asked = strangers_may_ask(c);
	if (lg->asked) {
		login_ask(lg);
		return;
	}
	lg->rc = RC_TEMP;
	(void)memcpy(lg->text, "too many logins at once", 24);
	login_finish(lg);
}

/* ---- what the protocol asks others ---- */

static void
later_start(struct conn *c)
{
	c->state = CONN_LATER;
	c->deadline = clk_mono() + LATER_MS;
	shard_sweep_soon(c->shard);
	conn_watch(c, c->out.n > 0 ? EPOLLOUT : 0, 0);
}

/* In the shard's thread.  What was said before may still wait to be taken. */
static void
resume(void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_LATER)
		return;
	c->state = CONN_FRONT;
	c->resumed = true;
	not_idle(c);
	front_run(c);
}

static void
known(void *arg)
{
	struct conn *c = arg;

	strangers_note_known(c->shard->l, c->peer);
}

/* ---- before login ---- */

/* Nothing is read while answers wait to be taken. */
static void
front_watch(struct conn *c)
{
	uint32_t in = c->state == CONN_FRONT && c->out.n > 0 ? 0 : EPOLLIN;

	conn_watch(c, in | (c->out.n > 0 || c->held ? EPOLLOUT : 0), 0);
}

static void
start_tls(struct conn *c)
{
	unsigned missed;

	if (c->in.n > 0 && log_peer_may(c->peer, &missed))
		mlog(LOG_WARN, "starttls.dropped",
		    "service=%s peer=%s bytes=%zu",
		    conf_service_name(c->service), c->peer, c->in.n);
	buf_wipe(&c->in);
	c->shard->l->o.proto->tls_started(c->front);
	c->state = CONN_HANDSHAKE;
	c->deadline = clk_mono() + HANDSHAKE_MS;
	shard_sweep_soon(c->shard);
	wire_start_tls(c);
}

/* One turn of the front half, and its answers; false: nothing more for now. */
static bool
front_turn(struct conn *c, struct front_action *act)
{
	const bool resumed = c->resumed;
	struct buf out;
	size_t took;
	bool ok;

	c->resumed = false;
	buf_init(&out, FRONT_ANSWERS);
	took = c->shard->l->o.proto->input(c->front, buf_sv(&c->in), &out, act);
	if (took > 0)
		explicit_bzero(c->in.p, took);
	buf_consume(&c->in, took);
	/* An answer means that a whole command came, not just some bytes. */
	if (out.n > 0)
		not_idle(c);
	ok = buf_ok(&out) && wire_write(c, out.p, out.n);
	buf_wipe(&out);
	if (!ok)
		conn_kill(c);
	return ok && (took > 0 || resumed) && act->what == FRONT_GO_ON &&
	       c->in.n > 0;
}

/* Lets the front half take what has been read, as far as the client takes the
 * answers: what it does not take is waited for first. */
static void
front_run(struct conn *c)
{
	struct front_action act;
	bool more = true;

	front_action_init(&act);
	while (more && c->out.n == 0)
		more = front_turn(c, &act);
	if (c->state == CONN_DEAD)
		goto out;
	if (c->in.n == 0)
		buf_wipe(&c->in);
	if (act.what == FRONT_CLOSE ||
	    (c->client_eof && act.what == FRONT_GO_ON && !more))
		conn_close(c);
	else if (act.what == FRONT_LOGIN)
		login_start(c, &act);
	else if (act.what == FRONT_LATER)
		later_start(c);
	else if (act.what == FRONT_STARTTLS)
		start_tls(c);
	if (c->state == CONN_FRONT || c->state == CONN_HANDSHAKE)
		front_watch(c);
out:
	front_action_fini(&act);
}

/* A ClientHello where STARTTLS comes first. */
static bool
is_misplaced_tls(const struct conn *c)
{
	unsigned missed;

	if (!c->shard->l->o.proto->plain_first || c->ssl != NULL ||
	    !sv_starts(buf_sv(&c->in), SV("\x16\x03")))
		return false;
	if (log_peer_may(c->peer, &missed))
		mlog(LOG_WARN, "tls.misplaced",
		    "service=%s peer=%s text=\"TLS from the first byte is not "
		    "spoken on this port; it begins with STARTTLS\"",
		    conf_service_name(c->service), c->peer);
	return true;
}

static void
front_read(struct conn *c)
{
	size_t room = FRONT_INPUT - c->in.n;
	long k;

	if (c->in.n >= FRONT_INPUT) {
		/* The state machine neither takes it nor refuses it. */
		conn_bye(c, "too many bytes before login");
		return;
	}
	k = wire_read(c, c->shard->flow, room);
	/* Cut short: the rest makes no event, see update_watch(). */
	c->held = c->ssl != NULL && k > 0 && (size_t)k == room;
	if (k == 0)
		return;
	if (k == -2) {
		conn_kill(c);
		return;
	}
	if (k == -1)
		c->client_eof = true;
	else
		buf_add(&c->in, c->shard->flow, (size_t)k);
	if (is_misplaced_tls(c)) {
		conn_kill(c);
		return;
	}
	explicit_bzero(c->shard->flow, k > 0 ? (size_t)k : 0);
	front_run(c);
}

static struct front_opts
front_opts(struct conn *c, bool under_tls)
{
	const struct listener_opts *l = &c->shard->l->o;

	return (struct front_opts){
	    .hostname = l->hostname,
	    .tls_offered = l->tls != NULL && !under_tls,
	    .tls = under_tls,
	    .trusted = !under_tls && network_is_loopback(c->peer),
	    .arg = l->arg,
	    .peer = c->peer,
	    .service = c->service,
	    .loop = c->shard->loop,
	    .resume = resume,
	    .known = known,
	    .conn = c,
	};
}

/* From the start, or after STARTTLS; false: it cannot be written. */
static bool
greet_under_tls(struct conn *c)
{
	const struct front_proto *proto = c->shard->l->o.proto;
	struct front_opts o = front_opts(c, true);
	struct buf out;
	bool ok;

	buf_init(&out, 4096);
	if (c->front == NULL)
		c->front = proto->open(&o, &out);
	else if (proto->tls_greeting != NULL)
		proto->tls_greeting(c->front, &out);
	ok = out.n == 0 || wire_write(c, out.p, out.n);
	buf_fini(&out);
	return ok;
}

static void
handshake(struct conn *c)
{
	int k = wire_handshake(c);

	if (k < 0) {
		mlog(LOG_DEBUG, "tls.fail", "service=%s peer=%s",
		    conf_service_name(c->service), c->peer);
		conn_kill(c);
		return;
	}
	if (k == 0)
		return;
	if (sni_is_challenge(c->ssl)) {
		conn_close(c); /* it has seen what it came for */
		return;
	}
	c->state = CONN_FRONT;
	not_idle(c);
	if (!greet_under_tls(c)) {
		conn_kill(c);
		return;
	}
	/* The first command may have come with the handshake's last bytes. */
	front_read(c);
}

static void
conn_event(struct ev *e, uint32_t events, void *arg)
{
	struct conn *c = arg;

	(void)e;
	if (c->state != CONN_PUMP && (events & EPOLLOUT) != 0) {
		if (!wire_flush(c)) {
			conn_kill(c);
			return;
		}
		if (c->state == CONN_CLOSING && c->out.n == 0) {
			end_of_output(c);
			return;
		}
		if (c->state == CONN_LOGIN || c->state == CONN_LATER)
			conn_watch(c, c->out.n > 0 ? EPOLLOUT : 0, 0);
		else if (c->state != CONN_CLOSING)
			front_watch(c);
		if (c->state == CONN_FRONT && c->out.n == 0 &&
		    (c->in.n > 0 || c->resumed)) {
			front_run(c);
			return;
		}
	}
	switch (c->state) {
	case CONN_HANDSHAKE:
		handshake(c);
		break;
	case CONN_FRONT:
		if (c->out.n == 0)
			front_read(c);
		else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			conn_kill(c);
		break;
	case CONN_PUMP:
		pump_client(c, events);
		break;
	case CONN_LOGIN:
	case CONN_LATER:
	case CONN_CLOSING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			conn_kill(c);
		break;
	case CONN_LINGER:
		linger(c);
		break;
	case CONN_DEAD:
		break;
	}
}

struct conn *
conn_new(struct shard *s, enum conf_service service, int fd, const char *peer)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->shard = s;
	c->service = service;
	c->fd = fd;
	c->session_fd = -1;
	(void)strncat(c->peer, peer, sizeof c->peer - 1);
	buf_init(&c->in, BACKLOG_MAX);
	buf_init(&c->out, BACKLOG_MAX);
	return c;
}

void
conn_refuse(struct conn *c)
{
	struct buf out;

	buf_init(&out, 1024);
	c->shard->l->o.proto->bye(
	    NULL, "too many connections, try again later", &out);
	if (!conf_service_tls(c->service))
		(void)send(c->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_fini(&out);
	(void)shutdown(c->fd, SHUT_WR);
	io_close(&c->fd);
	free(c);
}

void
conn_start(struct conn *c)
{
	struct shard *s = c->shard;
	struct front_opts o = front_opts(c, false);
	struct buf out;

	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	c->deadline = clk_mono() + HANDSHAKE_MS;
	shard_sweep_soon(s);
	c->watch = EPOLLIN;
	c->ev = ev_add(s->loop, c->fd, EPOLLIN, conn_event, c);
	if (conf_service_tls(c->service)) {
		c->state = CONN_HANDSHAKE;
		wire_start_tls(c);
		return;
	}
	c->state = CONN_FRONT;
	not_idle(c);
	buf_init(&out, 4096);
	c->front = s->l->o.proto->open(&o, &out);
	if (!wire_write(c, out.p, out.n))
		conn_kill(c);
	buf_fini(&out);
}
