#include "cmd/supervisor/published.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "cmd/exit_code.h"
#include "cmd/supervisor/job.h"
#include "ipc/msg_control.h"

struct published {
	struct super *s;
	int64_t first_ms;
	struct ev_timer *timer;
	struct job job;
	bool again; /* it was ended, to begin anew */
	int64_t when;
	struct buf trouble;
};

static void on_time(void *arg);

static void
forget(struct published *n)
{
	buf_reset(&n->trouble);
	n->when = 0;
}

static void
on_time(void *arg)
{
	static const char *const words[] = {"dns", "--brief", NULL};
	struct published *n = arg;
	int e;

	n->timer = ev_timer_add(n->s->loop, PUBLISHED_AGAIN_MS, on_time, n);
	if (!n->s->conf->dns.check) {
		forget(n);
		return;
	}
	if (n->s->stopping)
		return;
	/* It ends by itself within minutes; or the configuration is new. */
	if (n->job.pid > 0) {
		(void)kill(n->job.pid, SIGKILL);
		n->again = true;
		return;
	}
	e = job_start(&n->job, n->s->o->config, words);
	if (e != 0)
		mlog(LOG_WARN, "published.fail", "error=\"%s\"", strerror(e));
}

struct published *
published_new(struct super *s, int64_t first_ms)
{
	struct published *n = xcalloc(1, sizeof *n);

	n->s = s;
	n->first_ms = first_ms;
	job_init(&n->job, s->loop, JOB_OUTPUT_MAX);
	buf_init(&n->trouble, PUBLISHED_TROUBLE_MAX);
	n->timer = ev_timer_add(s->loop, first_ms, on_time, n);
	return n;
}

void
published_free(struct published **np)
{
	struct published *n = *np;

	if (n == NULL)
		return;
	*np = NULL;
	ev_timer_del(&n->timer);
	if (n->job.pid > 0)
		(void)kill(n->job.pid, SIGKILL);
	job_fini(&n->job);
	buf_fini(&n->trouble);
	free(n);
}

void
published_again(struct published *n)
{
	ev_timer_del(&n->timer);
	n->timer = ev_timer_add(n->s->loop, n->first_ms, on_time, n);
}

/* Whole lines, as many as fit. */
static void
keep(struct published *n)
{
	struct sv rest = buf_sv(&n->job.output);

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		if (n->trouble.n + line.n + 1 > PUBLISHED_TROUBLE_MAX)
			return;
		buf_addsv(&n->trouble, line);
		buf_addc(&n->trouble, '\n');
	}
}

static void
log_trouble(const struct published *n)
{
	struct sv rest = buf_sv(&n->trouble);
	char q[LOG_Q_MAX];

	while (rest.n > 0)
		mlog(LOG_WARN, "published.wrong", "text=%s",
		    log_q(q, sv_split(&rest, '\n')));
}

bool
published_reap(struct published *n, pid_t pid, int status)
{
	char q[LOG_Q_MAX];

	if (n == NULL || !job_reap(&n->job, pid))
		return false;
	if (n->again) {
		n->again = false;
		ev_timer_del(&n->timer);
		n->timer = ev_timer_add(n->s->loop, 0, on_time, n);
		return true;
	}
	forget(n);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINE) {
		n->when = clk_now();
		mlog(LOG_INFO, "published.right",
		    "text=\"all DNS records are published\"");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED &&
		   n->job.output.n > 0) {
		/* Without a line it could not look. */
		n->when = clk_now();
		keep(n);
		log_trouble(n);
	} else if (!n->s->stopping) {
		mlog(LOG_WARN, "published.fail", "status=%d text=%s", status,
		    log_q(q, sv_trim(buf_sv(&n->job.output))));
	}
	return true;
}

struct sv
published_trouble(const struct published *n, int64_t *when)
{
	*when = n != NULL ? n->when : 0;
	return n != NULL ? buf_sv(&n->trouble) : SV("");
}
