#include "cmd/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/lost.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/exit_code.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/datadir.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/preflight.h"
#include "cmd/supervisor/published.h"
#include "cmd/supervisor/schedule.h"
#include "cmd/supervisor/sd_notify.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_answer.h"

#define CERT_POLL_MS 5000
#define LOCK_MS	     1000
#define LAND_MS	     4000 /* mail that a host is about to take */
#define LAND_MORE_MS 500
#define STOP_MS	     5000
#define WATCH_MS     60000 /* twice that, and who does not answer is killed */

/* A text as a sealed memory file, for the children. */
static int
seal(const char *name, struct sv text)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && io_write_all(fd, text.p, text.n) == RC_OK);
	(void)fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
}

/* Until the server runs, somebody watches its start; then the log is events. */
static void
tell_errors(const struct super *s, const struct conf_errors *errors)
{
	char q[LOG_Q_MAX];
	struct buf out;
	size_t i;

	if (s->conf == NULL) {
		buf_init(&out, 65536);
		conf_errors_print(errors, s->o->config, &out);
		(void)!io_write_all(2, out.p, out.n);
		buf_fini(&out);
		return;
	}
	for (i = 0; i < errors->n && i < CONF_ERRORS_MAX; i++)
		mlog(LOG_ERROR, "reload.error",
		    "file=%s line=%u column=%u text=%s", s->o->config,
		    errors->e[i].line, errors->e[i].column,
		    log_q(q, sv_str(errors->e[i].text)));
}

static int
load(struct super *s, struct conf **conf_out, int *fd_out, struct err *err)
{
	struct conf_errors errors;
	struct buf text;
	int r;

	buf_init(&text, CONF_FILE_MAX);
	r = conf_load(s->o->config, &text, conf_out, &errors);
	if (r == RC_OK) {
		*fd_out = seal("configuration", buf_sv(&text));
	} else {
		tell_errors(s, &errors);
		(void)err_set(err, RC_SYNTAX, "%s:%u:%u: %s", s->o->config,
		    errors.e[0].line, errors.e[0].column, errors.e[0].text);
	}
	buf_fini(&text);
	return r;
}

static void
show_certificate(struct super *s, const struct buf *cert, const struct buf *key)
{
	io_close(&s->cert_fd);
	io_close(&s->key_fd);
	s->cert_fd = seal("certificate", buf_sv(cert));
	s->key_fd = seal("key", buf_sv(key));
}

/* Takes up the configured certificate, if it fits. */
static int
take_certificate(struct super *s, const struct conf *conf, struct err *err)
{
	/* Before reading: a change behind it is seen next time. */
	uint64_t stamp = certificate_stamp(conf);
	struct buf cert, key;
	int r;

	buf_init(&cert, 1 << 20);
	buf_init(&key, 1 << 20);
	r = certificate_load(conf, &cert, &key, err);
	if (r == RC_OK) {
		show_certificate(s, &cert, &key);
		certificate_keep(conf, buf_sv(&cert), buf_sv(&key));
		s->cert_stamp = stamp;
		s->cert_trouble[0] = '\0';
		s->port25_only = false;
	}
	buf_wipe(&key);
	buf_fini(&cert);
	return r;
}

/* Other hosts do not look who has signed our certificate, so that port 25 has
 * always one. */
static int
take_substitute(struct super *s, const char *why, struct err *err)
{
	bool for_clients = false;
	struct buf cert, key;
	int r;

	buf_init(&cert, 4 << 20);
	buf_init(&key, 4 << 20);
	r = certificate_substitute(s->conf, &cert, &key, &for_clients, err);
	if (r == RC_OK) {
		show_certificate(s, &cert, &key);
		s->port25_only = !for_clients;
		s->cert_told = certificate_stamp(s->conf);
		s->cert_stamp = ~s->cert_told;
		(void)snprintf(s->cert_trouble, sizeof s->cert_trouble,
		    "%.290s; %s until this is fixed; no reload is "
		    "needed",
		    why,
		    for_clients ? "the last good one is used"
				: "port 25 serves, imap, pop3 and submission "
				  "do not");
		mlog(LOG_ERROR, "tls.unusable", "text=\"%s\"", s->cert_trouble);
	}
	buf_wipe(&key);
	buf_wipe(&cert);
	return r;
}

