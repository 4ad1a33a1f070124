#include "cmd/supervisor/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "backup/backup.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "cmd/supervisor/job.h"

#define LOOK_MS 10000 /* the clock may be set meanwhile */

struct schedule {
	struct super *s;
	struct ev_timer *timer;
	int64_t due; /* 0: none */
	uint32_t minute;
	struct job job; /* what it says is for the event of its end */
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
	char keep[16];
	const char *words[] = {
	    "backup", b->folder, b->keep > 0 ? "--keep" : NULL, keep, NULL};
	int e;

	if (sc->job.pid > 0) {
		mlog(LOG_WARN, "backup.late",
		    "text=\"the previous backup is still running\"");
		return;
	}
	(void)snprintf(keep, sizeof keep, "%u", b->keep);
	e = job_start(&sc->job, sc->s->o->config, words);
	if (e != 0)
		note_errno(sc, e);
	else
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
	job_init(&sc->job, s->loop, JOB_OUTPUT_MAX);
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
	job_fini(&sc->job);
	free(sc);
}

bool
schedule_reap(struct schedule *sc, pid_t pid, int status)
{
	const char *folder;
	char q[LOG_Q_MAX];

	if (sc == NULL || !job_reap(&sc->job, pid))
		return false;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		note_failure(sc, status, last_line(&sc->job.output));
		return true;
	}
	sc->failed = 0;
	folder = sc->s->conf->backup.folder;
	mlog(LOG_INFO, "backup.done", "folder=%s text=%s",
	    folder != NULL ? folder : "",
	    log_q(q, first_line(&sc->job.output)));
	return true;
}

int64_t
schedule_failed(const struct schedule *sc, const char **reason)
{
	*reason = sc != NULL ? sc->reason : "";
	return sc != NULL ? sc->failed : 0;
}
