/* The key `dns` of the configuration, as the dns process begins with it. */
#ifndef CMD_RUN_NAME_SERVICE_H
#define CMD_RUN_NAME_SERVICE_H

#include "conf/conf.h"

struct dns_server_opts;
/* What the dns process begins with; to be given back as of dns/server.h. */
int name_service_load(const struct conf *conf, struct dns_server_opts *o,
    struct err *err) RC_USE_RESULT;
/* Reads the files of the key `dns` as the dns process will: are they fine? */
int name_service_check(const struct conf *conf, struct err *err) RC_USE_RESULT;
/* Where the file names what *err speaks of. */
struct conf_place name_service_place(
    const struct conf *conf, const struct err *err);

#endif
