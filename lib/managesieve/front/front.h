/*
 * ManageSieve before login [RFC 5804 1.7, 2.1, 2.2], as the listener's protocol
 * table: a pure state machine, as imap/front is.
 *
 * Capabilities are said unasked in the greeting and after STARTTLS, and not
 * after a login, where they are allowed only under a SASL security layer.
 * Before TLS "SASL" is empty; logins are then refused with ENCRYPT-NEEDED,
 * unless the peer is trusted.
 */
#ifndef MANAGESIEVE_FRONT_FRONT_H
#define MANAGESIEVE_FRONT_FRONT_H

#include "front/front.h"

extern const struct front_proto msv_front;

#endif
