#include "cmd/schedule.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"

#define LOOK_MS 10000 /* the clock may be set meanwhile */

struct schedule {
	struct super *s;
	struct ev_timer *timer;
	int64_t due; /* 0: none */
	uint32_t minute;
	pid_t pid;
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
become_backup(const struct super *s, const struct conf_backup *b)
{
	char keep[16];
	sigset_t none;
	const char *argv[] = {"hearthmail", "-c", s->o->config, "backup",
	    b->folder, b->keep > 0 ? "--keep" : NULL, keep, NULL};

	(void)snprintf(keep, sizeof keep, "%u", b->keep);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	/* What it says goes to the log, like everybody's. */
	(void)dup2(s->log_pipe[1] >= 0 ? s->log_pipe[1] : 2, 1);
	(void)dup2(1, 2);
	closefrom(3);
	(void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
start(struct schedule *sc)
{
	const struct conf_backup *b = &sc->s->conf->backup;
	pid_t pid;

	if (sc->pid > 0) {
		mlog(LOG_WARN, "backup.late",
		    "text=\"the last one is still at work\"");
		return;
	}
	pid = fork();
	if (pid == 0)
		become_backup(sc->s, b);
	if (pid < 0) {
		mlog(LOG_ERROR, "backup.fail", "errno=%d", errno);
		return;
	}
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
	free(sc);
}

bool
schedule_reap(struct schedule *sc, pid_t pid, int status)
{
	if (sc == NULL || pid != sc->pid)
		return false;
	sc->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		mlog(LOG_INFO, "backup.done", "folder=%s",
		    sc->s->conf->backup.folder != NULL
			? sc->s->conf->backup.folder
			: "");
	else
		mlog(LOG_ERROR, "backup.fail",
		    "status=%d text=\"there is no new backup\"", status);
	return true;
}
