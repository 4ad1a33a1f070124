/*
 * The DNS records that a server publishes, and whether they are there: pure.
 * `hearthmail dns` finds out addresses and keys, makes the list, asks the
 * questions of each entry and has it judged here.
 *
 *   MX        each domain's mail comes to this host
 *   A, AAAA   where this host is
 *   PTR       that an address has a name which leads back to it: only the
 *             provider of the address can set it, and many hosts refuse mail
 *             without it
 *   SPF       that this host sends for the domain [RFC 7208]
 *   DKIM      the keys that its signatures are checked with [RFC 6376, 8463]
 *   DMARC     what is to be done with mail that fails both [RFC 9989]
 *   SRV       where mail programs find it by themselves [RFC 6186, 8314]
 *   TLSRPT    where others report failures of TLS [RFC 8460]
 *   TLSA      the certificate's key, where DNSSEC protects it [RFC 7672], and
 *             the one that follows [RFC 7671 8.1]
 *
 * and what only is looked at: MTA-STS, CAA, autoconfig names, whether a zone is
 * signed, block lists, and port 25.
 *
 * What is printed to be published is found right when it is published as it
 * was printed.
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "conf/conf.h"
#include "dns/dns.h"
#include "msgauth/lookup.h"

enum publish_kind {
	PUBLISH_MX,
	PUBLISH_ADDRESS,
	PUBLISH_SPF,
	PUBLISH_DKIM,
	PUBLISH_DMARC,
	PUBLISH_SRV,
	PUBLISH_PTR,
	PUBLISH_TLSRPT,
	PUBLISH_TLSA,
	PUBLISH_NEXT_TLSA, /* of a key that is not in use yet */
	PUBLISH_MTA_STS,
	PUBLISH_CAA,
	PUBLISH_AUTOCONFIG,
	PUBLISH_DNSSEC,
	PUBLISH_BLOCK_LIST,
	PUBLISH_PORT_25
};

enum publish_state {
	PUBLISH_UNKNOWN, /* not asked, or no answer */
	PUBLISH_RIGHT,
	PUBLISH_MISSING,
	PUBLISH_DIFFERENT
};

/* Of a DKIM key. */
enum publish_key {
	PUBLISH_KEY_ACTIVE,
	PUBLISH_KEY_NEXT, /* not in use before all name servers have it */
	PUBLISH_KEY_OLD	  /* not in use, but mail on its way has it */
};

/* Whether others already see what the zone's own servers have. */
enum publish_world {
	PUBLISH_WORLD_UNASKED,
	PUBLISH_WORLD_SAME,
	PUBLISH_WORLD_OLD, /* a shared resolver still has something else */
};

struct publish {
	enum publish_kind kind;
	enum dns_type type;
	const char *domain; /* whose, in the configuration; NULL: the host's */
	char name[DNS_NAME_MAX];
	struct in6_addr ip;		    /* of ADDRESS, PTR, BLOCK_LIST */
	const struct conf_block_list *list; /* of BLOCK_LIST */
	const struct conf_mta_sts *policy;  /* of MTA_STS; NULL: none of ours */
	struct buf value; /* of TXT the text, else as in a zone file; empty:
			     it cannot be known here what it should be */
	enum publish_key key;
	bool advice;	  /* all is well without it */
	bool hint;	  /* it never is an error */
	bool ours;	  /* of AUTOCONFIG: this server answers there */
	bool lookup;	  /* it can be asked for */
	struct lookup *q; /* what is asked, and the answers */
	enum publish_state state;
	bool elsewhere; /* another entry is to be mended, not this one */
	bool warn;	/* it is right, and words says what could be better */
	enum dns_security security; /* of the answer, if state is known */
	uint32_t ttl;
	unsigned spf_lookups, spf_depth; /* of SPF */
	struct buf found;		 /* what is there, printable */
	struct buf words; /* for a person; empty: nothing to say */
	enum publish_world world;
	struct buf servers; /* what a zone's own name servers disagree about */
};

struct publish_list {
	struct publish *p;
	size_t n, cap;
};

/* In the order of the file: the first is the host's own. */
#define PUBLISH_CERTIFICATES 8

struct publish_certificate {
	struct sv der, spki; /* the whole, its SubjectPublicKeyInfo */
};

#define PUBLISH_SENDERS 8

