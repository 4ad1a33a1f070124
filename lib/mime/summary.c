/*
 * The summary's encoding, all integers LEB128 (seven bits a byte, low first):
 *
 *   version
 *   for each of the slices, in the order of slices(): length, bytes
 *   has_date; date and zone, zigzag
 *   truncated; number of parts; for each part:
 *     parent + 1 (0: none), kind | encoding << 4,
 *     header_off, header_len, body_off - header_off - header_len (zigzag),
 *     body_len, body_lines
 *
 * first_child and next follow from parent and order.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/field.h"
#include "mime/mime_priv.h"

#define VERSION	    2
#define SUMMARY_MAX (4u << 20)
#define SUMMARY_MIN (64u << 10) /* what any message may have */
#define NSLICES	    9

static void
slices(struct mime_summary *s, struct sv *out[NSLICES])
{
	out[0] = &s->envelope;
	out[1] = &s->bodystructure;
	out[2] = &s->body;
	out[3] = &s->subject;
	out[4] = &s->from;
	out[5] = &s->to;
	out[6] = &s->cc;
	out[7] = &s->bcc;
	out[8] = &s->message_id;
}

/* ---- encoding ---- */

static void
put_num(struct buf *out, uint64_t v)
{
	char b[10];
	size_t n = 0;

	do {
		b[n++] = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v > 0);
	buf_add(out, b, n);
}

