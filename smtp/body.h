/*
 * A message in hand: its bytes on the way in, in memory up to 1 MiB and above
 * that in an unlinked file that the queue has given, within a budget that all
 * connections share.
 */
#ifndef SMTP_BODY_H
#define SMTP_BODY_H

#include <pthread.h>

#include "smtp/ops.h"

/* Bytes of all messages that are being received, of all connections together:
 * those in memory and those in files.  Above either: 452. */
struct smtp_pool {
	uint64_t used, max;
};

struct smtp_budget {
	pthread_mutex_t lock;
	struct smtp_pool memory, files;
};

struct smtp_body {
	struct smtp_budget *budget;
	const struct smtp_ops *ops;
	void *ctx;
	int fd;
	bool file; /* fd is a file of the queue, not memory */
	uint64_t size;
	uint64_t reserved; /* of the pool that `file` names */
	int error;	   /* sticky: RC_OK, RC_TEMP, RC_NOSPACE */
};

#define SMTP_BODY_MEMORY (1u << 20)

void smtp_body_init(struct smtp_body *b, struct smtp_budget *budget,
    const struct smtp_ops *ops, void *ctx);
/* Errors stick: look at b->error once at the end. */
void smtp_body_add(struct smtp_body *b, struct sv bytes);
/* Closes and gives the budget back. */
void smtp_body_fini(struct smtp_body *b);

#endif
