/*
 * Character sets to UTF-8.
 *
 * glibc's iconv loads a module from the disk for most charsets, which the
 * sandbox forbids.  So there is a fixed list, and mime_charset_setup() opens
 * one converter of each before the walls go up.  A converter has a state and
 * is used by one thread at a time, under its lock; this is the one global of
 * the library, written once at the start of a process.
 *
 * Without mime_charset_setup() the converters are opened when first used.
 */
#include <errno.h>
#include <iconv.h>
#include <pthread.h>

#include "base/ascii.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "mime/mime_priv.h"

struct charset {
	const char *iconv;   /* NULL: built in */
	const char *names;   /* lower case, separated by spaces */
	const char *unnamed; /* of bodies whose charset nobody knows */
	enum {
		ASCII,
		UTF8,
		CP1252,
		TABLE, /* one byte a character: a table made from iconv's */
		ICONV
	} how;
	bool opened;
	uint16_t *high; /* TABLE: of the bytes 128 to 255 */
	iconv_t cd;
	pthread_mutex_t lock;
};

#define C(ic, names_)                                                          \
	{                                                                      \
		.iconv = ic, .names = names_, .how = ICONV, .cd = (iconv_t)-1, \
		.lock = PTHREAD_MUTEX_INITIALIZER                              \
	}

/*
 * Each module of iconv that stays loaded costs its process two pages of its
 * own.  The charsets of one byte a character are asked once for all their
 * characters and given back.  (Windows-1255 and 1258 combine characters and so
 * need the real converter.)
 */
#define S(ic, names_)                                                          \
	{                                                                      \
		.iconv = ic, .names = names_, .how = TABLE, .cd = (iconv_t)-1, \
		.lock = PTHREAD_MUTEX_INITIALIZER                              \
	}

/* As in browsers, Latin-1 is read as windows-1252, of which it is a part but
 * for control characters that no text has; and so on for GBK, CP949. */
static struct charset charsets[] = {
    {.names = "us-ascii ascii ansi_x3.4-1968 iso646-us us 646",
	.unnamed = "unknown-8bit unknown x-unknown default 7bit 8bit",
	.how = ASCII},
    {.names = "utf-8 utf8 unicode-1-1-utf-8 cp65001", .how = UTF8},
    {.names = "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso_8859-1 "
	      "latin1 l1 ansi x-ansi iso-ir-100 cp819",
	.how = CP1252},
    S("ISO-8859-2", "iso-8859-2 iso8859-2 iso_8859-2 latin2 l2"),
    S("ISO-8859-3", "iso-8859-3 iso8859-3 latin3"),
    S("ISO-8859-4", "iso-8859-4 iso8859-4 latin4"),
    S("ISO-8859-5", "iso-8859-5 iso8859-5 cyrillic"),
    S("ISO-8859-6", "iso-8859-6 iso8859-6 iso-8859-6-i iso-8859-6-e arabic"),
    S("ISO-8859-7", "iso-8859-7 iso8859-7 greek greek8 elot_928"),
    S("ISO-8859-8", "iso-8859-8 iso8859-8 iso-8859-8-i iso-8859-8-e hebrew"),
    S("WINDOWS-1254", "windows-1254 cp1254 iso-8859-9 iso8859-9 latin5 l5"),
    S("ISO-8859-10", "iso-8859-10 latin6"),
    S("ISO-8859-13", "iso-8859-13"),
    S("ISO-8859-14", "iso-8859-14"),
    S("ISO-8859-15", "iso-8859-15 iso8859-15 latin9 latin-9"),
    S("ISO-8859-16", "iso-8859-16"),
    S("WINDOWS-1250", "windows-1250 cp1250 x-cp1250"),
    S("WINDOWS-1251", "windows-1251 cp1251 x-cp1251"),
    S("WINDOWS-1253", "windows-1253 cp1253"),
    C("WINDOWS-1255", "windows-1255 cp1255"),
    S("WINDOWS-1256", "windows-1256 cp1256"),
    S("WINDOWS-1257", "windows-1257 cp1257"),
    C("WINDOWS-1258", "windows-1258 cp1258"),
    S("KOI8-R", "koi8-r koi koi8 cskoi8r"),
    S("KOI8-U", "koi8-u koi8-ru"),
    S("IBM866", "ibm866 cp866 866"),
    S("CP850", "cp850 ibm850 850"),
    S("CP437", "cp437 ibm437 437"),
    S("MACINTOSH", "macintosh mac x-mac-roman"),
    C("ISO-2022-JP-3", "iso-2022-jp csiso2022jp iso-2022-jp-1 iso-2022-jp-3"),
    C("CP932", "shift_jis shift-jis sjis x-sjis ms_kanji cp932 windows-31j"),
    C("EUC-JP", "euc-jp x-euc-jp eucjp"),
    C("GB18030",
	"gb18030 gb2312 gbk gb_2312-80 cp936 windows-936 euc-cn x-gbk cngb"),
    C("BIG5-HKSCS", "big5 big5-hkscs cn-big5 x-x-big5 cp950"),
    C("CP949", "ks_c_5601-1987 euc-kr euckr cp949 uhc ks_c_5601 ksc5601 "
	       "ks_c_5601-1989 windows-949 korean"),
    C("ISO-2022-KR", "iso-2022-kr csiso2022kr"),
    S("TIS-620", "tis-620 tis620 windows-874 cp874 iso-8859-11"),
    C("UTF-7", "utf-7 unicode-1-1-utf-7"),
    C("UTF-16", "utf-16 utf16 unicode ucs-2"),
    C("UTF-16LE", "utf-16le"),
    C("UTF-16BE", "utf-16be"),
};
#undef C

