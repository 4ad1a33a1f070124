/* LIST and STATUS responses. */
#include "imap/parse/capability.h"
#include "imap/session/session_priv.h"

void
imap_put_list_line(struct imap_session *s, const struct imap_list_line *l)
{
	struct buf *b = &s->scratch;

	buf_reset(b);
	buf_addf(b, "* %s (", l->word);
	buf_addsv(b, sv_skip(buf_sv(&l->attributes), 1));
	buf_adds(b, ") \"/\" ");
	imap_put_mailbox(b, l->name, s->rev2);
	if (l->old.n > 0) {
		buf_adds(b, " (\"OLDNAME\" (");
		imap_put_mailbox(b, l->old, s->rev2);
		buf_adds(b, "))");
	} else if (l->tag != NULL) {
		buf_adds(b, l->tag);
	}
	buf_adds(b, "\r\n");
	stream_putsv(s->st, buf_sv(b));
}

static const struct {
	unsigned use;
	const char *attribute;
} uses[] = {
    {STORE_USE_DRAFTS, " \\Drafts"},
    {STORE_USE_SENT, " \\Sent"},
    {STORE_USE_JUNK, " \\Junk"},
    {STORE_USE_TRASH, " \\Trash"},
    {STORE_USE_ARCHIVE, " \\Archive"},
    {STORE_USE_ALL, " \\All"},
    {STORE_USE_FLAGGED, " \\Flagged"},
};

/* Attributes of [RFC 3501 7.2.2], [RFC 3348], [RFC 6154] and [RFC 5258 3]. */
void
imap_put_list_attributes(
    struct buf *out, const struct store_mailbox *m, bool extended, bool subs)
{
	size_t i;

	if (!m->exists && extended)
		buf_adds(out, " \\NonExistent");
	else if (!m->selectable)
		buf_adds(out, " \\Noselect");
	buf_adds(out, m->has_children ? " \\HasChildren" : " \\HasNoChildren");
	for (i = 0; i < sizeof uses / sizeof uses[0]; i++)
		if (m->use & uses[i].use)
			buf_adds(out, uses[i].attribute);
	if (m->in_restore)
		buf_adds(out, " " IMAP_LIST_RESTORE);
	if (subs && m->subscribed)
		buf_adds(out, " \\Subscribed");
}

/* The store's name is "INBOX/x" for any spelling of INBOX. */
static bool
is_named(struct sv stored, struct sv given)
{
	const struct sv top = SV("INBOX/");

	if (sv_istarts(given, top) && sv_starts(stored, top))
		return sv_eq(sv_skip(stored, top.n), sv_skip(given, top.n));
	return sv_eq(stored, given);
}

void
imap_tell_mailbox(struct imap_session *s, struct sv name, struct sv old)
{
	struct imap_list_line line = {.word = "LIST", .old = old};
	struct store_mailbox_list all;
	size_t i = 0;

	store_mailbox_list(s->store, &all, &s->need);
	while (i < all.n && !is_named(sv_str(all.m[i].name), name))
		i++;
	if (i < all.n && all.m[i].exists) {
		line.name = sv_str(all.m[i].name);
		if (old.n == 0 && !sv_eq(line.name, name))
			line.old = name;
		buf_init(&line.attributes, 200);
		imap_put_list_attributes(
		    &line.attributes, &all.m[i], true, true);
		imap_put_list_line(s, &line);
		buf_fini(&line.attributes);
	}
	store_mailbox_list_fini(&all);
}

static void
put_status(struct buf *out, unsigned bits, const struct store_status *st,
    uint64_t append_limit)
{
	const struct {
		unsigned bit;
		const char *name;
		uint64_t value;
	} row[] = {
	    {IMAP_STATUS_MESSAGES, "MESSAGES", st->messages},
	    {IMAP_STATUS_RECENT, "RECENT", 0},
	    {IMAP_STATUS_UIDNEXT, "UIDNEXT", st->uidnext},
	    {IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", st->uidvalidity},
	    {IMAP_STATUS_UNSEEN, "UNSEEN", st->unseen},
	    {IMAP_STATUS_SIZE, "SIZE", st->size},
	    {IMAP_STATUS_DELETED, "DELETED", st->deleted},
	    {IMAP_STATUS_APPENDLIMIT, "APPENDLIMIT", append_limit},
	    {IMAP_STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", st->modseq},
	    {IMAP_STATUS_DELETED_STORAGE, "DELETED-STORAGE", st->deleted_size},
	};
	const char *sep = " (";
	size_t i;

	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		if (!(bits & row[i].bit))
			continue;
		buf_adds(out, sep);
		buf_adds(out, row[i].name);
		buf_addc(out, ' ');
		buf_addu(out, row[i].value);
		sep = " ";
	}
	if (bits & IMAP_STATUS_MAILBOXID) {
		buf_adds(out, sep);
		buf_adds(out, "MAILBOXID (");
		imap_put_mailboxid(out, st->epoch, st->id);
		buf_addc(out, ')');
	}
	buf_addc(out, ')');
}

bool
imap_status_allowed(struct imap_cmd *c, unsigned bits)
{
	if (bits & IMAP_STATUS_HIGHESTMODSEQ)
		imap_condstore(c->s);
	if (!c->s->rev2 || !(bits & IMAP_STATUS_RECENT))
		return true;
	imap_bad(c, "RECENT does not exist in IMAP4rev2.");
	return false;
}

void
imap_tell_status(struct imap_session *s, struct sv name, unsigned bits,
    const struct store_status *st)
{
	buf_reset(&s->scratch);
	buf_adds(&s->scratch, "* STATUS ");
	imap_put_mailbox(&s->scratch, name, s->rev2);
	put_status(&s->scratch, bits, st, s->lim.append);
	buf_adds(&s->scratch, "\r\n");
	stream_putsv(s->st, buf_sv(&s->scratch));
}
