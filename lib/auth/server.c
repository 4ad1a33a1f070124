#include "auth/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auth/memory.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/network.h"

#define HASHERS	      2
#define WAITING_MAX   64 /* of a door, in each of the two queues */
#define KNOWN_TURNS   3	 /* of known networks before one of strangers */
#define KNOWN_SAVE_MS 60000
#define PASSWORD_MAX  1024
#define STACK_SIZE    (256 * 1024)

/* Who waits belongs to a door, there to a network, there to a host, there to a
 * name: at each level they have their turns. */
enum level {
	LEVEL_DOOR,
	LEVEL_NETWORK,
	LEVEL_HOST,
	LEVEL_NAME,
	LEVELS
};

/* A login until it is answered. */
struct job {
	struct auth_server *server;
	char *account; /* name, as the credentials have it; "" if unknown */
	char *name;    /* as typed, folded */
	char *peer;
	unsigned door, took;
	unsigned char browser[AUTH_BROWSER];
	size_t browser_n;
	bool more;
	struct network_key network, host;
	int64_t arrived;
	char *hash; /* NULL: there is none, but work all the same */
	char *password;
	size_t password_n;
	bool right;
	auth_done_fn *done;
	void *arg;
	/* While it waits. */
	uint64_t seq, turn[LEVELS];
	struct job *next;
};

struct jobs {
	struct job *first;
	unsigned n;
};

struct auth_server {
	struct ev_loop *loop;
	char *path;
	struct conf *conf;
	struct credentials *cred;
	struct auth_memory *memory;
	const char *known_path; /* NULL: nothing is kept */
	struct ev_timer *known_timer;
	unsigned hashes;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more, fewer;
	unsigned hashing; /* now: at most HASHERS, with a change's own */
	struct jobs known, strangers;
	uint64_t turns; /* counts them */
	unsigned known_turns;
	pthread_t hasher[HASHERS];
	unsigned nhasher;
	bool stop;
};

int
auth_server_new(struct ev_loop *loop, const char *path, struct conf *conf,
    struct auth_server **out, struct err *err)
{
	struct auth_server *s = xcalloc(1, sizeof *s);
	int r;

	s->loop = loop;
	s->path = xstrdup(path);
	s->conf = conf_ref(conf);
	s->memory = auth_memory_new();
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->more, NULL) == 0);
	must(pthread_cond_init(&s->fewer, NULL) == 0);
	r = credentials_load(path, &s->cred, err);
	if (r == RC_OK)
		*out = s;
	else
		auth_server_free(&s);
	return r;
}

static void
job_free(struct job *j)
{
	if (j->password != NULL)
		sodium_memzero(j->password, j->password_n);
	free(j->password);
	free(j->hash);
	free(j->peer);
	free(j->name);
	free(j->account);
	free(j);
}

static void
jobs_free(struct jobs *q)
{
	struct job *j;

	while ((j = q->first) != NULL) {
		q->first = j->next;
		job_free(j);
	}
}

void
auth_server_free(struct auth_server **sp)
{
	struct auth_server *s = *sp;
	unsigned i;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->lock);
	for (i = 0; i < s->nhasher; i++)
		(void)pthread_join(s->hasher[i], NULL);
	ev_timer_del(&s->known_timer);
	if (s->known_path != NULL)
		auth_memory_save(s->memory, s->known_path);
	jobs_free(&s->known);
	jobs_free(&s->strangers);
	credentials_free(&s->cred);
	auth_memory_free(&s->memory);
	conf_free(&s->conf);
	(void)pthread_cond_destroy(&s->fewer);
	(void)pthread_cond_destroy(&s->more);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
	*sp = NULL;
}

void
auth_server_set_conf(struct auth_server *s, struct conf *conf)
{
	struct conf *old = s->conf;

	s->conf = conf_ref(conf);
	conf_free(&old);
}

const struct credentials *
auth_server_credentials(struct auth_server *s)
{
	return s->cred;
}

struct auth_memory *
auth_server_memory(struct auth_server *s)
{
	return s->memory;
}

