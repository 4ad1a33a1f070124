/*
 * The checkpoint, file `state`: all mailboxes with their message tables, so
 * that a start replays only what came after.  Derived, never flushed: it is
 * checked whole before it is believed, and without it everything is replayed.
 *
 *	offset  bytes
 *	     0      8  "hmstate\n"
 *	     8      4  version
 *	    12      4  01020304 as this machine writes it: the tables are mapped
 *		       as they are
 *	    16      8  the journal's epoch
 *	    24      8  sequence number up to which this holds
 *	    32      8  and the offset behind it
 *	    40      4  in that segment
 *	    44      4  bytes of a message in the tables
 *	    48      8  bytes of the tables, which begin at 4096
 *	    56      4  CRC-32C of the tables
 *	    60      4  CRC-32C of what is behind them
 *	    64      8  and its length
 *	   124      4  CRC-32C of the 124 bytes before
 *
 * Behind the tables: the rest as varints and texts, see meta_encode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/sabotage.h"
#include "store/encode.h"
#include "store/rules_priv.h"
#include "store/store.h"
#include "store/store_priv.h"

/* ---- the empty state ---- */

void
store_state_reset(struct store *st)
{
	for (size_t i = 0; i < st->nmailbox; i++)
		mailbox_free(st->by_id[i]);
	free(st->by_id);
	free(st->by_name);
	for (size_t i = 0; i < st->nkeyword; i++)
		if (st->keyword[i] != NULL) {
			free(st->keyword[i]->name);
			free(st->keyword[i]);
		}
	free(st->keyword);
	for (size_t i = 0; i < st->nsubscribed; i++)
		free(st->subscribed[i]);
	free(st->subscribed);
	deliveries_fini(&st->deliveries);
	rules_fini(&st->rules);
	tombstones_fini(st);
	if (st->map != NULL)
		st->io->unmap(st->io, st->map, st->map_len);
	st->by_id = NULL;
	st->by_name = NULL;
	st->keyword = NULL;
	st->subscribed = NULL;
	st->map = NULL;
	st->nmailbox = st->id_cap = st->name_cap = 0;
	st->nkeyword = st->keyword_cap = 0;
	st->nsubscribed = st->subscribed_cap = 0;
	st->last_uidvalidity = 0;
	st->last_mailbox = 0;
	st->names_seq = 0;
	st->raised_seq = 0;
	st->lost_seq = 0;
	free(st->purged.v);
	st->purged = (struct bodies){NULL, 0, 0};
	st->checkpoint_seq = 0;
}

#define HEAD		 128u
#define TABLES_OFF	 4096u
#define ORDER		 0x01020304u
#define STEP		 (sizeof(struct msg) * 5000)
#define META_MAX	 (256u << 20)
#define MSG_BYTES	 48u /* as everybody writes them */
#define SNAPSHOT_VERSION 1u  /* 2: with rules, which older releases lack */
#define SNAPSHOT_HEAD	 12u

static const char magic[8] = {'h', 'm', 's', 't', 'a', 't', 'e', '\n'};

struct head {
	struct journal_mark mark;
	uint64_t tables_len, meta_len;
	uint32_t tables_crc, meta_crc;
};

/* ---- writing ---- */

static void
head_encode(const struct head *h, void *out)
{
	unsigned char *p = out;
	uint32_t order = ORDER;

	memset(p, 0, HEAD);
	memcpy(p, magic, sizeof magic);
	be_put32(p + 8, CHECKPOINT_VERSION);
	memcpy(p + 12, &order, sizeof order);
	be_put64(p + 16, h->mark.epoch);
	be_put64(p + 24, h->mark.seq);
	be_put64(p + 32, h->mark.off);
	be_put32(p + 40, h->mark.segment);
	be_put32(p + 44, sizeof(struct msg));
	be_put64(p + 48, h->tables_len);
	be_put32(p + 56, h->tables_crc);
	be_put32(p + 60, h->meta_crc);
	be_put64(p + 64, h->meta_len);
	be_put32(p + HEAD - 4, crc32c(0, p, HEAD - 4));
}

static void
msg_put(struct buf *out, const struct msg *m)
{
	unsigned char p[MSG_BYTES];

	be_put64(p, m->modseq);
	be_put64(p + 8, m->body);
	be_put64(p + 16, m->keywords);
	be_put64(p + 24, (uint64_t)m->internal_date);
	be_put32(p + 32, m->uid);
	be_put32(p + 36, m->size);
	be_put32(p + 40, m->save_date);
	be_put16(p + 44, (uint16_t)m->zone);
	p[46] = m->system;
	p[47] = 0;
	buf_add(out, p, sizeof p);
}

