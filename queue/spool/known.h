/*
 * Whom the people here have written to: addresses of other servers, of each
 * account.  What answers comes from somebody who is known, and a mailing list
 * that somebody writes to is one that is wanted.
 *
 * The addresses are kept as hashes, in the file `known` of the spool's folder:
 *
 *    8  "hmknown\n"
 *    8  version, 1
 *   16  key of SipHash-2-4
 *   then for each, 24 bytes: 8 hash of the address in lower case, 8 hash of
 *   the account, 4 day (since 1970) when it was last written to, 4 CRC-32C of
 *   the 20 bytes before
 *
 * all big-endian but the hashes; the last of the same address and account
 * counts.  It grows until half of it is out of date, and is written anew then.
 * It is a memory, not a promise: what was noted in the last minute before a
 * power failure may be lost, and a damaged file begins anew.
 *
 * An account has KNOWN_OF_ACCOUNT of them and all together KNOWN_OF_ALL; above
 * that, those that were not written to for longest are forgotten.
 */
#ifndef QUEUE_SPOOL_KNOWN_H
#define QUEUE_SPOOL_KNOWN_H

#include "base/buf.h"

#define KNOWN_OF_ACCOUNT 4096u
#define KNOWN_OF_ALL	 65536u

struct known;

/* Never fails: without the file, or with a damaged one, nobody is known.
 * dirfd stays the caller's and open. */
struct known *known_open(int dirfd);
void known_free(struct known **k);

/* The account has written to it.  For club-request@ and the like club@ is
 * noted, too (msgauth/list.h).  now: ms since 1970.  True: that was not known,
 * or not as well. */
bool known_add(
    struct known *k, struct sv account, struct sv address, int64_t now);
/* Has this account, or anybody if it is empty, written to it? */
bool known_has(const struct known *k, struct sv account, struct sv address);
size_t known_count(const struct known *k);
/* What was noted reaches the disk: now and then. */
void known_sync(struct known *k);

#endif
