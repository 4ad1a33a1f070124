/*
 * What an account is told of the history ("did my mail arrive?").  The account
 * is whose line asks; which addresses are its own the configuration says, not
 * who asks.  Pure, but for history_mine_find.
 *
 * Of a message that it has sent itself it sees all that happens for those whom
 * it has named.  Of others' it sees how they came to it, as far as the mail
 * itself tells: neither whom else they were for, nor from where somebody on
 * this server has sent them.  In no case does it see which account has an
 * address, to whom an alias leads, or what becomes of mail in others' folders.
 *
 * What is searched is what it may see: a search for a hidden recipient finds
 * nothing.
 */
#ifndef HISTORY_MINE_H
#define HISTORY_MINE_H

#include "history/db.h"
#include "ipc/msg.h"

#define HISTORY_OWNER_MAX 60  /* addresses */
#define HISTORY_STORY_MAX 256 /* steps of a message that are shown */

struct history_owner {
	struct sv account;
	struct sv address[HISTORY_OWNER_MAX]; /* in lower case */
	size_t naddress;
};

/*
 * Leaves of a story, arranged (history/words.h), what its owner may see, and
 * returns how many steps that are; 0: it is not theirs.  Lists of recipients
 * are written anew into *room, which must outlive the steps.
 */
size_t history_mine(const struct history_owner *o, struct history_step *s,
    size_t n, struct buf *room);

/* Are all words in it, whatever the case?  Of no words all are. */
bool history_mine_matches(
    const struct history_step *s, size_t n, struct sv words);

/* Answers TRACE_MINE; returns what the answer says.  db NULL: not now. */
int history_mine_find(struct history_db *db, const struct history_owner *o,
    struct msg *m, struct msg *reply);

#endif
