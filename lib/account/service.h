/*
 * The account's process without its process: one account's store, the
 * sessions that look at it, and the deliveries that come in.
 *
 * A delivery is copied once from its descriptor into the store's own memory
 * (never mapped, never read twice), added, and answered when the journal has
 * it on the disk; those that came together share the flush.
 */
#ifndef ACCOUNT_SERVICE_H
#define ACCOUNT_SERVICE_H

#include "base/ev.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "net/pool.h"
#include "store/store.h"

struct account;
struct history;
struct zones;

struct account_ops {
	/* The store is broken or there is nothing to do: end the process. */
	void (*leave)(void *arg, int exit_code);
};

/* A session that auth, or the command line, opens on the account. */
struct account_session {
	enum conf_service service;
	struct store *store;
	int fd; /* the session's from here on */
	const char *account, *hostname;
	const char *peer; /* for the log */
	bool tls;	  /* the client's side of the connection */
	bool local;	  /* of the command line */
	void *junk;	  /* account/junk.h: what its owner does, teaches */
	struct sv tag;	  /* of the login, answered at first */
};

/* Makes a session's task; copies the strings.  So this library knows no
 * protocol: the process says which there are. */
typedef struct pool_task *account_session_fn(const struct account_session *s);

/* A page that somebody signed in has asked for: PAGE_ASK comes on fd, once, and
 * the answer goes back there; then the task is over. */
struct account_page {
	struct store *store;
	struct history *history;
	struct conf *conf; /* the caller's; to be referred to */
	const char *account;
	bool admin; /* may visit admin's pages */
	/* Somebody with a link, who has not signed in. */
	bool stranger;
	const struct zones *zones; /* or NULL; the caller's */
	void *junk;		   /* account/junk.h */
	struct sv csrf;	  /* what a form that changes something must have */
	struct sv peer;	  /* for the log */
	uint64_t session; /* its number */
	int fd;		  /* the page's line, O_NONBLOCK; the task's */
	int person;	  /* a line to auth (ipc/msg_person.h); the same;
			   * -1 for a stranger */
};

/* Makes the task, copies the texts. */
typedef struct pool_task *account_page_fn(const struct account_page *p);

struct account_opts {
	const char *name;
	const char *hostname;
	account_session_fn *session_new;
	account_page_fn *page_new;
	const struct zones *zones; /* for days of people; NULL: UTC */
	unsigned sessions_max;
	int64_t idle_ms; /* without sessions and deliveries, before leaving */
};

struct account *account_new(struct ev_loop *loop, struct store *store,
    const struct account_opts *o, const struct account_ops *ops, void *arg);
/* Starts the threads: after the sandbox. */
void account_start(struct account *a);
/* Ends sessions, flushes, answers; does not close the store.  false:
 * some session is still at work with the store, which must not be closed. */
bool account_stop(struct account *a) RC_USE_RESULT;
/* What of the configuration may change: how long expunged mail stays, whether
 * it is shown, and the quota.  Also once at the start. */
void account_set_conf(struct account *a, struct conf *conf);
enum store_restore_tree account_restore_tree(const struct conf *conf);
/* A fresh line to the keeper. Takes fd. */
void account_set_keeper(struct account *a, int fd);
/* The same, of the process that keeps the history. */
void account_set_history(struct account *a, int fd);
/* The same, of the process that has learned what junk is. */
void account_set_junk(struct account *a, int fd);

#endif
