/* Inside lib/sieve only: fileinto and :fcc with :specialuse [RFC 8579]. */
#ifndef SIEVE_SPECIAL_USE_H
#define SIEVE_SPECIAL_USE_H

#include "sieve/run.h"

/* use-attr [RFC 6154 6] */
bool sieve_is_special_use(struct sv s);
/* :specialuse, where it is constant, is one. */
bool sieve_check_special_use(struct sieve_check *c, const struct sieve_node *n);

#endif
