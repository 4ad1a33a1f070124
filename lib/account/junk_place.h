/* What a mailbox is for, as far as junk is concerned.  Pure. */
#ifndef ACCOUNT_JUNK_PLACE_H
#define ACCOUNT_JUNK_PLACE_H

#include "store/store.h"

#define PLACE_JUNK    1u
#define PLACE_TRASH   2u
#define PLACE_OWN     4u /* Drafts, Sent */
#define PLACE_RESTORE 8u
#define PLACE_DRAFTS  16u
#define PLACE_DOUBT   32u /* perhaps for junk, perhaps for what is liked */

/*
 * PLACE_*, with those of the mailboxes above it: what is below Junk is junk,
 * too.  Programs that do not ask for special uses make folders of their own:
 * one without a use counts by its name (mail/folder.h).
 */
unsigned junk_place(
    const struct store_mailbox_list *all, const struct store_mailbox *m);
/* NULL: there is none. */
const struct store_mailbox *junk_mailbox_by_id(
    const struct store_mailbox_list *all, uint32_t id);
const struct store_mailbox *junk_mailbox_by_name(
    const struct store_mailbox_list *all, const char *name);
/* The one for junk. */
const struct store_mailbox *junk_mailbox(const struct store_mailbox_list *all);

#endif
