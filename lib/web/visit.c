/*
 * A page for somebody who has signed in: auth is asked whose the cookie is and
 * hands one end of a line on, to the account's process or to admin; what was
 * asked for goes over it, and the page comes back.  What comes is not trusted:
 * status, type and location are what a page of ours can have.  The same with a
 * link, for somebody who has not signed in: its token is in place of a cookie.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "web/page/page.h"
#include "web/site_priv.h"

#define VISIT_MS 20000 /* for all of it */
#define AGAIN_MS 200

struct visit {
	struct web_call call; /* must be first */
	enum page_language language;
	bool tls, reads;
	bool again; /* who was to answer has died once */
	enum page_room room;
	int64_t until;
	char session[PAGE_TOKEN_MAX], agent[PAGE_AGENT_MAX];
	char peer[ACCOUNT_PEER_MAX];
	struct buf path, query;
	struct msg ask; /* as it goes to who answers */
	int fd;		/* our end of the page's line, until it is one */
	struct line *line;
	struct ev_timer *timer;
};

static void
finish(struct visit *v, struct http_response *a)
{
	http_later_answer(&v->call.later, a);
	ev_timer_del(&v->timer);
	line_free(&v->line);
	io_close(&v->fd);
	msg_fini(&v->ask);
	buf_wipe(&v->query);
	buf_wipe(&v->path);
	explicit_bzero(v->session, sizeof v->session);
	free(v);
}

static void
not_now(struct visit *v)
{
	struct http_response a;

	http_response_init(&a);
	web_say(&a, 503, v->language, W_SIGN_NOT_NOW, W_SIGN_BUSY);
	finish(v, &a);
}

/* ---- the page ---- */

/* What a page of ours may be; the rest is a process that has been taken over,
 * and would speak for this host. */
static const char *const types[] = {
    PAGE_TYPE,
    "text/plain; charset=utf-8",
    "text/csv; charset=utf-8",
    "image/svg+xml",
};
static const uint16_t statuses[] = {
    200, 303, 400, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503};

static const char *
type_of(struct sv type)
{
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++)
		if (sv_eq(type, sv_str(types[i])))
			return types[i];
	return NULL;
}

static bool
is_status(unsigned status)
{
	size_t i;

	for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i] == status)
			return true;
	return false;
}

static bool
fill(const struct page_answer *p, bool tls, struct http_response *a)
{
	const char *type = type_of(p->type);

	if (!is_status(p->status) || (type == NULL && p->body.n > 0) ||
	    p->body.n > PAGE_BODY_MAX ||
	    (p->status == 303) != (p->location.n > 0) ||
	    (p->location.n > 0 && !web_is_way(p->location)))
		return false;
	if (p->body.n == 0) {
		http_response_error(a, p->status, NULL);
	} else {
		a->status = p->status;
		a->type = type;
		buf_addsv(&a->body, p->body);
	}
	buf_addsv(&a->location, p->location);
	a->forms = true;
	if (p->over)
		web_set_cookie(a, WEB_COOKIE_SESSION, SV(""), tls);
	return true;
}

static void refuse(struct visit *v, int rc);

static void
on_answer(struct line *l, struct msg *m, void *arg)
{
	struct visit *v = arg;
	struct page_answer p = {.status = 0};
	struct http_response a;
	bool ok;

	(void)l;
	http_response_init(&a);
	ok = m->type == MSG_REPLY && page_answer_get(m, &p) == RC_OK &&
	     fill(&p, v->tls, &a);
	/* Whether there is such an account is nobody's business. */
	if (ok && v->room == PAGE_LINK && p.status == 404) {
		http_response_fini(&a);
		refuse(v, RC_NOTFOUND);
		return;
	}
	if (!ok) {
		mlog(LOG_ERROR, "web.page",
		    "room=%d status=%u text=\"not a "
		    "page of ours\"",
		    v->room, p.status);
		http_response_fini(&a);
		not_now(v);
		return;
	}
	finish(v, &a);
}

static void send_ask(void *arg);

/* Nobody has the question: it is asked again in a moment, if there is time. */
static void
ask_again(struct visit *v)
{
	if (clk_mono() + AGAIN_MS >= v->until ||
	    !http_later_is_awaited(v->call.later)) {
		not_now(v);
		return;
	}
	io_close(&v->fd);
	(void)ev_timer_add(
	    http_later_loop(v->call.later), AGAIN_MS, send_ask, v);
}

/* It has died with the question in hand.  What a form asks for may have been
 * done, so that it is not asked for again; a page is, but once only: it may be
 * what ends who answers. */
static void
on_eof(struct line *l, void *arg)
{
	struct visit *v = arg;

	(void)l;
	if (!v->reads || v->again) {
		not_now(v);
		return;
	}
	v->again = true;
	ev_timer_del(&v->timer);
	line_free(&v->line);
	ask_again(v);
}

static void
on_time(void *arg)
{
	struct visit *v = arg;

	v->timer = NULL;
	not_now(v);
}

static void
ask_page(struct visit *v)
{
	int64_t left = v->until - clk_mono();
	struct msg m;

	msg_init(&m, PAGE_ASK);
	buf_addsv(&m.b, buf_sv(&v->ask.b));
	m.id = 1;
	m.deadline = v->until;
	v->line = line_new(
	    http_later_loop(v->call.later), v->fd, on_answer, on_eof, v);
	v->fd = -1;
	v->timer = ev_timer_add(
	    http_later_loop(v->call.later), left > 0 ? left : 0, on_time, v);
	if (line_send(v->line, &m) != RC_OK)
		not_now(v);
}

