/*
 * Greylisting: who sends from where to which domain, for strangers that look
 * suspicious (smtp/judge.h).  The first time they are asked to come again;
 * who does after GREY_WAIT_S, and within GREY_WINDOW_S, passes, and is
 * remembered for GREY_KEEP_S since the last time.
 *
 * The triples are kept as hashes, in the file `grey` of the spool's folder:
 *
 *    8  "hmgrey2\n"
 *   16  key of SipHash-2-4
 *   64  the time that is believed (base/believed.h), a line of text, filled up
 *       with NUL
 *   then for each, 24 bytes: 8 hash, 4 second (since 1970) of the first try,
 *   4 second of the last, 4 second when it passed, or 0, 4 hash of the network
 *    4  CRC-32C of all before
 *
 * big-endian but the hashes.  The version before, "hmgrey1\n", had no networks
 * and is read, too.  It is written anew now and then, and when the
 * queue ends: at worst somebody is asked once more.  A damaged one begins anew.
 *
 * At most GREY_ROWS of them: above that, those that are over go first, then
 * those that have not come for longest, of those that have passed only while
 * they have more than three quarters of the table.  Of one network (IPv4 /24,
 * IPv6 /48) at most GREY_WAITING wait and at most GREY_PASSED have passed, then
 * its own oldest goes, so that none drives out the others.  A clock that steps
 * harms nobody: who waits, waits for GREY_WAIT_S of either clock, and one that
 * leaps years ahead makes nobody a stranger.
 */
#ifndef QUEUE_SPOOL_GREY_H
#define QUEUE_SPOOL_GREY_H

#include "base/sv.h"

#define GREY_WAIT_S   (5 * 60)
#define GREY_WINDOW_S (2 * 24 * 60 * 60)
#define GREY_KEEP_S   (36 * 24 * 60 * 60)
#define GREY_ROWS     16384u
#define GREY_WAITING  64u
#define GREY_PASSED   512u

struct grey;

/* Never fails: without the file nobody is known.  dirfd stays the caller's. */
struct grey *grey_open(int dirfd);
void grey_free(struct grey **g);

/* May it pass?  now, mono: clk_now(), clk_mono().  The first word of a triple
 * is the network: bytes of a struct network_key in hexadecimal. */
bool grey_pass(struct grey *g, struct sv triple, int64_t now, int64_t mono);
size_t grey_count(const struct grey *g);
/* What has changed reaches the disk: now and then. */
void grey_sync(struct grey *g);

#endif
