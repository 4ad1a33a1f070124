/*
 * The status of the server: each process is asked on its control line, and
 * what they answer is passed on unread, with what only the supervisor knows.
 *
 * The command gets a struct status_all with a sealed file of records, each a
 * struct status_record (ipc/msg_control.h) behind 4 bytes of its length.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/run/day.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/published.h"
#include "cmd/supervisor/schedule.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_control.h"
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
	const struct status_record r = {
	    .role = sv_str(role_info[p->role].name),
	    .account = sv_str(p->account),
	    .pid = (uint32_t)p->pid,
	    .ms = (uint64_t)(clk_mono() - p->started),
	    .restarts = p->restarts,
	    .answer = buf_sv(&p->status),
	};
	struct msg m;
	char length[4];

	msg_init(&m, 0);
	m.b.max = 2 * MSG_MAX;
	status_record_put(&m, &r);
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

/* As many as fit. */
static void
add_lines(struct sv lines, struct buf *out)
{
	while (lines.n > 0) {
		struct sv line = sv_split(&lines, '\n');

		if (out->n + line.n + 1 > out->max)
			return;
		buf_addsv(out, line);
		buf_addc(out, '\n');
	}
}

/* All have answered, or have had their time. */
static void
finish(struct super_status *w)
{
	struct super_status **at = &w->s->status_waiting;
	struct status_all all = {
	    .ms = (uint64_t)(clk_mono() - w->s->start_time),
	    .cert_trouble = sv_str(w->s->cert_trouble),
	    .fd = records_file(w->s),
	};
	const char *why;
	struct buf trouble;
	struct day day;
	struct msg m;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	ev_timer_del(&w->timer);
	all.rc = all.fd >= 0 ? RC_OK : RC_TEMP;
	all.backup_failed = schedule_failed(w->s->schedule, &why);
	all.why = sv_str(why);
	all.published_trouble =
	    published_trouble(w->s->published, &all.published_when);
	all.certificates = acme_schedule_text(w->s->acme);
	buf_init(&trouble, CERTIFICATES_TEXT_MAX - 1);
	add_lines(buf_sv(&w->s->domain_trouble), &trouble);
	add_lines(acme_schedule_trouble(w->s->acme), &trouble);
	all.certificates_trouble = buf_sv(&trouble);
	day_init(&day);
	all.day = day.said;
	msg_init(&m, MSG_REPLY);
	status_all_put(&m, &all);
	day_fini(&day);
	buf_fini(&trouble);
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
