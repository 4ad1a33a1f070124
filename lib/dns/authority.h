/*
 * What each of a zone's own name servers says, past all caches: is a record
 * that somebody has just published there for all the world?  The dns process
 * does the asking (dns/direct.h); this is how others ask it for that.
 *
 *   struct dns_authority a;
 *
 *   if (dns_authority_query(dns, "sel._domainkey.example.org", DNS_TXT, 60000,
 *           &a) == RC_OK)
 *           for (i = 0; i < a.n; i++)
 *                   ... a.server[i].answer ...
 *   dns_authority_fini(&a);
 *
 * Neither a resolver that others share nor our own cache hears of the name: a
 * shared resolver that is asked too early remembers that there is nothing
 * [RFC 2308], and then those who use it do not see the record when it is there.
 * CNAMEs lead where they do for everybody.
 */
#ifndef DNS_AUTHORITY_H
#define DNS_AUTHORITY_H

#include "dns/dns.h"

#define DNS_AUTHORITY_SERVERS_MAX 52
#define DNS_AUTHORITY_ADDRESS_MAX 64 /* of the text */

/* One address of a name server: a server may have several, and each may say
 * something else. */
struct dns_authority_server {
	char name[DNS_NAME_MAX];
	/* Without a port; "": the server has none (answer.rc is RC_NOTFOUND:
	 * nobody can ask it), or none that can be found out now. */
	char address[DNS_AUTHORITY_ADDRESS_MAX];
	bool unroutable; /* no way leads there from here: no IPv6, say */
	/* As from dns_query; RC_TIMEOUT: it has not answered. */
	struct dns_answer answer;
};

struct dns_authority {
	/*
	 * RC_OK      the servers were found and asked; n > 0
	 * RC_TEMP    they could not be found out, or the dns process is away
	 *            or has too much to do
	 * RC_TIMEOUT no answer in the time that the caller gave
	 * RC_SYNTAX  it is not a name that could be asked for
	 */
	int rc;
	char zone[DNS_NAME_MAX]; /* the name's; "": not found */
	/* How long others may remember that there is nothing, in seconds, a day
	 * at most: the longest that any of the servers says, in its SOA or with
	 * a negative answer.  Counted as a day if none says it. */
	uint32_t negative_ttl;
	struct dns_authority_server *server;
	size_t n;
};

void dns_authority_init(struct dns_authority *a);
void dns_authority_fini(struct dns_authority *a);

/* As dns_query and dns_ask; a minute is a good time to give: dead servers are
 * waited for. */
int dns_authority_query(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, struct dns_authority *out) RC_USE_RESULT;
typedef void dns_authority_fn(struct dns_authority *a, void *arg);
int dns_authority_ask(struct peer *dns, const char *name, enum dns_type type,
    int64_t timeout_ms, dns_authority_fn *fn, void *arg) RC_USE_RESULT;

/* ---- as a whole ---- */

/* Is this what should be there?  answer->rc is RC_OK. */
typedef bool dns_authority_right_fn(const struct dns_answer *answer, void *arg);

struct dns_authority_count {
	/* Addresses.  right: what should be there; missing: no such record;
	 * wrong: something else; silent: no answer, SERVFAIL, or bogus. */
	size_t right, missing, wrong, silent;
	/* Name servers none of whose addresses has answered. */
	size_t dead;
	/*
	 * Every name server has answered from one of its addresses at least,
	 * and all that have answered say what is right.  A server counts
	 * neither way if nobody can ask it, since it has no address, or if none
	 * of its addresses can be asked from here, as those with IPv6 from a
	 * machine with IPv4 alone.
	 */
	bool everywhere;
	/* For a person, when it is not everywhere: which server lacks it. */
	char text[400];
};

void dns_authority_count(const struct dns_authority *a,
    dns_authority_right_fn *right, void *arg, struct dns_authority_count *out);

#endif
