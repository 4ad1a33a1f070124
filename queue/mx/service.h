/*
 * mx: takes jobs from the queue, finds hosts, speaks to them, and says what
 * became of each recipient.  One thread per job, as many as the queue has in
 * flight, and kept for a moment when it is done; a connection that worked is
 * kept for a moment, for the next message to the same place.
 *
 * What became of a job is kept until the queue has said that it is on the disk:
 * a queue that is started anew first hears what is in flight and what has
 * ended meanwhile, so that nothing is sent twice.
 */
#ifndef QUEUE_MX_SERVICE_H
#define QUEUE_MX_SERVICE_H

#include "base/ev.h"
#include "conf/conf.h"
#include "history/history.h"
#include "ipc/line.h"
#include "net/tls.h"

struct mx_service;

struct mx_service_opts {
	struct ev_loop *loop;
	struct tls_client *tls;
	/* A reference to the configuration in force, from any thread. */
	struct conf *(*conf)(void *arg);
	void *arg;
	struct history *history; /* NULL: none is kept */
	uint16_t port;		 /* of the world's mail hosts: 25 */
};

struct mx_service *mx_service_new(const struct mx_service_opts *o);
/* Waits for no job: for the end of the process. */
void mx_service_free(struct mx_service **s);
/*
 * Takes no more jobs; calls fn in the loop's thread when what became of all
 * those in flight is on the queue's disk, or after ms.
 */
void mx_service_drain(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg);
/*
 * The same for those only whose message a host may have taken already: what
 * has not come so far is given back to the queue, as if it had not been tried.
 */
void mx_service_stop(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg);
/* Take fd. */
void mx_service_set_queue(struct mx_service *s, int fd);
void mx_service_set_dns(struct mx_service *s, int fd);

#endif
