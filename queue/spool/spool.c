#include "queue/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
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
#include "queue/spool/spool_priv.h"

#define MEMFD_MAX	     (1 << 20)
#define ITEM_MAX	     (8 << 20)
#define RECORDS_MAX	     (2 + SPOOL_RECIPIENTS_MAX)
#define LOCK_WAIT_MS	     3000
#define STEP_BYTES	     16
#define DELAY_REPORTED_BYTES 12
#define MARK_BYTES	     16
#define RECORD_BYTES	     64 /* beside its payload, about */
#define AGE_MAX		     (10LL * 24 * 3600 * 1000) /* nothing waits longer */

/* ---- items ---- */

static int
compare_seq(const void *a, const void *b)
{
	const struct spool_item *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
compare_delivery(const void *a, const void *b)
{
	const struct spool_item *x = a, *y = b;

	return memcmp(x->delivery_id, y->delivery_id, sizeof x->delivery_id);
}

struct spool_item *
spool_find(const struct spool *s, uint64_t seq)
{
	struct spool_item key = {.seq = seq}, **at;

	at = tfind(&key, &s->by_seq, compare_seq);
	return at != NULL ? *at : NULL;
}

struct spool_item *
spool_find_delivery(const struct spool *s, const uint8_t id[16])
{
	struct spool_item key = {.seq = 0}, **at;

	memcpy(key.delivery_id, id, sizeof key.delivery_id);
	at = tfind(&key, &s->by_delivery, compare_delivery);
	return at != NULL ? *at : NULL;
}

/* The oldest first: the list is in the order of the journal. */
static void
list_add(struct spool *s, struct spool_item *it)
{
	it->prev = s->last;
	it->next = NULL;
	if (s->last != NULL)
		s->last->next = it;
	else
		s->first = it;
	s->last = it;
}

static void
list_remove(struct spool *s, struct spool_item *it)
{
	*(it->prev != NULL ? &it->prev->next : &s->first) = it->next;
	*(it->next != NULL ? &it->next->prev : &s->last) = it->prev;
}

void
spool_to_end(struct spool *s, struct spool_item *it)
{
	list_remove(s, it);
	list_add(s, it);
}

static void
item_link(struct spool *s, struct spool_item *it)
{
	list_add(s, it);
	s->n++;
	must(tsearch(it, &s->by_seq, compare_seq) != NULL);
	must(tsearch(it, &s->by_delivery, compare_delivery) != NULL);
}

static void
item_unlink(struct spool *s, struct spool_item *it)
{
	struct spool_item **same;

	list_remove(s, it);
	s->n--;
	(void)tdelete(it, &s->by_seq, compare_seq);
	same = tfind(it, &s->by_delivery, compare_delivery);
	if (same != NULL && *same == it)
		(void)tdelete(it, &s->by_delivery, compare_delivery);
}

bool
spool_drop_if_done(struct spool *s, struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].outcome == SPOOL_WAITS)
			return false;
	item_unlink(s, it);
	item_free(it);
	return true;
}

struct spool_item *
spool_first(const struct spool *s)
{
	return s->first;
}

size_t
spool_count(const struct spool *s)
{
	return s->n;
}

/* ---- replay ---- */

