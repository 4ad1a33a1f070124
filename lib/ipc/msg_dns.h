/* To the dns process, and what it answers (dns/dns.h). */
#ifndef IPC_MSG_DNS_H
#define IPC_MSG_DNS_H

#include "ipc/codec.h"

#define DNS_MSG_NAME_MAX 256  /* of a name, with a NUL behind it */
#define DNS_RECORDS_MAX	 1024 /* more do not fit into a message */
#define DNS_SECURITIES	 3    /* enum dns_security */

/* DNS_QUERY and DNS_AUTHORITY. */
struct dns_question {
	struct sv name;
	uint32_t type; /* enum dns_type */
	bool any;      /* whatever is printable may be in the name */
};
CODEC_FUNCTIONS(dns_question);

struct dns_reply {
	int rc;
	uint8_t security; /* enum dns_security */
	uint32_t ttl;
	struct sv canonical; /* where CNAMEs led to */
	struct sv *record;   /* the data of each */
	uint32_t nrecord;
};
CODEC_FUNCTIONS(dns_reply);

#define DNS_DIRECT_MAX	       52 /* DNS_AUTHORITY_SERVERS_MAX */
#define DNS_DIRECT_ADDRESS_MAX 64 /* of the text */

/* To DNS_AUTHORITY. */
struct dns_direct_answer {
	struct sv name, address;
	bool unroutable;
	int rc;
	uint8_t security;
	uint32_t ttl;
	struct sv canonical;
	struct sv records; /* each: two bytes length, the data */
};

struct dns_direct {
	int rc;
	struct sv zone;
	uint32_t negative_ttl;
	struct dns_direct_answer *server;
	uint32_t n;
};
CODEC_FUNCTIONS(dns_direct);

#endif
