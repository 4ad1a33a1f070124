/* Untagged responses about the selected mailbox as a whole. */
#include "imap/session/session_priv.h"

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
