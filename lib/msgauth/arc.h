/*
 * ARC [RFC 8617]: the chain of seals that hosts put on mail which they pass
 * on.  A valid chain says who sealed, not that the mail is good: trust begins
 * at the newest seal and ends at the first whose domain is not on the owner's
 * list [RFC 8617 9.4].
 *
 * Validated as a whole: its structure, the newest message signature, and all
 * seals.  Any failure, one of the DNS too, is for good [RFC 8617 5.2.1].
 *
 *   a = arc_verify_new(fields, bodies);
 *   ... the body goes by ...
 *   while (arc_verify_evaluate(a, bodies, lookup, now) == RC_MORE) ...
 */
#ifndef MSGAUTH_ARC_H
#define MSGAUTH_ARC_H

#include "msgauth/dkim_verify.h"

#define ARC_MAX	    50 /* sets [RFC 8617 4.2.1] */
#define ARC_AAR_MAX 4096

enum arc_reason {
	ARC_R_NONE,
	ARC_R_SETS,    /* more than 50, gaps, repeated or missing fields */
	ARC_R_SYNTAX,  /* i= is not readable */
	ARC_R_CV,      /* cv= is not what it must be */
	ARC_R_MESSAGE, /* the newest message signature does not verify */
	ARC_R_SEAL,    /* one of the seals does not */
	ARC_R_FAILED, /* the newest seal says so: the chain had failed before */
	ARC_REASONS
};
const char *arc_reason_text(enum arc_reason r);

struct arc_outcome {
	enum auth_result result; /* NONE, PASS, FAIL */
	enum arc_reason reason;
	unsigned n;	      /* sets; the highest instance */
	unsigned failed_at;   /* the instance that failed, or 0 */
	enum dkim_reason why; /* of it */
	/* The oldest message signature that still verifies; 0: all of them */
	unsigned oldest_pass;
	char sealer[ARC_MAX][DNS_NAME_MAX]; /* d= of seal i at i - 1 */
};

struct arc_verify;

/* keys: borrowed, or NULL. */
struct arc_verify *arc_verify_new(
    struct fieldset *fields, struct bodies *bodies, struct dkim_keys *keys);
void arc_verify_free(struct arc_verify **a);
/* Of the message signatures, as dkim_signed_expiring. */
void arc_verify_expiring(const struct arc_verify *a, struct buf *out);
void arc_verify_first_seen(struct arc_verify *a, int64_t first);
int arc_verify_evaluate(struct arc_verify *a, const struct bodies *bodies,
    struct lookup *l, int64_t now) RC_USE_RESULT;
const struct arc_outcome *arc_verify_get(const struct arc_verify *a);

/*
 * Down to which instance every sealer is trusted, from the newest on: 0 if not
 * even that one is, or the chain is not valid.
 */
typedef bool arc_trusted_fn(void *arg, const char *domain);
unsigned arc_trusted_down_to(
    const struct arc_outcome *o, arc_trusted_fn *fn, void *arg);

/*
 * What set i (from 1) says of the message as its sealer has got it: the value
 * of its ARC-Authentication-Results behind "i=1;", for authres_reader_init.
 * Empty if it was above ARC_AAR_MAX.  Only to be believed down to
 * arc_trusted_down_to().
 */
struct sv arc_verify_results(const struct arc_verify *a, unsigned i);
/* Does a set down to `down_to` report dmarc=pass for this author's domain? */
bool arc_vouches(
    const struct arc_verify *a, unsigned down_to, struct sv author_domain);

/* ---- sealing [RFC 8617 5.1] ---- */

/*
 * The last thing that is put on each outgoing copy: what it covers is what is
 * sent.  Two signatures are made, one after the other, by the process that has
 * the key:
 *
 *   arc_seal_new(&what, header, &s)     header: all of the copy, with its
 *                                       signatures, without an empty line
 *   arc_seal_hash(s, hash)              sign it, then
 *   arc_seal_signature(s, signature)
 *   arc_seal_hash(s, hash)              the second one
 *   arc_seal_signature(s, signature)
 *   arc_seal_write(s, out)              three fields, for the top of header
 */
struct arc_seal_what {
	enum auth_result cv; /* what the chain was when it came in */
	const char *id;	     /* authserv-id */
	struct sv results;   /* as authres_begin(bare) writes them */
	enum dkim_algorithm algorithm;
	struct sv domain, selector;
	int64_t time;
	const uint8_t *body_hash; /* relaxed, DKIM_HASH bytes */
};

struct arc_seal;

/*
 * RC_DENIED: nothing is to be added, for the newest seal says cv=fail already,
 * or there are 50 sets.  With a chain that has failed (cv is FAIL) the seal
 * covers its own set only [RFC 8617 5.1.2].
 */
int arc_seal_new(const struct arc_seal_what *w, struct sv header,
    struct arc_seal **out) RC_USE_RESULT;
void arc_seal_free(struct arc_seal **s);
int arc_seal_hash(struct arc_seal *s, uint8_t out[DKIM_HASH]) RC_USE_RESULT;
void arc_seal_signature(struct arc_seal *s, struct sv signature);
/* After the second signature. */
int arc_seal_write(struct arc_seal *s, struct buf *out) RC_USE_RESULT;

#endif
