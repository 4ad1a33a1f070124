#include "imap/transfer/state.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"

#define HEAD SV("hearthmail import 1")
#define HEX  32

struct folder {
	char *name;
	uint32_t uidvalidity;
};

struct state {
	struct state_set done; /* keys, and contents under another name */
	struct folder *folder;
	size_t nfolder, cap;
	struct state_try open;
	bool is_open;
	struct state_entry *entry;
	size_t nentry, entry_cap;
	uint32_t *index; /* by key: 1 + its place, 0: free */
	size_t index_cap;

	/* While it is read. */
	struct buf line;
	bool toolong, began, bad;
};

/* ---- keys ---- */

void
state_key_make(
    struct state_key *out, const char *what, const struct sv *part, size_t n)
{
	crypto_generichash_state h;
	size_t i;

	must(crypto_generichash_init(&h, NULL, 0, sizeof out->b) == 0);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)what, strlen(what) + 1);
	for (i = 0; i < n; i++) {
		unsigned char len[8];

		be_put64(len, part[i].n);
		(void)crypto_generichash_update(&h, len, sizeof len);
		(void)crypto_generichash_update(
		    &h, (const unsigned char *)part[i].p, part[i].n);
	}
	(void)crypto_generichash_final(&h, out->b, sizeof out->b);
}

static bool
is_zero(const struct state_key *k)
{
	static const struct state_key zero;

	return memcmp(k, &zero, sizeof zero) == 0;
}

/* Its place, or the free place where it would go.  Keys are hashes. */
static struct state_key *
find(const struct state_set *set, const struct state_key *key)
{
	size_t i = (size_t)be_get64(key->b) & (set->cap - 1);

	while (!is_zero(&set->slot[i]) &&
	       memcmp(&set->slot[i], key, sizeof *key) != 0)
		i = (i + 1) & (set->cap - 1);
	return &set->slot[i];
}

void
state_set_fini(struct state_set *set)
{
	free(set->slot);
	*set = (struct state_set){NULL, 0, 0};
}

bool
state_set_has(const struct state_set *set, const struct state_key *key)
{
	return set->cap > 0 && !is_zero(find(set, key));
}

static void
grow(struct state_set *set)
{
	struct state_set more = {.cap = set->cap > 0 ? set->cap * 2 : 1024};
	size_t i;

	more.slot = xcalloc(more.cap, sizeof *more.slot);
	for (i = 0; i < set->cap; i++)
		if (!is_zero(&set->slot[i]))
			*find(&more, &set->slot[i]) = set->slot[i];
	more.n = set->n;
	free(set->slot);
	*set = more;
}

bool
state_set_add(struct state_set *set, const struct state_key *key)
{
	struct state_key *at;

	if (2 * (set->n + 1) > set->cap)
		grow(set);
	at = find(set, key);
	if (!is_zero(at))
		return false;
	*at = *key;
	set->n++;
	return true;
}

/* Contents are among the keys under another name. */
static struct state_key
content_key(const struct state_key *content)
{
	struct state_key k = *content;

	k.b[0] ^= 0x5a;
	k.b[15] ^= 0xa5;
	return k;
}

/* ---- entries ---- */

static size_t
slot_of(const struct state *s, const struct state_key *key)
{
	size_t i = (size_t)be_get64(key->b) & (s->index_cap - 1);

	while (s->index[i] != 0 &&
	       memcmp(&s->entry[s->index[i] - 1].key, key, sizeof *key) != 0)
		i = (i + 1) & (s->index_cap - 1);
	return i;
}

/* Whatever was moved to another key leaves its old place to be passed. */
static void
index_entry(struct state *s, size_t at)
{
	size_t i;

	if (2 * (s->nentry + 1) > s->index_cap) {
		s->index_cap = s->index_cap > 0 ? 2 * s->index_cap : 1024;
		free(s->index);
		s->index = xcalloc(s->index_cap, sizeof *s->index);
		for (i = 0; i < s->nentry; i++)
			s->index[slot_of(s, &s->entry[i].key)] =
			    (uint32_t)i + 1;
	}
	s->index[slot_of(s, &s->entry[at].key)] = (uint32_t)at + 1;
}

size_t
state_count(const struct state *s)
{
	return s->nentry;
}

struct state_entry *
state_entry(struct state *s, size_t i)
{
	return &s->entry[i];
}

