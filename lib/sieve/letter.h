/*
 * Inside lib/sieve only: the letters that are sent.  Whatever comes from the
 * message or from variables is cleaned, so that it cannot begin a field of its
 * own.
 */
#ifndef SIEVE_LETTER_H
#define SIEVE_LETTER_H

#include "sieve/run.h"

/* "Name: value" with CRLF: folded, characters beyond ASCII as encoded words. */
void sieve_put_field(struct buf *out, const char *name, struct sv value);
/* The same for what a script says: it may have encoded words already, and lines
 * that fold. */
void sieve_put_written(struct buf *out, const char *name, struct sv value);
/* The same for a value with addresses, whose names alone are encoded. */
void sieve_put_addresses(struct buf *out, const char *name, struct sv value);
/* MIME fields, the empty line, and the text; as quoted-printable if it must be.
 */
void sieve_put_text(struct buf *out, struct sv text);
/* A MIME entity: of its fields only Content-..., the empty line, the body. */
void sieve_put_entity(struct buf *out, struct sv entity);
/* Text with CRLF at the end of every line. */
void sieve_put_lines(struct buf *out, struct sv text);

/* Date and Message-ID.  The latter is the same for the same message and time,
 * so that nothing is sent twice as two. */
void sieve_put_stamp(struct sieve_run *r, struct buf *out, struct sv salt);
/* In-Reply-To and References [RFC 5322 3.6.4]. */
void sieve_put_thread(struct sieve_run *r, struct buf *out);

/* The first field of that name, decoded; in scratch; empty if there is none. */
struct sv sieve_first_field(struct sieve_run *r, struct sv name);
/* The host's name, or a part of an own address. */
void sieve_host_name(struct sieve_run *r, struct buf *out);

/* Hashes parts, each with its length. */
void sieve_key(unsigned char key[SIEVE_KEY_BYTES], const char *what,
    const struct sv *part, size_t n);

/* May this message be answered at all: its sender is a person, it is not from a
 * list, not an answer by itself [RFC 3834 2, 5230 4.6]?  NULL, or why not. */
const char *sieve_why_no_answer(struct sieve_run *r);

#endif
