#include "queue/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

enum {
	RECORD_BODY = 16,
	RECORD_ITEM = 17,
	RECORD_DONE = 18
};

#define TAG_MUST      0x8000u
#define TAG_ID	      0x8001u
#define TAG_BODY      0x8002u
#define TAG_SIZE      0x8003u
#define TAG_SENDER    0x8004u
#define TAG_ACCOUNT   0x8005u
#define TAG_ARRIVED   0x0010u
#define CHUNK	      65536
#define MEMFD_MAX     (1 << 20)
#define ITEM_MAX      (1 << 20)
#define RECIPIENT_MAX 10000
#define LOW_WATER     (64u << 20) /* free bytes below which nothing comes in */
#define LOCK_WAIT_MS  3000

struct spool {
	struct journal *journal;
	int lock; /* of the folder: one process at a time */
	struct spool_item *items;
	size_t n;
};

static void
item_free(struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		free(it->rcpt[i].account);
	free(it->rcpt);
	free(it->sender);
	free(it);
}

static void
item_add_recipient(struct spool_item *it, struct sv account)
{
	it->rcpt = xreallocarray(it->rcpt, it->nrcpt + 1, sizeof *it->rcpt);
	it->rcpt[it->nrcpt++] =
	    (struct spool_recipient){.account = sv_dup(account)};
}

static bool
item_is_done(const struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (!it->rcpt[i].done)
			return false;
	return true;
}

static struct spool_item *
find(struct spool *s, uint64_t seq)
{
	struct spool_item *it;

	for (it = s->items; it != NULL; it = it->next)
		if (it->seq == seq)
			return it;
	return NULL;
}

/* The oldest first: the list is in the order of the journal. */
static void
item_link(struct spool *s, struct spool_item *it)
{
	struct spool_item **at = &s->items;

	while (*at != NULL)
		at = &(*at)->next;
	*at = it;
	s->n++;
}

static void
item_drop_if_done(struct spool *s, struct spool_item *it)
{
	struct spool_item **at = &s->items;

	if (!item_is_done(it))
		return;
	while (*at != it)
		at = &(*at)->next;
	*at = it->next;
	s->n--;
	item_free(it);
}

/* ---- records ---- */

static void
put_field(struct buf *b, uint16_t tag, const void *p, size_t n)
{
	char head[6];

	be_put16(head, tag);
	be_put32(head + 2, (uint32_t)n);
	buf_add(b, head, sizeof head);
	buf_add(b, p, n);
}

static void
put_u64(struct buf *b, uint16_t tag, uint64_t v)
{
	char t[8];

	be_put64(t, v);
	put_field(b, tag, t, sizeof t);
}

static int
take_field(struct spool_item *it, uint16_t tag, struct sv v)
{
	switch (tag) {
	case TAG_ID:
		if (v.n != sizeof it->delivery_id)
			return RC_DAMAGED;
		memcpy(it->delivery_id, v.p, v.n);
		return RC_OK;
	case TAG_BODY:
	case TAG_SIZE:
	case TAG_ARRIVED:
		if (v.n != 8)
			return RC_DAMAGED;
		if (tag == TAG_BODY)
			it->body = be_get64(v.p);
		else if (tag == TAG_SIZE)
			it->size = be_get64(v.p);
		else
			it->arrived = (int64_t)be_get64(v.p);
		return RC_OK;
	case TAG_SENDER:
		free(it->sender);
		it->sender = sv_dup(v);
		return RC_OK;
	case TAG_ACCOUNT:
		item_add_recipient(it, v);
		return RC_OK;
	default:
		return (tag & TAG_MUST) != 0 ? RC_NOSUPPORT : RC_OK;
	}
}

static int
parse_item(struct sv p, struct spool_item *it)
{
	while (p.n >= 6) {
		uint16_t tag = be_get16(p.p);
		uint32_t n = be_get32(p.p + 2);
		int r;

		if (n > p.n - 6 || it->nrcpt > RECIPIENT_MAX)
			return RC_DAMAGED;
		r = take_field(it, tag, sv_of(p.p + 6, n));
		if (r != RC_OK)
			return r;
		p = sv_skip(p, 6 + (size_t)n);
	}
	return p.n == 0 && it->sender != NULL ? RC_OK : RC_DAMAGED;
}

static int
replay_item(struct spool *s, const struct journal_record *r)
{
	struct spool_item *it = xcalloc(1, sizeof *it);
	int rc;

	it->seq = r->seq;
	rc = parse_item(r->payload, it);
	if (rc == RC_OK) {
		item_link(s, it);
		return RC_OK;
	}
	item_free(it);
	mlog(LOG_ERROR, "spool.item", "seq=%llu rc=%s text=\"%s\"",
	    (unsigned long long)r->seq, rc_name(rc),
	    rc == RC_NOSUPPORT ? "written by a newer hearthmail; use that one"
			       : "unreadable; it is left in the journal");
	return rc == RC_NOSUPPORT ? rc : RC_OK;
}

