/*
 * A mail with reports, read whole and pure: unpacked (report/unpack.h), each
 * document recognised and read (report/dmarc_xml.h, report/tlsrpt.h).
 */
#ifndef REPORT_READ_H
#define REPORT_READ_H

#include "report/record.h"

/* r is valid until the function returns. */
typedef void report_record_fn(void *arg, const struct report_record *r);

/*
 * Calls fn for each report, read or refused; returns their number.  Mail that
 * has none is passed over, unless it was `expected` to be a report: then it
 * counts as one that was refused.  m->fd is not looked at.
 */
unsigned report_read(struct sv message, const struct report_mail *m,
    const struct report_limits *limits, report_record_fn *fn, void *arg);

/* One that could not even be looked at, and why. */
void report_refuse(const struct report_mail *m, const char *why,
    report_record_fn *fn, void *arg);

#endif
