#include "test/unit/store/fixture.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "test/unit/folder.h"

static char dir[UNIT_FOLDER_MAX];

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
fixture_make(void)
{
	unit_folder(dir, "store");
}

/*
 * Every account that a test leaves is read by the program that knows the
 * format from its description only, and must look the same to it.
 */
static void
compare_reader(const char *reader)
{
	const struct store_opts o = {.readonly = true};
	struct store *st = NULL;
	struct err err = {0, ""};
	char cmd[600], chunk[4096], *want;
	struct buf got;
	size_t n;
	FILE *f;

	if (store_open(dir, &o, &st, &err) != RC_OK)
		return; /* the test has made it so */
	want = fixture_dump(st);
	store_close(&st);
	buf_init(&got, 64 << 20);
	(void)snprintf(cmd, sizeof cmd, "python3 '%s' dump '%s'", reader, dir);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&got, chunk, n);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_str_eq(want, got.n > 0 ? got.p : "");
	buf_fini(&got);
	free(want);
}

void
fixture_remove(void)
{
	const char *reader = getenv("ACCOUNT_READER");

	if (reader != NULL)
		compare_reader(reader);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
fixture_dir(void)
{
	return dir;
}

struct store *
fixture_open_with(const struct store_opts *o)
{
	struct store *st = NULL;
	struct err err = {0, ""};
	int r = store_open(dir, o, &st, &err);

	ck_assert_msg(r == RC_OK, "%s: %s", rc_name(r), err.text);
	return st;
}

struct store *
fixture_open(void)
{
	struct store_opts o = {.low_water_bytes = 1};

	return fixture_open_with(&o);
}

void
fixture_again(struct store **st)
{
	store_close(st);
	*st = fixture_open();
}

void
fixture_forget_checkpoint(void)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/state", dir);
	(void)unlink(path);
}

int
fixture_try_add(struct store *st, const struct store_add *a, const char *text,
    struct store_added *out)
{
	struct store_body *b = store_body_new(st);
	uint64_t need = 0;
	struct err err;
	int r = store_body_add(b, text, strlen(text));

	if (r == RC_OK)
		r = store_add(st, &b, a, out, &need, &err);
	store_body_free(&b);
	if (r == RC_OK)
		r = store_flush(st, need);
	return r;
}

uint32_t
fixture_add(
    struct store *st, const char *mailbox, const char *text, uint32_t flags)
{
	struct store_add a = {.mailbox = mailbox,
	    .flags.system = flags,
	    .internal_date = 1700000000,
	    .zone = 60};
	struct store_added out = {0, 0, false};

	ck_assert_int_eq(fixture_try_add(st, &a, text, &out), RC_OK);
	return out.uid;
}

struct view *
fixture_view(struct store *st, const char *mailbox)
{
	struct view *v = NULL;
	uint64_t need = 0;

	ck_assert_int_eq(
	    view_open(st, mailbox, false, NULL, NULL, &v, &need), RC_OK);
	return v;
}

static void
store_flags(struct view *v, uint32_t lo, uint32_t hi, enum store_op op,
    const struct store_flags *f)
{
	struct rangeset set = RANGESET_EMPTY, changed = RANGESET_EMPTY,
			failed = RANGESET_EMPTY;
	uint64_t need = 0;
	struct err err;

	rangeset_add(&set, lo, hi);
	ck_assert_int_eq(
	    view_store(v, &set, op, f, NULL, &changed, &failed, &need, &err),
	    RC_OK);
	rangeset_fini(&set);
	rangeset_fini(&changed);
	rangeset_fini(&failed);
}

void
fixture_flag(
    struct view *v, uint32_t lo, uint32_t hi, enum store_op op, uint32_t flags)
{
	struct store_flags f = {.system = flags};

	store_flags(v, lo, hi, op, &f);
}

void
fixture_keyword(struct view *v, uint32_t lo, uint32_t hi, const char *name)
{
	struct sv k = sv_str(name);
	struct store_flags f = {.keyword = &k, .nkeyword = 1};

	store_flags(v, lo, hi, STORE_OP_ADD, &f);
}

void
fixture_expunge(struct view *v)
{
	uint64_t need = 0;
	struct err err;

	ck_assert_int_eq(view_expunge(v, NULL, &need, &err), RC_OK);
}

static struct buf text[4];
static int turn;

static struct buf *
next_text(void)
{
	struct buf *b = &text[turn++ % 4];

	if (b->p == NULL)
		buf_init(b, 1 << 20);
	buf_reset(b);
	return b;
}

const char *
fixture_uids(struct view *v)
{
	struct buf *b = next_text();

	for (uint32_t i = 1; i <= view_count(v); i++) {
		if (i > 1)
			buf_addc(b, ',');
		buf_addu(b, view_uid(v, i));
	}
	return b->p;
}

const char *
fixture_set(const struct rangeset *s)
{
	struct buf *b = next_text();

	rangeset_print(s, b);
	return b->p;
}

void
fixture_create(struct store *st, const char *name)
{
	uint64_t need = 0;
	struct err err = {0, ""};

	ck_assert_msg(store_mailbox_create(
			  st, name, STORE_USE_NONE, &need, &err) == RC_OK,
	    "%s: %s", name, err.text);
}

struct store_status
fixture_status(struct store *st, const char *name)
{
	struct store_status s;
	uint64_t need = 0;

	ck_assert_int_eq(store_status(st, name, &s, &need), RC_OK);
	return s;
}

static void
dump_mailbox(struct store *st, const struct store_mailbox *m, struct buf *b)
{
	struct store_status s = fixture_status(st, m->name);
	struct view *v = fixture_view(st, m->name);
	const char *kw[64];
	uint64_t need = 0;
	size_t nkw = view_keywords(v, kw);

	buf_addf(b, " v%u n%u u%u d%u s%llu m%llu", s.uidvalidity, s.uidnext,
	    s.unseen, s.deleted, (unsigned long long)s.size,
	    (unsigned long long)s.modseq);
	for (uint32_t i = 1; i <= view_count(v); i++) {
		struct store_msg x;

		ck_assert_uint_eq(view_msgs(v, i, 1, &x, &need), 1);
		buf_addf(b, "\n  %u f%x m%llu b%llu s%u i%lld z%d t%lld", x.uid,
		    x.system, (unsigned long long)x.modseq,
		    (unsigned long long)x.body, x.size,
		    (long long)x.internal_date, x.zone, (long long)x.save_date);
		for (size_t k = 0; k < nkw; k++)
			if (x.keywords >> k & 1)
				buf_addf(b, " %s", kw[k]);
	}
	view_close(&v);
}

char *
fixture_dump(struct store *st)
{
	struct store_mailbox_list l;
	uint64_t need = 0;
	struct buf b;

	buf_init(&b, 64 << 20);
	store_mailbox_list(st, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		const struct store_mailbox *m = &l.m[i];

		buf_addf(&b, "%s id%u use%d e%d sel%d sub%d ch%d", m->name,
		    m->id, (int)m->use, m->exists, m->selectable, m->subscribed,
		    m->has_children);
		if (m->selectable)
			dump_mailbox(st, m, &b);
		buf_addc(&b, '\n');
	}
	store_mailbox_list_fini(&l);
	return buf_take(&b);
}
