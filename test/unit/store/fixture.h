/*
 * What the tests of the store share: an account in a folder of its own, and
 * short forms of the calls.
 */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "store/store.h"

/* Makes a folder (test/unit/folder.h); fixture_remove takes it away, after it
 * has compared it with what test/format/reader.py reads. */
void fixture_make(void);
void fixture_remove(void);
const char *fixture_dir(void);
struct store *fixture_open(void);
struct store *fixture_open_with(const struct store_opts *o);
/* Closes and opens again. */
void fixture_again(struct store **st);
/* Ends without the checkpoint and the clean end: as kill -9 would. */
void fixture_forget_checkpoint(void);

/* Adds a message; its UID.  flags: STORE_SEEN ... */
uint32_t fixture_add(
    struct store *st, const char *mailbox, const char *text, uint32_t flags);
int fixture_try_add(struct store *st, const struct store_add *a,
    const char *text, struct store_added *out);
struct view *fixture_view(struct store *st, const char *mailbox);
void fixture_flag(
    struct view *v, uint32_t lo, uint32_t hi, enum store_op op, uint32_t flags);
void fixture_keyword(
    struct view *v, uint32_t lo, uint32_t hi, const char *name);
void fixture_expunge(struct view *v);
/* "1,2,5": the UIDs of the view. */
const char *fixture_uids(struct view *v);
/* "2:3" */
const char *fixture_set(const struct rangeset *s);
void fixture_create(struct store *st, const char *name);
struct store_status fixture_status(struct store *st, const char *name);
/* One line for each mailbox with all its messages. */
char *fixture_dump(struct store *st);

#endif
