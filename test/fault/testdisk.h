/*
 * A disk in memory that behaves as badly as disks may.
 *
 * Each file has what readers see (the page cache) and what would be there
 * after a power cut; each folder likewise has names that are seen and names
 * that are durable.  Writes and name changes that were not flushed are in a
 * list, and a power cut takes any part of it: nothing, all, or any of the
 * 512-byte sectors and name changes, in any order.
 *
 * A flush that fails behaves as Linux does: what was to be flushed is lost,
 * but is still read back until the pages are evicted (here: until the power
 * cut), and the next flush succeeds without having written it.
 */
#ifndef TEST_FAULT_TESTDISK_H
#define TEST_FAULT_TESTDISK_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/disk.h"

struct testdisk;

struct testdisk *testdisk_new(void);
void testdisk_free(struct testdisk **d);
struct testdisk *testdisk_clone(const struct testdisk *d);
/* The table to give to the store; its folder is ".". */
const struct journal_io *testdisk_io(struct testdisk *d);

/* How many calls that change something or flush were made. */
uint64_t testdisk_ops(const struct testdisk *d);
/* The process stops before the call number n: this one and all that follow
 * fail with EIO and change nothing.  UINT64_MAX: never. */
void testdisk_stop_at(struct testdisk *d, uint64_t n);
bool testdisk_stopped(struct testdisk *d);
/* The call number n fails with this errno; once. */
void testdisk_fail_at(struct testdisk *d, uint64_t n, int e);
/* Before the call number n fn is called, once: what another process does at
 * that moment. It may read and not write. */
void testdisk_hook_at(
    struct testdisk *d, uint64_t n, void (*fn)(void *arg), void *arg);
uint64_t testdisk_free_bytes(const struct testdisk *d);
/* Somebody else takes all that is free. */
void testdisk_fill(struct testdisk *d);
/* Bytes that fit on it. */
void testdisk_capacity(struct testdisk *d, uint64_t bytes);

/* The process is gone, the machine goes on: the page cache stays. */
void testdisk_kill(struct testdisk *d);
enum testdisk_cut {
	CUT_NOTHING, /* nothing of what was not flushed is there */
	CUT_ALL,
	CUT_SOME /* any part, by the seed */
};
void testdisk_power_cut(
    struct testdisk *d, enum testdisk_cut how, uint64_t seed);

/* Flips bytes of a file as it is, in cache and on the disk; false if
 * there is no such file or byte. */
bool testdisk_damage(struct testdisk *d, const char *dir, const char *name,
    uint64_t off, size_t n);
/* Replaces or makes a file, durable. */
void testdisk_put(struct testdisk *d, const char *dir, const char *name,
    const void *p, size_t n);
/* Size of a file as it is seen; UINT64_MAX: none. */
uint64_t testdisk_size(struct testdisk *d, const char *dir, const char *name);
/* Checkpoint and tables of contents: only the log is left. */
void testdisk_remove_derived(struct testdisk *d);
void testdisk_remove(struct testdisk *d, const char *dir, const char *name);

#endif
