#include "imap/session/session_priv.h"

/* What SELECT says of the mailbox [RFC 3501 6.3.1, RFC 9051 6.3.2]. */
static void
tell_opened(struct imap_session *s, struct sv name)
{
	struct view_info info;

	imap_tell_flags(s);
	view_info(s->view, &info, &s->need);
	imap_tell_exists(s, view_count(s->view));
	if (s->rev2)
		imap_tell_mailbox(s, name, SV(""));
	else if (info.first_unseen != 0)
		stream_printf(s->st,
		    "* OK [UNSEEN %u] The first unseen message.\r\n",
		    info.first_unseen);
	stream_printf(s->st,
	    "* OK [UIDVALIDITY %u] UIDs are valid.\r\n"
	    "* OK [UIDNEXT %u] The next UID.\r\n"
	    "* OK [HIGHESTMODSEQ %llu] The highest mod-sequence.\r\n",
	    info.uidvalidity, info.uidnext,
	    (unsigned long long)info.highest_modseq);
	buf_reset(&s->scratch);
	buf_adds(&s->scratch, "* OK [MAILBOXID (");
	imap_put_mailboxid(&s->scratch, info.epoch, info.id);
	buf_adds(&s->scratch, ")] Its identity.\r\n");
	stream_putsv(s->st, buf_sv(&s->scratch));
}

/* select = "SELECT" SP mailbox [select-params]; examine likewise */
static void
select_mailbox(struct imap_cmd *c, bool readonly)
{
	struct imap_session *s = c->s;
	struct imap_select what;
	struct sv name;
	int named, r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &name);
	named = r;
	if (r == RC_OK || r == RC_PERM)
		r = imap_select_params(&c->in, &what);
	if (r == RC_OK)
		r = imap_end(&c->in);
	if (r == RC_OK && what.qresync && !s->qresync) {
		imap_bad(c, "Enable QRESYNC first.");
		return;
	}
	if (r == RC_OK)
		r = named;
	/* Also a SELECT that fails leaves nothing selected
	 * [RFC 3501 6.3.1]; one that is not a command leaves it alone. */
	if (r == RC_OK || r == RC_PERM)
		imap_reselect(s);
	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	r = RC_NOTFOUND;
	if (!imap_is_hidden(s, name))
		r = view_open(s->store, name.p, readonly, imap_notify, s,
		    &s->view, &s->need);
	if (r != RC_OK) {
		imap_store_error(c, r, NULL);
		return;
	}
	readonly = readonly || view_in_restore(s->view);
	s->state = IMAP_ST_SELECTED;
	s->readonly = readonly;
	tell_opened(s, name);
	/* HIGHESTMODSEQ has just been said. */
	s->condstore = s->condstore || what.condstore || what.qresync;
	if (what.qresync)
		imap_resync(s, &what);
	imap_ok(c, readonly ? "[READ-ONLY] Mailbox opened read-only."
			    : "[READ-WRITE] Mailbox opened.");
}

void
imap_cmd_select(struct imap_cmd *c)
{
	select_mailbox(c, false);
}

void
imap_cmd_examine(struct imap_cmd *c)
{
	select_mailbox(c, true);
}

void
imap_cmd_close(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct err err = {0};
	int r;

	if (!imap_arguments_end(c, RC_OK))
		return;
	if (!s->readonly) {
		r = view_expunge(s->view, NULL, &s->need, &err);
		if (r != RC_OK && r != RC_NOTFOUND) {
			imap_store_error(c, r, &err);
			return;
		}
	}
	imap_deselect(s);
	imap_ok(c, "Mailbox closed.");
}

/* [RFC 3691]: as CLOSE, and nothing is expunged. */
void
imap_cmd_unselect(struct imap_cmd *c)
{
	if (!imap_arguments_end(c, RC_OK))
		return;
	imap_deselect(c->s);
	imap_ok(c, "Mailbox closed; nothing was expunged.");
}

/*
 * EXPUNGE [RFC 3501 6.4.3]
 * uid-expunge = "UID" SP "EXPUNGE" SP sequence-set  [RFC 4315 4]
 */
void
imap_cmd_expunge(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct rangeset uids = RANGESET_EMPTY;
	struct imap_set set = {0};
	struct err err = {0};
	int r = RC_OK;

	if (c->uid) {
		r = imap_sp(&c->in);
		if (r == RC_OK)
			r = imap_sequence_set(&c->in, &set);
	}
	if (!imap_arguments_end(c, r))
		return;
	if (s->readonly) {
		imap_no(c, "[READ-ONLY] The mailbox is open read-only.");
		return;
	}
	if (c->uid)
		imap_uid_set(s, &set, &uids);
	r = view_expunge(s->view, c->uid ? &uids : NULL, &s->need, &err);
	rangeset_fini(&uids);
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		return;
	}
	imap_sync(s, true);
	imap_ok(c, "%sExpunged.", imap_modseq_code(s));
}
