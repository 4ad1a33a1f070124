/*
 * index.tsv of a folder of .eml files: what a file of a message cannot say.
 * One line each: the file's name, its INTERNALDATE (seconds since 1970 and
 * the zone in minutes), its flags.
 */
#ifndef IMAP_TRANSFER_INDEX_H
#define IMAP_TRANSFER_INDEX_H

#include <stdint.h>

#include "base/buf.h"

#define INDEX_FILE "index.tsv"

struct file_entry {
	int64_t date;
	int32_t zone;
	struct sv flags;
};

struct file_index {
	struct buf text; /* the file: fill it, then sort */
	uint32_t *at;	 /* lines in the order of their names */
	size_t n, cap;
};

void file_index_init(struct file_index *x, size_t max);
void file_index_fini(struct file_index *x);
void file_index_reset(struct file_index *x);
void file_index_sort(struct file_index *x);
/* Slices of the text.  False: it is not there, or its line is broken. */
bool file_index_find(
    const struct file_index *x, struct sv name, struct file_entry *out);
void file_index_put(
    struct buf *out, struct sv name, const struct file_entry *e);

#endif
