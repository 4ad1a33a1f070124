#include "auth/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/devices.h"
#include "auth/server.h"
#include "auth/letter.h"
#include "auth/rotator.h"
#include "auth/second.h"
#include "auth/signer.h"
#include "auth/web_door.h"
#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "ipc/server.h"

#define KNOWN_FILE	  "known"
#define CREDENTIALS_FILE  "credentials"
#define DKIM_FOLDER	  "dkim"
#define KEEPER_TIMEOUT_MS 20000
#define LOGINS_MORE	  64 /* than connections: limits change */

_Static_assert(SIGN_DOMAIN_MAX == SIGNER_DOMAIN_MAX, "auth/signer.h");

/* A line that asks. */
struct client {
	struct ipc_client ipc;
	bool command; /* the owner's; else a process of the server */
	bool may_sign, may_login, may_link;
	enum auth_door door;
	unsigned strangers; /* requests that are logins from networks not
			       known */
};

struct auth_service {
	struct ev_loop *loop;
	struct conf *conf;
	uint32_t generation;
	struct auth_server *server;
	struct signer *signer;
	struct rotator *rotator;
	struct peer *keeper;
	struct auth_devices *devices;
	struct web_door *web;
	struct ipc_server *clients;
	struct kick *kicks; /* that wait for the keeper */
};

/* Sessions that must end: kept until the keeper has heard of it. */
struct kick {
	char account[CONF_NAME_MAX];
	uint64_t credential;
	struct kick *next;
};

/* A login between question and answer. */
struct login {
	struct auth_service *s;
	struct ipc_request request;
	enum conf_service service;
	char peer[ACCOUNT_PEER_MAX];
	bool stranger;
	bool tls;
	struct buf tag;
	int fd; /* the session's end, -1 for submission */
	uint32_t account;
	uint64_t credential;
	/* Whose name was given.  Others are not kept: people type passwords
	 * where the name goes. */
	char tried[CONF_NAME_MAX];
};

static struct client *
client_of(const struct ipc_request *r)
{
	return (struct client *)r->client;
}

static void
login_free(struct login *l)
{
	client_of(&l->request)->strangers -= l->stranger;
	ipc_request_end(&l->request);
	io_close(&l->fd);
	buf_fini(&l->tag);
	free(l);
}

static void
log_failure(const struct login *l, const char *reason)
{
	char q[LOG_Q_MAX];
	unsigned missed;

	if (!log_peer_may(l->peer, &missed))
		return;
	if (missed > 0)
		mlog(LOG_INFO, "login.fail.more", "peer=%s lines=%u", l->peer,
		    missed);
	mlog(LOG_INFO, "login.fail", "service=%s peer=%s account=%s reason=%s",
	    l->service < CONF_SERVICES ? conf_service_name(l->service) : "?",
	    l->peer, l->tried[0] != '\0' ? l->tried : "unknown",
	    log_q(q, sv_str(reason)));
}

/* [RFC 4616] authzid NUL authcid NUL passwd: whose authcid is it? */
static void
note_tried(struct login *l, struct sv sasl)
{
	const struct conf *c = l->s->conf;
	int account;

	(void)sv_split(&sasl, '\0');
	account = conf_account_by_login(c, sv_split(&sasl, '\0'));
	if (account >= 0)
		(void)snprintf(
		    l->tried, sizeof l->tried, "%s", c->account[account].name);
}

static void
login_answer(struct login *l, int rc, const char *text)
{
	struct auth_service *s = l->s;
	struct login_done done = {
	    .rc = rc,
	    .text = sv_str(text),
	    .number = l->account,
	    .account = SV(""),
	    .generation = s->generation,
	    .credential = l->credential,
	};
	struct msg m;

	if (rc == RC_OK && l->account < s->conf->naccount)
		done.account = sv_str(s->conf->account[l->account].name);
	if (rc != RC_OK && rc != RC_IO)
		log_failure(l, text);
	msg_init(&m, MSG_REPLY);
	login_done_put(&m, &done);
	ipc_request_answer(&l->request, &m);
	login_free(l);
}

