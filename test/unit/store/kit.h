/*
 * What the tests of the store share: an account in a folder of its own, and
 * short forms of the calls.
 */
#ifndef TEST_STORE_KIT_H
#define TEST_STORE_KIT_H

#include "store/store.h"

/* Makes a folder under the working one; kit_remove takes it away, after it has
 * compared it with what test/format/reader.py reads. */
void kit_make(void);
void kit_remove(void);
const char *kit_dir(void);
struct store *kit_open(void);
struct store *kit_open_with(const struct store_opts *o);
/* Closes and opens again. */
void kit_again(struct store **st);
/* Ends without the checkpoint and the clean end: as kill -9 would. */
void kit_forget_checkpoint(void);

/* Adds a message; its UID.  flags: STORE_SEEN ... */
uint32_t kit_add(
    struct store *st, const char *mailbox, const char *text, uint32_t flags);
int kit_try_add(struct store *st, const struct store_add *a, const char *text,
    struct store_added *out);
struct view *kit_view(struct store *st, const char *mailbox);
void kit_flag(
    struct view *v, uint32_t lo, uint32_t hi, enum store_op op, uint32_t flags);
void kit_keyword(struct view *v, uint32_t lo, uint32_t hi, const char *name);
void kit_expunge(struct view *v);
/* "1,2,5": the UIDs of the view. */
const char *kit_uids(struct view *v);
/* "2:3" */
const char *kit_set(const struct rangeset *s);
void kit_create(struct store *st, const char *name);
struct store_status kit_status(struct store *st, const char *name);
/* One line for each mailbox with all its messages. */
char *kit_dump(struct store *st);

#endif
