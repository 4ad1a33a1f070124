/*
 * The rules of pages (pagerules/pagerules.h) in the account's store: read and
 * changed from any thread, and the letter that asks the target of a forward.
 */
#ifndef ACCOUNT_RULES_PAGE_H
#define ACCOUNT_RULES_PAGE_H

#include "conf/conf.h"
#include "pagerules/pagerules.h"
#include "store/rules.h"

/* As they are now; out is to be finished. */
void rules_page_read(struct store *store, struct pagerules *out);
/* That part of them, written and flushed.  RC_TOOBIG: it does not fit into a
 * record; RC_TEMP, RC_DENIED, RC_NOSPACE, RC_IO. */
int rules_page_write(struct store *store, enum pagerules_part part,
    const struct pagerules *r, struct err *err) RC_USE_RESULT;

struct rules_page_letter {
	const struct conf *conf;
	const char *account;
	struct sv to, subject, text; /* lines end with LF */
};
/* In the name of the account; it waits in the store until the queue has it. */
int rules_page_send(struct store *store, const struct rules_page_letter *l,
    struct err *err) RC_USE_RESULT;

#endif
