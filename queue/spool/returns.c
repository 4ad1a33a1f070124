#include "queue/spool/returns.h"

#include <sodium.h>

#include "base/fold.h"
#include "base/io.h"
#include "base/log.h"

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key's place");

#define TEXT_MAX 2048
#define ROW_MAX	 32
#define FILE_MAX ((RETURNS_DIFFERENT + 2) * ROW_MAX)

static void
be_on(struct returns *r, int64_t day)
{
	if (r->day == day)
		return;
	r->day = day;
	r->n = 0;
	randombytes_buf(r->key, sizeof r->key);
}

/* The case of neither matters, nor that of the address in which they were. */
static uint64_t
hash(const struct returns *r, struct sv author, struct sv alias)
{
	struct buf b;
	uint64_t h;

	buf_init(&b, TEXT_MAX);
	buf_addsv(&b, alias);
	buf_addc(&b, '\0');
	buf_addsv(&b, author);
	fold_ascii(buf_sv(&b), b.p);
	(void)crypto_shorthash(
	    (unsigned char *)&h, (const unsigned char *)b.p, b.n, r->key);
	buf_fini(&b);
	return h;
}

static size_t
find(const struct returns *r, uint64_t who)
{
	size_t i;

	for (i = 0; i < r->n && r->who[i] != who; i++)
		;
	return i;
}

bool
returns_have_room(
    struct returns *r, struct sv author, struct sv alias, int64_t day)
{
	size_t i;

	be_on(r, day);
	i = find(r, hash(r, author, alias));
	return i < r->n ? r->times[i] < RETURNS_A_DAY
			: r->n < RETURNS_DIFFERENT;
}

void
returns_add(struct returns *r, struct sv author, struct sv alias, int64_t day)
{
	uint64_t who;
	size_t i;

	be_on(r, day);
	who = hash(r, author, alias);
	i = find(r, who);
	if (i == RETURNS_DIFFERENT)
		return;
	if (i == r->n) {
		r->who[r->n] = who;
		r->times[r->n++] = 0;
	}
	if (r->times[i] < RETURNS_A_DAY)
		r->times[i]++;
}

/* ---- the file ---- */

/* n bytes in hexadecimal digits. */
static bool
read_hex(struct sv text, void *out, size_t n)
{
	size_t got;

	return text.n == 2 * n &&
	       sodium_hex2bin(out, n, text.p, text.n, NULL, &got, NULL) == 0 &&
	       got == n;
}

static void
put_hex(const void *bytes, size_t n, struct buf *out)
{
	char hex[2 * 16 + 1];

	must(n <= 16);
	buf_adds(out, sodium_bin2hex(hex, sizeof hex, bytes, n));
}

int
returns_parse(struct sv text, struct returns *out)
{
	struct sv line = sv_split(&text, '\n'), word = sv_split(&line, ' ');
	struct returns r = {.n = 0};
	uint64_t v;

	if (sv_to_u64(word, INT64_MAX, &v) != RC_OK ||
	    !read_hex(line, r.key, sizeof r.key))
		return RC_SYNTAX;
	r.day = (int64_t)v;
	while (text.n > 0) {
		line = sv_split(&text, '\n');
		word = sv_split(&line, ' ');
		if (r.n == RETURNS_DIFFERENT ||
		    !read_hex(word, &r.who[r.n], sizeof r.who[r.n]) ||
		    sv_to_u64(line, RETURNS_A_DAY, &v) != RC_OK)
			return RC_SYNTAX;
		r.times[r.n++] = (uint16_t)v;
	}
	*out = r;
	return RC_OK;
}

void
returns_write(const struct returns *r, struct buf *out)
{
	size_t i;

	buf_addf(out, "%lld ", (long long)r->day);
	put_hex(r->key, sizeof r->key, out);
	buf_addc(out, '\n');
	for (i = 0; i < r->n; i++) {
		put_hex(&r->who[i], sizeof r->who[i], out);
		buf_addf(out, " %u\n", (unsigned)r->times[i]);
	}
}

void
returns_load(struct returns *out)
{
	struct err err = {.text = "it is not understood"};
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = io_read_file(RETURNS_FILE, &text, &err);
	if (r == RC_OK)
		r = returns_parse(buf_sv(&text), out);
	if (r != RC_OK && r != RC_NOTFOUND)
		mlog(LOG_WARN, "queue.returns", "file=%s text=\"%s\"",
		    RETURNS_FILE, err.text);
	buf_fini(&text);
}

int
returns_save(const struct returns *r, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, FILE_MAX);
	returns_write(r, &text);
	rc = io_replace_file(RETURNS_FILE, buf_sv(&text), 0600, err);
	buf_fini(&text);
	return rc;
}