struct state_entry *
state_find(struct state *s, const struct state_key *key)
{
	uint32_t at = s->index_cap > 0 ? s->index[slot_of(s, key)] : 0;

	return at > 0 ? &s->entry[at - 1] : NULL;
}

const char *
state_folder(const struct state *s, const struct state_entry *e)
{
	return s->folder[e->folder].name;
}

static const struct {
	unsigned bit;
	const char *name;
} flag_names[] = {{STATE_SEEN, "\\Seen"}, {STATE_ANSWERED, "\\Answered"},
    {STATE_FLAGGED, "\\Flagged"}, {STATE_DRAFT, "\\Draft"},
    {STATE_DELETED, "\\Deleted"}, {STATE_FORWARDED, "$Forwarded"}};

unsigned
state_flags(struct sv flags)
{
	unsigned all = 0;
	size_t i;

	while (flags.n > 0) {
		struct sv f = sv_split(&flags, ' ');

		for (i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++)
			if (sv_ieq(f, sv_str(flag_names[i].name)))
				all |= flag_names[i].bit;
	}
	return all;
}

const char *
state_flag_name(unsigned bit)
{
	size_t i;

	for (i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++)
		if (flag_names[i].bit == bit)
			return flag_names[i].name;
	return "";
}

static uint32_t
folder_at(const struct state *s, struct sv name)
{
	size_t i;

	for (i = 0; i < s->nfolder; i++)
		if (sv_eq(sv_str(s->folder[i].name), name))
			return (uint32_t)i;
	return 0;
}

static void
note_entry(struct state *s, const struct state_msg *m, size_t i)
{
	s->entry =
	    xgrow(s->entry, &s->entry_cap, s->nentry + 1, sizeof *s->entry);
	s->entry[s->nentry] = (struct state_entry){.key = m->key,
	    .content = m->content,
	    .folder = folder_at(s, buf_sv(&s->open.folder)),
	    .uid = s->open.first != 0 ? s->open.first + (uint32_t)i : 0,
	    .uidvalidity = s->open.uidvalidity,
	    .flags = m->flags};
	s->nentry++;
	index_entry(s, s->nentry - 1);
}

static void
change_key(struct state *s, struct state_entry *e, const struct state_key *key)
{
	struct state_entry copy = *e;

	(void)state_set_add(&s->done, key);
	/* The old key stays known as one that has come, but is nothing that
	 * could be moved once more. */
	memset(&e->content, 0, sizeof e->content);
	copy.key = *key;
	s->entry =
	    xgrow(s->entry, &s->entry_cap, s->nentry + 1, sizeof *s->entry);
	s->entry[s->nentry++] = copy;
	index_entry(s, s->nentry - 1);
}

static void
note_done(struct state *s, const struct state_msg *m)
{
	struct state_key c = content_key(&m->content);

	(void)state_set_add(&s->done, &m->key);
	(void)state_set_add(&s->done, &c);
}

/* ---- life ---- */

struct state *
state_new(void)
{
	struct state *s = xcalloc(1, sizeof *s);

	buf_init(&s->line, STATE_LINE_MAX);
	buf_init(&s->open.folder, STATE_LINE_MAX);
	return s;
}

void
state_free(struct state **sp)
{
	struct state *s = *sp;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->nfolder; i++)
		free(s->folder[i].name);
	free(s->folder);
	free(s->entry);
	free(s->index);
	state_set_fini(&s->done);
	buf_fini(&s->open.folder);
	buf_fini(&s->line);
	free(s);
	*sp = NULL;
}

static void
note_folder(struct state *s, struct sv name, uint32_t uidvalidity)
{
	size_t i;

	for (i = 0; i < s->nfolder; i++)
		if (sv_eq(sv_str(s->folder[i].name), name)) {
			s->folder[i].uidvalidity = uidvalidity;
			return;
		}
	s->folder =
	    xgrow(s->folder, &s->cap, s->nfolder + 1, sizeof *s->folder);
	s->folder[s->nfolder++] = (struct folder){sv_dup(name), uidvalidity};
}

/* ---- reading ---- */

