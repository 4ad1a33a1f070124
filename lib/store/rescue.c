/* Repair: which messages can be read, but are in no folder. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "journal/crc32c.h"
#include "journal/salvage.h"
#include "store/fsck_priv.h"

#define PIECE (64u << 10)

/* ---- what is known ---- */

static int
by_body(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->body < y->body ? -1 : x->body > y->body;
}

static int
by_sum(const void *a, const void *b)
{
	const struct fsck_body *x = *(struct fsck_body *const *)a;
	const struct fsck_body *y = *(struct fsck_body *const *)b;

	if (x->crc != y->crc)
		return x->crc < y->crc ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

static void
places_of(struct rescue *x, struct store *st)
{
	for (size_t i = 0; st != NULL && i < st->nmailbox; i++) {
		struct mailbox *mb = st->by_id[i];

		for (size_t n = 0; n < table_count(&mb->t); n++) {
			const struct msg *m = table_at(&mb->t, n);

			x->place = xgrow(x->place, &x->place_cap, x->nplace + 1,
			    sizeof *x->place);
			x->place[x->nplace++] =
			    (struct place){m->body, mb->id, m};
		}
	}
}

static void
know(struct rescue *x)
{
	struct fsck_bodies *l = &x->k->bodies;

	places_of(x, fsck_state(x->k));
	places_of(x, x->k->known);
	if (x->nplace > 0)
		qsort(x->place, x->nplace, sizeof *x->place, by_body);
	x->good = xcalloc(l->n + 1, sizeof(struct fsck_body *));
	for (size_t i = 0; i < l->n; i++)
		if (l->b[i].ok)
			x->good[x->ngood++] = &l->b[i];
	if (x->ngood > 0)
		qsort(x->good, x->ngood, sizeof(struct fsck_body *), by_sum);
}

/* The same bytes are somewhere that counts. */
static bool
is_there(const struct rescue *x, uint64_t size, uint32_t crc)
{
	const struct fsck_body key = {.size = size, .crc = crc}, *k = &key;

	return x->ngood > 0 && bsearch(&k, x->good, x->ngood,
				   sizeof(struct fsck_body *), by_sum) != NULL;
}

/* The folder that it was in. */
static void
place_find(const struct rescue *x, struct fsck_body *b)
{
	const struct place key = {.body = b->seq}, *p;

	p = x->nplace > 0
		? bsearch(&key, x->place, x->nplace, sizeof key, by_body)
		: NULL;
	if (p == NULL)
		return;
	b->mailbox = p->mailbox;
	b->msg = *p->m;
}

/* The same by the size, if only one message of that size has lost its record:
 * large ones are seldom alike. */
static void
place_by_size(const struct rescue *x, struct fsck_body *b)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < x->nplace; i++) {
		const struct place *p = &x->place[i];

		if (p->m->size != b->size ||
		    fsck_body_find(&x->k->bodies, p->body) != NULL)
			continue;
		if (found != NULL && found->body != p->body)
			return;
		found = p;
	}
	if (found == NULL)
		return;
	b->mailbox = found->mailbox;
	b->msg = *found->m;
}

/* ---- finding ---- */

static void
lost_add(struct rescue *x, const struct fsck_body *b, const char *file,
    uint64_t at, bool sure)
{
	struct lost *l;

	x->l = xgrow(x->l, &x->cap, x->n + 1, sizeof *x->l);
	l = &x->l[x->n++];
	*l = (struct lost){
	    .b = *b, .at = at, .by_name = file == NULL, .sure = sure};
	if (file != NULL)
		(void)snprintf(l->file, sizeof l->file, "%s", file);
}

static bool
is_found(const struct rescue *x, uint64_t size, uint32_t crc)
{
	if (is_there(x, size, crc))
		return true;
	for (size_t i = 0; i < x->n; i++)
		if (x->l[i].b.crc == crc && x->l[i].b.size == size)
			return true;
	return false;
}

/* Another place has given the bytes of this record. */
static bool
is_rescued(const struct rescue *x, uint64_t seq)
{
	for (size_t i = x->n; seq != 0 && i-- > 0;)
		if (x->l[i].b.seq == seq && x->l[i].sure)
			return true;
	return false;
}

static void
find_voids(struct rescue *x)
{
	char name[SEG_NAME_MAX];

	for (size_t i = 0; i < x->k->voids.n; i++) {
		const struct fsck_body *b = &x->k->voids.b[i];

		if (!b->ok || is_found(x, b->size, b->crc))
			continue;
		if (b->elsewhere)
			body_name(b->file, name);
		else
			seg_name(b->segment, "", name);
		lost_add(
		    x, b, name, b->elsewhere ? 0 : b->off + REC_HEADER, true);
	}
}

static void
find_orphans(struct rescue *x)
{
	for (size_t i = 0; i < x->k->bodies.n; i++) {
		struct fsck_body b = x->k->bodies.b[i];

		if (!b.ok || b.used)
			continue;
		place_find(x, &b);
		lost_add(x, &b, NULL, 0, true);
	}
}

/* All of it can be read: its checksum and its first byte. */
static bool
file_sum(const struct rescue *x, const char *file, uint64_t at, uint64_t size,
    uint32_t *crc, char *first)
{
	const struct journal_io *io = x->k->io;
	int fd = io->open(io, x->logfd, file, O_RDONLY);
	bool ok = fd >= 0;
	char *p;

	*crc = 0;
	if (!ok)
		return false;
	p = xmalloc(PIECE);
	for (uint64_t off = 0; off < size && ok; off += PIECE) {
		size_t n = size - off < PIECE ? (size_t)(size - off) : PIECE;

		ok = disk_pread(io, fd, p, n, at + off) == RC_OK;
		if (ok)
			*crc = crc32c(*crc, p, n);
		if (off == 0)
			*first = p[0];
	}
	free(p);
	io->close(io, fd);
	return ok;
}

