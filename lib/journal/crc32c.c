#include "journal/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLY 0x82f63b78u /* reflected */

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
table_make(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = (c >> 1) ^ (c & 1 ? POLY : 0);
		table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++) {
			uint32_t c = table[k - 1][i];

			table[k][i] = (c >> 8) ^ table[0][c & 255];
		}
}

static uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

uint32_t
crc32c_portable(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *q = p;

	pthread_once(&table_once, table_make);
	crc = ~crc;
	for (; n >= 8; n -= 8, q += 8) {
		uint32_t a = crc ^ le32(q), b = le32(q + 4);

		crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^
		      table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
		      table[3][b & 255] ^ table[2][b >> 8 & 255] ^
		      table[1][b >> 16 & 255] ^ table[0][b >> 24];
	}
	for (; n > 0; n--, q++)
		crc = (crc >> 8) ^ table[0][(crc ^ *q) & 255];
	return ~crc;
}

#if defined(__x86_64__)

/*
 * The instruction takes three cycles but can begin every cycle: three blocks
 * side by side are three times as fast as one.  Their checksums are put
 * together by the table that says what BLOCK zero bytes make of a register.
 */
#define BLOCK 1024

static uint32_t over_zeros[4][256];
static pthread_once_t zeros_once = PTHREAD_ONCE_INIT;

static void
zeros_make(void)
{
	uint32_t bit[32];

	pthread_once(&table_once, table_make);
	for (int b = 0; b < 32; b++) {
		uint32_t c = (uint32_t)1 << b;

		for (int i = 0; i < BLOCK; i++)
			c = (c >> 8) ^ table[0][c & 255];
		bit[b] = c;
	}
	for (int k = 0; k < 4; k++)
		for (uint32_t v = 0; v < 256; v++)
			for (int b = 0; b < 8; b++)
				if (v >> b & 1)
					over_zeros[k][v] ^= bit[8 * k + b];
}

static uint64_t
pass_zeros(uint64_t c)
{
	return over_zeros[0][c & 255] ^ over_zeros[1][c >> 8 & 255] ^
	       over_zeros[2][c >> 16 & 255] ^ over_zeros[3][c >> 24 & 255];
}

static uint64_t
le64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* Three blocks on top of register c. */
__attribute__((target("sse4.2"))) static uint64_t
three_blocks(uint64_t c, const unsigned char *p)
{
	uint64_t b = 0, d = 0;

	for (size_t i = 0; i < BLOCK; i += 8) {
		c = __builtin_ia32_crc32di(c, le64(p + i));
		b = __builtin_ia32_crc32di(b, le64(p + BLOCK + i));
		d = __builtin_ia32_crc32di(d, le64(p + 2 * BLOCK + i));
	}
	return pass_zeros(pass_zeros(c) ^ b) ^ d;
}

__attribute__((target("sse4.2"))) static uint32_t
with_sse42(uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t c = ~crc;

	if (n >= 3 * BLOCK)
		pthread_once(&zeros_once, zeros_make);
	for (; n >= 3 * BLOCK; n -= 3 * BLOCK, p += 3 * BLOCK)
		c = three_blocks(c, p);
	for (; n >= 8; n -= 8, p += 8)
		c = __builtin_ia32_crc32di(c, le64(p));
	for (; n > 0; n--, p++)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p);
	return ~(uint32_t)c;
}

static bool
have_sse42(void)
{
	return __builtin_cpu_supports("sse4.2") != 0;
}

#else

static uint32_t
with_sse42(uint32_t crc, const unsigned char *p, size_t n)
{
	return crc32c_portable(crc, p, n);
}

static bool
have_sse42(void)
{
	return false;
}

#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	if (have_sse42())
		return with_sse42(crc, p, n);
	return crc32c_portable(crc, p, n);
}

bool
crc32c_mend(void *p, size_t n, uint32_t want)
{
	unsigned char *q = p;
	const unsigned char zero = 0;
	uint32_t wrong = crc32c(0, p, n) ^ want, bit[8];

	/* What each bit of the last byte would change, then of the one
	 * before: the sum is linear. */
	for (unsigned b = 0; b < 8; b++) {
		const unsigned char one = (unsigned char)(1u << b);

		bit[b] = ~crc32c(UINT32_MAX, &one, 1);
	}
	for (size_t i = n; i-- > 0;)
		for (unsigned b = 0; b < 8; b++) {
			if (bit[b] == wrong) {
				q[i] ^= (unsigned char)(1u << b);
				return true;
			}
			bit[b] = ~crc32c(~bit[b], &zero, 1);
		}
	return false;
}
