/* Inside lib/sieve only: the header fields that a test is about. */
#ifndef SIEVE_FIELDS_H
#define SIEVE_FIELDS_H

#include "mail/field.h"
#include "sieve/run.h"

struct sieve_loop {
	struct sieve_loop *up;
	struct sv name; /* of :name, p == NULL: none */
	uint32_t part;	/* of the message's structure */
	uint32_t top;	/* the part whose descendants it goes through */
	bool replaced;	/* it has another structure now */
};

/*
 * The fields with any of these names, in order of names, then as they are in
 * the message.  With :mime those of the part at hand, with :anychild also of
 * all below it [RFC 5703 4.1]; with :index only that one of all
 * of them [RFC 5260 6].  Lives in scratch.
 */
struct sieve_fields {
	struct sv *value; /* as in the message */
	size_t *name;	  /* which of the names */
	size_t n;
};
enum sieve_flow sieve_fields_find(struct sieve_run *r,
    const struct sieve_node *n, const struct sv *name, size_t nnames,
    struct sieve_fields *out);

/* A field's text: unfolded, decoded to UTF-8, without blanks around; in
 * scratch. */
struct sv sieve_field_text(struct sieve_run *r, struct sv value);

/* Checks :index, :last and the tags of "mime". */
bool sieve_check_fields(struct sieve_check *c, struct sieve_node *n);

#endif
