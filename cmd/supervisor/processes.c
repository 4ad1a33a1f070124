/* The supervisor's processes: when each starts, what it says, its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/tally.h"
#include "backup/lost.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/errand.h"
#include "cmd/supervisor/sd_notify.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define DRAIN_MS     (60 * 60 * 1000)
#define LONG_LIFE_MS 60000
#define BACKOFF_MS   50
#define BACKOFF_MAX  1000

static void proc_run(struct proc *p);
static void on_restart(void *arg);
static void say_refused(struct super *s, const char *account);

/* ---- start ---- */

static struct conf_account *
account_named(struct super *s, const char *name)
{
	int n = conf_account_by_name(s->conf, sv_str(name));

	return n >= 0 ? &s->conf->account[n] : NULL;
}

static struct proc *
find_account(struct super *s, const char *name)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->role == ROLE_ACCOUNT && !p->draining &&
		    strcmp(p->account, name) == 0)
			return p;
	return NULL;
}

/* An account's process, unless its mail has vanished. */
static void
start_account(struct super *s, const char *account)
{
	struct buf text;
	char q[LOG_Q_MAX];

	buf_init(&text, 4096);
	if (lost_account(s->conf, account, &text)) {
		mlog(LOG_ERROR, "account.lost", "account=%s text=%s", account,
		    log_q(q, buf_sv(&text)));
		say_refused(s, account);
	} else {
		proc_start(s, ROLE_ACCOUNT, account);
	}
	buf_fini(&text);
}

/* The keeper asks for an account's process. */
static void
on_start(struct super *s, struct msg *m)
{
	struct ctl_start said;
	struct proc *p;

	if (ctl_start_get(m, &said) != RC_OK ||
	    said.generation != s->generation ||
	    said.account >= s->conf->naccount) {
		mlog(LOG_WARN, "start.refused",
		    "generation=%u now=%u "
		    "account=%u",
		    said.generation, s->generation, said.account);
		return;
	}
	p = find_account(s, s->conf->account[said.account].name);
	if (p != NULL && p->pid > 0) {
		/* The keeper has seen its line end before we saw it die. */
		p->wanted = true;
		return;
	}
	start_account(s, s->conf->account[said.account].name);
}

/* The others are not ready without it, and it is not. */
static bool
is_awaited(const struct proc *p)
{
	return p->role != ROLE_ACCOUNT && !role_info[p->role].dispensable &&
	       !role_info[p->role].on_demand && !p->draining && !p->ready;
}

static struct proc *
find_role(struct super *s, enum role role)
{
	struct proc *p;

	for (p = s->procs; p != NULL && p->role != role; p = p->next)
		;
	return p;
}

/* One that is there when it is needed is needed. */
static void
on_wake(struct proc *by, struct msg *m)
{
	struct super *s = by->super;
	struct ctl_wake said;
	enum role role;

	if (ctl_wake_get(m, &said) != RC_OK || said.role >= ROLE_COUNT)
		return;
	role = (enum role)said.role;
	if (role_info[role].on_demand && roles_may_speak(by->role, role))
		proc_wake(s, role);
}

void
procs_write_letter(struct super *s, const struct ctl_letter *letter)
{
	struct proc *p = find_role(s, ROLE_AUTH);
	struct msg m;

	if (p == NULL || p->control == NULL)
		return;
	msg_init(&m, CTL_LETTER);
	ctl_letter_put(&m, letter);
	line_tell(p->control, &m);
}

void
proc_wake(struct super *s, enum role role)
{
	struct proc *p = find_role(s, role);

	if (s->stopping)
		return;
	if (p == NULL)
		proc_start(s, role, NULL);
	else if (p->ready)
		p->wanted = true; /* who asked has seen its line end */
}

/*
 * Listeners let nobody in before those that answer for them are there: a port
 * answers when a login can succeed and a message be taken.
 */
static void
let_in(struct super *s)
{
	struct proc *p;
	struct msg m;

	for (p = s->procs; p != NULL; p = p->next)
		if (!role_info[p->role].listener && is_awaited(p))
			return;
	for (p = s->procs; p != NULL; p = p->next) {
		if (!role_info[p->role].listener || !p->ready || p->let_in ||
		    p->control == NULL)
			continue;
		p->let_in = true;
		msg_init(&m, CTL_LET_IN);
		line_tell(p->control, &m);
	}
}

/* ---- what one says ---- */

/* A process says of another's kind that it asked for what it may not have, or
 * sent what is not a message: one of them has been taken over. */
