#include "imap/session/session_priv.h"

#include "base/fold.h"
#include "base/utf8.h"

/* What prepared points to, by the key's type. */
struct prepared {
	struct rangeset set; /* SEQ, UID: in the arena */
	struct imap_needle needle;
	uint64_t keyword; /* bits */
	uint64_t body;	  /* EMAILID; 0: of no message */

	/* Of text: what was found of the message with this number.  Keys that
	 * ask for the same share it. */
	uint64_t known;
	bool found;
};

static bool
is_text(enum imap_search_type t)
{
	return t >= IMAP_SEARCH_SUBJECT;
}

/* A string in the command's charset becomes folded UTF-8. */
static void
prepare_needle(struct imap_session *s, struct sv charset, struct sv text,
    struct imap_needle *out)
{
	struct buf utf8, narrow, folded;

	buf_init(&utf8, 8 * text.n + 64);
	buf_init(&narrow, 8 * text.n + 64);
	buf_init(&folded, 32 * text.n + 64);
	if (charset.n == 0 || sv_ieq(charset, SV("UTF-8")) ||
	    sv_ieq(charset, SV("US-ASCII")))
		utf8_repair(&utf8, text);
	else
		mime_to_utf8(charset, text, &utf8);
	fold_utf8(buf_sv(&utf8), &folded);
	out->text = arena_dup(&s->arena, buf_sv(&folded));
	buf_reset(&folded);
	mime_narrow(buf_sv(&utf8), true, &narrow);
	fold_utf8(buf_sv(&narrow), &folded);
	out->narrow = arena_dup(&s->arena, buf_sv(&folded));
	out->ascii = !utf8_has_8bit(buf_sv(&utf8));
	buf_fini(&folded);
	buf_fini(&narrow);
	buf_fini(&utf8);
}

/* Moved into the arena, so that nothing has to be freed. */
static void
prepare_set(struct imap_session *s, const struct imap_set *set, uint32_t star,
    struct rangeset *out)
{
	struct rangeset r = RANGESET_EMPTY;

	/* A copy: this search may set "$" anew. */
	if (set->saved)
		rangeset_copy(&r, &s->saved);
	else
		imap_set_resolve(set, star, &r);
	out->n = r.n;
	out->r = arena_array(&s->arena, r.n, sizeof *r.r);
	if (r.n > 0)
		memcpy(out->r, r.r, r.n * sizeof *r.r);
	rangeset_fini(&r);
}

static uint64_t
keyword_bits(struct view *v, struct sv name)
{
	const char *names[64];
	size_t n = view_keywords(v, names), i;
	uint64_t bits = 0;

	for (i = 0; i < n; i++)
		if (sv_ieq(sv_str(names[i]), name))
			bits |= (uint64_t)1 << i;
	return bits;
}

/* What it costs to evaluate a key, by how far it has to reach. */
static int
cost(const struct imap_search_key *k)
{
	const struct imap_search_key *c;
	int most = 0;

	switch (k->type) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		/* Once for each: twice would be exponential in the depth. */
		for (c = k->child; c != NULL; c = c->next) {
			int one = cost(c);

			most = one > most ? one : most;
		}
		return most;
	case IMAP_SEARCH_ALL:
	case IMAP_SEARCH_NONE:
	case IMAP_SEARCH_SEQ:
	case IMAP_SEARCH_UID:
	case IMAP_SEARCH_FLAG:
	case IMAP_SEARCH_KEYWORD:
	case IMAP_SEARCH_LARGER:
	case IMAP_SEARCH_SMALLER:
	case IMAP_SEARCH_MODSEQ:
	case IMAP_SEARCH_EMAILID:
	case IMAP_SEARCH_SAVEDBEFORE:
	case IMAP_SEARCH_SAVEDON:
	case IMAP_SEARCH_SAVEDSINCE:
	case IMAP_SEARCH_BEFORE:
	case IMAP_SEARCH_ON:
	case IMAP_SEARCH_SINCE:
		return 0;
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
	case IMAP_SEARCH_SUBJECT:
	case IMAP_SEARCH_FROM:
	case IMAP_SEARCH_TO:
	case IMAP_SEARCH_CC:
	case IMAP_SEARCH_BCC:
		return 1;
	case IMAP_SEARCH_HEADER:
	case IMAP_SEARCH_THREADID:
		return 2;
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return 3;
	}
	return 3;
}

