#include "web/admin/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "web/admin/admin_priv.h"

#define THREADS	    4
#define VISITS_MAX  64
#define TICK_MS	    1000
#define STOP_MS	    2000
#define TEXT_AGE_MS 60000 /* of what changes rarely */
#define FOOT_BYTES  2048  /* of a page behind its content */
#define ASK_MS	    10000 /* until web has said what is wanted */

static const struct admin_page pages[] = {
    {"/admin", W_ADMIN_STATUS, W_ADMIN_STATUS, admin_get_status, NULL},
    {"/admin/queue", W_ADMIN_QUEUE, W_ADMIN_QUEUE, admin_get_queue,
	admin_post_queue},
    {"/admin/queue/message", W_NONE, W_ADMIN_MESSAGE, admin_get_message, NULL},
    {"/admin/trace", W_ADMIN_TRACE, W_ADMIN_TRACE, admin_get_trace, NULL},
    {"/admin/reports", W_ADMIN_REPORTS, W_ADMIN_REPORTS, admin_get_reports,
	NULL},
    {"/admin/dns", W_ADMIN_DNS, W_ADMIN_DNS, admin_get_dns, admin_post_dns},
    {"/admin/certificates", W_ADMIN_CERT, W_ADMIN_CERT, admin_get_certificates,
	NULL},
    {"/admin/accounts", W_ADMIN_ACCOUNTS, W_ADMIN_ACCOUNTS, admin_get_accounts,
	admin_post_accounts},
    {"/admin/configuration", W_ADMIN_CONF, W_ADMIN_CONF,
	admin_get_configuration, NULL},
};

#define NPAGES (sizeof pages / sizeof pages[0])

/* ---- visits ---- */

static void
write_error(struct visit *v, uint16_t status, enum page_word words)
{
	v->status = status;
	admin_begin(v, W_ADMIN_NOT);
	page_notice(&v->p, PAGE_BAD, words);
}

static bool
has_csrf(const struct visit *v)
{
	struct buf field;
	bool same = admin_field(v->ask.form, "csrf", &field) &&
		    page_same_secret(buf_sv(&field), sv_str(v->csrf));

	buf_wipe(&field);
	return same;
}

static void
write_page(struct visit *v)
{
	const struct admin_page *page = NULL;
	size_t i;

	for (i = 0; i < NPAGES; i++)
		if (sv_eq(v->ask.path, sv_str(pages[i].path)))
			page = &pages[i];
	if (page == NULL) {
		write_error(v, 404, W_ADMIN_NO_PAGE);
	} else if (v->ask.method == PAGE_GET) {
		admin_begin(v, page->title);
		page->get(v);
	} else if (page->post == NULL) {
		write_error(v, 405, W_ADMIN_NO_PAGE);
	} else if (!has_csrf(v)) {
		mlog(LOG_WARN, "admin.csrf", "account=%s peer=%s", v->account,
		    v->peer);
		write_error(v, 403, W_ADMIN_CSRF);
	} else {
		page->post(v);
	}
}

