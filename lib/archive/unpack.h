/*
 * gzip and zlib [RFC 1950, 1951, 1952] as a stream: pieces in, pieces out,
 * nothing gathered.  Several gzip members behind one another are one stream.
 */
#ifndef ARCHIVE_UNPACK_H
#define ARCHIVE_UNPACK_H

#include <stdint.h>

#include "base/buf.h"

enum unpack_how {
	UNPACK_AUTO, /* gzip or zlib */
	UNPACK_RAW   /* deflate alone, as in zip */
};

struct unpack;

struct unpack *unpack_new(enum unpack_how how);
void unpack_free(struct unpack **u);
/*
 * Calls out for what comes of the piece, until it returns something else than
 * RC_OK, which is returned.  RC_SYNTAX: the stream is broken.
 */
int unpack_feed(struct unpack *u, struct sv piece,
    int (*out)(void *arg, struct sv piece), void *arg) RC_USE_RESULT;
/* Has the stream come to its end? */
bool unpack_done(const struct unpack *u);

#endif
