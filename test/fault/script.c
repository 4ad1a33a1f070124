#include "test/fault/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/crc32c.h"
#include "journal/sabotage.h"
#include "test/fault/testdisk.h"

#define DAY_MS	  ((int64_t)24 * 3600 * 1000)
#define LOW_WATER (8ull << 20)
#define DISK	  (24ull << 20) /* of which the reserve is taken */
#define MORE_DISK (64ull << 20)

/* On a full disk it must say no, and change nothing. */
static bool
refused(const struct ledger *l, int r)
{
	return l->full && r == RC_NOSPACE;
}

/* What a power cut has undone may have given room back. */
static bool
taken(struct ledger *l, struct store *st, uint64_t need, uint64_t room)
{
	char free_bytes[32];

	if (!ledger_flush(l, st, need))
		return false;
	(void)snprintf(free_bytes, sizeof free_bytes, "%llu bytes free",
	    (unsigned long long)room);
	if (l->full && room < LOW_WATER)
		ledger_broken(l, "taken on a full disk", free_bytes, "");
	return true;
}

static struct store_body *
body(struct store *st, unsigned n, size_t size, uint32_t *crc)
{
	struct store_body *b = store_body_new(st);
	char line[64];
	int k = snprintf(line, sizeof line, "Subject: %u\r\n\r\n", n);

	*crc = crc32c(0, line, (size_t)k);
	if (store_body_add(b, line, (size_t)k) != RC_OK)
		goto fail;
	for (size_t i = 0; i < size; i += 40) {
		k = snprintf(line, sizeof line,
		    "line %zu of the message %u .......\r\n", i, n);
		*crc = crc32c(*crc, line, (size_t)k);
		if (store_body_add(b, line, (size_t)k) != RC_OK)
			goto fail;
	}
	return b;
fail:
	store_body_free(&b);
	return NULL;
}

/* The last n messages of a mailbox are these. */
static void
expect_last(struct ledger *l, struct store *st, const char *box,
    const uint32_t *crc, uint32_t n)
{
	struct view *v = NULL;
	uint64_t need = 0;

	if (view_open(st, box, true, NULL, NULL, &v, &need) != RC_OK)
		return;
	for (uint32_t i = 0; i < n && n <= view_count(v); i++) {
		struct store_msg m;

		if (view_msgs(v, view_count(v) - n + 1 + i, 1, &m, &need) == 1)
			ledger_expect(l, m.body, crc[i]);
	}
	view_close(&v);
}

struct step {
	enum {
		DELIVER,
		APPEND,
		BIG,
		MANY,
		FLAG,
		KEYWORD,
		UNFLAG,
		EXPUNGE,
		EXPUNGE_LAST,
		COPY,
		MOVE,
		REPLACE,
		CREATE,
		DELETE,
		RENAME,
		SUBSCRIBE,
		CHECKPOINT,
		COMPACT,
		COMPACT_UNWANTED,
		PINNED,
		BURST,
		FILL,	   /* lo times one change after the other */
		PURGE,	   /* message lo of those that are expunged */
		UNDELETE,  /* likewise, into box */
		DRAG,	   /* a COPY of all of the newest Restore/DAY */
		DRAG_AWAY, /* a MOVE */
		FULL,	   /* somebody else fills the disk */
		ROOM
	} what;
	const char *box, *to;
	uint32_t lo, hi;
};

#define LEVEL                                                               \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector-" \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector-" \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector"