static void
on_session_open(int rc, struct msg *reply, void *arg)
{
	struct login *l = arg;
	char text[ERR_TEXT_MAX] = "the mailbox is not available now";
	int said = RC_TEMP;

	/* The keeper died with it in hand: it can be asked for again. */
	if (rc == RC_TEMP)
		said = RC_IO;
	if (rc == RC_OK)
		said = msg_answer_read(reply, RC_TEMP, text);
	login_answer(l, said == RC_OK || said == RC_IO ? said : RC_TEMP, text);
}

static void
on_login_done(const struct auth_result *r, void *arg)
{
	struct login *l = arg;
	struct auth_service *s = l->s;
	struct session_open o;
	struct msg m;

	l->account = r->account;
	l->credential = r->credential;
	if (r->rc == RC_OK)
		auth_devices_note(s->devices,
		    sv_str(s->conf->account[r->account].name), r->credential,
		    conf_service_name(l->service), l->peer);
	if (r->rc != RC_OK || l->fd < 0) {
		if (r->rc == RC_OK)
			mlog(LOG_INFO, "auth.ok",
			    "account=%s service=%s peer=%s tls=%d",
			    s->conf->account[r->account].name,
			    conf_service_name(l->service), l->peer, l->tls);
		login_answer(l, r->rc, r->text);
		return;
	}
	o = (struct session_open){
	    .account = sv_str(s->conf->account[r->account].name),
	    .service = (uint8_t)l->service,
	    .credential = r->credential,
	    .peer = sv_str(l->peer),
	    .tls = l->tls,
	    .tag = buf_sv(&l->tag),
	    .fd = l->fd,
	};
	l->fd = -1;
	msg_init(&m, SESSION_OPEN);
	session_open_put(&m, &o);
	peer_ask_later(s->keeper, &m, KEEPER_TIMEOUT_MS, on_session_open, l);
}

static bool
is_service_of(enum auth_door door, uint8_t service)
{
	switch (door) {
	case AUTH_DOOR_IMAP:
		return service == CONF_IMAP || service == CONF_IMAPS;
	case AUTH_DOOR_POP3:
		return service == CONF_POP3 || service == CONF_POP3S;
	case AUTH_DOOR_SIEVE:
		return service == CONF_SIEVE;
	case AUTH_DOOR_SUBMISSION:
		return service == CONF_SUBMISSION ||
		       service == CONF_SUBMISSIONS;
	case AUTH_DOOR_WEB: /* AUTH_SIGN_IN */
		break;
	}
	return false;
}

/* Strangers who wait keep nobody out who has been here before. */
static bool
is_too_much(struct login *l)
{
	struct client *c = client_of(&l->request);
	unsigned most = l->s->conf->limits.connections;

	l->stranger = !auth_server_knows(l->s->server, l->peer);
	c->strangers += l->stranger;
	return l->stranger ? c->strangers > 2 * most + LOGINS_MORE
			   : c->ipc.open > 3 * most + 2 * LOGINS_MORE;
}

static void
on_login(struct client *c, struct msg *m)
{
	struct login *l = xcalloc(1, sizeof *l);
	struct login_ask asked;
	struct auth_login ask = {.peer = l->peer, .door = c->door};
	int r = login_ask_get(m, &asked);

	l->s = c->ipc.arg;
	ipc_request_begin(&l->request, &c->ipc, m);
	l->fd = -1;
	buf_init(&l->tag, 1024);
	if (r == RC_OK) {
		l->service = (enum conf_service)asked.service;
		l->tls = asked.tls;
		l->fd = asked.fd;
		sv_copy(asked.peer, l->peer, sizeof l->peer);
		buf_addsv(&l->tag, asked.tag);
	}
	if (r != RC_OK || !is_service_of(c->door, asked.service) ||
	    !buf_ok(&l->tag) || !network_peer_valid(sv_str(l->peer))) {
		login_answer(l, RC_SYNTAX, "not a login");
		return;
	}
	if (is_too_much(l)) {
		login_answer(l, RC_TEMP, "too many logins at once; try again");
		return;
	}
	if (c->door == AUTH_DOOR_SUBMISSION) {
		io_close(&l->fd); /* it is to have none */
	} else if (l->fd < 0) {
		login_answer(l, RC_TEMP, "too many open files");
		return;
	}
	ask.sasl = asked.sasl;
	note_tried(l, ask.sasl);
	auth_server_login(l->s->server, &ask, on_login_done, l);
}

