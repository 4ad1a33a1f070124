/*
 * Tells a service manager how the server is, as sd_notify(3) describes it: one
 * datagram of VARIABLE=value lines to the socket that it names in the
 * environment.  Only the supervisor does.
 */
#ifndef CMD_SUPERVISOR_SD_NOTIFY_H
#define CMD_SUPERVISOR_SD_NOTIFY_H

#include "base/rc.h"
#include "base/sv.h"

/*
 * Takes the socket's name out of the environment, so that no child gets it,
 * and keeps it.  Without one, or with one that cannot be an address (no path,
 * no abstract name, too long), what follows is silence.
 */
void notify_setup(void);

/* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..."; never blocks. */
void notify(const char *state);

/* A reload begins: systemd wants to know since when. */
void notify_reloading(void);

/*
 * The datagram itself, to "/a/path" or "@abstract".  RC_SYNTAX: that is no
 * socket's name; RC_IO: nobody takes it.
 */
int notify_send(const char *socket_name, struct sv state) RC_USE_RESULT;

#endif