/* ---- who it is ---- */

static void
refuse(struct visit *v, int rc)
{
	struct http_response a;

	http_response_init(&a);
	if (v->room == PAGE_LINK) {
		web_say(&a, 404, v->language, W_CONFIRM, W_CONFIRM_OVER);
	} else if (rc == RC_NOTFOUND) {
		web_to_sign_in(v->reads ? buf_sv(&v->path) : SV(""),
		    buf_sv(&v->query), &a);
		web_set_cookie(&a, WEB_COOKIE_SESSION, SV(""), v->tls);
	} else {
		web_say(&a, 403, v->language, W_SIGN_NOT_YOURS,
		    W_SIGN_NOT_YOURS_ABOUT);
	}
	finish(v, &a);
}

/* In the loop's thread. */
static void
on_auth(struct web_call *call, int rc, struct msg *m)
{
	struct visit *v = (struct visit *)call;
	char text[ERR_TEXT_MAX];

	/* Without an answer auth has died, and with it all sessions: the next
	 * one says so. */
	rc = rc == RC_OK     ? msg_answer_read(m, RC_PERM, text)
	     : rc == RC_TEMP ? RC_IO
			     : RC_PERM;
	if (rc == RC_OK) {
		ask_page(v);
	} else if (rc == RC_NOTFOUND || rc == RC_DENIED) {
		refuse(v, rc);
	} else if (rc == RC_IO) {
		ask_again(v);
	} else {
		not_now(v);
	}
}

static void
send_ask(void *arg)
{
	struct visit *v = arg;
	struct visit_ask q = {
	    .room = (uint8_t)v->room,
	    .session = sv_str(v->session),
	    .peer = sv_str(v->peer),
	    .agent = sv_str(v->agent),
	};
	struct msg m;
	int pair[2];

	if (line_pair(pair) != RC_OK) {
		not_now(v);
		return;
	}
	v->fd = pair[0];
	q.fd = pair[1];
	msg_init(&m, AUTH_VISIT);
	visit_ask_put(&m, &q);
	web_call_auth(&v->call, &m, VISIT_MS);
}

/* ---- the request ---- */

static bool
keep_ask(struct visit *v, const struct http_ask *ask, struct sv form)
{
	const struct http_request *q = ask->q;
	const struct page_ask p = {
	    .method = q->method == HTTP_POST ? PAGE_POST : PAGE_GET,
	    .path = q->path,
	    .query = q->query,
	    .form = form,
	    .languages =
		sv_first(http_reader_field(ask->reader, SV("accept-language")),
		    PAGE_LANGUAGE_MAX - 1),
	};

	msg_init(&v->ask, PAGE_ASK);
	page_ask_put(&v->ask, &p);
	return buf_ok(&v->ask.b);
}

static bool
is_below(struct sv path, struct sv room)
{
	return sv_starts(path, room) &&
	       (path.n == room.n || path.p[room.n] == '/');
}

static void
start(const struct http_ask *ask, enum page_room room, struct sv form,
    struct sv session, struct http_response *a)
{
	struct visit *v = xcalloc(1, sizeof *v);

	v->fd = -1;
	if (!keep_ask(v, ask, form)) {
		msg_fini(&v->ask);
		free(v);
		http_response_error(a, 414, "the path is too long");
		return;
	}
	v->language = page_language(
	    http_reader_field(ask->reader, SV("accept-language")));
	v->tls = ask->tls;
	v->reads = ask->q->method != HTTP_POST;
	v->room = room;
	v->until = clk_mono() + VISIT_MS;
	sv_copy(session, v->session, sizeof v->session);
	sv_copy(sv_str(ask->peer), v->peer, sizeof v->peer);
	web_agent(ask, v->agent);
	buf_init(&v->path, PAGE_PATH_MAX);
	buf_addsv(&v->path, ask->q->path);
	buf_init(&v->query, PAGE_QUERY_MAX);
	buf_addsv(&v->query, ask->q->query);
	v->call = (struct web_call){
	    .site = ask->arg, .later = http_later_new(ask), .done = on_auth};
	send_ask(v);
}

void
web_visit(const struct http_ask *ask, struct http_response *a)
{
	const bool reads = ask->q->method != HTTP_POST;
	struct sv session = web_cookie(ask, WEB_COOKIE_SESSION);
	struct sv form = SV("");

	if (!web_browser_may(ask, a))
		return;
	if (!reads && web_is_from_elsewhere(ask))
		web_say(a, 403,
		    page_language(
			http_reader_field(ask->reader, SV("accept-language"))),
		    W_SIGN_ELSEWHERE, W_SIGN_ELSEWHERE_ABOUT);
	else if (session.n == 0)
		web_to_sign_in(reads ? ask->q->path : SV(""), ask->q->query, a);
	else if (reads || web_form(ask, &form, a))
		start(ask,
		    is_below(ask->q->path, SV("/admin")) ? PAGE_ADMIN
							 : PAGE_SELF,
		    form, session, a);
}

void
web_confirm(const struct http_ask *ask, struct http_response *a)
{
	struct sv form = SV("");

	if (!web_browser_may(ask, a))
		return;
	if (!web_is_token(ask->rest))
		web_say(a, 404, web_language(ask), W_CONFIRM, W_CONFIRM_OVER);
	else if (ask->q->method != HTTP_POST || web_form(ask, &form, a))
		start(ask, PAGE_LINK, form, ask->rest, a);
}