static unsigned
services_now(const struct super *s)
{
	return s->port25_only ? SOCKETS_BARE : SOCKETS_ALL;
}

/* Puts the place before what was wrong with it. */
static int
at_place(const struct conf *conf, struct conf_place at, int r, struct err *err)
{
	struct err plain = *err;
	char place[CONF_PLACE_MAX];

	if (r != RC_OK && at.line > 0)
		(void)err_set(err, r, "%s%s", conf_place_print(conf, at, place),
		    plain.text);
	return r;
}

static int
check_certificate(const struct conf *conf, struct err *err)
{
	int r = certificate_load(conf, NULL, NULL, err);

	if (r != RC_OK && conf->tls_certificate != NULL) {
		look_explain(LOOK_READ, conf->tls_certificate, err);
		if (strstr(err->text, conf->tls_certificate) == NULL)
			look_explain(LOOK_READ, conf->tls_key, err);
	}
	return at_place(conf, certificate_place(conf), r, err);
}

static int
check_name_service(const struct conf *conf, struct err *err)
{
	int r = name_service_check(conf, err);

	return at_place(conf, name_service_place(conf, err), r, err);
}

static void
log_open(void *arg, const char *text)
{
	char q[LOG_Q_MAX];

	(void)arg;
	mlog(LOG_WARN, "files.open", "text=%s", log_q(q, sv_str(text)));
}

/* ---- reload ---- */

/* Old and new differ in what a listener cannot swap while it runs. */
static bool
needs_new_listeners(const struct conf *a, const struct conf *b)
{
	return strcmp(a->hostname, b->hostname) != 0;
}

static int
reload(struct super *s, struct err *err)
{
	struct conf *fresh = NULL, *old = s->conf;
	struct super_sockets *sockets = &s->sockets;
	bool changed = false, other;
	int fd = -1, r;

	r = load(s, &fresh, &fd, err);
	if (r != RC_OK)
		return r;
	if (strcmp(fresh->data, old->data) != 0)
		r = at_place(fresh, fresh->data_at,
		    err_set(err, RC_PERM,
			"data: the folder cannot be changed while the server "
			"is running; restart it"),
		    err);
	if (r == RC_OK && fresh->sandbox != old->sandbox)
		r = err_set(err, RC_PERM,
		    "sandbox: processes are confined when they start; restart "
		    "the server");
	if (r == RC_OK)
		r = folders_make(fresh, s->user, err);
	if (r == RC_OK)
		r = check_certificate(fresh, err);
	if (r == RC_OK)
		r = check_name_service(fresh, err);
	if (r == RC_OK)
		r = sockets_open(sockets, fresh, SOCKETS_ALL, &changed, err);
	other = certificate_stamp(fresh) != s->cert_stamp;
	if (r == RC_OK)
		r = take_certificate(s, fresh, err);
	if (r != RC_OK) {
		conf_free(&fresh);
		io_close(&fd);
		return r;
	}
	other = other || changed || needs_new_listeners(old, fresh);
	s->conf = fresh;
	log_set_json(fresh->log_json);
	conf_free(&old);
	io_close(&s->conf_fd);
	s->conf_fd = fd;
	s->generation++;
	if (other)
		procs_replace_listeners(s);
	procs_send_conf(s);
	procs_stop_removed(s);
	published_again(s->published);
	acme_schedule_again(s->acme);
	(void)preflight_open_files(s->conf, s->o->config, log_open, NULL);
	mlog(LOG_INFO, "reload", "generation=%u listeners=%s", s->generation,
	    other ? "new" : "kept");
	return RC_OK;
}

