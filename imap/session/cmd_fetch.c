#include "imap/session/session_priv.h"

struct fetch {
	struct imap_session *s;
	const struct imap_fetch *what;
	unsigned items;
	uint64_t epoch;
	const char **label; /* of each section */
	struct imap_msg_writer w;
	struct imap_summary x;
	struct buf header;
	bool any;     /* the response has an item already */
	bool damaged; /* something could not be read */
	bool purged;  /* it was expunged and is gone for good */
	bool over;    /* imap_goes_on() said no */
	bool unknown; /* some transfer encoding is not known */
};

static void
item(struct fetch *f, const char *name)
{
	if (f->any)
		stream_write(f->s->st, " ", 1);
	f->any = true;
	stream_puts(f->s->st, name);
}

/* A session may show what was expunged elsewhere and read it, too, unless it
 * was purged [RFC 2180 4.1]. */
static void
unread(struct fetch *f, const struct store_msg *m)
{
	if (m->expunged)
		f->purged = true;
	else
		f->damaged = true;
}

#define FROM_SUMMARY \
	(IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODYSTRUCTURE | IMAP_FETCH_BODY)

/* ENVELOPE and the structures lie in the summary as they are sent. */
static void
put_summary(struct fetch *f, const struct store_msg *m)
{
	struct stream *st = f->s->st;

	if (!imap_summary_load(&f->x, f->s->store, m))
		unread(f, m);
	if (f->items & IMAP_FETCH_ENVELOPE) {
		item(f, "ENVELOPE ");
		stream_putsv(st, f->x.sum.envelope);
	}
	if (f->items & IMAP_FETCH_BODYSTRUCTURE) {
		item(f, "BODYSTRUCTURE ");
		stream_putsv(st, f->x.sum.bodystructure);
	}
	if (f->items & IMAP_FETCH_BODY) {
		item(f, "BODY ");
		stream_putsv(st, f->x.sum.body);
	}
}

static void
put_date(struct fetch *f, const struct store_msg *m)
{
	struct buf *b = &f->s->scratch;

	item(f, "INTERNALDATE ");
	buf_reset(b);
	imap_put_date_time(b, m->internal_date, m->zone);
	stream_putsv(f->s->st, buf_sv(b));
}

/* Save dates have no zone of their own: they are told in UTC. */
static void
put_savedate(struct fetch *f, const struct store_msg *m)
{
	struct buf *b = &f->s->scratch;

	item(f, "SAVEDATE ");
	buf_reset(b);
	imap_put_date_time(b, m->save_date, 0);
	stream_putsv(f->s->st, buf_sv(b));
}

/* [RFC 8474 5.3] */
static void
put_ids(struct fetch *f, const struct store_msg *m)
{
	struct buf *b = &f->s->scratch;

	if (f->items & IMAP_FETCH_EMAILID) {
		item(f, "EMAILID (");
		buf_reset(b);
		imap_put_emailid(b, f->epoch, m->body);
		buf_addc(b, ')');
		stream_putsv(f->s->st, buf_sv(b));
	}
	if (!(f->items & IMAP_FETCH_THREADID))
		return;
	if (!imap_load_header(f->s, m, &f->x, &f->header)) {
		item(f, "THREADID NIL");
		unread(f, m);
		return;
	}
	item(f, "THREADID (");
	buf_reset(b);
	imap_put_threadid(b, buf_sv(&f->header), f->epoch, m->body);
	buf_addc(b, ')');
	stream_putsv(f->s->st, buf_sv(b));
}

/* BINARY and BINARY.SIZE; not told where the encoding is not known. */
static void
put_binary(struct fetch *f, const struct store_msg *m, size_t i)
{
	const struct imap_section *sec = &f->what->section[i];
	struct imap_binary b;
	int r = imap_binary_load(f->s, m, &f->x, sec, &b);

	if (r == RC_NOSUPPORT) {
		f->unknown = true;
		return;
	}
	item(f, f->label[i]);
	if (!imap_put_binary(f->s, m, sec, &b) || r != RC_OK)
		unread(f, m);
}

static void
fetch_one(
    struct fetch *f, uint32_t seqno, const struct store_msg *m, bool flags)
{
	unsigned head = f->items | (flags ? imap_news_items(f->s) : 0);
	size_t i;

	imap_put_msg_head(&f->w, seqno, m, head);
	f->any = (head & IMAP_HEAD_ITEMS) != 0;
	if (f->items & IMAP_FETCH_INTERNALDATE)
		put_date(f, m);
	if (f->items & IMAP_FETCH_SAVEDATE)
		put_savedate(f, m);
	if (f->items & (IMAP_FETCH_EMAILID | IMAP_FETCH_THREADID))
		put_ids(f, m);
	if (f->items & FROM_SUMMARY)
		put_summary(f, m);
	for (i = 0; i < f->what->nsection && !f->s->broken; i++) {
		/* A response that has begun cannot be left halfway. */
		if (i > 0 && !imap_goes_on(f->s, false)) {
			f->s->broken = true;
			break;
		}
		if (f->what->section[i].form != IMAP_FORM_BODY) {
			put_binary(f, m, i);
			continue;
		}
		item(f, f->label[i]);
		if (!imap_put_part(f->s, m, &f->x, &f->what->section[i]))
			unread(f, m);
	}
	/* A response has one item at least. */
	if (!f->any)
		stream_printf(f->s->st, "UID %u", m->uid);
	imap_summary_unload(&f->x);
	stream_write(f->s->st, ")\r\n", 3);
}

