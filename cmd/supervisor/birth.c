/* How a process begins: what it inherits, what it is told first, and its lines
 * to the others. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/tally.h"
#include "cmd/build.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define CONTROL_FD 3

/* ---- the wiring ---- */

/* Who has just ended gets fresh lines if it is started again. */
static void
send_line(struct proc *to, const struct proc *end, int fd)
{
	const struct ctl_line said = {
	    (uint8_t)end->role, sv_str(end->account), fd};
	struct msg m;

	msg_init(&m, CTL_LINE);
	ctl_line_put(&m, &said);
	if (line_send(to->control, &m) != RC_OK && !line_gone(to->control))
		mlog(LOG_WARN, "wire.fail", "to=%s end=%s",
		    role_info[to->role].name, role_info[end->role].name);
}

bool
roles_may_speak(enum role a, enum role b)
{
	size_t i;

	for (i = 0; i < server_nwires; i++)
		if ((server_wires[i].a == a && server_wires[i].b == b) ||
		    (server_wires[i].a == b && server_wires[i].b == a))
			return true;
	return false;
}

/* A fresh line from a newborn to each living process it may speak to.  Those
 * that are replaced keep their peers: they have sessions to finish. */
static bool
wire_up(struct proc *p)
{
	struct proc *q;
	int pair[2];

	for (q = p->super->procs; q != NULL; q = q->next) {
		if (q == p || q->control == NULL ||
		    !roles_may_speak(p->role, q->role))
			continue;
		if (line_pair(pair) != RC_OK)
			return false;
		send_line(p, q, pair[0]);
		send_line(q, p, pair[1]);
	}
	return true;
}

/* ---- its first messages ---- */

static const char *
other_folder(
    const struct super *s, const struct proc *p, char out[CTL_PATH_MAX])
{
	size_t i;

	out[0] = '\0';
	for (i = 0; i < s->conf->naccount; i++)
		if (strcmp(s->conf->account[i].name, p->account) != 0) {
			(void)snprintf(out, CTL_PATH_MAX, "%s/accounts/%s",
			    s->conf->data, s->conf->account[i].name);
			break;
		}
	return out;
}

static int
copy_fd(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* Its descriptors; false: there are too few. */
static bool
add_files(struct proc *p, struct ctl_boot *b)
{
	struct super *s = p->super;

	b->conf = copy_fd(s->conf_fd);
	if (b->has_tls)
		b->certs = copy_fd(s->certs_fd);
	if (b->conf < 0 || (b->has_tls && b->certs < 0)) {
		io_close(&b->conf);
		io_close(&b->certs);
		return false;
	}
	p->tally = tally_table_new(&b->tally);
	b->has_tally = p->tally != NULL;
	return true;
}

static bool
send_boot(struct proc *p)
{
	struct super *s = p->super;
	const struct role_info *info = &role_info[p->role];
	int number = conf_account_by_name(s->conf, sv_str(p->account));
	char folder[CTL_PATH_MAX], other[CTL_PATH_MAX];
	struct ctl_boot b = {
	    .build = SV(HM_BUILD),
	    .role = (uint8_t)p->role,
	    .generation = s->generation,
	    .account = number >= 0 ? (uint32_t)number : 0,
	    .account_name = sv_str(p->account),
	    .sandbox_off = !s->conf->sandbox,
	    .landlock_max = s->landlock_max,
	    .kill_unknown = s->kill_unknown,
	    .change_user = s->change_user,
	    .uid = s->user[p->role].uid,
	    .gid = s->user[p->role].gid,
	    .probe = s->probe,
	    .other = sv_str(other_folder(s, p, other)),
	    .level = s->o->level == LOG_LEVEL_DEBUG ? LOG_DEBUG : LOG_INFO,
	    .journal = log_is_journal(),
	    .clock_offset = s->clock_offset,
	    .has_tls = info->services != 0,
	    .conf = -1,
	    .certs = -1,
	    .tally = -1,
	};
	struct msg m;

	if (p->role == ROLE_ACCOUNT)
		(void)snprintf(folder, sizeof folder, "%s/accounts/%s",
		    s->conf->data, p->account);
	else
		(void)snprintf(folder, sizeof folder, "%s/%s", s->conf->data,
		    info->folder);
	b.folder = sv_str(folder);
	if (!add_files(p, &b))
		return false;
	msg_init(&m, CTL_BOOT);
	ctl_boot_put(&m, &b);
	return line_send(p->control, &m) == RC_OK;
}

static bool
send_sockets(struct proc *p)
{
	struct super *s = p->super;
	struct msg m;
	size_t i;

	for (i = 0; i < s->sockets.n; i++) {
		struct ctl_listen said;

		if ((role_info[p->role].services &
			(1u << s->sockets.s[i].service)) == 0)
			continue;
		said.service = (uint8_t)s->sockets.s[i].service;
		said.fd = copy_fd(s->sockets.s[i].fd);
		if (said.fd < 0)
			return false;
		msg_init(&m, CTL_LISTEN);
		ctl_listen_put(&m, &said);
		if (line_send(p->control, &m) != RC_OK)
			return false;
	}
	msg_init(&m, CTL_READY);
	return line_send(p->control, &m) == RC_OK;
}

bool
proc_boot(struct proc *p)
{
	if (!send_boot(p) || !send_sockets(p))
		return false;
	if (p->role == ROLE_ACME)
		acme_schedule_boot(p->super->acme, p);
	return wire_up(p);
}

/* ---- in the child ---- */

/* What of our environment a process gets: the time zone, and what the dynamic
 * linker, sanitizers and the clock of tests are told.  Who started us may have
 * secrets in the rest. */
static char **
clean_environment(void)
{
	static const char *const names[] = {"TZ", "JOURNAL_STREAM",
	    "LD_PRELOAD", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
	    "TSAN_OPTIONS", "HEARTHMAIL_SHIM_CLOCK", "HEARTHMAIL_TEST_TICK",
	    "HEARTHMAIL_TEST_UNSCANNED"};
	static char *kept[sizeof names / sizeof names[0] + 1];
	size_t i, n = 0;
	char *v;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((v = getenv(names[i])) != NULL)
			kept[n++] = v - strlen(names[i]) - 1;
	kept[n] = NULL;
	return kept;
}

/* Whom the kernel ends first when memory runs out: not us, and those that
 * strangers can make grow before those that hold mail. */
static void
set_oom_score(enum role role)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%d\n", role_info[role].oom_score);

	if (fd >= 0)
		(void)!write(fd, text, (size_t)n);
	io_close(&fd);
}

/* In the forked child: nothing of the supervisor's goes along but the control
 * line and a place to log. */
void
proc_become(const struct proc *p, int control, int log)
{
	char label[96];
	char *const argv[] = {label, NULL};
	sigset_t none;
	int none_fd;

	(void)snprintf(label, sizeof label, "hearthmail: %s%s%s",
	    role_info[p->role].name, p->account[0] != '\0' ? " " : "",
	    p->account);
	(void)setsid(); /* away from the terminal */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* The duplicate of a descriptor onto itself would keep its flag. */
	if (control == CONTROL_FD)
		(void)fcntl(control, F_SETFD, 0);
	else if (dup2(control, CONTROL_FD) < 0)
		_exit(1);
	if (dup2(log, 2) < 0)
		_exit(1);
	none_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (none_fd < 0 || dup2(none_fd, 0) < 0 || dup2(none_fd, 1) < 0)
		_exit(1);
	set_oom_score(p->role);
	(void)execve("/proc/self/exe", argv, clean_environment());
	_exit(127);
}
