#include <check.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/io.h"
#include "store/suspect.h"
#include "test/unit/unit.h"

static int
scratch(void)
{
	char dir[] = "/tmp/test-suspect.XXXXXX";
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* As a death leaves it: mapped pages stay, nobody cleans up. */
static void
die_with(int dirfd, uint64_t body)
{
	struct suspects s;

	suspects_open(&s, dirfd);
	ck_assert(suspects_begin(&s, body));
	suspects_close(&s);
}

START_TEST(suspect__two_deaths_make_it_opaque)
{
	int dirfd = scratch();
	struct suspects s;

	die_with(dirfd, 7);
	die_with(dirfd, 7);
	suspects_open(&s, dirfd);
	ck_assert(!suspects_begin(&s, 7));
	ck_assert(suspects_begin(&s, 8));
	suspects_end(&s, 8);
	suspects_close(&s);
	suspects_open(&s, dirfd);
	ck_assert(!suspects_begin(&s, 7));
	suspects_close(&s);
	io_close(&dirfd);
}
END_TEST

START_TEST(suspect__a_parse_that_ends_clears_it)
{
	int dirfd = scratch();
	struct suspects s;

	die_with(dirfd, 7);
	suspects_open(&s, dirfd);
	ck_assert(suspects_begin(&s, 7));
	suspects_end(&s, 7);
	suspects_close(&s);
	die_with(dirfd, 7);
	suspects_open(&s, dirfd);
	ck_assert(suspects_begin(&s, 7));
	suspects_close(&s);
	io_close(&dirfd);
}
END_TEST

START_TEST(suspect__more_at_once_than_entries)
{
	int dirfd = scratch();
	struct suspects s;
	uint64_t i;

	suspects_open(&s, dirfd);
	for (i = 1; i <= 2 * SUSPECT_ENTRIES; i++)
		ck_assert(suspects_begin(&s, i));
	for (i = 1; i <= 2 * SUSPECT_ENTRIES; i++)
		suspects_end(&s, i);
	for (i = 0; i < SUSPECT_ENTRIES; i++)
		ck_assert_uint_eq(s.e[i].body, 0);
	suspects_close(&s);
	io_close(&dirfd);
}
END_TEST

UNIT_TESTS(suspect)
{
	TCase *t = tcase_create("suspect");

	tcase_add_test(t, suspect__two_deaths_make_it_opaque);
	tcase_add_test(t, suspect__a_parse_that_ends_clears_it);
	tcase_add_test(t, suspect__more_at_once_than_entries);
	return t;
}
