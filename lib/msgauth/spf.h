/*
 * SPF [RFC 7208]: may this address send mail in the name of this domain?
 *
 * Read as follows where the RFC leaves a choice:
 *
 * - Void lookups are counted by term [RFC 7208 4.6.4]: an mx whose hosts have
 *   addresses of the other family only is void once, not once a host.  The
 *   third one is a permerror.
 * - A term whose target is not a domain name does not match [RFC 7208 4.8]; for
 *   include and redirect that is a permerror.
 * - %{p} counts as a term that asks the DNS.
 * - HELO that is a literal or has one label is "none", without a question.
 *
 * Work: ten terms ask the DNS, each of at most ten hosts, and the table has a
 * limit for each identity.  A record above SPF_RECORD_MAX bytes is a permerror.
 */
#ifndef MSGAUTH_SPF_H
#define MSGAUTH_SPF_H

#include "msgauth/lookup.h"
#include "msgauth/result.h"

#define SPF_TERMS_MAX  10
#define SPF_VOIDS_MAX  2
#define SPF_HOSTS_MAX  10
#define SPF_RECORD_MAX 16384
#define SPF_EXP_MAX    400

enum spf_problem {
	SPF_P_NONE,
	SPF_P_DNS,	 /* no answer */
	SPF_P_RECORDS,	 /* several records */
	SPF_P_SYNTAX,	 /* of a record */
	SPF_P_TERMS,	 /* more than ten that ask the DNS */
	SPF_P_VOIDS,	 /* more than two that found nothing */
	SPF_P_HOSTS,	 /* an mx with more than ten hosts */
	SPF_P_NO_RECORD, /* of an include or redirect */
	SPF_PROBLEMS
};

/* A few words in ASCII; "" for none. */
const char *spf_problem_text(enum spf_problem p);

/* What is asked; slices stay the caller's. */
struct spf_query {
	struct in6_addr ip; /* IPv4 as ::ffff:a.b.c.d */
	struct sv local;    /* of the sender; empty: postmaster */
	struct sv domain;   /* of the sender */
	struct sv helo;
	struct sv receiver; /* our name, for %{r}; empty: "unknown" */
	int64_t now;	    /* seconds, for %{t} */
	bool explain;	    /* look up what exp= says of a fail */
};

struct spf_outcome {
	enum auth_result result; /* not AUTH_POLICY */
	enum spf_problem problem;
	bool local_used;	   /* a record has asked for the local part */
	char domain[DNS_NAME_MAX]; /* lower case; "" if it is not a name */
	/* What the domain's owner has to say of a fail, printable ASCII; "" for
	 * nothing.  A third party's text: say so where it is shown. */
	char explanation[SPF_EXP_MAX];
};

/* RC_OK: *out is filled.  RC_MORE: ask the table's questions. */
int spf_check(const struct spf_query *q, struct lookup *l,
    enum lookup_part part, struct spf_outcome *out) RC_USE_RESULT;

/* ---- inside: spf_record.c, spf_macro.c ---- */

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS
};

struct spf_term {
	enum auth_result qualifier; /* PASS, FAIL, SOFTFAIL, NEUTRAL */
	enum spf_mechanism mechanism;
	struct sv spec;		   /* domain-spec; empty: none */
	struct in6_addr ip;	   /* of ip4 and ip6 */
	unsigned prefix4, prefix6; /* lengths; of ip6 the latter */
};

struct spf_record {
	struct sv rest;		 /* terms not yet read */
	struct sv redirect, exp; /* p == NULL: none */
	bool has_all;
};

/* Does the text of a TXT record begin with the version [RFC 7208 4.5]? */
bool spf_is_record(struct sv text);
/* Checks all of it; RC_SYNTAX: permerror. */
int spf_record_parse(struct sv text, struct spf_record *out) RC_USE_RESULT;
/* The next mechanism; false at the end. */
bool spf_record_next(struct spf_record *r, struct spf_term *out);

struct spf_macro {
	struct in6_addr ip;
	struct sv local, sender_domain, domain, helo, receiver, validated;
	int64_t now;
	bool exp; /* within an explanation: spaces, %{c} %{r} %{t} */
};

/* Is it a macro-string, or a domain-spec?  uses_p, uses_local are set if it has
 * such macros. */
bool spf_macro_valid(struct sv s, bool exp);
bool spf_spec_valid(struct sv s);
bool spf_macro_has(struct sv s, const char *letters);
/* Appends the expansion.  RC_SYNTAX, RC_TOOBIG. */
int spf_macro_expand(
    struct sv s, const struct spf_macro *m, struct buf *out) RC_USE_RESULT;

#endif
