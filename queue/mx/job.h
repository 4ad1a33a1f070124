/* Inside mx only: one job, a message for recipients at one place. */
#ifndef QUEUE_MX_JOB_H
#define QUEUE_MX_JOB_H

#include <pthread.h>

#include "ipc/msg_mx.h"
#include "queue/mx/connections.h"
#include "queue/mx/deliver.h"
#include "queue/mx/service.h"

struct mx_service {
	struct mx_service_opts o;
	struct peer *queue, *dns;
	struct connections *connections;
	pthread_mutex_t lock; /* of what follows */
	unsigned queue_life;  /* how many queues there were */
	unsigned jobs;
	struct job *known; /* all, until their outcome is noted */
	unsigned nknown;
	uint64_t last_number;
	struct job *todo, **todo_end; /* for workers that have nothing to do */
	unsigned ntodo, idle;
	pthread_cond_t more;
	bool leaving;  /* no more jobs */
	bool stopping; /* no more ends of messages */
	/* the loop's */
	struct ev_timer *draining;
	int64_t drain_until;
	void (*drained)(void *arg);
	void *drained_arg;
};

struct relay {
	bool set, fallback, implicit_tls;
	char host[MX_HOST_MAX];
	uint16_t port;
	enum conf_tls tls;
	char user[MX_USER_MAX], password[MX_SECRET_MAX];
};

struct job {
	struct mx_service *s;
	struct job *next;
	struct job *next_known;
	uint64_t number;
	uint8_t delivery_id[16];
	uint32_t *which; /* recipients of the message */
	bool finished;
	bool ending;	/* the host may have taken it */
	bool abandoned; /* for the next mx; the queue was told */
	uint32_t id;	/* of the request */
	unsigned life;	/* of which queue */
	char domain[DNS_NAME_MAX];
	struct relay relay;
	char *sender;
	struct client_rcpt *rcpt;
	struct client_message m;
	bool reached;
	/* clk_mono: after that no further host is tried; the direct way and
	 * the smarthost behind it have their own. */
	int64_t until;
	struct client_why why;
};

/* What m asks for; NULL: it is garbled. */
struct job *mx_job_read(struct mx_service *s, struct msg *m);
/* In a thread of its own: goes to the hosts, or the smarthost.  What became of
 * it is in reached, why and each recipient's code. */
void mx_job_try(struct job *j);
/* Frees what is not needed once it was tried; the rest is kept for the
 * queue. */
void mx_job_drop_inputs(struct job *j);
void mx_job_free(struct job *j);

#endif
