#include "auth/web_door.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auth/browsers.h"
#include "auth/person.h"
#include "auth/second.h"
#include "auth/visits.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_page.h"
#include "ipc/proto.h"

#define BROWSERS_FILE "browsers"
#define TICK_MS	      60000
#define OPEN_MS	      20000
#define SIGN_INS_MAX  256 /* at a time, of strangers */

_Static_assert(AUTH_BROWSER == BROWSER_ID, "auth/browsers.h");
_Static_assert(VISIT_TOKEN_LEN < PAGE_TOKEN_MAX, "ipc/msg_page.h");
_Static_assert(VISIT_AGENT_MAX == PAGE_AGENT_MAX, "ipc/msg_page.h");
_Static_assert(VISIT_PEER_MAX == ACCOUNT_PEER_MAX, "ipc/msg_page.h");

struct web_door {
	struct web_door_opts o;
	struct conf *conf;
	struct auth_visits *visits;
	struct auth_browsers *browsers;
	struct persons *persons;
	struct peer *admin;
	void (*wake)(void *arg);
	void *wake_arg;
	struct ev_timer *timer;
	unsigned sign_ins;
};

/* Sessions end though nobody asks; while there are none, nothing wakes up. */
static void
on_tick(void *arg)
{
	struct web_door *d = arg;

	d->timer = NULL;
	if (auth_visits_sweep(d->visits) > 0)
		d->timer = ev_timer_add(d->o.loop, TICK_MS, on_tick, d);
}

static void
look_later(struct web_door *d)
{
	if (d->timer == NULL)
		d->timer = ev_timer_add(d->o.loop, TICK_MS, on_tick, d);
}

/* ---- the answer to somebody who signs in ---- */

static void
put_done(struct ipc_request *r, const struct sign_in_done *done)
{
	struct msg m;

	msg_init(&m, MSG_REPLY);
	sign_in_done_put(&m, done);
	ipc_request_answer(r, &m);
}

/* Between question and answer. */
struct sign_in {
	struct web_door *d;
	struct ipc_request request;
	char peer[ACCOUNT_PEER_MAX];
	char agent[PAGE_AGENT_MAX];
	char account[CONF_NAME_MAX]; /* whose name was given, or "" */
	bool code;		     /* a second factor is to come */
	bool is_known, is_fresh;     /* the browser */
	unsigned char browser[BROWSER_ID];
};

static void
sign_in_free(struct sign_in *s)
{
	s->d->sign_ins--;
	ipc_request_end(&s->request);
	free(s);
}

static void
refuse(struct sign_in *s, int rc, const char *text)
{
	const struct sign_in_done done = {.rc = rc, .text = sv_str(text)};
	char q[LOG_Q_MAX];
	unsigned missed;

	if (log_peer_may(s->peer, &missed))
		mlog(LOG_INFO, "login.fail",
		    "service=web peer=%s account=%s reason=%s", s->peer,
		    s->account[0] != '\0' ? s->account : "unknown",
		    log_q(q, sv_str(text)));
	put_done(&s->request, &done);
	sign_in_free(s);
}

static bool
is_admin(const struct web_door *d, struct sv account)
{
	const int i = conf_account_by_name(d->conf, account);

	return account.n == 0 || (i >= 0 && d->conf->account[i].admin);
}

/* All that was asked for has been given: a session begins. */
static void
let_in(struct sign_in *s)
{
	struct web_door *d = s->d;
	struct sv account = sv_str(s->account);
	const char *salt = credentials_password_hash(
	    auth_server_credentials(d->o.server), account);
	struct sign_in_done done = {.rc = RC_OK, .text = SV("")};
	struct buf token, browser;

	buf_init(&token, PAGE_TOKEN_MAX);
	buf_init(&browser, PAGE_TOKEN_MAX);
	(void)auth_visits_begin(
	    d->visits, account, s->peer, sv_str(s->agent), &token);
	look_later(d);
	if (account.n > 0 && salt != NULL && !(s->is_known && s->is_fresh))
		auth_browsers_make(
		    d->browsers, account, salt, clk_now() / 1000, &browser);
	if (account.n > 0) {
		auth_server_note_login(d->o.server, d->o.door, s->peer);
		auth_devices_note_web(
		    d->o.devices, account, s->peer, sv_str(s->agent));
	}
	done.session = buf_sv(&token);
	done.browser = buf_sv(&browser);
	done.admin = is_admin(d, account);
	mlog(LOG_INFO, "auth.ok", "account=%s service=web peer=%s%s",
	    account.n > 0 ? s->account : "-", s->peer,
	    account.n > 0 ? "" : " link=1");
	put_done(&s->request, &done);
	buf_wipe(&browser);
	buf_wipe(&token);
	sign_in_free(s);
}

