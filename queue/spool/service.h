/*
 * The queue on its lines: gives out temporary files, takes messages from smtp
 * and submission, and has keeper and mx try them until each recipient has an
 * outcome.
 *
 * What comes in during one turn of the loop shares one flush; then it is
 * acknowledged, then it is tried for the first time.
 */
#ifndef QUEUE_SPOOL_SERVICE_H
#define QUEUE_SPOOL_SERVICE_H

#include "base/ev.h"
#include "conf/conf.h"
#include "history/history.h"
#include "ipc/line.h"
#include "ipc/numbers.h"

struct journal_io;
struct queue_service;

struct queue_service_opts {
	struct ev_loop *loop;
	/* The spool cannot be written any more: end the process. */
	void (*broken)(void *arg);
	/* A reference to the configuration in force. */
	struct conf *(*conf)(void *arg);
	/* The password of a smarthost, or NULL. */
	const char *(*password)(void *arg, const struct conf_relay *relay);
	void *arg;
	struct history *history;     /* NULL: none is kept */
	const struct journal_io *io; /* of the spool; NULL: the real disk */
};

/* Opens the spool in the working folder. */
int queue_service_new(const struct queue_service_opts *o,
    struct queue_service **out, struct err *err) RC_USE_RESULT;
void queue_service_free(struct queue_service **q);
/* Take fd. */
/* outside: it may send to other houses, in its accounts' names (submission). */
void queue_service_add_client(struct queue_service *q, int fd, bool outside);
/* How many messages wait, and the places that keep most of them waiting:
 * lines for people. */
void queue_service_status(struct queue_service *q, struct buf *out);
size_t queue_service_waiting(const struct queue_service *q);
/* How many pairs of message and destination wait in which state. */
void queue_service_count(
    struct queue_service *q, uint64_t out[NUMBER_QUEUE_STATES]);
/* A connection of the command line: CMD_QUEUE_*. */
void queue_service_add_command(struct queue_service *q, int fd);
void queue_service_set_keeper(struct queue_service *q, int fd);
void queue_service_set_mx(struct queue_service *q, int fd);
void queue_service_set_auth(struct queue_service *q, int fd);

#endif