static void
msg_get(const char *p, struct msg *m)
{
	*m = (struct msg){.modseq = be_get64(p),
	    .body = be_get64(p + 8),
	    .keywords = be_get64(p + 16),
	    .internal_date = (int64_t)be_get64(p + 24),
	    .uid = be_get32(p + 32),
	    .size = be_get32(p + 36),
	    .save_date = be_get32(p + 40),
	    .zone = (int16_t)be_get16(p + 44),
	    .system = (uint8_t)p[46]};
}

static void
mailbox_encode(struct mailbox *mb, struct buf *out)
{
	encode_uint(out, mb->id);
	encode_text(out, sv_str(mb->name));
	encode_uint(out, mb->use);
	encode_uint(out, mb->selectable);
	encode_uint(out, mb->uidvalidity);
	encode_uint(out, mb->uidnext);
	encode_uint(out, mb->modseq);
	encode_uint(out, table_count(&mb->t));
	encode_uint(out, mb->unseen);
	encode_uint(out, mb->deleted);
	encode_uint(out, mb->size);
	encode_uint(out, mb->seen_below);
	encode_uint(out, mb->nkeyword);
	for (uint32_t i = 0; i < mb->nkeyword; i++)
		encode_uint(
		    out, mb->keyword[i] != NULL ? mb->keyword[i]->id : 0);
	encode_uint(out, mb->vanished_floor);
	encode_uint(out, mb->nvanished);
	for (size_t i = 0; i < mb->nvanished; i++) {
		encode_uint(out, mb->vanished[i].seq);
		encode_uint(out, mb->vanished[i].lo);
		encode_uint(out, mb->vanished[i].hi);
	}
}

static void
tombstones_encode(const struct store *st, struct buf *out)
{
	encode_uint(out, st->last_tombstone);
	encode_uint(out, st->ntombstone);
	for (size_t i = 0; i < st->ntombstone; i++) {
		encode_uint(out, st->tombstone[i].mailbox);
		encode_uint(out, st->tombstone[i].number);
		encode_uint(out, st->tombstone[i].moved);
		encode_uint(out, zigzag(st->tombstone[i].at));
		msg_put(out, &st->tombstone[i].m);
	}
	encode_uint(out, st->ndeleted_name);
	for (size_t i = 0; i < st->ndeleted_name; i++) {
		encode_uint(out, st->deleted_name[i].mailbox);
		encode_text(out, sv_str(st->deleted_name[i].name));
	}
}

static void
meta_encode(struct store *st, struct buf *out)
{
	encode_uint(out, st->last_uidvalidity);
	encode_uint(out, st->last_mailbox);
	encode_uint(out, st->names_seq);
	encode_uint(out, st->raised_seq);
	encode_uint(out, st->lost_seq);
	encode_uint(out, st->purged.n);
	for (size_t i = 0; i < st->purged.n; i++)
		encode_uint(out, st->purged.v[i]);
	encode_uint(out, st->nkeyword);
	for (size_t i = 0; i < st->nkeyword; i++)
		encode_text(out, st->keyword[i] != NULL
				     ? sv_str(st->keyword[i]->name)
				     : SV(""));
	encode_uint(out, st->nsubscribed);
	for (size_t i = 0; i < st->nsubscribed; i++)
		encode_text(out, sv_str(st->subscribed[i]));
	encode_uint(out, st->deliveries.n);
	for (size_t i = 0; i < st->deliveries.n; i++) {
		const struct delivery *d = &st->deliveries.d[i];

		buf_add(out, d->id, sizeof d->id);
		encode_uint(out, d->seq);
		encode_uint(out, zigzag(d->time));
		encode_uint(out, d->uidvalidity);
		encode_uint(out, d->uid);
	}
	encode_uint(out, st->nmailbox);
	for (size_t i = 0; i < st->nmailbox; i++)
		mailbox_encode(st->by_id[i], out);
	tombstones_encode(st, out);
	rules_encode(&st->rules, out);
}

void
checkpoint_encode(
    struct store *st, const struct journal_mark *mark, struct buf *out)
{
	struct head h = {.mark = *mark};
	size_t at;

