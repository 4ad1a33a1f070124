/*
 * Names of domains as people write them (U-labels) and as they are in mail
 * (A-labels) [RFC 5890 2.3].  Pure.
 */
#ifndef PAGERULES_IDN_H
#define PAGERULES_IDN_H

#include "base/buf.h"

/*
 * An address, "@domain" or a domain: the same with A-labels, or with U-labels,
 * appended to out.  What it has none of stays as it is.  RC_SYNTAX: it is not a
 * domain; out is as it was.
 */
int idn_ascii(struct sv who, struct buf *out) RC_USE_RESULT;
int idn_shown(struct sv who, struct buf *out) RC_USE_RESULT;

#endif
