#include "auth/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auth/memory.h"
#include "base/alloc.h"
#include "base/log.h"

#define HASHERS	      2
#define WAITING_MAX   64 /* of each of the two queues */
#define KNOWN_SAVE_MS 60000
#define PASSWORD_MAX  1024
#define STACK_SIZE    (256 * 1024)

struct job {
	struct auth_server *server;
	char *account; /* name, as the credentials have it; "" if unknown */
	uint32_t number;
	char *peer;
	char *hash; /* NULL: there is none, but work all the same */
	char *password;
	size_t password_n;
	bool right;
	auth_done_fn *done;
	void *arg;
	struct job *next;
};

struct jobs {
	struct job *first, **end;
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

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	struct jobs known, strangers;
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
	s->known.end = &s->known.first;
	s->strangers.end = &s->strangers.first;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->more, NULL) == 0);
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

static void
deny(struct auth_server *s, const char *peer, auth_done_fn *done, void *arg)
{
	struct late *l = xcalloc(1, sizeof *l);

	*l = (struct late){done, arg};
	(void)ev_timer_add(
	    s->loop, auth_memory_penalty(s->memory, peer), say_denied, l);
}

static void
refuse(const char *text, auth_done_fn *done, void *arg)
{
	struct auth_result r = {.rc = RC_TEMP, .text = text};

	done(&r, arg);
}

static void
grant(struct auth_server *s, uint32_t account, uint64_t credential,
    const char *peer, auth_done_fn *done, void *arg)
{
	struct auth_result r = {.rc = RC_OK,
	    .account = account,
	    .credential = credential,
	    .text = "welcome"};

	auth_memory_note_login(
	    s->memory, sv_str(s->conf->account[account].name), peer);
	done(&r, arg);
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
	int number = conf_account_by_name(s->conf, account);

	/* Between question and answer the password may have been changed, the
	 * account removed. */
	if (j->right && number >= 0 && now != NULL && j->hash != NULL &&
	    strcmp(now, j->hash) == 0) {
		auth_memory_learn(s->memory, account, password, j->hash, true);
		auth_memory_give_back(s->memory, account, j->peer);
		grant(s, (uint32_t)number, AUTH_CREDENTIAL_PASSWORD, j->peer,
		    j->done, j->arg);
	} else {
		if (!j->right)
			auth_memory_learn(s->memory, account, password,
			    j->hash != NULL ? j->hash : "", false);
		deny(s, j->peer, j->done, j->arg);
	}
	job_free(j);
}

static struct job *
take_job(struct jobs *q)
{
	struct job *j = q->first;

	if (j == NULL)
		return NULL;
	q->first = j->next;
	if (q->first == NULL)
		q->end = &q->first;
	q->n--;
	j->next = NULL;
	return j;
}

static void *
hasher(void *arg)
{
	struct auth_server *s = arg;
	struct job *j;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		while (!s->stop && s->known.n + s->strangers.n == 0)
			pthread_cond_wait(&s->more, &s->lock);
		j = take_job(&s->known);
		if (j == NULL)
			j = take_job(&s->strangers);
		if (s->stop) {
			pthread_mutex_unlock(&s->lock);
			if (j != NULL)
				job_free(j);
			return NULL;
		}
		pthread_mutex_unlock(&s->lock);
		j->right = credentials_verify(
		    j->hash, sv_of(j->password, j->password_n));
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

static bool
enqueue(struct auth_server *s, struct job *j, bool known)
{
	struct jobs *q = known ? &s->known : &s->strangers;
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = q->n < WAITING_MAX;
	if (ok) {
		*q->end = j;
		q->end = &j->next;
		q->n++;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
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

static void
login_by_hash(struct auth_server *s, const char *peer, int number,
    struct sv name, struct sv password, auth_done_fn *done, void *arg)
{
	bool known = number >= 0 && auth_memory_known(s->memory, name, peer);
	const char *hash =
	    number >= 0 ? credentials_password_hash(s->cred, name) : NULL;
	struct job *j;

	if (!known && !auth_memory_may_try(s->memory, name, peer)) {
		refuse("too many failed logins; wait a minute", done, arg);
		return;
	}
	j = xcalloc(1, sizeof *j);
	j->server = s;
	j->account = sv_dup(name);
	j->peer = xstrdup(peer);
	j->hash = hash != NULL ? xstrdup(hash) : NULL;
	j->password = sv_dup(password);
	j->password_n = password.n;
	j->done = done;
	j->arg = arg;
	if (!enqueue(s, j, known)) {
		job_free(j);
		refuse("too many logins at once; try again", done, arg);
	}
}

void
auth_server_login(struct auth_server *s, const struct auth_login *l,
    auth_done_fn *done, void *arg)
{
	struct sv authzid, login, password, name;
	const char *hash;
	uint64_t app;
	int number;

	if (!parse_plain(l->sasl, &authzid, &login, &password)) {
		deny(s, l->peer, done, arg);
		return;
	}
	number = conf_account_by_login(s->conf, login);
	/* Acting for somebody else is not offered [RFC 4616 2]. */
	if (authzid.n > 0 && conf_account_by_login(s->conf, authzid) != number)
		number = -1;
	name = number >= 0 ? sv_str(s->conf->account[number].name) : login;
	app = number >= 0 ? credentials_app_match(s->cred, name, password) : 0;
	if (app != 0) {
		grant(s, (uint32_t)number, app, l->peer, done, arg);
		return;
	}
	hash = number >= 0 ? credentials_password_hash(s->cred, name) : NULL;
	/* Names that nobody has are remembered like the others: the time of
	 * an answer must not tell who lives here. */
	switch (auth_memory_recall(
	    s->memory, name, password, hash != NULL ? hash : "")) {
	case AUTH_RIGHT:
		grant(s, (uint32_t)number, AUTH_CREDENTIAL_PASSWORD, l->peer,
		    done, arg);
		return;
	case AUTH_WRONG:
		deny(s, l->peer, done, arg);
		return;
	case AUTH_UNKNOWN:
		break;
	}
	login_by_hash(s, l->peer, number, name, password, done, arg);
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
	if (r == RC_OK)
		r = credentials_set_password(s->cred, account, password, err);
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
