/*
 * The history's process: takes steps from those who write them, keeps them
 * (history/db.h), and answers its owner.
 *
 * A database that cannot be opened or written (a full disk) is reported in the
 * log once; steps are dropped and counted until it can be again, and the mail
 * goes on.
 */
#ifndef HISTORY_SERVICE_H
#define HISTORY_SERVICE_H

#include "base/ev.h"
#include "history/db.h"
#include "history/history.h"
#include "history/mine.h"

struct history_service;

struct history_service *history_service_new(
    struct ev_loop *loop, const struct history_db_opts *o);
/* Writes what is there. */
void history_service_free(struct history_service **s);
void history_service_set_opts(
    struct history_service *s, const struct history_db_opts *o);
/* Take fd.  account: whose process it is, or "". */
void history_service_add_writer(struct history_service *s, int fd,
    enum history_writer who, const char *account);
/* The process that reads reports. */
void history_service_add_reader(struct history_service *s, int fd);
void history_service_add_command(struct history_service *s, int fd);
/*
 * Whose line asks about its own mail (history/mine.h): fn fills in the
 * addresses, from the configuration.  Without it they are told of what has
 * their account in it only.
 */
typedef void history_owner_fn(
    void *arg, const char *account, struct history_owner *out);
void history_service_set_owner(
    struct history_service *s, history_owner_fn *fn, void *arg);
/* Writers whose line has not ended. */
unsigned history_service_writers(const struct history_service *s);

/* As people say it. */
extern const char *const history_count_name[HISTORY_COUNTS];
/* What it has counted since its start, by enum history_count. */
void history_service_count(
    const struct history_service *s, uint64_t out[HISTORY_COUNTS]);

/*
 * Lines for the status: "today: received 12, stored 12, refused 3, ...", and
 * the same for 7 and 14 days; what is wrong with the database, first, after
 * HISTORY_STATUS_DOWN.
 */
#define HISTORY_STATUS_DOWN "NOT WRITTEN: "
void history_service_status(struct history_service *s, struct buf *out);

/* Answers a question about the database, as a command may have it, too.
 * Returns what the answer says. */
int history_answer_find(
    struct history_db *db, struct msg *m, struct msg *reply);
int history_answer_read(
    struct history_db *db, struct msg *m, struct msg *reply);

#endif
