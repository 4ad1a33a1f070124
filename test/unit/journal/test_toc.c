/* What a crash leaves of a table of contents, and what only damage does. */
#include <check.h>
#include <fcntl.h>
#include <string.h>

#include "base/be.h"
#include "base/rc.h"
#include "journal/toc.h"
#include "test/fault/testdisk.h"
#include "test/unit/unit.h"

#define NAME  "000007.toc"
#define HEAD  40u
#define BLOCK 40u

static struct testdisk *disk;
static struct seg_header seg = {.number = 7, .epoch = 3, .key = "a key"};
static struct toc_id id;
static struct buf whole;   /* a table of two blocks */
static size_t second, end; /* where the second begins, and ends */

static void
add(struct toc *t, uint64_t seq, const char *note)
{
	const struct toc_entry e = {
	    .seq = seq, .off = SEG_HEADER + 100 * seq, .len = 60};

	toc_add(t, &e, sv_str(note), e.off + 100);
}

static void
put(struct sv s)
{
	int fd = id.io->open(id.io, id.dirfd, NAME, O_RDWR | O_CREAT | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(id.io->pwrite(id.io, fd, s.p, s.n, 0), (int)s.n);
	id.io->close(id.io, fd);
}

/* note: of the last entry of the second block; "": it has no notes */
static void
make(const char *note)
{
	struct toc t;
	int fd;
	char *p;

	toc_init(&t);
	toc_load(&t, &id);
	add(&t, 1, "first");
	add(&t, 2, "");
	toc_write(&t, &id);
	second = (size_t)t.size;
	add(&t, 3, "");
	add(&t, 4, "");
	add(&t, 5, note);
	toc_write(&t, &id);
	end = (size_t)t.size;
	toc_fini(&t, &id);
	fd = id.io->open(id.io, id.dirfd, NAME, O_RDONLY);
	p = buf_reserve(&whole, end);
	ck_assert_int_eq(id.io->pread(id.io, fd, p, end, 0), (int)end);
	buf_added(&whole, end);
	id.io->close(id.io, fd);
}

static void
start(void)
{
	disk = testdisk_new();
	id.io = testdisk_io(disk);
	id.dirfd = id.io->opendir(id.io, AT_FDCWD, "log", true);
	id.seg = &seg;
	buf_init(&whole, 10000);
}

static void
stop(void)
{
	buf_fini(&whole);
	id.io->close(id.io, id.dirfd);
	testdisk_free(&disk);
}

/* 'w': all of it is a table; 'c': its end was cut off; 'd': damaged. */
static char
is(struct sv s)
{
	struct toc t;
	char c;

	put(s);
	toc_init(&t);
	toc_load(&t, &id);
	c = t.size == s.n ? 'w' : toc_is_cut(&t, &id) ? 'c' : 'd';
	toc_fini(&t, &id);
	return c;
}

/* At each byte; where a block ends the table does, too. */
START_TEST(toc__any_beginning_of_a_table_is_cut)
{
	size_t n;

	make(_i == 0 ? "" : "a longer note");
	for (n = 0; n <= end; n++) {
		char want =
		    n == 0 || n == HEAD || n == second || n == end ? 'w' : 'c';

		ck_assert_msg(
		    is(sv_first(buf_sv(&whole), n)) == want, "%zu", n);
	}
}
END_TEST

/* One bit of head or block, and nothing is cut off. */
START_TEST(toc__a_whole_table_with_a_wrong_bit_is_damaged)
{
	size_t at, bit;

	make(_i == 0 ? "" : "a longer note");
	for (at = 0; at < second + BLOCK + 3 * TOC_ENTRY; at++) {
		/* The first notes have a checksum each. */
		if (at >= HEAD + BLOCK + 2 * TOC_ENTRY && at < second)
			continue;
		/* A larger number of bytes of notes may be true, unless the
		 * checksum is asked. */
		for (bit = 0; bit < 8; bit++) {
			whole.p[at] = (char)(whole.p[at] ^ 1 << bit);
			ck_assert_msg(
			    is(buf_sv(&whole)) == 'd', "%zu.%zu", at, bit);
			whole.p[at] = (char)(whole.p[at] ^ 1 << bit);
		}
	}
}
END_TEST

static const struct {
	const char *name;
	size_t at; /* in the second block */
	const char *bytes;
	size_t n;
	size_t left; /* of the block, the rest is cut off */
	char want;
} rows[] = {
    {"nothing wrong", 0, "", 0, 100, 'c'},
    {"not a block", 0, "X", 1, 1, 'd'},
    {"another place", 8, "\1", 1, 9, 'd'},
    {"another place, not reached", 15, "\1", 1, 15, 'c'},
    {"another begin", 23, "\377", 1, 24, 'd'},
    {"it ends before it begins", 24, "\0\0\0\0\0\0\0\1", 8, 60, 'd'},
    {"entries that do not rise", BLOCK, "\0\0\0\0\0\0\0\77", 8,
	BLOCK + 2 * TOC_ENTRY + 3, 'd'},
    {"an entry behind the end", BLOCK + 8, "\1", 1, BLOCK + TOC_ENTRY, 'd'},
    {"a note without a place", BLOCK + 28, "\0\0\0\1", 4, BLOCK + TOC_ENTRY + 1,
	'd'},
    {"zeros", 0, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, 12, 'd'},
};

START_TEST(toc__what_contradicts_it_is_damaged)
{
	make("");
	memcpy(whole.p + second + rows[_i].at, rows[_i].bytes, rows[_i].n);
	ck_assert_msg(is(sv_first(buf_sv(&whole), second + rows[_i].left)) ==
			  rows[_i].want,
	    "%s", rows[_i].name);
}
END_TEST

/* Any short file that is not the head's beginning. */
START_TEST(toc__a_short_file_of_others_is_damaged)
{
	make("");
	ck_assert_int_eq(is(SV("hm")), 'c');
	ck_assert_int_eq(is(SV("hmjtoc\r\n\0\0\0\1\0\0\0")), 'c');
	ck_assert_int_eq(is(SV("hmjtoc\r\n\0\0\0\1\0\0\0\6")), 'd');
	ck_assert_int_eq(is(SV("x")), 'd');
	ck_assert_int_eq(is(SV("\0")), 'd');
	ck_assert_int_eq(is(SV("a text of somebody, shorter")), 'd');
}
END_TEST

/* No key is needed for that, and no byte behind the end is looked at. */
START_TEST(toc__a_short_file_has_nothing_without_a_key)
{
	struct toc t;
	size_t n;

	make("");
	for (n = 1; n <= HEAD; n++) {
		put(sv_first(buf_sv(&whole), n));
		toc_init(&t);
		ck_assert(!toc_load_keyless(&t, &id));
		toc_fini(&t, &id);
	}
}
END_TEST

UNIT_TESTS(toc)
{
	TCase *t = tcase_create("toc");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_loop_test(t, toc__any_beginning_of_a_table_is_cut, 0, 2);
	tcase_add_loop_test(
	    t, toc__a_whole_table_with_a_wrong_bit_is_damaged, 0, 2);
	tcase_add_loop_test(t, toc__what_contradicts_it_is_damaged, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, toc__a_short_file_of_others_is_damaged);
	tcase_add_test(t, toc__a_short_file_has_nothing_without_a_key);
	return t;
}
