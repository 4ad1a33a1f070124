#include "imap/transfer/archive.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/transfer/archive_index.h"
#include "imap/transfer/look.h"
#include "imap/transfer/tar.h"
#include "archive/unpack.h"
#include "archive/zip.h"

#define LINKS_MAX 8 /* from one to the next */

enum archive_kind
archive_kind(struct sv s)
{
	struct tar_header h;

	if (look_zip(s))
		return ARCHIVE_ZIP;
	if (look_gzip(s))
		return ARCHIVE_GZIP;
	return tar_header_parse(sv_first(s, TAR_BLOCK), &h) == RC_OK
		   ? ARCHIVE_TAR
		   : ARCHIVE_NONE;
}

/* ---- names ---- */

const char *
archive_name(const struct archive *a, size_t i)
{
	return a->names.p + a->e[i].name;
}

/* As a path below the folder; or why it is none. */
static const char *
clean(struct sv name, struct buf *out)
{
	size_t start = out->n;

	if (sv_chr(name, '\0') < name.n)
		return "its name has a NUL";
	if (name.n > ARCHIVE_PATH_MAX)
		return "its name is too long";
	if (name.n > 0 && name.p[0] == '/')
		return "its name is an absolute path";
	while (name.n > 0) {
		struct sv level = sv_split(&name, '/');

		if (sv_eq(level, SV("..")))
			return "its name leads out of the archive";
		if (level.n == 0 || sv_eq(level, SV(".")))
			continue;
		if (out->n > start)
			buf_addc(out, '/');
		buf_addsv(out, level);
	}
	return NULL;
}

/* What macOS puts beside each file. */
static bool
is_shadow(struct sv name)
{
	size_t slash = sv_rchr(name, '/');
	struct sv last = slash < name.n ? sv_skip(name, slash + 1) : name;

	return sv_starts(name, SV("__MACOSX/")) || sv_starts(last, SV("._"));
}

int
archive_add(struct archive *a, struct sv name, const struct entry *e,
    struct sv target, struct err *err)
{
	size_t start = a->names.n;
	const char *why = clean(name, &a->names);
	struct entry *new;

	if (why == NULL && e->kind == ENTRY_LINK) {
		buf_addc(&a->names, '\0');
		why = clean(target, &a->names);
	}
	if (why == NULL && a->n == ARCHIVE_MEMBERS_MAX)
		return err_set(err, RC_TOOBIG, "it has more than %u files",
		    ARCHIVE_MEMBERS_MAX);
	if (why != NULL || a->names.n == start || is_shadow(name)) {
		if (why != NULL)
			report_skip(a->report, name, why);
		buf_truncate(&a->names, start);
		return RC_OK;
	}
	buf_addc(&a->names, '\0');
	if (!buf_ok(&a->names))
		return err_set(err, RC_TOOBIG,
		    "the names of its files are larger than %u MiB together",
		    ARCHIVE_NAMES_MAX >> 20);
	a->e = xgrow(a->e, &a->cap, a->n + 1, sizeof *a->e);
	new = &a->e[a->n];
	*new = *e;
	new->name = (uint32_t)start;
	new->number = (uint32_t)a->n++;
	return RC_OK;
}

static int
by_name(const void *x, const void *y, void *arg)
{
	const struct entry *a = x, *b = y;
	const char *names = arg;
	int c = strcmp(names + a->name, names + b->name);

	return c != 0 ? c : a->number < b->number ? -1 : 1;
}

/* What was put into it again takes the place of what was there. */
void
archive_sort(struct archive *a)
{
	size_t i, n = 0;

	if (a->n == 0)
		return;
	qsort_r(a->e, a->n, sizeof *a->e, by_name, a->names.p);
	for (i = 0; i < a->n; i++) {
		if (n > 0 && strcmp(a->names.p + a->e[n - 1].name,
				 archive_name(a, i)) == 0)
			n--;
		a->e[n++] = a->e[i];
	}
	a->n = n;
}

size_t
archive_lower(const struct archive *a, struct sv s)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sv_cmp(sv_str(archive_name(a, mid)), s) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
archive_free(struct archive **ap)
{
	struct archive *a = *ap;

	if (a == NULL)
		return;
	free(a->e);
	buf_fini(&a->root);
	buf_fini(&a->names);
	io_close(&a->fd);
	free(a);
	*ap = NULL;
}

