/* What a certificate authority refuses, in words for the owner. */
#ifndef ACME_SENTENCE_H
#define ACME_SENTENCE_H

#include "acme/answer.h"

/* name: what it is about; "": nothing in particular.  status: of HTTP, if it
 * was a request that they refused, else 0; way: in which the name was to be
 * proved. */
void acme_sentence(const struct acme_problem *p, unsigned status,
    enum acme_way way, const char *name, char out[ERR_TEXT_MAX]);

/* Is it of the name, so that no other way to prove it would help? */
bool acme_is_of_name(const struct acme_problem *p);
/* Does a problem that may be of one name alone have that one in its text? */
bool acme_speaks_of(const struct acme_problem *p, const char *name);

#endif
