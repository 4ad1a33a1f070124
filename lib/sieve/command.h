/* Inside lib/sieve only: the table of commands. */
#ifndef SIEVE_COMMAND_H
#define SIEVE_COMMAND_H

#include "sieve/script.h"

/* By name, in any case; NULL: there is none of that class (tests on one side,
 * controls and actions on the other). */
const struct sieve_command *sieve_command_find(struct sv name, bool test);
/* The nearest name of that class. */
struct sv sieve_command_nearest(struct sv name, bool test);

#endif
