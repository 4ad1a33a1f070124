/*
 * Mail that was there and is not any more: a folder that is not mounted, a log
 * that was emptied.  A server without it looks like a new one, so somebody has
 * to say it.
 *
 * The witnesses are an account's checkpoint, whose log is gone; a segment that
 * cannot be read; and of what has vanished as a whole the newest backup, and
 * the empty files accounts/.known/NAME, which the supervisor makes for those
 * who have mail when it starts or stops.
 */
#ifndef BACKUP_LOST_H
#define BACKUP_LOST_H

#include <jansson.h>

#include "conf/conf.h"

/* How many messages of each account the newest backup has: an object, empty if
 * nobody can tell. */
json_t *lost_newest(const struct conf *conf);

typedef void (*lost_fn)(void *arg, const char *text);

/* One sentence for each; how many.  What this user may not look into is passed
 * by. */
unsigned lost_each(const struct conf *conf, lost_fn fn, void *arg);

/*
 * Is nothing left of the mail of an account that had some?  With a sentence
 * about what to do.  One that began anew then would take mail to where nobody
 * looks for it once its disk is mounted, and phones would throw theirs away: it
 * is not started before the mail is back, or the file of its name in
 * accounts/.known is removed.  As the supervisor.
 */
bool lost_account(const struct conf *conf, const char *name, struct buf *text);

/* Makes those files.  As the supervisor. */
void lost_remember(const struct conf *conf);

/*
 * Nothing at all is in the data folder, but the newest backup has mail: RC_PERM
 * with a text.  A server that began there would take mail to where nobody
 * looks for it once the disk is mounted.  Before anything is made.
 */
int lost_everything(const struct conf *conf, struct err *err) RC_USE_RESULT;
/* Nothing at all is in it: a first start, or something is not mounted. */
bool lost_is_empty(const struct conf *conf);

#endif
