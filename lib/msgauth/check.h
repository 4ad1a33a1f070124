/*
 * The whole judgement of one message that came in: iprev, SPF, DKIM, ARC,
 * DMARC.  Pure: the DNS is a table of questions (lookup.h), the time an
 * argument: when the message was received, not when it is evaluated.
 *
 *   c = check_new(&envelope);
 *   check_header(c, header);    all of it, once; may go away afterwards
 *   check_body(c, bytes);       as it comes, behind the empty line
 *   check_end(c);               no more bytes
 *   while (check_evaluate(c) == RC_MORE)
 *           ... see lookup.h ...
 *   check_result(c), check_authres(c, id, out)
 *   check_free(&c)
 *
 * check_evaluate may be called at any time: iprev and SPF of HELO and MAIL FROM
 * are under way before there is a header, the author's policy and the keys
 * before there is a body.  It says RC_OK only after check_end.
 *
 * A message without a header (refused, or given up) is freed at any point.
 *
 * What is to be done with it is the caller's: refuse if author is not
 * DMARC_AUTHOR_ONE; defer, while that makes sense, if dmarc.result is
 * TEMPERROR, then deliver; else dmarc.disposition, unless a trusted ARC chain
 * vouches (check_arc_vouches) or one of the lists is known here, which are
 * overrides that are to be noted.
 */
#ifndef MSGAUTH_CHECK_H
#define MSGAUTH_CHECK_H

#include "msgauth/arc.h"
#include "msgauth/dkim_verify.h"
#include "msgauth/dmarc.h"
#include "msgauth/iprev.h"
#include "msgauth/list.h"
#include "msgauth/lookup.h"
#include "msgauth/spf.h"

#define CHECK_NAME_MAX 256

/* Copied. */
struct check_envelope {
	struct in6_addr peer; /* IPv4 as ::ffff:a.b.c.d */
	struct sv helo;
	struct sv sender;	/* plain local@domain; empty: the null sender */
	struct sv receiver;	/* our name */
	int64_t now;		/* seconds; when MAIL came */
	bool explain;		/* look up SPF's exp= */
	struct dkim_keys *keys; /* borrowed until check_free; or NULL */
};

struct check_result {
	struct in6_addr peer;
	struct iprev_outcome iprev;
	struct spf_outcome helo, mailfrom;
	bool null_sender;  /* mailfrom is postmaster@helo then */
	size_t ndkim;	   /* checked */
	size_t dkim_found; /* on the message */
	struct dkim_verdict dkim[DKIM_VERIFY_MAX];
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	/* The author, lower case; "": there is not exactly one address. */
	char author[LIST_ADDRESS_MAX];
	size_t nlist; /* mailing lists that it has really come through */
	struct list_name list[LIST_SOURCES];
};

struct check;

struct check *check_new(const struct check_envelope *e);
void check_free(struct check **c);
struct lookup *check_lookup(struct check *c);

void check_header(struct check *c, struct sv header);
void check_body(struct check *c, struct sv bytes);
/* RC_TEMP: OpenSSL failed. */
int check_end(struct check *c) RC_USE_RESULT;

/*
 * A message that was asked to come again is known by those of its signatures
 * that have an end: they are appended, none if there are none.  Our own
 * deferral is not to be what they expire in.  After check_header; the time,
 * in seconds, is that of the first try, before check_end.
 */
void check_expiring(const struct check *c, struct buf *out);
void check_first_seen(struct check *c, int64_t first);

int check_evaluate(struct check *c) RC_USE_RESULT;

/* After RC_OK; valid until check_free. */
const struct check_result *check_result(const struct check *c);
/* The author's domain, known after check_header. */
enum dmarc_author check_author(const struct check *c);

bool check_arc_vouches(
    const struct check *c, arc_trusted_fn *trusted, void *arg);

/* Appends the field, with its name and line end, or bare as authres_begin has
 * it, for ARC's copy. */
void check_authres(
    const struct check_result *r, const char *id, bool bare, struct buf *out);
/* What was done in spite of the author's policy, and by whose word: noted with
 * the result of DMARC. */
struct check_override {
	const char *name;     /* "mailing_list" ... */
	const char *property; /* "list", "sealer" */
	const char *value;    /* "": nobody's */
};
/* o may be NULL. */
void check_authres_noted(const struct check_result *r,
    const struct check_override *o, const char *id, struct buf *out);

#endif
