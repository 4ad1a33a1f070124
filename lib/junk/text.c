/* Words, pairs of words and runs of four bytes of plain text. */
#include <endian.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "junk/feature_priv.h"

#define WORD_MAX      40
#define LONG_START    6 /* of a longer one */
#define GRAMS_AT_ONCE 256
#define LINKS_MAX     100
#define GRAM_OF	      4 /* one of so many is taken */

/* What a byte is in a text. */
enum {
	IS_NONE,
	IS_WORD,
	IS_MARK
};

static const uint8_t class_of[256] = {
    ['0' ... '9'] = IS_WORD,
    ['A' ... 'Z'] = IS_WORD,
    ['a' ... 'z'] = IS_WORD,
    [0x80 ... 0xff] = IS_WORD,
    ['$'] = IS_WORD,
    ['%'] = IS_WORD,
    ['\''] = IS_WORD,
    ['-'] = IS_WORD,
    ['_'] = IS_WORD,
    ['@'] = IS_WORD,
    ['!'] = IS_MARK,
    ['?'] = IS_MARK,
    ['*'] = IS_MARK,
    ['#'] = IS_MARK,
    ['>'] = IS_MARK,
    ['='] = IS_MARK,
    ['~'] = IS_MARK,
    ['|'] = IS_MARK,
};

/* clang-format off */
#define EIGHT(c) c, c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7
#define ALL(c)	 EIGHT(c), EIGHT(c + 8), EIGHT(c + 16), EIGHT(c + 24)
#define CAPS(c)	 c, EIGHT(c + 33), EIGHT(c + 41), EIGHT(c + 49), c + 57, \
		 c + 58, c + 27, c + 28, c + 29, c + 30, c + 31
/* Without case. */
static const uint8_t lower[256] = {
    ALL(0), ALL(32), CAPS(64), ALL(96), ALL(128), ALL(160), ALL(192), ALL(224),
};
/* clang-format on */

/*
 * The next word, a run of bytes of one class, and its hash behind `seed`; false
 * at the end.  Of a long one only the start counts: what was made at random is
 * one word.
 */
static inline bool
next_word(struct sv *text, uint32_t seed, struct sv *word, uint32_t *hash)
{
	const unsigned char *p = (const unsigned char *)text->p, *from;
	const unsigned char *end = p + text->n;
	uint32_t h = seed;
	uint8_t class;

	while (p < end && class_of[*p] == IS_NONE)
		p++;
	if (p == end)
		return false;
	from = p;
	class = class_of[*p];
	for (; p < end && class_of[*p] == class; p++)
		h = junk_hash_byte(h, (char)lower[*p]);
	*word = sv_of(from, (size_t)(p - from));
	*text = sv_of(p, (size_t)(end - p));
	if (word->n > WORD_MAX) {
		word->n = LONG_START;
		for (h = seed, p = from; p < from + LONG_START; p++)
			h = junk_hash_byte(h, (char)lower[*p]);
	}
	*hash = h;
	return true;
}

/* The name has its prefix. */
static void
put_with(struct sink *k, enum junk_kind kind, uint32_t hash, struct sv prefix,
    struct sv word)
{
	struct buf name;

	buf_init(&name, 1024);
	buf_addsv(&name, prefix);
	buf_addc(&name, ' ');
	buf_addsv(&name, word);
	junk_put_hash(k, kind, hash, buf_sv(&name));
	buf_fini(&name);
}

void
junk_text_words(
    struct sink *k, enum junk_kind kind, struct sv text, struct sv prefix)
{
	uint32_t seed = JUNK_HASH_0, h;
	struct sv w;

	if (prefix.n > 0)
		seed = junk_hash_byte(junk_hash(seed, prefix), ' ');
	while (!junk_is_full(k, kind) && next_word(&text, seed, &w, &h))
		if (prefix.n > 0 && k->fn != NULL)
			put_with(k, kind, h, prefix, w);
		else
			junk_put_hash(k, kind, h, w);
}

void
junk_text_said(struct sink *k, struct sv text)
{
	/* The two words before, the nearer one first. */
	uint32_t h, hash1 = 0, hash2 = 0;
	const char *start1 = NULL, *start2 = NULL;
	struct sv w;

	while (next_word(&text, JUNK_HASH_0, &w, &h)) {
		const char *end = w.p + w.n;

		junk_put_hash(k, JUNK_WORD, h, w);
		/* A pair's name is the whole stretch of text. */
		if (start1 != NULL)
			junk_put_hash(k, JUNK_PAIR, junk_pair_hash(hash1, h, 1),
			    sv_of(start1, (size_t)(end - start1)));
		if (start2 != NULL)
			junk_put_hash(k, JUNK_PAIR, junk_pair_hash(hash2, h, 2),
			    sv_of(start2, (size_t)(end - start2)));
		hash2 = hash1;
		start2 = start1;
		hash1 = h;
		start1 = w.p;
	}
}

/*
 * Runs of four bytes, of which a quarter is taken, by what they are and not by
 * where they are: so the same ones of every message.
 */
