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
 *        /vacation              POST
 *        /filters               POST switch, up, remove
 *        /filters/edit          one of them, or a new one; POST save
 *        /forward               POST; again, remove
 *        /junk                  what was learned, and blocked senders; POST
 *                               block, unblock
 *
 * For a stranger, who has a link and has not signed in, there is only
 *
 *        /confirm/TOKEN         may mail be forwarded to you?  POST
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
#include "pagerules/pagerules.h"
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

/* What was learned, of the account and of all. */
struct self_junk {
	uint64_t junk, wanted, all_junk, all_wanted;
	int64_t last_s; /* since 1970; 0: never */
};

/* Changes rules that are held for it; another code than RC_OK leaves them as
 * they were. */
typedef int self_change_fn(void *arg, struct pagerules *r);

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

	/* Rules of pages; *out is to be finished. */
	void (*rules)(void *arg, struct pagerules *out);
	/* What fn says, or why it cannot be written. */
	int (*change)(void *arg, enum pagerules_part part, self_change_fn *fn,
	    void *fn_arg);
	/* The person's active script; empty: none. */
	void (*script)(void *arg, struct buf *name);
	/* Folders that mail can be put into, and time zones, one a line. */
	void (*folders)(void *arg, struct buf *lines);
	bool (*is_folder)(void *arg, const char *name);
	void (*zones)(void *arg, struct buf *lines);
	/* Of the server. */
	const char *(*zone)(void *arg);
	/* Which day it is there, since 1970. */
	int64_t (*day)(void *arg, const char *zone);
	int (*junk)(void *arg, struct self_junk *out);
	/* In the name of the account. */
	int (*letter)(
	    void *arg, struct sv to, struct sv subject, struct sv text);
};

struct self_visit {
	const struct conf *conf;
	const char *account;
	bool admin;    /* may visit admin's pages */
	bool stranger; /* has a link, and has not signed in */
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