/* Stable, in one pass for each of the four costs. */
static void
sort_children(struct imap_search_key *k)
{
	struct imap_search_key *sorted = NULL, **end = &sorted;
	int level;

	for (level = 0; level <= 3; level++) {
		struct imap_search_key **p = &k->child;

		while (*p != NULL) {
			struct imap_search_key *c = *p;

			if (cost(c) != level) {
				p = &c->next;
				continue;
			}
			*p = c->next;
			c->next = NULL;
			*end = c;
			end = &c->next;
		}
	}
	k->child = sorted;
}

/* All keys of a search, to find those that ask for the same. */
#define BUCKETS 1024

struct same {
	struct imap_search_key *key;
	struct same *next;
};

struct preparing {
	struct imap_session *s;
	struct sv charset;
	struct same *bucket[BUCKETS];
};

static struct same **
bucket_of(struct preparing *x, const struct imap_search_key *k)
{
	uint64_t h = (uint64_t)k->type;
	size_t i;

	for (i = 0; i < k->text.n; i++)
		h = (h ^ (unsigned char)k->text.p[i]) * 0x100000001b3u;
	return &x->bucket[(h ^ h >> 32) % BUCKETS];
}

/* A text key that asks for what another one did has its answer. */
static bool
share(struct preparing *x, struct imap_search_key *k)
{
	struct same **b = bucket_of(x, k), *o;

	for (o = *b; o != NULL; o = o->next)
		if (o->key->type == k->type && sv_eq(o->key->text, k->text) &&
		    sv_ieq(o->key->field, k->field)) {
			k->prepared = o->key->prepared;
			return true;
		}
	o = arena_alloc(&x->s->arena, sizeof *o);
	*o = (struct same){k, *b};
	*b = o;
	return false;
}

static void
prepare(struct preparing *x, struct imap_search_key *k)
{
	struct imap_session *s = x->s;
	struct prepared *p;
	struct imap_search_key *c;

	if (is_text(k->type) && share(x, k))
		return;
	p = arena_alloc(&s->arena, sizeof *p);
	k->prepared = p;
	/* "$" is kept in UIDs, whichever way it is written. */
	if (k->type == IMAP_SEARCH_SEQ && k->set.saved)
		k->type = IMAP_SEARCH_UID;
	if (is_text(k->type))
		prepare_needle(s, x->charset, k->text, &p->needle);
	else if (k->type == IMAP_SEARCH_SEQ)
		prepare_set(s, &k->set, view_count(s->view), &p->set);
	else if (k->type == IMAP_SEARCH_UID)
		prepare_set(s, &k->set, imap_star_uid(s), &p->set);
	else if (k->type == IMAP_SEARCH_EMAILID)
		p->body = imap_emailid_body(k->text, store_epoch(s->store));
	else if (k->type == IMAP_SEARCH_KEYWORD)
		p->keyword = keyword_bits(s->view, k->text);
	for (c = k->child; c != NULL; c = c->next)
		prepare(x, c);
	sort_children(k);
}

void
imap_search_prepare(
    struct imap_session *s, struct imap_search_key *k, struct sv charset)
{
	struct preparing x = {.s = s, .charset = charset};

	prepare(&x, k);
}

/* The day in the zone that is written beside the time: a search for dates
 * disregards time and zone [RFC 3501 6.4.4]. */
static int64_t
day_of(int64_t secs, int32_t zone)
{
	int64_t local = secs + (int64_t)zone * 60;

	return local >= 0 ? local / 86400 : -((86399 - local) / 86400);
}

static const struct mime_summary *
summary(struct imap_search_msg *q)
{
	if (!imap_summary_load(&q->x, q->s->store, q->m))
		q->damaged = true;
	return &q->x.sum;
}

/* The day of the Date field; false if there is none. */
static bool
sent_day(struct imap_search_msg *q, int64_t *out)
{
	const struct mime_summary *sum = summary(q);

	if (sum->has_date)
		*out = day_of(sum->date, sum->date_zone);
	return sum->has_date;
}