static void
answer(struct visit *v, uint32_t id)
{
	struct page_answer a = {.type = SV(PAGE_TYPE), .location = SV("")};
	struct msg m;

	v->status = 200;
	buf_init(&v->body, PAGE_BODY_MAX);
	buf_init(&v->location, PAGE_FOLLOW_MAX);
	v->conf = v->o->conf(v->o->arg);
	write_page(v);
	conf_free(&v->conf);
	if (v->status == 303) {
		a.location = buf_sv(&v->location);
	} else if (!page_end(&v->p)) {
		mlog(LOG_WARN, "admin.page",
		    "text=\"a page did not fit or could not be written\"");
		v->status = 500;
		buf_reset(&v->body);
	}
	a.status = v->status;
	a.body = v->status == 303 ? SV("") : buf_sv(&v->body);
	msg_init(&m, MSG_REPLY);
	m.id = id;
	page_answer_put(&m, &a);
	if (line_send_fd(v->task.fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "admin.lost", "session=%llu",
		    (unsigned long long)v->session);
	buf_fini(&v->location);
	buf_wipe(&v->body);
}

static enum pool_next
run_visit(struct pool_task *t)
{
	struct visit *v = (struct visit *)t;
	struct msg m;
	int r;

	if (t->stopping || (t->deadline != 0 && clk_mono() > t->deadline))
		return POOL_DONE;
	r = line_recv_fd(t->fd, &m);
	if (r == RC_MORE)
		return POOL_WAIT;
	if (r != RC_OK)
		return POOL_DONE;
	if (m.type == PAGE_ASK && page_ask_get(&m, &v->ask) == RC_OK) {
		answer(v, m.id);
		page_ask_fini(&v->ask);
	}
	msg_fini(&m);
	return POOL_DONE;
}

static void
end_visit(struct pool_task *t)
{
	struct visit *v = (struct visit *)t;

	io_close(&t->fd);
	free(v->account);
	free(v->csrf);
	free(v->peer);
	free(v);
}

void
admin_open(struct admin *a, struct line *l, struct msg *m)
{
	struct page_open o;
	struct msg reply;
	struct visit *v;
	int rc = RC_OK;

	if (page_open_get(m, &o) != RC_OK)
		return;
	if (!o.admin)
		rc = RC_DENIED;
	else if (o.fd < 0 || pool_count(a->pool) >= VISITS_MAX)
		rc = RC_TEMP;
	msg_answer_make(&reply, m->id, rc, "");
	line_tell(l, &reply);
	a->last = clk_mono();
	if (rc != RC_OK) {
		page_open_fini(&o);
		return;
	}
	v = xcalloc(1, sizeof *v);
	v->admin = a;
	v->o = &a->o;
	v->pages = pages;
	v->npages = NPAGES;
	v->account = sv_dup(o.account);
	v->csrf = sv_dup(o.csrf);
	v->peer = sv_dup(o.peer);
	v->session = o.session;
	/* Its task runs before there is something to read. */
	(void)fcntl(o.fd, F_SETFL, O_NONBLOCK);
	v->task.fd = o.fd;
	v->task.run = run_visit;
	v->task.end = end_visit;
	v->task.deadline = clk_mono() + ASK_MS;
	o.fd = -1;
	page_open_fini(&o);
	pool_add(a->pool, &v->task);
}

/* ---- all of it ---- */

static void
on_tick(void *arg)
{
	struct admin *a = arg;
	bool busy = pool_count(a->pool) > 0;

	a->tick = ev_timer_add(a->o.loop, TICK_MS, on_tick, a);
	if (busy) {
		pool_tick(a->pool);
		a->last = clk_mono();
	} else if (clk_mono() - a->last > a->o.idle_ms) {
		a->o.idle(a->o.arg);
	}
}

struct admin *
admin_new(const struct admin_opts *o)
{
	struct admin *a = xcalloc(1, sizeof *a);
	pthread_condattr_t attr;
	size_t i;

	a->o = *o;
	a->last = clk_mono();
	must(pthread_mutex_init(&a->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&a->come, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	for (i = 0; i < ERRANDS; i++)
		buf_init(&a->printed[i].text, ERRAND_BYTES_MAX + 1);
	a->pool = pool_new(THREADS);
	a->tick = ev_timer_add(o->loop, TICK_MS, on_tick, a);
	return a;
}

bool
admin_free(struct admin **ap)
{
	struct admin *a = *ap;
	size_t i;

	if (a == NULL)
		return true;
	ev_timer_del(&a->tick);
	if (!pool_stop(a->pool, STOP_MS))
		return false;
	*ap = NULL;
	for (i = 0; i < ERRANDS; i++)
		buf_fini(&a->printed[i].text);
	(void)pthread_cond_destroy(&a->come);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
	return true;
}