/* CHANGEDSINCE [RFC 7162 3.1.4.1]. */
static bool
is_asked_for(const struct fetch *f, const struct store_msg *m)
{
	return !f->what->changed_since || m->modseq > f->what->since;
}

/*
 * \Seen for those of the chunk that do not have it yet [RFC 3501 6.4.5,
 * BODY[]].  *changed gets the sequence numbers whose flags are told with the
 * message.
 */
static int
mark_seen(const struct fetch *f, struct imap_walk *walk,
    struct rangeset *changed, struct err *err)
{
	static const struct store_flags seen = {STORE_SEEN, NULL, 0};
	struct imap_session *s = f->s;
	struct rangeset unseen = RANGESET_EMPTY, failed = RANGESET_EMPTY;
	uint32_t i;
	int r = RC_OK;

	for (i = 0; i < walk->n; i++)
		if (!(walk->msg[i].system & STORE_SEEN) &&
		    !walk->msg[i].expunged && is_asked_for(f, &walk->msg[i]))
			rangeset_add(&unseen, walk->first + i, walk->first + i);
	if (unseen.n > 0)
		r = view_store(s->view, &unseen, STORE_OP_ADD, &seen, NULL,
		    changed, &failed, &s->need, err);
	if (unseen.n > 0 && r == RC_OK) {
		walk->n = view_msgs(
		    s->view, walk->first, walk->n, walk->msg, &s->need);
		imap_watch_marked(s, changed, IMAP_MARK_READ);
	}
	rangeset_fini(&failed);
	rangeset_fini(&unseen);
	return r;
}

static int
fetch_chunk(struct fetch *f, struct imap_walk *walk, struct err *err)
{
	struct rangeset changed = RANGESET_EMPTY;
	uint32_t i;
	int r = RC_OK;

	if (f->what->sets_seen && !f->s->readonly)
		r = mark_seen(f, walk, &changed, err);
	/* For each chunk: others may make new keywords meanwhile. */
	imap_msg_writer_init(
	    &f->w, f->s, f->items | (changed.n > 0 ? IMAP_FETCH_FLAGS : 0));
	for (i = 0; r == RC_OK && i < walk->n; i++) {
		f->over = !imap_goes_on(f->s, true);
		if (f->over)
			break;
		if (!is_asked_for(f, &walk->msg[i]))
			continue;
		fetch_one(f, walk->first + i, &walk->msg[i],
		    changed.n > 0 && rangeset_has(&changed, walk->first + i));
	}
	rangeset_fini(&changed);
	return r;
}

static void
fetch_all(struct imap_cmd *c, const struct imap_fetch *what,
    const struct rangeset *seqnos)
{
	struct imap_session *s = c->s;
	struct fetch f = {.s = s,
	    .what = what,
	    .items = what->items,
	    .epoch = store_epoch(s->store)};
	struct imap_walk walk = {.s = s, .seqnos = seqnos};
	struct err err = {0};
	size_t i;
	int r = RC_OK;

	if (c->uid)
		f.items |= IMAP_FETCH_UID;
	f.label = arena_array(&s->arena, what->nsection, sizeof *f.label);
	for (i = 0; i < what->nsection; i++) {
		buf_reset(&s->scratch);
		imap_put_section(&s->scratch, &what->section[i]);
		f.label[i] = arena_dup(&s->arena, buf_sv(&s->scratch)).p;
	}
	imap_summary_init(&f.x);
	buf_init(&f.header, UINT32_MAX);
	while (r == RC_OK && !f.over && imap_walk_next(&walk))
		r = fetch_chunk(&f, &walk, &err);
	buf_fini(&f.header);
	imap_summary_fini(&f.x);
	if (r != RC_OK)
		imap_store_error(c, r, &err);
	else if (f.over)
		imap_ended(c);
	else if (f.unknown)
		imap_no(c, "[UNKNOWN-CTE] Some parts could not be decoded.");
	else if (f.damaged)
		imap_no(c, "[CORRUPTION] Some messages could not be read.");
	else if (f.purged)
		imap_no(c, "[EXPUNGEISSUED] Some messages have been removed "
			   "for good.");
	else
		imap_ok(c, "Fetch completed.");
}

/* VANISHED [RFC 7162 3.2.6], which comes before all FETCHes. */
static void
vanished(struct imap_cmd *c, const struct imap_set *set, uint64_t since)
{
	struct rangeset uids = RANGESET_EMPTY;

	imap_uid_set_of_gone(c->s, set, &uids);
	imap_tell_vanished(c->s, &uids, since, 0);
	rangeset_fini(&uids);
}

/*
 * fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" /
 *         fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
 */
void
imap_cmd_fetch(struct imap_cmd *c)
{
	struct rangeset seqnos = RANGESET_EMPTY;
	struct imap_fetch what;
	struct imap_set set;
	int r = imap_set_argument(c, &set);

	if (r == RC_OK)
		r = imap_fetch_atts(&c->in, &what);
	if (r == RC_OK)
		r = imap_fetch_modifiers(&c->in, &what);
	if (!imap_arguments_end(c, r))
		return;
	if (what.vanished && (!c->uid || !c->s->qresync)) {
		imap_bad(c, "VANISHED requires UID FETCH and ENABLE QRESYNC.");
		return;
	}
	if (!imap_resolve(c, &set, &seqnos))
		goto out;
	if (what.items & IMAP_FETCH_MODSEQ)
		imap_condstore(c->s);
	if (what.vanished)
		vanished(c, &set, what.since);
	fetch_all(c, &what, &seqnos);
out:
	rangeset_fini(&seqnos);
}