void
rescue_failed(struct rescue *x, const struct lost *l)
{
	char file[AUDIT_FILE_MAX];

	(void)snprintf(file, sizeof file, "log/%s", l->file);
	x->done->failed++;
	fsck_tell(x->k, AUDIT_DAMAGE, file, l->at,
	    "a message of %llu bytes here cannot be read and is not recovered",
	    (unsigned long long)l->b.size);
}

/* A file of bytes whose record is gone. */
static void
on_file(void *arg, const char *name)
{
	struct rescue *x = arg;
	const struct journal_io *io = x->k->io;
	struct lost l = {.b.ok = true};
	char first = '\0';
	int fd;

	if (!body_name_parse(name, &l.b.file))
		return;
	for (size_t i = 0; i < x->k->bodies.n; i++)
		if (x->k->bodies.b[i].elsewhere &&
		    x->k->bodies.b[i].file == l.b.file)
			return;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->l[i].file, name) == 0)
			return;
	(void)snprintf(l.file, sizeof l.file, "%s", name);
	fd = io->open(io, x->logfd, name, O_RDONLY);
	if (fd >= 0 && io->size(io, fd, &l.b.size) < 0)
		l.b.size = 0;
	if (fd >= 0)
		io->close(io, fd);
	if (fd >= 0 && l.b.size == 0)
		return;
	if (fd < 0 || !file_sum(x, name, 0, l.b.size, &l.b.crc, &first)) {
		rescue_failed(x, &l);
		return;
	}
	if (is_found(x, l.b.size, l.b.crc))
		return;
	place_by_size(x, &l.b);
	lost_add(x, &l.b, name, 0, true);
}

/* A record of bytes that have a file of their own: it says which. */
static void
on_reference(struct rescue *x, struct fsck_body *b, const char *file)
{
	const struct journal_io *io = x->k->io;
	char raw[REF_BYTES], name[SEG_NAME_MAX], first = '\0';
	int fd = io->open(io, x->logfd, file, O_RDONLY);
	struct body_ref ref;
	uint32_t crc;
	int r;

	if (fd < 0)
		return;
	r = disk_pread(io, fd, raw, sizeof raw, b->off + REC_HEADER);
	io->close(io, fd);
	if (r != RC_OK ||
	    (b->crc != 0 && crc32c(0, raw, sizeof raw) != b->crc) ||
	    body_ref_decode(sv_of(raw, sizeof raw), &ref) != RC_OK)
		return; /* the file itself is found by its name */
	body_name(ref.name, name);
	b->elsewhere = true;
	b->file = ref.name;
	b->size = ref.size;
	b->crc = ref.crc;
	if (file_sum(x, name, 0, ref.size, &crc, &first) && crc == ref.crc &&
	    !is_found(x, b->size, b->crc))
		lost_add(x, b, name, 0, true);
}

/*
 * A message whose record no reader of the log finds.  What is known of its
 * checksum says whether it is as it came.
 */
static void
on_entry(void *arg, const struct toc_entry *e, const char *file)
{
	struct rescue *x = arg;
	struct fsck_body b = {.seq = e->seq,
	    .off = e->off,
	    .size = e->len,
	    .crc = e->crc,
	    .ok = true};
	struct fsck_body *there = fsck_body_find(&x->k->bodies, e->seq);
	char first = '\0';
	uint32_t crc;

	/* Numbers of what is lost are not given again, but of what an older
	 * version has lost they may have been. */
	if (e->type != CHANGE_MESSAGE || is_rescued(x, e->seq) ||
	    (there != NULL &&
		(e->crc == 0 || there->crc == e->crc || there->elsewhere)))
		return;
	if (there == NULL)
		place_find(x, &b);
	if (e->flags & JOURNAL_ELSEWHERE) {
		on_reference(x, &b, file);
		return;
	}
	if (!file_sum(x, file, e->off + REC_HEADER, b.size, &crc, &first)) {
		struct lost l = {.b = b, .at = e->off};

		(void)snprintf(l.file, sizeof l.file, "%s", file);
		if (e->crc == 0 || !is_found(x, b.size, e->crc))
			rescue_failed(x, &l);
		return;
	}
	b.crc = crc;
	if (is_found(x, b.size, crc) ||
	    (e->crc != 0 && is_found(x, b.size, e->crc)))
		return;
	/* What does not even begin like a mail is of no use to anybody. */
	if ((e->crc == 0 || crc != e->crc) && !ascii_is_print(first))
		return;
	lost_add(
	    x, &b, file, e->off + REC_HEADER, e->crc != 0 && crc == e->crc);
}

void
rescue_find(struct rescue *x)
{
	struct fsck *k = x->k;
	struct journal_opts jo = {.io = k->io, .kind = {'m', 'a', 'i', 'l'}};

	x->logfd = k->io->opendir(k->io, k->dirfd, "log", false);
	if (x->logfd < 0)
		return;
	know(x);
	find_voids(x);
	if (k->rep->damage > 0) {
		find_orphans(x);
		/* What is proved comes first. */
		if (journal_find_records(k->dirfd, &jo, on_entry, x) != RC_OK ||
		    journal_find_entries(k->dirfd, &jo, on_entry, x) != RC_OK)
			fsck_tell(k, AUDIT_DAMAGE, "log", 0,
			    "it cannot be searched for lost messages");
	}
	(void)k->io->list(k->io, x->logfd, on_file, x);
}

void
rescue_fini(struct rescue *x)
{
	const struct journal_io *io = x->k->io;

	if (x->logfd >= 0)
		io->close(io, x->logfd);
	free(x->good);
	free(x->place);
	free(x->l);
}
