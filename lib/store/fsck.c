#include "store/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/plural.h"
#include "store/fsck_priv.h"

#define STATE_HEAD   128u
#define STATE_TABLES 4096u
#define TEXT_MAX     4096u
#define NAMED_MAX    20u /* messages that one finding names */

void
fsck_report_fini(struct fsck_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->f[i].file);
		free(r->f[i].text);
	}
	free(r->f);
	memset(r, 0, sizeof *r);
}

static void
tell_text(struct fsck *k, enum audit_level level, const char *file,
    uint64_t off, uint64_t bytes, const char *text)
{
	struct fsck_report *rep = k->rep;
	struct fsck_finding *f;

	rep->damage += level == AUDIT_DAMAGE;
	rep->derived += level == AUDIT_DERIVED;
	rep->notes += level == AUDIT_NOTE;
	if (rep->n == FSCK_FINDINGS)
		return;
	rep->f = xgrow(rep->f, &rep->cap, rep->n + 1, sizeof *rep->f);
	f = &rep->f[rep->n++];
	*f = (struct fsck_finding){
	    level, xstrdup(file), off, bytes, xstrdup(text)};
}

void
fsck_tell(struct fsck *k, enum audit_level level, const char *file,
    uint64_t off, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, TEXT_MAX);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	tell_text(k, level, file, off, 0, b.p);
	buf_fini(&b);
}

/* ---- the log ---- */

struct fsck_body *
fsck_body_find(struct fsck_bodies *l, uint64_t seq)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->b[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->b[lo].seq == seq ? &l->b[lo] : NULL;
}

static void
on_finding(void *arg, const struct audit_finding *f)
{
	struct fsck *k = arg;
	struct fsck_body *b;

	tell_text(k, f->level, f->file, f->off, f->bytes, f->text);
	if (f->seq == 0)
		return;
	/* The record itself comes behind its findings. */
	b = fsck_body_find(&k->bodies, f->seq);
	if (b != NULL)
		b->hit = true;
}

/* Where a batch that does not count would have put its messages. */
static void
void_added(struct fsck *k, const struct audit_record *r)
{
	struct change c;

	if (r->h.type != CHANGE_ADDED || !r->ok ||
	    change_decode(r->h.type, r->payload, &c) != RC_OK)
		return;
	for (size_t i = 0; i < c.nmsg; i++)
		for (size_t n = k->voids.n; n-- > 0;) {
			struct fsck_body *b = &k->voids.b[n];

			if (b->segment != r->segment)
				break;
			if (b->seq != c.msg[i].body)
				continue;
			b->mailbox = c.mailbox;
			b->msg = c.msg[i];
			break;
		}
	change_fini(&c);
}

static void
on_record(void *arg, const struct audit_record *r)
{
	struct fsck *k = arg;
	struct fsck_bodies *l = r->counts ? &k->bodies : &k->voids;
	struct fsck_body *b;

	if (r->counts && r->h.seq > k->last)
		k->last = r->h.seq;
	if (!(r->h.flags & JOURNAL_NAMED)) {
		if (!r->counts)
			void_added(k, r);
		return;
	}
	if (r->h.type == CHANGE_VERDICT)
		return; /* nobody misses it */
	if (r->counts && l->n > 0 && r->h.seq <= l->b[l->n - 1].seq)
		return;
	l->b = xgrow(l->b, &l->cap, l->n + 1, sizeof *l->b);
	b = &l->b[l->n++];
	*b = (struct fsck_body){.seq = r->h.seq,
	    .off = r->off,
	    .segment = r->segment,
	    .time = (int64_t)r->h.time,
	    .ok = r->ok,
	    .size = r->h.len,
	    .crc = r->h.crc};
	if (r->h.flags & JOURNAL_ELSEWHERE) {
		b->elsewhere = true;
		b->file = r->ref.name;
		b->size = r->ref.size;
		b->crc = r->ref.crc;
	}
}

/* ---- the changes, one by one ---- */

static struct store *
state_new(struct fsck *k)
{
	struct store *st = xcalloc(1, sizeof *st);

	st->io = k->io;
	st->dirfd = k->dirfd;
	st->lockfd = -1;
	pthread_mutex_init(&st->mu, NULL);
	pthread_cond_init(&st->notified, NULL);
	return st;
}

