/* Inside lib/sandbox only. */
#ifndef SANDBOX_PRIV_H
#define SANDBOX_PRIV_H

#include "sandbox/sandbox.h"

/* ---- landlock.c ---- */

/* The ABI in force for max (see sandbox_opts), 0 if there is none. */
int landlock_abi(int max);
int landlock_enter(
    const struct sandbox_profile *p, int abi, struct err *err) RC_USE_RESULT;

/* ---- filter.c ---- */

int seccomp_enter(const struct sandbox_profile *p, bool kill_unknown,
    struct err *err) RC_USE_RESULT;

#endif
