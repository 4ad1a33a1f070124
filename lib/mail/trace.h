/*
 * The trace fields of a message [RFC 5321 4.4], read.  Pure.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/buf.h"

/*
 * Has the message come back to an address for which this host has taken it
 * before?  One of its Received fields says "by HOST" and "for <ADDRESS>".
 * Others may write so, too: then their message is refused as one that comes
 * back, which hurts nobody else.
 *
 * Somebody may send it there again on purpose: what is below Resent- fields was
 * before that [RFC 5322 3.6.6].  As programs write such fields, too, that holds
 * for two passages only.
 */
bool mail_trace_was_for(struct sv header, struct sv host, struct sv address);

/*
 * From where this host has got the message, as it has written into the topmost
 * field Received: "from HELO (NAME [ADDRESS]) by HOST".  *name is empty where
 * no name is there.  False: that field is not this host's, or has no address.
 * Only for messages on top of which this host puts that field: others may
 * write it, too.
 */
bool mail_trace_peer(
    struct sv header, struct sv host, struct sv *name, struct sv *address);

#endif
