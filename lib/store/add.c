#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "mime/mime.h"
#include "store/store_priv.h"

/* ---- bodies ---- */

#define SPACE_STEP (1u << 20)

#define BODIES_MEMORY (32u << 20)
#define BODIES_SLACK  (4u << 20) /* of those who add at the same time */
#define BODIES_FILES  256u

struct store_body {
	struct store *st;
	struct journal_blob *blob;
	bool bounded;
	size_t memory; /* as it is counted in the store's */
	bool file;     /* likewise */
};

struct store_body *
store_body_new(struct store *st)
{
	struct store_body *b = xcalloc(1, sizeof *b);

	b->st = st;
	b->blob = journal_blob_new(st->j);
	return b;
}

struct store_body *
store_body_new_bounded(struct store *st)
{
	struct store_body *b = store_body_new(st);

	b->bounded = true;
	return b;
}

static void
body_count(struct store_body *b, size_t memory, bool file)
{
	struct store *st = b->st;

	atomic_fetch_add(&st->bodies_memory, memory - b->memory);
	b->memory = memory;
	if (file != b->file)
		atomic_fetch_add(&st->bodies_files, file ? 1u : -1u);
	b->file = file;
}

/* It has grown: out of memory with it, if all together have too much. */
static int
body_bound(struct store_body *b)
{
	struct store *st = b->st;
	int r = RC_OK;

	body_count(
	    b, journal_blob_memory(b->blob), journal_blob_is_file(b->blob));
	if (atomic_load(&st->bodies_memory) > BODIES_MEMORY &&
	    (b->file || atomic_load(&st->bodies_files) < BODIES_FILES)) {
		r = journal_blob_to_file(b->blob);
		body_count(b, journal_blob_memory(b->blob),
		    journal_blob_is_file(b->blob));
	}
	if (atomic_load(&st->bodies_files) > BODIES_FILES ||
	    atomic_load(&st->bodies_memory) > BODIES_MEMORY + BODIES_SLACK)
		return RC_TEMP;
	return r;
}

int
store_body_add(struct store_body *b, const void *p, size_t n)
{
	int r;
	uint64_t had = journal_blob_size(b->blob);

	if (had + n > UINT32_MAX)
		return RC_TOOBIG;
	/* A large one looks now and then whether the disk can take it. */
	if (had / SPACE_STEP != (had + n) / SPACE_STEP &&
	    store_check_space(b->st, NULL) != RC_OK)
		return RC_NOSPACE;
	r = journal_blob_add(b->blob, p, n);
	return r == RC_OK && b->bounded ? body_bound(b) : r;
}

struct journal_blob *
body_blob(struct store_body *b)
{
	return b->blob;
}

uint64_t
store_body_size(const struct store_body *b)
{
	return journal_blob_size(b->blob);
}

int
store_body_bytes(struct store_body *b, struct sv *out)
{
	int r = journal_blob_seal(b->blob);

	return r == RC_OK ? journal_blob_bytes(b->blob, out) : r;
}

void
store_body_free(struct store_body **bp)
{
	struct store_body *b = *bp;

	if (b == NULL)
		return;
	*bp = NULL;
	body_count(b, 0, false);
	journal_blob_free(&b->blob);
	free(b);
}

/* ---- summaries ---- */

#define SUMMARY_MAX (6u << 20)

static void
summarise(struct sv bytes, bool opaque, struct buf *out)
{
	if (opaque)
		mime_summarise_opaque(bytes.n, out);
	else
		mime_summarise(bytes, &MIME_LIMITS_DEFAULT, out);
}

int
store_read(struct store *st, uint64_t body, uint64_t off, void *p, size_t len)
{
	return journal_read(st->j, body, off, p, len);
}

int
store_verdict(struct store *st, uint64_t body, struct buf *out)
{
	uint64_t size;
	uint16_t type;
	char *p;
	int r = journal_type(st->j, body + 1, &type);

	if (r == RC_OK && type != CHANGE_VERDICT)
		r = RC_NOTFOUND;
	if (r == RC_OK)
		r = journal_size(st->j, body + 1, &size);
	if (r != RC_OK)
		return r;
	if (size > STORE_VERDICT_MAX)
		return RC_DAMAGED;
	p = buf_reserve(out, (size_t)size);
	if (p == NULL)
		return RC_TOOBIG;
	r = journal_read(st->j, body + 1, 0, p, (size_t)size);
	if (r == RC_OK)
		buf_added(out, (size_t)size);
	return r;
}

