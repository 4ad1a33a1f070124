/*
 * `hearthmail debug`: the log level of processes and a trace, while the server
 * runs.  One message comes from the command, of the machine's owner, and goes
 * on to the processes that it names.  And questions of what the service sees,
 * which the supervisor answers itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/alloc.h"
#include "base/io.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/proto.h"

#define PATIENCE_MS 5000

struct order {
	struct super *s;
	int fd;
	struct ev *ev;
	struct ev_timer *timer;
};

static void
order_free(struct order *o)
{
	ev_del(&o->ev);
	ev_timer_del(&o->timer);
	io_close(&o->fd);
	free(o);
}

/* Is this the process that the words name? */
static bool
is_named(const struct proc *p, const char *words)
{
	char name[CONF_NAME_MAX + 16];

	if (words[0] == '\0' || strcmp(words, role_info[p->role].name) == 0)
		return true;
	(void)snprintf(
	    name, sizeof name, "%s %s", role_info[p->role].name, p->account);
	return strcmp(words, name) == 0;
}

static unsigned
pass_on(struct super *s, const char *process, uint8_t level, struct sv what,
    uint64_t ms)
{
	struct proc *p;
	struct msg m;
	unsigned n = 0;

	for (p = s->procs; p != NULL; p = p->next) {
		if (p->control == NULL || !is_named(p, process))
			continue;
		msg_init(&m, CTL_DEBUG);
		msg_put_u8(&m, level);
		msg_put_sv(&m, what);
		msg_put_u64(&m, ms);
		line_tell(p->control, &m);
		n++;
	}
	return n;
}

static void
answer(struct order *o, struct msg *m)
{
	char process[CONF_NAME_MAX + 16], text[120];
	struct msg reply;
	uint8_t level;
	struct sv what;
	uint64_t ms;
	unsigned n = 0;

	msg_get_str(m, process, sizeof process);
	level = msg_get_u8(m);
	what = msg_get_sv(m);
	ms = msg_get_u64(m);
	if (m->type == CMD_DEBUG && msg_end(m) == RC_OK)
		n = pass_on(o->s, process, level, what, ms);
	(void)snprintf(text, sizeof text,
	    n > 0 ? "%u process%s told" : "there is no such process now", n,
	    n == 1 ? "" : "es");
	msg_init(&reply, MSG_REPLY);
	msg_put_u32(&reply, (uint32_t)(n > 0 ? RC_OK : RC_NOTFOUND));
	msg_put_str(&reply, text);
	if (line_send_fd(o->fd, &reply) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=debug");
}

static void
on_message(struct ev *e, uint32_t events, void *arg)
{
	struct order *o = arg;
	struct msg m;

	(void)e;
	(void)events;
	if (line_recv_fd(o->fd, &m) == RC_OK) {
		if (m.type == CMD_LOOK)
			look_answer(o->fd, &m);
		else
			answer(o, &m);
		msg_fini(&m);
	}
	order_free(o);
}

static void
on_late(void *arg)
{
	struct order *o = arg;

	o->timer = NULL;
	order_free(o);
}

void
debug_ordered(struct super *s, int fd)
{
	struct order *o = xcalloc(1, sizeof *o);

	o->s = s;
	o->fd = fd;
	o->ev = ev_add(s->loop, fd, EPOLLIN, on_message, o);
	o->timer = ev_timer_add(s->loop, PATIENCE_MS, on_late, o);
}
