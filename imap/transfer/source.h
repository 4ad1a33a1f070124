/*
 * What an import reads: the folder that the broker has opened, or the archive
 * in its place.  Paths are the same in both.
 */
#ifndef IMAP_TRANSFER_SOURCE_H
#define IMAP_TRANSFER_SOURCE_H

#include "imap/transfer/input.h"

int source_list(struct broker *b, const char *path, struct broker_names *out,
    struct err *err) RC_USE_RESULT;
/* A regular file. */
int source_open(struct broker *b, const char *path, struct input *out,
    struct err *err) RC_USE_RESULT;
/* The whole of a small file; RC_NOTFOUND, RC_TOOBIG. */
int source_read(struct broker *b, const char *path, struct buf *out,
    struct err *err) RC_USE_RESULT;

#endif
