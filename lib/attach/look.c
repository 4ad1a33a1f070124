/* All files of a message, and what is in archives. */
#include <string.h>

#include "archive/unpack.h"
#include "archive/zip.h"
#include "attach/attach.h"
#include "base/ascii.h"
#include "base/utf8.h"

struct looking {
	struct attach_findings *out;
	unsigned files;
	unsigned depth;
	uint64_t unpacked;	    /* bytes, of all archives */
	uint64_t fed;		    /* that were unpacked */
	char path[ATTACH_NAME_MAX]; /* of the archives around it: "a.zip/" */
};

static void look_at_file(struct looking *l, struct sv file, struct sv name);

/* ---- what was found ---- */

/* For logs and letters: no line ends, no bytes that are not text. */
static void
put_name(const struct looking *l, struct sv name, char out[ATTACH_NAME_MAX])
{
	size_t n = strlen(l->path), i;

	memmove(out, l->path, n); /* maybe itself */
	for (i = 0; i < name.n && n < ATTACH_NAME_MAX - 1; i++)
		out[n++] = ascii_is_print(name.p[i]) || (name.p[i] & 0x80)
			       ? name.p[i]
			       : '?';
	if (!utf8_valid(sv_of(out, n)))
		for (i = 0; i < n; i++)
			out[i] = ascii_is_print(out[i]) ? out[i] : '?';
	out[n] = '\0';
}

static void
note(struct looking *l, enum attach_what what, struct sv name)
{
	struct attach_findings *f = l->out;

	f->has[what] = f->has[what] || what != ATTACH_NOTHING;
	if (what <= f->what)
		return;
	f->what = what;
	put_name(l, name, f->name);
}

/* One more file: false if there were too many. */
static bool
count(struct looking *l)
{
	if (l->files++ < ATTACH_FILES_MAX)
		return true;
	l->out->unseen = true;
	return false;
}

/* ---- archives ---- */

/* Compound files have their directory anywhere. */
static bool
is_compound(struct sv s)
{
	return sv_starts(s, SV("\xd0\xcf\x11\xe0"));
}

/* Does more than its beginning matter? */
static bool
is_whole(struct sv head)
{
	return sv_starts(head, SV("PK")) || sv_starts(head, SV("\x1f\x8b")) ||
	       is_compound(head);
}

struct filling {
	struct looking *l;
	struct buf file;
};

static int
fill(void *arg, struct sv piece)
{
	struct filling *f = arg;
	struct buf *b = &f->file;

	f->l->unpacked += piece.n;
	buf_addsv(b, sv_first(piece, b->max - b->n));
	if (b->n >= ATTACH_HEAD && !is_whole(buf_sv(b)))
		return RC_MORE; /* enough */
	if (b->n < b->max && f->l->unpacked < ATTACH_ALL_MAX)
		return RC_OK;
	f->l->out->unseen = true;
	return RC_MORE;
}

static void
look_at_member(
    struct looking *l, struct sv packed, enum unpack_how how, struct sv name)
{
	struct filling f = {.l = l};
	struct unpack *u;

	/* Members may be the same bytes again and again, of which comes
	 * nothing. */
	if (l->unpacked >= ATTACH_ALL_MAX ||
	    l->fed + packed.n > 2 * ATTACH_FILE_MAX) {
		note(l, attach_type(SV(""), name), name);
		l->out->unseen = true;
		return;
	}
	l->fed += packed.n;
	u = unpack_new(how);
	buf_init(&f.file, ATTACH_FILE_MAX);
	/* Where it is broken, what came before counts. */
	if (unpack_feed(u, packed, fill, &f) == RC_SYNTAX)
		l->out->unseen = true;
	look_at_file(l, buf_sv(&f.file), name);
	buf_fini(&f.file);
	unpack_free(&u);
}

/* The bytes of a member within the file; empty: not there. */
static struct sv
member(struct sv file, const struct zip_entry *e)
{
	struct sv s = sv_skip(file, e->at < file.n ? (size_t)e->at : file.n);
	uint64_t head;

	if (zip_local_size(sv_first(s, ZIP_LOCAL), &head) != RC_OK ||
	    head > s.n)
		return SV("");
	s = sv_skip(s, (size_t)head);
	return sv_first(s, e->packed < s.n ? (size_t)e->packed : s.n);
}

/* Office's documents are zip archives with macros in a member of that name. */
static bool
is_macros(struct sv name)
{
	return sv_ends(name, SV("vbaProject.bin")) ||
	       sv_istarts(name, SV("xl/macrosheets/"));
}

static void
look_at_entry(struct looking *l, struct sv file, const struct zip_entry *e)
{
	struct sv name = e->unicode.n > 0 ? e->unicode : e->name;

	if (is_macros(name))
		note(l, ATTACH_MACROS, name);
	/* What it is called is in the clear even then. */
	if (e->encrypted) {
		note(l, attach_type(SV(""), name), name);
		note(l, ATTACH_ENCRYPTED, name);
	} else if (e->method == 8) {
		look_at_member(l, member(file, e), UNPACK_RAW, name);
	} else if (e->method == 0) {
		look_at_file(l, member(file, e), name);
	} else {
		note(l, attach_type(SV(""), name), name);
		l->out->unseen = true;
	}
}

