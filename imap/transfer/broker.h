/*
 * An import or export reads what strangers have written, so it is done by a
 * process behind walls that opens nothing.  The command that started it opens
 * files, the session and connections for it, below one folder and to one host
 * only, and passes descriptors: it is the broker, and never looks into what it
 * passes.  This is the worker's side; the messages are in ipc/msg_import.h.
 *
 * Paths are relative to the folder; none leads out of it.
 */
#ifndef IMAP_TRANSFER_BROKER_H
#define IMAP_TRANSFER_BROKER_H

#include <stdint.h>

#include "base/buf.h"

struct archive;

struct broker {
	int fd; /* a line to the command */
	/* NULL, or what is listed and read in place of the folder. */
	struct archive *archive;
};

/* ---- what it says to people ---- */

enum broker_say {
	BROKER_PROGRESS, /* on a terminal only, in the place of the last */
	BROKER_STEP,	 /* where there is no terminal only: a line */
	BROKER_NOTE,	 /* a line of standard error */
	BROKER_RESULT	 /* a line of standard output */
};

void broker_say(struct broker *b, enum broker_say kind, struct sv text);

/* ---- files ---- */

enum broker_type {
	BROKER_FILE,
	BROKER_FOLDER,
	BROKER_OTHER
};

/* The names in a folder, in the order of their bytes. */
struct broker_names {
	struct buf text; /* each: its type, its bytes, a NUL */
	uint32_t *at;	 /* where each begins in text */
	size_t n, cap;
};

int broker_list(struct broker *b, const char *path, struct broker_names *out,
    struct err *err) RC_USE_RESULT;
void broker_names_init(struct broker_names *n);
void broker_names_fini(struct broker_names *n);
void broker_names_add(
    struct broker_names *n, enum broker_type type, struct sv name);
/* In the order of their bytes, each once. */
void broker_names_sort(struct broker_names *n);
struct sv broker_name(const struct broker_names *n, size_t i);
enum broker_type broker_name_type(const struct broker_names *n, size_t i);

/* A regular file of the folder to be read; import reads through
 * imap/transfer/source.h. */
int broker_open(struct broker *b, const char *path, int *fd_out,
    struct err *err) RC_USE_RESULT;

int broker_make_folder(
    struct broker *b, const char *path, struct err *err) RC_USE_RESULT;
/* A new file to be written; RC_EXISTS. */
int broker_create(struct broker *b, const char *path, int *fd_out,
    struct err *err) RC_USE_RESULT;
/* It is written: gets its time (seconds; 0: now) and its name, which must be
 * free. */
int broker_finish(struct broker *b, const char *from, const char *to,
    int64_t mtime, struct err *err) RC_USE_RESULT;
/* A file without a name, to be written and read. */
int broker_scratch(
    struct broker *b, int *fd_out, struct err *err) RC_USE_RESULT;

/* ---- the others ---- */

/* Appends to the state's file and waits until the disk has it. */
int broker_log(struct broker *b, struct sv text, struct err *err) RC_USE_RESULT;
/* An IMAP session of the account, whose login ends with the tag "local".
 * RC_TEMP: not now. */
int broker_session(
    struct broker *b, int *fd_out, struct err *err) RC_USE_RESULT;
/* A connection to the other server. */
int broker_connect(
    struct broker *b, int *fd_out, struct err *err) RC_USE_RESULT;

#endif