static const struct step life[] = {
    {DELIVER, "INBOX", NULL, 300, 0},
    {DELIVER, "INBOX", NULL, 1500, 0},
    {APPEND, "Sent", NULL, 700, 0},
    {FLAG, "INBOX", NULL, 1, 2},
    {CREATE, "work/2024", NULL, 0, 0},
    {COPY, "INBOX", "work/2024", 1, 2},
    {DELIVER, "INBOX", NULL, 5000, 0},
    {BIG, "INBOX", NULL, 9000, 0},
    {KEYWORD, "INBOX", "$label1", 2, 4},
    {EXPUNGE_LAST, "INBOX", NULL, 0, 0},
    {DELIVER, "INBOX", NULL, 100, 0},
    {MANY, "INBOX", NULL, 12, 400},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {COMPACT, NULL, NULL, 0, 0},
    {PINNED, "INBOX", NULL, 3, 3},
    {MOVE, "INBOX", "Archive", 3, 8},
    {UNFLAG, "INBOX", NULL, 1, 5},
    {REPLACE, "INBOX", "INBOX", 900, 0},
    {REPLACE, "INBOX", "Drafts", 9000, 0},
    {RENAME, "work", "play", 0, 0},
    {CREATE, "work", NULL, 0, 0},
    {APPEND, "work", NULL, 60, 0},
    {DELETE, "work", NULL, 0, 0},
    {CREATE, "work", NULL, 0, 0},
    {APPEND, "work", NULL, 61, 0},
    {MANY, "INBOX", NULL, 40, 100},
    {FLAG, "INBOX", NULL, 5, 30},
    {BURST, "INBOX", NULL, 4, 200},
    {BURST, "INBOX", "compact", 3, 100},
    {EXPUNGE, "INBOX", NULL, 10, 20},
    {COMPACT_UNWANTED, NULL, NULL, 0, 0},
    {CREATE, LEVEL "/" LEVEL "/" LEVEL, NULL, 0, 0},
    {COPY, "INBOX", "play", 1, 30},
    {COPY, "play", "INBOX", 1, 30},
    {RENAME, "INBOX", "old/" LEVEL, 0, 0},
    {BIG, "INBOX", NULL, 20000, 0},
    {DELIVER, "INBOX", NULL, 2000, 0},
    {COMPACT, NULL, NULL, 0, 0},
    {SUBSCRIBE, "somewhere", NULL, 0, 0},
    {MOVE, "old/" LEVEL, "Trash", 2, 40},
    {DELETE, "Junk", NULL, 0, 0},
    {EXPUNGE_LAST, "INBOX", NULL, 0, 0},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {COMPACT_UNWANTED, NULL, NULL, 0, 0},
    {COMPACT, NULL, NULL, 0, 0},
    {APPEND, "INBOX", NULL, 50, 0},
};

/* What is expunged stays, comes back, and goes for good. */
static const struct step expunged[] = {
    {DELIVER, "INBOX", NULL, 300, 0},
    {MANY, "INBOX", NULL, 12, 400},
    {KEYWORD, "INBOX", "$label1", 2, 9},
    {BIG, "INBOX", NULL, 9000, 0},
    {EXPUNGE, "INBOX", NULL, 2, 6},
    {EXPUNGE_LAST, "INBOX", NULL, 0, 0},
    {UNDELETE, "Back", NULL, 1, 0},
    {COPY, "Back", "INBOX", 1, 1},
    {PURGE, NULL, NULL, 0, 0},
    {COMPACT_UNWANTED, NULL, NULL, 0, 0},
    {CREATE, "doomed", NULL, 0, 0},
    {APPEND, "doomed", NULL, 500, 0},
    {DELETE, "doomed", NULL, 0, 0},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {COMPACT, NULL, NULL, 0, 0},
    {DRAG, "Drafts", NULL, 0, 0},
    {MANY, "INBOX", NULL, 40, 200},
    {EXPUNGE, "INBOX", NULL, 5, 30},
    {BURST, "INBOX", "compact", 3, 100},
    {MOVE, "INBOX", "Trash", 4, 8},
    {EXPUNGE, "Trash", NULL, 1, 3},
    {PURGE, NULL, NULL, 3, 0},
    {DRAG_AWAY, "Archive", NULL, 0, 0},
    {EXPUNGE, "Archive", NULL, 2, 9},
    {COMPACT, NULL, NULL, 0, 0},
    {UNDELETE, "INBOX", NULL, 2, 0},
    {EXPUNGE, "Archive", NULL, 1, 4},
    {PURGE, NULL, NULL, 1, 0},
    {PURGE, NULL, NULL, 0, 0},
    {COMPACT_UNWANTED, NULL, NULL, 0, 0},
    {DELIVER, "INBOX", NULL, 100, 0},
};

