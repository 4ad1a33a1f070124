/*
 * IMAP's and POP3's listener processes are the same but for the protocol's
 * front half.
 */
#ifndef CMD_RUN_LISTENER_H
#define CMD_RUN_LISTENER_H

#include "front/front.h"

int run_listener(int control_fd, const struct front_proto *proto);

#endif
