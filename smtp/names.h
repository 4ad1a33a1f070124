/*
 * Answers of the DNS that were had a moment ago: mail comes in bursts from the
 * same few senders, and each message has eight questions or more.  Kept for
 * their TTL, NAMES_MS at most; neither failures nor bogus answers are kept.
 * Bounded, and it may forget.  All calls may come from any thread.
 */
#ifndef SMTP_NAMES_H
#define SMTP_NAMES_H

#include "dns/dns.h"

#define NAMES_MS	(60 * 1000)
#define NAMES_MAX	512
#define NAMES_BYTES_MAX 2048 /* of an answer; larger ones are not kept */

struct names;

struct names *names_new(void);
void names_free(struct names **n);

/* now: clk_mono.  True: *out is the answer, for the caller to free. */
bool names_get(struct names *n, const char *name, enum dns_type type,
    int64_t now, struct dns_answer *out);
/* a stays the caller's. */
void names_put(struct names *n, const char *name, enum dns_type type,
    int64_t now, const struct dns_answer *a);

#endif