void
auth_server_note_login(struct auth_server *s, unsigned door, const char *peer)
{
	auth_memory_note_login(s->memory, peer);
	auth_memory_forgive(s->memory, door, peer);
}

bool
auth_server_knows(const struct auth_server *s, const char *peer)
{
	return auth_memory_known(s->memory, peer);
}

unsigned
auth_server_hashes(const struct auth_server *s)
{
	return s->hashes;
}

/* ---- answers, in the loop's thread ---- */

struct late {
	auth_done_fn *done;
	void *arg;
};

static void
say_denied(void *arg)
{
	struct late *l = arg;
	struct auth_result r = {
	    .rc = RC_DENIED, .text = "wrong name or password"};

	l->done(&r, l->arg);
	free(l);
}

static struct auth_who
who_is(const struct job *j)
{
	return (struct auth_who){.door = j->door,
	    .name = sv_str(j->name),
	    .peer = j->peer,
	    .browser = sv_of(j->browser, j->browser_n)};
}

static void
deny(struct job *j)
{
	struct auth_server *s = j->server;
	struct late *l = xcalloc(1, sizeof *l);
	int64_t at =
	    j->arrived + auth_memory_penalty(s->memory, j->door, j->peer);
	int64_t now = clk_mono();

	*l = (struct late){j->done, j->arg};
	(void)ev_timer_add(s->loop, at > now ? at - now : 0, say_denied, l);
	job_free(j);
}

/* What was not even tried costs nothing. */
static void
refuse(struct job *j, const char *text)
{
	struct auth_result r = {.rc = RC_TEMP, .text = text};
	struct auth_who w = who_is(j);

	auth_memory_give_back(j->server->memory, &w, j->took);
	j->done(&r, j->arg);
	job_free(j);
}

static void
grant(struct job *j, uint64_t credential)
{
	struct auth_server *s = j->server;
	struct auth_result r = {.rc = RC_OK,
	    .account =
		(uint32_t)conf_account_by_name(s->conf, sv_str(j->account)),
	    .credential = credential,
	    .text = "welcome"};
	struct auth_who w = who_is(j);

	auth_memory_give_back(s->memory, &w, j->took);
	if (!j->more)
		auth_server_note_login(s, j->door, j->peer);
	j->done(&r, j->arg);
	job_free(j);
}

/* ---- hashing ---- */

static void
hash_done(void *arg)
{
	struct job *j = arg;
	struct auth_server *s = j->server;
	struct sv account = sv_str(j->account);
	struct sv password = sv_of(j->password, j->password_n);
	const char *now = credentials_password_hash(s->cred, account);

	s->hashes++;
	/* Between question and answer the password may have been changed, the
	 * account removed. */
	if (j->right && conf_account_by_name(s->conf, account) >= 0 &&
	    now != NULL && j->hash != NULL && strcmp(now, j->hash) == 0) {
		auth_memory_learn(s->memory, account, password, j->hash, true);
		grant(j, AUTH_CREDENTIAL_PASSWORD);
		return;
	}
	if (!j->right)
		auth_memory_learn(s->memory, sv_str(j->name), password,
		    j->hash != NULL ? j->hash : "", false);
	deny(j);
}

/* ---- waiting for a hash ---- */

static bool
same_host(const struct job *a, const struct job *b)
{
	return network_same(&a->host, &b->host);
}

static bool
same_network(const struct job *a, const struct job *b)
{
	return a->door == b->door && network_same(&a->network, &b->network);
}

static bool
same(const struct job *a, const struct job *b, enum level level)
{
	switch (level) {
	case LEVEL_DOOR:
		return a->door == b->door;
	case LEVEL_NETWORK:
		return same_network(a, b);
	case LEVEL_HOST:
		return same_network(a, b) && same_host(a, b);
	case LEVEL_NAME:
		return same_network(a, b) && same_host(a, b) &&
		       strcmp(a->name, b->name) == 0;
	case LEVELS:
		break;
	}
	return false;
}

