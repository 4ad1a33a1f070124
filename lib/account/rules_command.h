/*
 * What the command line asks of an account's rules (RULES): see
 * ipc/msg_account.h.  Its file has what it brings, a script or a message, in
 * the first `size` bytes; what it gets is written behind them.
 */
#ifndef ACCOUNT_RULES_COMMAND_H
#define ACCOUNT_RULES_COMMAND_H

#include "account/rules.h"

/* Done, and flushed.  text: what to say. */
int rules_command(
    struct rules *r, const struct rules_ask *a, struct err *err) RC_USE_RESULT;

#endif