/* ---- signatures ---- */

/* A question to the signer between question and answer. */
static struct ipc_request *
signing_new(struct client *c, const struct msg *m)
{
	struct ipc_request *r = xcalloc(1, sizeof *r);

	ipc_request_begin(r, &c->ipc, m);
	return r;
}

static void
signing_end(struct ipc_request *r, struct msg *m)
{
	ipc_request_answer(r, m);
	ipc_request_end(r);
	free(r);
}

static void
on_signed(const struct signer_answer *a, void *arg)
{
	bool selectors = a->rc == RC_OK || a->rc == RC_NOTFOUND;
	struct sign_signature s[DKIM_ALGORITHMS];
	struct sign_done done = {.rc = a->rc, .text = sv_str(a->text), .s = s};
	struct msg m;
	uint8_t i;

	for (i = 0; selectors && i < DKIM_ALGORITHMS; i++)
		s[done.n++] = (struct sign_signature){
		    i, sv_str(a->selector[i]), buf_sv(&a->value[i])};
	msg_init(&m, MSG_REPLY);
	sign_done_put(&m, &done);
	signing_end(arg, &m);
}

static void
on_sign(struct client *c, struct msg *m)
{
	struct auth_service *s = c->ipc.arg;
	struct signer_answer no = {.rc = RC_SYNTAX, .text = "not a question"};
	struct signer_question q = {.n = 0};
	struct ipc_request *g = signing_new(c, m);
	struct sign_ask asked;

	if (sign_ask_get(m, &asked) != RC_OK) {
		on_signed(&no, g);
		return;
	}
	sv_copy(asked.domain, q.domain, sizeof q.domain);
	for (; q.n < asked.nhash; q.n++) {
		const struct sign_hash *h = &asked.hash[q.n];

		sv_copy(h->selector, q.selector[q.n], sizeof q.selector[q.n]);
		memcpy(q.hash[q.n], h->hash, sizeof q.hash[q.n]);
	}
	sign_ask_fini(&asked);
	if (!c->may_sign) {
		/* Who reads mail for others does not write in their name. */
		mlog(LOG_WARN, "dkim.refused", "domain=%s",
		    conf_domain_is_local(s->conf, sv_str(q.domain)) ? q.domain
								    : "?");
		no = (struct signer_answer){
		    .rc = RC_DENIED, .text = "signatures are for submission"};
		on_signed(&no, g);
	} else {
		signer_ask(s->signer, &q, on_signed, g);
	}
}

static void
on_order_done(int rc, struct sv text, void *arg)
{
	const struct auth_done done = {.rc = rc, .text = text};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	auth_done_put(&m, &done);
	signing_end(arg, &m);
}

_Static_assert(DKIM_ORDERS == SIGNER_WHATS, "auth/signer.h");

/* The owner asks for what is to be published, or changes keys. */
static void
on_dkim_command(struct client *c, struct msg *m)
{
	struct auth_service *s = c->ipc.arg;
	struct ipc_request *g = signing_new(c, m);
	struct signer_order o = {.what = SIGNER_RECORDS};
	struct dkim_order asked;

	if (dkim_order_get(m, &asked) != RC_OK) {
		on_order_done(RC_SYNTAX, SV("not a question"), g);
		return;
	}
	o.what = (enum signer_what)asked.what;
	sv_copy(asked.domain, o.domain, sizeof o.domain);
	sv_copy(asked.selector, o.selector, sizeof o.selector);
	signer_order(s->signer, &o, on_order_done, g);
	/* The letter goes out at once, and who looks at the list has perhaps
	 * just published something. */
	if (o.what != SIGNER_RECORDS)
		rotator_hurry(s->rotator);
}