int
store_verify(struct store *st, uint64_t body)
{
	return journal_verify(st->j, body);
}

/* Lost, or not of this version: from the bytes again. */
static int
summary_again(struct store *st, uint64_t body, struct buf *out)
{
	size_t had = out->n;
	uint64_t size;
	char *p = NULL;
	int r = journal_size(st->j, body, &size);

	if (r != RC_OK)
		return r;
	if (size > UINT32_MAX)
		return RC_DAMAGED;
	p = xmalloc((size_t)size + 1);
	r = journal_read(st->j, body, 0, p, (size_t)size);
	if (r == RC_OK) {
		bool sane = store_parse_begin(st, body);

		summarise(sv_of(p, (size_t)size), !sane, out);
		if (sane)
			store_parse_end(st, body);
		if (!buf_ok(out))
			r = RC_TOOBIG;
		else
			journal_note_put(
			    st->j, body, sv_skip(buf_sv(out), had));
	}
	free(p);
	return r;
}

int
store_summary(struct store *st, uint64_t body, struct buf *out)
{
	size_t had = out->n;
	int r = journal_note_get(st->j, body, out);

	/* An older version did not say all that is asked for now. */
	if (r == RC_OK && !mime_summary_is_current(sv_skip(buf_sv(out), had)))
		r = RC_NOTFOUND;
	if (r == RC_OK || r == RC_IO || r == RC_TOOBIG)
		return r;
	buf_truncate(out, had);
	return summary_again(st, body, out);
}

/* ---- adding ---- */

bool
delivery_is_repeated(struct store *st, const struct store_add *a,
    struct store_added *out, uint64_t *need)
{
	const struct delivery *d;

	if (a->delivery_id == NULL)
		return false;
	d = deliveries_find(&st->deliveries, a->delivery_id, time_believed(st));
	if (d == NULL)
		return false;
	out->uidvalidity = d->uidvalidity;
	out->uid = d->uid;
	out->repeated = true;
	raise_need(need, d->seq);
	return true;
}

/* Fills in what an add says; bytes and UID come from the caller. */
static int
add_msg(struct store *st, struct mailbox *mb, const struct store_add *a,
    struct commit_set *cs, struct slot_plan *plan, struct msg *m,
    struct err *err)
{
	int64_t now = clk_now() / 1000;
	int r = keyword_bits(st, mb, &a->flags, cs, plan, &m->keywords, err);

	if (r != RC_OK)
		return r;
	m->system = (uint8_t)(a->flags.system & SYSTEM_FLAGS);
	m->internal_date = a->internal_date != 0 ? a->internal_date : now;
	m->zone = (int16_t)a->zone;
	m->save_date = (uint32_t)now;
	return RC_OK;
}

/* The message that is to go with this commit, if any; it may have gone by
 * itself meanwhile. */
static int
find_replaced(const struct store_add *a, struct msg **out, struct err *err)
{
	struct view *v = a->replaces_in;
	int r;

	*out = NULL;
	if (v == NULL)
		return RC_OK;
	r = view_check_change(v, err);
	if (r != RC_OK)
		return r;
	*out = table_find(&v->mb->t, a->replaces);
	if (*out == NULL)
		return err_set(
		    err, RC_PERM, "the message to be replaced is gone");
	return RC_OK;
}

/* Room for what comes, less what it replaces; deliveries always have. */
static int
check_room(struct store *st, const struct store_add *a,
    struct store_body *const *body, size_t n, const struct msg *replaced,
    struct err *err)
{
	uint64_t more = 0;

	if (a[0].delivery_id != NULL)
		return RC_OK;
	for (size_t i = 0; i < n; i++)
		more += store_body_size(body[i]);
	return quota_check(
	    st, more, replaced != NULL ? replaced->size : 0, err);
}

