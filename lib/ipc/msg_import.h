/*
 * The worker of an import or export to its command, which is its broker
 * (imap/transfer/broker.h).  Paths are relative to the one folder.
 */
#ifndef IPC_MSG_IMPORT_H
#define IPC_MSG_IMPORT_H

#include "ipc/codec.h"

#define XFER_PATH_MAX  4096 /* with a NUL behind it */
#define XFER_NAMES_MAX 10000

/* XFER_SAY. */
struct xfer_say {
	uint8_t kind; /* enum broker_say */
	struct sv text;
};
CODEC_FUNCTIONS(xfer_say);

/* XFER_LIST, _OPEN, _MAKE, _CREATE; and, empty, _SCRATCH, _SESSION, _CONNECT
 * and _LIST_MORE. */
struct xfer_path {
	struct sv path;
};
CODEC_FUNCTIONS(xfer_path);

/* XFER_FINISH. */
struct xfer_finish {
	struct sv from, to;
	int64_t mtime; /* seconds; 0: now */
};
CODEC_FUNCTIONS(xfer_finish);

/* XFER_LOG. */
struct xfer_log {
	struct sv text;
};
CODEC_FUNCTIONS(xfer_log);

/* The answer to all but XFER_SAY, which has none, and lists. */
struct xfer_done {
	int rc;
	struct sv text;
	int fd; /* what was asked for; -1: none */
};
CODEC_FUNCTIONS(xfer_done);

struct xfer_name {
	uint8_t type; /* enum broker_type */
	struct sv name;
};

/* The answer to XFER_LIST and XFER_LIST_MORE; the names with RC_OK only. */
struct xfer_names {
	int rc;
	struct sv text;
	bool more; /* XFER_LIST_MORE gets them */
	struct xfer_name *name;
	uint32_t n;
};
CODEC_FUNCTIONS(xfer_names);

#endif
