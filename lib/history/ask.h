/*
 * Asking the history which messages there are, and for all steps of one: the
 * questions of `trace` and of the admin's page, over whatever carries them.
 */
#ifndef HISTORY_ASK_H
#define HISTORY_ASK_H

#include "base/buf.h"
#include "ipc/msg_history.h"

#define HISTORY_STEPS_MAX 5000 /* of one message */

struct history_ask {
	/* Consumes m; on RC_OK *reply is the caller's to fini. */
	int (*ask)(void *arg, struct msg *m, struct msg *reply);
	/* The account that gets what is for that address, and no other; empty:
	 * there is not one. */
	struct sv (*account)(void *arg, struct sv address);
	void *arg;

	int64_t since; /* ms since 1970 */
	uint64_t limit;
	size_t bytes; /* of a message's steps, at most */
};

/* What was found. */
struct history_list {
	uint64_t *story; /* the newest first */
	size_t n, cap;
	bool more; /* there are older ones */
};

/*
 * All messages that the text may mean (history/search.h), up to a.limit.  A
 * number in the queue has one meaning; only one that the queue never had is
 * looked for in subjects.  RC_SYNTAX: the text is empty or too long; RC_TEMP:
 * no answer; others as the history says, with its words.
 */
int history_ask_find(const struct history_ask *a, struct sv which,
    struct history_list *out, struct err *err) RC_USE_RESULT;
void history_list_fini(struct history_list *l);

/* A message's steps, arranged; none: it is too old by now. */
struct history_story {
	struct buf bytes; /* their texts are in there */
	uint8_t id[16];
	struct history_step *step;
	size_t n;
};

int history_ask_story(const struct history_ask *a, uint64_t number,
    struct history_story *out, struct err *err) RC_USE_RESULT;
/* Also after an error. */
void history_story_fini(struct history_story *s);

#endif
