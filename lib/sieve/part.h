/* Inside lib/sieve only. */
#ifndef SIEVE_PART_H
#define SIEVE_PART_H

#include "mime/mime.h"

/* The first part that is not below part i (nor itself). */
uint32_t sieve_part_end(const struct mime_msg *m, uint32_t i);

#endif