/* ---- reading ---- */

static const struct entry *
find(const struct archive *a, struct sv name)
{
	size_t i = archive_lower(a, name);

	return i < a->n && sv_eq(sv_str(archive_name(a, i)), name) ? &a->e[i]
								   : NULL;
}

static const char *
why_not(const struct entry *e)
{
	if (e == NULL)
		return "it is a link, and what it leads to is not there";
	switch ((enum entry_kind)e->kind) {
	case ENTRY_FILE:
		return NULL;
	case ENTRY_FOLDER:
		return "it is not a file";
	case ENTRY_LINK:
		return "it is a link in an endless chain of links";
	case ENTRY_SPARSE:
		return "it has holes (tar --sparse); unpack the archive first";
	case ENTRY_ENCRYPTED:
		return "it is encrypted in the archive";
	case ENTRY_METHOD:
		return "it is compressed by a method that is not read; unpack "
		       "the archive first";
	case ENTRY_DAMAGED:
		return "it is cut off in the archive";
	}
	return NULL;
}

int
archive_find(const struct archive *a, const char *path,
    struct archive_member *out, struct err *err)
{
	const struct entry *e;
	const char *why;
	char local[ZIP_LOCAL];
	uint64_t head = 0;
	struct buf b;
	unsigned i;

	buf_init(&b, 2 * ARCHIVE_PATH_MAX);
	buf_addsv(&b, buf_sv(&a->root));
	buf_adds(&b, path);
	e = find(a, buf_sv(&b));
	buf_fini(&b);
	if (e == NULL)
		return err_set(err, RC_NOTFOUND, "it is not in the archive");
	for (i = 0; i < LINKS_MAX && e != NULL && e->kind == ENTRY_LINK; i++)
		e = find(a, sv_str(a->names.p + e->name +
				   strlen(a->names.p + e->name) + 1));
	why = why_not(e);
	if (why == NULL && a->zip &&
	    (io_pread_all(a->fd, local, sizeof local, e->at) != RC_OK ||
		zip_local_size(sv_of(local, sizeof local), &head) != RC_OK))
		why = "it is damaged in the archive";
	if (why != NULL)
		return err_set(err, RC_PERM, "%s", why);
	*out = (struct archive_member){.fd = a->fd,
	    .at = e->at + head,
	    .packed = e->packed,
	    .size = e->size,
	    .mtime = e->mtime,
	    .deflate = e->deflate,
	    .has_crc = e->has_crc,
	    .crc = e->crc};
	return RC_OK;
}

int
archive_list(const struct archive *a, const char *path,
    void (*fn)(void *arg, enum broker_type type, struct sv name), void *arg,
    struct err *err)
{
	struct buf b;
	size_t i, base;
	bool any = false;

	buf_init(&b, 3 * ARCHIVE_PATH_MAX);
	buf_addsv(&b, buf_sv(&a->root));
	buf_adds(&b, path);
	if (b.n > 0 && b.p[b.n - 1] != '/')
		buf_addc(&b, '/');
	base = b.n;
	i = archive_lower(a, buf_sv(&b));
	while (i < a->n && sv_starts(sv_str(archive_name(a, i)), buf_sv(&b))) {
		struct sv rest = sv_skip(sv_str(archive_name(a, i)), base);
		size_t slash = sv_chr(rest, '/');
		bool deep = slash < rest.n;

		any = true;
		fn(arg,
		    deep || a->e[i].kind == ENTRY_FOLDER ? BROKER_FOLDER
							 : BROKER_FILE,
		    sv_first(rest, slash));
		i++;
		if (!deep)
			continue;
		/* To what is behind that folder: '0' is behind '/'. */
		buf_addsv(&b, sv_first(rest, slash));
		buf_addc(&b, '/' + 1);
		i = archive_lower(a, buf_sv(&b));
		buf_truncate(&b, base);
	}
	if (base > 0)
		any = any || find(a, sv_first(buf_sv(&b), base - 1)) != NULL;
	buf_fini(&b);
	return any || base == 0
		   ? RC_OK
		   : err_set(err, RC_NOTFOUND, "it is not in the archive");
}