/* ---- the owner's commands ---- */

static void
put_kick(struct msg *m, uint16_t type, const struct kick *k)
{
	const struct session_kick say = {sv_str(k->account), k->credential};

	msg_init(m, type);
	session_kick_put(m, &say);
}

static void
on_keeper_up(void *arg)
{
	struct auth_service *s = arg;
	struct kick *k;
	struct msg m;

	while ((k = s->kicks) != NULL) {
		put_kick(&m, SESSION_KICK, k);
		if (peer_tell(s->keeper, &m) != RC_OK)
			return;
		s->kicks = k->next;
		free(k);
	}
}

/* Ends what was opened with a credential: in the account's process by way of
 * the keeper, and in submission, which holds its sessions itself. */
static void
kick(struct auth_service *s, struct sv account, uint64_t credential)
{
	struct kick *k = xcalloc(1, sizeof *k);
	struct ipc_client *c;
	struct msg m;

	if (account.n >= sizeof k->account) {
		free(k);
		return;
	}
	memcpy(k->account, account.p, account.n);
	k->credential = credential;
	for (c = ipc_server_clients(s->clients); c != NULL; c = c->next)
		if (!((struct client *)c)->command) {
			put_kick(&m, AUTH_KICK, k);
			ipc_client_tell(c, &m);
		}
	k->next = s->kicks;
	s->kicks = k;
	on_keeper_up(s);
}

static void
kick_of(void *arg, struct sv account, uint64_t credential)
{
	kick(arg, account, credential);
}

static void
list_accounts(struct auth_service *s, struct buf *out)
{
	const struct credentials *c = auth_server_credentials(s->server);
	size_t i, j;

	for (i = 0; i < s->conf->naccount; i++) {
		const struct conf_account *a = &s->conf->account[i];
		unsigned apps = credentials_app_count(c, sv_str(a->name));

		buf_addf(out, "%-16s %-12s", a->name,
		    credentials_password_hash(c, sv_str(a->name)) != NULL
			? "password"
			: "NO PASSWORD");
		buf_addf(
		    out, " %u app password%s ", apps, apps == 1 ? " " : "s");
		for (j = 0; j < a->naddress; j++)
			buf_addf(out, " %s", a->address[j]);
		buf_addc(out, '\n');
	}
}

static void
on_link(struct client *c, struct msg *m)
{
	struct auth_service *s = c->ipc.arg;
	struct msg answer;

	msg_init(&answer, MSG_REPLY);
	auth_devices_link(s->devices, s->conf, m, &answer);
	ipc_client_answer(&c->ipc, m->id, &answer);
}

static int
totp_off(struct auth_service *s, struct sv account, struct err *err)
{
	if (conf_account_by_name(s->conf, account) < 0)
		return err_set(err, RC_NOTFOUND,
		    "there is no account \"%.*s\" in the configuration",
		    SV_ARG(account));
	if (!auth_second_is_on(s->server, account))
		return err_set(err, RC_NOTFOUND,
		    "the second factor of %.*s is off", SV_ARG(account));
	return auth_second_end(s->server, account, err);
}

static int
run_command(struct auth_service *s, struct msg *m, struct buf *text,
    struct buf *secret, struct err *err)
{
	struct auth_command o;
	struct device_order device;
	uint64_t id = 0;
	int r;