static void
put_signed(struct buf *out, int64_t v)
{
	put_num(out, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static void
put_slice(struct buf *out, struct sv s)
{
	put_num(out, s.n);
	buf_addsv(out, s);
}

static void
put_parts(struct buf *out, const struct mime_msg *m)
{
	uint32_t i;

	put_num(out, m->truncated);
	put_num(out, m->n);
	for (i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->part[i];

		put_num(out, p->parent == MIME_NONE ? 0 : p->parent + 1u);
		put_num(out, (unsigned)p->kind | (unsigned)p->encoding << 4);
		put_num(out, p->header_off);
		put_num(out, p->header_len);
		put_signed(out,
		    (int64_t)(p->body_off - p->header_off - p->header_len));
		put_num(out, p->body_len);
		put_num(out, p->body_lines);
	}
}

/* Everything but the rendered slices, from the header of the message. */
struct found {
	struct sv subject, message_id, date;
};

static void
find_fields(struct sv header, struct found *out)
{
	static const struct {
		struct sv name;
		size_t off;
	} want[] = {
	    {{"Subject", 7}, offsetof(struct found, subject)},
	    {{"Message-ID", 10}, offsetof(struct found, message_id)},
	    {{"Date", 4}, offsetof(struct found, date)},
	};
	struct mail_field f;
	size_t i;

	*out = (struct found){.date = {NULL, 0}};
	while (mail_field_next(&header, &f)) {
		for (i = 0; i < sizeof want / sizeof want[0]; i++) {
			struct sv *slot =
			    (struct sv *)((char *)out + want[i].off);

			/* The last one counts, as in the ENVELOPE. */
			if (f.name.n == want[i].name.n &&
			    sv_ieq(f.name, want[i].name))
				*slot = f.value;
		}
	}
}

/* msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]: the first, or what
 * is there if it has no angles. */
static struct sv
first_msg_id(struct sv value)
{
	size_t open = sv_chr(value, '<'), len;
	struct sv s = sv_skip(value, open);

	len = sv_chr(s, '>');
	if (len < s.n)
		return sv_first(s, len + 1);
	s = sv_trim(value);
	for (len = 0; len < s.n && (unsigned char)s.p[len] > ' '; len++)
		;
	return sv_first(s, len);
}

static void
put_decoded(struct buf *out, struct sv value, struct buf *scratch)
{
	buf_reset(scratch);
	mime_header_text(value, scratch);
	put_slice(out, buf_sv(scratch));
	out->failed = out->failed || scratch->failed;
}

/* "Anna Berg <anna@example.org>"; what is not there is left out. */
static void
put_mailbox(struct buf *out, const struct mail_addr *a)
{
	bool angles =
	    a->name.n > 0 && (a->local.p != NULL || a->domain.p != NULL);

	mime_header_text(a->name, out);
	if (angles)
		buf_adds(out, " <");
	if (a->route.n > 0) {
		buf_addsv(out, a->route);
		buf_addc(out, ':');
	}
	if (a->local.p != NULL)
		mime_header_text(a->local, out);
	if (a->domain.p != NULL) {
		buf_addc(out, '@');
		mime_header_text(a->domain, out);
	}
	if (angles)
		buf_addc(out, '>');
}

static void
put_address_text(
    struct buf *out, struct sv value, struct mime_room *room, bool *first)
{
	struct mail_addrlist l;
	struct mail_addr a;

	mail_addrlist_init(&l, value);
	while (mime_has_room(room) && mail_addrlist_next(&l, &a)) {
		size_t had = out->n;

		if (a.kind == MAIL_ADDR_GROUP_END) {
			buf_addc(out, ';');
			continue;
		}
		if (!*first)
			buf_adds(out, ", ");
		*first = a.kind == MAIL_ADDR_GROUP;
		if (a.kind == MAIL_ADDR_GROUP) {
			mime_header_text(a.name, out);
			buf_adds(out, ": ");
		} else {
			put_mailbox(out, &a);
		}
		mime_took_room(room, out->n - had);
	}
	mail_addrlist_fini(&l);
}

/* All fields of that name, as the ENVELOPE has them. */
static void
put_addresses(
    struct buf *out, struct sv header, struct sv name, struct buf *scratch)
{
	struct mime_room room = mime_room_for(header.n, true);
	struct mail_field f;
	bool first = true;

	buf_reset(scratch);
	while (mail_field_next(&header, &f))
		if (f.name.n == name.n && sv_ieq(f.name, name))
			put_address_text(scratch, f.value, &room, &first);
	put_slice(out, buf_sv(scratch));
	out->failed = out->failed || scratch->failed;
}

static void
put_header_facts(struct buf *out, struct sv header, struct buf *scratch)
{
	struct found f;
	int64_t date = 0;
	int32_t zone = 0;
	bool has_date;

	find_fields(header, &f);
	put_decoded(out, f.subject, scratch);
	put_addresses(out, header, SV("From"), scratch);
	put_addresses(out, header, SV("To"), scratch);
	put_addresses(out, header, SV("Cc"), scratch);
	put_addresses(out, header, SV("Bcc"), scratch);
	put_slice(out, first_msg_id(f.message_id));
	has_date =
	    f.date.p != NULL && mail_date_parse(f.date, &date, &zone) == RC_OK;
	put_num(out, has_date);
	put_signed(out, date);
	put_signed(out, zone);
}

static void
put_rendered(struct buf *out, struct sv msg, const struct mime_msg *m,
    struct buf *scratch)
{
	int what;

	for (what = 0; what < 3; what++) {
		buf_reset(scratch);
		if (what == 0)
			mime_envelope(msg, m, 0, scratch);
		else
			mime_bodystructure(msg, m, what == 1, scratch);
		put_slice(out, buf_sv(scratch));
		out->failed = out->failed || scratch->failed;
	}
}

void
mime_summarise(struct sv msg, const struct mime_limits *lim, struct buf *out)
{
	struct mime_msg m;
	struct buf all, scratch;

	size_t most =
	    msg.n < SUMMARY_MAX / 8 ? SUMMARY_MIN + 8 * msg.n : SUMMARY_MAX;

	if (most > SUMMARY_MAX)
		most = SUMMARY_MAX;
	buf_init(&all, most);
	buf_init(&scratch, most);
	mime_parse(msg, lim, &m);
	put_num(&all, VERSION);
	put_rendered(&all, msg, &m, &scratch);
	put_header_facts(&all, mime_part_header(msg, &m.part[0]), &scratch);
	put_parts(&all, &m);
	if (buf_ok(&all))
		buf_addsv(out, buf_sv(&all));
	else
		mime_summarise_opaque(msg.n, out);
	mime_msg_fini(&m);
	buf_fini(&scratch);
	buf_fini(&all);
}

void
mime_summarise_opaque(uint64_t size, struct buf *out)
{
	struct mime_part part = {
	    .parent = MIME_NONE, .body_len = size, .kind = MIME_KIND_TEXT};
	struct mime_msg m = {.part = &part, .n = 1, .truncated = true};
	struct buf body;
	int i;

	buf_init(&body, 200);
	put_num(out, VERSION);
	put_slice(out, SV("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
	for (i = 0; i < 2; i++) {
		buf_reset(&body);
		buf_addf(&body,
		    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
		    "\"8bit\" %llu 0%s)",
		    (unsigned long long)size, i == 0 ? " NIL NIL NIL NIL" : "");
		put_slice(out, buf_sv(&body));
	}
	for (i = 0; i < NSLICES - 3; i++)
		put_num(out, 0);
	for (i = 0; i < 3; i++)
		put_num(out, 0); /* no date */
	put_parts(out, &m);
	buf_fini(&body);
}

/* ---- decoding; a wrong byte makes `bad` stick ---- */

struct reader {
	struct sv rest;
	bool bad;
};

static uint64_t
get_num(struct reader *r, uint64_t max)
{
	uint64_t v = 0;
	unsigned shift;

	for (shift = 0; shift < 64 && r->rest.n > 0; shift += 7) {
		unsigned char c = (unsigned char)r->rest.p[0];

		r->rest = sv_skip(r->rest, 1);
		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c & 0x80)
			continue;
		if (v > max)
			break;
		return v;
	}
	r->bad = true;
	return 0;
}

static int64_t
get_signed(struct reader *r)
{
	uint64_t v = get_num(r, UINT64_MAX);

	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

static struct sv
get_slice(struct reader *r)
{
	uint64_t n = get_num(r, r->rest.n);
	struct sv s;

	if (n > r->rest.n)
		r->bad = true;
	s = sv_first(r->rest, r->bad ? 0 : n);
	r->rest = sv_skip(r->rest, s.n);
	return s;
}

/* Parents come before their children, and children in their order. */
static void
link_parts(struct mime_msg *m, uint32_t *last)
{
	uint32_t i;

	for (i = 1; i < m->n; i++) {
		uint32_t up = m->part[i].parent;

		if (m->part[up].first_child == MIME_NONE)
			m->part[up].first_child = i;
		else
			m->part[last[up]].next = i;
		last[up] = i;
	}
}

static void
get_part(struct reader *r, uint32_t i, struct mime_part *p)
{
	uint64_t parent = get_num(r, i), what;

	p->parent = parent == 0 ? MIME_NONE : (uint32_t)(parent - 1);
	p->first_child = p->next = MIME_NONE;
	what = get_num(r, 0x2f);
	p->kind = what & 0xf;
	p->encoding = (uint8_t)(what >> 4);
	p->header_off = get_num(r, INT64_MAX / 4);
	p->header_len = get_num(r, INT64_MAX / 4);
	p->body_off = p->header_off + p->header_len + (uint64_t)get_signed(r);
	p->body_len = get_num(r, INT64_MAX / 4);
	p->body_lines = (uint32_t)get_num(r, UINT32_MAX);
	if (p->kind > MIME_KIND_MESSAGE || p->encoding > MIME_ENC_QP ||
	    (parent == 0) != (i == 0) || p->body_off > INT64_MAX / 2)
		r->bad = true;
}

static void
get_parts(struct reader *r, struct mime_msg *m)
{
	uint32_t *last, i;
	uint64_t n;

	m->truncated = get_num(r, 1) != 0;
	n = get_num(r, r->rest.n / 7 + 1);
	if (r->bad || n == 0 || n > UINT32_MAX / 2) {
		r->bad = true;
		return;
	}
	m->part = xcalloc(n, sizeof m->part[0]);
	m->n = (uint32_t)n;
	for (i = 0; i < m->n && !r->bad; i++)
		get_part(r, i, &m->part[i]);
	if (r->bad)
		return;
	last = xcalloc(n, sizeof last[0]);
	link_parts(m, last);
	free(last);
	/* A message without its one child would surprise the walkers. */
	for (i = 0; i < m->n; i++)
		if (m->part[i].kind == MIME_KIND_MESSAGE &&
		    m->part[i].first_child == MIME_NONE)
			r->bad = true;
}

bool
mime_summary_is_current(struct sv bytes)
{
	return bytes.n > 0 && bytes.p[0] == VERSION;
}

int
mime_summary_decode(struct sv bytes, struct mime_summary *out)
{
	struct reader r = {bytes, false};
	struct mime_summary s = {.has_date = false};
	struct sv *slice[NSLICES];
	size_t i;

	slices(&s, slice);
	if (get_num(&r, VERSION) != VERSION)
		return RC_DAMAGED;
	for (i = 0; i < NSLICES; i++)
		*slice[i] = get_slice(&r);
	s.has_date = get_num(&r, 1) != 0;
	s.date = get_signed(&r);
	s.date_zone = (int32_t)get_signed(&r);
	get_parts(&r, &s.msg);
	if (r.bad || r.rest.n > 0) {
		mime_msg_fini(&s.msg);
		return RC_DAMAGED;
	}
	*out = s;
	return RC_OK;
}

void
mime_summary_fini(struct mime_summary *s)
{
	mime_msg_fini(&s->msg);
}
