/* What is attached to a delivery: programs and scripts from elsewhere are
 * junk, whoever sends them. */
#ifndef ACCOUNT_ATTACHED_H
#define ACCOUNT_ATTACHED_H

#include "base/buf.h"

/* True: it is; appends why, in words. */
bool account_attached(struct sv msg, struct buf *why);

#endif
