/*
 * Where the messages of a batch lie until they are sent: one after another,
 * the first two megabytes in memory and the rest in a file without a name, so
 * that a message of any size costs no more than that.
 */
#ifndef IMAP_TRANSFER_AREA_H
#define IMAP_TRANSFER_AREA_H

#include <stdint.h>

#include "base/buf.h"

struct broker;

struct area {
	struct buf memory;
	int fd; /* -1: not needed yet */
	uint64_t size;
	struct broker *broker; /* has files */
};

void area_init(struct area *a, struct broker *broker);
void area_fini(struct area *a);
int area_add(struct area *a, struct sv s, struct err *err) RC_USE_RESULT;
/* Cuts behind the first n bytes. */
void area_truncate(struct area *a, uint64_t n);

/* Calls fn for the bytes from off, in pieces, until it returns something else
 * than RC_OK. */
int area_each(struct area *a, uint64_t off, uint64_t n,
    int (*fn)(void *arg, struct sv piece), void *arg,
    struct err *err) RC_USE_RESULT;

#endif
