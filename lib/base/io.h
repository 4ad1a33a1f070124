/*
 * Whole reads and writes on blocking descriptors, resumed after signals.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* RC_OK or RC_IO with errno set. */
int io_write_all(int fd, const void *p, size_t n) RC_USE_RESULT;
/* Exactly n bytes from offset; RC_EOF if there are fewer. */
int io_pread_all(int fd, void *p, size_t n, uint64_t off) RC_USE_RESULT;
/* Appends all that is left; RC_TOOBIG above out->max. */
int io_read_rest(int fd, struct buf *out) RC_USE_RESULT;
/* Of a regular file only, so that it never waits; or of one in /dev. */
int io_read_file(
    const char *path, struct buf *out, struct err *err) RC_USE_RESULT;
/*
 * The same for a file in a folder that another user owns, who may have put
 * anything there: no link is followed, neither as the file nor on the way to
 * it below `folder`, and nothing outside of it is reached.  For a folder the
 * flags are O_DIRECTORY.
 */
int io_open_below(const char *folder, const char *path, int flags, int *fd_out,
    struct err *err) RC_USE_RESULT;
int io_read_below(const char *folder, const char *path, struct buf *out,
    struct err *err) RC_USE_RESULT;
/*
 * Replaces a small file so that a crash leaves the old or the new one:
 * PATH.tmp is written, flushed, renamed, and the folder flushed.
 */
int io_replace_file(const char *path, struct sv content, unsigned mode,
    struct err *err) RC_USE_RESULT;
/*
 * A descriptor that comes from a process which has talked to strangers: hands
 * its bytes to fn, in pieces, each read once.  RC_TOOBIG: it is said to have
 * more than most; RC_SYNTAX: it is not a regular file, or not of the size that
 * was said; else what fn answers, or RC_IO, RC_EOF.
 */
typedef int io_bytes_fn(void *arg, const char *p, size_t n);
int io_copy_fd(int fd, uint64_t size, uint64_t most, io_bytes_fn *fn,
    void *arg) RC_USE_RESULT;
/* Closes *fd if it is >= 0 and sets it to -1. */
void io_close(int *fd);

#endif
