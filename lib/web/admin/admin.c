#include "web/admin/admin.h"

#include <errno.h>
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

/* What the supervisor's command has printed the last time. */
struct printed {
	uint64_t turn; /* grows with each answer */
	int rc;
	int64_t when;
	struct buf text;
};

struct admin {
	struct admin_opts o;
	struct pool *pool;
	struct ev_timer *tick;
	int64_t last;	      /* clk_mono, of the last visit */
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t come;
	struct printed printed[ERRANDS];
};

static const struct admin_page pages[] = {
    {"/admin", W_ADMIN_STATUS, W_ADMIN_STATUS, admin_get_status, NULL},
    {"/admin/queue", W_ADMIN_QUEUE, W_ADMIN_QUEUE, admin_get_queue,
	admin_post_queue},
    {"/admin/queue/message", W_NONE, W_ADMIN_MESSAGE, admin_get_message, NULL},
    {"/admin/trace", W_ADMIN_TRACE, W_ADMIN_TRACE, admin_get_trace, NULL},
    {"/admin/reports", W_ADMIN_REPORTS, W_ADMIN_REPORTS, admin_get_reports,
	NULL},
    {"/admin/dns", W_ADMIN_DNS, W_ADMIN_DNS, admin_get_dns, admin_post_dns},
    {"/admin/accounts", W_ADMIN_ACCOUNTS, W_ADMIN_ACCOUNTS, admin_get_accounts,
	admin_post_accounts},
    {"/admin/configuration", W_ADMIN_CONF, W_ADMIN_CONF,
	admin_get_configuration, NULL},
};

#define NPAGES (sizeof pages / sizeof pages[0])

/* ---- what pages are made with ---- */

void
admin_begin(struct visit *v, enum page_word title)
{
	static const struct page_link other = {"/home", W_ADMIN_OWN};
	struct page_link nav[NPAGES];
	struct page_frame f = {.title = title,
	    .language = page_language(v->ask.languages),
	    .account = sv_str(v->account),
	    .csrf = sv_str(v->csrf),
	    .nav = nav,
	    .here = NULL,
	    .other = v->account[0] != '\0' ? &other : NULL};
	size_t i;

	/* By a link: there is no account, but there is a way out. */
	if (f.account.n == 0)
		f.account = sv_str(page_word(f.language, W_ADMIN_MACHINE));
	for (i = 0; i < NPAGES; i++) {
		if (pages[i].nav != W_NONE)
			nav[f.nnav++] =
			    (struct page_link){pages[i].path, pages[i].nav};
		if (sv_eq(v->ask.path, sv_str(pages[i].path)))
			f.here = pages[i].path;
	}
	page_begin(&v->p, &v->body, &f);
}

void
admin_go(struct visit *v, const char *path)
{
	struct buf query;

	v->status = 303;
	buf_init(&query, PAGE_FOLLOW_MAX);
	buf_adds(&query, path);
	if (v->location.n > 0) {
		buf_addc(&query, '?');
		buf_addsv(&query, buf_sv(&v->location));
	}
	buf_reset(&v->location);
	buf_addsv(&v->location, buf_ok(&query) ? buf_sv(&query) : sv_str(path));
	buf_fini(&query);
}

bool
admin_field(struct sv form, const char *name, struct buf *out)
{
	buf_init(out, ADMIN_FIELD_MAX);
	if (form_get(form, name, out) == RC_OK && out->n > 0)
		return true;
	buf_reset(out);
	return false;
}

bool
admin_number(struct sv form, const char *name, uint64_t *out)
{
	struct buf text;
	bool is_one = admin_field(form, name, &text) &&
		      sv_to_u64(buf_sv(&text), UINT64_MAX, out) == RC_OK;

	buf_fini(&text);
	return is_one;
}

void
admin_log(const struct visit *v, const char *what, struct sv which)
{
	char q[LOG_Q_MAX];

	mlog(LOG_INFO, "admin.act",
	    "account=%s peer=%s session=%llu action=\"%s\" which=%s",
	    v->account[0] != '\0' ? v->account : "(the owner)", v->peer,
	    (unsigned long long)v->session, what, log_q(q, which));
}

struct sv
admin_text(const json_t *j, const char *key)
{
	const json_t *t = json_object_get(j, key);

	return json_is_string(t)
		   ? (struct sv){json_string_value(t), json_string_length(t)}
		   : SV("");
}

void
admin_link(struct visit *v, const char *path, const char *name, struct sv value,
    struct sv text)
{
	struct buf href, clean;

	buf_init(&href, PAGE_FOLLOW_MAX);
	buf_init(&clean, PAGE_BUILD_MAX);
	page_query_add(&href, name, value);
	page_clean(text, &clean);
	xml_start(&v->p.x, "a");
	if (buf_ok(&href)) {
		struct buf whole;

		buf_init(&whole, 2 * PAGE_FOLLOW_MAX);
		buf_addf(&whole, "%s?%s", path, href.p);
		xml_attr(&v->p.x, "href", buf_sv(&whole));
		buf_fini(&whole);
	}
	xml_start_leaf(&v->p.x, buf_sv(&clean));
	buf_fini(&clean);
	buf_fini(&href);
}