static void
reload_and_log(struct super *s, struct err *err)
{
	/* mx may still be draining: nobody new comes. */
	if (s->stopping) {
		(void)err_set(err, RC_TEMP, "the server is stopping");
		return;
	}
	notify_reloading();
	if (reload(s, err) != RC_OK)
		mlog(LOG_ERROR, "reload.refused",
		    "text=\"%s\" what=\"nothing "
		    "has changed\"",
		    err->text);
	/* Either way: it serves. */
	if (s->announced)
		notify("READY=1");
}

/* While we run: the pair that we have stays in use.  Perhaps only one of the
 * two files is written yet. */
static void
cert_is_unusable(struct super *s, uint64_t stamp, const struct err *err)
{
	if (stamp == s->cert_told)
		return;
	s->cert_told = stamp;
	mlog(LOG_WARN, "tls.changed.unusable",
	    "text=\"%s\" what=\"the old certificate stays in use\"", err->text);
	if (s->port25_only)
		return;
	(void)snprintf(s->cert_trouble, sizeof s->cert_trouble,
	    "%.290s; the last good one is used until this is fixed; no "
	    "reload is needed",
	    err->text);
}

static void
on_cert_poll(void *arg)
{
	struct super *s = arg;
	uint64_t stamp;
	struct err err;
	bool changed;

	/* The clock may have been set right since it was made. */
	if (!s->stopping && certificate_make(s->conf, &err) != RC_OK)
		mlog(
		    LOG_ERROR, "tls.self-signed.fail", "text=\"%s\"", err.text);
	stamp = certificate_stamp(s->conf);
	(void)ev_timer_add(s->loop, CERT_POLL_MS, on_cert_poll, s);
	if (s->stopping)
		return;
	if (stamp == s->cert_stamp) {
		s->cert_trouble[0] = '\0';
		return;
	}
	if (take_certificate(s, s->conf, &err) != RC_OK) {
		cert_is_unusable(s, stamp, &err);
		return;
	}
	mlog(LOG_INFO, "tls.changed", "text=\"using the new certificate\"");
	/* What was closed for want of it. */
	if (sockets_open(&s->sockets, s->conf, SOCKETS_ALL, &changed, &err) !=
	    RC_OK)
		mlog(LOG_ERROR, "listen.fail", "text=\"%s\"", err.text);
	s->generation++;
	procs_replace_listeners(s);
	procs_send_conf(s);
}

/* ---- control sockets ---- */

/* A socket at DATA/run/NAME, reached by a path relative to it: the kernel's
 * limit for socket paths is 107 bytes. */
static int
control_socket(struct super *s, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct buf dir;
	int fd, here;

	buf_init(&dir, 4096);
	buf_addf(&dir, "%s/run", s->conf->data);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)strncat(a.sun_path, name, sizeof a.sun_path - 1);
	if (here < 0 || fd < 0 || chdir(dir.p) != 0) {
		io_close(&fd);
	} else {
		(void)unlink(name);
		if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
		    chmod(name, 0600) != 0 || listen(fd, 16) != 0)
			io_close(&fd);
		must(fchdir(here) == 0);
	}
	io_close(&here);
	buf_fini(&dir);
	if (fd < 0)
		mlog(LOG_ERROR, "control.fail", "socket=%s errno=%d", name,
		    errno);
	return fd;
}

/* The next connection of somebody who may give orders; -1 otherwise. */
static int
accept_owner(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct ucred who;
	socklen_t n = sizeof who;

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		mlog(LOG_WARN, "control.denied", "uid=%u", who.uid);
		io_close(&fd);
	}
	return fd;
}

