/*
 * DMARC [RFC 9989]: is the domain in From one that SPF or DKIM has confirmed,
 * and what does its owner want done if not?
 *
 * Organisational domains are found by walking the DNS up [RFC 9989 4.10], for
 * the author and for each identifier by itself; there is no list of public
 * suffixes.
 *
 * A DNS failure matters only where the answer could have made the message
 * pass: an identifier can be aligned only within the author's organisational
 * domain, so a signature of another domain whose servers are silent changes
 * nothing, and buys nothing.
 */
#ifndef MSGAUTH_DMARC_H
#define MSGAUTH_DMARC_H

#include "msgauth/fieldset.h"
#include "msgauth/lookup.h"
#include "msgauth/name.h"
#include "msgauth/result.h"

/* ---- the author ---- */

enum dmarc_author {
	DMARC_AUTHOR_ONE,    /* one domain: all else is to be refused */
	DMARC_AUTHOR_NONE,   /* no From field */
	DMARC_AUTHOR_FIELDS, /* several, or more fields than FIELDSET_MAX */
	DMARC_AUTHOR_SYNTAX, /* no address in it, or one at a literal only */
	/* Something at a domain that is not a name, or not an address: what
	 * others read into it cannot be told. */
	DMARC_AUTHOR_UNCLEAR,
	DMARC_AUTHOR_TOO_MANY, /* more fields than are looked at */
	DMARC_AUTHOR_DOMAINS   /* several domains [RFC 9989 5.3.1, 11.5] */
};

/*
 * The author's domain: of one From field, in which all addresses have the same
 * domain.  Quoted strings, comments, groups and encoded words are read as
 * RFC 5322 has them; where several programs could read different addresses all
 * of them count.  U-labels and A-labels of one name are the same.
 */
enum dmarc_author dmarc_author(
    const struct fieldset *fields, char out[DNS_NAME_MAX]);

/* ---- the record ---- */

enum dmarc_policy {
	DMARC_P_NONE,
	DMARC_P_QUARANTINE,
	DMARC_P_REJECT
};

/* "none" ... */
const char *dmarc_policy_name(enum dmarc_policy p);

#define DMARC_URIS_MAX 1024

struct dmarc_record {
	enum dmarc_policy p, sp, np; /* sp, np: with their defaults */
	bool has_np; /* np differs from sp: it matters who exists */
	bool usable; /* false: no policy, only good for the walk */
	bool strict_dkim, strict_spf;
	bool testing; /* t=y */
	char psd;     /* 'y', 'n', 'u' */
	char fo[16];  /* "0" */
	/* Lists of URIs with commas; whole ones, as many as fit. */
	char rua[DMARC_URIS_MAX], ruf[DMARC_URIS_MAX];
};

/*
 * RC_SYNTAX: it is not a DMARC record, v= is not the first tag or another.
 * Errors in the rest are left out [RFC 9989 4.8]: a bad p, sp or np makes the
 * policy "none" if there is a usable rua, else the record unusable
 * [RFC 9989 4.10.1].  pct is ignored.
 */
int dmarc_record_parse(struct sv text, struct dmarc_record *out) RC_USE_RESULT;

/* ---- the walk ---- */

#define DMARC_WALK_MAX 8

struct dmarc_walk {
	bool failed; /* a DNS failure: the rest is not known */
	char org[DNS_NAME_MAX];
	bool has_own; /* a record at the name itself */
	struct dmarc_record own;
	bool has_org; /* one at the organisational domain */
	struct dmarc_record at_org;
	bool has_psd; /* one with psd=y above */
	struct dmarc_record at_psd;
	char psd[DNS_NAME_MAX];
};

/* name: as of name_ascii.  All names of the walk are asked for at once.
 * RC_OK or RC_MORE. */
int dmarc_walk(struct lookup *l, enum lookup_part part, struct sv name,
    struct dmarc_walk *out) RC_USE_RESULT;

/* ---- the judgement ---- */

/* What SPF or DKIM says of a domain. */
struct dmarc_identifier {
	struct sv domain;	 /* as of name_ascii */
	enum auth_result result; /* PASS, TEMPERROR; all else is a failure */
	bool pending;		 /* not known yet */
};

struct dmarc_outcome {
	/* NONE: there is no policy; PASS; FAIL; TEMPERROR: the policy must not
	 * be applied; PERMERROR: there is not one author domain */
	enum auth_result result;
	enum dmarc_author author;
	char domain[DNS_NAME_MAX]; /* the author's */
	char org[DNS_NAME_MAX];	   /* its organisational domain; "": unknown */
	char policy_domain[DNS_NAME_MAX]; /* where the record is; "": none */
	enum dmarc_policy published; /* the one that applies: p, sp or np */
	/* What to do with this message: one step less than published with
	 * t=y; NONE unless the result is FAIL. */
	enum dmarc_policy disposition;
	bool spf_aligned;	    /* and passed */
	bool dkim_aligned;	    /* and passed */
	unsigned dkim_which;	    /* the first signature that is */
	struct dmarc_record record; /* if policy_domain is not empty */
};

/* spf: of MAIL FROM.  RC_OK or RC_MORE.  The author's questions are asked at
 * once, whatever is pending. */
int dmarc_evaluate(struct lookup *l, enum dmarc_author author,
    struct sv author_domain, const struct dmarc_identifier *spf,
    const struct dmarc_identifier *dkim, size_t ndkim,
    struct dmarc_outcome *out) RC_USE_RESULT;

#endif
