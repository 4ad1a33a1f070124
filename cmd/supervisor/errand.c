#include "cmd/supervisor/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/exit_code.h"
#include "cmd/supervisor/job.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

/* However often it is asked for. */
#define LEAST_AGE_MS 1000

static const struct errand_kind {
	const char *words[JOB_WORDS_MAX + 1];
	enum role who; /* may have it */
	int64_t patience_ms;
} kinds[ERRANDS] = {
    [ERRAND_STATUS] = {{"status", "--json", NULL}, ROLE_ADMIN, 30000},
    [ERRAND_CHECK] = {{"check", "--json", NULL}, ROLE_ADMIN, 60000},
    [ERRAND_DNS] = {{"dns", "--json", NULL}, ROLE_ADMIN, 600000},
    [ERRAND_DKIM] = {{"dkim", "list", NULL}, ROLE_ADMIN, 30000},
    [ERRAND_REPORTS] = {{"reports", NULL}, ROLE_ADMIN, 60000},
    [ERRAND_METRICS] = {{"status", "--metrics", NULL}, ROLE_WEB, 30000},
};

struct one {
	struct super *s;
	enum errand what;
	struct job job;
	struct ev_timer *patience;
	/* The last output: */
	int kept; /* -1: none */
	int64_t when, began;
	uint8_t status;
};

struct errands {
	struct one one[ERRANDS];
};

struct errands *
errands_new(struct super *s)
{
	struct errands *e = xcalloc(1, sizeof *e);
	size_t i;

	for (i = 0; i < ERRANDS; i++) {
		struct one *o = &e->one[i];

		*o = (struct one){.s = s, .what = (enum errand)i, .kept = -1};
		job_init(&o->job, s->loop, ERRAND_BYTES_MAX);
		o->job.quiet = true;
	}
	return e;
}

void
errands_free(struct errands **ep)
{
	struct errands *e = *ep;
	size_t i;

	if (e == NULL)
		return;
	*ep = NULL;
	for (i = 0; i < ERRANDS; i++) {
		ev_timer_del(&e->one[i].patience);
		if (e->one[i].job.pid > 0)
			(void)kill(e->one[i].job.pid, SIGKILL);
		job_fini(&e->one[i].job);
		io_close(&e->one[i].kept);
	}
	free(e);
}

static void
tell(struct proc *p, const struct one *o, int rc)
{
	struct ctl_errand_done done = {
	    .what = (uint8_t)o->what, .rc = rc, .fd = -1};
	struct msg m;

	if (p->control == NULL)
		return;
	if (rc == RC_OK) {
		done.when = o->when;
		done.status = o->status;
		done.fd = fcntl(o->kept, F_DUPFD_CLOEXEC, 0);
		if (done.fd < 0)
			done.rc = RC_TEMP;
	}
	msg_init(&m, CTL_ERRAND_DONE);
	ctl_errand_done_put(&m, &done);
	line_tell(p->control, &m);
}

static void
tell_waiting(struct one *o, int rc)
{
	const unsigned bit = 1u << o->what;
	struct proc *p;

	for (p = o->s->procs; p != NULL; p = p->next)
		if ((p->errands & bit) != 0) {
			p->errands &= ~bit;
			tell(p, o, rc);
		}
}

/* It takes too long: its end comes as any other. */
static void
on_patience(void *arg)
{
	struct one *o = arg;

	o->patience = NULL;
	if (o->job.pid > 0)
		(void)kill(o->job.pid, SIGKILL);
}

static int
run(struct one *o)
{
	int e = job_start(&o->job, o->s->o->config, kinds[o->what].words);

	if (e != 0)
		return e;
	o->began = clk_mono();
	o->patience = ev_timer_add(
	    o->s->loop, kinds[o->what].patience_ms, on_patience, o);
	return 0;
}

void
errands_ordered(struct errands *e, struct proc *by, struct msg *m)
{
	struct ctl_errand asked;
	struct one *o;
	int why;

	if (e == NULL || ctl_errand_get(m, &asked) != RC_OK)
		return;
	o = &e->one[asked.what];
	if (kinds[o->what].who != by->role) {
		/* None of ours does that. */
		mlog(LOG_ERROR, "errand.forbidden",
		    "process=%s pid=%d what=%s text=\"it did something "
		    "forbidden; it is killed and restarted\"",
		    role_info[by->role].name, (int)by->pid,
		    kinds[o->what].words[0]);
		if (by->pid > 0)
			(void)kill(by->pid, SIGKILL);
		return;
	}
	if (asked.ms < LEAST_AGE_MS)
		asked.ms = LEAST_AGE_MS;
	/* Of one that runs the new output is worth waiting for. */
	if (o->job.pid == 0 && o->kept >= 0 &&
	    (uint64_t)(clk_mono() - o->began) <= asked.ms) {
		tell(by, o, RC_OK);
		return;
	}
	by->errands |= 1u << o->what;
	if (o->job.pid > 0)
		return;
	why = o->s->stopping ? EAGAIN : run(o);
	if (why != 0) {
		mlog(LOG_WARN, "errand.fail", "what=%s error=\"%s\"",
		    kinds[o->what].words[0], strerror(why));
		tell_waiting(o, RC_TEMP);
	}
}

/* What it has printed becomes what is kept; false: it is nothing, or too much.
 */
static bool
keep(struct one *o)
{
	struct sv output = buf_sv(&o->job.output);
	int fd;

	if (output.n == 0 || o->job.cut)
		return false;
	fd = memfd_create("errand", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || io_write_all(fd, output.p, output.n) != RC_OK ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
		0) {
		io_close(&fd);
		return false;
	}
	io_close(&o->kept);
	o->kept = fd;
	o->when = clk_now();
	return true;
}

bool
errands_reap(struct errands *e, pid_t pid, int status)
{
	struct one *o = NULL;
	size_t i;

	for (i = 0; e != NULL && i < ERRANDS; i++)
		if (job_reap(&e->one[i].job, pid))
			o = &e->one[i];
	if (o == NULL)
		return false;
	ev_timer_del(&o->patience);
	if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_USAGE && keep(o)) {
		o->status = (uint8_t)WEXITSTATUS(status);
		tell_waiting(o, RC_OK);
	} else {
		mlog(LOG_WARN, "errand.fail", "what=%s status=%d",
		    kinds[o->what].words[0], status);
		tell_waiting(
		    o, WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG
			   ? RC_SYNTAX
			   : RC_TEMP);
	}
	buf_release(&o->job.output);
	return true;
}