static void
state_free(struct store **sp)
{
	struct store *st = *sp;

	if (st == NULL)
		return;
	*sp = NULL;
	store_state_reset(st);
	pthread_cond_destroy(&st->notified);
	pthread_mutex_destroy(&st->mu);
	free(st);
}

static void
check_added(struct fsck *k, const struct change *c, uint64_t seq)
{
	const struct mailbox *mb = mailbox_by_id(k->all, c->mailbox);

	if (mb == NULL)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "record %llu adds messages to mailbox %u, whose creation "
		    "is lost; it is called Recovered-%u",
		    (unsigned long long)seq, c->mailbox, c->mailbox);
	else if (c->nmsg > 0 && c->msg[0].uid < mb->uidnext)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "record %llu gives UID %u of \"%s\" a second time",
		    (unsigned long long)seq, c->msg[0].uid, mb->name);
	for (size_t i = 0; i < c->nmsg; i++) {
		struct fsck_body *b =
		    fsck_body_find(&k->bodies, c->msg[i].body);

		if (b == NULL)
			continue; /* told when the messages are looked at */
		b->used = true;
		if (b->ok && b->size != c->msg[i].size)
			fsck_tell(k, AUDIT_DAMAGE, "", 0,
			    "record %llu says that a message has %u bytes, it "
			    "has %llu",
			    (unsigned long long)seq, c->msg[i].size,
			    (unsigned long long)b->size);
	}
}

/* What rules send needs no mailbox. */
static void
check_outgoing(struct fsck *k, const struct change *c, uint64_t seq)
{
	struct fsck_body *b = fsck_body_find(&k->bodies, c->body);

	if (c->body == 0)
		return; /* the end of one */
	if (b == NULL)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "record %llu sends a message whose bytes are lost",
		    (unsigned long long)seq);
	else
		b->used = true;
}

static void
check_slots(struct fsck *k, const struct change *c, uint64_t seq)
{
	for (size_t i = 0; i < c->nslot; i++)
		if (keyword_by_id(k->all, c->slot[i].keyword) == NULL)
			fsck_tell(k, AUDIT_DAMAGE, "", 0,
			    "record %llu uses keyword %u, whose name is lost",
			    (unsigned long long)seq, c->slot[i].keyword);
}

static bool
mailboxes_equal(struct mailbox *a, struct mailbox *b)
{
	size_t n = table_count(&a->t);

	if (strcmp(a->name, b->name) != 0 || a->use != b->use ||
	    a->selectable != b->selectable ||
	    a->uidvalidity != b->uidvalidity || a->uidnext != b->uidnext ||
	    a->modseq != b->modseq || n != table_count(&b->t) ||
	    a->unseen != b->unseen || a->deleted != b->deleted ||
	    a->size != b->size || a->nkeyword != b->nkeyword)
		return false;
	for (size_t i = 0; i < n; i++)
		if (memcmp(table_at(&a->t, i), table_at(&b->t, i),
			sizeof(struct msg)) != 0)
			return false;
	return true;
}

/* Is the checkpoint what the log says at that place? */
static void
compare(struct fsck *k)
{
	struct store *a = k->all, *b = k->point;
	/* It may well know more than a damaged log. */
	enum audit_level level =
	    k->rep->damage > 0 ? AUDIT_NOTE : AUDIT_DERIVED;

	if (b == NULL || k->compared)
		return;
	k->compared = true;
	if (a->nmailbox != b->nmailbox || a->nsubscribed != b->nsubscribed ||
	    a->last_uidvalidity != b->last_uidvalidity) {
		k->knows_more = level == AUDIT_NOTE;
		fsck_tell(k, level, "state", 0,
		    "the checkpoint's list of mailboxes differs from the log");
	}
	for (size_t i = 0; i < b->nmailbox; i++) {
		struct mailbox *mb = mailbox_by_id(a, b->by_id[i]->id);

		if (mb != NULL && mailboxes_equal(mb, b->by_id[i]))
			continue;
		k->knows_more = level == AUDIT_NOTE;
		fsck_tell(k, level, "state", 0,
		    "the checkpoint's \"%s\" differs from the log",
		    b->by_id[i]->name);
	}
}