static bool
read_key(struct sv hex, struct state_key *out)
{
	size_t i;

	if (hex.n != HEX)
		return false;
	for (i = 0; i < sizeof out->b; i++) {
		int hi = ascii_hex(hex.p[2 * i]),
		    lo = ascii_hex(hex.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out->b[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

static void
read_try(struct state *s, struct sv line)
{
	struct sv validity = sv_split(&line, ' '), next = sv_split(&line, ' ');

	s->is_open = false;
	if (sv_to_u32(validity, UINT32_MAX, &s->open.uidvalidity) != RC_OK ||
	    sv_to_u32(next, UINT32_MAX, &s->open.uidnext) != RC_OK ||
	    line.n == 0)
		return;
	buf_set(&s->open.folder, line);
	s->open.n = 0;
	s->open.first = 0;
	s->is_open = true;
	note_folder(s, line, s->open.uidvalidity);
}

static unsigned
read_flags(struct sv s)
{
	if (s.n != 2 || ascii_hex(s.p[0]) < 0 || ascii_hex(s.p[1]) < 0)
		return STATE_UNKNOWN;
	return (unsigned)(ascii_hex(s.p[0]) << 4 | ascii_hex(s.p[1]));
}

static void
read_flags_line(struct state *s, struct sv line)
{
	struct sv hex = sv_split(&line, ' ');
	struct state_entry *e;
	struct state_key key;

	if (!read_key(hex, &key))
		return;
	e = state_find(s, &key);
	if (e != NULL)
		e->flags = read_flags(line);
}

static void
read_same(struct state *s, struct sv line)
{
	struct sv hex = sv_split(&line, ' ');
	struct state_key key, old;
	struct state_entry *e;

	if (!read_key(hex, &key) || !read_key(line, &old))
		return;
	e = state_find(s, &old);
	if (e != NULL)
		change_key(s, e, &key);
}

static void
read_msg(struct state *s, struct sv line)
{
	struct sv key = sv_split(&line, ' '), content = sv_split(&line, ' ');
	struct sv size = sv_split(&line, ' ');
	struct state_msg m;

	if (!s->is_open || s->open.n == STATE_BATCH || !read_key(key, &m.key) ||
	    !read_key(content, &m.content) ||
	    sv_to_u64(size, UINT64_MAX, &m.size) != RC_OK)
		return;
	/* Older files do not say them. */
	m.flags = read_flags(line);
	s->open.msg[s->open.n++] = m;
}

/* "- .", or numbers and "."; false: something else, torn perhaps, and nothing
 * is to be believed. */
static bool
read_missing(struct sv line, bool missing[STATE_BATCH])
{
	struct sv list = sv_split(&line, ' ');

	if (!sv_eq(line, SV(".")))
		return false;
	if (sv_eq(list, SV("-")))
		return true;
	do {
		uint64_t i;

		if (sv_to_u64(sv_split(&list, ','), STATE_BATCH - 1, &i) !=
		    RC_OK)
			return false;
		missing[i] = true;
	} while (list.p != NULL);
	return true;
}

static void
close_try(struct state *s, const bool *missing)
{
	size_t i;

	for (i = 0; i < s->open.n; i++)
		if (!missing[i]) {
			note_done(s, &s->open.msg[i]);
			note_entry(s, &s->open.msg[i], i);
		}
	s->is_open = false;
}

static void
read_line(struct state *s, struct sv line)
{
	bool missing[STATE_BATCH] = {false};
	struct sv word;

	if (!s->began) {
		s->began = true;
		s->bad = !sv_eq(line, HEAD);
		return;
	}
	word = sv_split(&line, ' ');
	if (sv_eq(word, SV("try")))
		read_try(s, line);
	else if (sv_eq(word, SV("msg")))
		read_msg(s, line);
	else if (sv_eq(word, SV("uids")) && s->is_open) {
		if (sv_to_u32(line, UINT32_MAX - STATE_BATCH, &s->open.first) !=
		    RC_OK)
			s->open.first = 0;
	} else if (sv_eq(word, SV("flags")))
		read_flags_line(s, line);
	else if (sv_eq(word, SV("same")))
		read_same(s, line);
	else if (sv_eq(word, SV("end")) && s->is_open &&
		 read_missing(line, missing))
		close_try(s, missing);
}

void
state_feed(struct state *s, struct sv piece)
{
	while (piece.n > 0) {
		size_t n = sv_chr(piece, '\n');

		buf_addsv(&s->line, sv_first(piece, n));
		if (n == piece.n)
			return;
		if (buf_ok(&s->line))
			read_line(s, buf_sv(&s->line));
		buf_reset(&s->line);
		piece = sv_skip(piece, n + 1);
	}
}

int
state_loaded(struct state *s)
{
	return s->bad || !s->began ? RC_SYNTAX : RC_OK;
}

const struct state_try *
state_open_try(const struct state *s)
{
	return s->is_open ? &s->open : NULL;
}

bool
state_has(const struct state *s, const struct state_key *key)
{
	return state_set_has(&s->done, key);
}

bool
state_has_content(const struct state *s, const struct state_key *content)
{
	struct state_key k = content_key(content);

	return state_set_has(&s->done, &k);
}

uint32_t
state_uidvalidity(const struct state *s, struct sv folder)
{
	size_t i;

	for (i = 0; i < s->nfolder; i++)
		if (sv_eq(sv_str(s->folder[i].name), folder))
			return s->folder[i].uidvalidity;
	return 0;
}

/* ---- writing ---- */

/* Every piece begins on a new line: the last one may have been torn. */
static void
fresh_line(const struct state *s, struct buf *out)
{
	if (s->line.n > 0)
		buf_addc(out, '\n');
}

void
state_put_head(struct sv source, struct buf *out)
{
	size_t i;

	buf_addsv(out, HEAD);
	buf_adds(out, "\nsource ");
	for (i = 0; i < source.n && i < 1000; i++)
		buf_addc(out, ascii_is_ctl(source.p[i]) ? '?' : source.p[i]);
	buf_addc(out, '\n');
}

static void
put_key(struct buf *out, const struct state_key *k)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < sizeof k->b; i++) {
		buf_addc(out, digits[k->b[i] >> 4]);
		buf_addc(out, digits[k->b[i] & 15]);
	}
}

void
state_put_try(struct state *s, const struct state_try *t, struct buf *out)
{
	size_t i;

	fresh_line(s, out);
	buf_reset(&s->line);
	buf_addf(out, "try %u %u ", t->uidvalidity, t->uidnext);
	buf_addsv(out, buf_sv(&t->folder));
	buf_addc(out, '\n');
	for (i = 0; i < t->n; i++) {
		buf_adds(out, "msg ");
		put_key(out, &t->msg[i].key);
		buf_addc(out, ' ');
		put_key(out, &t->msg[i].content);
		buf_addc(out, ' ');
		buf_addu(out, t->msg[i].size);
		buf_addf(out, " %02x\n", t->msg[i].flags & 0xff);
	}
	buf_set(&s->open.folder, buf_sv(&t->folder));
	s->open.uidvalidity = t->uidvalidity;
	s->open.uidnext = t->uidnext;
	memcpy(s->open.msg, t->msg, t->n * sizeof t->msg[0]);
	s->open.n = t->n;
	s->open.first = 0;
	s->is_open = true;
	note_folder(s, buf_sv(&t->folder), t->uidvalidity);
}

void
state_put_end(struct state *s, const bool *missing, struct buf *out)
{
	bool any = false;
	size_t i;

	fresh_line(s, out);
	buf_reset(&s->line);
	buf_adds(out, "end ");
	for (i = 0; i < s->open.n; i++)
		if (missing[i]) {
			buf_addf(out, any ? ",%zu" : "%zu", i);
			any = true;
		}
	buf_adds(out, any ? " .\n" : "- .\n");
	close_try(s, missing);
}

void
state_put_uids(struct state *s, uint32_t first, struct buf *out)
{
	fresh_line(s, out);
	buf_reset(&s->line);
	s->open.first = first;
	buf_addf(out, "uids %u\n", first);
}

void
state_put_flags(
    struct state *s, struct state_entry *e, unsigned flags, struct buf *out)
{
	fresh_line(s, out);
	buf_reset(&s->line);
	e->flags = flags;
	buf_adds(out, "flags ");
	put_key(out, &e->key);
	buf_addf(out, " %02x\n", flags & 0xff);
}

void
state_put_same(struct state *s, struct state_entry *e,
    const struct state_key *key, struct buf *out)
{
	fresh_line(s, out);
	buf_reset(&s->line);
	buf_adds(out, "same ");
	put_key(out, key);
	buf_addc(out, ' ');
	put_key(out, &e->key);
	buf_addc(out, '\n');
	change_key(s, e, key);
}