static bool
is_before(const struct job *a, const struct job *b)
{
	int i;

	for (i = 0; i < LEVELS; i++)
		if (a->turn[i] != b->turn[i])
			return a->turn[i] < b->turn[i];
	return a->seq < b->seq;
}

/* Unlinks j from q. */
static void
take_out(struct jobs *q, const struct job *j)
{
	struct job **at = &q->first;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	q->n--;
}

static struct job *
take_job(struct auth_server *s, struct jobs *q)
{
	struct job *j = q->first, *other;
	int i;

	for (other = q->first; other != NULL; other = other->next)
		if (is_before(other, j))
			j = other;
	if (j == NULL)
		return NULL;
	take_out(q, j);
	j->next = NULL;
	/* Its kin at each level wait until the others have had their turn. */
	s->turns++;
	for (other = q->first; other != NULL; other = other->next)
		for (i = 0; i < LEVELS && same(j, other, i); i++)
			other->turn[i] = s->turns;
	return j;
}

static struct job *
take_next(struct auth_server *s)
{
	bool strangers = s->known.n == 0 ||
			 (s->strangers.n > 0 && s->known_turns >= KNOWN_TURNS);

	s->known_turns = strangers ? 0 : s->known_turns + 1;
	return take_job(s, strangers ? &s->strangers : &s->known);
}

/* How many wait that are j's kin. */
static unsigned
kin(const struct jobs *q, const struct job *j, enum level level)
{
	const struct job *other;
	unsigned n = 0;

	for (other = q->first; other != NULL; other = other->next)
		n += same(j, other, level);
	return n;
}

/* Who gives way at j's door: the newest of the name that has most waiting of
 * the host that has most of the network that has most. */
static struct job *
heaviest(const struct jobs *q, struct job *j)
{
	struct job *most = j, *other;
	int i;

	for (i = LEVEL_NETWORK; i < LEVELS; i++)
		for (other = q->first; other != NULL; other = other->next)
			if (same(most, other, i - 1) &&
			    kin(q, other, i) > kin(q, most, i))
				most = other;
	for (other = q->first; other != NULL; other = other->next)
		if (same(most, other, LEVEL_NAME) && other->seq > most->seq)
			most = other;
	return most;
}

static void
add_job(struct auth_server *s, struct jobs *q, struct job *j)
{
	struct job *other;
	int i;

	j->seq = ++s->turns;
	for (i = 0; i < LEVELS; i++)
		j->turn[i] = j->seq;
	for (other = q->first; other != NULL; other = other->next)
		for (i = 0; i < LEVELS && same(j, other, i); i++)
			j->turn[i] = other->turn[i];
	j->next = q->first;
	q->first = j;
	q->n++;
}

/* Takes j; returns who had to give way, or NULL. */
static struct job *
enqueue(struct auth_server *s, struct job *j, bool known)
{
	struct jobs *q = known ? &s->known : &s->strangers;
	struct job *out = NULL;

	pthread_mutex_lock(&s->lock);
	add_job(s, q, j);
	if (kin(q, j, LEVEL_DOOR) > WAITING_MAX) {
		out = heaviest(q, j);
		take_out(q, out);
	}
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	return out;
}

