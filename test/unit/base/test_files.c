/* Whole reads and writes, files that are replaced. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX], path[96], tmp[128];

static void
setup(void)
{
	unit_folder(dir, "files");
	(void)snprintf(path, sizeof path, "%s/f", dir);
	(void)snprintf(tmp, sizeof tmp, "%s.tmp", path);
}

static void
teardown(void)
{
	(void)unlink(tmp);
	(void)remove(path);
	(void)rmdir(dir);
}

static void
expect(const char *want)
{
	struct buf b;
	struct err err;

	buf_init(&b, 1000);
	ck_assert_int_eq(io_read_file(path, &b, &err), RC_OK);
	ck_assert_str_eq(b.p, want);
	buf_fini(&b);
}

START_TEST(io_replace_file__replaces_and_leaves_nothing_else)
{
	struct stat st;

	ck_assert_int_eq(io_replace_file(path, SV("one"), 0600, NULL), RC_OK);
	expect("one");
	ck_assert_int_eq(io_replace_file(path, SV("2"), 0600, NULL), RC_OK);
	expect("2");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_ne(access(tmp, F_OK), 0);
}
END_TEST

START_TEST(io_replace_file__takes_its_draft_away_when_it_fails)
{
	struct err err;

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(io_replace_file(path, SV("x"), 0600, &err), RC_IO);
	ck_assert_int_ne(access(tmp, F_OK), 0);
	ck_assert(sv_ends(sv_str(err.text), SV("Is a directory")));
}
END_TEST

START_TEST(io_replace_file__does_not_write_through_a_link)
{
	ck_assert_int_eq(io_replace_file(path, SV("old"), 0600, NULL), RC_OK);
	ck_assert_int_eq(symlink("f", tmp), 0);
	ck_assert_int_ne(io_replace_file(path, SV("new"), 0600, NULL), RC_OK);
	expect("old");
}
END_TEST

START_TEST(io_replace_file__names_what_is_missing)
{
	struct err err;

	ck_assert_int_eq(
	    io_replace_file("no-such-folder/f", SV("x"), 0600, &err), RC_IO);
	ck_assert_str_eq(err.text,
	    "cannot write no-such-folder/f: No such file or directory");
}
END_TEST

START_TEST(io_read_file__tells_what_is_wrong)
{
	struct buf b;
	struct err err;

	buf_init(&b, 3);
	ck_assert_int_eq(io_read_file(path, &b, &err), RC_NOTFOUND);
	ck_assert_int_eq(io_replace_file(path, SV("abc"), 0600, NULL), RC_OK);
	ck_assert_int_eq(io_read_file(path, &b, &err), RC_OK);
	buf_reset(&b);
	ck_assert_int_eq(io_replace_file(path, SV("abcd"), 0600, NULL), RC_OK);
	ck_assert_int_eq(io_read_file(path, &b, &err), RC_TOOBIG);
	buf_fini(&b);
	buf_init(&b, 3);
	ck_assert_int_eq(io_read_file(dir, &b, &err), RC_IO);
	buf_fini(&b);
}
END_TEST

START_TEST(io_pread_all__wants_every_byte)
{
	char b[8];
	int fd;

	ck_assert_int_eq(
	    io_replace_file(path, SV("abcdef"), 0600, NULL), RC_OK);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_pread_all(fd, b, 4, 2), RC_OK);
	ck_assert(sv_eq(sv_of(b, 4), SV("cdef")));
	ck_assert_int_eq(io_pread_all(fd, b, 4, 3), RC_EOF);
	ck_assert_int_eq(io_pread_all(fd, b, 0, 100), RC_OK);
	io_close(&fd);
	ck_assert_int_eq(fd, -1);
	io_close(&fd);
	ck_assert_int_eq(io_pread_all(fd, b, 1, 0), RC_IO);
}
END_TEST

static int
collect(void *arg, const char *p, size_t n)
{
	buf_add(arg, p, n);
	return buf_ok(arg) ? RC_OK : RC_NOSPACE;
}

START_TEST(io_copy_fd__believes_no_claim)
{
	static const struct {
		const char *name;
		uint64_t size, most, room;
		int want;
	} rows[] = {
	    {"as it is", 6, 6, 100, RC_OK},
	    {"shorter than said", 7, 100, 100, RC_SYNTAX},
	    {"longer than said", 5, 100, 100, RC_SYNTAX},
	    {"more than allowed", 6, 5, 100, RC_TOOBIG},
	    {"said to be vast", UINT64_MAX, 100, 100, RC_TOOBIG},
	    {"vast, and nothing is too much", UINT64_MAX, UINT64_MAX, 100,
		RC_SYNTAX},
	    {"who takes it is full", 6, 6, 3, RC_NOSPACE},
	};
	int fd, pipes[2];
	struct buf b;
	size_t i;

	ck_assert_int_eq(
	    io_replace_file(path, SV("abcdef"), 0600, NULL), RC_OK);
	fd = open(path, O_RDONLY);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&b, rows[i].room);
		ck_assert_msg(io_copy_fd(fd, rows[i].size, rows[i].most,
				  collect, &b) == rows[i].want,
		    "%s", rows[i].name);
		ck_assert_msg(
		    rows[i].want != RC_OK || b.n == 6, "%s", rows[i].name);
		buf_fini(&b);
	}
	io_close(&fd);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(io_copy_fd(pipes[0], 0, 10, collect, &b), RC_SYNTAX);
	io_close(&pipes[0]);
	io_close(&pipes[1]);
}
END_TEST

/* What another user may have put into a folder. */
START_TEST(io_read_below__follows_nothing)
{
	static const struct {
		const char *name;
		int want;
	} rows[] = {{"f", RC_OK}, {"./f", RC_OK}, {"sub/f", RC_OK},
	    {"link", RC_DENIED}, {"linked/f", RC_DENIED},
	    {"dangling", RC_DENIED}, {"pipe", RC_DENIED}, {"sub", RC_DENIED},
	    {"no", RC_NOTFOUND}, {"../FILES/f", RC_IO}, {"sub/../f", RC_OK},
	    {"sub/../../x", RC_IO}, {"/etc/passwd", RC_IO},
	    {"large", RC_TOOBIG}, {"", RC_NOTFOUND}};
	int here = open(".", O_RDONLY | O_DIRECTORY), fd = -1;
	struct buf b, large;
	struct err err;
	size_t i;

	ck_assert_int_eq(chdir(dir), 0);
	buf_init(&large, 1000);
	buf_addf(&large, "%200s", "");
	ck_assert_int_eq(io_replace_file("f", SV("x"), 0600, NULL), RC_OK);
	ck_assert_int_eq(
	    io_replace_file("large", buf_sv(&large), 0600, NULL), RC_OK);
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(io_replace_file("sub/f", SV("x"), 0600, NULL), RC_OK);
	ck_assert_int_eq(symlink("f", "link"), 0);
	ck_assert_int_eq(symlink("sub", "linked"), 0);
	ck_assert_int_eq(symlink("none", "dangling"), 0);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&b, 100);
		ck_assert_msg(
		    io_read_below(".", rows[i].name, &b, &err) == rows[i].want,
		    "%s: %s", rows[i].name, err.text);
		ck_assert_msg(
		    (rows[i].want == RC_OK) == (b.n == 1), "%s", rows[i].name);
		buf_fini(&b);
	}
	ck_assert_int_eq(
	    io_open_below(".", "sub", O_DIRECTORY, &fd, &err), RC_OK);
	io_close(&fd);
	ck_assert_int_eq(
	    io_open_below(".", "linked", O_DIRECTORY, &fd, &err), RC_IO);
	ck_assert_int_eq(
	    io_open_below(".", "f", O_DIRECTORY, &fd, &err), RC_IO);
	ck_assert_int_eq(io_open_below("none", "f", 0, &fd, &err), RC_NOTFOUND);
	ck_assert_int_eq(fd, -1);
	(void)unlink("sub/f");
	(void)rmdir("sub");
	(void)unlink("large");
	(void)unlink("link");
	(void)unlink("linked");
	(void)unlink("dangling");
	(void)unlink("pipe");
	ck_assert_int_eq(fchdir(here), 0);
	io_close(&here);
	buf_fini(&large);
}
END_TEST

UNIT_TESTS(files)
{
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, io_replace_file__replaces_and_leaves_nothing_else);
	tcase_add_test(t, io_replace_file__takes_its_draft_away_when_it_fails);
	tcase_add_test(t, io_replace_file__does_not_write_through_a_link);
	tcase_add_test(t, io_replace_file__names_what_is_missing);
	tcase_add_test(t, io_read_file__tells_what_is_wrong);
	tcase_add_test(t, io_read_below__follows_nothing);
	tcase_add_test(t, io_pread_all__wants_every_byte);
	tcase_add_test(t, io_copy_fd__believes_no_claim);
	return t;
}
