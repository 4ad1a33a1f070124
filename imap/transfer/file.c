#include "imap/transfer/file.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "imap/transfer/emlx.h"
#include "imap/transfer/fields.h"
#include "imap/transfer/input.h"
#include "imap/transfer/lines.h"
#include "imap/transfer/look.h"
#include "imap/transfer/source.h"
#include "archive/unpack.h"

#define PIECE 65536

/* One file on its way. */
struct passing {
	const struct file_source *f;
	struct err *err;
	const char *why;  /* it is left out */
	struct buf start; /* until enough of it has come to be looked at */
	struct buf out;
	struct buf flags;
	struct fields fields;
	struct lines_in lines;
	bool looked, cr_only;
	bool begun; /* the sink knows of it */
	uint64_t size;
	uint64_t left; /* bytes of the file that are the message's */
	int64_t date;  /* that the file says itself */
};

static int
deliver(struct passing *p, struct sv s)
{
	p->size += s.n;
	if (p->size > TRANSFER_MESSAGE_MAX) {
		p->why = "it is larger than 64 MiB";
		return RC_OK;
	}
	return p->f->to->bytes(p->f->to->arg, s, p->err);
}

/* Line ends made CR LF. */
static int
convert(struct passing *p, struct sv s)
{
	int r = RC_OK;

	while (r == RC_OK && p->why == NULL && s.n > 0) {
		struct sv part = sv_first(s, PIECE);
		size_t i;

		s = sv_skip(s, part.n);
		buf_reset(&p->out);
		if (p->cr_only)
			for (i = 0; i < part.n; i++) {
				buf_addc(&p->out, part.p[i]);
				if (part.p[i] == '\r')
					buf_addc(&p->out, '\n');
			}
		else
			must(lines_to_crlf(&p->lines, part, &p->out));
		r = deliver(p, buf_sv(&p->out));
	}
	return r;
}

static bool
has_fields(struct sv head)
{
	return sv_ifind(head, SV("\nX-Mozilla-")) < head.n ||
	       sv_istarts(head, SV("X-Mozilla-")) ||
	       sv_ifind(head, SV("X-Gmail-Labels:")) < head.n;
}

/* Where the header ends, if it does. */
static size_t
header_of(struct sv s)
{
	size_t a = sv_find(s, SV("\n\n")), b = sv_find(s, SV("\n\r\n"));

	return a < b ? a + 1 : b < s.n ? b + 1 : s.n;
}

/* What the first bytes have: their header without fields that say flags. */
static int
push_start(struct passing *p)
{
	struct sv s = buf_sv(&p->start), head = sv_first(s, header_of(s));
	struct buf own;
	int r;

	if (p->f->ours || !has_fields(head))
		return convert(p, s);
	buf_init(&own, LOOK_BYTES);
	fields_filter(&p->fields, FIELDS_FILE, head, &own);
	buf_addsv(&p->flags, buf_sv(&p->fields.flags));
	if (p->fields.expunged)
		p->why = "its program has deleted it";
	r = convert(p, buf_sv(&own));
	if (r == RC_OK)
		r = convert(p, sv_skip(s, head.n));
	buf_fini(&own);
	return r;
}

/* Enough has come, or all. */
static int
look(struct passing *p)
{
	struct sv s = buf_sv(&p->start);
	int r;

	p->looked = true;
	if (!p->f->ours) {
		p->why = look_why_not(s, p->f->lenient);
		buf_consume(&p->start, s.n - look_skip_mark(s).n);
		s = buf_sv(&p->start);
		p->cr_only = look_cr_only(s);
	}
	if (p->why != NULL)
		return RC_OK;
	if (p->f->head != NULL)
		p->f->head(p->f->arg, s);
	r = p->f->to->begin(p->f->to->arg, p->err);
	p->begun = r == RC_OK;
	if (r == RC_OK)
		r = push_start(p);
	buf_release(&p->start);
	return r;
}

static int
on_bytes(void *arg, struct sv s)
{
	struct passing *p = arg;
	struct sv first;
	int r = RC_OK;

	if (!p->looked) {
		first = sv_first(s, LOOK_BYTES - p->start.n);
		buf_addsv(&p->start, first);
		s = sv_skip(s, first.n);
		if (p->start.n < LOOK_BYTES)
			return RC_OK;
		r = look(p);
	}
	if (r == RC_OK && p->why == NULL)
		r = convert(p, s);
	/* Nothing more is to be unpacked. */
	return r == RC_OK && p->why != NULL ? RC_DENIED : r;
}

