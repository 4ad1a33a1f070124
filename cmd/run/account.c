/* One account's process: its own folder and nothing else; no sockets but the
 * ones it is handed. */
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/log.h"
#include "account/junk.h"
#include "account/service.h"
#include "cmd/run/account_page.h"
#include "cmd/run/process.h"
#include "imap/session/session.h"
#include "managesieve/session/session.h"
#include "mime/mime.h"
#include "pagerules/zone.h"
#include "pop3/session/session.h"
#include "sieve/sieve.h"

#define SESSIONS_MAX 200
#define IDLE_MS	     60000
#define LOCK_WAIT_MS 3000

static const struct sandbox_profile walls = {.name = "account",
    .files = SANDBOX_FILES_WRITE,
    .memfd = true,
    .threads = SANDBOX_THREADS_MANY,
    .file_max = SANDBOX_ANY_SIZE};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	(void)account;
	if (role == ROLE_KEEPER)
		account_set_keeper(c->arg, fd);
	else if (role == ROLE_HISTORY)
		account_set_history(c->arg, fd);
	else if (role == ROLE_JUNK)
		account_set_junk(c->arg, fd);
	else
		(void)close(fd);
}

static void
on_leave(void *arg, int exit_code)
{
	child_stop(arg, exit_code);
}

static void
on_conf(struct child *c)
{
	/* While it starts, the store takes it from the configuration itself. */
	if (c->arg != NULL)
		account_set_conf(c->arg, c->conf_now);
}

static const struct child_ops ops = {.line = on_line, .conf = on_conf};
static const struct account_ops account_calls = {.leave = on_leave};

/* The process before us may need a moment to let go of the lock. */
static struct store *
open_store(struct child *c)
{
	const int64_t until = clk_mono() + LOCK_WAIT_MS;
	const struct timespec pause = {0, 10 * 1000 * 1000};
	const struct store_opts opts = {
	    .retention_ms = c->conf_now->retention_ms,
	    .restore_tree = account_restore_tree(c->conf_now)};
	struct store *store = NULL;
	struct err err = {0};
	int r;

	while ((r = store_open(".", &opts, &store, &err)) == RC_TEMP &&
	       clk_mono() < until)
		(void)nanosleep(&pause, NULL);
	if (r != RC_OK)
		child_die(c, "store.open", &err);
	return store;
}

static void
on_marked(void *arg, uint32_t mailbox_id, const struct rangeset *uids,
    enum imap_mark mark)
{
	static const enum account_junk_mark as[] = {
	    [IMAP_MARK_JUNK] = ACCOUNT_MARK_JUNK,
	    [IMAP_MARK_WANTED] = ACCOUNT_MARK_WANTED,
	    [IMAP_MARK_USED] = ACCOUNT_MARK_HINT,
	    [IMAP_MARK_THROWN] = ACCOUNT_MARK_THROWN,
	    [IMAP_MARK_READ] = ACCOUNT_MARK_READ,
	};

	account_junk_marked(arg, mailbox_id, uids, as[mark]);
}

/* One account, one POP3 session. */
static struct pop3_gate pop3_gate = POP3_GATE_INIT;

static struct pool_task *
session_new(const struct account_session *s)
{
	if (s->service == CONF_POP3 || s->service == CONF_POP3S)
		return pop3_session_new(
		    &(struct pop3_session_args){.store = s->store,
			.gate = &pop3_gate,
			.fd = s->fd,
			.account = s->account,
			.peer = s->peer});
	if (s->service == CONF_SIEVE)
		return msv_session_new(
		    &(struct msv_session_args){.store = s->store,
			.fd = s->fd,
			.account = s->account,
			.owner = s->account,
			.peer = s->peer});
	return imap_session_new(&(struct imap_session_args){.store = s->store,
	    .fd = s->fd,
	    .account = s->account,
	    .hostname = s->hostname,
	    .peer = s->peer,
	    .tls = s->tls,
	    .local = s->local,
	    .tag = s->tag,
	    .watch = {s->junk, account_junk_moved, account_junk_appended,
		on_marked},
	    .limits = IMAP_LIMITS_DEFAULT});
}

int
run_account(int control_fd)
{
	struct child c = {0};
	struct account_opts o = {.session_new = session_new,
	    .page_new = account_page_new,
	    .sessions_max = SESSIONS_MAX,
	    .idle_ms = IDLE_MS};
	struct zones *zones;
	struct store *store;
	struct account *a;
	int code;

	child_boot(&c, control_fd, &ops);
	tzset();
	zones = zones_open(ZONE_FILE, NULL);
	mime_charset_setup();
	/* 8 KiB of memory of its own; without it "regex" is unknown. */
	if (sieve_regex_load(NULL) != RC_OK)
		mlog(LOG_INFO, "sieve.regex",
		    "text=\"libpcre2-8 cannot be loaded: \\\"regex\\\" is "
		    "unknown\"");
	child_enter(&c, &walls);
	store = open_store(&c);
	o.name = c.account_name;
	o.zones = zones;
	o.hostname = conf_ref(c.conf_now)->hostname;
	a = account_new(c.loop, store, &o, &account_calls, &c);
	account_set_conf(a, c.conf_now);
	account_start(a);
	c.arg = a;
	code = child_serve(&c);
	if (!account_stop(a)) {
		/* Somebody still writes to a client that does not read: what
		 * was said is flushed, the rest is the next process's to
		 * recover. */
		if (store_flush(store, UINT64_MAX) != RC_OK)
			mlog(LOG_WARN, "store.flush",
			    "text=\"part of it was not flushed; that part was "
			    "never acknowledged\"");
		_exit(code);
	}
	store_close(&store);
	zones_free(&zones);
	return code;
}
