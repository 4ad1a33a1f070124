/* The dates in what a certificate authority says. */
#ifndef ACME_DATE_H
#define ACME_DATE_H

#include <stdint.h>

#include "base/sv.h"

/* A year: no wait is longer. */
#define ACME_WAIT_MAX_S (366 * 86400)

/*
 * Retry-After, in either form: seconds from now, or a date in any of the three
 * forms of HTTP [RFC 9110 5.6.7, 10.2.3].  Seconds to wait from now, at most
 * ACME_WAIT_MAX_S, 0 for a date that is past; -1: it is neither.
 */
int64_t acme_retry_after(struct sv value, int64_t now);
/* An HTTP date, seconds since 1970; -1: it is not one. */
int64_t acme_http_date(struct sv text);
/* "2026-08-20T09:12:44Z", with a fraction and an offset, maybe [RFC 3339];
 * -1: it is not one. */
int64_t acme_rfc3339(struct sv text);

#endif
