#include "ipc/messages.h"

#include "ipc/msg_mx.h"

const struct codec_type *const ipc_messages[] = {
    /* msg_mx.h */
    &mx_job_codec,
    &mx_outcome_codec,
    &mx_open_codec,
    &mx_noted_codec,
    NULL,
};
