/* Junk that is too old is expunged; what is flagged stays. */
#ifndef ACCOUNT_JUNK_OLD_H
#define ACCOUNT_JUNK_OLD_H

#include "store/store.h"

/* By the time that the store believes; raises *need.  Returns how many went. */
uint64_t junk_old_expunge(struct store *st, int64_t age_ms, uint64_t *need);

#endif
