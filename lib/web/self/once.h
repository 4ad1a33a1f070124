/*
 * What is shown once: a password that was made by a form is on the page to
 * which the form leads, and nowhere afterwards.  In memory, for a few minutes,
 * for the session that made it.  From any thread.
 */
#ifndef WEB_SELF_ONCE_H
#define WEB_SELF_ONCE_H

#include "base/buf.h"

#define SELF_TICKET_MAX 32 /* with a NUL */
#define SELF_ONCE_MS	(10 * 60 * 1000)

struct self_once;

struct self_once *self_once_new(void);
void self_once_free(struct self_once **o);
/* now: clk_mono().  The oldest makes room. */
void self_once_put(struct self_once *o, uint64_t session, int64_t now,
    struct sv text, char ticket[SELF_TICKET_MAX]);
/* Appends the text, which is gone then unless it is to stay for the rest of its
 * time; false: there is none. */
bool self_once_take(struct self_once *o, uint64_t session, int64_t now,
    struct sv ticket, bool stays, struct buf *out);

#endif
