/* Which members a tar or zip has, and where. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/utf8.h"
#include "imap/transfer/archive_index.h"
#include "imap/transfer/input.h"
#include "imap/transfer/tar.h"
#include "archive/zip.h"

#define NAME_MAX_BYTES (3u * 65535u + 1)

/* ---- tar ---- */

struct tar_reading {
	struct archive *a;
	uint64_t at;
	/* What was said of the member that is next. */
	struct buf name, link, pax_text;
	struct tar_pax pax;
	struct err *err;
};

static bool
read_at(const struct archive *a, uint64_t at, char *p, size_t n)
{
	return at <= a->size && n <= a->size - at &&
	       io_pread_all(a->fd, p, n, at) == RC_OK;
}

/* What came before it is kept. */
static int
stop(struct archive *a, const char *why)
{
	report_skip(a->report, sv_str(a->path), why);
	return RC_EOF;
}

#define CUT_OFF "the archive is cut off; what is before that is read"
#define DAMAGED "the archive is damaged; what is before that is read"

static int
read_text(struct tar_reading *t, uint64_t size, struct buf *out)
{
	char *p;

	buf_reset(out);
	if (size > TAR_TEXT_MAX)
		return stop(t->a, DAMAGED);
	p = buf_reserve(out, (size_t)size);
	must(p != NULL);
	if (!read_at(t->a, t->at, p, (size_t)size))
		return stop(t->a, CUT_OFF);
	buf_added(out, (size_t)size);
	return RC_OK;
}

/* Data that say something of the next member. */
static int
read_about(struct tar_reading *t, const struct tar_header *h)
{
	struct buf *to = h->kind == TAR_LONG_NAME   ? &t->name
			 : h->kind == TAR_LONG_LINK ? &t->link
						    : &t->pax_text;
	int r = read_text(t, h->size, to);

	if (r != RC_OK)
		return r;
	if (h->kind == TAR_PAX)
		return tar_pax_parse(buf_sv(to), &t->pax) == RC_OK
			   ? RC_OK
			   : stop(t->a, DAMAGED);
	/* GNU's have a NUL at their end. */
	if (to->n > 0 && to->p[to->n - 1] == '\0')
		buf_truncate(to, to->n - 1);
	return RC_OK;
}

static void
forget_about(struct tar_reading *t)
{
	buf_reset(&t->name);
	buf_reset(&t->link);
	buf_reset(&t->pax_text);
	t->pax = (struct tar_pax){.size = 0};
}

static struct sv
member_name(struct tar_reading *t, const struct tar_header *h)
{
	if (t->pax.path.p != NULL)
		return t->pax.path;
	if (t->name.n == 0) {
		buf_addsv(&t->name, h->prefix);
		if (h->prefix.n > 0)
			buf_addc(&t->name, '/');
		buf_addsv(&t->name, h->name);
	}
	return buf_sv(&t->name);
}

static struct sv
member_target(struct tar_reading *t, const struct tar_header *h)
{
	if (h->kind != TAR_LINK)
		return SV("");
	if (t->pax.link.p != NULL)
		return t->pax.link;
	return t->link.n > 0 ? buf_sv(&t->link) : h->link;
}

static int
read_member(struct tar_reading *t, const struct tar_header *h)
{
	struct entry e = {.kind = ENTRY_FILE,
	    .at = t->at,
	    .packed = h->size,
	    .size = h->size,
	    .mtime = t->pax.has_mtime ? t->pax.mtime : h->mtime};
	int r = RC_OK;

	if (h->kind == TAR_SYMLINK)
		t->a->links++;
	if (h->kind == TAR_SYMLINK || h->kind == TAR_OTHER)
		goto out;
	if (h->kind == TAR_FOLDER)
		e.kind = ENTRY_FOLDER;
	else if (h->kind == TAR_LINK)
		e.kind = ENTRY_LINK;
	else if (h->kind == TAR_SPARSE || t->pax.sparse)
		e.kind = ENTRY_SPARSE;
	else if (e.at > t->a->size || e.size > t->a->size - e.at)
		e.kind = ENTRY_DAMAGED;
	r = archive_add(
	    t->a, member_name(t, h), &e, member_target(t, h), t->err);
out:
	forget_about(t);
	return r;
}

static int
skip_map(struct tar_reading *t, const struct tar_header *h)
{
	char block[TAR_BLOCK];
	bool more = h->extended;

	while (more) {
		if (!read_at(t->a, t->at, block, TAR_BLOCK))
			return stop(t->a, CUT_OFF);
		t->at += TAR_BLOCK;
		more = tar_sparse_goes_on(sv_of(block, TAR_BLOCK));
	}
	return RC_OK;
}

