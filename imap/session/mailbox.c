#include "base/plural.h"
#include "imap/session/session_priv.h"

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

	if (s->local || !sv_starts(name, SV(STORE_RESTORE "/@")))
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
	if (store_restore_reserves(c->s->store, name))
		imap_no(c,
		    "[CANNOT] " STORE_RESTORE " and the folders below it "
		    "are read-only; nothing can be stored there.");
	else
		imap_no(c, "[TRYCREATE] There is no such mailbox.");
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

int
imap_set_argument(struct imap_cmd *c, struct imap_set *out)
{
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_sequence_set(&c->in, out);
	return r == RC_OK ? imap_sp(&c->in) : r;
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
		imap_bad(c, "There %s only %u message%s.",
		    each(count, "is", "are"), count, plural(count));
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
			imap_no(c, "[LIMIT] Keywords are limited to %d bytes.",
			    KEYWORD_MAX);
			return false;
		}
	*out = (struct store_flags){in->system, in->keyword, in->nkeyword};
	return true;
}