/* The disk fills up, life goes on, and there is room again. */
static const struct step full[] = {
    {DELIVER, "INBOX", NULL, 300, 0},
    {MANY, "INBOX", NULL, 30, 400},
    {BIG, "INBOX", NULL, 9000, 0},
    {FLAG, "INBOX", NULL, 1, 20},
    {FULL, NULL, NULL, 0, 0},
    {DELIVER, "INBOX", NULL, 300, 0},
    {APPEND, "Sent", NULL, 700, 0},
    {BIG, "INBOX", NULL, 9000, 0},
    {MANY, "INBOX", NULL, 12, 400},
    {COPY, "INBOX", "Archive", 1, 2},
    {UNFLAG, "INBOX", NULL, 1, 5},
    {KEYWORD, "INBOX", "$label1", 2, 4},
    {MOVE, "INBOX", "Trash", 2, 4},
    {EXPUNGE, "INBOX", NULL, 3, 9},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {COMPACT, NULL, NULL, 0, 0},
    /* Each begins a segment: the reserve is needed. */
    {CREATE, LEVEL "/" LEVEL "/" LEVEL, NULL, 0, 0},
    {RENAME, LEVEL, LEVEL "-" LEVEL, 0, 0},
    {FILL, "INBOX", NULL, 150, 0},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {COMPACT_UNWANTED, NULL, NULL, 0, 0},
    {EXPUNGE, "INBOX", NULL, 1, 8},
    {DELIVER, "INBOX", NULL, 300, 0},
    {EXPUNGE_LAST, "INBOX", NULL, 0, 0},
    {ROOM, NULL, NULL, 0, 0},
    {DELIVER, "INBOX", NULL, 300, 0},
    {BIG, "INBOX", NULL, 9000, 0},
    {COPY, "INBOX", "Archive", 1, 2},
    {COMPACT, NULL, NULL, 0, 0},
    {CHECKPOINT, NULL, NULL, 0, 0},
    {DELIVER, "INBOX", NULL, 300, 0},
};

#define STEPS(s)                        \
	{                               \
		s, sizeof s / sizeof *s \
	}

static const struct {
	const struct step *s;
	unsigned n;
} scripts[SCRIPTS] = {
    [SCRIPT_LIFE] = STEPS(life),
    [SCRIPT_RESTORE] = STEPS(expunged),
    [SCRIPT_FULL] = STEPS(full),
};

unsigned
script_length(const struct ledger *l)
{
	return scripts[l->script].n;
}

const struct store_opts *
script_opts(const struct ledger *l, const struct journal_io *io)
{
	static struct store_opts o;

	o = (struct store_opts){.io = io,
	    .segment_bytes = 16384,
	    .inline_body_max = 8192,
	    .low_water_bytes = l->script == SCRIPT_FULL ? LOW_WATER : 1,
	    .retention_ms = l->script == SCRIPT_RESTORE ? 30 * DAY_MS : 0,
	    .restore_tree = l->script == SCRIPT_RESTORE};
	return &o;
}

static bool
do_add(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_add a = {
	    .mailbox = s->box, .internal_date = 1700000000 + l->serial};
	struct store_added out = {0, 0, false};
	uint64_t room = testdisk_free_bytes(l->disk);
	uint32_t crc;
	struct store_body *b = body(st, ++l->serial, s->lo, &crc);
	uint64_t need = 0;
	struct err err;
	uint8_t id[16] = "delivery";
	int r;

	if (b == NULL)
		return l->full;
	id[14] = (uint8_t)(l->serial >> 8);
	id[15] = (uint8_t)l->serial;
	if (s->what == DELIVER)
		a.delivery_id = id;
	r = store_add(st, &b, &a, &out, &need, &err);
	if (r != RC_OK)
		return refused(l, r);
	if (s->what == DELIVER && l->ndelivery < LEDGER_DELIVERIES) {
		memcpy(l->delivery[l->ndelivery].id, id, 16);
		l->delivery[l->ndelivery].uid = out.uid;
		l->delivery[l->ndelivery++].acked = false;
	}
	expect_last(l, st, s->box, &crc, 1);
	ledger_pend(l, st);
	return taken(l, st, need, room);
}

