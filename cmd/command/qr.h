/* A QR code on the terminal. */
#ifndef CMD_COMMAND_QR_H
#define CMD_COMMAND_QR_H

#include "base/buf.h"

/* Lines of half blocks, black on white whatever the terminal's colours are,
 * with the margin that cameras need.  RC_TOOBIG: no code takes that much. */
int qr_print(struct sv text, struct buf *out) RC_USE_RESULT;

#endif
