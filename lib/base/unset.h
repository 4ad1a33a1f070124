/*
 * For large local variables that are written before they are read.  The
 * compiler sets all others to zero (-ftrivial-auto-var-init), which for ten
 * kilobytes costs more than what is done with them.
 */
#ifndef BASE_UNSET_H
#define BASE_UNSET_H

#if defined __has_attribute && __has_attribute(uninitialized)
#define UNSET __attribute__((uninitialized))
#else
#define UNSET
#endif

#endif
