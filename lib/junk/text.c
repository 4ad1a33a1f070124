/* Words, pairs of words and runs of four bytes of plain text. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "junk/feature_priv.h"

#define WORD_MAX   40
#define PAIR_REACH 5 /* a word is paired with the four behind it */
#define LINKS_MAX  100

static bool
is_word_byte(char c)
{
	return ascii_is_alnum(c) || (unsigned char)c >= 0x80 || c == '$' ||
	       c == '%' || c == '\'' || c == '-' || c == '_' || c == '@';
}

static bool
is_mark(char c)
{
	return c == '!' || c == '?' || c == '*' || c == '#' || c == '>' ||
	       c == '=' || c == '~' || c == '|';
}

static size_t
run(struct sv s, bool (*is)(char))
{
	size_t n = 0;

	while (n < s.n && is(s.p[n]))
		n++;
	return n;
}

bool
junk_word(struct sv *text, struct sv *word)
{
	size_t n;

	while (text->n > 0) {
		if ((n = run(*text, is_word_byte)) == 0)
			n = run(*text, is_mark);
		if (n > 0) {
			*word = sv_first(*text, n);
			*text = sv_skip(*text, n);
			return true;
		}
		*text = sv_skip(*text, 1);
	}
	return false;
}

/* Long ones by their start and length: what was made at random is one word. */
static struct sv
short_word(struct sv w)
{
	return w.n > WORD_MAX ? sv_first(w, 6) : w;
}

void
junk_text_words(
    struct sink *k, enum junk_kind kind, struct sv text, const char *prefix)
{
	struct sv w;

	while (junk_word(&text, &w)) {
		w = short_word(w);
		if (prefix != NULL)
			junk_put2(k, kind, sv_str(prefix), w);
		else
			junk_put(k, kind, w);
	}
}

void
junk_text_pairs(struct sink *k, struct sv text)
{
	uint32_t hash[PAIR_REACH] = {0};
	struct sv word[PAIR_REACH] = {{0}}, w, name;
	unsigned n = 0, d;

	while (junk_word(&text, &w)) {
		unsigned at = n % PAIR_REACH;

		w = short_word(w);
		hash[at] = junk_hash(0, w);
		word[at] = w;
		for (d = 1; d < PAIR_REACH && d <= n; d++) {
			unsigned b = (n - d) % PAIR_REACH;

			/* Its name is the whole stretch of text. */
			name =
			    sv_of(word[b].p, (size_t)(w.p + w.n - word[b].p));
			junk_put_hash(k, JUNK_PAIR,
			    (hash[b] * 31U + d) * 0x9e3779b1U + hash[at], name);
		}
		n++;
	}
}

void
junk_text_grams(struct sink *k, enum junk_kind kind, struct sv text)
{
	size_t i;

	for (i = 0; i + 4 <= text.n && !junk_is_full(k, kind); i++) {
		uint32_t h;

		memcpy(&h, text.p + i, 4);
		junk_put_hash(k, kind, h, sv_of(text.p + i, 4));
	}
}

/* Soft hyphens, joiners, marks of direction, the byte order mark. */
static bool
has_no_width(uint32_t cp)
{
	return cp == 0xad || cp == 0x34f || cp == 0x61c ||
	       (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x2064) ||
	       (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0xfeff || cp == 0x180e;
}

static bool
is_blank(uint32_t cp)
{
	return cp <= ' ' || cp == 0x7f || cp == 0xa0 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x3000;
}

/* Letters that are written wide or in a mathematical alphabet are the plain
 * ones. */
static uint32_t
plain_letter(uint32_t cp)
{
	if (cp >= 0xff01 && cp <= 0xff5e)
		return cp - 0xff01 + '!';
	if (cp >= 0x1d400 && cp <= 0x1d6a3) {
		cp = (cp - 0x1d400) % 52;
		return cp < 26 ? 'A' + cp : 'a' + cp - 26;
	}
	return cp;
}

void
junk_text_plain(struct sv text, bool fold, struct buf *out)
{
	bool blank = true;
	/* Nothing becomes longer. */
	char *to = text.n > 0 ? buf_reserve(out, text.n) : NULL;
	size_t n = 0;

	if (to == NULL)
		return;
	while (text.n > 0) {
		const char *from = text.p;
		uint32_t cp = (unsigned char)text.p[0];

		if (cp < 0x80)
			text = sv_skip(text, 1);
		else if (utf8_next(&text, &cp) != RC_OK || has_no_width(cp))
			continue;
		if (is_blank(cp)) {
			if (!blank)
				to[n++] = ' ';
			blank = true;
			continue;
		}
		blank = false;
		cp = plain_letter(cp);
		if (cp < 0x80)
			to[n++] = fold ? ascii_lower((char)cp) : (char)cp;
		else
			while (from < text.p)
				to[n++] = *from++;
	}
	buf_added(out, n);
}

void
junk_text_links(struct sv text, struct buf *out)
{
	size_t at;
	unsigned n = 0;

	while (n++ < LINKS_MAX && (at = sv_find(text, SV("://"))) < text.n) {
		text = sv_skip(text, at + 3);
		for (at = 0; at < text.n && at < 255; at++) {
			char c = text.p[at];

			if (!ascii_is_alnum(c) && c != '.' && c != '-' &&
			    c != '@' && c != '%' && (unsigned char)c < 0x80)
				break;
			buf_addc(out, ascii_lower(c));
		}
		buf_addc(out, '\n');
	}
}

static void
script_of(uint32_t cp, uint32_t *count)
{
	static const uint32_t from[] = {0x80, 0x250, 0x370, 0x400, 0x530, 0x590,
	    0x600, 0x700, 0x2e80, 0xac00, 0xd7b0, 0x1f000};
	unsigned i = 0;

	while (i < sizeof(from) / sizeof(from[0]) && cp >= from[i])
		i++;
	count[i]++;
}

static unsigned
tenths(size_t part, size_t of)
{
	return of == 0 ? 0 : (unsigned)(part * 10 / of);
}

/* How long, in which script, how much of it shouted. */
void
junk_text_shape(struct sink *k, struct sv text, const char *of)
{
	uint32_t script[13] = {0}, i;
	size_t upper = 0, letters = 0, digits = 0, n = 0;
	struct sv s = sv_first(text, 16384);

	junk_putf(k, JUNK_SHAPE, "%s length %d", of,
	    text.n > 0 ? 64 - __builtin_clzll(text.n) : 0);
	while (s.n > 0) {
		uint32_t cp = (unsigned char)s.p[0];

		if (cp < 0x80)
			s = sv_skip(s, 1);
		else if (utf8_next(&s, &cp) != RC_OK)
			continue;
		n++;
		script_of(cp, script);
		if (cp < 0x80) {
			upper += ascii_is_upper((char)cp);
			letters += ascii_is_alpha((char)cp);
			digits += ascii_is_digit((char)cp);
		}
	}
	junk_putf(k, JUNK_SHAPE, "%s capitals %u", of, tenths(upper, letters));
	junk_putf(k, JUNK_SHAPE, "%s digits %u", of, tenths(digits, n));
	for (i = 1; i < 13; i++)
		if (script[i] > 0)
			junk_putf(k, JUNK_SHAPE, "%s script %u %u", of, i,
			    tenths(script[i], n));
}
