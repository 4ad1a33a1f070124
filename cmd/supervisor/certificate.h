/* The certificate that all services show: the configured files, or one that
 * the server has signed itself. */
#ifndef CMD_SUPERVISOR_CERTIFICATE_H
#define CMD_SUPERVISOR_CERTIFICATE_H

#include "conf/conf.h"

/* Makes the self-signed certificate, if none is configured and there is none or
 * its time is over. */
int certificate_make(const struct conf *conf, struct err *err) RC_USE_RESULT;
/* Reads certificate and key and checks that they fit.  cert and key (room for
 * 1 MiB, the key to be wiped) may be NULL: only check. */
int certificate_load(const struct conf *conf, struct buf *cert, struct buf *key,
    struct err *err) RC_USE_RESULT;
/* Where the file names them; nowhere for the self-signed one. */
struct conf_place certificate_place(const struct conf *conf);
/* Changes whenever one of the two files does. */
uint64_t certificate_stamp(const struct conf *conf);
/* Paths of the certificate and key in force, appended. */
void certificate_paths(
    const struct conf *conf, struct buf *cert, struct buf *key);

#endif