void
junk_text_grams(struct sink *k, struct sv text)
{
	uint32_t some[GRAMS_AT_ONCE], at[GRAMS_AT_ONCE], n = 0, h;
	size_t from, i, end;

	/* First which, without a branch that nobody can foresee. */
	for (from = 0; from + 4 <= text.n; from = end, n = 0) {
		end = from + GRAMS_AT_ONCE;
		if (end > text.n - 3)
			end = text.n - 3;
		for (i = from; i < end; i++) {
			memcpy(&h, text.p + i, 4);
			some[n] = h;
			at[n] = (uint32_t)i;
			n += h * 0x9e3779b1U < UINT32_MAX / GRAM_OF;
		}
		for (i = 0; i < n; i++)
			junk_put_hash(
			    k, JUNK_GRAM, some[i], sv_of(text.p + at[i], 4));
	}
}

/* Soft hyphens, joiners, fillers, marks of direction, variants and tags, the
 * byte order mark; lines through and below letters. */
static bool
has_no_width(uint32_t cp)
{
	static const struct {
		uint32_t from, to;
	} row[] = {{0xad, 0xad}, {0x305, 0x305}, {0x332, 0x338}, {0x33f, 0x33f},
	    {0x34f, 0x34f}, {0x35c, 0x362}, {0x61c, 0x61c}, {0x115f, 0x1160},
	    {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	    {0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20f0},
	    {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
	    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a},
	    {0xe0000, 0xe0fff}};
	size_t i = 0;

	while (i < sizeof row / sizeof *row && cp > row[i].to)
		i++;
	return i < sizeof row / sizeof *row && cp >= row[i].from;
}

static bool
is_blank(uint32_t cp)
{
	return cp <= ' ' || (cp >= 0x7f && cp <= 0xa0) || cp == 0x1680 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
	       cp == 0x202f || cp == 0x205f || cp == 0x3000 || cp == 0x2800;
}

/* Letters that are written wide, in a mathematical alphabet, in circles or
 * squares are the plain ones. */
static uint32_t
plain_letter(uint32_t cp)
{
	/* Those that the mathematical alphabets lack, from 0x2102 on. */
	static const char letterlike[] =
	    "C.......gHHHhhIILl.N...PQRRR......Z...Z.K.BC.eEF.Mo";

	if (cp >= 0x2102 && cp < 0x2102 + sizeof letterlike - 1 &&
	    letterlike[cp - 0x2102] != '.')
		return (uint32_t)letterlike[cp - 0x2102];
	if (cp >= 0x249c && cp <= 0x24b5)
		return cp - 0x249c + 'a';
	if (cp >= 0x24b6 && cp <= 0x24cf)
		return cp - 0x24b6 + 'A';
	if (cp >= 0x24d0 && cp <= 0x24e9)
		return cp - 0x24d0 + 'a';
	if (cp >= 0xff01 && cp <= 0xff5e)
		return cp - 0xff01 + '!';
	if (cp >= 0x1d400 && cp <= 0x1d6a3) {
		cp = (cp - 0x1d400) % 52;
		return cp < 26 ? 'A' + cp : 'a' + cp - 26;
	}
	if (cp >= 0x1d7ce && cp <= 0x1d7ff)
		return (cp - 0x1d7ce) % 10 + '0';
	if (cp >= 0x1f110 && cp <= 0x1f189 && (cp - 0x1f110) % 32 < 26)
		return (cp - 0x1f110) % 32 + 'A';
	return cp;
}

/* clang-format off */
/* ASCII, of which controls are blanks. */
static const char shown_as[0x80] = {
    [0 ... 31] = ' ', EIGHT(' '), EIGHT('('), EIGHT('0'), EIGHT('8'),
    EIGHT('@'), EIGHT('H'), EIGHT('P'), EIGHT('X'),
    EIGHT('`'), EIGHT('h'), EIGHT('p'), 'x', 'y', 'z', '{', '|', '}', '~', ' ',
};
/* clang-format on */

/* Of eight bytes at once. */
#define ALL_8(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Are the next eight bytes as they should be: ASCII without controls, and no
 * blank behind a blank?  Then *blank is told of the last of them.
 */
static inline bool
is_plain(const char *p, unsigned *blank)
{
	uint64_t x, other, blanks;

	memcpy(&x, p, sizeof x);
	x = le64toh(x);
	/* Above, 0x7f, below a blank. */
	if (((x | (x + ALL_8(1)) | (x - ALL_8(' '))) & ALL_8(0x80)) != 0)
		return false;
	other = x ^ ALL_8(' ');
	blanks = ~(other + ALL_8(0x7f)) & ALL_8(0x80);
	if ((blanks & (blanks << 8 | (uint64_t)*blank << 7)) != 0)
		return false;
	*blank = (unsigned)(blanks >> 63);
	return true;
}

void
junk_text_plain(struct sv text, struct buf *out)
{
	/* Nothing becomes longer. */
	char *to = text.n > 0 ? buf_reserve(out, text.n) : NULL;
	const char *end = text.p + text.n, *p = text.p;
	unsigned blank = 1, i;
	size_t n = 0;

	if (to == NULL)
		return;
	while (p < end) {
		struct sv rest, from;
		uint32_t cp;

		for (; end - p >= 8 && is_plain(p, &blank); p += 8, n += 8)
			memcpy(to + n, p, 8);
		/* Without branches: blanks come when nobody expects them. */
		for (i = 0; i < 8 && p < end && (unsigned char)*p < 0x80;
		     i++, p++) {
			char c = shown_as[(unsigned char)*p];
			unsigned is = c == ' ';

			to[n] = c;
			n += 1 - (is & blank);
			blank = is;
		}
		if (p == end || (unsigned char)*p < 0x80)
			continue;
		from = rest = sv_of(p, (size_t)(end - p));
		if (utf8_next(&rest, &cp) == RC_OK && !has_no_width(cp)) {
			if (is_blank(cp)) {
				if (!blank)
					to[n++] = ' ';
				blank = 1;
			} else if ((cp = plain_letter(cp)) < 0x80) {
				to[n++] = (char)cp;
				blank = 0;
			} else {
				for (; from.p < rest.p; from.p++)
					to[n++] = *from.p;
				blank = 0;
			}
		}
		p = rest.p;
	}
	buf_added(out, n);
}

/* A byte that may be in the name of a host. */
static bool
is_host_byte(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '-' || c == '@' ||
	       c == '%' || (unsigned char)c >= 0x80;
}

void
junk_text_links(struct sv text, struct buf *out)
{
	const char *p = text.p, *end = text.p + text.n;
	unsigned n = 0, i;

	while (n < LINKS_MAX && p < end &&
	       (p = memchr(p, ':', (size_t)(end - p))) != NULL) {
		char host[256];

		p++;
		if (end - p < 3 || p[0] != '/' || p[1] != '/')
			continue;
		p += 2;
		for (i = 0; i < 255 && p < end && is_host_byte(*p); i++)
			host[i] = ascii_lower(*p++);
		host[i++] = '\n';
		buf_add(out, host, i);
		n++;
	}
}

/* ---- shapes ---- */

#define SCRIPTS 13

static unsigned
script_of(uint32_t cp)
{
	static const uint32_t from[SCRIPTS - 1] = {0x80, 0x250, 0x370, 0x400,
	    0x530, 0x590, 0x600, 0x700, 0x2e80, 0xac00, 0xd7b0, 0x1f000};
	unsigned i = 0;

	while (i < SCRIPTS - 1 && cp >= from[i])
		i++;
	return i;
}

static unsigned
tenths(size_t part, size_t of)
{
	return of == 0 ? 0 : (unsigned)(part * 10 / of);
}

unsigned
junk_log2(size_t n)
{
	return n > 0 ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

static void
put_share(struct sink *k, struct sv of, struct sv what, unsigned n)
{
	char name[32];
	size_t i = 0;

	must(of.n + what.n < sizeof name);
	memcpy(name, of.p, of.n);
	i = of.n;
	memcpy(name + i, what.p, what.n);
	junk_put_number(k, JUNK_SHAPE, sv_of(name, i + what.n), n);
}

/* Of the bytes of ASCII, in one number. */
#define ONE_UPPER (1ULL << 42)
#define ONE_LOWER (1ULL << 21)
#define ONE_DIGIT 1ULL
#define ONES	  0x1fffffU

static const uint64_t ascii_ones[0x80] = {
    ['A' ... 'Z'] = ONE_UPPER,
    ['a' ... 'z'] = ONE_LOWER,
    ['0' ... '9'] = ONE_DIGIT,
};

static void
put_scripts(
    struct sink *k, struct sv of, const size_t script[SCRIPTS], size_t n)
{
	static const struct sv name[SCRIPTS] = {SV(""), SV(" script 1"),
	    SV(" script 2"), SV(" script 3"), SV(" script 4"), SV(" script 5"),
	    SV(" script 6"), SV(" script 7"), SV(" script 8"), SV(" script 9"),
	    SV(" script 10"), SV(" script 11"), SV(" script 12")};
	unsigned i;

	for (i = 1; i < SCRIPTS; i++)
		if (script[i] > 0)
			put_share(k, of, name[i], tenths(script[i], n));
}

void
junk_text_shape(struct sink *k, struct sv text, struct sv of)
{
	struct sv s = sv_first(text, ONES);
	const char *p = s.p, *end = s.p + s.n;
	size_t script[SCRIPTS] = {0}, n = 0;
	uint64_t ones = 0, upper, small;

	for (; p < end; n++) {
		const char *from = p;
		struct sv rest;
		uint32_t cp;

		for (; p < end && (unsigned char)*p < 0x80; p++)
			ones += ascii_ones[(unsigned char)*p];
		n += (size_t)(p - from);
		if (p == end)
			break;
		rest = sv_of(p, (size_t)(end - p));
		if (utf8_next(&rest, &cp) == RC_OK)
			script[script_of(cp)]++;
		p = rest.p;
	}
	upper = ones / ONE_UPPER;
	small = ones / ONE_LOWER & ONES;
	put_share(k, of, SV(" capitals"), tenths(upper, upper + small));
	put_share(k, of, SV(" digits"), tenths(ones & ONES, n));
	put_scripts(k, of, script, n);
}
