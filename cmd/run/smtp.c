/* Port 25 and submission: sockets in, TLS, lines; no files, no connection
 * out.  Submission asks auth; port 25 has no line to it. */
#include <stdlib.h>
#include <unistd.h>

#include "cmd/run/process.h"
#include "ipc/msg_account.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"
#include "mime/mime.h"
#include "smtp/backend.h"
#include "smtp/listed.h"
#include "smtp/server.h"

struct state {
	struct child child;
	struct smtp_backend backend;
	struct smtp_server *server;
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_KEEPER)
		peer_connect(st->backend.keeper, fd);
	else if (role == ROLE_QUEUE)
		peer_connect(st->backend.queue, fd);
	else if (role == ROLE_DNS)
		peer_connect(st->backend.dns, fd);
	else if (role == ROLE_REPORT && st->backend.report != NULL)
		peer_connect(st->backend.report, fd);
	else if (role == ROLE_HISTORY)
		history_connect(st->backend.history, fd);
	else if (role == ROLE_AUTH && st->backend.auth != NULL)
		peer_connect(st->backend.auth, fd);
	else
		(void)close(fd);
}

static struct smtp_limits
limits_of(const struct conf *conf)
{
	struct smtp_limits l = SMTP_LIMITS_DEFAULT;

	l.message_size = conf->limits.message_size;
	l.recipients = conf->limits.recipients;
	l.connections = conf->limits.connections;
	l.connections_per_peer = conf->limits.connections_per_peer;
	l.errors = conf->limits.errors;
	l.messages_per_hour = conf->limits.messages_per_hour;
	l.loopback = conf->limits.loopback;
	return l;
}

static void
on_control(struct child *c, struct msg *m)
{
	struct state *st = c->arg;
	struct ctl_clamd said;

	if (m->type == CTL_CLAMD && ctl_clamd_get(m, &said) == RC_OK)
		smtp_scans_take(&st->backend.scans, said.fd);
}

/* From any thread. */
static void
ask_clamd(void *arg)
{
	struct msg m;

	msg_init(&m, CTL_CLAMD);
	child_tell(arg, &m);
}

static void
on_conf(struct child *c)
{
	struct state *st = c->arg;
	struct smtp_limits l = limits_of(c->conf_now);

	smtp_server_set_limits(st->server, &l);
}

static void
on_drain(struct child *c, int64_t ms)
{
	struct state *st = c->arg;

	smtp_server_drain(st->server, ms, child_stop_soon, c);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	struct state *st = c->arg;

	smtp_listed_status(text);
	return st->server != NULL ? smtp_server_count(st->server) : 0;
}

static void
on_let_in(struct child *c)
{
	struct state *st = c->arg;

	smtp_server_start(st->server);
}

static const struct child_ops ops = {.status = on_status,
    .let_in = on_let_in,
    .line = on_line,
    .conf = on_conf,
    .control = on_control,
    .drain = on_drain};

static struct conf *
conf_now(void *arg)
{
	return child_conf(arg);
}

/* The keeper tells who is full; a new one begins with nobody. */
static void
on_keeper(struct line *l, struct msg *m, void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;
	char account[ACCOUNT_NAME_MAX];
	struct account_full f;

	(void)l;
	if (m->type != ACCOUNT_FULL || account_full_get(m, &f) != RC_OK)
		return;
	sv_copy(f.account, account, sizeof account);
	smtp_backend_set_full(&st->backend, account, f.full);
}

static void
on_keeper_up(void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;

	smtp_backend_forget_full(&st->backend);
}

/* People here have written to somebody new. */
static void
on_queue(struct line *l, struct msg *m, void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;

	(void)l;
	if (m->type == QUEUE_KNOWN_NEWS)
		smtp_knows_forget(&st->backend.knows);
}

static void
on_queue_up(void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;

	smtp_knows_forget(&st->backend.knows);
}

static void
on_dns_up(void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;

	dns_asker_forget(st->backend.names);
}

/* Auth tells whose sessions are over. */
static void
on_auth(struct line *l, struct msg *m, void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;
	char account[ACCOUNT_NAME_MAX];
	struct session_kick k;

	(void)l;
	if (m->type != AUTH_KICK || session_kick_get(m, &k) != RC_OK)
		return;
	sv_copy(k.account, account, sizeof account);
	smtp_server_kick(st->server, account, k.credential);
}

/* From any thread. */
static void
wake_report(void *arg)
{
	child_wake(arg, ROLE_REPORT);
}

/* Tests do not wait for 20 minutes. */
static uint32_t
test_unscanned(void)
{
	const char *text = getenv("HEARTHMAIL_TEST_UNSCANNED");
	uint32_t ms = 0;

	return sv_to_u32(sv_str(text), 3600000, &ms) == RC_OK ? ms : 0;
}

static int
run(int control_fd, bool submission)
{
	struct sandbox_profile walls = {
	    .name = submission ? "submission" : "smtp",
	    .threads = SANDBOX_THREADS_MANY,
	    .accepts = true,
	    .memfd = true};
	/* Large, and mostly not written to: on the stack all of it would be. */
	static struct state st = {
	    .backend = {.keys = {.lock = PTHREAD_MUTEX_INITIALIZER},
		.full = {.lock = PTHREAD_MUTEX_INITIALIZER}}};
	struct child *c = &st.child;
	struct smtp_server_opts o = {.submission = submission,
	    .ops = &smtp_backend_ops,
	    .ctx = &st.backend};
	unsigned i;
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	smtp_feedback_memory_init(&st.backend.feedback);
	smtp_knows_init(&st.backend.knows);
	smtp_scans_init(&st.backend.scans);
	st.backend.scans.unscanned->hurry_ms = test_unscanned();
	st.backend.ask_clamd = ask_clamd;
	o.tls = child_tls(c);
	(void)child_domain_tls(c, o.tls, false);
	o.hostname = conf_ref(c->conf_now)->hostname;
	o.limits = limits_of(c->conf_now);
	walls.file_max = conf_message_max(c->conf_now);
	mime_charset_setup(); /* for subjects in the history */
	child_enter(c, &walls);
	st.backend.keeper =
	    peer_new(c->loop, "keeper", on_keeper, on_keeper_up, c);
	st.backend.queue = peer_new(c->loop, "queue", on_queue, on_queue_up, c);
	st.backend.dns = peer_new(c->loop, "dns", NULL, on_dns_up, c);
	if (!submission) {
		st.backend.standing = smtp_standing_new();
		st.backend.report = peer_new(c->loop, "report", NULL, NULL, c);
		st.backend.wake_report = wake_report;
	}
	st.backend.history = history_new(c->loop);
	st.backend.gate = history_gate_new();
	if (submission)
		st.backend.auth = peer_new(c->loop, "auth", on_auth, NULL, c);
	st.backend.names = dns_asker_new(st.backend.dns);
	st.backend.conf = conf_now;
	st.backend.arg = c;
	st.server = smtp_server_new(&o);
	for (i = 0; i < c->nsock; i++)
		smtp_server_add(st.server, c->sock[i].fd,
		    conf_service_tls(c->sock[i].service));
	code = child_serve(c);
	history_flush(st.backend.history);
	return code;
}

int
run_smtp(int control_fd)
{
	return run(control_fd, false);
}

int
run_submission(int control_fd)
{
	return run(control_fd, true);
}
