#include "imap/session/internal.h"

/* What was asked for, as if by FETCH, and what others changed meanwhile. */
static void
tell(struct imap_cmd *c, const struct imap_store_att *att,
    const struct rangeset *seqnos, const struct rangeset *changed)
{
	struct rangeset both = RANGESET_EMPTY;
	size_t i;

	if (att->silent)
		return;
	rangeset_copy(&both, seqnos);
	for (i = 0; i < changed->n; i++)
		rangeset_add(&both, changed->r[i].lo, changed->r[i].hi);
	imap_tell_msg_flags(c->s, &both, c->uid || c->s->rev2);
	rangeset_fini(&both);
}

static void
store(struct imap_cmd *c, const struct imap_set *set,
    const struct imap_store_att *att)
{
	static const enum store_op op[] = {
	    [IMAP_STORE_SET] = STORE_OP_SET,
	    [IMAP_STORE_ADD] = STORE_OP_ADD,
	    [IMAP_STORE_REMOVE] = STORE_OP_REMOVE,
	};
	struct imap_session *s = c->s;
	struct rangeset seqnos = RANGESET_EMPTY, changed = RANGESET_EMPTY;
	struct rangeset failed = RANGESET_EMPTY;
	struct store_flags flags;
	struct err err = {0};
	int r;

	if (!imap_resolve(c, set, &seqnos) ||
	    !imap_store_flags(c, &att->flags, &flags))
		goto out;
	r = view_store(s->view, &seqnos, op[att->op], &flags, 0, &changed,
	    &failed, &s->need, &err);
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		goto out;
	}
	tell(c, att, &seqnos, &changed);
	imap_ok(c, "Flags stored.");
out:
	rangeset_fini(&failed);
	rangeset_fini(&changed);
	rangeset_fini(&seqnos);
}

/* store = "STORE" SP sequence-set SP store-att-flags */
void
imap_cmd_store(struct imap_cmd *c)
{
	struct imap_store_att att;
	struct imap_set set;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_sequence_set(&c->in, &set);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_store_att_flags(&c->in, &att);
	if (r == RC_OK)
		r = imap_end(&c->in);
	if (r != RC_OK)
		imap_syntax(c, r);
	else if (c->s->readonly)
		imap_no(c, "[READ-ONLY] The mailbox is open to read.");
	else
		store(c, &set, &att);
}
