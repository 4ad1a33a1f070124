/*
 * A name service in memory for the tests of message authentication: answers the
 * questions of a lookup table as a resolver would, aliases followed.
 */
#ifndef TEST_UNIT_MSGAUTH_ZONE_H
#define TEST_UNIT_MSGAUTH_ZONE_H

#include "msgauth/lookup.h"

struct zone;

struct zone *zone_new(void);
void zone_free(struct zone **z);

/*
 * A line: name, type, data with blanks between them:
 *   a.test A 192.0.2.1        a.test AAAA 2001:db8::1
 *   a.test MX 10 m.test       1.2.0.192.in-addr.arpa PTR a.test
 *   a.test CNAME b.test       a.test TXT text that is all of the record
 *   a.test SRV 0 1 993 m.test a.test TLSA 3 1 1 00ff
 *   a.test CAA 0 issue ca.test
 *   a.test TIMEOUT            (all questions for it fail)
 */
void zone_add(struct zone *z, const char *line);
void zone_add_record(
    struct zone *z, struct sv name, struct sv type, struct sv data);
/* The same with a record of several strings, in wire form. */
void zone_add_wire(struct zone *z, struct sv name, enum dns_type type,
    const void *p, size_t n);
/* All answers are secure from now on. */
void zone_sign(struct zone *z);

/* Answers all questions that are open; how many there were. */
size_t zone_answer(struct zone *z, struct lookup *l);
/* So many questions were answered, of all and with that name. */
size_t zone_asked(const struct zone *z);
size_t zone_asked_for(const struct zone *z, const char *name);

#endif
