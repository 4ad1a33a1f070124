/*
 * Surroundings for the SMTP server: two accounts, everything it accepts
 * is kept in memory, and every answer can be set.
 */
#ifndef TEST_SMTP_FIXTURE_H
#define TEST_SMTP_FIXTURE_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "msgauth/verdict.h"
#include "smtp/server.h"
#include "smtp/session.h"

struct fixture_delivery {
	struct buf sender, accounts, message;
	struct buf forward, results; /* addresses and what is kept of them */
	bool bare;
	uint8_t id[16];
	bool junk, judged, unscanned;
	uint8_t override[2]; /* of the first two accounts */
	uint8_t known[2];    /* likewise */
	struct verdict verdict;
};

struct fixture {
	struct smtp_server_opts o;
	struct smtp_budget budget;
	struct fixture_delivery got[16];
	size_t ngot;
	int deliver_rc, file_rc, login_rc;
	unsigned files, logins;
	bool may_take, may_defer;
	/* As many messages as it was asked for; sessions have threads. */
	atomic_uint taken;
	bool implicit_tls, not_loopback;
	/* By what the last message that was deferred is known, and how long
	 * that was ago. */
	struct buf waiting;
	int64_t later;
	struct buf sasl; /* of the last login */
	pthread_mutex_t lock;
};

/* anna@example.org, ben@example.org, family@ (both), postmaster; club@ (anna
 * and two addresses elsewhere), far@ (one elsewhere); SRS0=good=...@ comes
 * back, SRS0=old=...@ too late, all others are forged. */
void fixture_init(struct fixture *k, bool submission);
void fixture_fini(struct fixture *k);
extern const struct smtp_ops fixture_ops;
/* The same, of a peer elsewhere, with fixture_ops but for `ask` in *ops. */
void fixture_init_asking(struct fixture *k, struct smtp_ops *ops,
    int (*ask)(void *ctx, const char *name, bool any, enum dns_type type,
	int64_t ms, dns_done_fn *fn, void *arg));
/* One record of an answer: bytes as they are; or text, for DNS_TXT. */
void fixture_record(struct dns_answer *a, struct sv bytes);
void fixture_text(struct dns_answer *a, struct sv text);

/* Runs one session with these bytes from the client, in pieces of `piece`
 * bytes (0: at once), then EOF; what the server said into out. */
void fixture_talk(
    struct fixture *k, struct sv in, size_t piece, struct buf *out);
/* A session on one end of a socket pair in a thread; returns the other. */
int fixture_start(struct fixture *k, pthread_t *thread);
/* "250" or "250/2.1.0" for each reply, separated by blanks. */
void fixture_codes(struct sv out, struct buf *codes);
/* These codes came of the row, and more than the greeting, which would prove
 * nothing. */
void fixture_check_codes(const char *name, struct sv codes, const char *want);
void fixture_read_all(int fd, struct buf *out);

#endif