/* The last message of one mailbox by a new one in another, or in the same. */
static bool
do_replace(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_add a = {.mailbox = s->to, .internal_date = 1700000000};
	struct store_added out;
	uint64_t room = testdisk_free_bytes(l->disk);
	uint32_t crc;
	struct store_body *b = body(st, ++l->serial, s->lo, &crc);
	uint64_t need = 0;
	struct err err;
	int r;

	if (b == NULL)
		return l->full;
	r = view_open(st, s->box, false, NULL, NULL, &a.replaces_in, &need);
	if (r == RC_OK) {
		a.replaces = view_uid(a.replaces_in, view_count(a.replaces_in));
		r = store_add(st, &b, &a, &out, &need, &err);
	}
	store_body_free(&b);
	view_close(&a.replaces_in);
	if (r != RC_OK)
		return refused(l, r);
	expect_last(l, st, s->to, &crc, 1);
	ledger_pend(l, st);
	return taken(l, st, need, room);
}

static bool
do_many(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_body *b[64];
	struct store_add a[64] = {{.mailbox = NULL}};
	struct store_added out[64];
	uint64_t room = testdisk_free_bytes(l->disk);
	uint32_t crc[64];
	uint64_t need = 0;
	struct err err;
	int r;

	for (uint32_t k = 0; k < s->lo; k++) {
		b[k] = body(st, ++l->serial, s->hi, &crc[k]);
		a[k].mailbox = s->box;
		a[k].internal_date = 1700000000;
		if (b[k] == NULL) {
			while (k-- > 0)
				store_body_free(&b[k]);
			return l->full;
		}
	}
	r = store_add_all(st, b, a, s->lo, out, &need, &err);
	if (r != RC_OK)
		return refused(l, r);
	expect_last(l, st, s->box, crc, s->lo);
	ledger_pend(l, st);
	return taken(l, st, need, room);
}

/* Nothing that can be seen may change. */
static bool
do_compact(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_compact c = {.all = s->what != COMPACT_UNWANTED};
	struct journal_compacted out;
	int r = store_compact(st, &c, &out);

	/* Who answers early also gets wrong where a segment ends. */
	if (r == RC_DAMAGED && sabotaged(SABOTAGE_ANSWER_EARLY))
		return true;
	return r == RC_OK || r == RC_NOTFOUND || (l->full && r == RC_NOSPACE);
}

/* Several changes, one wait: any beginning of them may survive. */
static bool
do_burst(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_added out;
	uint64_t need = 0;
	struct err err;

	for (uint32_t k = 0; k < s->lo; k++) {
		struct store_add a = {.mailbox = s->box, .internal_date = 1};
		uint32_t crc;
		struct store_body *b = body(st, ++l->serial, s->hi, &crc);

		if (b == NULL ||
		    store_add(st, &b, &a, &out, &need, &err) != RC_OK)
			return false;
		expect_last(l, st, s->box, &crc, 1);
		ledger_pend(l, st);
	}
	/* What its snapshot holds was not flushed before. */
	if (s->to != NULL && !do_compact(l, st, s))
		return false;
	return ledger_flush(l, st, need);
}

