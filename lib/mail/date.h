/*
 * The Date field [RFC 5322 3.3, 4.3].  A zone is given in minutes east of UTC.
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/buf.h"

/*
 * Old and common deviations are understood: comments, no day name, years of
 * two digits, no seconds, no zone, names of zones, full names of months,
 * dashes for spaces, and C's asctime() order.  RC_SYNTAX for the rest; the
 * fields must be in range.
 */
int mail_date_parse(
    struct sv value, int64_t *secs_out, int32_t *zone_out) RC_USE_RESULT;
/* "Tue, 24 Nov 2026 11:36:46 +0100" */
void mail_date_print(int64_t secs, int32_t zone, struct buf *out);

#endif