/* What a compaction has left of the history. */
static int
on_snapshot(struct fsck *k, const struct journal_record *rec)
{
	int r;

	buf_addsv(&k->snapshot, rec->payload);
	if (!(rec->flags & 1))
		return RC_OK;
	r = snapshot_decode(k->all, buf_sv(&k->snapshot));
	/* The compaction has kept what it knew of, and what a loss before it
	 * may have left without a mailbox. */
	for (size_t i = 0; r == RC_OK && i < k->bodies.n; i++)
		if (k->bodies.b[i].seq <= rec->seq &&
		    k->bodies.b[i].seq > k->all->lost_seq)
			k->bodies.b[i].used = true;
	if (r == RC_OK && k->point != NULL && rec->seq > k->mark.seq)
		r = snapshot_decode(k->point, buf_sv(&k->snapshot));
	buf_release(&k->snapshot);
	return r == RC_OK ? r
			  : err_set(k->err, r,
				"the snapshot of record %llu makes no sense",
				(unsigned long long)rec->seq);
}

static int
on_change(void *arg, const struct journal_record *rec)
{
	struct fsck *k = arg;
	struct change c;
	int r;

	if (rec->type == JOURNAL_TYPE_SNAPSHOT)
		return on_snapshot(k, rec);
	if (change_is_bytes(rec->type))
		return RC_OK;
	if (rec->seq > k->mark.seq)
		compare(k);
	r = change_decode(rec->type, rec->payload, &c);
	if (r == RC_NOSUPPORT)
		return err_set(k->err, r,
		    "record %llu was written by a newer version",
		    (unsigned long long)rec->seq);
	if (r != RC_OK) {
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "record %llu is invalid, although its checksum matches",
		    (unsigned long long)rec->seq);
		return RC_OK;
	}
	check_slots(k, &c, rec->seq);
	if (c.type == CHANGE_ADDED)
		check_added(k, &c, rec->seq);
	else if (c.type == CHANGE_OUTGOING)
		check_outgoing(k, &c, rec->seq);
	change_apply(k->all, &c, rec->seq, rec->time, NULL);
	if (k->point != NULL && rec->seq > k->mark.seq)
		change_apply(k->point, &c, rec->seq, rec->time, NULL);
	change_fini(&c);
	return RC_OK;
}

/* ---- the checkpoint ---- */

static void
checkpoint_read(struct fsck *k)
{
	char gap[STATE_TABLES - STATE_HEAD];
	int fd = k->io->open(k->io, k->dirfd, "state", O_RDONLY);

	if (fd < 0)
		return;
	if (k->rep->segments == 0)
		fsck_tell(k, AUDIT_DAMAGE, "log", 0,
		    "it has no readable segment, but a checkpoint of earlier "
		    "mail: the mail is gone, or its disk is not mounted");
	k->point = state_new(k);
	if (checkpoint_load(k->point, &k->mark) != RC_OK) {
		fsck_tell(k, AUDIT_DERIVED, "state", 0,
		    "the checkpoint does not match its checksums");
		state_free(&k->point);
	} else if (disk_pread(k->io, fd, gap, sizeof gap, STATE_HEAD) ==
		   RC_OK) {
		for (size_t i = 0; i < sizeof gap; i++)
			if (gap[i] != 0) {
				fsck_tell(k, AUDIT_DERIVED, "state",
				    STATE_HEAD + i,
				    "a byte that should be zero is not");
				break;
			}
	}
	k->io->close(k->io, fd);
}

static void
name_message(struct buf *b, const struct mailbox *mb, const struct msg *m)
{
	buf_addf(b, "%s\"%s\" UID %u (%u bytes)", b->n > 0 ? ", " : "",
	    mb->name, m->uid, m->size);
}

/* Does it belong to this log? */
static void
checkpoint_place(struct fsck *k, struct journal *j)
{
	if (k->point == NULL || journal_has(j, &k->mark))
		return;
	k->known = k->point;
	k->point = NULL;
}

/* Messages that the checkpoint has, and nobody else. */
static void
name_gone(struct fsck *k)
{
	unsigned long long n = 0;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < k->known->nmailbox; i++) {
		struct mailbox *mb = k->known->by_id[i];
		struct mailbox *now = mailbox_by_id(k->all, mb->id);

		for (size_t m = 0; m < table_count(&mb->t); m++) {
			const struct msg *msg = table_at(&mb->t, m);

			if (now != NULL &&
			    table_find(&now->t, msg->uid) != NULL)
				continue;
			if (n++ < NAMED_MAX)
				name_message(&b, mb, msg);
		}
	}
	if (n > 0)
		fsck_tell(k, AUDIT_DAMAGE, "state", 0,
		    "%llu message%s no longer in %s folder: %s%s", n,
		    each(n, " is", "s are"), each(n, "its", "their"), b.p,
		    n > NAMED_MAX ? ", ..." : "");
	buf_fini(&b);
}

