/*
 * A mailbox's messages by rising UID.  What came from the checkpoint stays
 * where it is mapped (copied page by page when it changes), what came since
 * has memory of its own: two flat arrays that read as one.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "base/rangeset.h"
#include "store/change.h"

struct store_msg;

struct table {
	struct msg *base; /* borrowed: the checkpoint's mapping */
	size_t nbase;
	struct msg *tail;
	size_t ntail, cap;
};

static inline size_t
table_count(const struct table *t)
{
	return t->nbase + t->ntail;
}

static inline struct msg *
table_at(struct table *t, size_t i)
{
	return i < t->nbase ? t->base + i : t->tail + (i - t->nbase);
}

/* Frees what is its own. */
void table_fini(struct table *t);
/* Index of the first message with a UID >= uid; the count if none. */
size_t table_from(struct table *t, uint32_t uid);
/* NULL if it is not there. */
struct msg *table_find(struct table *t, uint32_t uid);
/* Behind all others: n messages with rising UIDs. */
void table_append(struct table *t, const struct msg *m, size_t n);
/*
 * Takes out what is in uids; *removed gets a copy of it, by UID, to be freed.
 * Returns how many.
 */
size_t table_remove(
    struct table *t, const struct rangeset *uids, struct msg **removed);
/* The UIDs of all, to be freed. */
uint32_t *table_uids(struct table *t);

/* A row as callers see it; ghost: it is in the table no more. */
void msg_fill(const struct msg *m, bool ghost, struct store_msg *out);

#endif
