#include "test/fault/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/crc32c.h"
#include "journal/sabotage.h"

void
ledger_init(struct ledger *l)
{
	memset(l, 0, sizeof *l);
}

static void
pending_drop(struct ledger *l)
{
	for (size_t i = 0; i < l->npending; i++)
		free(l->pending[i]);
	free(l->pending);
	l->pending = NULL;
	l->npending = 0;
}

void
ledger_fini(struct ledger *l)
{
	pending_drop(l);
	free(l->acked);
	free(l->fact);
	free(l->expect);
	ledger_init(l);
}

struct ledger *
ledger_clone(const struct ledger *l)
{
	struct ledger *c = xmalloc(sizeof *c);

	*c = *l;
	c->acked = l->acked != NULL ? xstrdup(l->acked) : NULL;
	c->pending = xcalloc(l->npending + 1, sizeof *c->pending);
	for (size_t i = 0; i < l->npending; i++)
		c->pending[i] = xstrdup(l->pending[i]);
	c->fact = xcalloc(l->nfact + 1, sizeof *c->fact);
	if (l->nfact > 0)
		memcpy(c->fact, l->fact, l->nfact * sizeof *c->fact);
	c->cap = l->nfact + 1;
	c->expect = xcalloc(l->nexpect + 1, sizeof *c->expect);
	if (l->nexpect > 0)
		memcpy(c->expect, l->expect, l->nexpect * sizeof *c->expect);
	c->expect_cap = l->nexpect + 1;
	return c;
}

static void
broken(struct ledger *l, const char *what, const char *a, const char *b)
{
	if (l->why[0] == '\0')
		(void)snprintf(
		    l->why, sizeof l->why, "%s: %.900s | %.900s", what, a, b);
}

/* ---- what can be seen ---- */

static void
expect(struct ledger *l, uint64_t body, uint32_t crc)
{
	size_t i = 0;

	while (i < l->nexpect && l->expect[i].body != body)
		i++;
	if (i == l->nexpect) {
		l->expect =
		    xgrow(l->expect, &l->expect_cap, i + 1, sizeof *l->expect);
		l->nexpect++;
	}
	l->expect[i].body = body;
	l->expect[i].crc = crc;
}

/* Of the bytes as they are, or as they were handed in. */
static bool
crc_of(struct ledger *l, struct store *st, const struct store_msg *m,
    bool really, uint32_t *crc)
{
	char *bytes;
	bool ok;

	for (size_t i = 0; !really && i < l->nexpect; i++)
		if (l->expect[i].body == m->body) {
			*crc = l->expect[i].crc;
			return true;
		}
	if (!really)
		return false;
	bytes = xmalloc(m->size + 1u);
	ok = store_read(st, m->body, 0, bytes, m->size) == RC_OK;
	*crc = crc32c(0, bytes, ok ? m->size : 0);
	free(bytes);
	return ok;
}

struct dump {
	struct ledger *l;
	struct store *st;
	bool really;
	struct buf b;
};

static bool
dump_message(
    struct dump *d, const struct store_msg *m, const char **kw, size_t nkw)
{
	uint32_t crc = 0;

	if (!crc_of(d->l, d->st, m, d->really, &crc))
		return false;
	buf_addf(&d->b, "\n  %u f%x m%llu i%lld s%u c%08x", m->uid, m->system,
	    (unsigned long long)m->modseq, (long long)m->internal_date, m->size,
	    crc);
	for (size_t k = 0; k < nkw; k++)
		if (m->keywords >> k & 1)
			buf_addf(&d->b, " %s", kw[k]);
	return true;
}