	if (m->type == CMD_DEVICE_ADD)
		return device_order_get(m, &device) == RC_OK
			   ? auth_devices_add(s->devices, s->conf, &device,
				 text, secret, err)
			   : err_set(err, RC_SYNTAX, "the order is malformed");
	if (auth_command_get(m, &o) != RC_OK)
		return err_set(err, RC_SYNTAX, "the command is malformed");
	switch (m->type) {
	case CMD_PASSWD:
		r = auth_server_passwd(
		    s->server, o.account, o.arg, o.weak, err);
		if (r == RC_OK) {
			web_door_end_account(s->web, o.account);
			kick(s, o.account, AUTH_CREDENTIAL_PASSWORD);
		}
		return r;
	case CMD_TOTP_OFF:
		return totp_off(s, o.account, err);
	case CMD_WEB_LOGIN:
		if (s->conf->nlisten[CONF_HTTPS] == 0)
			return err_set(err, RC_NOTFOUND,
			    "there are no pages: listen.https is not in the "
			    "configuration");
		web_door_link(s->web, secret);
		return RC_OK;
	case CMD_APP_ADD:
		return auth_server_app_add(
		    s->server, o.account, o.arg, secret, err);
	case CMD_APP_REVOKE:
		r = auth_server_app_revoke(
		    s->server, o.account, o.arg, &id, err);
		auth_devices_forget(s->devices, o.account, o.arg);
		if (r == RC_OK)
			kick(s, o.account, id);
		return r;
	case CMD_APP_LIST:
	case CMD_DEVICE_LIST:
		if (conf_account_by_name(s->conf, o.account) < 0)
			return err_set(err, RC_NOTFOUND,
			    "there is no account \"%.*s\" in the configuration",
			    SV_ARG(o.account));
		if (m->type == CMD_DEVICE_LIST)
			auth_devices_list(s->devices, o.account, text);
		else
			credentials_app_list(auth_server_credentials(s->server),
			    o.account, text);
		return RC_OK;
	case CMD_ACCOUNTS:
		list_accounts(s, text);
		return RC_OK;
	default:
		return err_set(err, RC_SYNTAX, "no such command");
	}
}

/* *answer is the caller's to send. */
static void
obey(struct auth_service *s, struct msg *m, struct msg *answer)
{
	struct buf text, secret;
	struct err err = {.text = ""};
	struct auth_done done;
	int r;

	buf_init(&text, 60000);
	buf_init(&secret, 256);
	r = run_command(s, m, &text, &secret, &err);
	if (r != RC_OK) {
		buf_reset(&text);
		buf_adds(&text, err.text);
	}
	mlog(LOG_INFO, "auth.command", "type=%u rc=%s", m->type, rc_name(r));
	msg_init(answer, MSG_REPLY);
	done = (struct auth_done){r, buf_sv(&text), buf_sv(&secret)};
	auth_done_put(answer, &done);
	buf_wipe(&secret);
	buf_wipe(&text); /* a link's token */
}

static void
on_command(struct client *c, struct msg *m)
{
	struct msg answer;

	obey(c->ipc.arg, m, &answer);
	ipc_client_answer(&c->ipc, m->id, &answer);
}

static void
on_admin(struct line *l, struct msg *m, void *arg)
{
	struct msg answer;

	if (m->type != CMD_ACCOUNTS && m->type != CMD_DEVICE_LIST &&
	    m->type != CMD_APP_REVOKE) {
		line_accuse(l);
		return;
	}
	obey(arg, m, &answer);
	answer.id = m->id;
	line_tell(l, &answer);
}

static void
on_client_msg(struct ipc_client *ipc, struct msg *m)
{
	struct client *c = (struct client *)ipc;
	struct auth_service *s = ipc->arg;

	if (c->command && m->type == CMD_DKIM)
		on_dkim_command(c, m);
	else if (c->command)
		on_command(c, m);
	else if (m->type == AUTH_LOGIN && c->may_login)
		on_login(c, m);
	else if (m->type == AUTH_LINK && c->may_link)
		on_link(c, m);
	else if (c->may_link && web_door_msg(s->web, ipc, m))
		return;
	else if (m->type == AUTH_SIGN)
		on_sign(c, m);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client), .msg = on_client_msg};

static struct client *
add_client(struct auth_service *s, int fd)
{
	return (struct client *)ipc_server_add(s->clients, fd);
}

void
auth_service_add_client(struct auth_service *s, int fd, enum auth_door door)
{
	struct client *c = add_client(s, fd);

	c->may_login = true;
	c->may_sign = door == AUTH_DOOR_SUBMISSION;
	c->door = door;
}

void
auth_service_add_signer(struct auth_service *s, int fd)
{
	add_client(s, fd)->may_sign = true;
}