static void
on_accused(struct proc *by, struct msg *m)
{
	struct ctl_accuse said;
	enum role role;
	struct proc *p;

	if (ctl_accuse_get(m, &said) != RC_OK || said.role >= ROLE_COUNT ||
	    !roles_may_speak(by->role, (enum role)said.role))
		return;
	role = (enum role)said.role;
	for (p = by->super->procs; p != NULL; p = p->next) {
		if (p->role != role || p->pid <= 0)
			continue;
		mlog(LOG_ERROR, "process.accused",
		    "process=%s pid=%d by=%s text=\"it did something "
		    "forbidden; it is killed and restarted\"",
		    role_info[role].name, (int)p->pid,
		    role_info[by->role].name);
		(void)kill(p->pid, SIGKILL);
	}
}

static void
on_control(struct line *l, struct msg *m, void *arg)
{
	struct proc *p = arg;
	struct super *s = p->super;

	(void)l;
	if (m->type == CTL_READY) {
		p->ready = true;
		/* It keeps in memory what acme gives it. */
		if (p->role == ROLE_WEB && s->announced)
			acme_schedule_again(s->acme);
		let_in(s);
		if (!s->announced && procs_ready(s)) {
			s->announced = true;
			mlog(LOG_INFO, "ready", "ms=%lld processes=%u",
			    (long long)(clk_mono() - s->start_time),
			    procs_running(s) + 1);
			notify("READY=1");
			alloc_trim(); /* what starting took */
		}
	} else if (m->type == CTL_STATUS) {
		status_answer(p, m);
	} else if (m->type == CTL_START && p->role == ROLE_KEEPER) {
		on_start(s, m);
	} else if (m->type == CTL_WAKE) {
		on_wake(p, m);
	} else if (m->type == CTL_CLAMD &&
		   (p->role == ROLE_SMTP || p->role == ROLE_SUBMISSION)) {
		virus_asked(s, p->control);
	} else if (m->type == CTL_CERTIFICATES && p->role == ROLE_ACME) {
		acme_schedule_heard(s->acme, m);
	} else if (m->type == CTL_ERRAND) {
		errands_ordered(s->errands, p, m);
	} else if (m->type == CTL_ALIVE) {
		p->asked_at = 0;
	} else if (m->type == CTL_ACCUSE) {
		on_accused(p, m);
	}
}

static void
on_control_eof(struct line *l, void *arg)
{
	struct proc *p = arg;

	line_free(&l);
	/* Its end comes as SIGCHLD: soon, if it is honest. */
	p->control = NULL;
	proc_kill_later(p, PROC_LEAVE_MS);
}

/* No process could be made now: the machine is short of something.  An
 * account's clients are told; who must always be there is tried again. */
static void
start_failed(struct proc *p)
{
	mlog(LOG_ERROR, "start.fail",
	    "process=%s account=%s text=\"%s; trying again\"",
	    role_info[p->role].name, p->account, strerror(errno));
	if (p->role == ROLE_ACCOUNT)
		say_refused(p->super, p->account);
	else if (p->restart == NULL)
		p->restart =
		    ev_timer_add(p->super->loop, BACKOFF_MAX, on_restart, p);
}

static void
proc_run(struct proc *p)
{
	struct super *s = p->super;
	int pair[2], log;

	p->pid = 0;
	if (line_pair(pair) != RC_OK) {
		start_failed(p);
		return;
	}
	p->generation = s->generation;
	p->restarts += p->died && p->role != ROLE_ACCOUNT;
	p->died = false;
	p->started = clk_mono();
	buf_reset(&p->status);
	p->ready = p->let_in = false;
	p->asked_at = 0;
	p->errands = 0;
	child_log_end(&p->log);
	p->log = child_log_new(s->logs, role_info[p->role].name, &log);
	if (p->log == NULL) {
		io_close(&pair[0]);
		io_close(&pair[1]);
		start_failed(p);
		return;
	}
	p->pid = fork();
	if (p->pid == 0)
		proc_become(p, pair[1], log);
	io_close(&pair[1]);
	io_close(&log);
	child_log_set_pid(p->log, p->pid);
	if (p->pid < 0) {
		p->pid = 0;
		io_close(&pair[0]);
		start_failed(p);
		return;
	}
	p->control = line_new(s->loop, pair[0], on_control, on_control_eof, p);
	/* Half a process is none: it dies and is started anew. */
	if (!proc_boot(p)) {
		mlog(LOG_ERROR, "start.fail",
		    "process=%s text=\"its first messages cannot be sent\"",
		    role_info[p->role].name);
		(void)kill(p->pid, SIGKILL);
	}
}

