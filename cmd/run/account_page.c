#include "cmd/run/account_page.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "clients/xml.h"
#include "ipc/line.h"
#include "ipc/msg_page.h"
#include "ipc/proto.h"

struct page {
	struct pool_task task; /* must be first */
	char *account, *csrf;
	int person;
};

static void
write_home(const struct page *p, struct buf *out)
{
	struct xml x;

	xml_begin_page(&x, out, "Your account");
	xml_leaf(&x, "p", sv_str(p->account));
	xml_open(&x, "form", "method=\"post\" action=\"/sign-out\"");
	xml_leaf(&x, "button", SV("Sign out"));
	xml_close(&x);
	if (!xml_end(&x))
		out->failed = true;
}

static void
answer(const struct page *p, const struct msg *asked, struct sv path)
{
	struct page_answer a = {.status = 200,
	    .type = SV("text/html; charset=utf-8"),
	    .location = SV("")};
	struct buf body;
	struct msg m;

	buf_init(&body, PAGE_BODY_MAX);
	if (sv_eq(path, SV("/home")))
		write_home(p, &body);
	else
		a.status = 404;
	a.body = buf_sv(&body);
	msg_init(&m, MSG_REPLY);
	page_answer_put(&m, &a);
	m.id = asked->id;
	(void)!line_send_fd(p->task.fd, &m);
	buf_wipe(&body);
}

static enum pool_next
run_page(struct pool_task *t)
{
	struct page *p = (struct page *)t;
	struct page_ask ask;
	struct msg m;
	int r;

	if (t->stopping)
		return POOL_DONE;
	r = line_recv_fd(t->fd, &m);
	if (r == RC_MORE)
		return POOL_WAIT;
	if (r != RC_OK)
		return POOL_DONE;
	if (m.type == PAGE_ASK && page_ask_get(&m, &ask) == RC_OK) {
		answer(p, &m, ask.path);
		page_ask_fini(&ask);
	}
	msg_fini(&m);
	return POOL_DONE;
}

static void
end_page(struct pool_task *t)
{
	struct page *p = (struct page *)t;

	io_close(&t->fd);
	io_close(&p->person);
	free(p->csrf);
	free(p->account);
	free(p);
}

struct pool_task *
account_page_new(const struct account_page *o)
{
	struct page *p = xcalloc(1, sizeof *p);

	p->account = xstrdup(o->account);
	p->csrf = sv_dup(o->csrf);
	p->person = o->person;
	p->task.fd = o->fd;
	p->task.run = run_page;
	p->task.end = end_page;
	return &p->task;
}