void
auth_service_add_web(struct auth_service *s, int fd)
{
	add_client(s, fd)->may_link = true;
}

void
auth_service_set_admin(struct auth_service *s, int fd)
{
	web_door_set_admin(s->web, fd);
}

void
auth_service_set_wake(
    struct auth_service *s, void (*wake)(void *arg), void *arg)
{
	web_door_set_wake(s->web, wake, arg);
}

void
auth_service_add_command(struct auth_service *s, int fd)
{
	add_client(s, fd)->command = true;
}

void
auth_service_set_keeper(struct auth_service *s, int fd)
{
	peer_connect(s->keeper, fd);
}

void
auth_service_letter(struct auth_service *s, struct sv subject, struct sv text)
{
	letter_send(s->keeper, s->conf, subject, text);
}

void
auth_service_status(const struct auth_service *s, struct buf *out)
{
	rotator_status(s->rotator, out);
}

void
auth_service_set_dns(struct auth_service *s, int fd)
{
	rotator_set_dns(s->rotator, fd);
}

void
auth_service_set_conf(
    struct auth_service *s, struct conf *conf, uint32_t generation)
{
	struct conf *old = s->conf;

	s->conf = conf_ref(conf);
	s->generation = generation;
	auth_server_set_conf(s->server, conf);
	auth_devices_set_conf(s->devices, conf);
	web_door_set_conf(s->web, conf);
	signer_set_domains(s->signer, conf);
	rotator_set_conf(s->rotator, conf);
	conf_free(&old);
}

static void
start_signing(struct auth_service *s, uint32_t tick_ms)
{
	struct rotator_pace pace = ROTATOR_PACE;

	s->signer = signer_new(s->loop, DKIM_FOLDER);
	signer_set_domains(s->signer, s->conf);
	if (tick_ms != 0) {
		pace = (struct rotator_pace){tick_ms, tick_ms};
		signer_set_pace(s->signer, tick_ms, tick_ms);
	}
	signer_start(s->signer);
	s->rotator = rotator_new(s->loop, s->signer, s->keeper, &pace);
	rotator_set_conf(s->rotator, s->conf);
}

int
auth_service_new(struct ev_loop *loop, struct conf *conf, uint32_t generation,
    uint32_t dkim_tick_ms, struct auth_service **out, struct err *err)
{
	struct auth_service *s = xcalloc(1, sizeof *s);
	int r;

	s->loop = loop;
	s->conf = conf_ref(conf);
	s->generation = generation;
	r = auth_server_new(loop, CREDENTIALS_FILE, conf, &s->server, err);
	if (r != RC_OK) {
		conf_free(&s->conf);
		free(s);
		return r;
	}
	s->clients = ipc_server_new(loop, &client_ops, s);
	s->keeper = peer_new(loop, "keeper", NULL, on_keeper_up, s);
	s->devices = auth_devices_new(loop, s->server);
	s->web = web_door_new(&(struct web_door_opts){.loop = loop,
				  .server = s->server,
				  .devices = s->devices,
				  .keeper = s->keeper,
				  .door = AUTH_DOOR_WEB,
				  .on_admin = on_admin,
				  .kick = kick_of,
				  .arg = s},
	    conf);
	auth_server_remember(s->server, KNOWN_FILE);
	auth_server_start(s->server);
	start_signing(s, dkim_tick_ms);
	*out = s;
	return RC_OK;
}

void
auth_service_free(struct auth_service **sp)
{
	struct auth_service *s = *sp;
	bool idle;

	if (s == NULL)
		return;
	/* Open logins end with the process: their clients see an EOF. */
	idle = ipc_server_is_idle(s->clients);
	if (idle)
		ipc_server_free(&s->clients);
	peer_free(&s->keeper);
	rotator_free(&s->rotator);
	signer_free(&s->signer);
	web_door_free(&s->web);
	auth_devices_free(&s->devices);
	auth_server_free(&s->server);
	conf_free(&s->conf);
	if (idle)
		free(s);
	*sp = NULL;
}
