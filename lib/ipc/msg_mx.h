/*
 * Between the queue and mx: one message for one destination, and what became of
 * each of its recipients.
 */
#ifndef IPC_MSG_MX_H
#define IPC_MSG_MX_H

#include "ipc/codec.h"

#define MX_RECIPIENTS_MAX 1000 /* of a job */
/* Texts, with a NUL behind them. */
#define MX_HOST_MAX   256
#define MX_USER_MAX   256
#define MX_SECRET_MAX 1024

/* How all mail goes that does not go to the hosts of its domain. */
struct mx_relay {
	struct sv host; /* empty: there is none, and nothing else counts */
	uint16_t port;
	uint8_t tls; /* enum conf_tls */
	bool implicit_tls, fallback;
	struct sv user, password;
};

struct mx_recipient {
	uint32_t which; /* of the message's recipients in the spool */
	struct sv address;
};

/* MX_JOB; the body's descriptor goes with it. */
struct mx_job {
	uint8_t delivery_id[16];
	struct sv domain;
	struct mx_relay relay;
	struct sv sender;
	uint64_t size;
	uint32_t flags; /* SPOOL_* */
	struct mx_recipient *recipient;
	uint32_t nrecipient;
	int fd;
};
CODEC_FUNCTIONS(mx_job);

/* What the far side has said of one recipient. */
struct mx_verdict {
	uint32_t which;
	uint32_t code;
	struct sv text;
};

/*
 * The answer to MX_JOB, and MX_LATE: what became of a job that an earlier queue
 * has given.  Only with RC_OK does anything follow rc; RC_TEMP: there is no
 * room now.  A destination that was not reached has no verdicts.
 */
struct mx_outcome {
	int rc;
	uint64_t job;
	uint8_t delivery_id[16];
	bool reached;
	struct sv why; /* on the destination as a whole */
	struct mx_verdict *verdict;
	uint32_t nverdict;
};
CODEC_FUNCTIONS(mx_outcome);

/* MX_OPEN: a job that an earlier queue has given and that is in flight. */
struct mx_open {
	uint64_t job;
	uint8_t delivery_id[16];
	uint32_t *which;
	uint32_t nwhich;
};
CODEC_FUNCTIONS(mx_open);

/* MX_NOTED: what became of a job is on the disk. */
struct mx_noted {
	uint64_t job;
};
CODEC_FUNCTIONS(mx_noted);

#endif
