#include "imap/session/session_priv.h"

static void
search_msg_init(struct imap_search_msg *q, struct imap_session *s)
{
	*q = (struct imap_search_msg){.s = s};
	imap_summary_init(&q->x);
	buf_init(&q->body, UINT32_MAX);
	buf_init(&q->header, UINT32_MAX);
	buf_init(&q->text, UINT32_MAX);
	buf_init(&q->folded, UINT32_MAX);
}

static void
search_msg_fini(struct imap_search_msg *q)
{
	buf_fini(&q->folded);
	buf_fini(&q->text);
	buf_fini(&q->header);
	buf_fini(&q->body);
	imap_summary_fini(&q->x);
}

/* What was found, in rising order. */
struct found {
	struct rangeset seqnos;
	struct rangeset uids;	      /* for UID SEARCH */
	uint64_t first, last, modseq; /* MODSEQs of the ends, the highest */
};

static void
note(const struct imap_search_msg *q, bool uid, struct found *f)
{
	if (f->seqnos.n == 0)
		f->first = q->m->modseq;
	f->last = q->m->modseq;
	if (f->modseq < q->m->modseq)
		f->modseq = q->m->modseq;
	rangeset_add(&f->seqnos, q->seqno, q->seqno);
	if (uid)
		rangeset_add(&f->uids, q->m->uid, q->m->uid);
}

/* All messages, in order; what matches goes into *f.  Answered if it did not
 * come to its end. */
static bool
run(struct imap_cmd *c, const struct imap_search_key *key, struct found *f)
{
	struct imap_session *s = c->s;
	struct range whole = {1, view_count(s->view)};
	struct rangeset all = {&whole, whole.hi > 0, 1};
	struct imap_walk walk = {.s = s, .seqnos = &all};
	struct imap_search_msg q;
	uint32_t i;

	search_msg_init(&q, s);
	while (!q.over && imap_walk_next(&walk)) {
		for (i = 0; i < walk.n && !q.over; i++) {
			bool damaged = q.damaged;

			q.m = &walk.msg[i];
			q.seqno = walk.first + i;
			q.have_body = q.have_header = false;
			q.number++;
			if (imap_search_match(&q, key))
				note(&q, c->uid, f);
			q.over = q.over || !imap_goes_on(s, true);
			/* Expunged elsewhere and purged: no damage. */
			if (q.m->expunged)
				q.damaged = damaged;
			imap_summary_unload(&q.x);
		}
	}
	search_msg_fini(&q);
	if (q.over)
		imap_ended(c);
	return !q.damaged;
}

/* "* SEARCH 2 84 882 (MODSEQ 917162500)" [RFC 7162 3.1.6]; modseq 0: not
 * told. */
static void
tell_search(
    struct imap_session *s, const struct rangeset *found, uint64_t modseq)
{
	struct buf *b = &s->scratch;
	size_t i;

	buf_reset(b);
	buf_adds(b, "* SEARCH");
	for (i = 0; i < found->n; i++) {
		uint32_t n = found->r[i].hi - found->r[i].lo + 1, k;

		for (k = 0; k < n; k++) {
			buf_addc(b, ' ');
			buf_addu(b, found->r[i].lo + k);
		}
	}
	if (found->n > 0 && modseq > 0) {
		buf_adds(b, " (MODSEQ ");
		buf_addu(b, modseq);
		buf_addc(b, ')');
	}
	buf_add(b, "\r\n", 2);
	stream_putsv(s->st, buf_sv(b));
}

/*
 * esearch-response = "ESEARCH" [search-correlator] [SP "UID"]
 *                    *(SP search-return-data)  [RFC 4466 2.6, RFC 4731]
 */
static void
tell_esearch(struct imap_cmd *c, unsigned what, const struct rangeset *found,
    uint64_t modseq)
{
	struct imap_session *s = c->s;
	struct buf *b = &s->scratch;

	buf_reset(b);
	/* A tag has no character that a string cannot have. */
	buf_adds(b, "* ESEARCH (TAG \"");
	buf_addsv(b, c->tag);
	buf_adds(b, "\")");
	if (c->uid)
		buf_adds(b, " UID");
	if (found->n > 0 && (what & IMAP_RETURN_MIN))
		buf_addf(b, " MIN %u", found->r[0].lo);
	if (found->n > 0 && (what & IMAP_RETURN_MAX))
		buf_addf(b, " MAX %u", found->r[found->n - 1].hi);
	if (what & IMAP_RETURN_COUNT) {
		buf_adds(b, " COUNT ");
		buf_addu(b, rangeset_count(found));
	}
	if (found->n > 0 && (what & IMAP_RETURN_ALL)) {
		buf_adds(b, " ALL ");
		rangeset_print(found, b);
	}
	if (found->n > 0 && modseq > 0) {
		buf_adds(b, " MODSEQ ");
		buf_addu(b, modseq);
	}
	buf_add(b, "\r\n", 2);
	stream_putsv(s->st, buf_sv(b));
}

