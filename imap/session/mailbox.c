#include "imap/session/internal.h"

_Static_assert(IMAP_SEEN == STORE_SEEN && IMAP_ANSWERED == STORE_ANSWERED &&
		   IMAP_FLAGGED == STORE_FLAGGED &&
		   IMAP_DELETED == STORE_DELETED && IMAP_DRAFT == STORE_DRAFT,
    "parser and store number the flags alike");

#define KEYWORD_MAX 200 /* bytes of one name */

void
imap_deselect(struct imap_session *s)
{
	view_close(&s->view);
	rangeset_fini(&s->saved);
	if (s->state == IMAP_ST_SELECTED)
		s->state = IMAP_ST_AUTH;
}

void
imap_reselect(struct imap_session *s)
{
	/* What was said before is of the old mailbox [RFC 9051 7.1], [RFC 7162
	 * 3.2.11]: also for those who have enabled nothing. */
	if (s->state == IMAP_ST_SELECTED)
		stream_puts(
		    s->st, "* OK [CLOSED] The mailbox before is closed.\r\n");
	imap_deselect(s);
}

bool
imap_is_hidden(struct imap_session *s, struct sv name)
{
	struct store_mailbox_list all;
	size_t i = 0;
	bool made;

	if (s->local || !sv_starts(name, SV(STORE_PAST "/@")))
		return false;
	store_mailbox_list(s->store, &all, &s->need);
	while (i < all.n && !sv_eq(sv_str(all.m[i].name), name))
		i++;
	made = i < all.n && all.m[i].exists;
	store_mailbox_list_fini(&all);
	return !made;
}

void
imap_no_target(struct imap_cmd *c, struct sv name)
{
	if (store_past_reserves(c->s->store, name))
		imap_no(c, "[CANNOT] " STORE_PAST " and the folders below it "
			   "can only be read; nothing can be put there.");
	else
		imap_no(c, "[TRYCREATE] There is no such mailbox.");
}

void
imap_tell_exists(struct imap_session *s, uint32_t count)
{
	stream_printf(s->st, "* %u EXISTS\r\n", count);
	if (!s->rev2)
		stream_puts(s->st, "* 0 RECENT\r\n");
}

static void
put_flag_names(struct imap_session *s, const char *const *name, size_t n)
{
	size_t i;

	stream_puts(s->st, "\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (i = 0; i < n; i++)
		if (name[i][0] != '\0') /* a slot that is free again */
			stream_printf(s->st, " %s", name[i]);
}

void
imap_tell_flags(struct imap_session *s)
{
	const char *name[64];
	struct view_info info;
	size_t n = view_keywords(s->view, name);

	view_info(s->view, &info, &s->need);
	stream_puts(s->st, "* FLAGS (");
	put_flag_names(s, name, n);
	stream_puts(s->st, ")\r\n* OK [PERMANENTFLAGS (");
	if (!s->readonly) {
		put_flag_names(s, name, n);
		if (!info.keywords_full)
			stream_puts(s->st, " \\*");
	}
	stream_puts(s->st, ")] Flags that are kept.\r\n");
}

uint64_t
imap_told_modseq(struct imap_session *s)
{
	struct view_info info;

	view_info(s->view, &info, &s->need);
	return info.highest_modseq;
}

void
imap_condstore(struct imap_session *s)
{
	if (!s->condstore && s->state == IMAP_ST_SELECTED)
		stream_printf(s->st,
		    "* OK [HIGHESTMODSEQ %llu] Mod-sequences are told.\r\n",
		    (unsigned long long)imap_told_modseq(s));
	s->condstore = true;
}

const char *
imap_modseq_code(struct imap_session *s)
{
	buf_reset(&s->scratch);
	if (s->qresync && s->state == IMAP_ST_SELECTED)
		buf_addf(&s->scratch, "[HIGHESTMODSEQ %llu] ",
		    (unsigned long long)imap_told_modseq(s));
	return s->scratch.p;
}

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

void
imap_uids_to_seqnos(
    struct view *v, const struct rangeset *uids, struct rangeset *out)
{
	size_t i;

	for (i = 0; i < uids->n; i++) {
		uint32_t lo = view_seqno_from(v, uids->r[i].lo);
		uint32_t hi = uids->r[i].hi == UINT32_MAX
				  ? view_count(v)
				  : view_seqno_from(v, uids->r[i].hi + 1) - 1;

		if (lo <= hi)
			rangeset_add(out, lo, hi);
	}
}

static void
uid_set_to_seqnos(
    struct view *v, const struct imap_set *set, struct rangeset *out)
{
	uint32_t count = view_count(v);
	struct rangeset uids = RANGESET_EMPTY;

	if (count == 0)
		return;
	imap_set_resolve(set, view_uid(v, count), &uids);
	imap_uids_to_seqnos(v, &uids, out);
	rangeset_fini(&uids);
}

void
imap_uid_set(
    struct imap_session *s, const struct imap_set *set, struct rangeset *out)
{
	if (set->saved)
		rangeset_copy(out, &s->saved);
	else
		imap_set_resolve(set, imap_star_uid(s), out);
}

void
imap_uid_set_of_gone(
    struct imap_session *s, const struct imap_set *set, struct rangeset *out)
{
	struct view_info info;

	imap_uid_set(s, set, out);
	view_info(s->view, &info, &s->need);
	if (!set->saved && imap_set_has_star(set) && info.uidnext > 1)
		imap_set_resolve(set, info.uidnext - 1, out);
}

uint32_t
imap_star_uid(struct imap_session *s)
{
	uint32_t n = view_count(s->view);
	struct view_info info;

	if (n > 0)
		return view_uid(s->view, n);
	view_info(s->view, &info, &s->need);
	return info.uidnext;
}

bool
imap_resolve(
    struct imap_cmd *c, const struct imap_set *set, struct rangeset *out)
{
	struct view *v = c->s->view;
	uint32_t count = view_count(v);

	/* "$" is what it names, with UID and without [RFC 5182 2.1]. */
	if (set->saved) {
		imap_uids_to_seqnos(v, &c->s->saved, out);
		return true;
	}
	if (c->uid) {
		uid_set_to_seqnos(v, set, out);
		return true;
	}
	if (imap_set_max(set) > count ||
	    (count == 0 && imap_set_has_star(set))) {
		imap_bad(c, "There are only %u messages.", count);
		return false;
	}
	imap_set_resolve(set, count, out);
	return true;
}

bool
imap_store_flags(
    struct imap_cmd *c, const struct imap_flags *in, struct store_flags *out)
{
	size_t i;

	for (i = 0; i < in->nkeyword; i++)
		if (in->keyword[i].n > KEYWORD_MAX) {
			imap_no(c, "[LIMIT] A keyword has at most %d bytes.",
			    KEYWORD_MAX);
			return false;
		}
	*out = (struct store_flags){in->system, in->keyword, in->nkeyword};
	return true;
}
