/*
 * CRC-32C (Castagnoli), as in iSCSI [RFC 3720 12.1] and ext4.  Uses the
 * processor's instruction where there is one.
 */
#ifndef JOURNAL_CRC32C_H
#define JOURNAL_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes; crc is 0, or the checksum of what came before. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same from tables, on every machine: for tests. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);
/*
 * n bytes do not have the checksum they should: if one bit makes the
 * difference it is turned.  Chance takes a heavier damage for a single bit
 * once in 2^29 / n, so this is for small things.
 */
bool crc32c_mend(void *p, size_t n, uint32_t want);

#endif