struct publish_host {
	const char *hostname;
	/* Of this machine, at which mail is received or from which it leaves:
	 * without the loopback's and the links'. */
	const struct in6_addr *address;
	size_t naddress;
	/* Those that mail leaves from, as others see them. */
	struct in6_addr sender[PUBLISH_SENDERS];
	size_t nsender;
	const struct conf_relay
	    *relay; /* all mail leaves through it; or NULL */
	struct publish_certificate certificate[PUBLISH_CERTIFICATES];
	size_t ncertificate;
	/* Of the key that the next certificate has, as TLSA 3 1 1 has it: its
	 * hash in hexadecimal digits; "": the same key. */
	char next_key[65];
	bool unvalidated; /* nothing is known of DNSSEC */
	const char *ca;	  /* whom a CAA record must name; NULL: not known */
};

/* Does mail leave from there, and is not passed on to a smarthost? */
bool publish_is_sender(const struct publish_host *h, const struct in6_addr *a);
/* Can nobody outside reach it? [RFC 1918, 6598, 4193, 3927] */
bool publish_is_private(const struct in6_addr *a);

/* A and AAAA: to be judged first, for they tell which addresses mail leaves
 * from where the machine has only private ones. */
void publish_add_host(struct publish_list *l, const struct publish_host *h);
/* Completes h->sender from what is published. */
void publish_find_senders(const struct publish_list *l, struct publish_host *h);
/* PTR of the senders, and the rest about the host. */
void publish_add_senders(
    struct publish_list *l, const struct publish_host *h, const struct conf *c);
/* What a domain needs.  dkim: lines "SELECTOR STATE TEXT", states as in
 * auth/ring.h ("active", "announced", "retiring"); empty: they cannot be had,
 * and why says so. */
void publish_add_domain(struct publish_list *l, const struct conf *c,
    const char *domain, struct sv dkim, const char *why);
/* A large receiver, whose hosts are to be tried on port 25: not judged here. */
void publish_add_receiver(struct publish_list *l, const char *domain);
void publish_list_fini(struct publish_list *l);

/*
 * Sets state, found and words.  RC_MORE: the questions that are open in p->q
 * are to be answered first, or given up with lookup_expire().
 */
int publish_judge(
    struct publish *p, const struct publish_host *h) RC_USE_RESULT;

/* Judges it as if this were the answer to its own question, as far as that can
 * be told without asking for more. */
void publish_judge_answer(struct publish *p, const struct publish_host *h,
    const struct dns_answer *a);
/* Would it be right then? */
bool publish_would_be_right(const struct publish *p,
    const struct publish_host *h, const struct dns_answer *a);

/* Is it wrong, or missing and needed? */
bool publish_is_trouble(const struct publish *p);
/* Is it a record that could be pasted now to mend what is missing or wrong? */
bool publish_is_record(const struct publish *p);

/* Do two answers to p's own question have the same records, in whatever order?
 * Of texts only those count that are what p is. */
bool publish_same_answer(const struct publish *p, const struct dns_answer *a,
    const struct dns_answer *b);

/* ---- the whole ---- */

enum publish_answer {
	PUBLISH_NO,
	PUBLISH_YES,
	PUBLISH_MAYBE /* no answer to what decides it */
};

struct publish_verdict {
	enum publish_answer reached;	      /* can others send to it? */
	enum publish_answer believed;	      /* and believe what it sends? */
	struct buf why_reached, why_believed; /* what is in the way */
};

/* Of a domain; the host's entries count for each. */
void publish_sum_up(const struct publish_list *l, const char *domain,
    struct publish_verdict *out);
void publish_verdict_fini(struct publish_verdict *v);

/* ---- as text ---- */

/* The record as a line of a zone file, without a line end; texts in strings of
 * at most 255 bytes [RFC 1035 3.3]. */
void publish_zone_line(const struct publish *p, struct buf *out);
/* The same in a file of the owner's zones: what is not in them is a comment. */
void publish_file_line(const struct publish *p, struct buf *out);
const char *publish_type_name(const struct publish *p);
/* What people call it: "SPF", "block list". */
const char *publish_kind_name(const struct publish *p);
const char *publish_state_name(enum publish_state s);
/* Where others send their reports about a domain, of DMARC and of TLS
 * [RFC 9990, 8460]: appends the address. */
void publish_report_address(const char *domain, struct buf *out);

#endif
