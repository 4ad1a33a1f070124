/*
 * The policy of a domain for TLS with its mail hosts [RFC 8461], and the name
 * of its text in the DNS: pure.  The name is made of the text itself, so that
 * both change together, on every machine and after every restart the same.
 */
#ifndef PUBLISH_MTA_STS_H
#define PUBLISH_MTA_STS_H

#include "conf/conf.h"

/* Appends the policy as it is at that time, seconds since 1970; false: there is
 * none. */
bool publish_mta_sts_policy(
    const struct conf *c, struct sv domain, int64_t now, struct buf *out);
/* Appends the TXT record at _mta-sts.DOMAIN for it; false: there is none. */
bool publish_mta_sts_record(
    const struct conf *c, struct sv domain, int64_t now, struct buf *out);

#endif
