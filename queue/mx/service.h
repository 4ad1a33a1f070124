/*
 * mx: takes jobs from the queue, finds hosts, speaks to them, and says what
 * became of each recipient.  One thread a job, as many as the queue has in the
 * air, and kept for a moment when it is done; a connection that worked is kept
 * for a moment, for the next message to the same place.
 */
#ifndef QUEUE_MX_SERVICE_H
#define QUEUE_MX_SERVICE_H

#include "base/ev.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "net/tls.h"

struct mx_service;

struct mx_service_opts {
	struct ev_loop *loop;
	struct tls_client *tls;
	/* A reference to the configuration in force, from any thread. */
	struct conf *(*conf)(void *arg);
	void *arg;
	uint16_t port; /* of the world's mail hosts: 25 */
};

struct mx_service *mx_service_new(const struct mx_service_opts *o);
/* Waits for no job: for the end of the process. */
void mx_service_free(struct mx_service **s);
/* Take fd. */
void mx_service_set_queue(struct mx_service *s, int fd);
void mx_service_set_dns(struct mx_service *s, int fd);

#endif
