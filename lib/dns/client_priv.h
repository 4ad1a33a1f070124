/* Inside lib/dns only: what dns.h and authority.h share on the asking side. */
#ifndef DNS_CLIENT_PRIV_H
#define DNS_CLIENT_PRIV_H

#include "dns/dns.h"
#include "ipc/line.h"

/* ---- client.c ---- */

/*
 * The message of a question: kind is DNS_QUERY or DNS_AUTHORITY.  any: the name
 * may have any bytes, see dns_ask_any.  RC_SYNTAX: it is not a name, and there
 * is no message.
 */
int dns_question_make(uint16_t kind, const char *name, enum dns_type type,
    bool any, struct msg *m) RC_USE_RESULT;
/* It is asked, and the answer waited for: RC_OK, RC_SYNTAX, or the peer's
 * error.  *reply is the caller's to fini, whatever is returned. */
int dns_question_call(struct peer *dns, uint16_t kind, const char *name,
    enum dns_type type, int64_t timeout_ms, struct msg *reply) RC_USE_RESULT;
/* What the caller is told of an error of the above. */
int dns_question_rc(int rc);

#endif
