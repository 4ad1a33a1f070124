/* Inside the store: the state of rules.  Under the lock. */
#ifndef STORE_RULES_PRIV_H
#define STORE_RULES_PRIV_H

#include "store/encode.h"
#include "store/rules.h"
#include "store/store_priv.h"

/* The operations of CHANGE_SCRIPT and CHANGE_OUTGOING on the disk. */
enum script_op {
	SCRIPT_PUT,
	SCRIPT_DELETE,
	SCRIPT_RENAME,
	SCRIPT_ACTIVATE,
	SCRIPT_OPS
};
enum outgoing_op {
	OUTGOING_WAITS,
	OUTGOING_ENDED
};

/* ---- rules.c ---- */

struct script *script_find(
    const struct store *st, uint8_t kind, struct sv name);
/* By kind and key; NULL: it is not remembered. */
const struct store_memo *memo_find(
    const struct store *st, const struct store_memo *m);
struct outgoing *outgoing_find(const struct store *st, const uint8_t id[16]);
bool rules_are_empty(const struct rules *ru);
/* At most so many bytes has rules_encode. */
uint64_t rules_size(const struct rules *ru);
void rules_encode(const struct rules *ru, struct buf *out);
/* What is left of w, which may be nothing. */
bool rules_decode(struct rules *ru, struct decoder *w);

#endif
