/* Lines for people. */
#ifndef ACME_NOTE_H
#define ACME_NOTE_H

#include <stdint.h>

#include "base/buf.h"

#define ACME_TIME_MAX 32

/* Appends a line; one that does not fit is left out whole. */
void acme_note(struct buf *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "2026-08-20 09:12 UTC", of seconds since 1970. */
void acme_print_time(int64_t s, char out[ACME_TIME_MAX]);

#endif