static void
ask_for_code(struct sign_in *s)
{
	struct sign_in_done done = {.rc = RC_EXISTS, .text = SV("")};
	struct buf step;

	buf_init(&step, PAGE_TOKEN_MAX);
	auth_visits_step(
	    s->d->visits, AUTH_STEP_CODE, sv_str(s->account), &step);
	look_later(s->d);
	done.session = buf_sv(&step);
	put_done(&s->request, &done);
	buf_wipe(&step);
	sign_in_free(s);
}

/* ---- name and password ---- */

static void
on_password(const struct auth_result *r, void *arg)
{
	struct sign_in *s = arg;
	const struct conf *c = s->d->conf;

	if (r->rc != RC_OK || r->account >= c->naccount) {
		refuse(s, r->rc != RC_OK ? r->rc : RC_DENIED, r->text);
		return;
	}
	sv_copy(
	    sv_str(c->account[r->account].name), s->account, sizeof s->account);
	/* It may have been turned on meanwhile. */
	if (s->code || auth_second_is_on(s->d->o.server, sv_str(s->account)))
		ask_for_code(s);
	else
		let_in(s);
}

/* Does the account know the browser? */
static void
look_at_browser(struct sign_in *s, struct sv cookie)
{
	struct sv account = sv_str(s->account);
	const char *salt = credentials_password_hash(
	    auth_server_credentials(s->d->o.server), account);

	s->is_known = account.n > 0 && salt != NULL &&
		      auth_browsers_check(s->d->browsers, cookie, account, salt,
			  clk_now() / 1000, s->browser, &s->is_fresh);
}

static void
begin_with_password(struct sign_in *s, const struct sign_in_ask *a)
{
	struct auth_login l = {
	    .peer = s->peer, .door = s->d->o.door, .only_password = true};
	const int i = conf_account_by_login(s->d->conf, a->name);
	struct buf sasl;

	if (i >= 0)
		sv_copy(sv_str(s->d->conf->account[i].name), s->account,
		    sizeof s->account);
	look_at_browser(s, a->browser);
	if (s->d->sign_ins > SIGN_INS_MAX && !s->is_known &&
	    !auth_server_knows(s->d->o.server, s->peer)) {
		refuse(s, RC_TEMP, "too many logins at once; try again");
		return;
	}
	s->code =
	    i >= 0 && auth_second_is_on(s->d->o.server, sv_str(s->account));
	l.more = s->code;
	if (s->is_known)
		l.browser = sv_of(s->browser, sizeof s->browser);
	buf_init(&sasl, PAGE_NAME_MAX + PAGE_PASSWORD_MAX + 2);
	buf_addc(&sasl, '\0');
	buf_addsv(&sasl, a->name);
	buf_addc(&sasl, '\0');
	buf_addsv(&sasl, a->password);
	l.sasl = buf_sv(&sasl);
	auth_server_login(s->d->o.server, &l, on_password, s);
	buf_wipe(&sasl);
}

/* ---- the second step, and links ---- */

