/* Inside lib/sieve only: what vacation, notify and replace have in common. */
#ifndef SIEVE_FCC_H
#define SIEVE_FCC_H

#include "sieve/run.h"

/* ---- fcc.c ---- */

/* :flags, :create and :specialuse belong to :fcc [RFC 8580 3]. */
bool sieve_check_fcc(struct sieve_check *c, const struct sieve_node *n);
/* Where the copy of a letter goes, if there is to be one. */
enum sieve_flow sieve_fcc_resolve(
    struct sieve_run *r, const struct sieve_node *n, struct sieve_action *a);

/* ---- vacation.c ---- */

/* :from, where it is constant, is a list of mailboxes. */
bool sieve_check_from(struct sieve_check *c, const struct sieve_node *n);
/* With :mime, that argument is a MIME entity. */
bool sieve_check_entity(
    struct sieve_check *c, const struct sieve_node *n, size_t pos);

#endif