static bool
dump_mailbox(struct dump *d, const char *name)
{
	struct store_status s;
	const char *kw[64];
	struct view *v = NULL;
	uint64_t need = 0;
	bool ok = true;
	size_t nkw;

	if (store_status(d->st, name, &s, &need) != RC_OK ||
	    view_open(d->st, name, true, NULL, NULL, &v, &need) != RC_OK)
		return false;
	nkw = view_keywords(v, kw);
	buf_addf(&d->b, " v%u n%u u%u d%u s%llu m%llu", s.uidvalidity,
	    s.uidnext, s.unseen, s.deleted, (unsigned long long)s.size,
	    (unsigned long long)s.modseq);
	for (uint32_t i = 1; ok && i <= view_count(v); i++) {
		struct store_msg m;

		ok = view_msgs(v, i, 1, &m, &need) == 1 &&
		     dump_message(d, &m, kw, nkw);
	}
	view_close(&v);
	return ok;
}

char *
ledger_dump(struct ledger *l, struct store *st, bool read)
{
	struct dump d = {.l = l, .st = st, .really = read};
	struct store_mailbox_list list;
	uint64_t need = 0;
	bool ok = true;

	buf_init(&d.b, 64 << 20);
	store_mailbox_list(st, &list, &need);
	for (size_t i = 0; ok && i < list.n; i++) {
		const struct store_mailbox *m = &list.m[i];

		buf_addf(&d.b, "%s id%u use%d e%d sel%d sub%d", m->name, m->id,
		    (int)m->use, m->exists, m->selectable, m->subscribed);
		if (m->selectable)
			ok = dump_mailbox(&d, m->name);
		buf_addc(&d.b, '\n');
	}
	store_mailbox_list_fini(&list);
	if (!ok) {
		buf_fini(&d.b);
		return NULL;
	}
	return buf_take(&d.b);
}

/* ---- facts: what a number has meant means it for ever ---- */

static void
fact_add(struct ledger *l, const char *key, const char *value)
{
	for (size_t i = 0; i < l->nfact; i++)
		if (strcmp(l->fact[i].key, key) == 0) {
			if (strcmp(l->fact[i].value, value) != 0)
				broken(l, key, l->fact[i].value, value);
			return;
		}
	l->fact = xgrow(l->fact, &l->cap, l->nfact + 1, sizeof *l->fact);
	memset(&l->fact[l->nfact], 0, sizeof *l->fact);
	(void)snprintf(l->fact[l->nfact].key, sizeof l->fact->key, "%s", key);
	(void)snprintf(
	    l->fact[l->nfact++].value, sizeof l->fact->value, "%s", value);
}

/* The next word of a line, at most 31 bytes of it. */
static const char *
word(struct sv *line, char out[32])
{
	struct sv w = sv_split(line, ' ');

	(void)snprintf(out, 32, "%.*s", SV_ARG(sv_first(w, 31)));
	return out;
}

/* Out of a dump: UIDs and their bytes, MODSEQs and their flags. */
static void
facts_learn(struct ledger *l, const char *dump)
{
	struct sv rest = sv_str(dump);
	char validity[32] = "";
	uint32_t box = 0;

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');
		char uid[32], flags[32], modseq[32], skip[32], crc[32], key[96];

		if (line.n == 0)
			continue;
		if (line.p[0] != ' ') {
			size_t n = sv_chr(line, ' ');

			box = crc32c(0, line.p, n);
			line = sv_skip(line, sv_find(line, SV(" v")) + 1);
			(void)word(&line, validity);
			continue;
		}
		line = sv_skip(line, 2);
		(void)word(&line, uid);
		(void)word(&line, flags);
		(void)word(&line, modseq);
		(void)word(&line, skip);
		(void)word(&line, skip);
		(void)word(&line, crc);
		(void)snprintf(key, sizeof key, "%08x %.15s uid %.15s", box,
		    validity, uid);
		fact_add(l, key, crc);
		(void)snprintf(key, sizeof key, "%08x %.15s uid %.15s %.23s",
		    box, validity, uid, modseq);
		fact_add(l, key, flags);
	}
}

static void
promise(struct ledger *l, char *dump)
{
	free(l->acked);
	l->acked = dump;
	pending_drop(l);
	facts_learn(l, dump);
	for (size_t i = 0; i < l->ndelivery; i++)
		l->delivery[i].acked = true;
}