/* What it means that the checkpoint does not fit. */
static void
checkpoint_misfit(struct fsck *k, struct journal *j)
{
	if (k->known == NULL)
		return;
	if (k->mark.seq > k->ends) {
		fsck_tell(k, AUDIT_DAMAGE, "state", 0,
		    "the checkpoint knows changes up to record %llu, the log "
		    "ends at %llu: its end is lost; the next start, or "
		    "--rebuild or --repair, gives each folder a new "
		    "UIDVALIDITY",
		    (unsigned long long)k->mark.seq,
		    (unsigned long long)k->ends);
		name_gone(k);
		return;
	}
	if (journal_replaced(j, k->mark.segment))
		fsck_tell(k, AUDIT_NOTE, "state", 0,
		    "the checkpoint is older than a compaction, and not used");
	else
		fsck_tell(k, AUDIT_DERIVED, "state", 0,
		    "the checkpoint is of another log, or of an older epoch");
}

/* ---- what it means for whom ---- */

static void
look_at_messages(struct fsck *k)
{
	struct store *st = fsck_state(k);
	struct buf lost, mended;
	unsigned named = 0;

	buf_init(&lost, TEXT_MAX);
	buf_init(&mended, TEXT_MAX);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct mailbox *mb = st->by_id[i];

		k->rep->mailboxes++;
		for (size_t n = 0; n < table_count(&mb->t); n++) {
			const struct msg *m = table_at(&mb->t, n);
			struct fsck_body *b =
			    fsck_body_find(&k->bodies, m->body);

			k->rep->messages++;
			if (b != NULL)
				b->used = true;
			if (b != NULL && b->ok)
				continue;
			/* It came after the log was read. */
			if (k->o->online && b == NULL && m->body > k->last)
				continue;
			k->rep->unreadable++;
			if (named++ < NAMED_MAX)
				name_message(
				    b == NULL ? &lost : &mended, mb, m);
		}
	}
	if (lost.n > 0)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "the text of these messages is missing: %s%s", lost.p,
		    named > NAMED_MAX ? ", ..." : "");
	if (mended.n > 0)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "these messages have changed, their checksum does not "
		    "match: %s%s",
		    mended.p, named > NAMED_MAX ? ", ..." : "");
	buf_fini(&mended);
	buf_fini(&lost);
}

static void
look_for_orphans(struct fsck *k)
{
	uint64_t n = 0;

	for (size_t i = 0; i < k->bodies.n; i++)
		n += k->bodies.b[i].ok && !k->bodies.b[i].used;
	if (n > 0 && k->rep->damage > 0)
		fsck_tell(k, AUDIT_DAMAGE, "", 0,
		    "%llu message%s can be read but %s in no folder, since "
		    "a record is lost; --repair puts %s into %s",
		    (unsigned long long)n, plural(n), each(n, "is", "are"),
		    each(n, "it", "them"), FSCK_LOST_FOUND);
}

static void
digest(struct fsck *k)
{
	struct store *st = fsck_state(k);
	crypto_generichash_state h;
	struct buf b;

	buf_init(&b, 1 << 20);
	crypto_generichash_init(&h, NULL, 0, FSCK_DIGEST);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct mailbox *mb = st->by_name[i];

		buf_reset(&b);
		buf_addf(&b, "mailbox %s %u %d\n", mb->name, mb->use,
		    mb->selectable);
		for (size_t n = 0; n < table_count(&mb->t); n++) {
			const struct msg *m = table_at(&mb->t, n);
			const struct fsck_body *f =
			    fsck_body_find(&k->bodies, m->body);

			buf_addf(&b, "%x %llx %lld %d %u %x\n", m->system,
			    (unsigned long long)m->keywords,
			    (long long)m->internal_date, m->zone, m->size,
			    f != NULL ? f->crc : 0);
			crypto_generichash_update(
			    &h, (const unsigned char *)b.p, b.n);
			buf_reset(&b);
		}
		crypto_generichash_update(&h, (const unsigned char *)b.p, b.n);
	}
	crypto_generichash_final(&h, k->rep->digest, FSCK_DIGEST);
	buf_fini(&b);
}

