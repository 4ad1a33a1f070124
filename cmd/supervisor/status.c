/*
 * The status of the server: each process is asked on its control line, and
 * what they answer is passed on unread, with what only the supervisor knows.
 *
 * What the command gets is one sealed file of records: 4 bytes length, then a
 * message's fields: str role, str account, u32 pid, u64 ms since its start,
 * u32 restarts, u8 has answered, then the answer as run/process.c writes it.
 * The message that brings it has u32 rc, u64 ms since the start, u64 when the
 * last daily backup failed, str why, str what is wrong with the certificate's
 * files, the counts of processes that are gone (u32
 * how many, each u64), and the supervisor's own errors and warnings: u32 how
 * many, each u8 level, u64 when, str text.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/tally.h"
#include "cmd/supervisor/schedule.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/proto.h"

#define PATIENCE_MS 1000

/* One connection of the command that waits. */
struct super_status {
	struct super *s;
	int fd;
	struct ev_timer *timer;
	struct super_status *next;
};

static void
add_record(struct buf *out, const struct proc *p)
{
	struct msg m;
	char length[4];

	msg_init(&m, 0);
	msg_put_str(&m, role_info[p->role].name);
	msg_put_str(&m, p->account);
	msg_put_u32(&m, (uint32_t)p->pid);
	msg_put_u64(&m, (uint64_t)(clk_mono() - p->started));
	msg_put_u32(&m, p->restarts);
	msg_put_u8(&m, p->status.n > 0);
	buf_addsv(&m.b, buf_sv(&p->status));
	be_put32(length, (uint32_t)m.b.n);
	buf_add(out, length, sizeof length);
	buf_addsv(out, buf_sv(&m.b));
	msg_fini(&m);
}

static int
records_file(const struct super *s)
{
	const struct proc *p;
	struct buf out;
	int fd;

	buf_init(&out, 64u << 20);
	for (p = s->procs; p != NULL; p = p->next)
		if (p->pid > 0)
			add_record(&out, p);
	fd = memfd_create("status", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && io_write_all(fd, out.p, out.n) != RC_OK)
		io_close(&fd);
	if (fd >= 0)
		(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	buf_fini(&out);
	return fd;
}

struct own_events {
	struct msg m;
	uint32_t n;
};

static void
put_event(void *arg, enum log_level level, int64_t when, const char *text)
{
	struct own_events *o = arg;

	msg_put_u8(&o->m, (uint8_t)level);
	msg_put_u64(&o->m, (uint64_t)when);
	msg_put_str(&o->m, text);
	o->n++;
}

static void
put_own(const struct super *s, struct msg *m)
{
	struct own_events o = {.n = 0};
	const char *reason;
	int t;

	msg_put_u64(m, (uint64_t)schedule_failed(s->schedule, &reason));
	msg_put_str(m, reason);
	msg_put_str(m, s->cert_trouble);
	/* What processes have counted that are gone. */
	msg_put_u32(m, TALLIES);
	for (t = 0; t < TALLIES; t++)
		msg_put_u64(m, tally_day((enum tally)t));
	msg_init(&o.m, 0);
	log_recent(put_event, &o);
	msg_put_u32(m, o.n);
	buf_addsv(&m->b, buf_sv(&o.m.b));
	msg_fini(&o.m);
}

/* All have answered, or have had their time. */
static void
finish(struct super_status *w)
{
	struct super_status **at = &w->s->status_waiting;
	struct msg m;
	int fd = records_file(w->s);

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	ev_timer_del(&w->timer);
	msg_init(&m, MSG_REPLY);
	msg_put_u32(&m, fd >= 0 ? (uint32_t)RC_OK : (uint32_t)RC_TEMP);
	msg_put_u64(&m, (uint64_t)(clk_mono() - w->s->start_time));
	put_own(w->s, &m);
	if (fd >= 0)
		msg_put_fd(&m, fd);
	if (line_send_fd(w->fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=status");
	io_close(&w->fd);
	free(w);
}

static void
on_timer(void *arg)
{
	struct super_status *w = arg;

	w->timer = NULL;
	finish(w);
}

static bool
all_have_answered(const struct super *s)
{
	const struct proc *p;

	for (p = s->procs; p != NULL; p = p->next)
		if (p->control != NULL && p->ready && p->status.n == 0)
			return false;
	return true;
}

void
status_begin(struct super *s, int fd)
{
	struct super_status *w = xcalloc(1, sizeof *w);
	struct proc *p;
	struct msg m;

	w->s = s;
	w->fd = fd;
	w->next = s->status_waiting;
	s->status_waiting = w;
	for (p = s->procs; p != NULL; p = p->next) {
		buf_reset(&p->status);
		if (p->control == NULL)
			continue;
		msg_init(&m, CTL_STATUS);
		line_tell(p->control, &m);
	}
	w->timer = ev_timer_add(s->loop, PATIENCE_MS, on_timer, w);
}

void
status_answer(struct proc *p, struct msg *m)
{
	buf_reset(&p->status);
	buf_addsv(&p->status, buf_sv(&m->b));
	while (p->super->status_waiting != NULL && all_have_answered(p->super))
		finish(p->super->status_waiting);
}

void
status_drop(struct super *s)
{
	struct super_status *w;

	while ((w = s->status_waiting) != NULL) {
		s->status_waiting = w->next;
		ev_timer_del(&w->timer);
		io_close(&w->fd);
		free(w);
	}
}