static void
begin_with_step(struct sign_in *s, const struct sign_in_ask *a)
{
	struct web_door *d = s->d;
	struct err err = {.text = ""};
	enum auth_step kind;
	struct auth_who w = {.door = d->o.door, .peer = s->peer};
	struct sv account;
	int r;

	r = auth_visits_step_find(d->visits, a->step, &kind, &account);
	if (r != RC_OK) {
		refuse(s, RC_NOTFOUND, "that took too long; begin again");
		return;
	}
	sv_copy(account, s->account, sizeof s->account);
	if (kind == AUTH_STEP_CODE) {
		look_at_browser(s, a->browser);
		w.name = sv_str(s->account);
		if (s->is_known)
			w.browser = sv_of(s->browser, sizeof s->browser);
		r = auth_second_check(d->o.server, w.name, a->code, &w, &err);
	}
	if (r == RC_OK) {
		auth_visits_step_end(d->visits, a->step);
		let_in(s);
		return;
	}
	if (r == RC_DENIED)
		auth_visits_step_wrong(d->visits, a->step);
	refuse(s, r, err.text);
}

static void
on_sign_in(struct web_door *d, struct ipc_client *c, struct msg *m)
{
	struct sign_in *s = xcalloc(1, sizeof *s);
	struct sign_in_ask a;
	int r = sign_in_ask_get(m, &a);

	s->d = d;
	d->sign_ins++;
	ipc_request_begin(&s->request, c, m);
	if (r == RC_OK) {
		sv_copy(a.peer, s->peer, sizeof s->peer);
		sv_copy(a.agent, s->agent, sizeof s->agent);
	}
	if (r != RC_OK || !network_peer_valid(a.peer))
		refuse(s, RC_SYNTAX, "not a login");
	else if (a.step.n > 0)
		begin_with_step(s, &a);
	else
		begin_with_password(s, &a);
}

static void
on_sign_out(struct web_door *d, struct msg *m)
{
	struct sign_out o;

	if (sign_out_get(m, &o) == RC_OK)
		auth_visits_end(d->visits, o.session);
}

/* ---- visits ---- */

struct visiting {
	struct ipc_request request;
};

static void
visit_answer(struct visiting *v, int rc, const char *text)
{
	struct msg m;

	msg_answer_make(&m, 0, rc, text);
	ipc_request_answer(&v->request, &m);
	ipc_request_end(&v->request);
	free(v);
}

/* RC_IO: whoever was to answer died with the line in hand; with a fresh one it
 * can be asked again. */
static void
on_opened(int rc, struct msg *reply, void *arg)
{
	char text[ERR_TEXT_MAX] = "there is no answer now";
	int said = rc == RC_TEMP ? RC_IO : RC_TEMP;

	if (rc == RC_OK)
		said = msg_answer_read(reply, RC_TEMP, text);
	if (said != RC_OK && said != RC_IO)
		said = RC_TEMP;
	visit_answer(arg, said, text);
}

static void
open_page(struct web_door *d, struct visiting *v, uint8_t room,
    const struct auth_visit *who, int *fd)
{
	struct page_open o = {
	    .account = who->account,
	    .admin = is_admin(d, who->account),
	    .csrf = room == PAGE_ADMIN ? who->csrf_admin : who->csrf,
	    .peer = who->peer,
	    .session = who->number,
	    .fd = *fd,
	    .person = -1,
	};
	struct msg m;

	if (room == PAGE_SELF) {
		o.person = persons_add(d->persons, who);
		if (o.person < 0) {
			visit_answer(v, RC_TEMP, "too many open files");
			return;
		}
	} else if (!peer_up(d->admin) && d->wake != NULL) {
		d->wake(d->wake_arg);
	}
	*fd = -1;
	msg_init(&m, PAGE_OPEN);
	page_open_put(&m, &o);
	peer_ask_later(room == PAGE_SELF ? d->o.keeper : d->admin, &m, OPEN_MS,
	    on_opened, v);
}

/* Somebody with a link, who has not signed in: its account is asked. */
static void
open_link(
    struct web_door *d, struct visiting *v, const struct visit_ask *a, int *fd)
{
	struct page_open o = {
	    .stranger = true, .csrf = SV(""), .peer = a->peer, .person = -1};
	const struct conf *c = d->conf;
	struct msg m;
	size_t i = 0;

