/*
 * POP3 before login [RFC 1939 4, RFC 2449, RFC 2595, RFC 5034].
 *
 * Pure: bytes in, replies and an action out.  See front/front.h.
 */
#ifndef POP3_FRONT_FRONT_H
#define POP3_FRONT_FRONT_H

#include "front/front.h"

extern const struct front_proto pop3_front_proto;

/* CAPA's lines, the same before and after login but for STLS, USER, SASL. */
void pop3_capa(struct buf *out, bool stls, bool login);

#define POP3_LINE_MAX 4096 /* a SASL response may be long [RFC 5034 4] */

#endif