/*
 * Sets "$" [RFC 5182 2.1, 2.4]: to all that was found, or with MIN and MAX
 * alone to just those.  False if that is too much to be remembered.
 *
 * Neighbours in the mailbox become one range of UIDs: what lies between has
 * been expunged and does not come back.
 */
static bool
save(struct imap_session *s, unsigned what, const struct rangeset *seqnos)
{
	bool all = !(what & (IMAP_RETURN_MIN | IMAP_RETURN_MAX)) ||
		   (what & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT));
	struct rangeset ends = RANGESET_EMPTY;
	size_t i;

	if (!all && seqnos->n > 0 && (what & IMAP_RETURN_MIN))
		rangeset_add(&ends, seqnos->r[0].lo, seqnos->r[0].lo);
	if (!all && seqnos->n > 0 && (what & IMAP_RETURN_MAX))
		rangeset_add(&ends, seqnos->r[seqnos->n - 1].hi,
		    seqnos->r[seqnos->n - 1].hi);
	if (!all)
		seqnos = &ends;
	rangeset_fini(&s->saved);
	for (i = 0; i < seqnos->n && s->saved.n <= s->lim.saved; i++)
		rangeset_add(&s->saved, view_uid(s->view, seqnos->r[i].lo),
		    view_uid(s->view, seqnos->r[i].hi));
	rangeset_fini(&ends);
	if (s->saved.n <= s->lim.saved)
		return true;
	rangeset_fini(&s->saved);
	return false;
}

/* Which MODSEQ goes with the response: of MIN and MAX alone just theirs
 * [RFC 4731 3.2]. */
static uint64_t
modseq_of(const struct found *f, unsigned what)
{
	const unsigned min = IMAP_RETURN_MIN, max = IMAP_RETURN_MAX;

	what &= min | max | IMAP_RETURN_ALL | IMAP_RETURN_COUNT;
	if (what == min)
		return f->first;
	if (what == max)
		return f->last;
	if (what == (min | max))
		return f->first > f->last ? f->first : f->last;
	return f->modseq;
}

/* In the form that was asked for; IMAP4rev2 knows ESEARCH only. */
static void
tell(struct imap_cmd *c, const struct imap_search *what, const struct found *f)
{
	const struct rangeset *found = c->uid ? &f->uids : &f->seqnos;
	uint64_t modseq = what->modseq ? modseq_of(f, what->result) : 0;

	if (what->result == IMAP_RETURN_SAVE)
		return;
	if (what->esearch || c->s->rev2)
		tell_esearch(c, what->result, found, modseq);
	else
		tell_search(c->s, found, modseq);
}

static bool
charset_ok(struct sv charset)
{
	return charset.p == NULL || sv_ieq(charset, SV("US-ASCII")) ||
	       sv_ieq(charset, SV("UTF-8")) || mime_charset_known(charset);
}

void
imap_cmd_search(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct found f = {.seqnos = RANGESET_EMPTY};
	struct imap_search what;
	bool whole, saved;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_search_program(&c->in, &what);
	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	if (!charset_ok(what.charset)) {
		if (what.result & IMAP_RETURN_SAVE)
			rangeset_fini(&s->saved);
		imap_no(c, "[BADCHARSET (US-ASCII UTF-8)] "
			   "That charset is not supported.");
		return;
	}
	/* [RFC 7162 3.2.10.2]: the client speaks in numbers. */
	c->keeps = what.seqnos;
	if (what.modseq)
		imap_condstore(s);
	imap_search_prepare(s, what.key, what.charset);
	whole = run(c, what.key, &f);
	if (c->status != IMAP_PENDING)
		goto out;
	saved = !(what.result & IMAP_RETURN_SAVE) ||
		save(s, what.result, &f.seqnos);
	if (saved)
		tell(c, &what, &f);
	if (!saved)
		imap_no(c, "[NOTSAVED] Too many messages to remember.");
	else if (whole)
		imap_ok(c, "Search completed.");
	else
		imap_ok(c,
		    "Search completed, but some messages could not be read.");
out:
	rangeset_fini(&f.uids);
	rangeset_fini(&f.seqnos);
}
