#include "cmd/run/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/tally.h"
#include "base/trace.h"
#include "cmd/build.h"

static void on_control(struct line *l, struct msg *m, void *arg);
static void on_control_eof(struct line *l, void *arg);

void
child_die(struct child *c, const char *what, const struct err *err)
{
	(void)c;
	mlog(LOG_ERROR, what, "error=\"%s\"", err->text);
	_exit(1);
}

static void
broken(const char *what)
{
	mlog(LOG_ERROR, "boot.broken", "what=%s", what);
	_exit(1);
}

/* Parses the configuration out of a descriptor; the supervisor has done so
 * before, so an error here is a bug or an attack. */
static struct conf *
conf_from_fd(int fd, const char *name)
{
	struct conf_errors errors;
	struct conf *conf = NULL;
	struct buf text;
	struct stat st;
	char *p;

	buf_init(&text, CONF_FILE_MAX);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > CONF_FILE_MAX ||
	    (p = buf_reserve(&text, (size_t)st.st_size)) == NULL ||
	    io_pread_all(fd, p, (size_t)st.st_size, 0) != RC_OK)
		broken("configuration");
	else
		buf_added(&text, (size_t)st.st_size);
	io_close(&fd);
	if (conf_parse(buf_sv(&text), name, &conf, &errors) != RC_OK)
		broken("configuration");
	buf_fini(&text);
	return conf;
}

static void
read_boot(struct child *c, struct msg *m)
{
	char build[64];
	enum log_level level;
	bool journal;

	msg_get_str(m, build, sizeof build);
	if (m->type != CTL_BOOT || !sv_eq(sv_str(build), SV(HM_BUILD)))
		broken("build");
	c->role = (enum role)msg_get_u8(m);
	c->generation = msg_get_u32(m);
	c->account = msg_get_u32(m);
	msg_get_str(m, c->account_name, sizeof c->account_name);
	c->walls.off = msg_get_u8(m) != 0;
	c->walls.landlock_max = (int)msg_get_u32(m);
	c->walls.kill_unknown = msg_get_u8(m) != 0;
	c->walls.change_user = msg_get_u8(m) != 0;
	c->walls.uid = msg_get_u32(m);
	c->walls.gid = msg_get_u32(m);
	c->probe = msg_get_u8(m) != 0;
	msg_get_str(m, c->folder, sizeof c->folder);
	msg_get_str(m, c->other, sizeof c->other);
	level = (enum log_level)msg_get_u8(m);
	journal = msg_get_u8(m) != 0;
	clk_set_offset((int64_t)msg_get_u64(m));
	c->conf_now = conf_from_fd(msg_take_fd(m), "configuration");
	if (c->role < ROLE_COUNT && role_info[c->role].services != 0) {
		c->cert_fd = msg_take_fd(m);
		c->key_fd = msg_take_fd(m);
	}
	if (msg_get_u8(m) != 0)
		tally_use(msg_take_fd(m));
	if (msg_end(m) != RC_OK || c->role >= ROLE_COUNT)
		broken("first message");
	log_setup(role_info[c->role].name, level);
	log_set_journal(journal);
	log_set_json(c->conf_now->log_json);
}

/* Whose line is this?  ROLE_COUNT: none of ours. */
static void
remember_line(struct child *c, int fd, enum role role)
{
	while (fd >= c->nline_role) {
		c->line_role =
		    xreallocarray(c->line_role, (size_t)c->nline_role + 1, 1);
		c->line_role[c->nline_role++] = ROLE_COUNT;
	}
	if (fd >= 0)
		c->line_role[fd] = (uint8_t)role;
}

/* The supervisor ends who sent us what it may not. */
static void
accuse(int fd, void *arg)
{
	struct child *c = arg;
	struct msg m;

	if (fd >= c->nline_role || c->line_role[fd] == ROLE_COUNT)
		return; /* a command's */
	msg_init(&m, CTL_ACCUSE);
	msg_put_u8(&m, c->line_role[fd]);
	child_tell(c, &m);
}

