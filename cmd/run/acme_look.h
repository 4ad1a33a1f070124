/* What clients of our own ports see of the server's certificate. */
#ifndef CMD_RUN_ACME_LOOK_H
#define CMD_RUN_ACME_LOOK_H

#include "conf/conf.h"
#include "https/https.h"

struct acme_look {
	struct https *https;
	const struct conf *conf;
	bool (*wait)(void *arg, int64_t s); /* false: we are to end */
	void *arg;
};

/* Appends a line about those that do not show that one, in time. */
void acme_look(
    const struct acme_look *a, struct sv pem, bool fresh, struct buf *lines);

/* Which ports are asked: the authority's, those of our own services, and those
 * at which names are proved. */
#define ACME_PORTS_MAX 32
size_t acme_ports(const struct conf *conf, uint16_t ports[ACME_PORTS_MAX]);

#endif
