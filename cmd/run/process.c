#include "cmd/run/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/trace.h"
#include "cmd/build.h"
#include "cmd/run/certs.h"
#include "cmd/run/day.h"
#include "ipc/msg_control.h"
#include "net/sni.h"

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
	struct ctl_boot b;

	if (m->type != CTL_BOOT || !ctl_boot_is_of(m, SV(HM_BUILD)))
		broken("build");
	if (ctl_boot_get(m, &b) != RC_OK || b.role >= ROLE_COUNT ||
	    (role_info[b.role].services != 0 && !b.has_tls))
		broken("first message");
	c->role = (enum role)b.role;
	c->generation = b.generation;
	c->account = b.account;
	sv_copy(b.account_name, c->account_name, sizeof c->account_name);
	c->walls.off = b.sandbox_off;
	c->walls.landlock_max = (int)b.landlock_max;
	c->walls.kill_unknown = b.kill_unknown;
	c->walls.change_user = b.change_user;
	c->walls.uid = b.uid;
	c->walls.gid = b.gid;
	c->probe = b.probe;
	sv_copy(b.folder, c->folder, sizeof c->folder);
	sv_copy(b.other, c->other, sizeof c->other);
	clk_set_offset(b.clock_offset);
	c->conf_now = conf_from_fd(b.conf, "configuration");
	c->certs_fd = b.certs;
	if (b.has_tally)
		tally_use(b.tally);
	log_setup(role_info[c->role].name, (enum log_level)b.level);
	log_set_journal(b.journal);
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
	struct ctl_accuse who;
	struct msg m;

	if (fd >= c->nline_role || c->line_role[fd] == ROLE_COUNT)
		return; /* a command's */
	who.role = c->line_role[fd];
	msg_init(&m, CTL_ACCUSE);
	ctl_accuse_put(&m, &who);
	child_tell(c, &m);
}

void
child_boot(struct child *c, int control_fd, const struct child_ops *ops)
{
	struct ctl_listen socket;
	struct msg m;

	c->control_fd = control_fd;
	c->certs_fd = -1;
	c->ops = ops;
	(void)fcntl(control_fd, F_SETFD, FD_CLOEXEC);
	/* Only the supervisor is stopped from a terminal. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* Behind the walls there is no such file; without one the status has no
	 * figure. */
	c->memory_fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
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
		if (ctl_listen_get(&m, &socket) != RC_OK)
			broken("socket");
		c->sock[c->nsock].service = (enum conf_service)socket.service;
		c->sock[c->nsock++].fd = socket.fd;
		msg_fini(&m);
	}
	if (m.type != CTL_READY)
		broken("socket list");
	msg_fini(&m);
	c->loop = ev_loop_new();
	line_set_judge(accuse, c);
}

struct tls_ctx *
child_tls(struct child *c)
{
	struct certs_one own = {.domain = SV("?")};
	struct tls_ctx *ctx = NULL;
	struct err err = {0};
	struct sv rest;
	int r;

	tls_library_setup();
	r = certs_read(c->certs_fd, &c->certs, &err);
	rest = buf_sv(&c->certs);
	if (r == RC_OK && (!certs_next(&rest, &own) || own.domain.n > 0))
		r = err_set(&err, RC_SYNTAX, "there is no certificate");
	if (r == RC_OK)
		r = tls_ctx_new(own.cert, own.key, &ctx, &err);
	if (r != RC_OK)
		child_die(c, "tls.unusable", &err);
	io_close(&c->certs_fd);
	return ctx;
}

