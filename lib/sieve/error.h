/* Inside lib/sieve only: errors, with what is quoted in them made safe. */
#ifndef SIEVE_ERROR_H
#define SIEVE_ERROR_H

#include <stdarg.h>

#include "sieve/script.h"

void sieve_error_add(struct sieve_errors *errors, unsigned line,
    unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Into size bytes; what does not fit is cut between characters. */
void sieve_error_text(char *out, size_t size, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
/* Text of a script or a message, to be shown: without line breaks and control
 * characters, cut to fit. */
#define SIEVE_QUOTE_MAX 104
struct sieve_quote {
	char text[SIEVE_QUOTE_MAX];
};
const char *sieve_quote(struct sv s, struct sieve_quote *q);
#define QUOTE(s) sieve_quote((s), &(struct sieve_quote){{0}})

#endif
