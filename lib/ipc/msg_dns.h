/* To the dns process, and what it answers (dns/dns.h). */
#ifndef IPC_MSG_DNS_H
#define IPC_MSG_DNS_H

#include "ipc/codec.h"

#define DNS_MSG_NAME_MAX 256  /* of a name, with a NUL behind it */
#define DNS_RECORDS_MAX	 1024 /* more do not fit into a message */
#define DNS_SECURITIES	 3    /* enum dns_security */

/* DNS_QUERY. */
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

#endif
