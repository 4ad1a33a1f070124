/*
 * The queue on its lines: gives out temporary files, takes messages that must
 * wait, and tries to hand them to the keeper until each is done.
 */
#ifndef QUEUE_SPOOL_SERVICE_H
#define QUEUE_SPOOL_SERVICE_H

#include "base/ev.h"
#include "ipc/line.h"

struct queue_service;

/* Opens the spool in the working folder. */
int queue_service_new(struct ev_loop *loop, void (*broken)(void *), void *arg,
    struct queue_service **out, struct err *err) RC_USE_RESULT;
void queue_service_free(struct queue_service **q);
/* Take fd. */
void queue_service_add_client(struct queue_service *q, int fd);
void queue_service_set_keeper(struct queue_service *q, int fd);

#endif
