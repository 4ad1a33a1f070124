#include "queue/spool/sent.h"

#include <string.h>

#include <sodium.h>

#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"

#define ROW_MAX	 (20 + 1 + 2 * SENT_ID_BYTES + 1)
#define FILE_MAX (SENT_MAX * ROW_MAX)
#define DAY	 (24 * 3600)

void
sent_id(int64_t begin, struct sv domain, uint8_t out[SENT_ID_BYTES])
{
	crypto_generichash_state h;
	unsigned char c;
	size_t i;

	(void)crypto_generichash_init(&h, NULL, 0, SENT_ID_BYTES);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)&begin, sizeof begin);
	for (i = 0; i < domain.n; i++) {
		c = (unsigned char)ascii_lower(domain.p[i]);
		(void)crypto_generichash_update(&h, &c, 1);
	}
	(void)crypto_generichash_final(&h, out, SENT_ID_BYTES);
}

static void
add(struct sent *s, const uint8_t id[SENT_ID_BYTES], int64_t when)
{
	struct sent_one *one = &s->one[s->n++ % SENT_MAX];

	one->when = when;
	memcpy(one->id, id, SENT_ID_BYTES);
}

static size_t
count(const struct sent *s)
{
	return s->n < SENT_MAX ? s->n : SENT_MAX;
}

void
sent_parse(struct sv text, struct sent *out)
{
	uint8_t id[SENT_ID_BYTES];
	uint64_t when;
	size_t n;

	*out = (struct sent){.n = 0};
	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');
		struct sv first = sv_split(&line, ' ');

		if (sv_to_u64(first, INT64_MAX, &when) == RC_OK &&
		    line.n == 2 * SENT_ID_BYTES &&
		    sodium_hex2bin(
			id, sizeof id, line.p, line.n, NULL, &n, NULL) == 0 &&
		    n == sizeof id)
			add(out, id, (int64_t)when);
	}
}

void
sent_load(struct sent *out)
{
	struct err err = {.text = ""};
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = io_read_file(SENT_FILE, &text, &err);
	if (r != RC_OK && r != RC_NOTFOUND)
		mlog(LOG_WARN, "feedback.file", "text=\"%s\"", err.text);
	sent_parse(r == RC_OK ? buf_sv(&text) : SV(""), out);
	buf_fini(&text);
}

bool
sent_has(const struct sent *s, const uint8_t id[SENT_ID_BYTES])
{
	size_t i;

	for (i = 0; i < count(s); i++)
		if (memcmp(s->one[i].id, id, SENT_ID_BYTES) == 0)
			return true;
	return false;
}

unsigned
sent_on(const struct sent *s, int64_t day)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < count(s); i++)
		n += s->one[i].when / DAY == day;
	return n;
}

int
sent_add(struct sent *s, const uint8_t id[SENT_ID_BYTES], int64_t when,
    struct err *err)
{
	char hex[2 * SENT_ID_BYTES + 1];
	struct buf text;
	size_t i;
	int r;

	add(s, id, when);
	buf_init(&text, FILE_MAX);
	/* The oldest first. */
	for (i = s->n - count(s); i < s->n; i++) {
		const struct sent_one *one = &s->one[i % SENT_MAX];

		(void)sodium_bin2hex(hex, sizeof hex, one->id, SENT_ID_BYTES);
		buf_addf(&text, "%lld %s\n", (long long)one->when, hex);
	}
	r = io_replace_file(SENT_FILE, buf_sv(&text), 0600, err);
	buf_fini(&text);
	return r;
}
