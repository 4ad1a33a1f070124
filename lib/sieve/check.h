/*
 * Inside lib/sieve only: what commands' own checks have in common.  check.c
 * has the general one.
 */
#ifndef SIEVE_CHECK_H
#define SIEVE_CHECK_H

#include "sieve/script.h"

/* Will the next error be shown?  Looking for the word that was meant takes
 * longer than all else. */
bool sieve_check_suggests(const struct sieve_check *c);

/* Adds an error at a value, the command itself, or in it; always false. */
bool sieve_check_fail(struct sieve_check *c, const struct sieve_value *at,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool sieve_check_fail_at(struct sieve_check *c, const struct sieve_node *n,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool sieve_check_fail_in(struct sieve_check *c, const struct sieve_string *s,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sieve_check_warn(struct sieve_check *c, const struct sieve_node *n,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The values of a tag; NULL: it is not there. */
const struct sieve_bound *sieve_bound(
    const struct sieve_node *n, enum sieve_tag t);
const struct sieve_value *sieve_tag_value(
    const struct sieve_node *n, enum sieve_tag t);
bool sieve_has_tag(const struct sieve_node *n, enum sieve_tag t);

/* None of them has a variable, or an error: "%s must be given as it is". */
bool sieve_check_constant(
    struct sieve_check *c, const struct sieve_value *v, const char *what);

/* Each string that has no variable is accepted by ok, or an error: "\"%s\" is
 * not %s". */
bool sieve_check_each(struct sieve_check *c, const struct sieve_value *v,
    bool (*ok)(struct sv s), const char *what);

/* Remembers a compiled expression, to be freed with the script. */
void sieve_script_own_regex(struct sieve_script *s, void *regex);

#endif