static int
replay(void *arg, const struct journal_record *r)
{
	struct spool *s = arg;
	struct spool_item *it;
	uint32_t i;

	if (r->type == RECORD_ITEM)
		return replay_item(s, r);
	if (r->type == RECORD_DONE && r->payload.n >= 16) {
		it = find(s, be_get64(r->payload.p));
		i = be_get32(r->payload.p + 8);
		if (it != NULL && i < it->nrcpt) {
			it->rcpt[i].done = true;
			item_drop_if_done(s, it);
		}
	}
	return RC_OK;
}

/* The process before us may need a moment to leave. */
static int
take_lock(int dirfd, int *lock_out, struct err *err)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t until = clk_mono() + LOCK_WAIT_MS;
	int fd = openat(
	    dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(
		    err, RC_IO, errno, "cannot open the spool's lock");
	while (fcntl(fd, F_OFD_SETLK, &l) != 0) {
		if (clk_mono() > until) {
			io_close(&fd);
			return err_set(
			    err, RC_TEMP, "another process has the spool");
		}
		(void)nanosleep(&pause, NULL);
	}
	*lock_out = fd;
	return RC_OK;
}

int
spool_open(
    int dirfd, const struct journal_io *io, struct spool **out, struct err *err)
{
	struct spool *s = xcalloc(1, sizeof *s);
	struct journal_opts o = {.io = io, .kind = {'s', 'p', 'o', 'l'}};
	struct journal_report report = {0};
	int r;

	s->lock = -1;
	r = take_lock(dirfd, &s->lock, err);
	if (r == RC_OK)
		r = journal_open(dirfd, &o, &s->journal, err);
	if (r == RC_OK)
		r = journal_replay(s->journal, NULL, replay, s, &report, err);
	if (r != RC_OK) {
		spool_close(&s);
		return r;
	}
	if (report.damaged > 0)
		mlog(LOG_ERROR, "spool.damaged", "places=%llu bytes=%llu",
		    (unsigned long long)report.damaged,
		    (unsigned long long)report.damaged_bytes);
	*out = s;
	return RC_OK;
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;
	struct spool_item *it;

	if (s == NULL)
		return;
	while ((it = s->items) != NULL) {
		s->items = it->next;
		item_free(it);
	}
	journal_close(&s->journal);
	io_close(&s->lock);
	free(s);
	*sp = NULL;
}

/* ---- in ---- */

static int
copy_body(struct journal_blob *blob, int fd, uint64_t size)
{
	struct stat st;
	uint64_t at = 0;
	char *chunk;
	int r = RC_OK;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != size)
		return RC_SYNTAX;
	chunk = xmalloc(CHUNK);
	while (r == RC_OK && at < size) {
		size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		r = io_pread_all(fd, chunk, n, at);
		if (r == RC_OK)
			r = journal_blob_add(blob, chunk, n);
		at += n;
	}
	free(chunk);
	return r == RC_OK ? journal_blob_seal(blob) : r;
}

static void
encode_item(
    const struct spool_put *p, uint64_t body, int64_t now, struct buf *b)
{
	size_t i;

	put_field(b, TAG_ID, p->delivery_id, sizeof p->delivery_id);
	put_u64(b, TAG_BODY, body);
	put_u64(b, TAG_SIZE, p->size);
	put_u64(b, TAG_ARRIVED, (uint64_t)now);
	put_field(b, TAG_SENDER, p->sender.p, p->sender.n);
	for (i = 0; i < p->naccount; i++)
		put_field(b, TAG_ACCOUNT, p->account[i], strlen(p->account[i]));
}

static struct spool_item *
find_delivery(struct spool *s, const uint8_t id[16])
{
	struct spool_item *it;

	for (it = s->items; it != NULL; it = it->next)
		if (memcmp(it->delivery_id, id, 16) == 0)
			return it;
	return NULL;
}

/* Body and item become one batch: both or none. */
static int
append_item(struct spool *s, const struct spool_put *p,
    struct journal_blob *blob, struct err *err)
{
	struct spool_item *it = xcalloc(1, sizeof *it);
	struct journal_item rec[2] = {
	    {.type = RECORD_BODY, .flags = JOURNAL_NAMED, .blob = blob},
	    {.type = RECORD_ITEM}};
	uint64_t body = journal_next(s->journal);
	struct buf b;

	buf_init(&b, ITEM_MAX);
	encode_item(p, body, clk_now(), &b);
	if (!buf_ok(&b) || parse_item(buf_sv(&b), it) != RC_OK) {
		buf_fini(&b);
		item_free(it);
		return err_set(err, RC_TOOBIG, "too many recipients");
	}
	rec[1].payload = buf_sv(&b);
	it->seq = journal_append(s->journal, rec, 2) + 1;
	buf_fini(&b);
	item_link(s, it);
	if (journal_flush(s->journal, it->seq) != RC_OK)
		return err_set(err, RC_IO, "the spool cannot be written");
	return RC_OK;
}

