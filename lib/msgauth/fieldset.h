/*
 * The fields of a header by their names, as signatures take them: the last one
 * of a name first, and each only once [RFC 6376 5.4.2].  Finding one costs the
 * logarithm of their number, whatever the names are.
 */
#ifndef MSGAUTH_FIELDSET_H
#define MSGAUTH_FIELDSET_H

#include "mail/field.h"

struct fieldset;

/* The header stays the caller's and must outlive the set.  Above
 * FIELDSET_MAX fields only the first ones are in it. */
#define FIELDSET_MAX 20000
struct fieldset *fieldset_new(struct sv header);
void fieldset_free(struct fieldset **s);

size_t fieldset_count(const struct fieldset *s);
/* Were there more? */
bool fieldset_is_cut(const struct fieldset *s);
/* In the order of the header. */
const struct mail_field *fieldset_at(const struct fieldset *s, size_t i);

/* Begins to take fields for a signature. */
void fieldset_rewind(struct fieldset *s);
/* The next one of that name from the end, or NULL: no more are there. */
const struct mail_field *fieldset_take(struct fieldset *s, struct sv name);

#endif