void
ledger_shown(struct ledger *l, struct store *st)
{
	char *dump = ledger_dump(l, st, true);

	if (dump == NULL)
		broken(l, "unreadable after the start", "", "");
	else
		promise(l, dump);
}

static void
pend(struct ledger *l, struct store *st)
{
	char *dump = ledger_dump(l, st, false);

	if (dump == NULL) {
		broken(l, "a message that was not handed in", "", "");
		return;
	}
	l->pending =
	    xreallocarray(l->pending, l->npending + 1, sizeof *l->pending);
	l->pending[l->npending++] = dump;
}

/* ---- after the crash ---- */

static bool
same_as_promised(struct ledger *l, const char *now)
{
	if (l->acked == NULL) /* it was never open */
		return true;
	if (strcmp(l->acked, now) == 0)
		return true;
	for (size_t i = 0; i < l->npending; i++)
		if (strcmp(l->pending[i], now) == 0)
			return true;
	return false;
}

/* Where two texts differ, a bit before. */
static const char *
differs(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	return a + (i > 80 ? i - 80 : 0);
}

static bool
redeliver(struct store *st, const uint8_t id[16], struct store_added *out)
{
	struct store_add a = {.mailbox = "INBOX", .delivery_id = id};
	struct store_body *b = store_body_new(st);
	uint64_t need = 0;
	struct err err;
	int r = store_body_add(b, "again\r\n", 7);

	if (r == RC_OK)
		r = store_add(st, &b, &a, out, &need, &err);
	store_body_free(&b);
	if (r == RC_OK)
		r = store_flush(st, need);
	return r == RC_OK;
}

bool
ledger_check(struct ledger *l, struct store *st)
{
	char *now = ledger_dump(l, st, true);

	if (now == NULL) {
		broken(l, "a message cannot be read", "", "");
		return false;
	}
	if (!same_as_promised(l, now))
		broken(l, "not as promised", differs(l->acked, now),
		    differs(now, l->acked));
	facts_learn(l, now);
	for (size_t i = 0; i < l->ndelivery; i++) {
		struct store_added out = {0, 0, false};

		/* What was not promised may be gone. */
		if (!l->delivery[i].acked) {
			l->delivery[i--] = l->delivery[--l->ndelivery];
			continue;
		}
		if (!redeliver(st, l->delivery[i].id, &out) || !out.repeated ||
		    out.uid != l->delivery[i].uid)
			broken(l, "a delivery is not remembered", "", "");
	}
	free(now);
	return l->why[0] == '\0';
}

/* ---- the script ---- */

static bool
flush(struct ledger *l, struct store *st, uint64_t need)
{
	char *last;

	if (store_flush(st, need) != RC_OK)
		return false;
	if (l->npending == 0)
		return true;
	last = l->pending[--l->npending];
	promise(l, last);
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
			expect(l, m.body, crc[i]);
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
		CREATE,
		DELETE,
		RENAME,
		SUBSCRIBE,
		CHECKPOINT,
		COMPACT,
		COMPACT_UNWANTED,
		PINNED,
		BURST
	} what;
	const char *box, *to;
	uint32_t lo, hi;
};

#define LEVEL                                                               \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector-" \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector-" \
	"level-with-a-name-of-some-length-so-that-a-record-fills-a-sector"

