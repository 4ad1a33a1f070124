/*
 * Is a name's port 80, or 443, ours, as it is seen from here?  It shows what we
 * have put there, or it does not: behind a router that says little, so this
 * only helps to choose what is tried first.
 */
#ifndef CMD_RUN_ACME_REACH_H
#define CMD_RUN_ACME_REACH_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "base/sv.h"

/* GET of that path with that Host is answered with the text.  All in a few
 * seconds. */
bool acme_reach_http(const struct in6_addr *at, uint16_t port, const char *name,
    const char *path, const char *text, atomic_bool *stop);
/* Who asks for the name and offers "acme-tls/1" alone gets that certificate. */
bool acme_reach_tls(const struct in6_addr *at, uint16_t port, const char *name,
    struct sv cert_pem, atomic_bool *stop);

#endif