static int
read_header(struct tar_reading *t)
{
	char block[TAR_BLOCK];
	struct tar_header h;
	int r;

	/* Some programs leave out the blocks of NUL. */
	if (t->at == t->a->size)
		return RC_EOF;
	if (!read_at(t->a, t->at, block, TAR_BLOCK))
		return stop(t->a, CUT_OFF);
	r = tar_header_parse(sv_of(block, TAR_BLOCK), &h);
	if (r != RC_OK)
		return r == RC_EOF ? r : stop(t->a, DAMAGED);
	t->at += TAR_BLOCK;
	if (h.kind == TAR_PAX || h.kind == TAR_LONG_NAME ||
	    h.kind == TAR_LONG_LINK) {
		r = read_about(t, &h);
	} else {
		if (t->pax.has_size && h.kind != TAR_LINK &&
		    h.kind != TAR_FOLDER && h.kind != TAR_SYMLINK)
			h.size = t->pax.size;
		r = h.kind == TAR_SPARSE ? skip_map(t, &h) : RC_OK;
		if (r == RC_OK)
			r = read_member(t, &h);
	}
	t->at += (h.size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return r;
}

int
archive_read_tar(struct archive *a, struct err *err)
{
	struct tar_reading t = {.a = a, .err = err};
	int r = RC_OK;

	buf_init(&t.name, TAR_TEXT_MAX + 1);
	buf_init(&t.link, TAR_TEXT_MAX + 1);
	buf_init(&t.pax_text, TAR_TEXT_MAX + 1);
	while (r == RC_OK)
		r = read_header(&t);
	buf_fini(&t.pax_text);
	buf_fini(&t.link);
	buf_fini(&t.name);
	return r == RC_EOF ? RC_OK : r;
}

/* ---- zip ---- */

/* Its name in UTF-8, with '/' between levels. */
static struct sv
zip_name(const struct zip_entry *z, struct buf *out)
{
	size_t i;

	buf_reset(out);
	if (z->unicode.n > 0)
		buf_addsv(out, z->unicode);
	else if (z->utf8 || utf8_valid(z->name))
		buf_addsv(out, z->name);
	else
		zip_from_dos(z->name, out);
	for (i = 0; z->dos && i < out->n; i++)
		if (out->p[i] == '\\')
			out->p[i] = '/';
	return buf_sv(out);
}

static int
add_zip(struct archive *a, const struct zip_entry *z, struct buf *text,
    struct err *err)
{
	struct sv name = zip_name(z, text);
	struct entry e = {.kind = ENTRY_FILE,
	    .crc = z->crc,
	    .at = z->at + a->base,
	    .packed = z->packed,
	    .size = z->size,
	    .mtime = z->mtime,
	    .deflate = z->method == 8,
	    .has_crc = true};

	if (z->symlink) {
		a->links++;
		return RC_OK;
	}
	if (sv_ends(name, SV("/")))
		e.kind = ENTRY_FOLDER;
	else if (z->encrypted)
		e.kind = ENTRY_ENCRYPTED;
	else if (z->method != 0 && z->method != 8)
		e.kind = ENTRY_METHOD;
	else if (e.at > a->size || e.packed > a->size - e.at)
		e.kind = ENTRY_DAMAGED;
	return archive_add(a, name, &e, SV(""), err);
}

struct directory {
	struct archive *a;
	uint64_t at, left; /* of it, in the file */
	struct buf window;
	uint64_t packed; /* of all so far */
};

/* So that a whole entry is there, if one is left. */
static bool
fill_window(struct directory *d)
{
	size_t n = ZIP_ENTRY_MAX - d->window.n;
	char *p;

	if (n > d->left)
		n = (size_t)d->left;
	p = buf_reserve(&d->window, n);
	must(p != NULL);
	if (!read_at(d->a, d->at, p, n))
		return false;
	buf_added(&d->window, n);
	d->at += n;
	d->left -= n;
	return true;
}

static int
read_entries(struct directory *d, struct err *err)
{
	struct archive *a = d->a;
	struct buf text;
	int r = RC_OK;

	buf_init(&text, NAME_MAX_BYTES);
	while (r == RC_OK) {
		struct sv rest = buf_sv(&d->window);
		struct zip_entry z;

		r = zip_entry_take(&rest, &z);
		if (r == RC_MORE && d->left > 0) {
			r = fill_window(d) ? RC_OK : stop(a, DAMAGED);
			continue;
		}
		if (r != RC_OK) {
			r = d->window.n == 0 ? RC_EOF : stop(a, DAMAGED);
			break;
		}
		d->packed += z.packed;
		/* The same bytes in many members: a bomb. */
		if (z.packed > a->size || d->packed > a->size) {
			r = err_set(err, RC_PERM,
			    "it is made to harm: its members are one inside "
			    "another");
			break;
		}
		r = add_zip(a, &z, &text, err);
		buf_consume(&d->window, d->window.n - rest.n);
	}
	buf_fini(&text);
	return r == RC_EOF ? RC_OK : r;
}

static int
read_directory(struct archive *a, struct zip_end *end, struct err *err)
{
	struct directory d = {.a = a};
	char large[ZIP_END64];
	int r;

	if (end->several)
		return err_set(err, RC_PERM,
		    "it is one part of an archive of several; join them first");
	if (end->large && read_at(a, end->large_at, large, sizeof large) &&
	    zip_end64_parse(sv_of(large, sizeof large), end) != RC_OK)
		return err_set(err, RC_PERM, "it is damaged at its end");
	if (end->count > ARCHIVE_MEMBERS_MAX)
		return err_set(err, RC_TOOBIG, "it has more than %u files",
		    ARCHIVE_MEMBERS_MAX);
	/* A program that unpacks it may come before it. */
	if (!end->large && end->where >= end->size &&
	    end->where - end->size >= end->at)
		a->base = end->where - end->size - end->at;
	d.at = end->at + a->base;
	d.left = end->size;
	buf_init(&d.window, ZIP_ENTRY_MAX);
	r = d.at <= a->size && d.left <= a->size - d.at
		? read_entries(&d, err)
		: err_set(err, RC_PERM, "it is damaged at its end");
	buf_fini(&d.window);
	return r;
}

/* How long what follows a member that was written as a stream is: one of
 * the known sizes, if another member or the directory follows. */
static uint64_t
descriptor_size(const struct archive *a, uint64_t at)
{
	static const uint64_t sizes[] = {12, 16, 20, 24};
	char next[4];
	size_t i;

	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (read_at(a, at + sizes[i], next, sizeof next) &&
		    (sv_eq(sv_of(next, 4), SV("PK\x03\x04")) ||
			sv_eq(sv_of(next, 4), SV("PK\x01\x02"))))
			return sizes[i];
	return 0;
}

/* The member at *at; false: there is none, or not all of it. */
static bool
take_local(struct archive *a, uint64_t *at, char *head, struct zip_entry *z)
{
	bool streamed;
	uint64_t n;

	if (!read_at(a, *at, head, ZIP_LOCAL) ||
	    zip_local_size(sv_of(head, ZIP_LOCAL), &n) != RC_OK ||
	    !read_at(a, *at, head, (size_t)n) ||
	    zip_local_parse(sv_of(head, (size_t)n), z, &streamed) != RC_OK)
		return false;
	z->at = *at;
	*at += n;
	/* Of what is stored nothing says where it ends. */
	if (streamed && (z->method != 8 || z->encrypted ||
			    input_measure(a->fd, *at, a->size, z) != RC_OK))
		return false;
	if (z->packed > a->size - *at)
		return false;
	*at += z->packed;
	if (streamed)
		*at += descriptor_size(a, *at);
	return true;
}

/* What comes before each member, where the directory has been cut off. */
static int
read_locals(struct archive *a, struct err *err)
{
	char *head = xmalloc(ZIP_LOCAL_MAX);
	struct zip_entry z;
	struct buf text;
	uint64_t at = 0;
	int r = RC_OK;

	buf_init(&text, NAME_MAX_BYTES);
	while (r == RC_OK && take_local(a, &at, head, &z))
		r = add_zip(a, &z, &text, err);
	buf_fini(&text);
	free(head);
	if (r == RC_OK)
		(void)stop(a, CUT_OFF);
	return r;
}

int
archive_read_zip(struct archive *a, struct err *err)
{
	size_t n = ZIP_TAIL + 20;
	struct zip_end end;
	char *tail;
	int r = RC_IO;

	if (n > a->size)
		n = (size_t)a->size;
	tail = xmalloc(n + 1);
	if (read_at(a, a->size - n, tail, n))
		r = zip_end_find(sv_of(tail, n), a->size - n, &end);
	free(tail);
	if (r == RC_NOTFOUND)
		return read_locals(a, err);
	if (r != RC_OK)
		return err_set(err, r, "it cannot be read");
	return read_directory(a, &end, err);
}