void
admin_term(struct visit *v, enum page_word term, struct sv text)
{
	page_term(&v->p, term);
	page_show(&v->p, NULL, text);
	page_term_end(&v->p);
}

/* How long a byte may become when it is shown: escaped, or replaced. */
static size_t
weight(unsigned char c)
{
	switch (c) {
	case '"':
		return 6;
	case '&':
	case '\'':
		return 5;
	case '<':
	case '>':
		return 4;
	default:
		return c >= ' ' && c < 0x7f ? 1 : 3;
	}
}

size_t
admin_room(const struct visit *v, size_t rest)
{
	size_t taken = v->body.n + rest;

	return taken < PAGE_BODY_MAX ? PAGE_BODY_MAX - taken : 0;
}

struct sv
admin_fit(struct sv text, size_t room)
{
	size_t n = 0, sum = 0;

	while (n < text.n && sum + weight((unsigned char)text.p[n]) <= room)
		sum += weight((unsigned char)text.p[n++]);
	return sv_first(text, n);
}

void
admin_lines(struct visit *v, struct sv all, size_t rest, const char *command)
{
	struct sv text = admin_fit(all, admin_room(v, rest + FOOT_BYTES));

	if (all.n == 0)
		return;
	/* Whole lines only. */
	if (text.n < all.n)
		text = sv_first(text, sv_rchr(text, '\n'));
	page_lines(&v->p, text);
	if (text.n + 1 < all.n)
		page_say(&v->p, "p", W_ADMIN_CUT, page_text(sv_str(command)));
}

void
admin_silent(struct visit *v, int rc)
{
	page_notice(&v->p, PAGE_WARN,
	    rc == RC_TIMEOUT  ? W_ADMIN_LATER
	    : rc == RC_SYNTAX ? W_ADMIN_BROKEN
			      : W_ADMIN_SILENT);
	if (rc != RC_TIMEOUT)
		v->status = 503;
	if (rc == RC_SYNTAX)
		page_go(&v->p, "/admin/configuration", SV(""), W_ADMIN_CONF);
}

/* ---- commands that the supervisor runs ---- */

void
admin_errand_done(struct admin *a, struct msg *m)
{
	struct ctl_errand_done done;
	struct printed *p;

	if (ctl_errand_done_get(m, &done) != RC_OK)
		return;
	pthread_mutex_lock(&a->lock);
	p = &a->printed[done.what];
	p->turn++;
	p->rc = done.rc;
	p->when = done.when;
	buf_reset(&p->text);
	if (done.rc == RC_OK &&
	    (done.fd < 0 || lseek(done.fd, 0, SEEK_SET) != 0 ||
		io_read_rest(done.fd, &p->text) != RC_OK))
		p->rc = RC_TEMP;
	pthread_cond_broadcast(&a->come);
	pthread_mutex_unlock(&a->lock);
	ctl_errand_done_fini(&done);
}

static struct timespec
deadline_of(int64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

int
admin_errand(struct visit *v, enum errand what, uint64_t ms, int64_t wait_ms,
    struct buf *out, int64_t *when)
{
	struct admin *a = v->admin;
	const struct timespec until = deadline_of(wait_ms);
	struct printed *p = &a->printed[what];
	uint64_t turn;
	int r = RC_OK;

	pthread_mutex_lock(&a->lock);
	turn = p->turn;
	a->o.errand(a->o.arg, what, ms);
	while (p->turn == turn && r == RC_OK)
		if (pthread_cond_timedwait(&a->come, &a->lock, &until) != 0)
			r = RC_TIMEOUT;
	if (r == RC_OK)
		r = p->rc;
	if (r == RC_OK) {
		buf_addsv(out, buf_sv(&p->text));
		*when = p->when;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int
admin_errand_json(struct visit *v, enum errand what, uint64_t ms,
    int64_t wait_ms, json_t **out, int64_t *when)
{
	json_t *j = NULL;
	struct buf text;
	int r;

	buf_init(&text, ERRAND_BYTES_MAX + 1);
	r = admin_errand(v, what, ms, wait_ms, &text, when);
	if (r == RC_OK)
		j = json_loadb(text.p != NULL ? text.p : "", text.n,
		    JSON_REJECT_DUPLICATES, NULL);
	buf_fini(&text);
	if (r == RC_OK && !json_is_object(j)) {
		json_decref(j);
		return RC_TEMP;
	}
	*out = j;
	return r;
}

void
admin_put_errand(struct visit *v, enum errand what, const char *command)
{
	struct buf text;
	int64_t when;
	int r;

	buf_init(&text, ERRAND_BYTES_MAX + 1);
	r = admin_errand(v, what, TEXT_AGE_MS, ADMIN_WAIT_MS, &text, &when);
	if (r == RC_OK)
		admin_lines(v, buf_sv(&text), 1024, command);
	else
		admin_silent(v, r);
	buf_fini(&text);
}

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
	v->account = sv_dup(o.account);
	v->csrf = sv_dup(o.csrf);
	v->peer = sv_dup(o.peer);
	v->session = o.session;
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
