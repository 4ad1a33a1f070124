#include "imap/session/session_priv.h"

/*
 * What is written for each message in the thousands: by hand, since printf
 * would be most of the work of FETCH 1:* (FLAGS).
 */

static char *
put_text(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}

#define PUT(p, lit) put_text(p, lit, sizeof(lit) - 1)

static char *
put_number(char *p, uint64_t v)
{
	char t[20];
	size_t i = sizeof t;

	do {
		t[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return put_text(p, t + i, sizeof t - i);
}

void
imap_msg_writer_init(
    struct imap_msg_writer *w, struct imap_session *s, unsigned items)
{
	/* No message shows a keyword that FLAGS has not named
	 * [RFC 3501 7.2.6]. */
	if ((items & IMAP_FETCH_FLAGS) && view_keyword_news(s->view))
		imap_tell_flags(s);
	w->s = s;
	w->nkeyword = view_keywords(s->view, w->keyword);
}

static void
put_keywords(const struct imap_msg_writer *w, uint64_t bits, bool first)
{
	size_t i;

	for (i = 0; i < w->nkeyword; i++) {
		if (!(bits >> i & 1))
			continue;
		if (!first)
			stream_write(w->s->st, " ", 1);
		first = false;
		stream_puts(w->s->st, w->keyword[i]);
	}
}

static char *
put_system(char *p, uint32_t bits)
{
	if (bits & STORE_SEEN)
		p = PUT(p, "\\Seen ");
	if (bits & STORE_ANSWERED)
		p = PUT(p, "\\Answered ");
	if (bits & STORE_FLAGGED)
		p = PUT(p, "\\Flagged ");
	if (bits & STORE_DELETED)
		p = PUT(p, "\\Deleted ");
	if (bits & STORE_DRAFT)
		p = PUT(p, "\\Draft ");
	return p;
}

void
imap_put_msg_head(const struct imap_msg_writer *w, uint32_t seqno,
    const struct store_msg *m, unsigned items)
{
	char t[200], *p = t, *flags;

	p = PUT(p, "* ");
	p = put_number(p, seqno);
	p = PUT(p, " FETCH (");
	if (items & IMAP_FETCH_UID) {
		p = PUT(p, "UID ");
		p = put_number(p, m->uid);
		*p++ = ' ';
	}
	if (items & IMAP_FETCH_SIZE) {
		p = PUT(p, "RFC822.SIZE ");
		p = put_number(p, m->size);
		*p++ = ' ';
	}
	if (items & IMAP_FETCH_MODSEQ) {
		p = PUT(p, "MODSEQ (");
		p = put_number(p, m->modseq);
		p = PUT(p, ") ");
	}
	if (items & IMAP_FETCH_FLAGS) {
		p = PUT(p, "FLAGS (");
		flags = p;
		p = put_system(p, m->system);
		if (p > flags)
			p--; /* the space behind the last */
		stream_write(w->s->st, t, (size_t)(p - t));
		if (m->keywords != 0)
			put_keywords(w, m->keywords, p == flags);
		p = PUT(t, ") ");
	}
	/* Without the last space: each further item brings its own. */
	if (p > t && p[-1] == ' ')
		p--;
	stream_write(w->s->st, t, (size_t)(p - t));
}

bool
imap_walk_next(struct imap_walk *w)
{
	const struct range *r;
	uint32_t first, n;

	if (w->msg == NULL)
		w->msg = arena_array(&w->s->arena, IMAP_CHUNK, sizeof *w->msg);
	if (w->range == w->seqnos->n)
		return false;
	r = &w->seqnos->r[w->range];
	first = r->lo + w->done;
	n = r->hi - first + 1;
	if (n > IMAP_CHUNK)
		n = IMAP_CHUNK;
	w->first = first;
	w->n = view_msgs(w->s->view, first, n, w->msg, &w->s->need);
	w->done += n;
	if (first + (n - 1) == r->hi) {
		w->range++;
		w->done = 0;
	}
	return w->n > 0;
}

unsigned
imap_news_items(const struct imap_session *s)
{
	return IMAP_FETCH_FLAGS |
	       (s->condstore ? IMAP_FETCH_UID | IMAP_FETCH_MODSEQ : 0);
}

void
imap_tell_msgs(
    struct imap_session *s, const struct rangeset *seqnos, unsigned items)
{
	struct imap_walk walk = {.s = s, .seqnos = seqnos};
	struct imap_msg_writer w;
	uint32_t i;

	if (seqnos->n == 0)
		return;
	while (imap_goes_on(s, true) && imap_walk_next(&walk)) {
		imap_msg_writer_init(&w, s, items);
		for (i = 0; i < walk.n; i++) {
			imap_put_msg_head(
			    &w, walk.first + i, &walk.msg[i], items);
			stream_write(s->st, ")\r\n", 3);
		}
	}
}

/* ---- summaries ---- */

void
imap_summary_init(struct imap_summary *x)
{
	*x = (struct imap_summary){.loaded = false};
	buf_init(&x->bytes, 16 << 20);
}

void
imap_summary_unload(struct imap_summary *x)
{
	if (x->loaded)
		mime_summary_fini(&x->sum);
	x->loaded = false;
	buf_reset(&x->bytes);
}

void
imap_summary_fini(struct imap_summary *x)
{
	imap_summary_unload(x);
	buf_fini(&x->bytes);
}

bool
imap_summary_load(
    struct imap_summary *x, struct store *st, const struct store_msg *m)
{
	if (x->loaded)
		return x->good;
	x->good = store_summary(st, m->body, &x->bytes) == RC_OK &&
		  mime_summary_decode(buf_sv(&x->bytes), &x->sum) == RC_OK;
	if (!x->good) {
		buf_reset(&x->bytes);
		mime_summarise_opaque(m->size, &x->bytes);
		if (mime_summary_decode(buf_sv(&x->bytes), &x->sum) != RC_OK)
			must_fail(
			    "an opaque summary is one", __FILE__, __LINE__);
	}
	x->loaded = true;
	return x->good;
}
