/*
 * DMARC aggregate reports [RFC 9990], pure: the XML document that a receiver
 * sends once a day to the owner of a domain.  Older forms [RFC 7489, and the
 * drafts before it] differ in what is missing, so every field is optional.
 *
 * What is read past, since real senders send it: elements of any namespace
 * prefix and in any order, unknown elements around known ones, bytes that are
 * not of the declared charset, '&' that begins nothing.  A document that breaks
 * off is used as far as its records are whole, and says so.
 *
 * What is refused: a document type, and with it every entity; more records,
 * depth or bytes than the limits have.
 */
#ifndef REPORT_DMARC_XML_H
#define REPORT_DMARC_XML_H

#include "report/record.h"

/*
 * Fills b->r.  RC_NOTFOUND: it is not a DMARC report.  RC_SYNTAX: it is one,
 * but nothing of it can be used; RC_TOOBIG: it is above a limit; RC_DENIED: it
 * has a document type: *err says what is wrong, and what was found of the
 * sender stays in b->r.
 */
int dmarc_xml_read(struct report_builder *b, struct sv document,
    struct err *err) RC_USE_RESULT;

#endif
