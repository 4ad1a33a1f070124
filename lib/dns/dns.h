/*
 * The name service, as the other processes see it: a lookup is a question to
 * the dns process over a line (struct peer), which recurses and validates.
 * No process but that one sends a packet to a name server.
 *
 *   struct dns_answer a;
 *
 *   if (dns_query(dns, "example.org", DNS_MX, 20000, &a) == RC_OK)
 *           for (i = 0; i < a.n; i++)
 *                   if (dns_mx(a.record[i], &preference, host) == RC_OK)
 *                           ...
 *   dns_answer_fini(&a);
 *
 * Names are text without a dot at the end, in lower case in all answers; the
 * root is the empty string.  A name that is asked for consists of letters,
 * digits, hyphens and underscores: anything else is refused (RC_SYNTAX)
 * before it is asked, since no mail host is called so and since such bytes
 * have confused resolvers before.  Only names that others' rules make (the
 * macros of SPF) may have whatever is printable in their labels: dns_ask_any,
 * for types whose answers are addresses, text or hosts of mail.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ipc/line.h"

#define DNS_NAME_MAX 256 /* of text, with its NUL */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6, /* of it only the last field is whole */
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_TLSA = 52,
	DNS_CAA = 257
};

enum dns_security {
	DNS_INSECURE, /* nobody has signed it, or validation is off */
	DNS_SECURE,   /* signed, from the root on down */
	DNS_BOGUS     /* signed, and the signature is wrong or missing */
};

struct dns_answer {
	/*
	 * RC_OK        there it is; with n == 0 the name exists but has no
	 *              record of that type
	 * RC_NOTFOUND  the name does not exist (NXDOMAIN)
	 * RC_TEMP      SERVFAIL, the dns process is away, too many questions,
	 *              or bogus (then security says so)
	 * RC_TIMEOUT   no answer in the time that the caller gave
	 * RC_SYNTAX    it is not a name that could be asked for
	 *
	 * security counts with RC_OK and RC_NOTFOUND: that there is nothing
	 * can be proven, too.
	 */
	int rc;
	enum dns_security security;
	uint32_t ttl; /* seconds; the least of all records on the way */
	char canonical[DNS_NAME_MAX]; /* where CNAMEs led to */
	/* The data of each record in wire form, without compression, names in
	 * lower case; to be read with the functions below. */
	struct sv *record;
	size_t n;
	char *bytes; /* what record points into */
};

/* The answer is RC_TEMP without records: a beginning that may be freed. */
void dns_answer_init(struct dns_answer *a);
void dns_answer_fini(struct dns_answer *a);

/*
 * Asks and waits: for threads other than the loop's.  Fills *out whatever
 * happens, to be given back with dns_answer_fini, and returns out->rc.
 */
int dns_query(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, struct dns_answer *out) RC_USE_RESULT;

/* In the loop's thread.  *a may be moved out (and replaced by an empty one);
 * else it is freed afterwards. */
typedef void dns_done_fn(struct dns_answer *a, void *arg);

/*
 * Asks and returns: RC_OK, and fn is called exactly once, later, in the loop's
 * thread; or RC_SYNTAX for no name, and fn is not called.
 */
int dns_ask(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_done_fn *fn, void *arg) RC_USE_RESULT;

/* The same for a name with any printable bytes in its labels, of the types A,
 * AAAA, MX and TXT. */
int dns_ask_any(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_done_fn *fn, void *arg) RC_USE_RESULT;

/* ---- readers of one record; RC_SYNTAX if it is not such a record ---- */

/* Host names have letters, digits, hyphens and underscores only; others are
 * RC_SYNTAX here, for nobody can ask for them.  "" is the root: an MX to it
 * says that the domain takes no mail [RFC 7505 3], a SRV to it that the
 * service is not there [RFC 2782]. */
int dns_mx(struct sv record, uint16_t *preference_out,
    char host_out[DNS_NAME_MAX]) RC_USE_RESULT;

struct dns_srv {
	uint16_t priority, weight, port;
	char host[DNS_NAME_MAX];
};
int dns_srv(struct sv record, struct dns_srv *out) RC_USE_RESULT;

/* Of NS, CNAME, PTR. */
int dns_host(struct sv record, char host_out[DNS_NAME_MAX]) RC_USE_RESULT;

/* Of A (as ::ffff:a.b.c.d) and AAAA.  An AAAA that is an IPv4 address in
 * disguise is refused: it would get around rules about IPv4 addresses. */
int dns_addr(struct sv record, struct in6_addr *out) RC_USE_RESULT;

/* Appends the strings, joined without anything between [RFC 7208 3.3]. */
int dns_txt(struct sv record, struct buf *out) RC_USE_RESULT;

struct dns_tlsa {
	uint8_t usage, selector, matching; /* [RFC 6698 2.1] */
	struct sv data;			   /* points into the record */
};
int dns_tlsa(struct sv record, struct dns_tlsa *out) RC_USE_RESULT;

/* ---- names ---- */

/* In lower case, without a last dot; RC_SYNTAX if it cannot be asked for: see
 * above, and labels of 1 to 63 bytes, 253 in all [RFC 1035 2.3.4]. */
int dns_name_normalise(struct sv name, char out[DNS_NAME_MAX]) RC_USE_RESULT;

/* The same where the labels may have any printable bytes. */
int dns_name_any(struct sv name, char out[DNS_NAME_MAX]) RC_USE_RESULT;

/* The name of an address's PTR record: "1.2.0.192.in-addr.arpa". */
void dns_reverse(const struct in6_addr *a, char out[DNS_NAME_MAX]);

#endif