static bool
match_dates(struct imap_search_msg *q, const struct imap_search_key *k)
{
	enum imap_search_type t = k->type;
	int64_t day;

	if (t >= IMAP_SEARCH_SENTBEFORE) {
		if (!sent_day(q, &day))
			return false;
	} else if (t >= IMAP_SEARCH_BEFORE) {
		day = day_of(q->m->internal_date, q->m->zone);
	} else {
		day = day_of(q->m->save_date, 0);
	}
	if (t == IMAP_SEARCH_BEFORE || t == IMAP_SEARCH_SENTBEFORE ||
	    t == IMAP_SEARCH_SAVEDBEFORE)
		return day < k->days;
	if (t == IMAP_SEARCH_ON || t == IMAP_SEARCH_SENTON ||
	    t == IMAP_SEARCH_SAVEDON)
		return day == k->days;
	return day >= k->days;
}

static bool
match_text(struct imap_search_msg *q, const struct imap_search_key *k)
{
	const struct imap_needle *n =
	    &((const struct prepared *)k->prepared)->needle;

	if (k->type == IMAP_SEARCH_SUBJECT)
		return imap_needle_in_header(q, n, summary(q)->subject);
	if (k->type == IMAP_SEARCH_FROM)
		return imap_needle_in_header(q, n, summary(q)->from);
	if (k->type == IMAP_SEARCH_TO)
		return imap_needle_in_header(q, n, summary(q)->to);
	if (k->type == IMAP_SEARCH_CC)
		return imap_needle_in_header(q, n, summary(q)->cc);
	if (k->type == IMAP_SEARCH_BCC)
		return imap_needle_in_header(q, n, summary(q)->bcc);
	if (k->type == IMAP_SEARCH_HEADER)
		return imap_search_header(q, k->field, n);
	return (k->type == IMAP_SEARCH_TEXT &&
		   imap_search_header(q, SV(""), n)) ||
	       imap_search_body(q, n);
}

/* What one search says again and again is looked for once in each message; and
 * between two looks there is time to see whether anybody still waits. */
static bool
match_text_once(struct imap_search_msg *q, const struct imap_search_key *k)
{
	struct prepared *p = k->prepared;

	if (p->known == q->number)
		return p->found;
	q->over = q->over || !imap_goes_on(q->s, true);
	if (q->over)
		return false;
	p->found = match_text(q, k);
	p->known = q->number;
	return p->found;
}

/* One message against one key: a switch over all types, and the recursion is
 * as deep as the parser allowed. */
bool
imap_search_match(struct imap_search_msg *q, const struct imap_search_key *k)
{
	const struct prepared *p = k->prepared;
	const struct imap_search_key *c;

	switch (k->type) {
	case IMAP_SEARCH_ALL:
		return true;
	case IMAP_SEARCH_NONE:
		return false;
	case IMAP_SEARCH_AND:
		for (c = k->child; c != NULL; c = c->next)
			if (!imap_search_match(q, c))
				return false;
		return true;
	case IMAP_SEARCH_OR:
		for (c = k->child; c != NULL; c = c->next)
			if (imap_search_match(q, c))
				return true;
		return false;
	case IMAP_SEARCH_NOT:
		return !imap_search_match(q, k->child);
	case IMAP_SEARCH_SEQ:
		return rangeset_has(&p->set, q->seqno);
	case IMAP_SEARCH_UID:
		return rangeset_has(&p->set, q->m->uid);
	case IMAP_SEARCH_FLAG:
		return (q->m->system & k->number) != 0;
	case IMAP_SEARCH_KEYWORD:
		return (q->m->keywords & p->keyword) != 0;
	case IMAP_SEARCH_LARGER:
		return q->m->size > k->number;
	case IMAP_SEARCH_SMALLER:
		return q->m->size < k->number;
	case IMAP_SEARCH_MODSEQ:
		return q->m->modseq >= k->number;
	case IMAP_SEARCH_EMAILID:
		return q->m->body == p->body;
	case IMAP_SEARCH_THREADID:
		return imap_search_thread(q, k->text);
	case IMAP_SEARCH_SAVEDBEFORE:
	case IMAP_SEARCH_SAVEDON:
	case IMAP_SEARCH_SAVEDSINCE:
	case IMAP_SEARCH_BEFORE:
	case IMAP_SEARCH_ON:
	case IMAP_SEARCH_SINCE:
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
		return match_dates(q, k);
	case IMAP_SEARCH_SUBJECT:
	case IMAP_SEARCH_FROM:
	case IMAP_SEARCH_TO:
	case IMAP_SEARCH_CC:
	case IMAP_SEARCH_BCC:
	case IMAP_SEARCH_HEADER:
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return match_text_once(q, k);
	}
	return false;
}
