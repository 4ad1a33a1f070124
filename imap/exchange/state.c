#include "imap/exchange/state.h"

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

/* Contents stand among the keys under another name. */
static struct state_key
content_key(const struct state_key *content)
{
	struct state_key k = *content;

	k.b[0] ^= 0x5a;
	k.b[15] ^= 0xa5;
	return k;
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
	s->is_open = true;
	note_folder(s, line, s->open.uidvalidity);
}

static void
read_msg(struct state *s, struct sv line)
{
	struct sv key = sv_split(&line, ' '), content = sv_split(&line, ' ');
	struct state_msg m;

	if (!s->is_open || s->open.n == STATE_BATCH || !read_key(key, &m.key) ||
	    !read_key(content, &m.content) ||
	    sv_to_u64(line, UINT64_MAX, &m.size) != RC_OK)
		return;
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
		if (!missing[i])
			note_done(s, &s->open.msg[i]);
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
		buf_addc(out, '\n');
	}
	buf_set(&s->open.folder, buf_sv(&t->folder));
	s->open.uidvalidity = t->uidvalidity;
	s->open.uidnext = t->uidnext;
	memcpy(s->open.msg, t->msg, t->n * sizeof t->msg[0]);
	s->open.n = t->n;
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