void
child_boot(struct child *c, int control_fd, const struct child_ops *ops)
{
	struct msg m;

	c->control_fd = control_fd;
	c->cert_fd = c->key_fd = -1;
	c->ops = ops;
	(void)fcntl(control_fd, F_SETFD, FD_CLOEXEC);
	/* Only the supervisor is stopped from a terminal. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	must(sodium_init() >= 0);
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	if (line_recv_fd(control_fd, &m) != RC_OK)
		_exit(0); /* the supervisor is gone */
	read_boot(c, &m);
	msg_fini(&m);
	/* Sockets and the word that the first lines are complete. */
	for (;;) {
		if (line_recv_fd(control_fd, &m) != RC_OK)
			_exit(0);
		if (m.type != CTL_LISTEN || c->nsock == CHILD_SOCKETS)
			break;
		c->sock[c->nsock].service = (enum conf_service)msg_get_u8(&m);
		c->sock[c->nsock++].fd = msg_take_fd(&m);
		msg_fini(&m);
	}
	if (m.type != CTL_READY)
		broken("socket list");
	msg_fini(&m);
	c->loop = ev_loop_new();
	line_set_judge(accuse, c);
}

/* All of a sealed file that the supervisor has given. */
static int
read_sealed(int fd, struct buf *out, struct err *err)
{
	struct stat st;
	char *p;

	buf_init(out, 1 << 20);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > 1 << 20 ||
	    (p = buf_reserve(out, (size_t)st.st_size)) == NULL ||
	    io_pread_all(fd, p, (size_t)st.st_size, 0) != RC_OK)
		return err_set(err, RC_IO, "certificate and key did not come");
	buf_added(out, (size_t)st.st_size);
	return RC_OK;
}

struct tls_ctx *
child_tls(struct child *c)
{
	struct buf cert, key;
	struct tls_ctx *ctx = NULL;
	struct err err = {0};
	int r;

	tls_library_setup();
	buf_init(&key, 0);
	r = read_sealed(c->cert_fd, &cert, &err);
	if (r == RC_OK)
		r = read_sealed(c->key_fd, &key, &err);
	if (r == RC_OK)
		r = tls_ctx_new(buf_sv(&cert), buf_sv(&key), &ctx, &err);
	if (r != RC_OK)
		child_die(c, "tls.unusable", &err);
	io_close(&c->cert_fd);
	io_close(&c->key_fd);
	buf_wipe(&key);
	buf_fini(&cert);
	return ctx;
}

void
child_enter(struct child *c, const struct sandbox_profile *p)
{
	struct err err = {0};

	if (sandbox_enter(p, &c->walls, c->folder, &err) != RC_OK)
		child_die(c, "sandbox.fail", &err);
	mlog(LOG_INFO, "sandbox", "%s%s%sholds=\"%s\"",
	    c->account_name[0] != '\0' ? "account=" : "", c->account_name,
	    c->account_name[0] != '\0' ? " " : "", err.text);
	if (c->probe)
		sandbox_probe(p, c->other[0] != '\0' ? c->other : NULL);
}

void
child_no_more_threads(struct child *c)
{
	struct err err = {0};

	if (sandbox_no_more_threads(&c->walls, &err) != RC_OK)
		child_die(c, "sandbox.fail", &err);
}

struct conf *
child_conf(struct child *c)
{
	struct conf *conf;

	pthread_mutex_lock(&c->lock);
	conf = conf_ref(c->conf_now);
	pthread_mutex_unlock(&c->lock);
	return conf;
}

static void
swap_conf(struct child *c, struct msg *m)
{
	uint32_t generation = msg_get_u32(m);
	struct conf *fresh = conf_from_fd(msg_take_fd(m), "configuration");
	struct conf *old;

	pthread_mutex_lock(&c->lock);
	old = c->conf_now;
	c->conf_now = fresh;
	c->generation = generation;
	pthread_mutex_unlock(&c->lock);
	conf_free(&old);
	log_set_json(fresh->log_json);
	if (c->ops->conf != NULL)
		c->ops->conf(c);
}

static void
take_line(struct child *c, struct msg *m)
{
	enum role role = (enum role)msg_get_u8(m);
	char account[CONF_NAME_MAX];
	int fd;

	msg_get_str(m, account, sizeof account);
	fd = msg_take_fd(m);
	if (fd < 0 || m->bad || role >= ROLE_COUNT) {
		io_close(&fd);
		return;
	}
	remember_line(c, fd, role);
	c->ops->line(c, role, account, fd);
}

