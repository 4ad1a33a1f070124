#include <check.h>
#include <string.h>

#include "journal/crc32c.h"
#include "test/unit/unit.h"

/* [RFC 3720 B.4], and the check value of the catalogue. */
START_TEST(journal_crc32c__known_values)
{
	unsigned char zeros[32] = {0}, ones[32], up[32], down[32];

	memset(ones, 0xff, sizeof ones);
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	ck_assert_uint_eq(crc32c(0, zeros, 32), 0x8a9136aau);
	ck_assert_uint_eq(crc32c(0, ones, 32), 0x62a8ab43u);
	ck_assert_uint_eq(crc32c(0, up, 32), 0x46dd794eu);
	ck_assert_uint_eq(crc32c(0, down, 32), 0x113fdb5cu);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283u);
	ck_assert_uint_eq(crc32c(0, "", 0), 0);
}
END_TEST

START_TEST(journal_crc32c__portable_is_the_same_in_pieces)
{
	static unsigned char b[10000]; /* three blocks side by side, thrice */

	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (unsigned char)(i * 31 + i / 7);
	for (size_t n = 0; n < sizeof b; n += n < 1000 ? 13 : 257) {
		uint32_t whole = crc32c(0, b, n);

		ck_assert_uint_eq(whole, crc32c_portable(0, b, n));
		ck_assert_uint_eq(whole,
		    crc32c(crc32c_portable(0, b, n / 3), b + n / 3, n - n / 3));
	}
}
END_TEST

UNIT_TESTS(crc32c)
{
	TCase *t = tcase_create("crc32c");

	tcase_add_test(t, journal_crc32c__known_values);
	tcase_add_test(t, journal_crc32c__portable_is_the_same_in_pieces);
	return t;
}
