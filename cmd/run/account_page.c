#include "cmd/run/account_page.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "account/expunged.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "history/history.h"
#include "ipc/line.h"
#include "ipc/proto.h"
#include "web/self/self.h"

#define ASK_MS	 10000 /* between web and us all happens at once */
#define OTHER_MS 5000  /* auth, and the history */

struct page {
	struct pool_task task; /* must be first */
	struct store *store;
	struct history *history;
	struct conf *conf;
	char *account, *csrf, *peer;
	bool admin;
	uint64_t session;
	int person;
};

/* ---- what the pages ask for ---- */

static int
ask_person(void *arg, struct msg *question, struct msg *reply)
{
	const struct page *p = arg;

	return line_ask_fd(p->person, question, OTHER_MS, reply);
}

static int
ask_history(void *arg, struct msg *question, struct msg *reply)
{
	const struct page *p = arg;

	return history_call(p->history, question, OTHER_MS, reply);
}

static int
look_expunged(void *arg, const struct self_deleted *which, struct buf *lines,
    uint64_t *total)
{
	const struct expunged_query q = {.since = which->since,
	    .from = which->from,
	    .subject = which->subject};
	const struct expunged_window w = {
	    which->until, which->skip, which->most};
	const struct page *p = arg;
	struct err err = {.text = ""};
	int r = expunged_page(p->store, &q, &w, lines, total, &err);

	if (r != RC_OK)
		mlog(LOG_WARN, "page.expunged", "account=%s text=\"%s\"",
		    p->account, err.text);
	return r;
}

static int
undelete(void *arg, struct sv ids, uint64_t *messages)
{
	const struct expunged_query q = {
	    .action = EXPUNGED_UNDELETE, .id = ids};
	const struct page *p = arg;
	struct err err = {.text = ""};
	struct expunged_sum sum;
	struct buf lines;
	int r;

	buf_init(&lines, 0);
	r = expunged_run(p->store, &q, &lines, &sum, &err);
	if (r != RC_OK)
		mlog(LOG_WARN, "page.undelete", "account=%s text=\"%s\"",
		    p->account, err.text);
	*messages = sum.messages;
	buf_fini(&lines);
	return r;
}

static void
look_usage(void *arg, struct self_usage *out)
{
	const struct page *p = arg;
	struct store_usage u;
	uint64_t need = 0;

	store_usage(p->store, &u, &need);
	*out = (struct self_usage){u.bytes, u.messages, u.quota};
}

static const struct self_calls calls = {
    .person = ask_person,
    .trace = ask_history,
    .expunged = look_expunged,
    .undelete = undelete,
    .usage = look_usage,
};

/* ---- the task ---- */

static struct self_once *once;
static pthread_once_t once_made = PTHREAD_ONCE_INIT;

static void
make_once(void)
{
	once = self_once_new();
}

static void
answer(const struct page *p, uint32_t id, const struct page_ask *ask)
{
	const int64_t begin = clk_mono();
	const struct self_visit v = {
	    .conf = p->conf,
	    .account = p->account,
	    .admin = p->admin,
	    .csrf = sv_str(p->csrf),
	    .session = p->session,
	    .ask = ask,
	    .once = once,
	    .calls = &calls,
	    .arg = (void *)(uintptr_t)p,
	    .now = clk_now(),
	};
	struct page_answer a = {.over = false};
	struct self_reply reply;
	char path[LOG_Q_MAX];
	struct msg m;

	self_reply_init(&reply);
	self_answer(&v, &reply);
	a.status = (uint16_t)reply.status;
	a.type = sv_str(reply.type);
	a.location = buf_sv(&reply.location);
	a.body = buf_sv(&reply.body);
	msg_init(&m, MSG_REPLY);
	page_answer_put(&m, &a);
	m.id = id;
	mlog(ask->method == PAGE_GET ? LOG_DEBUG : LOG_INFO, "page",
	    "account=%s method=%s path=%s status=%u session=%llu peer=%s "
	    "ms=%lld",
	    p->account, ask->method == PAGE_GET ? "GET" : "POST",
	    log_q(path, ask->path), reply.status,
	    (unsigned long long)p->session, p->peer,
	    (long long)(clk_mono() - begin));
	if (line_send_fd(p->task.fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "page.reply.lost", "account=%s", p->account);
	self_reply_fini(&reply);
}

static enum pool_next
run_page(struct pool_task *t)
{
	struct pollfd now = {.fd = t->fd, .events = POLLIN};
	struct page *p = (struct page *)t;
	struct page_ask ask;
	struct msg m;
	int r;

	if (t->stopping || (t->deadline != 0 && clk_mono() >= t->deadline))
		return POOL_DONE;
	if (poll(&now, 1, 0) == 0) {
		if (t->deadline == 0)
			t->deadline = clk_mono() + ASK_MS;
		return POOL_WAIT;
	}
	r = line_recv_fd(t->fd, &m);
	if (r != RC_OK)
		return POOL_DONE;
	if (m.type == PAGE_ASK && page_ask_get(&m, &ask) == RC_OK) {
		answer(p, m.id, &ask);
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
	conf_free(&p->conf);
	free(p->csrf);
	free(p->peer);
	free(p->account);
	free(p);
}

struct pool_task *
account_page_new(const struct account_page *o)
{
	struct page *p = xcalloc(1, sizeof *p);

	(void)pthread_once(&once_made, make_once);
	p->store = o->store;
	p->history = o->history;
	p->conf = conf_ref(o->conf);
	p->account = xstrdup(o->account);
	p->csrf = sv_dup(o->csrf);
	p->peer = sv_dup(o->peer);
	p->admin = o->admin;
	p->session = o->session;
	p->person = o->person;
	p->task.fd = o->fd;
	p->task.run = run_page;
	p->task.end = end_page;
	return &p->task;
}