struct sni *
child_domain_tls(struct child *c, struct tls_ctx *first, bool web)
{
	struct sni *all = web ? sni_new(first) : NULL;
	struct sv rest = buf_sv(&c->certs);
	char id[CERT_ID_MAX];
	struct certs_one one;
	struct err err;

	while (certs_next(&rest, &one)) {
		if (one.domain.n == 0)
			continue;
		if (all == NULL)
			all = sni_new_mail(first);
		(void)snprintf(
		    id, sizeof id, "%s%.*s", CERT_ID_FILES, SV_ARG(one.domain));
		if (sni_set(all, sv_str(id), one.cert, one.key, &err) != RC_OK)
			mlog(LOG_WARN, "tls.domain", "domain=%.*s error=\"%s\"",
			    SV_ARG(one.domain), err.text);
	}
	buf_wipe(&c->certs);
	return all;
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

unsigned
child_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 8 ? 8 : (unsigned)n;
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
	struct ctl_config said;
	struct conf *fresh, *old;

	if (ctl_config_get(m, &said) != RC_OK)
		broken("configuration");
	fresh = conf_from_fd(said.fd, "configuration");
	pthread_mutex_lock(&c->lock);
	old = c->conf_now;
	c->conf_now = fresh;
	c->generation = said.generation;
	pthread_mutex_unlock(&c->lock);
	conf_free(&old);
	log_set_json(fresh->log_json);
	if (c->ops->conf != NULL)
		c->ops->conf(c);
}

static void
take_line(struct child *c, struct msg *m)
{
	char account[CTL_NAME_MAX];
	struct ctl_line said;

	if (ctl_line_get(m, &said) != RC_OK)
		return;
	if (said.role >= ROLE_COUNT) {
		ctl_line_fini(&said);
		return;
	}
	sv_copy(said.account, account, sizeof account);
	remember_line(c, said.fd, (enum role)said.role);
	c->ops->line(c, (enum role)said.role, account, said.fd);
}

/* Those that are not 0; how many. */
static uint32_t
count_all(struct child *c, struct status_number out[NUMBERS])
{
	uint64_t n[NUMBERS] = {0};
	uint32_t i, used = 0;

	if (c->ops->numbers != NULL)
		c->ops->numbers(c, n);
	for (i = 0; i < LATENCIES; i++)
		latency_get(
		    (enum latency)i, n + NUMBER_LATENCY + i * LATENCY_NUMBERS);
	for (i = 0; i < NUMBERS; i++)
		if (n[i] > 0)
			out[used++] = (struct status_number){(uint16_t)i, n[i]};
	return used;
}

static uint64_t
memory_now(const struct child *c)
{
	char text[2048];
	ssize_t n =
	    c->memory_fd >= 0 ? pread(c->memory_fd, text, sizeof text, 0) : -1;
	struct sv rest = n > 0 ? sv_of(text, (size_t)n) : SV("");
	uint64_t kb;

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		if (!sv_starts(line, SV("Pss:")))
			continue;
		line = sv_trim(sv_skip(line, 4));
		if (sv_to_u64(sv_first(line, sv_chr(line, ' ')), 1ull << 40,
			&kb) == RC_OK)
			return kb * 1024;
	}
	return 0;
}

_Static_assert(NUMBERS <= STATUS_NUMBERS_MAX, "msg_control.h");

static void
say_status(struct child *c)
{
	struct status_number number[NUMBERS];
	struct ctl_status st = {.number = number};
	struct buf text;
	struct day day;
	struct msg m;

	buf_init(&text, 16384);
	if (c->ops->status != NULL)
		st.connections = c->ops->status(c, &text);
	st.text = buf_sv(&text);
	st.nnumber = count_all(c, number);
	st.memory = memory_now(c);
	day_init(&day);
	st.day = day.said;
	msg_init(&m, CTL_STATUS);
	ctl_status_put(&m, &st);
	day_fini(&day);
	buf_fini(&text);
	child_tell(c, &m);
}

static void
set_debug(struct msg *m)
{
	struct ctl_debug d;

	if (ctl_debug_get(m, &d) != RC_OK)
		return;
	if (d.level <= LOG_DEBUG)
		log_set_level((enum log_level)d.level);
	else
		trace_set(d.what, (int64_t)d.ms);
}

static void
on_drain(struct child *c, struct msg *m)
{
	struct ctl_drain d;

	if (c->ops->drain == NULL)
		child_stop(c, 0);
	else if (ctl_drain_get(m, &d) == RC_OK)
		c->ops->drain(c, (int64_t)d.ms);
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
	else if (m->type == CTL_DRAIN)
		on_drain(c, m);
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
child_wake(struct child *c, enum role role)
{
	const struct ctl_wake said = {(uint8_t)role};
	struct msg m;

	msg_init(&m, CTL_WAKE);
	ctl_wake_put(&m, &said);
	child_tell(c, &m);
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
