/*
 * CRC-32C (Castagnoli), as in iSCSI [RFC 3720 12.1] and ext4.  Uses the
 * processor's instruction where there is one.
 */
#ifndef JOURNAL_CRC32C_H
#define JOURNAL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes; crc is 0, or the checksum of what came before. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same from tables, on every machine: for tests. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