static struct proc *
proc_add(struct super *s, enum role role, const char *account)
{
	struct proc *p = xcalloc(1, sizeof *p);

	p->super = s;
	p->role = role;
	buf_init(&p->status, MSG_MAX);
	if (account != NULL)
		(void)strncat(p->account, account, sizeof p->account - 1);
	p->next = s->procs;
	s->procs = p;
	return p;
}

void
proc_start(struct super *s, enum role role, const char *account)
{
	struct proc *p = role == ROLE_ACCOUNT ? find_account(s, account) : NULL;

	if (p == NULL)
		p = proc_add(s, role, account);
	proc_run(p);
}

static bool
has_sockets(const struct super *s, int role)
{
	size_t i;

	for (i = 0; i < s->sockets.n; i++)
		if ((role_info[role].services &
			1u << s->sockets.s[i].service) != 0)
			return true;
	return false;
}

/* Mail programs find no port rather than a certificate that they warn of. */
static bool
may_serve(const struct super *s, int role)
{
	if (role_info[role].optional && !has_sockets(s, role))
		return false;
	return !s->port25_only || !role_info[role].listener ||
	       role == ROLE_SMTP || role == ROLE_WEB;
}

void
procs_start_all(struct super *s)
{
	int r;

	for (r = 0; r < ROLE_COUNT; r++)
		if (r != ROLE_ACCOUNT && !role_info[r].on_demand &&
		    may_serve(s, r))
			proc_start(s, (enum role)r, NULL);
}

/* ---- end and restart ---- */

static void
proc_forget(struct proc *p)
{
	struct proc **at = &p->super->procs;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	ev_timer_del(&p->restart);
	ev_timer_del(&p->kill_timer);
	tally_merge(&p->tally);
	line_free(&p->control);
	child_log_end(&p->log);
	buf_fini(&p->status);
	free(p);
}

static void
on_restart(void *arg)
{
	struct proc *p = arg;

	p->restart = NULL;
	if (!p->super->stopping)
		proc_run(p);
}

static void
say_refused(struct super *s, const char *account)
{
	const struct ctl_refused said = {sv_str(account)};
	struct proc *q;
	struct msg m;

	for (q = s->procs; q != NULL; q = q->next)
		if (q->role == ROLE_KEEPER && q->control != NULL) {
			msg_init(&m, CTL_REFUSED);
			ctl_refused_put(&m, &said);
			line_tell(q->control, &m);
		}
}

/* An account that went by itself is started when it is asked for; one that
 * dies as soon as it starts is not, for a while. */
static void
account_ended(struct proc *p, bool well)
{
	struct super *s = p->super;
	bool young = clk_mono() - p->started < 2000;

	bool wanted = p->wanted;

	p->wanted = false;
	if (s->stopping || account_named(s, p->account) == NULL ||
	    (well && !wanted)) {
		proc_forget(p);
		return;
	}
	if (!well)
		p->deaths = young ? p->deaths + 1 : 1;
	/* It stays in the list, so that its deaths count. */
	if (p->deaths < 5) {
		if (wanted)
			proc_run(p);
		return;
	}
	mlog(LOG_ERROR, "account.fails",
	    "account=%s deaths=%u text=\"it dies when it starts; see the lines "
	    "above\"",
	    p->account, p->deaths);
	p->deaths = 0;
	say_refused(s, p->account);
}