static int
replay_item(struct spool *s, const struct journal_record *r)
{
	struct spool_item *it = xcalloc(1, sizeof *it), *old;
	int rc;

	it->seq = r->seq;
	rc = record_item_parse(r->payload, it);
	if (rc == RC_OK) {
		/* Written anew, and its old place is still there. */
		old = spool_find(s, it->seq);
		if (old != NULL) {
			item_unlink(s, old);
			item_free(old);
		}
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

static void
replay_done(struct spool *s, struct sv payload)
{
	struct record_done d;
	struct spool_item *it;

	if (!record_done_parse(payload, &d) ||
	    (it = spool_find(s, d.item)) == NULL || d.rcpt >= it->nrcpt)
		return;
	it->rcpt[d.rcpt].outcome = d.outcome;
	(void)spool_drop_if_done(s, it);
}

static void
replay_tried(struct spool *s, struct sv payload)
{
	struct record_tried t;
	struct spool_item *it;

	if (!record_tried_parse(payload, &t) ||
	    (it = spool_find(s, t.item)) == NULL || t.rcpt >= it->nrcpt)
		return;
	it->rcpt[t.rcpt].attempts = t.attempts;
	it->rcpt[t.rcpt].next_try = t.next;
	item_add_attempt(it, t.rcpt, t.when, t.reply_text);
}

/* payload: 8 ITEM, 4 what, and maybe 4 recipient. */
static void
apply_mark(struct spool_item *it, struct sv payload)
{
	uint32_t what = be_get32(payload.p + 8);
	size_t i, first = 0, n = it->nrcpt;

	if (what == MARK_DELAY_REPORTED)
		it->delay_reported = true;
	if (what != MARK_HELD && what != MARK_RELEASED)
		return;
	if (payload.n >= MARK_BYTES) {
		first = be_get32(payload.p + 12);
		n = first < n ? first + 1 : 0;
	}
	for (i = first; i < n; i++)
		it->rcpt[i].held = what == MARK_HELD;
}

static void
replay_mark(struct spool *s, struct sv payload)
{
	struct spool_item *it;

	if (payload.n >= DELAY_REPORTED_BYTES &&
	    (it = spool_find(s, be_get64(payload.p))) != NULL)
		apply_mark(it, payload);
}

/*
 * What came by the clock that has stepped is as old as before.  What came by
 * another stays where it is: a server without a battery for its clock begins in
 * 1970, with mail in its spool that came in the right year; when the clock is
 * set, that must not move into the future, where it would never age.
 */
static void
apply_step(struct spool *s, int64_t ms, int64_t now)
{
	int64_t before = now - ms;
	struct spool_item *it;

	for (it = s->first; it != NULL; it = it->next) {
		int64_t age = before - it->arrived;

		if (age >= 0 && age < AGE_MAX)
			it->arrived += ms;
		if (it->arrived > now)
			it->arrived = now;
	}
}

static int
replay(void *arg, const struct journal_record *r)
{
	struct spool *s = arg;
	struct record_place p;

	switch (r->type) {
	case RECORD_BODY:
		spool_add_large(s, r->seq, r->size);
		break;
	case RECORD_ITEM:
		return replay_item(s, r);
	case RECORD_DONE:
		replay_done(s, r->payload);
		break;
	case RECORD_TRIED:
		replay_tried(s, r->payload);
		break;
	case RECORD_PLACE:
		if (s->place != NULL && record_place_parse(r->payload, &p))
			s->place(s->place_arg, p.name, p.when, p.next,
			    p.failures, p.reply_text);
		break;
	case RECORD_MARK:
		replay_mark(s, r->payload);
		break;
	case RECORD_STEP:
		if (r->payload.n >= STEP_BYTES)
			apply_step(s, (int64_t)be_get64(r->payload.p),
			    (int64_t)be_get64(r->payload.p + 8));
		break;
	default: /* a note of a newer version */
		break;
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
spool_open(int dirfd, const struct journal_io *io, spool_place_fn *place,
    void *arg, struct spool **out, struct err *err)
{
	struct spool *s = xcalloc(1, sizeof *s);
	struct journal_opts o = {.io = io,
	    .kind = {'s', 'p', 'o', 'l'},
	    .inline_max = SPOOL_INLINE_MAX};
	struct journal_report report = {0};
	int r;

	s->lock = -1;
	s->place = place;
	s->place_arg = arg;
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

static void
keep(void *node)
{
	(void)node; /* the items are freed by their list */
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;
	struct spool_item *it;

	if (s == NULL)
		return;
	tdestroy(s->by_seq, keep);
	tdestroy(s->by_delivery, keep);
	while ((it = s->first) != NULL) {
		s->first = it->next;
		item_free(it);
	}
	free(s->large);
	journal_close(&s->journal);
	io_close(&s->lock);
	free(s);
	*sp = NULL;
}

/* ---- in ---- */

static bool
has_eight_bit(const char *p, size_t n)
{
	size_t i;
	unsigned char all = 0;

	for (i = 0; i < n; i++)
		all |= (unsigned char)p[i];
	return (all & 0x80) != 0;
}

/* A journal's blob while a body goes into it. */
struct intake {
	struct journal_blob *blob;
	bool eight_bit;
};

static int
intake_add(void *arg, const char *p, size_t n)
{
	struct intake *in = arg;

	in->eight_bit = in->eight_bit || has_eight_bit(p, n);
	return journal_blob_add(in->blob, p, n);
}

/* A read of the whole is checked by itself. */
static int
read_checked(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	int r = RC_OK;

	if (it->size > SPOOL_CHUNK)
		r = journal_verify(s->journal, it->body);
	return r == RC_OK ? spool_read(s, it, fn, arg) : r;
}

static int
take_body(struct spool *s, struct intake *in, const struct spool_put *p,
    struct err *err)
{
	int r = RC_OK;

	if (p->front.n > 0)
		r = intake_add(in, p->front.p, p->front.n);
	if (r == RC_OK && p->of != NULL)
		r = read_checked(s, p->of, intake_add, in);
	else if (r == RC_OK)
		r = p->fd >= 0 ? io_copy_fd(p->fd, p->size, p->size_max,
				     intake_add, in)
			       : intake_add(in, p->bytes.p, p->bytes.n);
	if (r == RC_OK)
		r = journal_blob_seal(in->blob);
	if (r != RC_OK)
		return err_set(err, r,
		    r == RC_NOSPACE ? "the disk is full"
				    : "the message cannot be copied");
	return RC_OK;
}

void
spool_append(struct spool *s, const struct journal_item *rec, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t body =
		    rec[i].blob != NULL ? journal_blob_size(rec[i].blob) : 0;

		/* A large one is in its file already. */
		s->unwritten += RECORD_BYTES + rec[i].payload.n +
				(body <= SPOOL_INLINE_MAX ? body : 0);
	}
	s->appended = journal_append(s->journal, rec, n) + n - 1;
}

uint64_t
spool_room(struct spool *s)
{
	uint64_t free_bytes = journal_free_bytes(s->journal);

	return free_bytes > s->unwritten ? free_bytes - s->unwritten : 0;
}

void
spool_add_large(struct spool *s, uint64_t seq, uint64_t size)
{
	if (size <= SPOOL_INLINE_MAX)
		return;
	s->large =
	    xgrow(s->large, &s->large_cap, s->nlarge + 1, sizeof *s->large);
	s->large[s->nlarge++] = (struct spool_large){seq, size};
}

/*
 * Body, item and what goes with them become one batch: all or nothing.  rec
 * has room for two in front of its n.
 */
static int
append_item(struct spool *s, const struct spool_put *p, struct intake *in,
    struct journal_item *rec, size_t n, struct spool_item **out,
    struct err *err)
{
	struct spool_item *it = xcalloc(1, sizeof *it);
	uint64_t body = journal_next(s->journal);
	struct buf b;

	buf_init(&b, ITEM_MAX);
	record_item(p, body, journal_blob_size(in->blob),
	    p->flags | (in->eight_bit ? SPOOL_EIGHT_BIT : 0), clk_now(), &b);
	if (!buf_ok(&b) || record_item_parse(buf_sv(&b), it) != RC_OK) {
		buf_fini(&b);
		item_free(it);
		return err_set(err, RC_TOOBIG, "too many recipients");
	}
	rec[0] = (struct journal_item){
	    .type = RECORD_BODY, .flags = JOURNAL_NAMED, .blob = in->blob};
	rec[1] =
	    (struct journal_item){.type = RECORD_ITEM, .payload = buf_sv(&b)};
	spool_append(s, rec, n + 2);
	it->seq = body + 1;
	spool_add_large(s, body, it->size);
	buf_fini(&b);
	item_link(s, it);
	*out = it;
	return RC_OK;
}

int
spool_put(struct spool *s, const struct spool_put *p, struct spool_item **out,
    struct err *err)
{
	struct journal_item rec[2];
	struct intake in = {.eight_bit = false};
	int r;

	*out = spool_find_delivery(s, p->delivery_id);
	if (*out != NULL)
		return journal_poisoned(s->journal) ? RC_IO : RC_OK;
	if (p->nto == 0) /* it would never end */
		return err_set(err, RC_SYNTAX, "a message for nobody");
	/* What is left is for outcomes and reports. */
	if (spool_room(s) <
	    (p->of != NULL ? p->of->size + SPOOL_LAST_WATER : SPOOL_LOW_WATER))
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	in.blob = journal_blob_new(s->journal);
	r = take_body(s, &in, p, err);
	if (r == RC_OK)
		r = append_item(s, p, &in, rec, 0, out, err);
	journal_blob_free(&in.blob);
	return r;
}

/* ---- what became of it ---- */

static struct sv
encode_delay_reported(char out[DELAY_REPORTED_BYTES], uint64_t seq)
{
	be_put64(out, seq);
	be_put32(out + 8, MARK_DELAY_REPORTED);
	return sv_of(out, DELAY_REPORTED_BYTES);
}

static void
mark(struct spool *s, struct spool_item *it, struct sv payload)
{
	struct journal_item rec = {.type = RECORD_MARK, .payload = payload};

	spool_append(s, &rec, 1);
	apply_mark(it, payload);
}

void
spool_hold(struct spool *s, struct spool_item *it, size_t rcpt, bool held)
{
	char payload[MARK_BYTES];

	be_put64(payload, it->seq);
	be_put32(payload + 8, held ? MARK_HELD : MARK_RELEASED);
	be_put32(payload + 12, (uint32_t)rcpt);
	mark(s, it, sv_of(payload, sizeof payload));
}

void
spool_delay_reported(struct spool *s, struct spool_item *it)
{
	char payload[DELAY_REPORTED_BYTES];

	mark(s, it, encode_delay_reported(payload, it->seq));
}

/* The records behind a report's own: the outcomes, or the mark. */
static size_t
encode_about(const struct spool_item *about, const size_t *rcpt, size_t n,
    enum spool_outcome outcome, struct buf *bytes, struct journal_item *rec)
{
	char payload[DELAY_REPORTED_BYTES];
	size_t i, at;

	if (outcome == SPOOL_WAITS) {
		buf_addsv(bytes, encode_delay_reported(payload, about->seq));
		rec[0] = (struct journal_item){
		    .type = RECORD_MARK, .payload = buf_sv(bytes)};
		return 1;
	}
	for (i = 0; i < n; i++) {
		struct record_done d = {
		    about->seq, (uint32_t)rcpt[i], outcome, SV("")};

		record_done(&d, bytes);
	}
	must(buf_ok(bytes));
	for (i = at = 0; i < n; i++, at += bytes->n / n)
		rec[i] = (struct journal_item){.type = RECORD_DONE,
		    .payload = sv_of(bytes->p + at, bytes->n / n)};
	return n;
}

int
spool_report(struct spool *s, const struct spool_put *p,
    struct spool_item *about, const size_t *rcpt, size_t nrcpt,
    enum spool_outcome outcome, struct spool_item **out, struct err *err)
{
	struct intake in = {.blob = journal_blob_new(s->journal)};
	struct journal_item *rec = xcalloc(nrcpt + 3, sizeof *rec);
	struct buf bytes;
	size_t i, n;
	int r;

	buf_init(&bytes, ITEM_MAX);
	r = take_body(s, &in, p, err);
	if (r == RC_OK) {
		n = encode_about(about, rcpt, nrcpt, outcome, &bytes, rec + 2);
		r = append_item(s, p, &in, rec, n, out, err);
	}
	if (r == RC_OK && outcome == SPOOL_WAITS)
		about->delay_reported = true;
	for (i = 0; r == RC_OK && outcome != SPOOL_WAITS && i < nrcpt; i++)
		about->rcpt[rcpt[i]].outcome = outcome;
	buf_fini(&bytes);
	free(rec);
	journal_blob_free(&in.blob);
	return r;
}

void
spool_settle(struct spool *s, struct spool_item *it, size_t rcpt,
    enum spool_outcome outcome, struct sv reply_text)
{
	struct record_done d = {it->seq, (uint32_t)rcpt, outcome, reply_text};
	struct journal_item rec = {.type = RECORD_DONE};
	struct buf b;

	buf_init(&b, 1024);
	record_done(&d, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
	it->rcpt[rcpt].outcome = outcome;
}

void
spool_tried(struct spool *s, struct spool_item *it, size_t rcpt, int64_t next,
    struct sv reply_text)
{
	it->rcpt[rcpt].attempts++;
	spool_stumbled(s, it, rcpt, next, reply_text);
}

void
spool_stumbled(struct spool *s, struct spool_item *it, size_t rcpt,
    int64_t next, struct sv reply_text)
{
	struct spool_recipient *to = &it->rcpt[rcpt];
	struct record_tried t = {.item = it->seq,
	    .rcpt = (uint32_t)rcpt,
	    .attempts = to->attempts,
	    .when = clk_now(),
	    .next = next,
	    .reply_text = reply_text};
	struct journal_item rec = {.type = RECORD_TRIED};
	struct buf b;

	buf_init(&b, 1024);
	record_tried(&t, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
	to->next_try = next;
	item_add_attempt(it, (uint32_t)rcpt, t.when, reply_text);
}

void
spool_place(struct spool *s, const char *name, int64_t next, unsigned failures,
    struct sv reply_text)
{
	struct record_place p = {.when = clk_now(),
	    .next = next,
	    .failures = failures,
	    .name = sv_str(name),
	    .reply_text = reply_text};
	struct journal_item rec = {.type = RECORD_PLACE};
	struct buf b;

	buf_init(&b, 2048);
	record_place(&p, &b);
	rec.payload = buf_sv(&b);
	spool_append(s, &rec, 1);
	buf_fini(&b);
}

void
spool_stepped(struct spool *s, int64_t ms)
{
	char payload[STEP_BYTES];
	struct journal_item rec = {
	    .type = RECORD_STEP, .payload = sv_of(payload, sizeof payload)};
	int64_t now = clk_now();

	be_put64(payload, (uint64_t)ms);
	be_put64(payload + 8, (uint64_t)now);
	spool_append(s, &rec, 1);
	apply_step(s, ms, now);
}

bool
spool_pending(const struct spool *s)
{
	return s->flushed < s->appended;
}

int
spool_flush(struct spool *s)
{
	int r = RC_OK;

	if (spool_pending(s))
		r = journal_flush(s->journal, s->appended);
	if (r == RC_OK) {
		s->flushed = s->appended;
		s->unwritten = 0;
	}
	return r;
}

uint64_t
spool_free_bytes(struct spool *s)
{
	return journal_free_bytes(s->journal);
}

/* By name and unlinked: not every file system has O_TMPFILE. */
static int
make_file(int *fd_out, int *read_out, struct err *err)
{
	static unsigned number;
	char name[64];
	int fd;

	(void)snprintf(name, sizeof name, "incoming/%08x%08x",
	    (unsigned)getpid(), number++);
	fd = open(
	    name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? RC_NOSPACE : RC_TEMP,
		    errno, "cannot make a file in the spool");
	if (read_out != NULL)
		*read_out = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	(void)unlink(name);
	*fd_out = fd;
	return RC_OK;
}

int
spool_tmpfile(int *fd_out, int *read_out, struct err *err)
{
	struct statvfs disk;

	if (statvfs(".", &disk) == 0 &&
	    (uint64_t)disk.f_bavail * disk.f_frsize < SPOOL_LOW_WATER)
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	return make_file(fd_out, read_out, err);
}

/* ---- out ---- */

int
spool_read(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	char *chunk = xmalloc(SPOOL_CHUNK);
	uint64_t at = 0;
	int r = RC_OK;

	while (r == RC_OK && at < it->size) {
		size_t n = it->size - at < SPOOL_CHUNK ? (size_t)(it->size - at)
						       : SPOOL_CHUNK;

		r = journal_read(s->journal, it->body, at, chunk, n);
		if (r == RC_OK)
			r = fn(arg, chunk, n);
		at += n;
	}
	free(chunk);
	return r;
}

static int
write_chunk(void *arg, const char *p, size_t n)
{
	const int *fd = arg;

	return io_write_all(*fd, p, n);
}

int
spool_body(struct spool *s, const struct spool_item *it, struct sv front,
    int *fd_out, struct err *err)
{
	bool memory = it->size + front.n <= MEMFD_MAX;
	int fd = -1, r = RC_OK;

	if (memory) {
		fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0)
			return err_sys(err, RC_TEMP, errno, "no memory file");
	} else {
		/* Each sees what those before it have taken. */
		if (spool_room(s) < it->size + front.n + SPOOL_LAST_WATER)
			return err_set(
			    err, RC_NOSPACE, "the disk is nearly full");
		r = make_file(&fd, NULL, err);
		if (r != RC_OK)
			return r;
	}
	r = io_write_all(fd, front.p, front.n);
	if (r == RC_OK)
		r = read_checked(s, it, write_chunk, &fd);
	if (r != RC_OK) {
		io_close(&fd);
		return err_set(err, r, "the message %llu cannot be copied",
		    (unsigned long long)it->seq);
	}
	if (memory)
		(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	*fd_out = fd;
	return RC_OK;
}

int
spool_read_at(struct spool *s, const struct spool_item *it, uint64_t at,
    char *p, size_t n)
{
	return journal_read(s->journal, it->body, at, p, n);
}

int
spool_peek(struct spool *s, const struct spool_item *it, struct buf *out)
{
	size_t n = it->size < out->max ? (size_t)it->size : out->max;
	char *p = buf_reserve(out, n);
	int r;

	if (p == NULL)
		return RC_TOOBIG;
	r = journal_read(s->journal, it->body, 0, p, n);
	if (r == RC_OK)
		buf_added(out, n);
	return r;
}