	while (i < c->naccount &&
	       !page_link_is_of(a->session, sv_str(c->account[i].name)))
		i++;
	if (i == c->naccount) {
		visit_answer(v, RC_NOTFOUND, "no such link");
		return;
	}
	o.account = sv_str(c->account[i].name);
	o.fd = *fd;
	*fd = -1;
	msg_init(&m, LINK_OPEN);
	page_open_put(&m, &o);
	peer_ask_later(d->o.keeper, &m, OPEN_MS, on_opened, v);
}

static void
on_visit(struct web_door *d, struct ipc_client *c, struct msg *m)
{
	struct visiting *v = xcalloc(1, sizeof *v);
	struct visit_ask a = {.fd = -1};
	struct auth_visit who;
	char peer[ACCOUNT_PEER_MAX];
	int r = visit_ask_get(m, &a);

	ipc_request_begin(&v->request, c, m);
	if (r != RC_OK || !network_peer_valid(a.peer)) {
		visit_answer(v, RC_SYNTAX, "not a visit");
	} else if (a.room == PAGE_LINK) {
		if (a.fd < 0)
			visit_answer(v, RC_TEMP, "too many open files");
		else
			open_link(d, v, &a, &a.fd);
	} else {
		sv_copy(a.peer, peer, sizeof peer);
		r = auth_visits_use(d->visits, a.session, peer, a.agent, &who);
		if (r != RC_OK)
			visit_answer(v, RC_NOTFOUND, "sign in");
		else if (a.room == PAGE_ADMIN ? !is_admin(d, who.account)
					      : who.account.n == 0)
			visit_answer(v, RC_DENIED, "not for you");
		else if (a.fd < 0)
			visit_answer(v, RC_TEMP, "too many open files");
		else
			open_page(d, v, a.room, &who, &a.fd);
	}
	io_close(&a.fd);
}

bool
web_door_msg(struct web_door *d, struct ipc_client *c, struct msg *m)
{
	if (m->type == AUTH_SIGN_IN)
		on_sign_in(d, c, m);
	else if (m->type == AUTH_SIGN_OUT)
		on_sign_out(d, m);
	else if (m->type == AUTH_VISIT)
		on_visit(d, c, m);
	else
		return false;
	return true;
}

/* ---- life ---- */

void
web_door_end_account(struct web_door *d, struct sv account)
{
	auth_visits_end_account(d->visits, account, 0);
}

void
web_door_link(struct web_door *d, struct buf *token_out)
{
	auth_visits_step(d->visits, AUTH_STEP_LINK, SV(""), token_out);
	look_later(d);
}

void
web_door_set_admin(struct web_door *d, int fd)
{
	peer_connect(d->admin, fd);
}

void
web_door_set_wake(struct web_door *d, void (*wake)(void *arg), void *arg)
{
	d->wake = wake;
	d->wake_arg = arg;
}

void
web_door_set_conf(struct web_door *d, struct conf *conf)
{
	struct conf *old = d->conf;

	d->conf = conf_ref(conf);
	auth_visits_set_conf(d->visits, conf);
	persons_set_conf(d->persons, conf);
	conf_free(&old);
}

struct web_door *
web_door_new(const struct web_door_opts *o, struct conf *conf)
{
	struct web_door *d = xcalloc(1, sizeof *d);

	d->o = *o;
	d->conf = conf_ref(conf);
	d->visits = auth_visits_new(clk_mono);
	d->browsers = auth_browsers_new(BROWSERS_FILE);
	d->persons = persons_new(&(struct persons_opts){.loop = o->loop,
				     .server = o->server,
				     .devices = o->devices,
				     .visits = d->visits,
				     .door = o->door,
				     .kick = o->kick,
				     .arg = o->arg},
	    conf);
	d->admin = peer_new(o->loop, "admin", o->on_admin, NULL, o->arg);
	return d;
}

void
web_door_free(struct web_door **dp)
{
	struct web_door *d = *dp;

	if (d == NULL)
		return;
	ev_timer_del(&d->timer);
	peer_free(&d->admin);
	persons_free(&d->persons);
	auth_browsers_free(&d->browsers);
	auth_visits_free(&d->visits);
	conf_free(&d->conf);
	free(d);
	*dp = NULL;
}
