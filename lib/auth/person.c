#include "auth/person.h"

#include <stdlib.h>

#include <sodium.h>

#include "auth/second.h"
#include "auth/totp.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_person.h"
#include "ipc/proto.h"
#include "ipc/server.h"

#define LINES_MAX	 1000
#define LINES_OF_ACCOUNT 250
#define ORDERS_AT_ONCE	 20
#define ORDER_MS	 1000 /* after that, one more */

_Static_assert(PERSON_SESSIONS_MAX >= VISITS_OF_ACCOUNT, "auth/visits.h");
_Static_assert(PERSON_LOGINS_MAX >= LOGINS_OF_ACCOUNT, "auth/logins.h");

struct person {
	struct ipc_client ipc;
	char account[CONF_NAME_MAX];
	uint64_t session;
};

/* How fast an account's orders come: each may write to the disk. */
struct pace {
	char account[CONF_NAME_MAX];
	int64_t until; /* clk_mono: what came has had its time */
	struct pace *next;
};

struct persons {
	struct persons_opts o;
	struct conf *conf;
	struct ipc_server *lines;
	struct pace *paces; /* whose time is not over */
};

static int64_t
seconds_ago(int64_t ms)
{
	return (clk_now() - ms) / 1000;
}

/* ---- lists ---- */

static void
on_state(struct persons *p, struct person *who, struct msg *m)
{
	struct sv account = sv_str(who->account);
	const struct person_state s = {
	    .password =
		credentials_password_hash(
		    auth_server_credentials(p->o.server), account) != NULL,
	    .totp = auth_second_is_on(p->o.server, account),
	    .recovery = auth_second_recovery_left(p->o.server, account),
	    .session = who->session,
	};
	struct msg a;

	msg_init(&a, MSG_REPLY);
	person_state_put(&a, &s);
	ipc_client_answer(&who->ipc, m->id, &a);
}

static void
add_device(const struct auth_device *d, void *arg)
{
	struct person_devices *list = arg;

	if (list->n < PERSON_DEVICES_MAX)
		list->d[list->n++] = (struct person_device){
		    .label = sv_str(d->label),
		    .made = d->made,
		    .used = d->used,
		    .service = sv_str(d->service),
		    .peer = sv_str(d->peer),
		};
}

static void
on_devices(struct persons *p, struct person *who, struct msg *m)
{
	struct person_devices list = {
	    .d = xcalloc(PERSON_DEVICES_MAX, sizeof *list.d)};
	struct msg a;

	auth_devices_each(
	    p->o.devices, sv_str(who->account), add_device, &list);
	msg_init(&a, MSG_REPLY);
	person_devices_put(&a, &list);
	ipc_client_answer(&who->ipc, m->id, &a);
	free(list.d);
}

static void
add_session(const struct auth_visit *v, void *arg)
{
	struct person_sessions *list = arg;

	if (list->n < PERSON_SESSIONS_MAX)
		list->s[list->n++] = (struct person_session){
		    .number = v->number,
		    .begun = seconds_ago(v->begun_ms),
		    .used = seconds_ago(v->used_ms),
		    .peer = v->peer,
		    .agent = v->agent,
		};
}

static void
on_sessions(struct persons *p, struct person *who, struct msg *m)
{
	struct person_session rows[PERSON_SESSIONS_MAX];
	struct person_sessions list = {.s = rows};
	struct msg a;

	auth_visits_each(p->o.visits, sv_str(who->account), add_session, &list);
	msg_init(&a, MSG_REPLY);
	person_sessions_put(&a, &list);
	ipc_client_answer(&who->ipc, m->id, &a);
}

static void
add_login(const struct auth_login_row *r, void *arg)
{
	struct person_logins *list = arg;

	if (list->n < PERSON_LOGINS_MAX)
		list->l[list->n++] = (struct person_login){
		    .first = r->first,
		    .last = r->last,
		    .count = r->count,
		    .service = sv_str(r->service),
		    .peer = sv_str(r->peer),
		    .client = sv_str(r->client),
		};
}

static void
on_logins(struct persons *p, struct person *who, struct msg *m)
{
	struct person_login rows[PERSON_LOGINS_MAX];
	struct person_logins list = {.l = rows};
	struct msg a;

	auth_devices_logins(
	    p->o.devices, sv_str(who->account), add_login, &list);
	msg_init(&a, MSG_REPLY);
	person_logins_put(&a, &list);
	ipc_client_answer(&who->ipc, m->id, &a);
}

/* ---- orders ---- */

/* Between order and answer; texts are copies, wiped at the end. */
struct order {
	struct persons *p;
	struct ipc_request request;
	char account[CONF_NAME_MAX];
	uint64_t session;
	char peer[ACCOUNT_PEER_MAX];
	enum person_what what;
	uint64_t number;
	struct buf text, address, password, code;
	struct buf secret, link; /* of the answer */
	enum person_field field;
	struct err err;
};

