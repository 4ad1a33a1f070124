/*
 * The DNS records that a server publishes, and whether they are there: pure.
 * `hearthmail dns` finds out addresses and keys, makes the list, looks each
 * name up and has it judged here.
 *
 *   MX        each domain's mail comes to this host
 *   A, AAAA   where this host is
 *   SPF       that it, and nobody else, sends for the domain [RFC 7208]
 *   DKIM      the keys that its signatures are checked with [RFC 6376, 8463]
 *   DMARC     what is to be done with mail that fails both [RFC 7489]
 *   SRV       where mail programs find it by themselves [RFC 6186, 8314]
 *   PTR       that its address has its name: only who gives the address can
 *             set that, and many hosts refuse mail without
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "conf/conf.h"
#include "dns/dns.h"

enum publish_kind {
	PUBLISH_MX,
	PUBLISH_ADDRESS,
	PUBLISH_SPF,
	PUBLISH_DKIM,
	PUBLISH_DMARC,
	PUBLISH_SRV,
	PUBLISH_PTR
};

enum publish_state {
	PUBLISH_UNKNOWN, /* not asked, or no answer */
	PUBLISH_RIGHT,
	PUBLISH_MISSING,
	PUBLISH_DIFFERENT
};

struct publish {
	enum publish_kind kind;
	enum dns_type type;
	const char *domain; /* whose, in the configuration; NULL: the host's */
	char name[DNS_NAME_MAX];
	struct buf value; /* of TXT the text, else as in a zone file; empty: it
			     cannot be known here what it should be */
	bool advice;	  /* all is well without it */
	bool lookup;	  /* it can be asked for */
	enum publish_state state;
	struct buf found; /* what is there, printable */
	struct buf words; /* for a person; empty: nothing to say */
};

struct publish_list {
	struct publish *p;
	size_t n, cap;
};

/* Of this machine: address has all but the loopback's and the links'. */
struct publish_host {
	const char *hostname;
	const struct in6_addr *address;
	size_t naddress;
};

/* Can nobody outside reach it? [RFC 1918, 6598, 4193, 3927] */
bool publish_is_private(const struct in6_addr *a);

/* A, AAAA and PTR. */
void publish_add_host(struct publish_list *l, const struct publish_host *h);
/* The rest.  dkim: lines "SELECTOR TEXT"; empty: they cannot be had, and why
 * says so. */
void publish_add_domain(struct publish_list *l, const struct conf *c,
    const char *domain, struct sv dkim, const char *why);
void publish_list_fini(struct publish_list *l);

/* Sets state, found and words. */
void publish_judge(struct publish *p, const struct publish_host *h,
    const struct dns_answer *a);

/* The record as a line of a zone file, without a line end; texts in strings of
 * at most 255 bytes [RFC 1035 3.3]. */
void publish_zone_line(const struct publish *p, struct buf *out);
const char *publish_type_name(const struct publish *p);
/* Where others send their reports about a domain, of DMARC and of TLS
 * [RFC 9990, 8460]: appends the address. */
void publish_report_address(const char *domain, struct buf *out);
const char *publish_state_name(enum publish_state s);

#endif
