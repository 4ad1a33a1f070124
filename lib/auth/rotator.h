/*
 * Keys that change by themselves: what the signer's steps (auth/signer.h) need
 * from outside, from the loop's thread.  About once an hour it has a step
 * made, asks the name servers for the records that are awaited, and writes to
 * the admin what is to be told.
 *
 * Auth has no network, and its line to the dns process does not give it one:
 * the other end answers there for nothing but the key records of the
 * configuration's own domains, asks only the name servers of these, and bounds
 * how often (cmd/run/dns.c).  An attacker who has taken over auth, and with it
 * password hashes and keys, can make the machine ask these servers for a
 * made-up selector now and then: a trickle that reaches the owner's own name
 * servers and who watches the wire, instead of any server of the attacker's
 * choice.
 *
 * Letters go to the admin's account by way of the keeper, as mail that the
 * queue delivers does.  Auth can open that account's sessions as it is: to
 * deliver into it gives it no power that it did not have.
 */
#ifndef AUTH_ROTATOR_H
#define AUTH_ROTATOR_H

#include "auth/signer.h"
#include "ipc/line.h"

struct rotator;

struct rotator_pace {
	int64_t first_ms; /* after the start */
	int64_t tick_ms;
};

#define ROTATOR_PACE                                  \
	{                                             \
		.first_ms = 60000, .tick_ms = 3600000 \
	}

struct rotator *rotator_new(struct ev_loop *loop, struct signer *signer,
    struct peer *keeper, const struct rotator_pace *pace);
/* Before the signer and behind the keeper's line: what either still has for it
 * finds nothing to do. */
void rotator_free(struct rotator **r);
/* Takes a reference of its own; first of all, and when it changes. */
void rotator_set_conf(struct rotator *r, struct conf *conf);
/* The line to the dns process; takes fd. */
void rotator_set_dns(struct rotator *r, int fd);
/* Lines for people: domains that wait for their owner. */
void rotator_status(const struct rotator *r, struct buf *out);
/* The owner has given an order or wants to know: do not wait for the next
 * tick. */
void rotator_hurry(struct rotator *r);

/*
 * Is this what should be there: exactly one record that is a key, and one with
 * which a verifier of mail finds that signature of that hash right?
 */
struct dns_answer;
bool rotator_record_is_right(const struct dns_answer *a,
    enum dkim_algorithm algorithm, const uint8_t hash[DKIM_HASH],
    struct sv signature);

#endif