#define NCHARSETS (sizeof charsets / sizeof charsets[0])

static bool
has_name(const char *list, struct sv name)
{
	struct sv names = sv_str(list);

	while (names.n > 0)
		if (sv_ieq(sv_split(&names, ' '), name))
			return true;
	return false;
}

static struct charset *
find(struct sv name)
{
	size_t i;

	name = sv_trim(name);
	for (i = 0; i < NCHARSETS; i++)
		if (has_name(charsets[i].names, name) ||
		    has_name(charsets[i].unnamed, name))
			return &charsets[i];
	return NULL;
}

/* What a byte of 128 and above means by itself, 0xfffd: nothing. */
static uint16_t
ask_iconv(iconv_t cd, unsigned char byte)
{
	char in[1] = {(char)byte}, out[8];
	char *ip = in, *op = out;
	size_t in_left = 1, out_left = sizeof out;
	struct sv got;
	uint32_t cp;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &ip, &in_left, &op, &out_left) == (size_t)-1)
		return 0xfffd;
	got = sv_of(out, sizeof out - out_left);
	return utf8_next(&got, &cp) == RC_OK && cp <= 0xffff ? (uint16_t)cp
							     : 0xfffd;
}

static void
make_table(struct charset *c)
{
	iconv_t cd = iconv_open("UTF-8", c->iconv);
	unsigned i;

	c->high = xcalloc(128, sizeof *c->high);
	for (i = 0; i < 128; i++)
		c->high[i] = cd != (iconv_t)-1
				 ? ask_iconv(cd, (unsigned char)(128 + i))
				 : 0xfffd;
	if (cd != (iconv_t)-1)
		(void)iconv_close(cd);
}

static void
open_converter(struct charset *c)
{
	if (c->opened)
		return;
	if (c->how == TABLE)
		make_table(c);
	else
		c->cd = iconv_open("UTF-8", c->iconv);
	c->opened = true;
}

void
mime_charset_setup(void)
{
	size_t i;

	/* Tables first: glibc unloads a module some closes later. */
	for (i = 0; i < 2 * NCHARSETS; i++) {
		struct charset *c = &charsets[i % NCHARSETS];

		if (c->how != (i < NCHARSETS ? TABLE : ICONV))
			continue;
		pthread_mutex_lock(&c->lock);
		open_converter(c);
		pthread_mutex_unlock(&c->lock);
	}
}

bool
mime_charset_known(struct sv charset)
{
	struct charset *c = find(charset);

	return c != NULL && has_name(c->names, sv_trim(charset));
}

