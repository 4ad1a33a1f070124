/*
 * What the name service is told from outside: addresses of servers, root
 * hints, trust anchors.  The texts are read before the walls are up; what is
 * here is pure.
 */
#ifndef DNS_SETUP_H
#define DNS_SETUP_H

#include "base/buf.h"
#include "base/network.h"

#define DNS_SERVERS_MAX 32
/* "address@port", as libunbound takes it */
#define DNS_ADDRESS_MAX NETWORK_SERVER_MAX
#define DNS_TEXT_MAX	(1 << 20)

struct dns_servers {
	char address[DNS_SERVERS_MAX][DNS_ADDRESS_MAX];
	size_t n;
};

/* One numeric address, in any form of network_server_parse(). */
int dns_servers_add(struct dns_servers *s, struct sv text) RC_USE_RESULT;
/* The port of an address in the list. */
uint16_t dns_server_port(const char *address);
bool dns_server_is_loopback(const char *address);

/* The "nameserver" lines of /etc/resolv.conf; what cannot be used (a link's
 * own address with a zone) is left out. */
void dns_servers_resolv_conf(struct sv text, struct dns_servers *out);

/* The addresses in a root hints file: lines "name [ttl] [IN] A|AAAA address".
 * RC_SYNTAX with a sentence if there is none. */
int dns_servers_hints(
    struct sv text, struct dns_servers *out, struct err *err) RC_USE_RESULT;

/*
 * The next DS or DNSKEY line of a trust anchor file, without comments, as one
 * C string in out.  RC_NOTFOUND: no more; RC_SYNTAX with a sentence.
 */
int dns_anchor_next(
    struct sv *text, struct buf *out, struct err *err) RC_USE_RESULT;

/* The root's keys of 2017 and 2024, as IANA publishes them. */
extern const char dns_root_anchors[];

#endif