	must(buf_reserve(out, TABLES_OFF) != NULL);
	memset(out->p, 0, TABLES_OFF);
	buf_added(out, TABLES_OFF);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct table *t = &st->by_id[i]->t;

		buf_add(out, t->base, t->nbase * sizeof *t->base);
		buf_add(out, t->tail, t->ntail * sizeof *t->tail);
	}
	h.tables_len = out->n - TABLES_OFF;
	h.tables_crc = crc32c(0, out->p + TABLES_OFF, out->n - TABLES_OFF);
	at = out->n;
	meta_encode(st, out);
	must(buf_ok(out));
	h.meta_len = out->n - at;
	h.meta_crc = crc32c(0, out->p + at, out->n - at);
	head_encode(&h, out->p);
}

int
checkpoint_write(struct store *st, const struct buf *bytes)
{
	const struct journal_io *io = st->io;
	int fd, r;

	fd = io->open(io, st->dirfd, "state.tmp", O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return RC_IO;
	r = disk_pwrite(io, fd, bytes->p, bytes->n, 0);
	io->close(io, fd);
	if (r == RC_OK && io->rename(io, st->dirfd, "state.tmp", "state") < 0)
		r = RC_IO;
	if (r != RC_OK) {
		int e = errno;

		(void)io->unlink(io, st->dirfd, "state.tmp");
		errno = e;
	}
	return r;
}

/* ---- reading ---- */

static int
head_decode(const void *in, struct head *h)
{
	const unsigned char *p = in;
	uint32_t order;

	memcpy(&order, p + 12, sizeof order);
	if (memcmp(p, magic, sizeof magic) != 0 ||
	    be_get32(p + HEAD - 4) != crc32c(0, p, HEAD - 4) ||
	    be_get32(p + 8) != CHECKPOINT_VERSION || order != ORDER ||
	    be_get32(p + 44) != sizeof(struct msg))
		return RC_DAMAGED;
	h->mark.epoch = be_get64(p + 16);
	h->mark.seq = be_get64(p + 24);
	h->mark.off = be_get64(p + 32);
	h->mark.segment = be_get32(p + 40);
	h->tables_len = be_get64(p + 48);
	h->tables_crc = be_get32(p + 56);
	h->meta_crc = be_get32(p + 60);
	h->meta_len = be_get64(p + 64);
	return RC_OK;
}

/* Read, not mapped: a bad sector is then an error and no signal. */
static int
tables_check(struct store *st, int fd, const struct head *h)
{
	char *p = xmalloc(STEP);
	uint32_t crc = 0;
	int r = RC_OK;

	for (uint64_t off = 0; r == RC_OK && off < h->tables_len; off += STEP) {
		size_t n = h->tables_len - off < STEP
			       ? (size_t)(h->tables_len - off)
			       : STEP;

		r = disk_pread(st->io, fd, p, n, TABLES_OFF + off);
		if (r == RC_OK)
			crc = crc32c(crc, p, n);
	}
	free(p);
	return r == RC_OK && crc == h->tables_crc ? RC_OK : RC_DAMAGED;
}

/* All mailboxes' messages, one after the other: mapped, or as a snapshot has
 * them. */
struct tables {
	struct msg *mapped;
	const char *plain;
	uint64_t n;
};

static void
table_fill(struct mailbox *mb, const struct tables *t, uint64_t at, size_t n)
{
	struct msg m;

	if (t->mapped != NULL) {
		mb->t.nbase = n;
		if (n > 0)
			mb->t.base = t->mapped + at;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		msg_get(t->plain + (at + i) * MSG_BYTES, &m);
		table_append(&mb->t, &m, 1);
	}
}

static void
vanished_decode(struct mailbox *mb, struct decoder *w)
{
	uint64_t n;

	mb->vanished_floor = decode_uint(w);
	n = decode_uint(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		struct vanished v = {.seq = decode_uint(w)};

		v.lo = decode_uint32(w);
		v.hi = decode_uint32(w);
		if (v.lo == 0 || v.lo > v.hi)
			w->bad = true;
		if (!w->bad && !sabotaged(SABOTAGE_FORGET_VANISHED))
			vanished_put(mb, &v);
	}
}

static bool
mailbox_decode(
    struct store *st, struct decoder *w, const struct tables *t, uint64_t *at)
{
	uint32_t id = decode_uint32(w);
	struct sv name = decode_name(w);
	struct mailbox *mb;
	uint64_t n;

	if (w->bad || id == 0 || name.n == 0 || mailbox_by_id(st, id) != NULL ||
	    mailbox_named(st, name) != NULL)
		return false;
	mb = mailbox_new(st, id, name);
	mb->use = (uint8_t)decode_uint(w);
	mb->selectable = decode_uint(w) != 0;
	mb->uidvalidity = decode_uint32(w);
	mb->uidnext = decode_uint32(w);
	mb->modseq = decode_uint(w);
	n = decode_uint(w);
	mb->unseen = decode_uint32(w);
	mb->deleted = decode_uint32(w);
	mb->size = decode_uint(w);
	mb->seen_below = decode_uint(w);
	mb->nkeyword = decode_uint32(w);
	if (w->bad || n > t->n - *at || mb->seen_below > n ||
	    mb->nkeyword > KEYWORDS_MAX)
		return false;
	for (uint32_t i = 0; i < mb->nkeyword; i++)
		mb->keyword[i] = keyword_by_id(st, decode_uint32(w));
	table_fill(mb, t, *at, (size_t)n);
	*at += n;
	vanished_decode(mb, w);
	return !w->bad;
}

static bool
tombstones_decode(struct store *st, struct decoder *w)
{
	uint32_t last = decode_uint32(w);
	uint64_t n = decode_uint(w);

	for (uint64_t i = 0; i < n && !w->bad; i++) {
		uint32_t mailbox = decode_uint32(w), number = decode_uint32(w);
		bool moved = decode_uint(w) != 0;
		int64_t when = decode_int(w);
		struct sv raw = decode_bytes(w, MSG_BYTES);
		struct msg m;

		if (w->bad)
			break;
		msg_get(raw.p, &m);
		if (sabotaged(SABOTAGE_FORGET_TOMBSTONES))
			continue;
		tombstones_add(st, &m, 1,
		    &(struct departure){mailbox, when, m.modseq, moved});
		st->tombstone[st->ntombstone - 1].number = number;
	}
	st->last_tombstone = last;
	n = decode_uint(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		uint32_t mailbox = decode_uint32(w);
		struct sv name = decode_name(w);

		if (!w->bad)
			deleted_name_set(st, mailbox, name);
	}
	return !w->bad;
}

static bool
delivery_decode(struct store *st, struct decoder *w)
{
	struct delivery d = {.seq = 0};
	struct sv id = decode_bytes(w, sizeof d.id);

	if (w->bad)
		return false;
	memcpy(d.id, id.p, sizeof d.id);
	d.seq = decode_uint(w);
	d.time = decode_int(w);
	d.uidvalidity = decode_uint32(w);
	d.uid = decode_uint32(w);
	if (!w->bad)
		deliveries_add(&st->deliveries, &d);
	return !w->bad;
}

static bool
meta_decode(struct store *st, struct sv meta, const struct tables *t)
{
	struct decoder w = {meta, false};
	uint64_t n, at = 0;

	st->last_uidvalidity = decode_uint32(&w);
	st->last_mailbox = decode_uint32(&w);
	st->names_seq = decode_uint(&w);
	st->raised_seq = decode_uint(&w);
	st->lost_seq = decode_uint(&w);
	n = decode_uint(&w);
	for (uint64_t i = 0; i < n && !w.bad; i++)
		bodies_add(&st->purged, decode_uint(&w));
	bodies_sort(&st->purged);
	n = decode_uint(&w);
	for (uint64_t i = 0; i < n && !w.bad; i++) {
		struct sv name = decode_name(&w);

		if (i >= ALL_KEYWORDS_MAX)
			return false;
		if (name.n > 0)
			keyword_set(st, (uint32_t)i + 1, name);
	}
	n = decode_uint(&w);
	for (uint64_t i = 0; i < n && !w.bad; i++) {
		struct sv name = decode_name(&w);

		if (!w.bad)
			subscription_set(st, name, true);
	}
	n = decode_uint(&w);
	for (uint64_t i = 0; i < n; i++)
		if (!delivery_decode(st, &w))
			return false;
	n = decode_uint(&w);
	for (uint64_t i = 0; i < n; i++)
		if (!mailbox_decode(st, &w, t, &at))
			return false;
	if (!tombstones_decode(st, &w) || !rules_decode(&st->rules, &w))
		return false;
	return !w.bad && w.s.n == 0 && at == t->n;
}

static int
load_from(struct store *st, int fd, struct journal_mark *mark)
{
	struct tables t = {NULL, NULL, 0};
	char raw[HEAD];
	struct head h;
	uint64_t size;
	char *meta = NULL;
	int r = disk_pread(st->io, fd, raw, sizeof raw, 0);

	if (r == RC_OK)
		r = head_decode(raw, &h);
	if (r != RC_OK || st->io->size(st->io, fd, &size) < 0)
		return RC_DAMAGED;
	if (h.tables_len % sizeof(struct msg) != 0 || h.tables_len > size ||
	    h.meta_len > META_MAX ||
	    size != TABLES_OFF + h.tables_len + h.meta_len)
		return RC_DAMAGED;
	meta = xmalloc((size_t)h.meta_len + 1);
	r = disk_pread(
	    st->io, fd, meta, (size_t)h.meta_len, TABLES_OFF + h.tables_len);
	if (r != RC_OK || crc32c(0, meta, (size_t)h.meta_len) != h.meta_crc ||
	    tables_check(st, fd, &h) != RC_OK) {
		r = RC_DAMAGED;
		goto out;
	}
	st->map_len = (size_t)size;
	st->map = st->io->map(st->io, fd, st->map_len);
	r = RC_DAMAGED;
	if (st->map == NULL)
		goto out;
	t.mapped = (struct msg *)(void *)((char *)st->map + TABLES_OFF);
	t.n = h.tables_len / sizeof(struct msg);
	if (!meta_decode(st, sv_of(meta, (size_t)h.meta_len), &t))
		goto out;
	*mark = h.mark;
	st->checkpoint_seq = h.mark.seq;
	st->checkpoint_segment = h.mark.segment;
	r = RC_OK;
out:
	free(meta);
	return r;
}

int
checkpoint_peek(struct store *st, struct journal_mark *mark)
{
	int fd = st->io->open(st->io, st->dirfd, "state", O_RDONLY), r;
	char raw[HEAD];
	struct head h;

	if (fd < 0)
		return errno == ENOENT ? RC_NOTFOUND : RC_DAMAGED;
	r = disk_pread(st->io, fd, raw, sizeof raw, 0);
	if (r == RC_OK)
		r = head_decode(raw, &h);
	st->io->close(st->io, fd);
	if (r != RC_OK)
		return RC_DAMAGED;
	*mark = h.mark;
	return RC_OK;
}

int
checkpoint_load(struct store *st, struct journal_mark *mark)
{
	int fd = st->io->open(st->io, st->dirfd, "state", O_RDONLY);
	int r;

	if (fd < 0)
		return RC_NOTFOUND;
	r = load_from(st, fd, mark);
	st->io->close(st->io, fd);
	if (r == RC_OK)
		return RC_OK;
	mlog(LOG_WARN, "store.checkpoint_unusable", "rc=%s", rc_name(r));
	store_state_reset(st);
	return RC_NOTFOUND;
}

/* ---- snapshots ---- */

void
snapshot_encode(struct store *st, struct buf *out)
{
	unsigned char head[SNAPSHOT_HEAD];
	uint64_t n = 0;

	for (size_t i = 0; i < st->nmailbox; i++)
		n += table_count(&st->by_id[i]->t);
	be_put32(
	    head, SNAPSHOT_VERSION + (rules_are_empty(&st->rules) ? 0 : 1));
	be_put64(head + 4, n);
	buf_add(out, head, sizeof head);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct table *t = &st->by_id[i]->t;

		for (size_t k = 0; k < table_count(t); k++)
			msg_put(out, table_at(t, k));
	}
	meta_encode(st, out);
	must(buf_ok(out));
}

int
snapshot_decode(struct store *st, struct sv in)
{
	struct tables t = {NULL, NULL, 0};

	store_state_reset(st);
	if (in.n < SNAPSHOT_HEAD)
		return RC_DAMAGED;
	if (be_get32(in.p) != SNAPSHOT_VERSION &&
	    be_get32(in.p) != SNAPSHOT_VERSION + 1)
		return RC_NOSUPPORT;
	t.n = be_get64(in.p + 4);
	in = sv_skip(in, SNAPSHOT_HEAD);
	t.plain = in.p;
	if (t.n > in.n / MSG_BYTES)
		return RC_DAMAGED;
	if (meta_decode(st, sv_skip(in, (size_t)t.n * MSG_BYTES), &t))
		return RC_OK;
	store_state_reset(st);
	return RC_DAMAGED;
}