static void
keep(struct buf *b, struct sv s)
{
	buf_init(b, s.n);
	buf_addsv(b, s);
}

static void
finish(struct order *o, int rc)
{
	const struct person_done done = {
	    .rc = rc,
	    .field =
		rc == RC_OK ? (uint8_t)PERSON_FIELD_NONE : (uint8_t)o->field,
	    .text = sv_str(rc == RC_OK ? "" : o->err.text),
	    .secret = buf_sv(&o->secret),
	    .link = buf_sv(&o->link),
	};
	char why[LOG_Q_MAX];
	struct msg a;

	mlog(LOG_INFO, "person.order", "account=%s peer=%s what=%d rc=%s%s%s",
	    o->account, o->peer, o->what, rc_name(rc),
	    rc == RC_OK ? "" : " text=",
	    rc == RC_OK ? "" : log_q(why, sv_str(o->err.text)));
	msg_init(&a, MSG_REPLY);
	person_done_put(&a, &done);
	ipc_request_answer(&o->request, &a);
	ipc_request_end(&o->request);
	buf_wipe(&o->link);
	buf_wipe(&o->secret);
	buf_wipe(&o->code);
	buf_wipe(&o->password);
	buf_wipe(&o->address);
	buf_wipe(&o->text);
	free(o);
}

static int
fail(struct order *o, enum person_field field, int rc)
{
	o->field = field;
	return rc;
}

static struct auth_who
who_is(const struct order *o)
{
	return (struct auth_who){
	    .door = o->p->o.door, .name = sv_str(o->account), .peer = o->peer};
}

static int
device_add(struct order *o)
{
	struct persons *p = o->p;
	const struct device_order d = {
	    sv_str(o->account), buf_sv(&o->text), buf_sv(&o->address)};
	struct buf token;
	int r;

	if (conf_account_by_login(p->conf, d.address) !=
	    conf_account_by_name(p->conf, d.account))
		return fail(o, PERSON_FIELD_ADDRESS,
		    err_set(&o->err, RC_DENIED, "this is not your address"));
	if (credentials_app_count(auth_server_credentials(p->o.server),
		d.account) >= PERSON_DEVICES_MAX)
		return fail(o, PERSON_FIELD_TEXT,
		    err_set(&o->err, RC_DENIED,
			"there are too many devices; revoke one"));
	buf_init(&token, PERSON_URI_MAX);
	r = auth_devices_add(
	    p->o.devices, p->conf, &d, &token, &o->secret, &o->err);
	if (r == RC_OK && token.n > 0)
		buf_addf(&o->link, "/device/%s", token.p);
	buf_wipe(&token);
	return r == RC_OK ? r : fail(o, PERSON_FIELD_TEXT, r);
}

static int
device_revoke(struct order *o)
{
	struct persons *p = o->p;
	struct sv account = sv_str(o->account), label = buf_sv(&o->text);
	uint64_t id = 0;
	int r =
	    auth_server_app_revoke(p->o.server, account, label, &id, &o->err);

	auth_devices_forget(p->o.devices, account, label);
	if (r == RC_OK)
		p->o.kick(p->o.arg, account, id);
	return r == RC_OK ? r : fail(o, PERSON_FIELD_TEXT, r);
}

/* The old one is right. */
static int
change_password(struct order *o)
{
	struct persons *p = o->p;
	struct sv account = sv_str(o->account);
	int r;

	if (sv_eq(buf_sv(&o->text), buf_sv(&o->password)))
		return fail(o, PERSON_FIELD_TEXT,
		    err_set(
			&o->err, RC_DENIED, "the new password is the old one"));
	r = auth_server_passwd(
	    p->o.server, account, buf_sv(&o->text), false, &o->err);
	if (r != RC_OK)
		return fail(o, PERSON_FIELD_TEXT, r);
	auth_visits_end_account(p->o.visits, account, o->session);
	p->o.kick(p->o.arg, account, AUTH_CREDENTIAL_PASSWORD);
	return RC_OK;
}

static int
totp_begin(struct order *o)
{
	unsigned char secret[VISIT_SECRET];
	struct sv s = sv_of(secret, sizeof secret);
	int r = RC_OK;

	if (auth_second_is_on(o->p->o.server, sv_str(o->account)))
		return err_set(
		    &o->err, RC_EXISTS, "the second factor is on already");
	randombytes_buf(secret, sizeof secret);
	if (!auth_visits_keep_secret(o->p->o.visits, o->session, secret))
		r = err_set(&o->err, RC_NOTFOUND, "sign in again");
	if (r == RC_OK) {
		totp_secret_text(s, &o->secret);
		totp_uri(s, sv_str(o->p->conf->hostname), sv_str(o->account),
		    &o->link);
	}
	sodium_memzero(secret, sizeof secret);
	return r;
}