/* ---- built in ---- */

static size_t
ascii_run(struct sv s)
{
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		uint64_t w;

		memcpy(&w, s.p + i, 8);
		if (w & 0x8080808080808080u)
			break;
	}
	while (i < s.n && !((unsigned char)s.p[i] & 0x80))
		i++;
	return i;
}

/* Every byte above 127 becomes what map says. */
static void
convert_bytes(struct sv s, uint32_t (*map)(unsigned char), struct buf *out)
{
	while (s.n > 0) {
		size_t i = ascii_run(s);

		buf_add(out, s.p, i);
		s = sv_skip(s, i);
		for (i = 0; i < s.n && (unsigned char)s.p[i] & 0x80; i++)
			utf8_put(out, map((unsigned char)s.p[i]));
		s = sv_skip(s, i);
	}
}

static void
convert_table(struct sv s, const uint16_t high[128], struct buf *out)
{
	while (s.n > 0) {
		size_t i = ascii_run(s);

		buf_add(out, s.p, i);
		s = sv_skip(s, i);
		for (i = 0; i < s.n && (unsigned char)s.p[i] & 0x80; i++)
			utf8_put(out, high[(unsigned char)s.p[i] & 0x7f]);
		s = sv_skip(s, i);
	}
}

static uint32_t
map_cp1252(unsigned char c)
{
	static const uint16_t high[32] = {0x20ac, 0x81, 0x201a, 0x192, 0x201e,
	    0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d,
	    0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013,
	    0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178};

	return c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c;
}

static uint32_t
map_unknown(unsigned char c)
{
	(void)c;
	return 0xfffd;
}

/* What claims to be ASCII and is not: UTF-8 if it can be. */
static void
convert_ascii(struct sv s, struct buf *out)
{
	if (ascii_run(s) == s.n || utf8_valid(s))
		buf_addsv(out, s);
	else
		convert_bytes(s, map_cp1252, out);
}

static void
convert_utf8(struct sv s, struct buf *out)
{
	if (ascii_run(s) == s.n || utf8_valid(s))
		buf_addsv(out, s);
	else
		utf8_repair(out, s);
}

/* ---- iconv ---- */

/* Bytes that mean nothing become U+FFFD, one each. */
static void
convert_iconv(struct charset *c, struct sv s, struct buf *out)
{
	char chunk[8192];
	char *in;
	size_t left = s.n;

	memcpy(&in, &s.p, sizeof in); /* iconv does not write there */
	(void)iconv(c->cd, NULL, NULL, NULL, NULL);
	while (left > 0 && buf_ok(out)) {
		char *q = chunk;
		size_t room = sizeof chunk;
		size_t r = iconv(c->cd, &in, &left, &q, &room);
		int e = errno;

		buf_add(out, chunk, sizeof chunk - room);
		if (r != (size_t)-1)
			break;
		if (e == E2BIG)
			continue;
		utf8_put(out, 0xfffd);
		if (e != EILSEQ || left == 0)
			break; /* cut in the middle of a character */
		in++;
		left--;
	}
}

void
mime_to_utf8(struct sv charset, struct sv in, struct buf *out)
{
	struct charset *c = find(charset);

	if (in.n == 0)
		return;
	if (c == NULL) {
		convert_bytes(in, map_unknown, out);
		return;
	}
	switch (c->how) {
	case ASCII:
		convert_ascii(in, out);
		return;
	case UTF8:
		convert_utf8(in, out);
		return;
	case CP1252:
		convert_bytes(in, map_cp1252, out);
		return;
	case TABLE:
		pthread_mutex_lock(&c->lock);
		open_converter(c);
		pthread_mutex_unlock(&c->lock);
		convert_table(in, c->high, out);
		return;
	case ICONV:
		break;
	}
	pthread_mutex_lock(&c->lock);
	open_converter(c);
	if (c->cd != (iconv_t)-1)
		convert_iconv(c, in, out);
	else
		convert_bytes(in, map_unknown, out);
	pthread_mutex_unlock(&c->lock);
}
