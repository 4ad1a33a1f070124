/*
 * The pages of an account, for whose it is: answered in the account's own
 * process, which is all that they can reach.
 *
 *   GET  /home
 *        /devices               app passwords; POST add, revoke
 *        /devices/new           what was added, once
 *        /sessions              and logins; POST end, end-others
 *        /password              POST
 *        /second-factor         TOTP; POST begin, confirm, off, codes
 *        /second-factor/new     the secret that is to be confirmed
 *        /second-factor/codes   recovery codes, once
 *        /addresses
 *        /restore               what was deleted; POST
 *        /trace                 what became of a message
 *
 * A GET changes nothing, but that what is shown once is gone then.  A POST has
 * the session's csrf, or nothing is done; it ends with 303, so that a reload
 * does not repeat it, or with the form and what is wrong beside its fields.
 *
 * Pure, but for what it asks through struct self_calls.
 */
#ifndef WEB_SELF_SELF_H
#define WEB_SELF_SELF_H

#include "conf/conf.h"
#include "ipc/msg.h"
#include "ipc/msg_account.h"
#include "ipc/msg_page.h"
#include "web/self/once.h"

struct self_usage {
	uint64_t bytes, messages, quota; /* quota 0: none */
};

/* A page of what was deleted. */
struct self_deleted {
	struct sv from, subject;
	int64_t since, until; /* ms since 1970; 0: any */
	size_t skip, most;
};

/* Each waits for its answer. */
struct self_calls {
	/* On the person's line: ipc/msg_person.h.  Consumes the question; with
	 * RC_OK the reply is the caller's to fini. */
	int (*person)(void *arg, struct msg *question, struct msg *reply);
	/* As person, to the history: TRACE_MINE. */
	int (*trace)(void *arg, struct msg *question, struct msg *reply);
	/* expunged_page and expunged_run of account/expunged.h. */
	int (*expunged)(void *arg, const struct self_deleted *which,
	    struct buf *lines, uint64_t *total);
	int (*undelete)(void *arg, struct sv ids, uint64_t *messages);
	void (*usage)(void *arg, struct self_usage *out);
};

struct self_visit {
	const struct conf *conf;
	const char *account;
	bool admin; /* may visit admin's pages */
	struct sv csrf;
	uint64_t session;
	const struct page_ask *ask;
	struct self_once *once;
	const struct self_calls *calls;
	void *arg;
	int64_t now; /* ms since 1970 */
};

struct self_reply {
	unsigned status;
	const char *type;
	struct buf location, body;
};

void self_reply_init(struct self_reply *r);
void self_reply_fini(struct self_reply *r);
void self_answer(const struct self_visit *v, struct self_reply *out);

#endif
