/*
 * TLS reports [RFC 8460 4.4], pure: the JSON document in which a sender says
 * how its connections to a domain went.  Of its fields only the counts are
 * needed; each may be null, and a string where a list should be or the other
 * way round, since real senders do so.  Unknown kinds of failure are kept.
 *
 * Its depth and the number of its values are checked before it is parsed.
 */
#ifndef REPORT_TLSRPT_H
#define REPORT_TLSRPT_H

#include "report/record.h"

/* As dmarc_xml_read: RC_NOTFOUND, RC_SYNTAX, RC_TOOBIG. */
int tlsrpt_read(struct report_builder *b, struct sv document,
    struct err *err) RC_USE_RESULT;

#endif
