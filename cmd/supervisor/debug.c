/*
 * `hearthmail debug`: the log level of processes and a trace, while the server
 * runs.  One message comes from the command, of the machine's owner, and goes
 * on to the processes that it names.  And questions of what the service sees,
 * which the supervisor answers itself, and wishes for certificates.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_control.h"
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
pass_on(struct super *s, const char *process, const struct ctl_debug *said)
{
	struct proc *p;
	struct msg m;
	unsigned n = 0;

	for (p = s->procs; p != NULL; p = p->next) {
		if (p->control == NULL || !is_named(p, process))
			continue;
		msg_init(&m, CTL_DEBUG);
		ctl_debug_put(&m, said);
		line_tell(p->control, &m);
		n++;
	}
	return n;
}

/* A client or a mail host: an address or a name of several labels. */
static bool
can_be_peer(struct sv s)
{
	return sv_chr(s, '@') == s.n &&
	       (sv_chr(s, '.') < s.n || sv_chr(s, ':') < s.n);
}

static int
obey(struct super *s, struct msg *m, struct err *err)
{
	char process[CTL_NAME_MAX + 16];
	struct cmd_debug said;
	bool traces, is_account;
	unsigned n;

	if (m->type != CMD_DEBUG || cmd_debug_get(m, &said) != RC_OK)
		return err_set(err, RC_SYNTAX, "that is not understood");
	sv_copy(said.process, process, sizeof process);
	traces = said.debug.level > LOG_DEBUG && said.debug.ms > 0;
	is_account = conf_account_by_name(s->conf, said.debug.what) >= 0;
	if (traces && !is_account && !can_be_peer(said.debug.what))
		return err_set(err, RC_NOTFOUND,
		    "there is no account \"%.*s\"; a peer is named by its "
		    "address or full host name",
		    SV_ARG(said.debug.what));
	n = pass_on(s, process, &said.debug);
	if (n == 0)
		return err_set(
		    err, RC_NOTFOUND, "there is no such process now");
	if (traces)
		return err_set(err, RC_OK,
		    "%u process%s what the %s %.*s says and hears", n,
		    each(n, " logs", "es log"), is_account ? "account" : "peer",
		    SV_ARG(said.debug.what));
	if (said.debug.level > LOG_DEBUG)
		return err_set(err, RC_OK,
		    "%u process%s no longer log%s the protocol", n,
		    each(n, "", "es"), each(n, "s", ""));
	return err_set(err, RC_OK, "%u process%s by the new level", n,
	    each(n, " logs", "es log"));
}

static void
answer(struct order *o, struct msg *m)
{
	struct msg reply;
	struct err err;
	int r = obey(o->s, m, &err);

	msg_answer_make(&reply, 0, r, err.text);
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
		if (m.type == CMD_LOOK) {
			look_answer(o->fd, &m);
		} else if (m.type == CMD_RENEW) {
			ev_del(&o->ev);
			acme_schedule_renew(o->s->acme, o->fd, &m);
			o->fd = -1;
		} else {
			answer(o, &m);
		}
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
