/*
 * The admin's pages: what the commands of the owner say, in their words, and
 * the actions of `hearthmail queue`.
 *
 *   GET  /admin                  health, status, plots
 *   GET  /admin/queue            what waits; ?which= as `queue list WHICH`
 *   POST /admin/queue            retry, hold, release, remove
 *   GET  /admin/queue/message    ?id=: one of them
 *   GET  /admin/trace            ?which=: as `trace WHICH`
 *   GET  /admin/reports          as `reports`
 *   GET  /admin/dns              as `dns`, with what is to be published
 *   POST /admin/dns              looks again
 *   GET  /admin/certificates     as `cert`
 *   GET  /admin/accounts         who there is; ?account=: one, with its devices
 *   POST /admin/accounts         locks a device out
 *   GET  /admin/configuration    the file, with what `check` says of its lines
 *
 * Nothing here has a file or a connection.  What concerns mail is asked of the
 * processes that have it, over lines on which they do what they do for the
 * command line, and no more; for the rest the supervisor runs a command
 * (CTL_ERRAND).  Each visit is a task of a pool and may wait.
 *
 * Whoever comes has been let in by auth; it is looked at here again.  A form
 * without the right csrf changes nothing, and what is changed is logged with
 * who and from where.
 */
#ifndef WEB_ADMIN_ADMIN_H
#define WEB_ADMIN_ADMIN_H

#include "base/ev.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "ipc/msg_control.h"

struct admin;

struct admin_opts {
	struct ev_loop *loop;
	struct peer *auth, *queue, *history;
	/* From any thread: a reference, and a question for the supervisor. */
	struct conf *(*conf)(void *arg);
	void (*errand)(void *arg, enum errand what, uint64_t ms);
	/* Nobody has come for that long; called again if nothing happens. */
	void (*idle)(void *arg);
	int64_t idle_ms;
	void *arg;
};

/* Starts threads. */
struct admin *admin_new(const struct admin_opts *o);
/* Visits are ended; false: one hangs, and nothing was freed. */
bool admin_free(struct admin **a) RC_USE_RESULT;
/* PAGE_OPEN, from auth on l; answers. */
void admin_open(struct admin *a, struct line *l, struct msg *m);
/* CTL_ERRAND_DONE. */
void admin_errand_done(struct admin *a, struct msg *m);

#endif
