/*
 * What the parser cannot see: whether the configuration fits this machine.
 * What `run` would refuse is refused here with its place, so that
 * `hearthmail check && hearthmail reload` guards; what only works badly is a
 * warning.  What this user may not read is not an error: the server may.
 */
#ifndef CMD_SUPERVISOR_PREFLIGHT_H
#define CMD_SUPERVISOR_PREFLIGHT_H

#include "conf/conf.h"

void preflight(const struct conf *conf, struct conf_errors *errors);
/* A backup in that folder would be lost with the data, whatever the path looks
 * like. */
bool preflight_inside_data(
    const struct conf *conf, const char *folder, struct err *err);
/* The folder of the daily backup cannot be; *err says why. */
bool preflight_backup(const struct conf *conf, struct err *err);
/* Mail to this smarthost will wait, for its password or for those who vouch for
 * its certificate; *err says why. */
bool preflight_relay(const struct conf_relay *r, struct err *err);
/* Mail cannot leave from the address that was named; *err says why. */
bool preflight_outbound(const struct conf *conf, struct err *err);
/* The configuration says as whom root reads and writes: who can change it is
 * root.  And a key or a password that others can read is not a secret.  Each
 * such file as a sentence; returns how many. */
unsigned preflight_open_files(const struct conf *conf, const char *config,
    void (*fn)(void *arg, const char *text), void *arg);

#endif
