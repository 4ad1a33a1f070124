/*
 * What an answer packet says about one question: a pure parser, bounded by
 * its limits, for bytes that a name server somewhere has made.  (libunbound
 * has looked at them before and packs them anew; we do not rely on that.)
 */
#ifndef DNS_PACKET_H
#define DNS_PACKET_H

#include "dns/dns.h"

struct dns_packet_limits {
	size_t records; /* of the wanted type */
	size_t bytes;	/* of their data, unpacked */
	unsigned chain; /* CNAMEs one behind the other */
};

#define DNS_PACKET_LIMITS                                   \
	{                                                   \
		.records = 200, .bytes = 32768, .chain = 16 \
	}

struct dns_packet {
	int rc; /* RC_OK, RC_NOTFOUND or RC_TEMP, from the header */
	uint32_t ttl;
	char canonical[DNS_NAME_MAX];
	size_t n;
	/* n times: two bytes length, the data as in struct dns_answer */
	struct buf data;
};

/*
 * Reads the answer to "name type", name being normalised.  The CNAMEs that
 * lead from name to the records are followed; all else that is in the
 * packet is skipped.  RC_SYNTAX: broken, or an answer to another question;
 * RC_TOOBIG: over a limit.  On RC_OK out->data is to be freed.
 */
int dns_packet_read(struct sv packet, const char *name, enum dns_type type,
    const struct dns_packet_limits *limits,
    struct dns_packet *out) RC_USE_RESULT;

/* Cuts the next record off data; false if none is left. */
bool dns_packet_next(struct sv *data, struct sv *record_out);

/* ---- names in wire form ---- */

#define DNS_WIRE_MAX 255 /* [RFC 1035 2.3.4] */

struct dns_wire {
	unsigned char b[DNS_WIRE_MAX]; /* length, label, ..., 0; lower case */
	size_t n;
};

/*
 * Reads the name at *at and moves *at behind it.  Compression pointers only
 * ever lead backwards, each further than the last, so there is no loop.
 */
int dns_wire_read(
    struct sv packet, size_t *at, struct dns_wire *out) RC_USE_RESULT;
/* name is normalised. */
void dns_wire_of(const char *name, struct dns_wire *out);
/* Bytes other than letters, digits, '-', '_' and '/' are written \DDD.
 * RC_TOOBIG if that does not fit. */
int dns_wire_text(
    const struct dns_wire *w, char out[DNS_NAME_MAX]) RC_USE_RESULT;
/* A name of dns_name_any as master files have it, which resolvers read: what
 * dns_wire_text writes as \DDD, and '/', is written so. */
#define DNS_ESCAPED_MAX (4 * DNS_NAME_MAX)
void dns_name_escape(const char *name, char out[DNS_ESCAPED_MAX]);
/* Are all bytes of the labels such as may be asked for? */
bool dns_wire_is_host(const struct dns_wire *w);

#endif
