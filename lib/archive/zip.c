#include "archive/zip.h"

#include <time.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/utf8.h"

/* Numbers have their lowest byte first. */
static uint64_t
le(struct sv s, size_t at, unsigned bytes)
{
	uint64_t v = 0;
	unsigned i;

	for (i = bytes; i-- > 0;)
		v = v << 8 | (at + i < s.n ? (unsigned char)s.p[at + i] : 0);
	return v;
}

static uint32_t
le32(struct sv s, size_t at)
{
	return (uint32_t)le(s, at, 4);
}

static uint32_t
le16(struct sv s, size_t at)
{
	return (uint32_t)le(s, at, 2);
}

/* ---- the end ---- */

/* [APPNOTE 4.3.15]: right before it, where there is one. */
static void
find_locator(struct sv tail, size_t i, struct zip_end *e)
{
	struct sv s = sv_skip(tail, i - 20);

	if (i < 20 || !sv_starts(s, SV("PK\x06\x07")))
		return;
	e->large = true;
	e->large_at = le(s, 8, 8);
}

int
zip_end_find(struct sv tail, uint64_t at, struct zip_end *out)
{
	struct zip_end e = {.large = false};
	size_t i;

	if (tail.n < 22)
		return RC_NOTFOUND;
	for (i = tail.n - 21; i-- > 0;) {
		struct sv s = sv_skip(tail, i);

		if (!sv_starts(s, SV("PK\x05\x06")) || le16(s, 20) > s.n - 22)
			continue;
		e.several = le16(s, 4) != le16(s, 6) ||
			    (le16(s, 4) != 0 && le16(s, 4) != 0xffff);
		e.count = le16(s, 10);
		e.size = le32(s, 12);
		e.at = le32(s, 16);
		e.where = at + i;
		find_locator(tail, i, &e);
		*out = e;
		return RC_OK;
	}
	return RC_NOTFOUND;
}

int
zip_end64_parse(struct sv s, struct zip_end *io)
{
	if (s.n < ZIP_END64 || !sv_starts(s, SV("PK\x06\x06")))
		return RC_SYNTAX;
	io->count = le(s, 32, 8);
	io->size = le(s, 40, 8);
	io->at = le(s, 48, 8);
	return RC_OK;
}

/* ---- entries ---- */

/* [APPNOTE 4.5.3]: only what did not fit above is there, in this order. */
static void
take_large(struct sv s, struct zip_entry *e)
{
	size_t at = 0;

	if (e->size == UINT32_MAX && at + 8 <= s.n) {
		e->size = le(s, at, 8);
		at += 8;
	}
	if (e->packed == UINT32_MAX && at + 8 <= s.n) {
		e->packed = le(s, at, 8);
		at += 8;
	}
	if (e->at == UINT32_MAX && at + 8 <= s.n)
		e->at = le(s, at, 8);
}

static void
take_extra(struct sv s, struct zip_entry *e)
{
	while (s.n >= 4) {
		uint32_t id = le16(s, 0), n = le16(s, 2);
		struct sv v = sv_first(sv_skip(s, 4), n);

		s = sv_skip(s, 4 + (size_t)n);
		if (v.n < n)
			return;
		if (id == 0x0001) {
			take_large(v, e);
		} else if (id == 0x5455 && n >= 5 && (v.p[0] & 1) != 0) {
			/* Seconds, with a sign. */
			e->mtime = (int32_t)le32(v, 1);
		} else if (id == 0x7075 && n > 5 && v.p[0] == 1 &&
			   le32(v, 1) == crc32(0, (const Bytef *)e->name.p,
					     (uInt)e->name.n)) {
			/* Of this name, and not of one that was changed by a
			 * program that did not know of it. */
			e->unicode = sv_skip(v, 5);
		} else if (id == 0x9901) {
			e->encrypted = true;
		}
	}
}

/* Local time, of a place that it does not say: better than the day on which
 * it is read. */
static int64_t
dos_time(uint32_t day, uint32_t time)
{
	struct tm t = {.tm_year = (int)(day >> 9) + 80,
	    .tm_mon = (int)(day >> 5 & 15) - 1,
	    .tm_mday = (int)(day & 31),
	    .tm_hour = (int)(time >> 11),
	    .tm_min = (int)(time >> 5 & 63),
	    .tm_sec = (int)(time & 31) * 2};

	return t.tm_mon < 0 || t.tm_mday == 0 ? 0 : (int64_t)timegm(&t);
}

