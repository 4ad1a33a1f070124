#include "cmd/run/account_page.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "account/expunged.h"
#include "account/junk.h"
#include "account/rules_page.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "history/history.h"
#include "ipc/line.h"
#include "ipc/msg_junk.h"
#include "ipc/proto.h"
#include "pagerules/zone.h"
#include "web/self/self.h"

#define ASK_MS	 10000 /* between web and us all happens at once */
#define OTHER_MS 5000  /* auth, and the history */

struct page {
	struct pool_task task; /* must be first */
	struct store *store;
	struct history *history;
	struct conf *conf;
	char *account, *csrf, *peer;
	bool admin, stranger;
	const struct zones *zones;
	void *junk;
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

/* ---- the rules of pages ---- */

/* One change at a time: two browsers may be open. */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

static void
look_rules(void *arg, struct pagerules *out)
{
	const struct page *p = arg;

	rules_page_read(p->store, out);
}

static int
change_rules(
    void *arg, enum pagerules_part part, self_change_fn *fn, void *fn_arg)
{
	const struct page *p = arg;
	struct err err = {.text = ""};
	struct pagerules r;
	int rc;

	pthread_mutex_lock(&changing);
	rules_page_read(p->store, &r);
	rc = fn(fn_arg, &r);
	if (rc == RC_OK)
		rc = rules_page_write(p->store, part, &r, &err);
	pthread_mutex_unlock(&changing);
	pagerules_fini(&r);
	/* Strangers may try as often as they like. */
	mlog(err.text[0] != '\0'	  ? LOG_WARN
	     : p->stranger && rc != RC_OK ? LOG_DEBUG
					  : LOG_INFO,
	    "page.rules", "account=%s part=%s rc=%s peer=%s text=\"%s\"",
	    p->account, pagerules_name(part), rc_name(rc), p->peer, err.text);
	return rc;
}

static void
look_script(void *arg, struct buf *name)
{
	const struct page *p = arg;
	uint64_t need = 0;

	if (store_script_active(p->store, name, &need) != RC_OK)
		buf_reset(name);
}

static void
list_folders(void *arg, struct buf *lines)
{
	const struct page *p = arg;
	struct store_mailbox_list all;
	uint64_t need = 0;

	store_mailbox_list(p->store, &all, &need);
	for (size_t i = 0; i < all.n; i++)
		if (all.m[i].selectable && !all.m[i].in_restore)
			buf_addf(lines, "%s\n", all.m[i].name);
	store_mailbox_list_fini(&all);
}

static bool
is_folder(void *arg, const char *name)
{
	const struct page *p = arg;

	return store_mailbox_name_ok(p->store, name);
}

static void
list_zones(void *arg, struct buf *lines)
{
	const struct page *p = arg;

	zones_list(p->zones, lines);
}

static const char *
local_zone(void *arg)
{
	const struct page *p = arg;

	return zones_local(p->zones);
}

static int64_t
day_in(void *arg, const char *name)
{
	const struct page *p = arg;
	int64_t now = clk_now() / 1000, day = now / (24 * 3600);
	struct zone *z = NULL;

	if (zones_load(p->zones,
		sv_str(name[0] != '\0' ? name : zones_local(p->zones)),
		&z) == RC_OK)
		day = zone_day(z, now);
	zone_free(&z);
	return day;
}

/* "2026-11-30 14:05", UTC */
static int64_t
read_minute(struct sv text)
{
	uint64_t hour = 0, minute = 0;
	int64_t day = 0;

	if (zone_day_parse(sv_split(&text, ' '), &day) != RC_OK ||
	    sv_to_u64(sv_split(&text, ':'), 23, &hour) != RC_OK ||
	    sv_to_u64(text, 59, &minute) != RC_OK)
		return 0;
	return (day * 24 + (int64_t)hour) * 3600 + (int64_t)minute * 60;
}

/* Lines: of all, and of the account, if it has learned something:
 * "name TAB junk TAB wanted TAB date". */
static void
read_lessons(struct sv text, struct self_junk *out)
{
	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');
		const bool all = sv_split(&line, '\t').n == 0;
		uint64_t junk = 0, wanted = 0;

		if (sv_to_u64(sv_split(&line, '\t'), UINT64_MAX, &junk) !=
			RC_OK ||
		    sv_to_u64(sv_split(&line, '\t'), UINT64_MAX, &wanted) !=
			RC_OK)
			continue;
		*(all ? &out->all_junk : &out->junk) = junk;
		*(all ? &out->all_wanted : &out->wanted) = wanted;
		if (!all && line.n > 0)
			out->last_s = read_minute(line);
	}
}

static int
look_junk(void *arg, struct self_junk *out)
{
	const struct page *p = arg;
	struct junk_told told = {.rc = RC_OK};
	struct msg m;
	int r = account_junk_stats(p->junk, &m);

	if (r != RC_OK)
		return r;
	r = junk_told_get(&m, &told);
	if (r == RC_OK) {
		r = told.rc;
		read_lessons(told.text, out);
		junk_told_fini(&told);
	}
	msg_fini(&m);
	return r;
}

static int
send_letter(void *arg, struct sv to, struct sv subject, struct sv text)
{
	const struct page *p = arg;
	const struct rules_page_letter l = {.conf = p->conf,
	    .account = p->account,
	    .to = to,
	    .subject = subject,
	    .text = text};
	struct err err = {.text = ""};
	int r = rules_page_send(p->store, &l, &err);

	if (r != RC_OK)
		mlog(LOG_WARN, "page.letter", "account=%s text=\"%s\"",
		    p->account, err.text);
	return r;
}

static const struct self_calls calls = {
    .person = ask_person,
    .trace = ask_history,
    .expunged = look_expunged,
    .undelete = undelete,
    .usage = look_usage,
    .rules = look_rules,
    .change = change_rules,
    .script = look_script,
    .folders = list_folders,
    .is_folder = is_folder,
    .zones = list_zones,
    .zone = local_zone,
    .day = day_in,
    .junk = look_junk,
    .letter = send_letter,
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
	    .stranger = p->stranger,
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
	/* A link's path has its secret. */
	struct sv shown = p->stranger ? SV("/confirm/") : ask->path;
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
	mlog(ask->method == PAGE_GET || (p->stranger && reply.status != 200)
		 ? LOG_DEBUG
		 : LOG_INFO,
	    "page",
	    "account=%s method=%s path=%s status=%u session=%llu peer=%s "
	    "ms=%lld",
	    p->account, ask->method == PAGE_GET ? "GET" : "POST",
	    log_q(path, shown), reply.status, (unsigned long long)p->session,
	    p->peer, (long long)(clk_mono() - begin));
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
	p->stranger = o->stranger;
	p->zones = o->zones;
	p->junk = o->junk;
	p->session = o->session;
	p->person = o->person;
	p->task.fd = o->fd;
	p->task.run = run_page;
	p->task.end = end_page;
	return &p->task;
}