/* ---- the file ---- */

/* The message in an .emlx, and what follows it. */
static void
open_emlx(struct passing *p, struct input *in)
{
	char *text = xmalloc(EMLX_PLIST_MAX);
	size_t n = input_peek(in, text, EMLX_HEAD_MAX), off = 0;
	uint64_t size = 0;
	ssize_t k;

	if (emlx_head(sv_of(text, n), &off, &size) != RC_OK)
		p->why = "it is not an .emlx: it does not begin with a size";
	else if (off + size > in->size)
		p->why = "it is cut off";
	else if (!input_seek(in, off + size))
		p->why = "it cannot be read";
	if (p->why == NULL) {
		p->left = size;
		k = input_read_full(in, text, EMLX_PLIST_MAX);
		emlx_plist(
		    sv_of(text, k > 0 ? (size_t)k : 0), &p->flags, &p->date);
		if (!input_seek(in, off))
			p->why = "it cannot be read";
	}
	free(text);
}

static int
read_bytes(struct passing *p, struct input *in)
{
	char *piece = xmalloc(PIECE);
	struct unpack *u = NULL;
	bool first = true;
	int r = RC_OK;

	while (r == RC_OK && p->why == NULL && p->left > 0) {
		ssize_t n =
		    input_read(in, piece, p->left < PIECE ? p->left : PIECE);
		struct sv s = sv_of(piece, n > 0 ? (size_t)n : 0);

		if (n < 0)
			p->why = in->borrowed ? "it is damaged in the archive"
					      : "it cannot be read";
		if (n <= 0)
			break;
		p->left -= s.n;
		if (first && !p->f->ours && look_packed(s))
			u = unpack_new(UNPACK_AUTO);
		first = false;
		r = u != NULL ? unpack_feed(u, s, on_bytes, p) : on_bytes(p, s);
	}
	if (u != NULL && p->why == NULL && r != RC_DENIED &&
	    (r == RC_SYNTAX || (r == RC_OK && !unpack_done(u)))) {
		p->why = "it is compressed, and damaged";
		r = RC_OK;
	}
	unpack_free(&u);
	free(piece);
	if (r == RC_DENIED && p->why != NULL)
		r = RC_OK;
	return r == RC_OK && p->why == NULL && !p->looked ? look(p) : r;
}

static int
finish(struct passing *p, struct transfer_msg *msg)
{
	const struct file_source *f = p->f;

	f->fill(f->arg, msg);
	if (p->flags.n > 0) {
		if (msg->flags.n > 0)
			buf_addc(&p->flags, ' ');
		buf_addsv(&p->flags, msg->flags);
		msg->flags = buf_sv(&p->flags);
	}
	if (p->date != 0)
		msg->date = p->date;
	return f->to->end(f->to->arg, msg, p->err);
}

static int
pass(struct passing *p, struct input *in, bool emlx, struct transfer_msg *msg)
{
	const struct file_source *f = p->f;
	int r = RC_OK;

	if (msg->date == 0)
		msg->date = in->mtime;
	if (in->size > TRANSFER_MESSAGE_MAX)
		p->why = "it is larger than 64 MiB";
	p->left = UINT64_MAX;
	if (emlx && p->why == NULL)
		open_emlx(p, in);
	if (p->why == NULL)
		r = read_bytes(p, in);
	if (r == RC_OK && p->why == NULL)
		return finish(p, msg);
	if (p->begun)
		f->to->drop(f->to->arg);
	if (r == RC_OK)
		report_skip(f->x->report, msg->name, p->why);
	return r;
}

int
file_push(const struct file_source *f, const char *path,
    const struct transfer_msg *m, struct err *err)
{
	struct passing p = {.f = f, .err = err};
	struct transfer_msg msg = *m;
	struct err why;
	struct input in;
	int r;

	r = source_open(f->x->broker, path, &in, &why);
	if (r != RC_OK) {
		report_skip(f->x->report, m->name, why.text);
		return RC_OK;
	}
	buf_init(&p.start, LOOK_BYTES);
	buf_init(&p.out, 2 * PIECE);
	buf_init(&p.flags, 64u << 10);
	fields_init(&p.fields);
	r = pass(&p, &in, sv_ends(sv_str(path), SV(".emlx")), &msg);
	fields_fini(&p.fields);
	buf_fini(&p.flags);
	buf_fini(&p.out);
	buf_fini(&p.start);
	input_close(&in);
	return r;
}
