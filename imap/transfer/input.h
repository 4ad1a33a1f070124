/*
 * A file that is read by an import: one of the broker's, or a member of the
 * archive that the broker has opened, which is decompressed as it is read.
 * Whatever its size, no more than a window of it is in memory.
 */
#ifndef IMAP_TRANSFER_INPUT_H
#define IMAP_TRANSFER_INPUT_H

#include <sys/types.h>

#include "imap/transfer/broker.h"

struct archive_member;
struct inflating;
struct zip_entry;

struct input {
	int fd;
	bool borrowed; /* the archive's */
	uint64_t size; /* of what it gives */
	int64_t mtime;

	uint64_t begin, end; /* its bytes in fd */
	uint64_t at;	     /* the next one of them */
	uint64_t given;	     /* so far */
	struct inflating *z; /* NULL: they are as they are */
	bool checked;	     /* by its sum */
	uint32_t crc, crc_want;
};

/* Takes fd. */
void input_file(int fd, struct input *out);
/* The archive must outlive it. */
void input_member(const struct archive_member *m, struct input *out);
void input_close(struct input *in);
/* 0 at its end; -1: it cannot be read, or is damaged. */
ssize_t input_read(struct input *in, char *p, size_t n);
/* As much as there is, up to n. */
ssize_t input_read_full(struct input *in, char *p, size_t n);
/* Goes to that byte; false: there is none, or it cannot be read. */
bool input_seek(struct input *in, uint64_t to);
/* What it begins with; it is at its beginning then. */
size_t input_peek(struct input *in, char *p, size_t n);
/* Decompresses what begins at `at`, to learn where it ends. */
int input_measure(
    int fd, uint64_t at, uint64_t end, struct zip_entry *io) RC_USE_RESULT;

#endif