static int
totp_confirm(struct order *o)
{
	const struct auth_who w = who_is(o);
	unsigned char secret[VISIT_SECRET];
	int r;

	if (auth_second_is_on(o->p->o.server, sv_str(o->account)))
		return err_set(
		    &o->err, RC_EXISTS, "the second factor is on already");
	if (!auth_visits_secret(o->p->o.visits, o->session, secret))
		return fail(o, PERSON_FIELD_CODE,
		    err_set(&o->err, RC_NOTFOUND, "begin again"));
	r = auth_second_begin(o->p->o.server, sv_str(o->account), secret,
	    buf_sv(&o->code), &w, &o->secret, &o->err);
	sodium_memzero(secret, sizeof secret);
	if (r != RC_OK)
		return fail(o, PERSON_FIELD_CODE, r);
	auth_visits_forget_secret(o->p->o.visits, o->session);
	/* Who was let in by the password alone is asked for a code. */
	auth_visits_end_account(o->p->o.visits, sv_str(o->account), o->session);
	return RC_OK;
}

static int
totp_off(struct order *o)
{
	const struct auth_who w = who_is(o);
	int r = auth_second_check(
	    o->p->o.server, sv_str(o->account), buf_sv(&o->code), &w, &o->err);

	if (r != RC_OK)
		return fail(o, PERSON_FIELD_CODE, r);
	return auth_second_end(o->p->o.server, sv_str(o->account), &o->err);
}

/* They stand for the second factor: the password alone gives none. */
static int
recovery_new(struct order *o)
{
	const struct auth_who w = who_is(o);
	int r = auth_second_check(
	    o->p->o.server, sv_str(o->account), buf_sv(&o->code), &w, &o->err);

	if (r != RC_OK)
		return fail(o, PERSON_FIELD_CODE, r);
	return auth_second_renew(
	    o->p->o.server, sv_str(o->account), &o->secret, &o->err);
}

static int
session_end(struct order *o)
{
	if (o->number == o->session)
		return err_set(&o->err, RC_DENIED, "this is your session now");
	if (auth_visits_end_number(
		o->p->o.visits, sv_str(o->account), o->number) != RC_OK)
		return err_set(
		    &o->err, RC_NOTFOUND, "this session has ended already");
	return RC_OK;
}

static int
do_order(struct order *o)
{
	switch (o->what) {
	case PERSON_DEVICE_ADD:
		return device_add(o);
	case PERSON_DEVICE_REVOKE:
		return device_revoke(o);
	case PERSON_PASSWORD:
		return change_password(o);
	case PERSON_TOTP_BEGIN:
		return totp_begin(o);
	case PERSON_TOTP_CONFIRM:
		return totp_confirm(o);
	case PERSON_TOTP_OFF:
		return totp_off(o);
	case PERSON_RECOVERY_NEW:
		return recovery_new(o);
	case PERSON_SESSION_END:
		return session_end(o);
	case PERSON_SESSIONS_END:
		auth_visits_end_account(
		    o->p->o.visits, sv_str(o->account), o->session);
		return RC_OK;
	case PERSON_WHATS:
		break;
	}
	return err_set(&o->err, RC_SYNTAX, "no such order");
}

static void
on_password(const struct auth_result *r, void *arg)
{
	struct order *o = arg;
	struct auth_visit v;

	o->field = PERSON_FIELD_PASSWORD;
	if (r->rc == RC_DENIED) {
		finish(o, err_set(&o->err, r->rc, "this password is wrong"));
		return;
	}
	if (r->rc != RC_OK) {
		finish(o, err_set(&o->err, r->rc, "%s", r->text));
		return;
	}
	/* Between question and answer it may have ended. */
	if (auth_visits_look(o->p->o.visits, o->session, &v) != RC_OK) {
		finish(o, err_set(&o->err, RC_NOTFOUND, "sign in again"));
		return;
	}
	o->field = PERSON_FIELD_NONE;
	finish(o, do_order(o));
}

static void
ask_password(struct order *o)
{
	struct auth_login l = {
	    .peer = o->peer, .door = o->p->o.door, .only_password = true};
	struct buf sasl;

	buf_init(&sasl, CONF_NAME_MAX + PAGE_PASSWORD_MAX + 2);
	buf_addc(&sasl, '\0');
	buf_adds(&sasl, o->account);
	buf_addc(&sasl, '\0');
	buf_addsv(&sasl, buf_sv(&o->password));
	l.sasl = buf_sv(&sasl);
	auth_server_login(o->p->o.server, &l, on_password, o);
	buf_wipe(&sasl);
}

static bool
needs_password(enum person_what what)
{
	return what == PERSON_PASSWORD || what == PERSON_TOTP_OFF ||
	       what == PERSON_RECOVERY_NEW;
}

