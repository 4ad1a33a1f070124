#include "imap/session/session_priv.h"

/*
 * Coming back to a mailbox [RFC 7162 3.2.5]: instead of listing it all, a
 * client hears what has gone and what has changed since it was here last.
 */

/* The next number of a set, as written: range *i, *k numbers of it taken. */
static bool
next_number(const struct imap_set *set, size_t *i, uint32_t *k, uint32_t *out)
{
	const struct imap_range *r;

	if (*i == set->n)
		return false;
	r = &set->r[*i];
	*out = r->lo + *k;
	if (*out >= r->hi) {
		(*i)++;
		*k = 0;
	} else {
		(*k)++;
	}
	return true;
}

/*
 * Pairs of sequence numbers and UIDs, in rising order [RFC 7162 3.2.5.2]: where
 * one still fits, as many messages are below it as were then, and since none
 * can come in between, the client knows all that has gone up to there.
 * Returns the highest UID that fits, 0 for none.
 */
static uint32_t
matched(struct imap_session *s, const struct imap_select *what)
{
	uint32_t count = view_count(s->view), best = 0, seqno, uid;
	uint32_t seqno_k = 0, uid_k = 0, last = 0;
	size_t seqno_i = 0, uid_i = 0;

	while (next_number(&what->seqno, &seqno_i, &seqno_k, &seqno) &&
	       next_number(&what->uid, &uid_i, &uid_k, &uid) && seqno > last &&
	       seqno <= count) {
		last = seqno;
		if (view_uid(s->view, seqno) == uid && uid > best)
			best = uid;
	}
	return best;
}

/* FETCH with UID, FLAGS and MODSEQ of those that have changed. */
static void
tell_changed(
    struct imap_session *s, const struct rangeset *uids, uint64_t modseq)
{
	struct rangeset seqnos = RANGESET_EMPTY;
	struct imap_walk walk = {.s = s, .seqnos = &seqnos};
	struct imap_msg_writer w;
	uint32_t i;

	imap_uids_to_seqnos(s->view, uids, &seqnos);
	while (imap_goes_on(s, true) && imap_walk_next(&walk)) {
		imap_msg_writer_init(&w, s, imap_news_items(s));
		for (i = 0; i < walk.n; i++) {
			if (walk.msg[i].modseq <= modseq)
				continue;
			imap_put_msg_head(&w, walk.first + i, &walk.msg[i],
			    imap_news_items(s));
			stream_write(s->st, ")\r\n", 3);
		}
	}
	rangeset_fini(&seqnos);
}

void
imap_tell_vanished(struct imap_session *s, const struct rangeset *uids,
    uint64_t modseq, uint32_t above)
{
	struct rangeset known = RANGESET_EMPTY, gone = RANGESET_EMPTY;

	/* What the client knows need not be looked for. */
	if (above < UINT32_MAX)
		rangeset_add(&known, above + 1, UINT32_MAX);
	rangeset_intersect(&known, uids);
	view_vanished(s->view, modseq, &known, &gone, &s->need);
	if (gone.n > 0) {
		buf_reset(&s->scratch);
		rangeset_print(&gone, &s->scratch);
		stream_puts(s->st, "* VANISHED (EARLIER) ");
		stream_putsv(s->st, buf_sv(&s->scratch));
		stream_puts(s->st, "\r\n");
	}
	rangeset_fini(&gone);
	rangeset_fini(&known);
}

void
imap_resync(struct imap_session *s, const struct imap_select *what)
{
	struct rangeset uids = RANGESET_EMPTY;
	struct view_info info;

	view_info(s->view, &info, &s->need);
	/* It sees UIDVALIDITY, and that it has to begin anew. */
	if (what->uidvalidity != info.uidvalidity)
		return;
	if (what->some)
		imap_set_resolve(&what->known, 0, &uids);
	else if (info.uidnext > 1)
		rangeset_add(&uids, 1, info.uidnext - 1);
	imap_tell_vanished(s, &uids, what->modseq, matched(s, what));
	tell_changed(s, &uids, what->modseq);
	rangeset_fini(&uids);
}
