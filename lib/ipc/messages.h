/* All messages that have a codec, for the unit test and the fuzz target. */
#ifndef IPC_MESSAGES_H
#define IPC_MESSAGES_H

#include "ipc/codec.h"

#define IPC_STRUCT_MAX 1024 /* bytes of the largest struct */

extern const struct codec_type *const ipc_messages[]; /* NULL at the end */

#endif
