#include "cmd/supervisor/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"

#define LOOK_MS	   10000 /* the clock may be set meanwhile */
#define OUTPUT_MAX 4096	 /* bytes of what it says that are kept */

struct schedule {
	struct super *s;
	struct ev_timer *timer;
	int64_t due; /* 0: none */
	uint32_t minute;
	pid_t pid;
	/* What the backup at work says, for the event of its end. */
	int out;
	struct ev *ev;
	struct buf output;
	int64_t failed; /* the last one did, ms since 1970; 0: it did not */
	char reason[ERR_TEXT_MAX];
};

int64_t
schedule_next(int64_t now, uint32_t minute_of_day)
{
	for (int day = 0; day < 3; day++) {
		time_t t = (time_t)(now / 1000);
		struct tm tm;
		int64_t at;

		if (localtime_r(&t, &tm) == NULL)
			break;
		tm.tm_mday += day;
		tm.tm_hour = (int)(minute_of_day / 60);
		tm.tm_min = (int)(minute_of_day % 60);
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		at = (int64_t)mktime(&tm) * 1000;
		if (at > now)
			return at;
	}
	return now + 24 * 3600 * 1000;
}

static void __attribute__((noreturn))
become_backup(const struct super *s, const struct conf_backup *b, int out)
{
	char keep[16];
	sigset_t none;
	const char *argv[] = {"hearthmail", "-c", s->o->config, "backup",
	    b->folder, b->keep > 0 ? "--keep" : NULL, keep, NULL};

	(void)snprintf(keep, sizeof keep, "%u", b->keep);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)dup2(out, 1);
	(void)dup2(out, 2);
	closefrom(3);
	(void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* More than is kept is read all the same: it must not wait for us. */
static ssize_t
hear(struct schedule *sc)
{
	char b[1024];
	ssize_t n = read(sc->out, b, sizeof b);

	if (n > 0 && sc->output.n + (size_t)n <= OUTPUT_MAX)
		buf_add(&sc->output, b, (size_t)n);
	return n;
}

static void
hang_up(struct schedule *sc)
{
	ev_del(&sc->ev);
	io_close(&sc->out);
}

static void
on_words(struct ev *e, uint32_t events, void *arg)
{
	struct schedule *sc = arg;
	ssize_t n = hear(sc);

	(void)e;
	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(sc);
}

/* Of one that is made: the line about the whole; accounts follow. */
static struct sv
first_line(const struct buf *output)
{
	struct sv all = sv_trim(buf_sv(output));

	return sv_trim(sv_first(all, sv_chr(all, '\n')));
}

/* Of one that failed the last line says why. */
static struct sv
last_line(const struct buf *output)
{
	struct sv rest = sv_trim(buf_sv(output));

	return sv_trim(sv_skip(
	    rest, sv_rchr(rest, '\n') == rest.n ? 0 : sv_rchr(rest, '\n') + 1));
}

static void
note_failure(struct schedule *sc, int status, struct sv reason)
{
	const char *folder = sc->s->conf->backup.folder;
	char q[LOG_Q_MAX];

	if (sv_starts(reason, SV("hearthmail backup: ")))
		reason = sv_skip(reason, SV("hearthmail backup: ").n);
	if (reason.n == 0)
		reason = SV("it ended without a message");
	sc->failed = clk_now();
	(void)snprintf(sc->reason, sizeof sc->reason, "%.*s", SV_ARG(reason));
	if (WIFSIGNALED(status))
		mlog(LOG_ERROR, "backup.fail",
		    "folder=%s signal=%d text=%s what=\"there is no new "
		    "backup\"",
		    folder != NULL ? folder : "", WTERMSIG(status),
		    log_q(q, reason));
	else
		mlog(LOG_ERROR, "backup.fail",
		    "folder=%s exit=%d text=%s what=\"%s\"",
		    folder != NULL ? folder : "", WEXITSTATUS(status),
		    log_q(q, reason),
		    sv_starts(reason, SV(BACKUP_MADE_BUT))
			? "there is a new backup, but with problems"
			: "there is no new backup");
}

/* Not even begun. */
static void
note_errno(struct schedule *sc, int e)
{
	note_failure(sc, 1 << 8, sv_str(strerror(e)));
}

static void
start(struct schedule *sc)
{
	const struct conf_backup *b = &sc->s->conf->backup;
	int fd[2];
	pid_t pid;

	if (sc->pid > 0) {
		mlog(LOG_WARN, "backup.late",
		    "text=\"the previous backup is still running\"");
		return;
	}
	if (pipe2(fd, O_CLOEXEC) != 0) {
		note_errno(sc, errno);
		return;
	}
	pid = fork();
	if (pid == 0)
		become_backup(sc->s, b, fd[1]);
	io_close(&fd[1]);
	if (pid < 0) {
		io_close(&fd[0]);
		note_errno(sc, errno);
		return;
	}
	hang_up(sc); /* a child of the one before may still hold its end */
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	buf_reset(&sc->output);
	sc->out = fd[0];
	sc->ev = ev_add(sc->s->loop, sc->out, EPOLLIN, on_words, sc);
	sc->pid = pid;
	mlog(LOG_INFO, "backup.start", "folder=%s", b->folder);
}

static void
on_time(void *arg)
{
	struct schedule *sc = arg;
	const struct conf_backup *b = &sc->s->conf->backup;
	int64_t now = clk_now(), next;

	sc->timer = ev_timer_add(sc->s->loop, LOOK_MS, on_time, sc);
	if (b->folder == NULL || sc->s->stopping) {
		sc->due = 0;
		return;
	}
	next = schedule_next(now, b->minute);
	if (sc->due != 0 && sc->minute == b->minute && now >= sc->due)
		start(sc);
	sc->due = next;
	sc->minute = b->minute;
}

struct schedule *
schedule_new(struct super *s)
{
	struct schedule *sc = xcalloc(1, sizeof *sc);

	sc->s = s;
	sc->out = -1;
	buf_init(&sc->output, OUTPUT_MAX);
	sc->timer = ev_timer_add(s->loop, 0, on_time, sc);
	return sc;
}

void
schedule_free(struct schedule **sp)
{
	struct schedule *sc = *sp;

	if (sc == NULL)
		return;
	*sp = NULL;
	ev_timer_del(&sc->timer);
	hang_up(sc);
	buf_fini(&sc->output);
	free(sc);
}

bool
schedule_reap(struct schedule *sc, pid_t pid, int status)
{
	const char *folder;
	char q[LOG_Q_MAX];

	if (sc == NULL || pid != sc->pid)
		return false;
	sc->pid = 0;
	while (sc->out >= 0 && hear(sc) > 0)
		;
	hang_up(sc);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		note_failure(sc, status, last_line(&sc->output));
		return true;
	}
	sc->failed = 0;
	folder = sc->s->conf->backup.folder;
	mlog(LOG_INFO, "backup.done", "folder=%s text=%s",
	    folder != NULL ? folder : "", log_q(q, first_line(&sc->output)));
	return true;
}

int64_t
schedule_failed(const struct schedule *sc, const char **reason)
{
	*reason = sc != NULL ? sc->reason : "";
	return sc != NULL ? sc->failed : 0;
}