/* A connection is the order; nothing is read from it. */
static void
reload_ordered(struct super *s, int fd)
{
	struct err err = {.code = RC_OK};
	struct msg m;

	reload_and_log(s, &err);
	msg_answer_make(
	    &m, 0, err.code, err.code != RC_OK ? err.text : "reloaded");
	if (line_send_fd(fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=reload");
	io_close(&fd);
}

/* Each socket's name below DATA/run, and whose connections are passed on,
 * unread; else what is done here. */
static const struct {
	const char *name;
	enum role role;
	void (*here)(struct super *s, int fd); /* takes fd */
} controls[SUPER_CONTROLS] = {
    {"reload.sock", ROLE_COUNT, reload_ordered},
    {"status.sock", ROLE_COUNT, status_begin},
    {"debug.sock", ROLE_COUNT, debug_ordered},
    {"auth.sock", ROLE_AUTH, NULL},
    {"queue.sock", ROLE_QUEUE, NULL},
    {"keeper.sock", ROLE_KEEPER, NULL},
    {"history.sock", ROLE_HISTORY, NULL},
};

static void
on_control_socket(struct ev *e, uint32_t events, void *arg)
{
	struct super_control *c = arg;
	size_t i = (size_t)(c - c->super->control);
	int fd = accept_owner(c->fd);

	(void)e;
	(void)events;
	if (fd < 0)
		return;
	if (controls[i].here != NULL)
		controls[i].here(c->super, fd);
	else
		procs_pass_control(c->super, controls[i].role, fd);
}

static void
open_control(struct super *s)
{
	size_t i;

	for (i = 0; i < SUPER_CONTROLS; i++) {
		struct super_control *c = &s->control[i];

		c->super = s;
		c->fd = control_socket(s, controls[i].name);
		if (c->fd >= 0)
			c->ev = ev_add(
			    s->loop, c->fd, EPOLLIN, on_control_socket, c);
	}
}

static void
close_control(struct super *s)
{
	size_t i;

	for (i = 0; i < SUPER_CONTROLS; i++) {
		ev_del(&s->control[i].ev);
		io_close(&s->control[i].fd);
	}
}

/* ---- signals ---- */

static void
on_stop_late(void *arg)
{
	struct super *s = arg;

	mlog(LOG_WARN, "stop.late", "left=%u", procs_running(s));
	procs_kill_all(s);
}

static void
stop_rest(struct super *s)
{
	ev_timer_del(&s->draining);
	procs_stop_all(s);
	(void)ev_timer_add(s->loop, STOP_MS, on_stop_late, s);
	if (procs_running(s) == 0)
		ev_stop(s->loop);
}

static void
on_land_late(void *arg)
{
	struct super *s = arg;

	s->draining = NULL;
	stop_rest(s);
}

/* mx first, as long as the queue can note what came of its mail: else a host
 * would get once more what it has just taken. */
static void
begin_stop(struct super *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	mlog(LOG_INFO, "stop", "processes=%u", procs_running(s));
	notify("STOPPING=1");
	if (procs_land(s, LAND_MS))
		s->draining = ev_timer_add(
		    s->loop, LAND_MS + LAND_MORE_MS, on_land_late, s);
	else
		stop_rest(s);
}

static void
reap(struct super *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!schedule_reap(s->schedule, pid, status) &&
		    !published_reap(s->published, pid, status))
			procs_reap(s, pid, status);
	if (s->draining != NULL && !procs_draining(s))
		stop_rest(s);
	else if (s->stopping && procs_running(s) == 0)
		ev_stop(s->loop);
}

static void
on_signal(struct ev *e, uint32_t events, void *arg)
{
	struct super *s = arg;
	struct signalfd_siginfo i;
	struct err err;

	(void)e;
	(void)events;
	while (read(s->signal_fd, &i, sizeof i) == (ssize_t)sizeof i)
		switch (i.ssi_signo) {
		case SIGCHLD:
			reap(s);
			break;
		case SIGHUP:
			reload_and_log(s, &err);
			break;
		default:
			begin_stop(s);
			break;
		}
}

static void
open_signals(struct super *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	(void)signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	must(s->signal_fd >= 0);
	s->signal_ev = ev_add(s->loop, s->signal_fd, EPOLLIN, on_signal, s);
}

/* ---- start ---- */

/* A process that one before us had just forked when it was killed has the lock
 * for some milliseconds more. */
static bool
lock_soon(int fd)
{
	int64_t until = clk_mono() + LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || clk_mono() >= until)
			return false;
		(void)poll(NULL, 0, 10);
	}
	return true;
}