/* The change itself; RC_NOSPACE leaves everything as it was. */
static int
view_step(struct view *v, const struct step *s, uint64_t *need)
{
	struct rangeset set = RANGESET_EMPTY, a = RANGESET_EMPTY,
			b = RANGESET_EMPTY;
	struct store_flags f = {.system = STORE_SEEN | STORE_FLAGGED};
	struct sv keyword = sv_str(s->to);
	uint32_t validity, n = view_count(v);
	struct err err;
	int r = RC_OK;

	if (s->what == KEYWORD)
		f = (struct store_flags){.keyword = &keyword, .nkeyword = 1};
	if (s->what == EXPUNGE || s->what == EXPUNGE_LAST)
		f.system = STORE_DELETED;
	if (s->what == EXPUNGE_LAST)
		rangeset_add(&set, n, n);
	else
		rangeset_add(&set, s->lo, s->hi);
	if (s->what == COPY || s->what == MOVE)
		r = view_copy(v, &set, s->to, s->what == MOVE, &validity, &a,
		    &b, need, &err);
	else
		r = view_store(v, &set,
		    s->what == UNFLAG ? STORE_OP_REMOVE : STORE_OP_ADD, &f, 0,
		    &a, &b, need, &err);
	rangeset_fini(&set);
	rangeset_fini(&a);
	rangeset_fini(&b);
	return r;
}

/* What the view has lost by it. */
static void
note_expunged(struct ledger *l, struct view *v, const struct view_info *before,
    uint64_t *need)
{
	struct view_changes ch;

	view_sync(v, true, &ch, need);
	ledger_expunged(l, before, &ch.expunged);
	view_changes_fini(&ch);
}

static bool
do_view(struct ledger *l, struct store *st, const struct step *s)
{
	uint64_t room = testdisk_free_bytes(l->disk);
	struct view *v = NULL;
	struct view_info info;
	uint64_t need = 0;
	struct err err;
	bool ok;
	int r;

	if (view_open(st, s->box, false, NULL, NULL, &v, &need) != RC_OK)
		return false;
	view_info(v, &info, &need);
	r = view_step(v, s, &need);
	ok = r == RC_OK;
	if (ok)
		ledger_pend(l, st);
	if (ok && (s->what == EXPUNGE || s->what == EXPUNGE_LAST)) {
		ok = view_expunge(v, NULL, &need, &err) == RC_OK;
		ledger_pend(l, st);
	}
	if (ok)
		note_expunged(l, v, &info, &need);
	view_close(&v);
	if (s->what == COPY && r != RC_OK)
		return refused(l, r);
	if (s->what == COPY)
		return ok && taken(l, st, need, room);
	return ok && ledger_flush(l, st, need);
}

/* One after the other, each flushed. */
static bool
do_fill(struct ledger *l, struct store *st, const struct step *s)
{
	struct step one = {FLAG, s->box, NULL, 1, 2};
	bool ok = true;

	for (uint32_t i = 0; ok && i < s->lo; i++) {
		one.what = i % 2 == 0 ? UNFLAG : FLAG;
		ok = do_view(l, st, &one);
	}
	return ok;
}

/* ---- what was expunged ---- */

struct tombstone_at {
	uint32_t index;
	bool found;
	struct store_tombstone g;
};

static bool
tombstone_count(void *arg, const struct store_expunged *e)
{
	struct tombstone_at *x = arg;

	x->found = x->index-- == 0;
	x->g = (struct store_tombstone){e->mailbox, e->msg.uid};
	return !x->found;
}

static bool
do_tombstone(struct ledger *l, struct store *st, const struct step *s)
{
	struct tombstone_at x = {.index = s->lo};
	uint64_t need = 0;
	struct err err;
	size_t n = 0;
	int r;

	store_expunged_each(st, tombstone_count, &x, &need);
	if (!x.found) {
		ledger_broken(l, "nothing to be brought back", "", "");
		return false;
	}
	if (s->what == PURGE)
		r = store_purge(st, &x.g, 1, &n, &need, &err);
	else
		r = store_undelete(st, &x.g, 1, s->box, &n, &need, &err);
	if (r != RC_OK)
		return false;
	if (n != 1)
		ledger_broken(l, "one was asked for", "", "");
	ledger_pend(l, st);
	return ledger_flush(l, st, need);
}