/* Under the lock, all is ready: keywords, bytes, and the record that adds. */
static int
add_locked(struct store *st, struct store_body **body,
    const struct store_add *a, size_t n, const struct buf *summary,
    struct store_added *out, uint64_t *need, struct err *err)
{
	struct slot_plan plan = {.leave_out = true};
	struct mailbox *mb = mailbox_by_name(st, a[0].mailbox);
	struct commit_set cs;
	struct msg *m = xcalloc(n, sizeof *m), *replaced = NULL;
	struct change *c;
	uint64_t seq;
	int r = RC_OK;

	commit_init(&cs);
	if (mb == NULL || !mb->selectable)
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
	else if (n >= UINT32_MAX - mb->uidnext)
		r = err_set(err, RC_TOOBIG, "no UIDs are left");
	if (r == RC_OK)
		r = find_replaced(&a[0], &replaced, err);
	if (r == RC_OK)
		r = check_room(st, a, body, n, replaced, err);
	for (size_t i = 0; i < n && r == RC_OK; i++)
		r = add_msg(st, mb, &a[i], &cs, &plan, &m[i], err);
	if (r != RC_OK)
		goto out;
	seq = journal_next(st->j) + cs.n;
	for (size_t i = 0; i < n; i++) {
		m[i].body = seq + i;
		m[i].uid = mb->uidnext + (uint32_t)i;
		m[i].size = (uint32_t)store_body_size(body[i]);
		commit_message(&cs, body[i]->blob, buf_sv(&summary[i]));
		if (n == 1 && a[0].verdict.n > 0)
			commit_verdict(&cs, a[0].verdict);
		out[i] = (struct store_added){mb->uidvalidity, m[i].uid, false};
	}
	c = commit_change(&cs, CHANGE_ADDED);
	c->mailbox = mb->id;
	c->msg = m;
	c->nmsg = n;
	m = NULL;
	if (replaced != NULL) {
		c->source = a[0].replaces_in->mb->id;
		rangeset_add(&c->source_uids, replaced->uid, replaced->uid);
	}
	slot_plan_put(&plan, c);
	if (a[0].delivery_id != NULL) {
		c->has_delivery = true;
		memcpy(c->delivery, a[0].delivery_id, sizeof c->delivery);
	}
	commit_run(st, &cs, a[0].replaces_in, need);
out:
	commit_fini(&cs);
	free(m);
	return r;
}

int
body_ready(
    struct store_body *b, bool opaque, struct buf *summary, struct err *err)
{
	struct sv bytes;
	int r = journal_blob_seal(b->blob);

	if (r == RC_OK)
		r = journal_blob_bytes(b->blob, &bytes);
	if (r != RC_OK)
		return err_set(err, r,
		    r == RC_NOSPACE ? "the disk is full"
				    : "the message cannot be written");
	summarise(bytes, opaque, summary);
	if (!buf_ok(summary))
		buf_reset(summary); /* made anew when it is asked for */
	return RC_OK;
}

int
store_add_all(struct store *st, struct store_body **body,
    const struct store_add *a, size_t n, struct store_added *out,
    uint64_t *need, struct err *err)
{
	struct buf *summary = xcalloc(n, sizeof *summary);
	bool done = false;
	int r = RC_OK;

	must(n > 0);
	for (size_t i = 0; i < n; i++)
		buf_init(&summary[i], SUMMARY_MAX);
	store_lock(st);
	done = delivery_is_repeated(st, &a[0], out, need);
	store_unlock(st);
	/* Parsing and large bodies' flushes hold up nobody else. */
	for (size_t i = 0; i < n && r == RC_OK && !done; i++)
		r = body_ready(body[i], a[i].opaque, &summary[i], err);
	if (r == RC_OK && !done) {
		store_lock(st);
		done = delivery_is_repeated(st, &a[0], out, need);
		if (!done)
			r = store_check_writable(st, err);
		if (r == RC_OK && !done)
			r = store_check_space(st, err);
		if (r == RC_OK && !done)
			r = add_locked(st, body, a, n, summary, out, need, err);
		store_unlock(st);
	}
	for (size_t i = 0; i < n; i++) {
		buf_fini(&summary[i]);
		store_body_free(&body[i]);
	}
	free(summary);
	return r;
}

int
store_add(struct store *st, struct store_body **body, const struct store_add *a,
    struct store_added *out, uint64_t *need, struct err *err)
{
	return store_add_all(st, body, a, 1, out, need, err);
}