int
spool_put(struct spool *s, const struct spool_put *p, struct err *err)
{
	struct journal_blob *blob;
	int r;

	if (find_delivery(s, p->delivery_id) != NULL)
		return journal_poisoned(s->journal) ? RC_IO : RC_OK;
	if (p->naccount == 0) /* it would never end */
		return err_set(err, RC_SYNTAX, "a message for nobody");
	blob = journal_blob_new(s->journal);
	r = copy_body(blob, p->fd, p->size);
	if (r != RC_OK)
		(void)err_set(err, r,
		    r == RC_NOSPACE ? "the disk is full"
				    : "the message cannot be copied");
	else
		r = append_item(s, p, blob, err);
	journal_blob_free(&blob);
	return r;
}

int
spool_tmpfile(int *fd_out, struct err *err)
{
	static unsigned number;
	struct statvfs disk;
	char name[64];
	int fd;

	if (statvfs(".", &disk) == 0 &&
	    (uint64_t)disk.f_bavail * disk.f_frsize < LOW_WATER)
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	/* By name and unlinked: not every file system has O_TMPFILE. */
	(void)snprintf(name, sizeof name, "incoming/%08x%08x",
	    (unsigned)getpid(), number++);
	fd = open(
	    name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? RC_NOSPACE : RC_TEMP,
		    errno, "cannot make a file in the spool");
	(void)unlink(name);
	*fd_out = fd;
	return RC_OK;
}

/* ---- out ---- */

struct spool_item *
spool_due(struct spool *s, size_t *rcpt, int64_t *wait_ms)
{
	int64_t now = clk_mono(), least = -1;
	struct spool_item *it;
	size_t i;

	for (it = s->items; it != NULL; it = it->next)
		for (i = 0; i < it->nrcpt; i++) {
			const struct spool_recipient *rc = &it->rcpt[i];

			if (rc->done || rc->in_hand)
				continue;
			if (rc->next_try <= now) {
				*rcpt = i;
				return it;
			}
			if (least < 0 || rc->next_try - now < least)
				least = rc->next_try - now;
		}
	*wait_ms = least;
	return NULL;
}

int
spool_body(
    struct spool *s, const struct spool_item *it, int *fd_out, struct err *err)
{
	char *chunk = xmalloc(CHUNK);
	uint64_t at = 0;
	int fd = -1, r = RC_OK;

	if (it->size <= MEMFD_MAX) {
		fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0)
			r = err_sys(err, RC_TEMP, errno, "no memory file");
	} else {
		r = spool_tmpfile(&fd, err);
	}
	while (r == RC_OK && at < it->size) {
		size_t n =
		    it->size - at < CHUNK ? (size_t)(it->size - at) : CHUNK;

		r = journal_read(s->journal, it->body, at, chunk, n);
		if (r == RC_OK)
			r = io_write_all(fd, chunk, n);
		if (r != RC_OK)
			(void)err_set(err, r,
			    "the message %llu cannot be "
			    "copied",
			    (unsigned long long)it->seq);
		at += n;
	}
	free(chunk);
	if (r != RC_OK) {
		io_close(&fd);
		return r;
	}
	if (it->size <= MEMFD_MAX)
		(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	*fd_out = fd;
	return RC_OK;
}

/* 2 s, 4 s, 8 s ... 15 minutes: local mail waits for a process that is
 * starting or a disk that is full, not for a network. */
static int64_t
retry_delay(unsigned attempts)
{
	int64_t ms = 1000LL << (attempts < 10 ? attempts : 10);

	return ms < 15 * 60 * 1000 ? ms : 15 * 60 * 1000;
}

void
spool_outcome(struct spool *s, uint64_t seq, size_t rcpt, bool done)
{
	struct spool_item *it = find(s, seq);
	char payload[16] = {0};
	struct journal_item rec = {.type = RECORD_DONE};
	uint64_t at;

	if (it == NULL || rcpt >= it->nrcpt)
		return;
	it->rcpt[rcpt].in_hand = false;
	if (!done) {
		it->rcpt[rcpt].attempts++;
		it->rcpt[rcpt].next_try =
		    clk_mono() + retry_delay(it->rcpt[rcpt].attempts);
		return;
	}
	be_put64(payload, seq);
	be_put32(payload + 8, (uint32_t)rcpt);
	rec.payload = sv_of(payload, sizeof payload);
	at = journal_append(s->journal, &rec, 1);
	it->rcpt[rcpt].done = true;
	item_drop_if_done(s, it);
	/* A lost DONE only means one more attempt, which the account answers
	 * as done. */
	if (journal_flush(s->journal, at) != RC_OK ||
	    journal_drop_before(
		s->journal, s->items != NULL ? s->items->body : at) != RC_OK)
		mlog(LOG_ERROR, "spool.write",
		    "text=\"the spool cannot be "
		    "written\"");
}

size_t
spool_count(const struct spool *s)
{
	return s->n;
}

void
spool_retry_all(struct spool *s)
{
	struct spool_item *it;
	size_t i;

	for (it = s->items; it != NULL; it = it->next)
		for (i = 0; i < it->nrcpt; i++)
			it->rcpt[i].next_try = 0;
}