static void
log_end(const struct proc *p, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (well &&
	    (p->draining || p->super->stopping || p->role == ROLE_ACCOUNT ||
		role_info[p->role].on_demand)) {
		mlog(LOG_DEBUG, "process.end", "process=%s account=%s pid=%d",
		    role_info[p->role].name, p->account, (int)p->pid);
		return;
	}
	if (well) {
		mlog(LOG_INFO, "process.again",
		    "process=%s pid=%d text=\"it asks to be restarted\"",
		    role_info[p->role].name, (int)p->pid);
		return;
	}
	mlog(LOG_WARN, "process.died", "process=%s account=%s pid=%d %s=%d",
	    role_info[p->role].name, p->account, (int)p->pid,
	    WIFSIGNALED(status) ? "signal" : "exit",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* A process that held a socket can have shut it for all who hold it: what does
 * not listen any more is made anew. */
static void
mend_sockets(struct super *s)
{
	struct err err;
	bool changed;

	if (sockets_open(&s->sockets, s->conf,
		s->port25_only ? SOCKETS_BARE : SOCKETS_ALL, &changed,
		&err) != RC_OK)
		mlog(LOG_ERROR, "listen.fail", "text=\"%s\"", err.text);
}

void
procs_reap(struct super *s, pid_t pid, int status)
{
	struct proc *p;
	int64_t lived, wait;

	for (p = s->procs; p != NULL && p->pid != pid; p = p->next)
		;
	if (p == NULL)
		return;
	child_log_end(&p->log);
	log_end(p, status);
	p->pid = 0;
	p->asked_at = 0;
	ev_timer_del(&p->kill_timer);
	tally_merge(&p->tally);
	line_free(&p->control);
	if (p->role == ROLE_ACME)
		acme_schedule_gone(s->acme);
	if (p->role == ROLE_ACCOUNT) {
		account_ended(p, WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return;
	}
	if (p->draining || s->stopping) {
		proc_forget(p);
		return;
	}
	p->died = !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* One that is started on demand stays away until the next one. */
	if (role_info[p->role].on_demand && !p->wanted) {
		proc_forget(p);
		return;
	}
	p->wanted = false;
	if (p->died && role_info[p->role].listener)
		mend_sockets(s);
	lived = clk_mono() - p->started;
	if (lived > LONG_LIFE_MS || (lived > BACKOFF_MAX && WIFEXITED(status) &&
					WEXITSTATUS(status) == 0))
		p->deaths = 0;
	wait = p->deaths == 0
		   ? 0
		   : (int64_t)BACKOFF_MS << (p->deaths < 6 ? p->deaths : 6);
	if (wait > BACKOFF_MAX)
		wait = BACKOFF_MAX;
	p->deaths++;
	p->restart = ev_timer_add(s->loop, wait, on_restart, p);
}

/* ---- reload ---- */

static void
drain(struct proc *p, uint64_t ms)
{
	const struct ctl_drain said = {ms};
	struct msg m;

	p->draining = true;
	/* It may be deaf, or hold on to what it has: by then it is gone. */
	proc_kill_later(p, (int64_t)ms + PROC_LEAVE_MS);
	if (p->control == NULL)
		return;
	msg_init(&m, CTL_DRAIN);
	ctl_drain_put(&m, &said);
	line_tell(p->control, &m);
}

void
procs_replace_listeners(struct super *s)
{
	struct proc *p, *next;
	int r;

	for (p = s->procs; p != NULL; p = next) {
		next = p->next;
		if (!role_info[p->role].listener)
			continue;
		if (p->pid == 0) {
			proc_forget(p);
			continue;
		}
		/* At most two generations live: the one before goes now. */
		drain(p, p->draining ? 0 : DRAIN_MS);
	}
	for (r = 0; r < ROLE_COUNT; r++)
		if (role_info[r].listener && may_serve(s, r))
			proc_start(s, (enum role)r, NULL);
}

void
procs_send_conf(struct super *s)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next) {
		struct ctl_config said = {.generation = s->generation};
		struct msg m;

		if (p->control == NULL || p->generation == s->generation)
			continue;
		said.fd = fcntl(s->conf_fd, F_DUPFD_CLOEXEC, 0);
		if (said.fd < 0)
			continue;
		msg_init(&m, CTL_CONFIG);
		ctl_config_put(&m, &said);
		if (line_send(p->control, &m) == RC_OK)
			p->generation = s->generation;
	}
}

void
procs_stop_removed(struct super *s)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->role == ROLE_ACCOUNT &&
		    account_named(s, p->account) == NULL)
			drain(p, 0);
}

void
procs_pass_control(struct super *s, enum role role, int fd)
{
	struct proc *p;
	struct msg m;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->role == role && p->control != NULL && !p->draining)
			break;
	if (p == NULL) {
		io_close(&fd);
		return;
	}
	msg_init(&m, CTL_CONTROL);
	msg_put_fd(&m, fd);
	line_tell(p->control, &m);
}

/* ---- all of them ---- */

void
procs_free(struct super *s)
{
	while (s->procs != NULL)
		proc_forget(s->procs);
}

bool
procs_land(struct super *s, uint64_t ms)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (role_info[p->role].listener)
			line_free(&p->control);
		else if (p->role == ROLE_MX)
			drain(p, ms);
	return procs_draining(s);
}

bool
procs_draining(const struct super *s)
{
	const struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->role == ROLE_MX && p->pid > 0)
			return true;
	return false;
}

void
procs_stop_all(struct super *s)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next) {
		ev_timer_del(&p->restart);
		line_free(&p->control);
	}
}

void
procs_kill_all(struct super *s)
{
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->pid > 0)
			(void)kill(p->pid, SIGKILL);
}

unsigned
procs_running(const struct super *s)
{
	const struct proc *p;
	unsigned n = 0;

	for (p = s->procs; p != NULL; p = p->next)
		n += p->pid > 0;
	return n;
}

bool
procs_ready(const struct super *s)
{
	const struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (is_awaited(p))
			return false;
	return true;
}
