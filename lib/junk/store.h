/*
 * A model on the disk: a snapshot and what was learned since.
 *
 *   NAME.model   "HMJS", version 2, generation (8), length of the notes (4),
 *                the notes, and the model as junk/model.h encodes it
 *   NAME.log     "HMJL", version 2, generation (8), then records: length (4),
 *                CRC-32C of what follows, type, payload
 *
 * all in big-endian order.  A log belongs to the snapshot of the same
 * generation; a new snapshot is written beside the old one and renamed, so
 * that a crash leaves either, and the log of the old one is not read again.
 * What stands behind the last whole record is thrown away.  The notes are the
 * caller's own.  Files of another version are set aside as NAME.model.old and
 * NAME.log.old.
 *
 * A lesson is in the file at once and on the disk within a second
 * (junk_file_flush): nobody waits for it.
 */
#ifndef JUNK_STORE_H
#define JUNK_STORE_H

#include "base/buf.h"
#include "base/rc.h"
#include "junk/model.h"

struct junk_file {
	char name[80]; /* without its ending */
	struct junk_model *model;
	uint64_t generation;
	int log;
	size_t log_bytes;
	bool dirty; /* something is not flushed */
};

/* What of a log or a snapshot is the caller's: called in order. */
struct junk_file_ops {
	void (*notes)(void *arg, struct sv notes);
	void (*record)(void *arg, uint8_t type, struct sv payload);
};

/* Opens it in the working folder, or begins it with an empty model. */
int junk_file_open(struct junk_file *f, const char *name, unsigned bits,
    const struct junk_file_ops *ops, void *arg, struct err *err) RC_USE_RESULT;
/* Flushes and forgets; the file stays. */
void junk_file_close(struct junk_file *f);
/* Was anything ever written to it? */
bool junk_file_has(const char *name);
/* The model and its files go. */
void junk_file_remove(const char *name);

/* Appends a record.  RC_IO: it is only in memory. */
int junk_file_add(
    struct junk_file *f, uint8_t type, struct sv payload) RC_USE_RESULT;
/* So much was added that a snapshot is due. */
bool junk_file_is_long(const struct junk_file *f);
int junk_file_snapshot(
    struct junk_file *f, struct sv notes, struct err *err) RC_USE_RESULT;
void junk_file_flush(struct junk_file *f);

#endif
