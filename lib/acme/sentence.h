/* What a certificate authority refuses, in words for the owner. */
#ifndef ACME_SENTENCE_H
#define ACME_SENTENCE_H

#include "acme/answer.h"

/* name: what it is about; "": nothing in particular.  status: of HTTP; way: in
 * which the name was to be proved. */
void acme_sentence(const struct acme_problem *p, unsigned status,
    enum acme_way way, const char *name, char out[ERR_TEXT_MAX]);

#endif
