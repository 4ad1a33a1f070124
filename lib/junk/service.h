/*
 * The process `junk`: models of the server and of its accounts, for accounts
 * that ask and teach, each by its own line, so that none can speak for another;
 * and for the command line.
 *
 * Models are loaded when they are needed; an account's goes again when nobody
 * has asked for a while.  Files that cannot be read or written are logged, and
 * answered with RC_TEMP: mail goes on without an opinion.
 */
#ifndef JUNK_SERVICE_H
#define JUNK_SERVICE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/ev.h"

struct junk_service;

struct junk_service *junk_service_new(struct ev_loop *loop);
/* Writes what is not written. */
void junk_service_free(struct junk_service **s);
/* Do accounts share what they teach? */
void junk_service_set_share(struct junk_service *s, bool share);
/* Take fd. */
void junk_service_add_account(
    struct junk_service *s, int fd, const char *account);
void junk_service_add_command(struct junk_service *s, int fd);
/* Lines for the status. */
void junk_service_status(struct junk_service *s, struct buf *out);

#endif
