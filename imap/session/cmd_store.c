#include "imap/session/session_priv.h"

/*
 * What was asked for, as if by FETCH: all of seqnos, or NULL for silence.  A
 * client that knows of mod-sequences learns the new ones also where it wants
 * silence [RFC 7162 3.1.3], and the flags of what it could not change.
 */
static void
tell(struct imap_cmd *c, const struct rangeset *seqnos,
    const struct rangeset *changed, const struct rangeset *failed)
{
	struct imap_session *s = c->s;
	unsigned items = imap_news_items(s);

	if (c->uid || s->rev2)
		items |= IMAP_FETCH_UID;
	imap_tell_msgs(s, seqnos != NULL ? seqnos : failed, items);
	if (seqnos == NULL && s->condstore)
		imap_tell_msgs(s, changed, IMAP_FETCH_UID | IMAP_FETCH_MODSEQ);
}

/* "[MODIFIED 7,9] " in the numbers of the command. */
static void
stored(struct imap_cmd *c, const struct rangeset *seqnos,
    const struct rangeset *uids)
{
	struct buf *b = &c->s->scratch;

	if (uids->n == 0) {
		imap_ok(c, "Flags stored.");
		return;
	}
	buf_reset(b);
	rangeset_print(c->uid ? uids : seqnos, b);
	imap_ok(c, "[MODIFIED %s] Not all flags were stored.", b->p);
}

static bool
has_keyword(const struct store_flags *f, const char *const *names)
{
	size_t i;

	for (; *names != NULL; names++)
		for (i = 0; i < f->nkeyword; i++)
			if (sv_ieq(f->keyword[i], sv_str(*names)))
				return true;
	return false;
}

/* As mail programs say it [RFC 5788], and as some did before. */
static void
tell_watch(struct imap_session *s, const struct rangeset *seqnos,
    const struct store_flags *f)
{
	static const char *const junk[] = {"$Junk", "Junk", NULL};
	static const char *const wanted[] = {
	    "$NotJunk", "NonJunk", "NotJunk", NULL};
	enum imap_mark mark;

	if (has_keyword(f, wanted))
		mark = IMAP_MARK_WANTED;
	else if (has_keyword(f, junk))
		mark = IMAP_MARK_JUNK;
	else if ((f->system & (STORE_ANSWERED | STORE_FLAGGED)) != 0)
		mark = IMAP_MARK_USED;
	else if ((f->system & STORE_DELETED) != 0)
		mark = IMAP_MARK_THROWN;
	else if ((f->system & STORE_SEEN) != 0)
		mark = IMAP_MARK_READ;
	else
		return;
	imap_watch_marked(s, seqnos, mark);
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
	struct rangeset failed = RANGESET_EMPTY, failed_uids = RANGESET_EMPTY;
	struct store_flags flags;
	struct err err = {0};
	int r;

	if (!imap_resolve(c, set, &seqnos) ||
	    !imap_store_flags(c, &att->flags, &flags))
		goto out;
	if (att->conditional)
		imap_condstore(s);
	r = view_store(s->view, &seqnos, op[att->op], &flags,
	    att->conditional ? &att->unchanged_since : NULL, &changed,
	    &failed_uids, &s->need, &err);
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		goto out;
	}
	if (att->op != IMAP_STORE_REMOVE)
		tell_watch(s, &changed, &flags);
	imap_uids_to_seqnos(s->view, &failed_uids, &failed);
	tell(c, att->silent ? NULL : &seqnos, &changed, &failed);
	stored(c, &failed, &failed_uids);
out:
	rangeset_fini(&failed_uids);
	rangeset_fini(&failed);
	rangeset_fini(&changed);
	rangeset_fini(&seqnos);
}

/* store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags */
void
imap_cmd_store(struct imap_cmd *c)
{
	struct imap_store_att att;
	struct imap_set set;
	int r = imap_set_argument(c, &set);

	if (r == RC_OK)
		r = imap_store_att_flags(&c->in, &att);
	if (!imap_arguments_end(c, r))
		return;
	if (c->s->readonly)
		imap_no(c, "[READ-ONLY] The mailbox is open read-only.");
	else
		store(c, &set, &att);
}
