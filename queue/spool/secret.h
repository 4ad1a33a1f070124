/*
 * The secret behind the addresses under which mail is forwarded (SRS).  It is
 * the queue's alone, who makes those addresses and is asked about those that
 * come back: no other process has it, auth neither, so that forwarding does not
 * wait for it.
 *
 * In the file srs-secret of the spool's folder, made when it is not there: one
 * secret per line, 64 hexadecimal digits.  The first makes addresses, all of
 * them are accepted: to change it, a new line is put above, and the old one
 * taken out some weeks later.  When the file is lost, bounces of what was
 * forwarded before are refused, and nothing else happens.
 */
#ifndef QUEUE_SPOOL_SECRET_H
#define QUEUE_SPOOL_SECRET_H

#include "base/buf.h"
#include "msgauth/srs.h"

#define SECRET_FILE  "srs-secret"
#define SECRET_BYTES 32
#define SECRETS_MAX  8

struct secret {
	uint8_t bytes[SECRETS_MAX][SECRET_BYTES];
	struct sv key[SECRETS_MAX];
	size_t n;
};

/* Its lines; RC_SYNTAX: one is not a secret, or there is none, or too many.
 * Pure. */
int secret_parse(struct sv text, struct secret *out) RC_USE_RESULT;
/*
 * From the folder, or a new one, which is on the disk then.  Whatever goes
 * wrong, *out is good for as long as this process lives; RC_IO and RC_SYNTAX
 * only say that it is not the one on the disk.
 */
int secret_load(int dirfd, struct secret *out, struct err *err) RC_USE_RESULT;

#endif
