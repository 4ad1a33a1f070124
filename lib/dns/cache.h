/*
 * Answers of the name service, received a moment ago: mail comes in bursts
 * from the same few senders, and each message has eight questions or more.
 *
 * A key is a name (normalised: dns.h) and a type; DNSSEC's verdict is kept with
 * the answer.  What there is, is kept for its TTL, DNS_CACHE_MS at most; that
 * there is nothing, for the negative TTL [RFC 2308 5], DNS_CACHE_NO_MS at
 * most.  The TTL that comes with it counts down meanwhile, as a resolver's
 * does: nobody sees an answer for longer than the zone allows, nor does who
 * goes by that TTL.  Failures, bogus answers and large ones are not kept.
 *
 * Full, it forgets what nobody has asked for a second time, the oldest first;
 * what was asked for again has three quarters of the room for itself.  So
 * names that somebody makes up, one after the other, push each other out.
 *
 * Only for what is asked about others' names, again and again: who wants to see
 * whether a record has come asks anew (authority.h, and dns_ask itself).
 *
 * All calls may come from any thread.  now: clk_mono.  Nothing is allocated
 * before the first answer.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "dns/dns.h"

#define DNS_CACHE_MS	     ((int64_t)300 * 1000)
#define DNS_CACHE_NO_MS	     ((int64_t)60 * 1000)
#define DNS_CACHE_BYTES	     (192u << 10) /* of all, with their keys */
#define DNS_CACHE_ANSWER_MAX 2048u	  /* bytes of one */

struct dns_cache;

struct dns_cache *dns_cache_new(void);
void dns_cache_free(struct dns_cache **c);

/* True: *out is the answer, for the caller to fini. */
bool dns_cache_get(struct dns_cache *c, const char *name, enum dns_type type,
    int64_t now, struct dns_answer *out);
/* a stays the caller's. */
void dns_cache_put(struct dns_cache *c, const char *name, enum dns_type type,
    int64_t now, const struct dns_answer *a);
void dns_cache_clear(struct dns_cache *c);
/* What it uses, of DNS_CACHE_BYTES. */
size_t dns_cache_bytes(struct dns_cache *c);

#endif