/* One server a data folder: the lock is held as long as we live. */
static int
take_lock(const struct conf *conf, struct err *err)
{
	struct buf path;
	char pid[24];
	int fd, n;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/run/hearthmail.pid", conf->data);
	fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || !lock_soon(fd)) {
		(void)err_set(err, RC_TEMP,
		    errno == EWOULDBLOCK
			? "another hearthmail is already running on %s"
			: "cannot write %s",
		    errno == EWOULDBLOCK ? conf->data : path.p);
		io_close(&fd);
	} else {
		n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
		if (ftruncate(fd, 0) != 0 ||
		    io_write_all(fd, pid, (size_t)n) != RC_OK)
			mlog(LOG_WARN, "pidfile", "errno=%d", errno);
	}
	buf_fini(&path);
	return fd;
}

/* What the tests ask of a server; read by the supervisor alone. */
static void
read_test_switches(struct super *s)
{
	const char *abi = getenv("HEARTHMAIL_TEST_LANDLOCK");
	const char *clock = getenv("HEARTHMAIL_TEST_CLOCK");
	const char *watch = getenv("HEARTHMAIL_TEST_WATCH");
	const char *names = getenv("HEARTHMAIL_TEST_PUBLISHED");
	uint64_t ms;
	uint32_t n;

	s->landlock_max = -1;
	if (abi != NULL && sv_to_u32(sv_str(abi), 100, &n) == RC_OK)
		s->landlock_max = (int)n;
	if (clock != NULL && clock[0] == '-' &&
	    sv_to_u64(sv_skip(sv_str(clock), 1), INT64_MAX, &ms) == RC_OK)
		s->clock_offset = -(int64_t)ms;
	else if (clock != NULL &&
		 sv_to_u64(sv_str(clock), INT64_MAX, &ms) == RC_OK)
		s->clock_offset = (int64_t)ms;
	clk_set_offset(s->clock_offset);
	s->watch_ms = WATCH_MS;
	if (watch != NULL && sv_to_u32(sv_str(watch), WATCH_MS, &n) == RC_OK)
		s->watch_ms = n;
	s->published_ms = PUBLISHED_FIRST_MS;
	if (names != NULL && sv_to_u32(sv_str(names), UINT32_MAX, &n) == RC_OK)
		s->published_ms = n;
	s->kill_unknown = getenv("HEARTHMAIL_TEST_KILL") != NULL;
	s->probe = getenv("HEARTHMAIL_TEST_PROBE") != NULL;
}

static void
log_lost(void *arg, const char *text)
{
	char q[LOG_Q_MAX];

	(void)arg;
	mlog(LOG_ERROR, "data.lost", "text=%s", log_q(q, sv_str(text)));
}

/* One that was named by hand the service may not be allowed to write. */
static int
make_data(struct super *s, struct err *err)
{
	int r = folders_make(s->conf, s->user, err);

	if (r != RC_OK)
		look_explain(LOOK_WRITE, s->conf->data, err);
	return at_place(s->conf, s->conf->data_at, r, err);
}

