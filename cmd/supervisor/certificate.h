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
/* The same for two files, which may be NULL. */
int certificate_load_pair(const struct conf *conf, const char *cert_path,
    const char *key_path, struct buf *cert, struct buf *key,
    struct err *err) RC_USE_RESULT;
/*
 * The configured pair that was used last is kept in DATA/tls/last-good.pem, of
 * root alone: if its files are away or broken at a start, it serves until they
 * are back.
 */
void certificate_keep(const struct conf *conf, struct sv cert, struct sv key);
/*
 * What is shown while the configured pair cannot be used (room as above): the
 * one that was kept, if its time is not over; *for_clients is true then.  Else
 * one of our own, in memory only: good for port 25, where nobody looks who has
 * signed it, and not for mail programs, whose owners would learn to click
 * warnings away.
 */
int certificate_substitute(const struct conf *conf, struct buf *cert,
    struct buf *key, bool *for_clients, struct err *err) RC_USE_RESULT;
/* Where the file names them; nowhere for the self-signed one. */
struct conf_place certificate_place(const struct conf *conf);
/* Changes whenever one of the two files does. */
uint64_t certificate_stamp(const struct conf *conf);
/* The same for the files of domains. */
uint64_t certificate_domain_stamp(const struct conf *conf);
/* Reads one of these, or of tls.certificate's kind: what is in the folder of
 * acme, which may have been taken over, only if it is a file there. */
int certificate_read(const struct conf *conf, const char *path, struct buf *out,
    struct err *err) RC_USE_RESULT;
/* Paths of the certificate and key in force, appended. */
void certificate_paths(
    const struct conf *conf, struct buf *cert, struct buf *key);

#endif
