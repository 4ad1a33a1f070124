#include "cmd/supervisor/child_log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define PIPE_BYTES    (256 << 10)
#define PAUSE_MS      20 /* between looks, for all: else each line wakes us */
#define CHUNK	      32768
#define CHUNKS_A_LOOK 16
#define LINE_BYTES    4096 /* the longest line that a process may write */
#define ATOMIC_BYTES  4096 /* PIPE_BUF: a pipe that polls writable takes it */
#define WAIT_MS	      20   /* for the reader of our log */
#define FLOOD_RATE    2000 /* bytes a millisecond that a process may log */
#define FLOOD_BURST   (8 << 20)
#define FLOOD_TELL_MS 10000

struct child_logs {
	struct ev_loop *loop;
	struct child_log *first;
	struct ev_timer *timer;
};

struct child_log {
	struct child_logs *all;
	char process[32];
	pid_t pid;
	int fd;
	struct ev *ev;
	bool paused;	 /* it is not heard before the next look */
	struct buf line; /* the beginning of one that is not whole yet */
	int64_t budget;	 /* bytes that it may still log now */
	int64_t budget_at;
	uint64_t dropped;
	int64_t told_at; /* that some were dropped */
	struct child_log *next;
};

/* ---- out ---- */

/* In pieces that do not block: a reader that hangs must not hang us.  Returns
 * the bytes that it did not take. */
static size_t
put_out(const char *p, size_t n)
{
	while (n > 0) {
		struct pollfd f = {.fd = 2, .events = POLLOUT};
		size_t k = n < ATOMIC_BYTES ? n : ATOMIC_BYTES;

		if (poll(&f, 1, WAIT_MS) <= 0 || (f.revents & POLLOUT) == 0 ||
		    io_write_all(2, p, k) != RC_OK)
			break;
		p += k;
		n -= k;
	}
	return n;
}

/* Does it begin as this process's lines do: "TIME LEVEL NAME[PID] ", or the
 * same in JSON?  A service manager's "<4>" may come first. */
static bool
is_own(const struct child_log *l, struct sv s)
{
	char tag[96];
	size_t at;
	int n;

	if (s.n > 3 && s.p[0] == '<' && s.p[2] == '>')
		s = sv_skip(s, 3);
	if (s.n > 0 && s.p[0] == '{') {
		n = snprintf(tag, sizeof tag, ",\"process\":\"%s\",\"pid\":%d,",
		    l->process, (int)l->pid);
		at = sv_find(s, SV(",\"process\":"));
	} else {
		n = snprintf(
		    tag, sizeof tag, " %s[%d] ", l->process, (int)l->pid);
		at = sv_chr(s, ' ');
		if (at < s.n)
			at += 1 + sv_chr(sv_skip(s, at + 1), ' ');
	}
	return n > 0 && at < s.n &&
	       sv_starts(sv_skip(s, at), sv_of(tag, (size_t)n));
}

/* One line, without its end; out is what goes on as it is. */
static void
copy_line(const struct child_log *l, struct sv s, struct buf *out)
{
	char q[LOG_Q_MAX];
	size_t i;

	if (!is_own(l, s)) {
		/* A library's words, a sanitizer's, or an attempt. */
		mlog(LOG_INFO, "process.says", "process=%s pid=%d text=%s",
		    l->process, (int)l->pid, log_q(q, s));
		return;
	}
	for (i = 0; i < s.n; i++)
		buf_addc(out, ascii_is_print(s.p[i]) ? s.p[i] : '?');
	buf_addc(out, '\n');
}

/* ---- in ---- */

/* What is lost is logged now and then. */
static void
lose(struct child_log *l, size_t n)
{
	int64_t now = clk_mono();

	l->dropped += n;
	if (n == 0 || (l->told_at != 0 && now - l->told_at < FLOOD_TELL_MS))
		return;
	mlog(LOG_WARN, "log.flood",
	    "process=%s pid=%d lost=%llu text=\"it logs faster than the log "
	    "can be written\"",
	    l->process, (int)l->pid, (unsigned long long)l->dropped);
	l->told_at = now;
	l->dropped = 0;
}

