/* What has changed in the selected mailbox, told before a command's reply. */
#include "imap/session/session_priv.h"

/* EXPUNGEs, or what stands for them [RFC 7162 3.2.10]. */
static void
tell_expunged(struct imap_session *s, const struct view_changes *ch)
{
	uint32_t i;

	if (ch->nexpunged > 0 && s->qresync) {
		buf_reset(&s->scratch);
		rangeset_print(&ch->expunged, &s->scratch);
		stream_puts(s->st, "* VANISHED ");
		stream_putsv(s->st, buf_sv(&s->scratch));
		stream_puts(s->st, "\r\n");
		return;
	}
	for (i = 0; i < ch->nexpunged; i++)
		stream_printf(s->st, "* %u EXPUNGE\r\n", ch->expunged_seqno[i]);
}

/*
 * The client takes the highest MODSEQ that it hears for the one up to which
 * it knows all, unless it is told better: an expunge that must not be told
 * yet would be lost to it if the connection broke now [RFC 7162 3.2, 6].
 */
static void
tell_waiting(struct imap_session *s)
{
	struct view_info info;

	if (!s->condstore)
		return;
	view_info(s->view, &info, &s->need);
	if (info.expunge_waits)
		stream_printf(s->st,
		    "* OK [HIGHESTMODSEQ %llu] An expunge waits.\r\n",
		    (unsigned long long)info.highest_modseq);
}

void
imap_sync(struct imap_session *s, bool with_expunges)
{
	struct view_changes ch;

	if (s->state != IMAP_ST_SELECTED)
		return;
	view_sync(s->view, with_expunges, &ch, &s->need);
	if (ch.gone) {
		/* Messages that a client can still see but not read would be
		 * worse [RFC 2180 3.3]. */
		imap_bye(s, "The selected mailbox has been deleted.");
		view_changes_fini(&ch);
		return;
	}
	tell_expunged(s, &ch);
	if (ch.exists_changed)
		imap_tell_exists(s, ch.exists);
	if (ch.keywords_changed)
		imap_tell_flags(s);
	imap_tell_msgs(s, &ch.flags, IMAP_FETCH_UID | imap_news_items(s));
	if (!with_expunges)
		tell_waiting(s);
	view_changes_fini(&ch);
}

/* No mail program sends many wrong commands in a row. */
static void
count_bad(struct imap_session *s, enum imap_status status)
{
	if (status != IMAP_BAD) {
		s->bad = 0;
		return;
	}
	if (++s->bad >= s->lim.bad)
		imap_bye(s, "Too many bad commands.");
}

void
imap_command_finish(struct imap_cmd *c)
{
	static const char *const word[] = {"", " OK ", " NO ", " BAD "};
	struct imap_session *s = c->s;
	unsigned flags =
	    c->verb != NULL ? c->verb->flags : IMAP_VERB_KEEPS_NUMBERS;

	if (c->status == IMAP_PENDING || s->broken)
		return;
	if (s->state == IMAP_ST_SELECTED && !(flags & IMAP_VERB_NO_SYNC))
		imap_sync(s, (!(flags & IMAP_VERB_KEEPS_NUMBERS) || c->uid) &&
				 !c->keeps);
	stream_putsv(s->st, c->tag);
	stream_puts(s->st, word[c->status]);
	stream_putsv(s->st, buf_sv(&s->reply));
	stream_write(s->st, "\r\n", 2);
	count_bad(s, c->status);
}