/* From the newest day's mailbox of the tree. */
static bool
do_drag(struct ledger *l, struct store *st, const struct step *s)
{
	struct step drag = {s->what == DRAG ? COPY : MOVE, NULL, s->box, 1, 99};
	struct store_mailbox_list list;
	uint64_t need = 0;
	bool ok;

	store_mailbox_list(st, &list, &need);
	for (size_t i = 0; i < list.n; i++)
		if (list.m[i].selectable &&
		    sv_starts(sv_str(list.m[i].name), SV(STORE_RESTORE "/")))
			drag.box = list.m[i].name;
	ok = drag.box != NULL && do_view(l, st, &drag);
	store_mailbox_list_fini(&list);
	return ok;
}

static bool
do_name(struct ledger *l, struct store *st, const struct step *s)
{
	uint64_t need = 0;
	struct err err;
	int r;

	if (s->what == CREATE)
		r = store_mailbox_create(
		    st, s->box, STORE_USE_NONE, &need, &err);
	else if (s->what == DELETE)
		r = store_mailbox_delete(st, s->box, &need, &err);
	else if (s->what == RENAME)
		r = store_mailbox_rename(st, s->box, s->to, &need, &err);
	else
		r = store_mailbox_subscribe(st, s->box, true, &need, &err);
	if (r != RC_OK)
		return false;
	ledger_pend(l, st);
	return ledger_flush(l, st, need);
}

/* One session looks, another expunges, then all is compacted: the first can
 * still read what it was not told of. */
static bool
do_pinned(struct ledger *l, struct store *st, const struct step *s)
{
	struct step compact = {COMPACT, NULL, NULL, 0, 0};
	struct step expunge = *s;
	struct view *v = NULL;
	struct store_msg m;
	uint64_t need = 0;
	char *bytes;
	bool ok;

	expunge.what = EXPUNGE;
	if (view_open(st, s->box, true, NULL, NULL, &v, &need) != RC_OK)
		return false;
	if (view_msgs(v, s->lo, 1, &m, &need) != 1) {
		view_close(&v);
		return false;
	}
	ok = do_view(l, st, &expunge) && do_compact(l, st, &compact);
	bytes = xmalloc(m.size + 1u);
	if (ok && store_read(st, m.body, 0, bytes, m.size) != RC_OK &&
	    !testdisk_stopped(l->disk))
		ledger_broken(l, "a pinned message cannot be read", "", "");
	free(bytes);
	view_close(&v);
	return ok;
}

bool
script_step(struct ledger *l, struct store *st, unsigned i)
{
	const struct step *s = &scripts[l->script].s[i];

	switch (s->what) {
	case DELIVER:
	case APPEND:
	case BIG:
		return do_add(l, st, s);
	case REPLACE:
		return do_replace(l, st, s);
	case MANY:
		return do_many(l, st, s);
	case BURST:
		return do_burst(l, st, s);
	case FLAG:
	case KEYWORD:
	case UNFLAG:
	case EXPUNGE:
	case EXPUNGE_LAST:
	case COPY:
	case MOVE:
		return do_view(l, st, s);
	case CREATE:
	case DELETE:
	case RENAME:
	case SUBSCRIBE:
		return do_name(l, st, s);
	case COMPACT:
	case COMPACT_UNWANTED:
		return do_compact(l, st, s);
	case PINNED:
		return do_pinned(l, st, s);
	case FILL:
		return do_fill(l, st, s);
	case PURGE:
	case UNDELETE:
		return do_tombstone(l, st, s);
	case DRAG:
	case DRAG_AWAY:
		return do_drag(l, st, s);
	case FULL:
		testdisk_fill(l->disk);
		l->full = true;
		return true;
	case ROOM:
		testdisk_capacity(l->disk, MORE_DISK);
		l->full = false;
		return true;
	case CHECKPOINT:
		store_checkpoint(st);
		return !store_poisoned(st);
	}
	return false;
}

void
script_disk(const struct ledger *l)
{
	if (l->script == SCRIPT_FULL)
		testdisk_capacity(l->disk, DISK);
}
