#include "auth/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/server.h"
#include "auth/signer.h"
#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "ipc/proto.h"

#define KNOWN_FILE	  "known"
#define CREDENTIALS_FILE  "credentials"
#define DKIM_FOLDER	  "dkim"
#define KEEPER_TIMEOUT_MS 20000
#define LOGINS_MORE	  64 /* than connections: limits change */

/* A line that asks.  Freed when it is gone and no login names it any more. */
struct client {
	struct auth_service *s;
	struct line *line;
	bool command; /* the owner's; else a process of the server */
	bool may_sign, may_login;
	enum auth_door door;
	unsigned open;
	unsigned strangers; /* of them: logins from networks not known */
	struct client *next;
};

struct auth_service {
	struct ev_loop *loop;
	struct conf *conf;
	uint32_t generation;
	struct auth_server *server;
	struct signer *signer;
	struct peer *keeper;
	struct client *clients;
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
	struct client *client;
	uint32_t id;
	enum conf_service service;
	char peer[64];
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

static void
client_maybe_free(struct client *c)
{
	struct client **at = &c->s->clients;

	if (c->line != NULL || c->open > 0)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

static void
login_free(struct login *l)
{
	l->client->open--;
	l->client->strangers -= l->stranger;
	client_maybe_free(l->client);
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
	const struct conf *c = l->client->s->conf;
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
	struct auth_service *s = l->client->s;
	const char *name = "";
	struct msg m;

	if (rc == RC_OK && l->account < s->conf->naccount)
		name = s->conf->account[l->account].name;
	if (rc != RC_OK && rc != RC_IO)
		log_failure(l, text);
	if (l->client->line != NULL) {
		msg_init(&m, MSG_REPLY);
		m.id = l->id;
		msg_put_u32(&m, (uint32_t)rc);
		msg_put_str(&m, text);
		msg_put_u32(&m, l->account);
		msg_put_str(&m, name);
		msg_put_u32(&m, s->generation);
		msg_put_u64(&m, l->credential);
		line_tell(l->client->line, &m);
	}
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
	if (rc == RC_OK) {
		said = (int)msg_get_u32(reply);
		msg_get_str(reply, text, sizeof text);
		if (reply->bad)
			said = RC_TEMP;
	}
	login_answer(l, said == RC_OK || said == RC_IO ? said : RC_TEMP, text);
}

static void
on_login_done(const struct auth_result *r, void *arg)
{
	struct login *l = arg;
	struct auth_service *s = l->client->s;
	struct msg m;

	l->account = r->account;
	l->credential = r->credential;
	if (r->rc != RC_OK || l->fd < 0) {
		if (r->rc == RC_OK)
			mlog(LOG_INFO, "auth.ok",
			    "account=%s service=%s peer=%s tls=%d",
			    s->conf->account[r->account].name,
			    conf_service_name(l->service), l->peer, l->tls);
		login_answer(l, r->rc, r->text);
		return;
	}
	msg_init(&m, SESSION_OPEN);
	msg_put_str(&m, s->conf->account[r->account].name);
	msg_put_u8(&m, (uint8_t)l->service);
	msg_put_u64(&m, r->credential);
	msg_put_str(&m, l->peer);
	msg_put_u8(&m, l->tls);
	msg_put_sv(&m, buf_sv(&l->tag));
	msg_put_fd(&m, l->fd);
	l->fd = -1;
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
	case AUTH_DOOR_SUBMISSION:
		return service == CONF_SUBMISSION ||
		       service == CONF_SUBMISSIONS;
	}
	return false;
}

/* Strangers who wait keep nobody out who has been here before. */
static bool
is_too_much(struct login *l)
{
	struct client *c = l->client;
	unsigned most = c->s->conf->limits.connections;

	l->stranger = !auth_server_knows(c->s->server, l->peer);
	c->strangers += l->stranger;
	return l->stranger ? c->strangers > 2 * most + LOGINS_MORE
			   : c->open > 3 * most + 2 * LOGINS_MORE;
}

static void
on_login(struct client *c, struct msg *m)
{
	struct login *l = xcalloc(1, sizeof *l);
	struct auth_login ask;
	uint8_t service = msg_get_u8(m);

	l->client = c;
	l->id = m->id;
	l->service = (enum conf_service)service;
	l->fd = -1;
	c->open++;
	ask.sasl = msg_get_sv(m);
	msg_get_str(m, l->peer, sizeof l->peer);
	l->tls = msg_get_u8(m) != 0;
	buf_init(&l->tag, 1024);
	buf_addsv(&l->tag, msg_get_sv(m));
	if (msg_end(m) != RC_OK || !is_service_of(c->door, service) ||
	    !buf_ok(&l->tag) || !network_peer_valid(sv_str(l->peer))) {
		login_answer(l, RC_SYNTAX, "not a login");
		return;
	}
	if (is_too_much(l)) {
		login_answer(l, RC_TEMP, "too many logins at once; try again");
		return;
	}
	if (c->door != AUTH_DOOR_SUBMISSION) {
		l->fd = msg_take_fd(m);
		if (l->fd < 0) {
			login_answer(l, RC_TEMP, "too many open files");
			return;
		}
	}
	note_tried(l, ask.sasl);
	ask.peer = l->peer;
	ask.door = c->door;
	auth_server_login(c->s->server, &ask, on_login_done, l);
}

/* ---- signatures ---- */

/* A question to the signer between question and answer. */
struct signing {
	struct client *client;
	uint32_t id;
};

static struct signing *
signing_new(struct client *c, uint32_t id)
{
	struct signing *g = xcalloc(1, sizeof *g);

	g->client = c;
	g->id = id;
	c->open++;
	return g;
}

/* The reply, if anybody still waits for it. */
static void
signing_end(struct signing *g, struct msg *m)
{
	struct client *c = g->client;

	m->id = g->id;
	if (c->line != NULL)
		line_tell(c->line, m);
	else
		msg_fini(m);
	c->open--;
	client_maybe_free(c);
	free(g);
}

static void
on_signed(const struct signer_answer *a, void *arg)
{
	bool selectors = a->rc == RC_OK || a->rc == RC_NOTFOUND;
	struct msg m;
	unsigned i;

	msg_init(&m, MSG_REPLY);
	msg_put_u32(&m, (uint32_t)a->rc);
	msg_put_str(&m, a->text);
	msg_put_u32(&m, selectors ? DKIM_ALGORITHMS : 0);
	for (i = 0; selectors && i < DKIM_ALGORITHMS; i++) {
		msg_put_u8(&m, (uint8_t)i);
		msg_put_str(&m, a->selector[i]);
		msg_put_sv(&m, buf_sv(&a->value[i]));
	}
	signing_end(arg, &m);
}

static void
on_sign(struct client *c, struct msg *m)
{
	struct signer_answer no = {.rc = RC_SYNTAX, .text = "not a question"};
	struct signer_question q = {.records = false};
	struct signing *g = signing_new(c, m->id);
	unsigned i;

	msg_get_str(m, q.domain, sizeof q.domain);
	q.n = msg_get_u32(m);
	for (i = 0; i < q.n && i < DKIM_ALGORITHMS; i++) {
		struct sv hash;

		msg_get_str(m, q.selector[i], sizeof q.selector[i]);
		hash = msg_get_sv(m);
		if (hash.n != DKIM_HASH)
			m->bad = true;
		else
			memcpy(q.hash[i], hash.p, hash.n);
	}
	if (msg_end(m) != RC_OK) {
		on_signed(&no, g);
	} else if (!c->may_sign) {
		/* Who reads mail for others does not write in their name. */
		mlog(LOG_WARN, "dkim.refused", "domain=%s",
		    conf_domain_is_local(c->s->conf, sv_str(q.domain))
			? q.domain
			: "?");
		no = (struct signer_answer){
		    .rc = RC_DENIED, .text = "signatures are for submission"};
		on_signed(&no, g);
	} else {
		signer_ask(c->s->signer, &q, on_signed, g);
	}
}

static void
on_records(const struct signer_answer *a, void *arg)
{
	struct buf text;
	struct msg m;
	unsigned i;

	buf_init(&text, 8192);
	for (i = 0; a->rc == RC_OK && i < DKIM_ALGORITHMS; i++)
		buf_addf(&text, "%s %s\n", a->selector[i], a->value[i].p);
	msg_init(&m, MSG_REPLY);
	msg_put_u32(&m, (uint32_t)a->rc);
	msg_put_str(&m, a->rc == RC_OK ? text.p : a->text);
	msg_put_str(&m, "");
	signing_end(arg, &m);
	buf_fini(&text);
}

/* The owner asks for what is to be published. */
static void
on_dkim_command(struct client *c, struct msg *m)
{
	struct signer_answer no = {.rc = RC_SYNTAX, .text = "not a question"};
	struct signer_question q = {.records = true};
	struct signing *g = signing_new(c, m->id);

	msg_get_str(m, q.domain, sizeof q.domain);
	if (msg_end(m) != RC_OK)
		on_records(&no, g);
	else
		signer_ask(c->s->signer, &q, on_records, g);
}

/* ---- the owner's commands ---- */

static void
put_kick(struct msg *m, uint16_t type, const struct kick *k)
{
	msg_init(m, type);
	msg_put_str(m, k->account);
	msg_put_u64(m, k->credential);
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
	struct client *c;
	struct msg m;

	if (account.n >= sizeof k->account) {
		free(k);
		return;
	}
	memcpy(k->account, account.p, account.n);
	k->credential = credential;
	for (c = s->clients; c != NULL; c = c->next)
		if (!c->command && c->line != NULL) {
			put_kick(&m, AUTH_KICK, k);
			line_tell(c->line, &m);
		}
	k->next = s->kicks;
	s->kicks = k;
	on_keeper_up(s);
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

static int
run_command(struct auth_service *s, struct msg *m, struct buf *text,
    struct buf *secret, struct err *err)
{
	struct sv account = SV(""), arg = SV("");
	uint64_t id = 0;
	uint8_t weak = 0;
	int r;

	if (m->type != CMD_ACCOUNTS)
		account = msg_get_sv(m);
	if (m->type != CMD_ACCOUNTS && m->type != CMD_APP_LIST)
		arg = msg_get_sv(m);
	if (m->type == CMD_PASSWD)
		weak = msg_get_u8(m);
	if (msg_end(m) != RC_OK)
		return err_set(err, RC_SYNTAX, "the command is malformed");
	switch (m->type) {
	case CMD_PASSWD:
		r = auth_server_passwd(s->server, account, arg, weak != 0, err);
		if (r == RC_OK)
			kick(s, account, AUTH_CREDENTIAL_PASSWORD);
		return r;
	case CMD_APP_ADD:
		return auth_server_app_add(
		    s->server, account, arg, secret, err);
	case CMD_APP_REVOKE:
		r = auth_server_app_revoke(s->server, account, arg, &id, err);
		if (r == RC_OK)
			kick(s, account, id);
		return r;
	case CMD_APP_LIST:
		if (conf_account_by_name(s->conf, account) < 0)
			return err_set(err, RC_NOTFOUND,
			    "there is no account \"%.*s\" in the configuration",
			    SV_ARG(account));
		credentials_app_list(
		    auth_server_credentials(s->server), account, text);
		return RC_OK;
	case CMD_ACCOUNTS:
		list_accounts(s, text);
		return RC_OK;
	default:
		return err_set(err, RC_SYNTAX, "no such command");
	}
}

static void
on_command(struct client *c, struct msg *m)
{
	struct buf text, secret;
	struct err err = {.text = ""};
	struct msg answer;
	int r;

	buf_init(&text, 60000);
	buf_init(&secret, 256);
	r = run_command(c->s, m, &text, &secret, &err);
	if (r != RC_OK) {
		buf_reset(&text);
		buf_adds(&text, err.text);
	}
	mlog(LOG_INFO, "auth.command", "type=%u rc=%s", m->type, rc_name(r));
	msg_init(&answer, MSG_REPLY);
	answer.id = m->id;
	msg_put_u32(&answer, (uint32_t)r);
	msg_put_sv(&answer, buf_sv(&text));
	msg_put_sv(&answer, buf_sv(&secret));
	line_tell(c->line, &answer);
	buf_wipe(&secret);
	buf_fini(&text);
}

static void
on_client_msg(struct line *l, struct msg *m, void *arg)
{
	struct client *c = arg;

	(void)l;
	if (c->command && m->type == CMD_DKIM)
		on_dkim_command(c, m);
	else if (c->command)
		on_command(c, m);
	else if (m->type == AUTH_LOGIN && c->may_login)
		on_login(c, m);
	else if (m->type == AUTH_SIGN)
		on_sign(c, m);
}

static void
on_client_eof(struct line *l, void *arg)
{
	struct client *c = arg;

	line_free(&l);
	c->line = NULL;
	client_maybe_free(c);
}

static void
add_client(struct auth_service *s, int fd, bool command, bool may_sign)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->s = s;
	c->command = command;
	c->may_sign = may_sign;
	c->next = s->clients;
	s->clients = c;
	c->line = line_new(s->loop, fd, on_client_msg, on_client_eof, c);
}

void
auth_service_add_client(struct auth_service *s, int fd, enum auth_door door)
{
	add_client(s, fd, false, door == AUTH_DOOR_SUBMISSION);
	s->clients->may_login = true;
	s->clients->door = door;
}

void
auth_service_add_signer(struct auth_service *s, int fd)
{
	add_client(s, fd, false, true);
}

void
auth_service_add_command(struct auth_service *s, int fd)
{
	add_client(s, fd, true, false);
}

void
auth_service_set_keeper(struct auth_service *s, int fd)
{
	peer_connect(s->keeper, fd);
}

void
auth_service_set_conf(
    struct auth_service *s, struct conf *conf, uint32_t generation)
{
	struct conf *old = s->conf;

	s->conf = conf_ref(conf);
	s->generation = generation;
	auth_server_set_conf(s->server, conf);
	signer_set_domains(s->signer, conf);
	conf_free(&old);
}

int
auth_service_new(struct ev_loop *loop, struct conf *conf, uint32_t generation,
    struct auth_service **out, struct err *err)
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
	s->keeper = peer_new(loop, "keeper", NULL, on_keeper_up, s);
	auth_server_remember(s->server, KNOWN_FILE);
	auth_server_start(s->server);
	s->signer = signer_new(loop, DKIM_FOLDER);
	signer_set_domains(s->signer, conf);
	signer_start(s->signer);
	*out = s;
	return RC_OK;
}

void
auth_service_free(struct auth_service **sp)
{
	struct auth_service *s = *sp;

	if (s == NULL)
		return;
	/* Open logins end with the process: their clients see an EOF. */
	peer_free(&s->keeper);
	signer_free(&s->signer);
	auth_server_free(&s->server);
	conf_free(&s->conf);
	*sp = NULL;
}
