/*
 * When a certificate is renewed: one decision, with one result.
 *
 * The authority's window counts (ARI [RFC 9773]): a moment in it that was
 * chosen by chance, or now if it had begun when it was learned.  Without one
 * that makes sense it is two thirds of the certificate's time, half of it when
 * that is less than ten days.  Whatever says so, there is a time between two
 * certificates, and between two attempts; and an authority that says when it
 * may be asked again is not asked before.
 */
#ifndef ACME_RENEW_H
#define ACME_RENEW_H

#include <stdbool.h>
#include <stdint.h>

/* All times in seconds since 1970; 0: not known, or it has not happened. */
struct acme_life {
	int64_t not_before, not_after; /* 0: there is no certificate */
	bool lacks_names; /* that it should have; or its key is to change */
	int64_t window_start, window_end;
	int64_t window_seen; /* when that was learned first */
	int64_t issued;	     /* the last one */
	unsigned failures;   /* of the attempts since then, in a row */
	int64_t failed;	     /* the last of them */
	int64_t not_sooner;  /* the authority has said */
	uint32_t chance;     /* any, but the same for this certificate */
};

/* From when on an attempt is due. */
int64_t acme_renew_at(const struct acme_life *l);
/* The same without what comes between: when it would be right. */
int64_t acme_renew_ideal(const struct acme_life *l);
/* From when on the owner may have one: what is between two certificates, what
 * the authority has said, and a little after a failure. */
int64_t acme_renew_soonest(const struct acme_life *l);
/* Why it is then, in words. */
#define ACME_REASON_MAX 200
void acme_renew_why(const struct acme_life *l, char out[ACME_REASON_MAX]);
/* Seconds to wait after so many failures in a row. */
int64_t acme_renew_back_off(unsigned failures, uint32_t chance);
/* How far has trouble come?  Of what was left at the first failure half is
 * gone: 1; four fifths: 2; it is over: 3. */
unsigned acme_renew_urgency(
    int64_t first_failed, int64_t not_after, int64_t now);

#endif
