/*
 * Reports as sentences for the owner of the domain.  Pure; times are shown as
 * days in UTC, which is how reports count them.
 *
 *   Yahoo saw 12 mails from example.org on 14 October 2026: 11 were yours, 1
 *   came from 192.0.2.7 and failed: ...
 *
 * A mail is "yours" if it passed DMARC: it was signed by the domain, or sent by
 * a server that its SPF record names.  What failed is explained by what did
 * pass: a signature that was there and broke points to a forwarder or mailing
 * list; nothing of the domain points to forgery, or to a service that sends for
 * the owner and was not set up.
 */
#ifndef REPORT_SENTENCES_H
#define REPORT_SENTENCES_H

#include "ipc/msg_report.h"

/* What is known of this server. */
struct report_known {
	/* Is that address one of this server's?  May be NULL. */
	bool (*is_own)(void *arg, struct sv address);
	void *arg;
};

/* Appends the report's sentences, each in a line of its own; those of its
 * details are indented. */
void report_sentences(const struct report_record *r,
    const struct report_known *known, struct buf *out);

/* Sums of several reports, of one domain or of all. */
struct report_sums {
	uint32_t reports, refused, unverified; /* the last are not added */
	uint64_t mails, passed, failed, own_failed;
	uint64_t sessions, sessions_failed;
};
/* Connections of a TLS report, each counted once: failures are part of their
 * summaries. */
void report_tls_sums(
    const struct report_record *r, uint64_t *good, uint64_t *bad);
void report_sum(const struct report_record *r, const struct report_known *known,
    struct report_sums *io);
/* Appends one line: "example.org: 14 reports: 212 mails, 210 of them yours." */
void report_sum_words(
    struct sv domain, const struct report_sums *s, struct buf *out);

#endif
