/*
 * IMAP before login [RFC 3501 6.1, 6.2], as the listener's protocol table: a
 * pure state machine that holds one command's text, at most 16 KiB.
 *
 * It answers CAPABILITY, NOOP, LOGOUT and ID by itself, and asks the listener
 * for STARTTLS and for logins: LOGIN, AUTHENTICATE PLAIN and LOGIN, with and
 * without an initial response [RFC 4959].  Without TLS (unless the peer is
 * trusted) logins are refused with PRIVACYREQUIRED and not even read.
 *
 * Text that held a password is overwritten as soon as it has been used.  The
 * connection is closed after the tenth refused login, and when there is too
 * much nonsense in a row.
 */
#ifndef IMAP_FRONT_FRONT_H
#define IMAP_FRONT_FRONT_H

#include "front/front.h"

extern const struct front_proto imap_front;

#endif
