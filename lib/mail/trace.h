/*
 * The trace fields of a message [RFC 5321 4.4], read.  Pure.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/buf.h"

/*
 * Has this host taken the message for this address before?  One of its Received
 * fields says "by HOST" and "for <ADDRESS>".  Others may write so, too: then
 * their message is refused as one that comes back, which hurts nobody else.
 */
bool mail_trace_was_for(struct sv header, struct sv host, struct sv address);

#endif