static void
hash_end(struct auth_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->hashing--;
	pthread_cond_signal(&s->fewer);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

/* For a hash in the loop's thread: memory is for HASHERS of them. */
static void
hash_begin(struct auth_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->hashing++; /* first in the row */
	while (s->hashing > HASHERS)
		pthread_cond_wait(&s->fewer, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void *
hasher(void *arg)
{
	struct auth_server *s = arg;
	struct job *j;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		while (!s->stop && (s->known.n + s->strangers.n == 0 ||
				       s->hashing >= HASHERS))
			pthread_cond_wait(&s->more, &s->lock);
		j = s->stop ? NULL : take_next(s);
		s->hashing += j != NULL;
		pthread_mutex_unlock(&s->lock);
		if (j == NULL)
			return NULL;
		j->right = credentials_verify(
		    j->hash, sv_of(j->password, j->password_n));
		hash_end(s);
		ev_post(s->loop, hash_done, j);
	}
}

static void
save_known(void *arg)
{
	struct auth_server *s = arg;

	s->known_timer = ev_timer_add(s->loop, KNOWN_SAVE_MS, save_known, s);
	auth_memory_save(s->memory, s->known_path);
}

void
auth_server_remember(struct auth_server *s, const char *path)
{
	s->known_path = path;
	auth_memory_load(s->memory, path);
	save_known(s);
}

void
auth_server_start(struct auth_server *s)
{
	pthread_attr_t attr;

	must(pthread_attr_init(&attr) == 0);
	must(pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
	while (s->nhasher < HASHERS) {
		must(pthread_create(&s->hasher[s->nhasher], &attr, hasher, s) ==
		     0);
		s->nhasher++;
	}
	(void)pthread_attr_destroy(&attr);
}

/* ---- a login ---- */

/* [RFC 4616 2] message = [authzid] NUL authcid NUL passwd */
static bool
parse_plain(
    struct sv m, struct sv *authzid, struct sv *name, struct sv *password)
{
	size_t a = sv_chr(m, '\0'), b;

	if (a == m.n)
		return false;
	*authzid = sv_first(m, a);
	m = sv_skip(m, a + 1);
	b = sv_chr(m, '\0');
	if (b == m.n || b == 0)
		return false;
	*name = sv_first(m, b);
	*password = sv_skip(m, b + 1);
	return password->n > 0 && password->n <= PASSWORD_MAX &&
	       sv_chr(*password, '\0') == password->n;
}

/* As names and addresses are compared: whether somebody has it or not. */
static char *
fold_name(struct sv login)
{
	char *name = sv_dup(login), *c;

	for (c = name; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return name;
}

static struct job *
job_new(struct auth_server *s, const struct auth_login *l, auth_done_fn *done,
    void *arg)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->server = s;
	j->arrived = clk_mono();
	j->door = l->door;
	j->more = l->more;
	if (l->browser.n == AUTH_BROWSER) {
		memcpy(j->browser, l->browser.p, AUTH_BROWSER);
		j->browser_n = AUTH_BROWSER;
	}
	j->peer = xstrdup(l->peer);
	network_key(l->peer, true, &j->network);
	network_key(l->peer, false, &j->host);
	j->account = xstrdup("");
	j->name = xstrdup("");
	j->done = done;
	j->arg = arg;
	return j;
}

static void
login_by_hash(struct auth_server *s, struct job *j)
{
	struct auth_who w = who_is(j);
	struct job *out;

	j->took = auth_memory_may_try(s->memory, &w);
	if (j->took == 0) {
		refuse(j, "too many failed logins; wait a minute");
		return;
	}
	out = enqueue(
	    s, j, j->browser_n > 0 || auth_memory_known(s->memory, j->peer));
	if (out != NULL)
		refuse(out, "too many logins at once; try again");
}

/* What was tried lately needs no hash; what was wrong is remembered by the
 * name that was typed, whether somebody has it or not: neither the time of an
 * answer nor its words must tell who is here. */
static enum auth_recall
recall(struct auth_server *s, const struct job *j, struct sv password)
{
	const char *salt = j->hash != NULL ? j->hash : "";
	enum auth_recall typed =
	    auth_memory_recall(s->memory, sv_str(j->name), password, salt);
	enum auth_recall right =
	    auth_memory_recall(s->memory, sv_str(j->account), password, salt);

	if (j->hash != NULL && right == AUTH_RIGHT)
		return right;
	return typed == AUTH_WRONG ? typed : AUTH_UNKNOWN;
}

static void
login_by_password(struct auth_server *s, struct job *j, struct sv password)
{
	const char *hash =
	    credentials_password_hash(s->cred, sv_str(j->account));

	j->hash = hash != NULL ? xstrdup(hash) : NULL;
	j->password = sv_dup(password);
	j->password_n = password.n;
	switch (recall(s, j, password)) {
	case AUTH_RIGHT:
		grant(j, AUTH_CREDENTIAL_PASSWORD);
		break;
	case AUTH_WRONG:
		deny(j);
		break;
	case AUTH_UNKNOWN:
		login_by_hash(s, j);
		break;
	}
}

void
auth_server_login(struct auth_server *s, const struct auth_login *l,
    auth_done_fn *done, void *arg)
{
	struct job *j = job_new(s, l, done, arg);
	struct sv authzid, login, password;
	uint64_t app = 0;
	int number;

	if (!parse_plain(l->sasl, &authzid, &login, &password)) {
		deny(j);
		return;
	}
	number = conf_account_by_login(s->conf, login);
	/* Acting for somebody else is not offered [RFC 4616 2]. */
	if (authzid.n > 0 && conf_account_by_login(s->conf, authzid) != number)
		number = -1;
	free(j->name);
	j->name = fold_name(login);
	if (number >= 0) {
		free(j->account);
		j->account = xstrdup(s->conf->account[number].name);
		if (!l->only_password)
			app = credentials_app_match(
			    s->cred, sv_str(j->account), password);
	}
	if (app != 0)
		grant(j, app);
	else
		login_by_password(s, j, password);
}

/* ---- changes ---- */

static int
check_account(struct auth_server *s, struct sv account, struct err *err)
{
	if (conf_account_by_name(s->conf, account) < 0)
		return err_set(err, RC_NOTFOUND,
		    "there is no account "
		    "\"%.*s\" in the configuration",
		    SV_ARG(account));
	return RC_OK;
}

int
auth_server_passwd(struct auth_server *s, struct sv account, struct sv password,
    bool weak, struct err *err)
{
	const char *was = credentials_password_hash(s->cred, account);
	char *before = was != NULL ? xstrdup(was) : NULL;
	int r = check_account(s, account, err);

	if (r == RC_OK && !weak)
		r = credentials_check_strength(account, password, err);
	if (r == RC_OK) {
		hash_begin(s);
		r = credentials_set_password(s->cred, account, password, err);
		hash_end(s);
	}
	if (r == RC_OK) {
		r = credentials_save(s->cred, s->path, err);
		/* What is not on the disk does not count. */
		if (r != RC_OK)
			credentials_set_hash(s->cred, account, before);
	}
	free(before);
	return r;
}

int
auth_server_app_add(struct auth_server *s, struct sv account, struct sv label,
    struct buf *password_out, struct err *err)
{
	int r = check_account(s, account, err);
	uint64_t id;

	if (r == RC_OK)
		r = credentials_app_add(
		    s->cred, account, label, password_out, err);
	if (r != RC_OK)
		return r;
	r = credentials_save(s->cred, s->path, err);
	if (r != RC_OK)
		(void)!credentials_app_revoke(s->cred, account, label, &id);
	return r;
}

/* Where it cannot be saved it stays revoked until the next start. */
int
auth_server_app_revoke(struct auth_server *s, struct sv account,
    struct sv label, uint64_t *id_out, struct err *err)
{
	if (credentials_app_revoke(s->cred, account, label, id_out) != RC_OK)
		return err_set(err, RC_NOTFOUND,
		    "%.*s has no app password "
		    "\"%.*s\"",
		    SV_ARG(account), SV_ARG(label));
	return credentials_save(s->cred, s->path, err);
}

int
auth_server_set_second(struct auth_server *s, struct sv account,
    const struct credentials_totp *t, const struct credentials_codes *codes,
    struct err *err)
{
	struct credentials_codes codes_before;
	struct credentials_totp before;
	const bool was = credentials_totp(s->cred, account, &before);
	int r;

	credentials_recovery(s->cred, account, &codes_before);
	credentials_set_totp(s->cred, account, t);
	if (t != NULL)
		credentials_set_recovery(s->cred, account, codes);
	r = credentials_save(s->cred, s->path, err);
	if (r != RC_OK) {
		credentials_set_totp(s->cred, account, was ? &before : NULL);
		credentials_set_recovery(s->cred, account, &codes_before);
	}
	sodium_memzero(&before, sizeof before);
	return r;
}
