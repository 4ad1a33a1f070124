/* Processes that do not leave, or do not answer, are killed. */
#include <signal.h>

#include "base/clk.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/proto.h"

#define WATCH_GRACE_MS 500

static void
on_kill_time(void *arg)
{
	struct proc *p = arg;

	p->kill_timer = NULL;
	if (p->pid <= 0)
		return;
	mlog(LOG_WARN, "process.killed",
	    "process=%s account=%s pid=%d text=\"it does not exit\"",
	    role_info[p->role].name, p->account, (int)p->pid);
	(void)kill(p->pid, SIGKILL);
}

/* Unless it has ended by then; an earlier time that is set stays. */
void
proc_kill_later(struct proc *p, int64_t ms)
{
	int64_t at = clk_mono() + ms;

	if (p->pid <= 0 || (p->kill_timer != NULL && p->kill_at <= at))
		return;
	ev_timer_del(&p->kill_timer);
	p->kill_at = at;
	p->kill_timer = ev_timer_add(p->super->loop, ms, on_kill_time, p);
}

/* One that has not answered since the look before hangs. */
static void
look_at(struct proc *p, int64_t now)
{
	struct msg m;

	if (p->control == NULL || !p->ready || p->pid <= 0)
		return;
	if (p->asked_at == 0) {
		p->asked_at = now;
		msg_init(&m, CTL_ALIVE);
		line_tell(p->control, &m);
	} else if (now - p->asked_at >= p->super->watch_ms) {
		p->hangs++;
		mlog(LOG_ERROR, "process.hangs",
		    "process=%s account=%s pid=%d ms=%lld text=\"it does not "
		    "answer; it is killed and restarted\"",
		    role_info[p->role].name, p->account, (int)p->pid,
		    (long long)(now - p->asked_at));
		(void)kill(p->pid, SIGKILL);
		p->asked_at = 0;
	}
}

static void
judge(void *arg)
{
	struct super *s = arg;
	int64_t now = clk_mono();
	struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->asked_at != 0)
			look_at(p, now);
}

void
procs_watch(void *arg)
{
	struct super *s = arg;
	int64_t now = clk_mono();
	bool late = false;
	struct proc *p;

	(void)ev_timer_add(s->loop, s->watch_ms, procs_watch, s);
	if (s->stopping)
		return;
	for (p = s->procs; p != NULL; p = p->next)
		if (p->asked_at != 0)
			late = true;
		else
			look_at(p, now);
	/* Were we ourselves away, the answers are there and come first. */
	if (late)
		(void)ev_timer_add(s->loop, WATCH_GRACE_MS, judge, s);
}