static void
look_at_zip(struct looking *l, struct sv file)
{
	size_t from = file.n > ZIP_TAIL ? file.n - ZIP_TAIL : 0;
	struct zip_entry e;
	struct zip_end end;
	struct sv rest;
	uint64_t base;

	if (zip_end_find(sv_skip(file, from), from, &end) != RC_OK ||
	    (end.large &&
		(end.large_at > file.n ||
		    zip_end64_parse(
			sv_skip(file, (size_t)end.large_at), &end) != RC_OK)) ||
	    end.size > end.where) {
		l->out->unseen = true;
		return;
	}
	/* By its end: a program that unpacks itself has bytes in front. */
	base = end.where - end.size;
	if (!end.large && end.at < base)
		file = sv_skip(file, (size_t)(base - end.at));
	rest = sv_skip(file, end.at < file.n ? (size_t)end.at : file.n);
	while (zip_entry_take(&rest, &e) == RC_OK && count(l))
		if (!sv_ends(e.name, SV("/")))
			look_at_entry(l, file, &e);
}

static void
look_inside(struct looking *l, struct sv file, struct sv name)
{
	size_t n = strlen(l->path);

	if (l->depth == ATTACH_DEPTH) {
		l->out->unseen = true;
		return;
	}
	if (n + name.n + 1 < sizeof l->path / 2) {
		put_name(l, name, l->path);
		memcpy(l->path + strlen(l->path), "/", 2);
	}
	l->depth++;
	if (sv_starts(file, SV("\x1f\x8b")))
		/* Called as the archive is, without ".gz". */
		look_at_member(
		    l, file, UNPACK_AUTO, sv_first(name, sv_rchr(name, '.')));
	else
		look_at_zip(l, file);
	l->depth--;
	l->path[n] = '\0';
}

/* Archives that are not looked into here: RAR, 7z, cabinets, images of discs
 * (whose mark is at 32 KB). */
static bool
is_foreign(struct sv s)
{
	return sv_starts(s, SV("Rar!\x1a\x07")) ||
	       sv_starts(s, SV("7z\xbc\xaf\x27\x1c")) ||
	       sv_starts(s, SV("MSCF\0\0\0\0")) ||
	       sv_starts(sv_skip(s, s.n > 0x8001 ? 0x8001 : s.n), SV("CD001"));
}

static void
look_at_file(struct looking *l, struct sv file, struct sv name)
{
	struct sv head = sv_first(file, ATTACH_HEAD);

	if (!count(l))
		return;
	note(l, attach_type(is_compound(head) ? file : head, name), name);
	if (sv_starts(head, SV("PK\x03\x04")) ||
	    sv_starts(head, SV("PK\x05\x06")) ||
	    sv_starts(head, SV("\x1f\x8b")))
		look_inside(l, file, name);
	else if (is_foreign(file))
		l->out->unseen = true;
}

/* ---- the message ---- */

/* What its receiver would call it. */
static void
name_of(struct sv header, struct buf *out)
{
	static const struct {
		struct sv field, param;
	} row[] = {{SV("content-disposition"), SV("filename")},
	    {SV("content-type"), SV("name")}};
	struct sv value;
	size_t i;

	for (i = 0; i < sizeof row / sizeof row[0] && out->n == 0; i++)
		if (mime_field_find(header, row[i].field, &value))
			(void)mime_param(value, row[i].param, out);
}

static void
look_at_part(struct looking *l, struct sv msg, const struct mime_part *p)
{
	struct sv body =
	    sv_first(sv_skip(msg, (size_t)p->body_off), (size_t)p->body_len);
	struct mime_decoder d = {.enc = (enum mime_encoding)p->encoding};
	struct buf name, file;
	/* So many bytes of it are enough for the first ones. */
	size_t head = 3 * ATTACH_HEAD;

	buf_init(&name, 4 * ATTACH_NAME_MAX);
	buf_init(&file, ATTACH_FILE_MAX);
	name_of(sv_first(
		    sv_skip(msg, (size_t)p->header_off), (size_t)p->header_len),
	    &name);
	/* The text of the message itself is nothing that is opened. */
	if (p->kind == MIME_KIND_TEXT && name.n == 0) {
		buf_fini(&file);
		buf_fini(&name);
		return;
	}
	(void)mime_decode_some(&d, sv_first(body, head), true, &file);
	if (is_whole(buf_sv(&file)) && body.n > head) {
		buf_reset(&file);
		/* Four bytes become three, or stay what they are. */
		if (p->encoding == MIME_ENC_BASE64 ? body.n / 4 * 3 < file.max
						   : body.n < file.max)
			mime_decode_body(
			    body, (enum mime_encoding)p->encoding, &file);
		else
			l->out->unseen = true;
	}
	look_at_file(l, buf_sv(&file), buf_sv(&name));
	buf_fini(&file);
	buf_fini(&name);
}

void
attach_look(
    struct sv msg, const struct mime_msg *m, struct attach_findings *out)
{
	struct looking l = {.out = out};
	uint32_t i;

	*out = (struct attach_findings){.what = ATTACH_NOTHING};
	out->unseen = m->truncated;
	for (i = 0; i < m->n && l.files < ATTACH_FILES_MAX; i++)
		if (m->part[i].kind == MIME_KIND_OTHER ||
		    m->part[i].kind == MIME_KIND_TEXT)
			look_at_part(&l, msg, &m->part[i]);
}
