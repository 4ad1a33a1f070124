/*
 * What sets up one device, password included: pure.
 *
 * Apple's configuration profile has IMAP and submission in one payload.
 *
 * A device takes a profile for a newer form of one that it has if the
 * identifiers are the same: they are derived from the host, the account and the
 * device's name in the list, and so differ for another account on the same
 * device, and stay when the password of the same entry is made anew.
 */
#ifndef CLIENTS_PROFILE_H
#define CLIENTS_PROFILE_H

#include "clients/clients.h"

#define CLIENTS_PROFILE_TYPE "application/x-apple-aspen-config"

struct clients_profile {
	struct sv account;  /* its name */
	struct sv device;   /* the label of its app password */
	struct sv address;  /* mail is written as, and the user's name */
	struct sv password; /* empty: the device asks for it */
};

/* RC_SYNTAX: something has characters that a profile cannot carry.
 * RC_NOTFOUND: the server has no IMAP or no submission. */
int clients_profile(const struct clients_server *s,
    const struct clients_profile *p, struct buf *out) RC_USE_RESULT;

/*
 * What Thunderbird for Android reads from a QR code: its format, version 1, one
 * account.  RC_NOSUPPORT: the address is not ASCII; else as above.
 */
int clients_thunderbird_code(const struct clients_server *s,
    const struct clients_profile *p, struct buf *out) RC_USE_RESULT;

#define UUID_TEXT 37
/* [RFC 9562 5.5] in capitals, as Apple's tools write it; of a name in the
 * namespace of URLs. */
void clients_uuid(struct sv name, char out[UUID_TEXT]);

#endif
