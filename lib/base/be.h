/*
 * Integers in network byte order, for everything that reaches a disk or
 * another process.
 */
#ifndef BASE_BE_H
#define BASE_BE_H

#include <stdint.h>

static inline void
be_put16(void *p, uint16_t v)
{
	unsigned char *q = p;

	q[0] = (unsigned char)(v >> 8);
	q[1] = (unsigned char)v;
}

static inline void
be_put32(void *p, uint32_t v)
{
	be_put16(p, (uint16_t)(v >> 16));
	be_put16((unsigned char *)p + 2, (uint16_t)v);
}

static inline void
be_put64(void *p, uint64_t v)
{
	be_put32(p, (uint32_t)(v >> 32));
	be_put32((unsigned char *)p + 4, (uint32_t)v);
}

static inline uint16_t
be_get16(const void *p)
{
	const unsigned char *q = p;

	return (uint16_t)(q[0] << 8 | q[1]);
}

static inline uint32_t
be_get32(const void *p)
{
	return (uint32_t)be_get16(p) << 16 |
	       be_get16((const unsigned char *)p + 2);
}

static inline uint64_t
be_get64(const void *p)
{
	return (uint64_t)be_get32(p) << 32 |
	       be_get32((const unsigned char *)p + 4);
}

#endif
