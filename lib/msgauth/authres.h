/*
 * The field Authentication-Results [RFC 8601]: writing ours, reading others,
 * and taking forged ones out.  Pure.
 *
 *   authres_begin(&w, &out, "mx.example.org");
 *   authres_method(&w, "spf", AUTH_PASS, NULL);
 *   authres_prop(&w, "smtp", "mailfrom", domain);
 *   authres_end(&w);
 *
 * Nothing that comes from outside can break out of its value: it is written as
 * it is if it is a token, a domain or an address, else quoted; with control
 * characters, bytes above 127, or above AUTHRES_VALUE_MAX bytes it is left
 * out, with its name.
 */
#ifndef MSGAUTH_AUTHRES_H
#define MSGAUTH_AUTHRES_H

#include "base/buf.h"
#include "msgauth/result.h"

#define AUTHRES_VALUE_MAX   320
#define AUTHRES_METHODS_MAX 50

struct authres_writer {
	struct buf *out;
	size_t column;
	unsigned methods;
	bool bare;
};

/* The name of the field and the authserv-id.  bare: only the id, as it follows
 * "i=1; " in ARC-Authentication-Results. */
void authres_begin(
    struct authres_writer *w, struct buf *out, const char *id, bool bare);
/* reason: a few words, or NULL. */
void authres_method(struct authres_writer *w, const char *method,
    enum auth_result result, const char *reason);
void authres_prop(struct authres_writer *w, const char *ptype,
    const char *property, struct sv value);
/* " name=value"; and the value alone: false, and nothing, if it is left out. */
void authres_pair(struct authres_writer *w, const char *name, struct sv value);
bool authres_value(struct sv value, struct buf *out);
/* "none" if there was no method; the line's end unless bare. */
void authres_end(struct authres_writer *w);

/* ---- reading ---- */

/* Values without quotes and comments; valid until the next call. */
struct authres_item {
	struct sv method, result;
	struct sv reason; /* p == NULL: none */
};

struct authres_reader {
	struct sv rest;
	struct buf id, text;
	uint64_t version; /* 1 if none is given */
	bool none;	  /* "none": nothing was checked */
	bool in_item;
};

/* value: of the field.  RC_SYNTAX: there is no authserv-id. */
int authres_reader_init(
    struct authres_reader *r, struct sv value) RC_USE_RESULT;
void authres_reader_fini(struct authres_reader *r);
/* The next result; RC_EOF at the end, RC_SYNTAX: what follows is not read. */
int authres_next(
    struct authres_reader *r, struct authres_item *out) RC_USE_RESULT;
/* Its next property; RC_EOF at the end of them.  ptype is empty where there is
 * none: a large provider writes "dmarc=pass action=none header.from=...". */
int authres_next_prop(struct authres_reader *r, struct sv *ptype,
    struct sv *property, struct sv *value) RC_USE_RESULT;

/* ---- forged ones ---- */

/*
 * Does the value of an Authentication-Results field claim to be from one of
 * these names, or can it not be told?  Compared without case, comments, quotes
 * and a last dot, U-labels as A-labels.  A version that is not 1 is taken for
 * ours [RFC 8601 5].
 */
bool authres_is_forged(struct sv value, const char *const *ids, size_t n);

/* What else only this server writes: whoever else did, lies. */
#define AUTHRES_JUNK_FIELD "X-Hearthmail-Junk"

/*
 * Appends the header without the forged ones and without fields
 * AUTHRES_JUNK_FIELD; all other bytes as they are.
 * Returns how many there were.
 */
size_t authres_strip(
    struct sv header, const char *const *ids, size_t n, struct buf *out);

#endif
