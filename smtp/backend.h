/*
 * smtp_ops on the lines to the other processes: auth, keeper, queue and dns.
 *
 * A delivery goes to the keeper, once for each account, all at the same time;
 * one that also leaves or is forwarded goes to the queue as a whole.
 * What is not answered in 10 seconds, or cannot be done now, is left to the
 * queue: one item with the same delivery id, so that nothing arrives twice.
 * A keeper that died meanwhile is asked again as soon as there is a new one.
 */
#ifndef SMTP_BACKEND_H
#define SMTP_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "conf/conf.h"
#include "dns/asker.h"
#include "history/history.h"
#include "ipc/line.h"
#include "msgauth/key.h"
#include "smtp/feedback_send.h"
#include "smtp/knows.h"
#include "smtp/ops.h"
#include "smtp/standing.h"
#include "smtp/unscanned.h"

/* Which keys were in force when auth last said so: mostly they still are, and
 * one question does instead of two. */
struct smtp_backend_keys {
	pthread_mutex_t lock; /* of what follows; to be initialised */
	char domain[256];     /* the last one that was signed for */
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
};

/* Accounts above their quota, as the keeper has told: few, if any. */
struct smtp_backend_full {
	pthread_mutex_t lock; /* of what follows; to be initialised */
	char **name;
	size_t n, cap;
};

/* Messages that are scanned, and what waits for a connection to do so. */
struct smtp_scans {
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t change;
	unsigned n;
	struct scan_wait *waiting, **end;
	struct smtp_unscanned *unscanned;
	unsigned char key[16]; /* of what that is known by */
};

/* Before the backend is used. */
void smtp_scans_init(struct smtp_scans *s);
/* The next connection that was asked for, or -1; takes fd. */
void smtp_scans_take(struct smtp_scans *s, int fd);

struct smtp_backend {
	struct peer *auth; /* NULL on port 25 */
	struct peer *keeper, *queue, *dns;
	struct peer *report; /* NULL: nobody reads reports */
	/* Has it started, if it does not run. */
	void (*wake_report)(void *arg);
	atomic_size_t reports_out;	      /* bytes that are being read */
	struct smtp_feedback_memory feedback; /* to be initialised */
	struct history *history;	      /* NULL: none is kept */
	struct history_gate *gate;	      /* of refusals; NULL: none */
	struct dns_asker *names;	      /* port 25: on the line of dns */
	struct smtp_backend_keys keys;
	struct smtp_backend_full full;
	struct smtp_knows knows;	/* to be initialised */
	struct smtp_scans scans;	/* to be initialised */
	struct smtp_standing *standing; /* NULL: nobody remembers */
	/* Asks the supervisor for a connection to clamd, from any thread; it
	 * comes by smtp_scans_take.  NULL: there is none. */
	void (*ask_clamd)(void *arg);
	/* The configuration now; a reference for the caller. */
	struct conf *(*conf)(void *arg);
	void *arg;
};

/* The keeper's word on an account, or a new keeper, who knows of none. */
void smtp_backend_set_full(
    struct smtp_backend *h, const char *account, bool full);
void smtp_backend_forget_full(struct smtp_backend *h);

/* ctx is a struct smtp_backend. */
extern const struct smtp_ops smtp_backend_ops;

#endif
