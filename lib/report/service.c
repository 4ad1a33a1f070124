#include "report/service.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "ipc/server.h"
#include "report/read.h"

struct report_service {
	struct report_service_opts o;
	struct ipc_server *clients;
	struct ev_timer *idle;
};

static void on_idle(void *arg);

static void
wait_for_more(struct report_service *s)
{
	ev_timer_del(&s->idle);
	s->idle = ev_timer_add(s->o.loop, s->o.idle_ms, on_idle, s);
}

static void
on_idle(void *arg)
{
	struct report_service *s = arg;

	s->idle = NULL;
	if (!s->o.idle(s->o.arg))
		wait_for_more(s);
}

/* ---- one mail ---- */

static void
on_record(void *arg, const struct report_record *r)
{
	struct report_service *s = arg;
	struct report_record other;

	if (r->refused.n > 0 || r->domain.n == 0 ||
	    s->o.is_ours(s->o.arg, r->domain)) {
		s->o.keep(s->o.arg, r);
		return;
	}
	other = *r;
	other.refused = SV("it is about a domain that is not this server's");
	other.nsource = other.ntls = 0;
	other.more_passed = other.more_failed = 0;
	s->o.keep(s->o.arg, &other);
}

static void
read_mail(struct report_service *s, const struct report_mail *m)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct buf bytes;
	char *p;

	if (m->deadly || m->size > REPORT_MAIL_MAX || m->fd < 0) {
		report_refuse(m,
		    m->deadly ? "the process that reads reports died of it, "
				"twice"
		    : m->size > REPORT_MAIL_MAX
			? "it is larger than any report"
			: "there were too many open files",
		    on_record, s);
		return;
	}
	buf_init(&bytes, REPORT_MAIL_MAX + 1);
	p = buf_reserve(&bytes, (size_t)m->size);
	if (p != NULL && io_pread_all(m->fd, p, (size_t)m->size, 0) == RC_OK) {
		buf_added(&bytes, (size_t)m->size);
		(void)report_read(buf_sv(&bytes), m, &limits, on_record, s);
	} else {
		report_refuse(m, "it could not be read", on_record, s);
	}
	buf_fini(&bytes);
	alloc_trim();
}

static void
on_client_msg(struct ipc_client *c, struct msg *m)
{
	struct report_service *s = c->arg;
	struct report_mail mail;
	struct msg answer;
	uint32_t id = m->id;

	if (m->type != REPORT_READ || report_mail_get(m, &mail) != RC_OK) {
		line_accuse(c->line);
		ipc_client_cut(c);
		return;
	}
	read_mail(s, &mail);
	report_mail_fini(&mail);
	msg_answer_make(&answer, id, RC_OK, "");
	ipc_client_answer(c, id, &answer);
	wait_for_more(s);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct ipc_client), .msg = on_client_msg};

/* ---- life ---- */

struct report_service *
report_service_new(const struct report_service_opts *o)
{
	struct report_service *s = xcalloc(1, sizeof *s);

	s->o = *o;
	s->clients = ipc_server_new(o->loop, &client_ops, s);
	wait_for_more(s);
	return s;
}

void
report_service_add_client(struct report_service *s, int fd)
{
	(void)ipc_server_add(s->clients, fd);
}

void
report_service_free(struct report_service **sp)
{
	struct report_service *s = *sp;

	if (s == NULL)
		return;
	ev_timer_del(&s->idle);
	ipc_server_free(&s->clients);
	free(s);
	*sp = NULL;
}
