/*
 * Asks the dns process, and no more often than needed: what it has answered a
 * moment ago is remembered (cache.h), and a question that is under way is not
 * asked again by the next one who has it.
 *
 *   if (!dns_asker_recall(k, name, any, type, &a))
 *           r = dns_asker_ask(k, name, any, type, ms, fn, arg);
 *
 * any: as dns_ask_any.  All calls may come from any thread but where it says
 * otherwise.
 */
#ifndef DNS_ASKER_H
#define DNS_ASKER_H

#include "dns/dns.h"

/* Later callers ask again: those who join share the first one's deadline. */
#define DNS_ASKER_JOIN_MS 1000

struct dns_asker;

/* dns: borrowed, and freed before it (so that all questions have ended). */
struct dns_asker *dns_asker_new(struct peer *dns);
void dns_asker_free(struct dns_asker **k);

/* True: *out is the answer, for the caller to fini. */
bool dns_asker_recall(struct dns_asker *k, const char *name, bool any,
    enum dns_type type, struct dns_answer *out);
/* As dns_ask or dns_ask_any. */
int dns_asker_ask(struct dns_asker *k, const char *name, bool any,
    enum dns_type type, int64_t ms, dns_done_fn *fn, void *arg) RC_USE_RESULT;
/* Another dns process is there, which may have been told to ask others. */
void dns_asker_forget(struct dns_asker *k);

#endif