int
zip_entry_take(struct sv *rest, struct zip_entry *out)
{
	struct zip_entry e = {.method = 0};
	struct sv s = *rest;
	uint32_t host, name, extra, comment, flags, mode;

	if (s.n >= 4 && !sv_starts(s, SV("PK\x01\x02")))
		return RC_SYNTAX;
	if (s.n < 46)
		return RC_MORE;
	name = le16(s, 28);
	extra = le16(s, 30);
	comment = le16(s, 32);
	if (s.n - 46 < (size_t)name + extra + comment)
		return RC_MORE;
	host = (unsigned char)s.p[5];
	flags = le16(s, 8);
	mode = le32(s, 38) >> 16;
	e.method = le16(s, 10);
	e.mtime = dos_time(le16(s, 14), le16(s, 12));
	e.crc = le32(s, 16);
	e.packed = le32(s, 20);
	e.size = le32(s, 24);
	e.at = le32(s, 42);
	e.name = sv_first(sv_skip(s, 46), name);
	e.utf8 = (flags & 1u << 11) != 0;
	e.encrypted = (flags & 1u) != 0;
	/* Unix and macOS have their modes there. */
	e.symlink = (host == 3 || host == 19) && (mode & 0170000) == 0120000;
	e.dos = host == 0 || host == 10 || host == 11 || host == 14;
	take_extra(sv_first(sv_skip(s, 46 + (size_t)name), extra), &e);
	*rest = sv_skip(s, 46 + (size_t)name + extra + comment);
	*out = e;
	return RC_OK;
}

int
zip_local_size(struct sv s, uint64_t *out)
{
	if (s.n < ZIP_LOCAL || !sv_starts(s, SV("PK\x03\x04")))
		return RC_SYNTAX;
	*out = ZIP_LOCAL + (uint64_t)le16(s, 26) + le16(s, 28);
	return RC_OK;
}

int
zip_local_parse(struct sv s, struct zip_entry *out, bool *streamed_out)
{
	struct zip_entry e = {.method = 0};
	uint32_t flags = le16(s, 6), name = le16(s, 26);

	if (s.n < ZIP_LOCAL + name || !sv_starts(s, SV("PK\x03\x04")))
		return RC_SYNTAX;
	e.method = le16(s, 8);
	e.mtime = dos_time(le16(s, 12), le16(s, 10));
	e.crc = le32(s, 14);
	e.packed = le32(s, 18);
	e.size = le32(s, 22);
	e.name = sv_first(sv_skip(s, ZIP_LOCAL), name);
	e.utf8 = (flags & 1u << 11) != 0;
	e.encrypted = (flags & 1u) != 0;
	take_extra(sv_skip(s, ZIP_LOCAL + (size_t)name), &e);
	*streamed_out = (flags & 1u << 3) != 0;
	*out = e;
	return RC_OK;
}

/* ---- names ---- */

static const uint16_t page_437[128] = {
    0x00c7,
    0x00fc,
    0x00e9,
    0x00e2,
    0x00e4,
    0x00e0,
    0x00e5,
    0x00e7,
    0x00ea,
    0x00eb,
    0x00e8,
    0x00ef,
    0x00ee,
    0x00ec,
    0x00c4,
    0x00c5,
    0x00c9,
    0x00e6,
    0x00c6,
    0x00f4,
    0x00f6,
    0x00f2,
    0x00fb,
    0x00f9,
    0x00ff,
    0x00d6,
    0x00dc,
    0x00a2,
    0x00a3,
    0x00a5,
    0x20a7,
    0x0192,
    0x00e1,
    0x00ed,
    0x00f3,
    0x00fa,
    0x00f1,
    0x00d1,
    0x00aa,
    0x00ba,
    0x00bf,
    0x2310,
    0x00ac,
    0x00bd,
    0x00bc,
    0x00a1,
    0x00ab,
    0x00bb,
    0x2591,
    0x2592,
    0x2593,
    0x2502,
    0x2524,
    0x2561,
    0x2562,
    0x2556,
    0x2555,
    0x2563,
    0x2551,
    0x2557,
    0x255d,
    0x255c,
    0x255b,
    0x2510,
    0x2514,
    0x2534,
    0x252c,
    0x251c,
    0x2500,
    0x253c,
    0x255e,
    0x255f,
    0x255a,
    0x2554,
    0x2569,
    0x2566,
    0x2560,
    0x2550,
    0x256c,
    0x2567,
    0x2568,
    0x2564,
    0x2565,
    0x2559,
    0x2558,
    0x2552,
    0x2553,
    0x256b,
    0x256a,
    0x2518,
    0x250c,
    0x2588,
    0x2584,
    0x258c,
    0x2590,
    0x2580,
    0x03b1,
    0x00df,
    0x0393,
    0x03c0,
    0x03a3,
    0x03c3,
    0x00b5,
    0x03c4,
    0x03a6,
    0x0398,
    0x03a9,
    0x03b4,
    0x221e,
    0x03c6,
    0x03b5,
    0x2229,
    0x2261,
    0x00b1,
    0x2265,
    0x2264,
    0x2320,
    0x2321,
    0x00f7,
    0x2248,
    0x00b0,
    0x2219,
    0x00b7,
    0x221a,
    0x207f,
    0x00b2,
    0x25a0,
    0x00a0,
};

void
zip_from_dos(struct sv name, struct buf *out)
{
	size_t i;

	for (i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < 128)
			buf_addc(out, (char)c);
		else
			utf8_put(out, page_437[c - 128]);
	}
}
