/* Inside lib/sieve only: what parts of a message have in them. */
#ifndef SIEVE_BODY_H
#define SIEVE_BODY_H

#include "sieve/run.h"

/* What is shown of HTML, roughly: no marks, no scripts, entities decoded. */
void sieve_html_text(struct sv html, struct buf *out);
/* Of its Content-Type; false: it has none that can be read, and the default is
 * told. */
bool sieve_part_type(struct sv whole, const struct mime_part *p,
    struct sv *type, struct sv *sub);
/* Decoded; text as UTF-8. */
void sieve_part_content(
    struct sv whole, const struct mime_msg *msg, uint32_t i, struct buf *out);
/* The same; of HTML what is shown. */
void sieve_part_shown(
    struct sv whole, const struct mime_msg *msg, uint32_t i, struct buf *out);

#endif
