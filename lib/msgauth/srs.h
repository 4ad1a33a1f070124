/*
 * The Sender Rewriting Scheme: mail that is passed on gets a sender of ours,
 * so that SPF holds, from which bounces find back.  Forged ones do not: each
 * has a hash and a day in it.
 *
 *   ben@home.test         -> SRS0=gggghhhhhhhh=dd=home.test=ben@us.test
 *   SRS0=..@first.test    -> SRS1=gggghhhhhhhhdd=first.test==..@us.test
 *
 * The hash h is HMAC-SHA256 cut to 40 bits over all that follows it, in lower
 * case, and what else it covers; g is 20 bits of one over the text alone, so
 * that a forgery costs one hash for each key, whatever there may be to try.
 * dd is the day; others pass SRS1 on without looking into what is in front of
 * the first host.  The letters are a-z2-7: some hosts refuse "/" and "+",
 * others change the case, so that only what is the same in lower case is
 * compared. Read: SRS0 and SRS1 in any case, with "=", "+" or "-" behind it.
 *
 * Addresses are plain: local@domain as of mail_path_plain.  Pure; time is an
 * argument.
 */
#ifndef MSGAUTH_SRS_H
#define MSGAUTH_SRS_H

#include "base/buf.h"

#define SRS_KEY_MIN 16 /* bytes */

/* The first key makes, all keys check: an old one stays for a while. */
struct srs_keys {
	const struct sv *key;
	size_t n;
	unsigned days; /* how long a rewritten address is good; up to 500 */
	/*
	 * What the hash also covers without being in the address: only with the
	 * same it comes back.  So an address can say more than is in it to
	 * those who know what it may be.  Empty: nothing.
	 */
	struct sv context;
};

/* Is the local part one of SRS, ours or another server's? */
bool srs_is(struct sv address);

/*
 * Appends the sender under which mail of `sender` is passed on by `domain`.
 * now: seconds.  RC_SYNTAX: sender is not local@domain (the null sender is
 * passed on as it is, by the caller), or there is more in it than atoms and
 * dots: quotes and brackets within a local part of ours would end it, or the
 * command; RC_TOOBIG: the local part would have more
 * than SRS_LOCAL_MAX bytes.
 */
#define SRS_LOCAL_MAX 600
int srs_forward(const struct srs_keys *k, int64_t now, struct sv sender,
    struct sv domain, struct buf *out) RC_USE_RESULT;

/* With which of the keys it was made, as far as that can be told without the
 * context: one hash for each key.  RC_NOTFOUND, RC_DENIED as below. */
int srs_gate(
    const struct srs_keys *k, struct sv address, size_t *key_out) RC_USE_RESULT;
/*
 * Whose address a bounce to `address` (one of ours) is for.  RC_NOTFOUND: it is
 * not SRS; RC_DENIED: not made by us, or changed; RC_TIMEOUT: too old.
 */
int srs_reverse(const struct srs_keys *k, int64_t now, struct sv address,
    struct buf *out) RC_USE_RESULT;

#endif