struct recent {
	struct msg m;
	uint32_t n;
};

static void
put_recent(void *arg, enum log_level level, int64_t when, const char *text)
{
	struct recent *r = arg;

	msg_put_u8(&r->m, (uint8_t)level);
	msg_put_u64(&r->m, (uint64_t)when);
	msg_put_str(&r->m, text);
	r->n++;
}

static void
say_status(struct child *c)
{
	struct recent r = {.n = 0};
	struct buf text;
	struct msg m;
	int t;

	buf_init(&text, 16384);
	msg_init(&r.m, 0);
	log_recent(put_recent, &r);
	msg_init(&m, CTL_STATUS);
	msg_put_u32(&m, c->ops->status != NULL ? c->ops->status(c, &text) : 0);
	msg_put_sv(&m, buf_sv(&text));
	msg_put_u32(&m, TALLIES);
	for (t = 0; t < TALLIES; t++)
		msg_put_u64(&m, tally_day((enum tally)t));
	msg_put_u32(&m, r.n);
	buf_addsv(&m.b, buf_sv(&r.m.b));
	msg_fini(&r.m);
	buf_fini(&text);
	child_tell(c, &m);
}

static void
set_debug(struct msg *m)
{
	uint8_t level = msg_get_u8(m);
	struct sv what = msg_get_sv(m);
	uint64_t ms = msg_get_u64(m);

	if (msg_end(m) != RC_OK)
		return;
	if (level <= LOG_DEBUG)
		log_set_level((enum log_level)level);
	else
		trace_set(what, (int64_t)ms);
}

static void
say_alive(void *arg)
{
	struct child *c = arg;
	struct msg m;

	msg_init(&m, CTL_ALIVE);
	child_tell(c, &m);
}

void
child_alive(struct child *c)
{
	ev_post(c->loop, say_alive, c);
}

static void
on_control(struct line *l, struct msg *m, void *arg)
{
	struct child *c = arg;

	(void)l;
	if (m->type == CTL_STATUS)
		say_status(c);
	else if (m->type == CTL_LINE)
		take_line(c, m);
	else if (m->type == CTL_CONFIG)
		swap_conf(c, m);
	else if (m->type == CTL_ALIVE && c->ops->alive != NULL)
		c->ops->alive(c);
	else if (m->type == CTL_ALIVE)
		say_alive(c);
	else if (m->type == CTL_DEBUG)
		set_debug(m);
	else if (m->type == CTL_LET_IN && c->ops->let_in != NULL)
		c->ops->let_in(c);
	else if (m->type == CTL_DRAIN && c->ops->drain != NULL)
		c->ops->drain(c, (int64_t)msg_get_u64(m));
	else if (m->type == CTL_DRAIN)
		child_stop(c, 0);
	else if (c->ops->control != NULL) {
		if (m->type == CTL_CONTROL && m->nfd > 0)
			remember_line(c, m->fd[0], ROLE_COUNT);
		c->ops->control(c, m);
	}
}

/* The supervisor is gone: flush and leave. */
static void
on_control_eof(struct line *l, void *arg)
{
	struct child *c = arg;

	line_free(&l);
	c->control = NULL;
	child_stop(c, 0);
}

void
child_stop(struct child *c, int exit_code)
{
	c->exit_code = exit_code;
	ev_stop(c->loop);
}

static void
stop(void *arg)
{
	child_stop(arg, 0);
}

void
child_stop_soon(void *arg)
{
	struct child *c = arg;

	ev_post(c->loop, stop, c);
}

void
child_tell(struct child *c, struct msg *m)
{
	if (c->control != NULL)
		line_tell(c->control, m);
	msg_fini(m);
}

int
child_serve(struct child *c)
{
	struct msg m;

	c->control =
	    line_new(c->loop, c->control_fd, on_control, on_control_eof, c);
	msg_init(&m, CTL_READY);
	child_tell(c, &m);
	alloc_trim();
	ev_run(c->loop);
	return c->exit_code;
}
