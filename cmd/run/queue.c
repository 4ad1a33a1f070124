/* The queue's process: the spool's folder, no network. */
#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/run/process.h"
#include "ipc/msg_history.h"
#include "ipc/proto.h"
#include "queue/spool/service.h"

static const struct sandbox_profile walls = {.name = "queue",
    .files = SANDBOX_FILES_WRITE,
    .memfd = true,
    .lends = true,
    .file_max = SANDBOX_ANY_SIZE};

#define PASSWORD_MAX	1024
#define FIRST_SAMPLE_MS 5000
#define SAMPLE_MS	(15 * 60 * 1000)

struct state {
	struct child child;
	struct queue_service *queue;
	struct conf *conf; /* whose relays the passwords are of */
	struct history *history;
	char **password; /* one for each relay, or NULL */
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_KEEPER)
		queue_service_set_keeper(st->queue, fd);
	else if (role == ROLE_AUTH)
		queue_service_set_auth(st->queue, fd);
	else if (role == ROLE_MX)
		queue_service_set_mx(st->queue, fd);
	else if (role == ROLE_HISTORY)
		history_connect(st->history, fd);
	else if (role == ROLE_ADMIN)
		queue_service_add_command(st->queue, fd);
	else
		queue_service_add_client(
		    st->queue, fd, role == ROLE_SUBMISSION);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_relays(const struct conf *a, const struct conf *b)
{
	size_t i;

	if (a->nrelay != b->nrelay)
		return false;
	for (i = 0; i < a->nrelay; i++) {
		const struct conf_relay *x = &a->relay[i], *y = &b->relay[i];

		if (!same_text(x->domain, y->domain) ||
		    !same_text(x->host, y->host) ||
		    !same_text(x->user, y->user) ||
		    !same_text(x->password_file, y->password_file) ||
		    x->port != y->port || x->tls != y->tls ||
		    x->implicit_tls != y->implicit_tls ||
		    x->fallback != y->fallback)
			return false;
	}
	return true;
}

/* Where mail goes and the passwords for it are settled at the start, before
 * the walls are up: when they change, a new process takes over. */
static void
on_conf(struct child *c)
{
	struct state *st = c->arg;

	if (st->conf->nrelay > 0 || c->conf_now->nrelay > 0)
		if (!same_relays(st->conf, c->conf_now))
			child_stop(c, 0);
}

static void
on_control(struct child *c, struct msg *m)
{
	struct state *st = c->arg;
	int fd;

	if (m->type == CTL_CONTROL && (fd = msg_take_fd(m)) >= 0)
		queue_service_add_command(st->queue, fd);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	struct state *st = c->arg;

	if (st->queue != NULL)
		queue_service_status(st->queue, text);
	return 0;
}

static void
on_numbers(struct child *c, uint64_t n[NUMBERS])
{
	struct state *st = c->arg;

	if (st->queue != NULL)
		queue_service_count(st->queue, n + NUMBER_QUEUE);
}

static const struct child_ops ops = {.status = on_status,
    .numbers = on_numbers,
    .line = on_line,
    .conf = on_conf,
    .control = on_control};

static void
on_broken(void *arg)
{
	child_stop(arg, 1);
}

/* What there is now, for plots. */
static void
sample(void *arg)
{
	struct state *st = arg;
	struct history_sample now = {
	    .waiting = queue_service_waiting(st->queue)};
	struct statvfs v;
	struct msg m;

	if (statvfs(".", &v) == 0)
		now.disk_free = (uint64_t)v.f_bavail * v.f_frsize;
	msg_init(&m, HISTORY_SAMPLE);
	history_sample_put(&m, &now);
	history_tell(st->history, &m);
	(void)ev_timer_add(st->child.loop, SAMPLE_MS, sample, st);
}

static struct conf *
conf_now(void *arg)
{
	return child_conf(arg);
}

static const char *
password_of(void *arg, const struct conf_relay *relay)
{
	struct child *c = arg;
	struct state *st = c->arg;
	size_t i;

	for (i = 0; i < st->conf->nrelay; i++) {
		const struct conf_relay *r = &st->conf->relay[i];

		if (same_text(r->domain, relay->domain) &&
		    same_text(r->host, relay->host) && r->port == relay->port &&
		    same_text(r->user, relay->user))
			return st->password[i];
	}
	return NULL;
}

/* If one is missing, all other mail is sent nevertheless. */
static void
read_passwords(struct state *st)
{
	struct err err = {.text = ""};
	struct buf text;
	size_t i;

	st->password = xcalloc(st->conf->nrelay + 1, sizeof *st->password);
	for (i = 0; i < st->conf->nrelay; i++) {
		const struct conf_relay *r = &st->conf->relay[i];

		if (r->password_file == NULL)
			continue;
		buf_init(&text, PASSWORD_MAX);
		if (io_read_file(r->password_file, &text, &err) != RC_OK)
			mlog(LOG_ERROR, "relay.password",
			    "host=%s text=\"%s; mail for this host waits\"",
			    r->host, err.text);
		else
			st->password[i] = sv_dup(sv_trim(buf_sv(&text)));
		buf_wipe(&text);
	}
}

int
run_queue(int control_fd)
{
	struct state st = {.queue = NULL};
	struct child *c = &st.child;
	struct queue_service_opts o = {.broken = on_broken,
	    .conf = conf_now,
	    .password = password_of,
	    .arg = c};
	struct err err;
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	st.conf = conf_ref(c->conf_now);
	read_passwords(&st);
	child_enter(c, &walls);
	o.loop = c->loop;
	o.history = st.history = history_new(c->loop);
	if (queue_service_new(&o, &st.queue, &err) != RC_OK)
		child_die(c, "queue.start", &err);
	(void)ev_timer_add(c->loop, FIRST_SAMPLE_MS, sample, &st);
	code = child_serve(c);
	queue_service_free(&st.queue);
	history_flush(st.history);
	return code;
}