/* ---- all of it ---- */

struct store *
fsck_state(struct fsck *k)
{
	return k->point != NULL ? k->point : k->all;
}

static int
open_and_lock(struct fsck *k, const char *dir, struct err *err)
{
	k->dirfd = k->io->opendir(k->io, AT_FDCWD, dir, false);
	if (k->dirfd < 0)
		return err_sys(err, RC_IO, errno, "%s", dir);
	if (k->o->online)
		return RC_OK;
	k->lockfd = k->io->open(k->io, k->dirfd, "lock", O_RDWR | O_CREAT);
	if (k->lockfd < 0)
		return err_sys(err, RC_IO, errno, "lock");
	if (k->io->lock(k->io, k->lockfd) == 0)
		return RC_OK;
	return err_set(err,
	    errno == EAGAIN || errno == EACCES ? RC_TEMP : RC_IO,
	    "another process has the account open");
}

/* What a checkpoint knows was flushed.  Of a log in use it may be newer than
 * what is about to be read. */
static uint64_t
flushed(struct fsck *k)
{
	struct store st = {.io = k->io, .dirfd = k->dirfd};
	struct journal_mark mark = {.seq = 0};

	return !k->o->online && checkpoint_peek(&st, &mark) == RC_OK ? mark.seq
								     : 0;
}

static int
replay(struct fsck *k, const struct journal_opts *jo, struct err *err)
{
	struct journal_report report;
	struct journal *j = NULL;
	int r = journal_open(k->dirfd, jo, &j, err);

	if (r != RC_OK)
		return r;
	checkpoint_place(k, j);
	buf_init(&k->snapshot, SIZE_MAX / 4);
	k->all = state_new(k);
	if (!k->o->online)
		journal_vouch(j, flushed(k));
	r = journal_replay(j, NULL, on_change, k, &report, err);
	if (r == RC_OK && k->o->online)
		k->ends = journal_next(j) - 1;
	if (r == RC_OK && k->point != NULL && k->mark.seq > k->ends) {
		k->known = k->point;
		k->point = NULL;
	}
	if (r == RC_OK) {
		checkpoint_misfit(k, j);
		compare(k);
	}
	journal_close(&j);
	return r;
}

int
fsck_begin(struct fsck *k, const char *dir, const struct fsck_opts *o,
    struct fsck_report *rep, struct err *err)
{
	static const struct audit_ops ops = {on_finding, on_record};
	struct journal_opts jo = {
	    .kind = {'m', 'a', 'i', 'l'}, .readonly = true, .salvage = true};
	struct audit_sum sum;
	int r;

	memset(k, 0, sizeof *k);
	memset(rep, 0, sizeof *rep);
	k->o = o;
	k->io = o->io != NULL ? o->io : &journal_disk;
	k->dirfd = k->lockfd = -1;
	k->rep = rep;
	k->err = err;
	jo.io = k->io;
	r = open_and_lock(k, dir, err);
	if (r == RC_OK)
		r = journal_audit(
		    k->dirfd, &jo, flushed(k), &ops, k, &sum, err);
	if (r != RC_OK)
		return r;
	k->ends = sum.ends;
	rep->segments = sum.segments;
	rep->records = sum.records;
	rep->bytes = sum.bytes;
	checkpoint_read(k);
	r = replay(k, &jo, err);
	if (r != RC_OK)
		return r;
	look_at_messages(k);
	look_for_orphans(k);
	digest(k);
	return RC_OK;
}

void
fsck_end(struct fsck *k)
{
	state_free(&k->known);
	state_free(&k->point);
	state_free(&k->all);
	free(k->bodies.b);
	free(k->voids.b);
	if (k->lockfd >= 0)
		k->io->close(k->io, k->lockfd);
	if (k->dirfd >= 0)
		k->io->close(k->io, k->dirfd);
	k->lockfd = k->dirfd = -1;
}

int
fsck_check(const char *dir, const struct fsck_opts *o, struct fsck_report *out,
    struct err *err)
{
	struct fsck k;
	int r = fsck_begin(&k, dir, o, out, err);

	fsck_end(&k);
	return r;
}
