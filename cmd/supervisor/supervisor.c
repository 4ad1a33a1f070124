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
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/lost.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/exit_code.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/datadir.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/preflight.h"
#include "cmd/supervisor/errand.h"
#include "cmd/supervisor/published.h"
#include "cmd/supervisor/schedule.h"
#include "cmd/supervisor/sd_notify.h"
#include "cmd/supervisor/supervisor_priv.h"

#define LOCK_MS	     1000
#define LAND_MS	     4000 /* mail that a host is about to take */
#define LAND_MORE_MS 500
#define STOP_MS	     5000
#define WATCH_MS     60000 /* twice that, and who does not answer is killed */

static unsigned
services_now(const struct super *s)
{
	return s->port25_only ? SOCKETS_BARE : SOCKETS_ALL;
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
		    !errands_reap(s->errands, pid, status) &&
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
			super_reload(s, &err);
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
	return super_at_place(s->conf, s->conf->data_at, r, err);
}

static int
prepare(struct super *s, int *lock, struct err *err)
{
	const char *how;
	struct err why;
	bool changed;
	int r;

	r = super_load(s, &s->conf, &s->conf_fd, err);
	if (r != RC_OK)
		return r;
	log_set_json(s->conf->log_json);
	users_find(s->user, &s->change_user, &how);
	mlog(LOG_INFO, "start", "version=\"%s\" config=%s users=\"%s\"%s",
	    HM_VERSION, s->o->config, how,
	    s->conf->sandbox ? "" : " sandbox=OFF");
	r = super_at_place(
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
		    s->conf, s->o->config, super_log_open, NULL);
		r = super_check_name_service(s->conf, err);
	}
	if (r == RC_OK &&
	    (super_check_certificate(s->conf, err) != RC_OK ||
		super_take_certificate(s, s->conf, err) != RC_OK)) {
		why = *err;
		r = super_take_substitute(s, why.text, err);
	}
	if (r == RC_OK)
		(void)super_take_domain_certificates(s, s->conf);
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
	errands_free(&s->errands);
	acme_schedule_free(&s->acme);
	sockets_close(&s->sockets);
	control_close(s);
	ev_timer_del(&s->draining);
	ev_del(&s->signal_ev);
	status_drop(s);
	io_close(&s->signal_fd);
	io_close(&s->conf_fd);
	io_close(&s->certs_fd);
	buf_fini(&s->domain_trouble);
	io_close(lock);
	conf_free(&s->conf);
	ev_loop_free(&s->loop);
}

static void
wake_acme(struct super *s)
{
	proc_wake(s, ROLE_ACME);
}

static const struct acme_hands acme_hands = {wake_acme, procs_write_letter};

int
supervisor_run(const struct supervisor_opts *o)
{
	struct super s = {.o = o,
	    .generation = 1,
	    .conf_fd = -1,
	    .certs_fd = -1,
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
		control_open(&s);
		procs_start_all(&s);
		s.schedule = schedule_new(&s);
		s.published = published_new(&s, s.published_ms);
		s.errands = errands_new(&s);
		s.acme = acme_schedule_new(&s, &acme_hands);
		(void)ev_timer_add(
		    s.loop, SUPER_CERT_POLL_MS, super_watch_certificate, &s);
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