/* Those whose time is over are forgotten. */
static struct pace *
find_pace(struct persons *p, struct sv account, int64_t now)
{
	struct pace **at = &p->paces, *n;

	while ((n = *at) != NULL)
		if (sv_eq(account, sv_str(n->account))) {
			return n;
		} else if (n->until <= now) {
			*at = n->next;
			free(n);
		} else {
			at = &n->next;
		}
	n = xcalloc(1, sizeof *n);
	sv_copy(account, n->account, sizeof n->account);
	*at = n;
	return n;
}

static bool
is_too_fast(struct persons *p, struct sv account)
{
	const int64_t now = clk_mono();
	struct pace *n = find_pace(p, account, now);

	if (n->until < now)
		n->until = now;
	if (n->until - now > (ORDERS_AT_ONCE - 1) * ORDER_MS)
		return true;
	n->until += ORDER_MS;
	return false;
}

static void
on_order(struct persons *p, struct person *who, const struct auth_visit *v,
    struct msg *m)
{
	struct order *o = xcalloc(1, sizeof *o);
	struct person_order a = {.what = PERSON_WHATS};
	int r = person_order_get(m, &a);

	o->p = p;
	ipc_request_begin(&o->request, &who->ipc, m);
	sv_copy(sv_str(who->account), o->account, sizeof o->account);
	sv_copy(v->peer, o->peer, sizeof o->peer);
	o->session = who->session;
	o->what = (enum person_what)a.what;
	o->number = a.number;
	keep(&o->text, a.text);
	keep(&o->address, a.address);
	keep(&o->password, a.password);
	keep(&o->code, a.code);
	buf_init(&o->secret, PERSON_SECRETS_MAX - 1);
	buf_init(&o->link, PERSON_URI_MAX - 1);
	if (r != RC_OK)
		finish(o, err_set(&o->err, RC_SYNTAX, "no such order"));
	else if (is_too_fast(p, sv_str(o->account)))
		finish(o, err_set(&o->err, RC_TEMP,
			      "too many changes at once; wait a moment"));
	else if (needs_password(o->what))
		ask_password(o);
	else
		finish(o, do_order(o));
}

/* ---- lines ---- */

static void
on_msg(struct ipc_client *c, struct msg *m)
{
	struct persons *p = c->arg;
	struct person *who = (struct person *)c;
	struct auth_visit v;

	/* With the session all that it could do ends. */
	if (auth_visits_look(p->o.visits, who->session, &v) != RC_OK) {
		ipc_client_cut(c);
		return;
	}
	switch (m->type) {
	case PERSON_STATE:
		on_state(p, who, m);
		break;
	case PERSON_DEVICES:
		on_devices(p, who, m);
		break;
	case PERSON_SESSIONS:
		on_sessions(p, who, m);
		break;
	case PERSON_LOGINS:
		on_logins(p, who, m);
		break;
	case PERSON_ORDER:
		on_order(p, who, &v, m);
		break;
	default:
		ipc_client_cut(c);
		break;
	}
}

static const struct ipc_server_ops ops = {
    .client_size = sizeof(struct person), .msg = on_msg};

int
persons_add(struct persons *p, const struct auth_visit *who)
{
	struct ipc_client *c;
	struct person *n;
	unsigned all = 0, of_account = 0;
	int fd[2];

	for (c = ipc_server_clients(p->lines); c != NULL; c = c->next) {
		all++;
		of_account +=
		    sv_eq(who->account, sv_str(((struct person *)c)->account));
	}
	if (all >= LINES_MAX || of_account >= LINES_OF_ACCOUNT ||
	    line_pair(fd) != RC_OK)
		return -1;
	n = (struct person *)ipc_server_add(p->lines, fd[0]);
	sv_copy(who->account, n->account, sizeof n->account);
	n->session = who->number;
	return fd[1];
}

void
persons_set_conf(struct persons *p, struct conf *conf)
{
	struct conf *old = p->conf;

	p->conf = conf_ref(conf);
	conf_free(&old);
}

struct persons *
persons_new(const struct persons_opts *o, struct conf *conf)
{
	struct persons *p = xcalloc(1, sizeof *p);

	p->o = *o;
	p->conf = conf_ref(conf);
	p->lines = ipc_server_new(o->loop, &ops, p);
	return p;
}

void
persons_free(struct persons **pp)
{
	struct persons *p = *pp;
	struct pace *n;

	if (p == NULL)
		return;
	while ((n = p->paces) != NULL) {
		p->paces = n->next;
		free(n);
	}
	/* Open orders end with the process, as logins do. */
	if (ipc_server_is_idle(p->lines))
		ipc_server_free(&p->lines);
	conf_free(&p->conf);
	free(p);
	*pp = NULL;
}
