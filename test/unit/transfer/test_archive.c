/* The blocks of tar and the records of zip. */
#include "test/unit/unit.h"

#include <stdio.h>

#include "imap/transfer/tar.h"
#include "archive/zip.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* A header with its sum. */
static void
block(char b[TAR_BLOCK], const char *name, const char *size, char type)
{
	unsigned sum = 8 * ' ', i;

	memset(b, 0, TAR_BLOCK);
	memcpy(b, name, strlen(name));
	memcpy(b + 124, size, strlen(size));
	b[156] = type;
	for (i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)b[i];
	snprintf(b + 148, 8, "%06o", sum);
}

static const struct {
	const char *name, *size;
	char type;
	int rc;
	enum tar_kind kind;
	uint64_t want;
} headers[] = {
    {"a", "17", '0', RC_OK, TAR_FILE, 15},
    {"a", " 17 ", '\0', RC_OK, TAR_FILE, 15},
    {"a/", "0", '\0', RC_OK, TAR_FOLDER, 0},
    /* What a link is said to have is with what it leads to. */
    {"a", "17", '1', RC_OK, TAR_LINK, 0},
    {"a", "17", '2', RC_OK, TAR_SYMLINK, 0},
    {"a", "17", 'L', RC_OK, TAR_LONG_NAME, 15},
    {"a", "17", 'x', RC_OK, TAR_PAX, 15},
    {"a", "17", 'g', RC_OK, TAR_OTHER, 15},
    {"a", "77777777777", '0', RC_OK, TAR_FILE, 077777777777},
    {"a", "\x80\x01\x01", '0', RC_SYNTAX, TAR_FILE, 0},
    {"a", "18", '0', RC_SYNTAX, TAR_FILE, 0},
    {"a", "-1", '0', RC_SYNTAX, TAR_FILE, 0},
};

START_TEST(tar_header__rows)
{
	char b[TAR_BLOCK];
	struct tar_header h;
	int r;

	block(b, headers[_i].name, headers[_i].size, headers[_i].type);
	r = tar_header_parse(sv_of(b, sizeof b), &h);
	ck_assert_int_eq(r, headers[_i].rc);
	if (r != RC_OK)
		return;
	ck_assert_int_eq((int)h.kind, (int)headers[_i].kind);
	ck_assert_uint_eq(h.size, headers[_i].want);
	ck_assert(sv_eq(h.name, sv_str(headers[_i].name)));
	/* Its sum is looked at; a part of a block is none. */
	ck_assert_int_eq(tar_header_parse(sv_of(b, 511), &h), RC_SYNTAX);
	b[0]++;
	ck_assert_int_eq(tar_header_parse(sv_of(b, sizeof b), &h), RC_SYNTAX);
}
END_TEST

START_TEST(tar_header__end)
{
	static const char zero[TAR_BLOCK];
	struct tar_header h;

	ck_assert_int_eq(
	    tar_header_parse(sv_of(zero, sizeof zero), &h), RC_EOF);
}
END_TEST

static const struct {
	const char *text, *path;
	uint64_t size;
	int rc;
} paxes[] = {
    {"11 path=ab\n", "ab", 0, RC_OK},
    {"11 path=ab\n12 size=1234\n11 path=cd\n", NULL, 0, RC_SYNTAX},
    {"11 path=ab\n13 size=1234\n11 path=cd\n", "cd", 1234, RC_OK},
    {"12 path=a=b\n", "a=b", 0, RC_OK},
    {"13 path=a\nbc\n", "a\nbc", 0, RC_OK},
    {"12 path=ab\n", NULL, 0, RC_SYNTAX},
    {"99 path=ab\n", NULL, 0, RC_SYNTAX},
    {"3 \n", NULL, 0, RC_SYNTAX},
    {"1 ", NULL, 0, RC_SYNTAX},
    {"path=ab\n", NULL, 0, RC_SYNTAX},
    {"", NULL, 0, RC_OK},
};

START_TEST(tar_pax__rows)
{
	struct tar_pax p;
	int r = tar_pax_parse(sv_str(paxes[_i].text), &p);

	ck_assert_int_eq(r, paxes[_i].rc);
	if (r != RC_OK)
		return;
	ck_assert(sv_eq(p.path, sv_str(paxes[_i].path)));
	ck_assert_uint_eq(p.size, paxes[_i].size);
}
END_TEST

/* The second comment has the sign of an end in it. */
static const char end_record[] = "xxPK\5\6\0\0\0\0\2\0\2\0\x5c\0\0\0\x10\0\0\0"
				 "\7\0PK\5\6abc";

START_TEST(zip_end__is_the_one_whose_comment_fits)
{
	struct zip_end e;

	ck_assert_int_eq(
	    zip_end_find(sv_of(end_record, sizeof end_record - 1), 100, &e),
	    RC_OK);
	ck_assert_uint_eq(e.count, 2);
	ck_assert_uint_eq(e.size, 0x5c);
	ck_assert_uint_eq(e.at, 0x10);
	ck_assert_uint_eq(e.where, 102);
	ck_assert(!e.several && !e.large);
	ck_assert_int_eq(
	    zip_end_find(sv_of(end_record, 21), 0, &e), RC_NOTFOUND);
}
END_TEST

static const char entry[] =
    "PK\1\2\x14\3\x14\0\1\x08\x08\0\0\0\x21\x00\4\3\2\1"
    "\xff\xff\xff\xff\5\0\0\0\1\0\x0c\0\1\0\0\0\0\0\0\0\xa4\x81\7\0\0\0"
    "n\1\0\x08\0\6\0\0\0\1\0\0\0c";

START_TEST(zip_entry__has_large_numbers_behind_it)
{
	struct sv whole = sv_of(entry, sizeof entry - 1), rest;
	struct zip_entry e;
	size_t n;

	for (n = 4; n < whole.n; n++) {
		rest = sv_first(whole, n);
		ck_assert_int_eq(zip_entry_take(&rest, &e), RC_MORE);
	}
	rest = whole;
	ck_assert_int_eq(zip_entry_take(&rest, &e), RC_OK);
	ck_assert_uint_eq(rest.n, 0);
	ck_assert(sv_eq(e.name, SV("n")));
	ck_assert_uint_eq(e.size, 5);
	ck_assert_uint_eq(e.packed, 0x100000006);
	ck_assert_uint_eq(e.at, 7);
	ck_assert_uint_eq(e.crc, 0x01020304);
	ck_assert_uint_eq(e.method, 8);
	ck_assert_int_eq(e.mtime, 315532800); /* 1980-01-01 */
	ck_assert(e.utf8 && e.encrypted && !e.symlink && !e.dos);
}
END_TEST

UNIT_TESTS(transfer_archive)
{
	TCase *t = tcase_create("archive");

	tcase_add_loop_test(t, tar_header__rows, 0, COUNT(headers));
	tcase_add_test(t, tar_header__end);
	tcase_add_loop_test(t, tar_pax__rows, 0, COUNT(paxes));
	tcase_add_test(t, zip_end__is_the_one_whose_comment_fits);
	tcase_add_test(t, zip_entry__has_large_numbers_behind_it);
	return t;
}
