/*
 * Mail that cannot be judged now, because the DNS of its author does not
 * answer: it is asked to come again, for an hour; after that it is taken as it
 * is, for a day.  Who that was is remembered in a table that may forget: then
 * the mail is taken.
 *
 * When a message came first is remembered, too, if it has signatures that
 * expire: the time that it had to wait is ours.  If that is forgotten, it has
 * come now.
 */
#ifndef SMTP_DEFER_H
#define SMTP_DEFER_H

#include <stdbool.h>
#include <stdint.h>

#define SMTP_DEFER_SLOTS   4096
#define SMTP_DEFER_WAYS	   8 /* slots that a key may have */
#define SMTP_DEFER_MS	   (60LL * 60 * 1000)
#define SMTP_DEFER_KEEP_MS (24 * SMTP_DEFER_MS)

struct smtp_deferral {
	uint64_t key;
	int64_t since; /* clk_mono; 0: free */
};

struct smtp_deferrals {
	struct smtp_deferral from[SMTP_DEFER_SLOTS];
	struct smtp_deferral message[SMTP_DEFER_SLOTS];
};

/* Is it to come again?  key: a keyed hash of the sender and the author. */
bool smtp_defer(struct smtp_deferrals *d, uint64_t key, int64_t now);

/* This message is asked to come again, for whatever reason.  key: a keyed hash
 * of what it is known by (msgauth/check.h). */
void smtp_defer_message(struct smtp_deferrals *d, uint64_t key, int64_t now);
/* For how many ms it has been waiting; 0: it has not come before. */
int64_t smtp_defer_waited(
    const struct smtp_deferrals *d, uint64_t key, int64_t now);

#endif