/* May it log n bytes more? */
static bool
within_budget(struct child_log *l, size_t n)
{
	int64_t now = clk_mono();

	l->budget += (now - l->budget_at) * FLOOD_RATE;
	if (l->budget > FLOOD_BURST)
		l->budget = FLOOD_BURST;
	l->budget_at = now;
	if ((int64_t)n <= l->budget) {
		l->budget -= (int64_t)n;
		return true;
	}
	lose(l, n);
	return false;
}

/* Copies what is there now; false: nothing was. */
static bool
copy_some(struct child_log *l)
{
	char b[CHUNK];
	ssize_t n = read(l->fd, b, sizeof b);
	struct sv rest;
	struct buf out;
	size_t at;

	if (n <= 0)
		return false;
	if (!within_budget(l, (size_t)n)) {
		buf_reset(&l->line);
		return true;
	}
	rest = sv_of(b, (size_t)n);
	buf_init(&out, 2 * CHUNK + 2 * LINE_BYTES);
	while ((at = sv_chr(rest, '\n')) < rest.n) {
		buf_addsv(&l->line, sv_first(rest, at));
		copy_line(l, buf_sv(&l->line), &out);
		buf_release(&l->line);
		rest = sv_skip(rest, at + 1);
	}
	buf_addsv(&l->line, rest);
	if (!buf_ok(&l->line))
		buf_release(&l->line); /* no line of ours is as long */
	lose(l, put_out(out.p, out.n));
	buf_fini(&out);
	return true;
}

static void
on_time(void *arg)
{
	struct child_logs *h = arg;
	struct child_log *l;
	int i;

	h->timer = NULL;
	for (l = h->first; l != NULL; l = l->next) {
		if (!l->paused)
			continue;
		for (i = 0; i < CHUNKS_A_LOOK && copy_some(l); i++)
			;
		l->paused = false;
		/* Its end is seen in a pause, too. */
		if (l->ev != NULL)
			ev_set(l->ev, EPOLLIN);
	}
}

static void
on_input(struct ev *e, uint32_t events, void *arg)
{
	struct child_log *l = arg;

	if (!copy_some(l) && (events & EPOLLHUP) != 0) {
		/* Its end comes as SIGCHLD, too. */
		ev_del(&l->ev);
		return;
	}
	ev_set(e, 0);
	l->paused = true;
	if (l->all->timer == NULL)
		l->all->timer =
		    ev_timer_add(l->all->loop, PAUSE_MS, on_time, l->all);
}

/* ---- life ---- */

struct child_logs *
child_logs_new(struct ev_loop *loop)
{
	struct child_logs *h = xcalloc(1, sizeof *h);

	h->loop = loop;
	return h;
}

struct child_log *
child_log_new(struct child_logs *h, const char *process, int *fd_out)
{
	struct child_log *l;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
		return NULL;
	(void)fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES);
	l = xcalloc(1, sizeof *l);
	l->all = h;
	(void)snprintf(l->process, sizeof l->process, "%s", process);
	l->fd = fd[0];
	l->budget = FLOOD_BURST;
	l->budget_at = clk_mono();
	buf_init(&l->line, LINE_BYTES);
	l->ev = ev_add(h->loop, l->fd, EPOLLIN, on_input, l);
	l->next = h->first;
	h->first = l;
	*fd_out = fd[1];
	return l;
}

void
child_log_set_pid(struct child_log *l, pid_t pid)
{
	l->pid = pid;
}

void
child_log_end(struct child_log **lp)
{
	struct child_log *l = *lp, **at;

	if (l == NULL)
		return;
	*lp = NULL;
	while (copy_some(l))
		;
	at = &l->all->first;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	ev_del(&l->ev);
	io_close(&l->fd);
	buf_fini(&l->line);
	free(l);
}

void
child_logs_free(struct child_logs **hp)
{
	struct child_logs *h = *hp;

	if (h == NULL)
		return;
	while (h->first != NULL) {
		struct child_log *l = h->first;

		child_log_end(&l);
	}
	ev_timer_del(&h->timer);
	free(h);
	*hp = NULL;
}
