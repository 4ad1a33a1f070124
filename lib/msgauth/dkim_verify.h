/*
 * Checking DKIM signatures [RFC 6376 6, 8301, 8463].
 *
 *   v = dkim_verify_new(fields, bodies, author);
 *   ... the body goes by, bodies_end ...
 *   while (dkim_verify_evaluate(v, bodies, lookup, now) == RC_MORE)
 *           ... more answers ...
 *   dkim_verify_get(v, i) for i < dkim_verify_count(v)
 *
 * The header is hashed by the first call; it may go away afterwards.
 *
 * What is checked of 1,000 signatures are DKIM_VERIFY_MAX: those whose d= is
 * the author's domain, above or below it first, then the others, from the top.
 * A signature field above DKIM_FIELD_MAX bytes is not read.
 *
 * Reported, but not trusted (AUTH_POLICY): any signature with l=, for the
 * body may have grown [RFC 6376 8.2]; one that has expired, or was made in the
 * future, with DKIM_DRIFT seconds allowed.  What had not expired when it came
 * first and was asked to come again has not [RFC 6376 3.5].  A key with t=y has
 * its failures reported as "neutral", as if there were no signature [RFC
 * 6376 3.6.1].
 */
#ifndef MSGAUTH_DKIM_VERIFY_H
#define MSGAUTH_DKIM_VERIFY_H

#include "msgauth/bodies.h"
#include "msgauth/dkim_record.h"
#include "msgauth/fieldset.h"
#include "msgauth/lookup.h"
#include "msgauth/result.h"

#define DKIM_VERIFY_MAX	 10
#define DKIM_FIELD_MAX	 32768
#define DKIM_NAMES_MAX	 1000 /* in h= */
#define DKIM_DRIFT	 300
#define DKIM_RECORDS_MAX 4 /* keys tried of one name */

struct dkim_verdict {
	enum auth_result result; /* AUTH_NONE never */
	enum dkim_reason reason;
	bool testing; /* t=y in the key */
	bool algorithm_known;
	enum dkim_algorithm algorithm;
	unsigned bits;		     /* of an RSA key; 0: unknown */
	char domain[DNS_NAME_MAX];   /* d=, A-labels; "": unreadable */
	char selector[DNS_NAME_MAX]; /* s=, A-labels; "": unreadable */
	char b[9];		     /* the first bytes of b= [RFC 6008]; "" */
	int64_t signed_at, expires;  /* t=, x=; 0: not there */
	bool has_length;
	uint64_t length; /* l= */
	bool body_matches;
	bool signs_list_id, signs_list_post; /* that field is covered */
};

/*
 * ---- one signature field, for DKIM and ARC ----
 *
 * What of it is read and hashed before the body comes.
 */
enum dkim_field_kind {
	DKIM_FIELD_DKIM,
	DKIM_FIELD_AMS, /* ARC-Message-Signature [RFC 8617 4.1.2] */
	DKIM_FIELD_AS	/* ARC-Seal: without a body and h= [RFC 8617 4.1.3] */
};

struct dkim_signed;

/*
 * Reads the field; keys are borrowed, or NULL.  Never NULL: a field that is
 * wrong has its verdict already. The hash of the header is made from fields
 * (not for an AS, see dkim_signed_set_hash), and bodies is told what is wanted.
 */
struct dkim_signed *dkim_signed_new(const struct mail_field *f,
    enum dkim_field_kind kind, struct fieldset *fields, struct bodies *bodies,
    struct dkim_keys *keys);
void dkim_signed_free(struct dkim_signed **s);
/* b=, with blanks around, as a slice of the field that it was made of. */
struct sv dkim_signed_b(const struct dkim_signed *s);
void dkim_signed_set_hash(struct dkim_signed *s, const uint8_t hash[DKIM_HASH]);
/* Appends b= if the signature has an end (x=). */
void dkim_signed_expiring(const struct dkim_signed *s, struct buf *out);
/* It has come before, then, in seconds: no later time ends it. */
void dkim_signed_first_seen(struct dkim_signed *s, int64_t first);
/* RC_OK: s's verdict is made; RC_MORE: the key is not there yet.  bodies: NULL
 * for an AS. */
int dkim_signed_evaluate(struct dkim_signed *s, const struct bodies *bodies,
    struct lookup *l, enum lookup_part part, int64_t now) RC_USE_RESULT;
const struct dkim_verdict *dkim_signed_verdict(const struct dkim_signed *s);

/* ---- all of a message ---- */

struct dkim_verify;

/* author: the domain in From, or empty.  keys: borrowed, or NULL. */
struct dkim_verify *dkim_verify_new(struct fieldset *fields,
    struct bodies *bodies, struct sv author, struct dkim_keys *keys);
void dkim_verify_free(struct dkim_verify **v);
/* Of each signature, as above. */
void dkim_verify_expiring(const struct dkim_verify *v, struct buf *out);
void dkim_verify_first_seen(struct dkim_verify *v, int64_t first);
int dkim_verify_evaluate(struct dkim_verify *v, const struct bodies *bodies,
    struct lookup *l, int64_t now) RC_USE_RESULT;
size_t dkim_verify_count(const struct dkim_verify *v);
/* All signatures that the header has. */
size_t dkim_verify_found(const struct dkim_verify *v);
const struct dkim_verdict *dkim_verify_get(
    const struct dkim_verify *v, size_t i);

#endif