static const struct step script[] = {
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

unsigned
script_length(void)
{
	return sizeof script / sizeof *script;
}

const struct store_opts *
script_opts(const struct journal_io *io)
{
	static struct store_opts o;

	o = (struct store_opts){.io = io,
	    .segment_bytes = 16384,
	    .inline_body_max = 8192,
	    .low_water_bytes = 1};
	return &o;
}

static bool
do_add(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_add a = {
	    .mailbox = s->box, .internal_date = 1700000000 + l->serial};
	struct store_added out = {0, 0, false};
	uint32_t crc;
	struct store_body *b = body(st, ++l->serial, s->lo, &crc);
	uint64_t need = 0;
	struct err err;
	uint8_t id[16] = "delivery";

	if (b == NULL)
		return false;
	id[14] = (uint8_t)(l->serial >> 8);
	id[15] = (uint8_t)l->serial;
	if (s->what == DELIVER)
		a.delivery_id = id;
	if (store_add(st, &b, &a, &out, &need, &err) != RC_OK)
		return false;
	if (s->what == DELIVER && l->ndelivery < LEDGER_DELIVERIES) {
		memcpy(l->delivery[l->ndelivery].id, id, 16);
		l->delivery[l->ndelivery].uid = out.uid;
		l->delivery[l->ndelivery++].acked = false;
	}
	expect_last(l, st, s->box, &crc, 1);
	pend(l, st);
	return flush(l, st, need);
}

static bool
do_many(struct ledger *l, struct store *st, const struct step *s)
{
	struct store_body *b[64];
	struct store_add a[64] = {{.mailbox = NULL}};
	struct store_added out[64];
	uint32_t crc[64];
	uint64_t need = 0;
	struct err err;

	for (uint32_t k = 0; k < s->lo; k++) {
		b[k] = body(st, ++l->serial, s->hi, &crc[k]);
		a[k].mailbox = s->box;
		a[k].internal_date = 1700000000;
		if (b[k] == NULL) {
			while (k-- > 0)
				store_body_free(&b[k]);
			return false;
		}
	}
	if (store_add_all(st, b, a, s->lo, out, &need, &err) != RC_OK)
		return false;
	expect_last(l, st, s->box, crc, s->lo);
	pend(l, st);
	return flush(l, st, need);
}

/* Nothing that can be seen may change. */
static bool
do_compact(struct store *st, const struct step *s)
{
	struct store_compact c = {.all = s->what != COMPACT_UNWANTED};
	struct journal_compacted out;
	int r = store_compact(st, &c, &out);

	/* Who answers early also gets wrong where a segment ends. */
	if (r == RC_DAMAGED && sabotaged(SABOTAGE_ANSWER_EARLY))
		return true;
	return r == RC_OK || r == RC_NOTFOUND;
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
		pend(l, st);
	}
	/* What its snapshot holds was not flushed before. */
	if (s->to != NULL && !do_compact(st, s))
		return false;
	return flush(l, st, need);
}

static bool
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
	return r == RC_OK;
}

static bool
do_view(struct ledger *l, struct store *st, const struct step *s)
{
	struct view *v = NULL;
	uint64_t need = 0;
	struct err err;
	bool ok;

	if (view_open(st, s->box, false, NULL, NULL, &v, &need) != RC_OK)
		return false;
	ok = view_step(v, s, &need);
	if (ok)
		pend(l, st);
	if (ok && (s->what == EXPUNGE || s->what == EXPUNGE_LAST)) {
		ok = view_expunge(v, NULL, &need, &err) == RC_OK;
		pend(l, st);
	}
	view_close(&v);
	return ok && flush(l, st, need);
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
	pend(l, st);
	return flush(l, st, need);
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
	ok = do_view(l, st, &expunge) && do_compact(st, &compact);
	bytes = xmalloc(m.size + 1u);
	if (ok && store_read(st, m.body, 0, bytes, m.size) != RC_OK)
		broken(l, "a pinned message cannot be read", "", "");
	free(bytes);
	view_close(&v);
	return ok;
}

bool
script_step(struct ledger *l, struct store *st, unsigned i)
{
	const struct step *s = &script[i];

	switch (s->what) {
	case DELIVER:
	case APPEND:
	case BIG:
		return do_add(l, st, s);
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
		return do_compact(st, s);
	case PINNED:
		return do_pinned(l, st, s);
	case CHECKPOINT:
		store_checkpoint(st);
		return !store_poisoned(st);
	}
	return false;
}