static int
prepare(struct super *s, int *lock, struct err *err)
{
	const char *how;
	struct err why;
	bool changed;
	int r;

	r = load(s, &s->conf, &s->conf_fd, err);
	if (r != RC_OK)
		return r;
	log_set_json(s->conf->log_json);
	users_find(s->user, &s->change_user, &how);
	mlog(LOG_INFO, "start", "version=\"%s\" config=%s users=\"%s\"%s",
	    HM_VERSION, s->o->config, how,
	    s->conf->sandbox ? "" : " sandbox=OFF");
	r = at_place(
	    s->conf, s->conf->data_at, lost_everything(s->conf, err), err);
	if (r == RC_OK && lost_is_empty(s->conf))
		mlog(LOG_WARN, "data.empty",
		    "folder=%s text=\"it is empty: if this is not the first "
		    "start, its disk may not be mounted\"",
		    s->conf->data);
	if (r == RC_OK) {
		(void)lost_each(s->conf, log_lost, NULL);
		lost_remember(s->conf);
	}
	if (r == RC_OK)
		r = make_data(s, err);
	if (r == RC_OK) {
		*lock = take_lock(s->conf, err);
		r = *lock >= 0 ? RC_OK : RC_TEMP;
	}
	if (r == RC_OK) {
		(void)preflight_open_files(
		    s->conf, s->o->config, log_open, NULL);
		r = check_name_service(s->conf, err);
	}
	if (r == RC_OK && (check_certificate(s->conf, err) != RC_OK ||
			      take_certificate(s, s->conf, err) != RC_OK)) {
		why = *err;
		r = take_substitute(s, why.text, err);
	}
	if (r == RC_OK)
		r = sockets_open(
		    &s->sockets, s->conf, services_now(s), &changed, err);
	return r;
}

static void
release(struct super *s, int *lock)
{
	procs_free(s);
	child_logs_free(&s->logs);
	schedule_free(&s->schedule);
	published_free(&s->published);
	acme_schedule_free(&s->acme);
	sockets_close(&s->sockets);
	close_control(s);
	ev_timer_del(&s->draining);
	ev_del(&s->signal_ev);
	status_drop(s);
	io_close(&s->signal_fd);
	io_close(&s->conf_fd);
	io_close(&s->cert_fd);
	io_close(&s->key_fd);
	io_close(lock);
	conf_free(&s->conf);
	ev_loop_free(&s->loop);
}

int
supervisor_run(const struct supervisor_opts *o)
{
	struct super s = {.o = o,
	    .generation = 1,
	    .conf_fd = -1,
	    .cert_fd = -1,
	    .key_fd = -1,
	    .signal_fd = -1};
	struct err err = {0};
	int lock = -1, code, r;
	size_t i;

	for (i = 0; i < SUPER_CONTROLS; i++)
		s.control[i].fd = -1;
	/* What somebody left open is not for the processes. */
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	log_setup(
	    "supervisor", o->level == LOG_LEVEL_DEBUG ? LOG_DEBUG : LOG_INFO);
	notify_setup();
	s.start_time = clk_mono();
	s.loop = ev_loop_new();
	read_test_switches(&s);
	open_signals(&s);
	s.logs = child_logs_new(s.loop);
	r = prepare(&s, &lock, &err);
	if (r == RC_OK) {
		open_control(&s);
		procs_start_all(&s);
		s.schedule = schedule_new(&s);
		s.published = published_new(&s, s.published_ms);
		s.acme = acme_schedule_new(&s);
		(void)ev_timer_add(s.loop, CERT_POLL_MS, on_cert_poll, &s);
		(void)ev_timer_add(s.loop, s.watch_ms, procs_watch, &s);
		ev_run(s.loop);
		lost_remember(s.conf);
		mlog(LOG_INFO, "stopped", "uptime_s=%lld",
		    (long long)(clk_mono() - s.start_time) / 1000);
	} else if (s.conf != NULL) {
		mlog(LOG_ERROR, "start.fail", "text=\"%s\"", err.text);
	}
	/* Without a configuration its errors were printed already. */
	code = r == RC_OK	? EXIT_FINE
	       : s.conf != NULL ? EXIT_FAILED
				: EXIT_CONFIG;
	release(&s, &lock);
	return code;
}
