/* Domains as names with labels, in any case.  Pure. */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/sv.h"

/* Is it `other`, or below that?  Nothing is within "". */
bool mail_domain_is_within(struct sv domain, struct sv other);

#endif
