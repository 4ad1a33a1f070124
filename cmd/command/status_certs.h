/* What `status` says of the certificates that domains have in files. */
#ifndef CMD_COMMAND_STATUS_CERTS_H
#define CMD_COMMAND_STATUS_CERTS_H

#include "conf/conf.h"

/* Appends a line each; to trouble those that end before soon, in seconds.  Both
 * have so many bytes. */
void status_domain_certificates(const struct conf *conf, int64_t soon,
    char *lines, char *trouble, size_t size);

#endif
