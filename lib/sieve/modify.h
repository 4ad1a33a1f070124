/* Inside lib/sieve only: names of variables, and modifiers of what is put into
 * them. */
#ifndef SIEVE_MODIFY_H
#define SIEVE_MODIFY_H

#include "sieve/run.h"

/* May it be set?  global_ok: also as "global.name". */
bool sieve_check_variable(
    struct sieve_check *c, const struct sieve_value *v, bool global_ok);
/* Adds a name to a list of them, unless there are too many. */
bool sieve_check_names(struct sieve_check *c, const struct sieve_string *s,
    struct sv **names, size_t *n, size_t *cap);

/* The value after the modifiers of the command [RFC 5229 4.1], in scratch. */
struct sv sieve_modify(
    struct sieve_run *r, const struct sieve_node *n, struct sv s);

#endif
