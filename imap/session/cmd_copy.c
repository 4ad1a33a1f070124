#include "imap/session/session_priv.h"

struct copied {
	uint32_t uidvalidity;
	struct rangeset src, dst;
};

/* "[COPYUID 38505 304,319:320 3956:3958] " [RFC 4315 3] */
static void
put_copyuid(struct buf *out, const struct copied *d)
{
	if (d->src.n == 0)
		return;
	buf_addf(out, "[COPYUID %u ", d->uidvalidity);
	rangeset_print(&d->src, out);
	buf_addc(out, ' ');
	rangeset_print(&d->dst, out);
	buf_adds(out, "] ");
}

static void
copied_to(struct imap_cmd *c, const struct copied *d, bool move)
{
	struct imap_session *s = c->s;

	buf_reset(&s->scratch);
	put_copyuid(&s->scratch, d);
	if (!move) {
		imap_ok(c, "%sCopied.", s->scratch.p);
		return;
	}
	/* Before the EXPUNGEs, so untagged [RFC 6851 4.3]. */
	if (d->src.n > 0)
		stream_printf(s->st, "* OK %sMoved.\r\n", s->scratch.p);
	imap_sync(s, true);
	imap_ok(c, "%sMoved.", imap_modseq_code(s));
}

/*
 * copy = "COPY" SP sequence-set SP mailbox
 * move = "MOVE" SP sequence-set SP mailbox  [RFC 6851 5]
 */
static void
copy(struct imap_cmd *c, bool move)
{
	struct imap_session *s = c->s;
	struct copied d = {0, RANGESET_EMPTY, RANGESET_EMPTY};
	struct rangeset seqnos = RANGESET_EMPTY;
	struct imap_set set;
	struct err err = {0};
	struct sv name;
	int r = imap_set_argument(c, &set);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &name);
	if (!imap_arguments_end(c, r))
		return;
	/* Out of Restore/ one may move: it is how things come back. */
	if (move && s->readonly && !view_in_restore(s->view)) {
		imap_no(c, "[READ-ONLY] The mailbox is open read-only.");
		return;
	}
	if (!imap_resolve(c, &set, &seqnos))
		goto out;
	r = view_copy(s->view, &seqnos, name.p, move, &d.uidvalidity, &d.src,
	    &d.dst, &s->need, &err);
	if (r == RC_NOTFOUND)
		imap_no_target(c, name);
	else if (r != RC_OK)
		imap_store_error(c, r, &err);
	else {
		imap_watch_moved(s, name.p, &d.dst);
		copied_to(c, &d, move);
	}
out:
	rangeset_fini(&d.dst);
	rangeset_fini(&d.src);
	rangeset_fini(&seqnos);
}

void
imap_cmd_copy(struct imap_cmd *c)
{
	copy(c, false);
}

void
imap_cmd_move(struct imap_cmd *c)
{
	copy(c, true);
}
