/* Inside lib/sieve only. */
#ifndef SIEVE_COMPILE_H
#define SIEVE_COMPILE_H

#include "sieve/run.h"

/* ---- check.c ---- */

/* Checks what has been parsed; adds errors. */
void sieve_check_script(struct sieve_script *s, struct sieve_errors *errors,
    struct sieve_errors *warnings);

/* ---- paths.c ---- */

/* Redirects that are too many for certain are errors, others a warning. */
void sieve_check_redirects(struct sieve_check *c);

/* ---- compile.c ---- */

/* For run.compile: with the limits of the run. */
int sieve_compile_included(struct sieve_run *r, struct sv text, struct sv name,
    struct sieve_script **out, struct sieve_errors *errors);

#endif
