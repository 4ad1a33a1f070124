/*
 * The worker of an import or export to its command, which is its broker
 * (imap/exchange/broker.h).  Paths are relative to the one folder.
 */
#ifndef IPC_MSG_IMPORT_H
#define IPC_MSG_IMPORT_H

#include "ipc/codec.h"

#define XCHG_PATH_MAX  4096 /* with a NUL behind it */
#define XCHG_NAMES_MAX 10000

/* XCHG_SAY. */
struct xchg_say {
	uint8_t kind; /* enum broker_say */
	struct sv text;
};
CODEC_FUNCTIONS(xchg_say);

/* XCHG_LIST, _OPEN, _MAKE, _CREATE; and, empty, _SCRATCH, _SESSION, _CONNECT
 * and _LIST_MORE. */
struct xchg_path {
	struct sv path;
};
CODEC_FUNCTIONS(xchg_path);

/* XCHG_FINISH. */
struct xchg_finish {
	struct sv from, to;
	int64_t mtime; /* seconds; 0: now */
};
CODEC_FUNCTIONS(xchg_finish);

/* XCHG_LOG. */
struct xchg_log {
	struct sv text;
};
CODEC_FUNCTIONS(xchg_log);

/* The answer to all but XCHG_SAY, which has none, and lists. */
struct xchg_done {
	int rc;
	struct sv text;
	int fd; /* what was asked for; -1: none */
};
CODEC_FUNCTIONS(xchg_done);

struct xchg_name {
	uint8_t type; /* enum broker_type */
	struct sv name;
};

/* The answer to XCHG_LIST and XCHG_LIST_MORE; the names with RC_OK only. */
struct xchg_names {
	int rc;
	struct sv text;
	bool more; /* XCHG_LIST_MORE gets them */
	struct xchg_name *name;
	uint32_t n;
};
CODEC_FUNCTIONS(xchg_names);

#endif
