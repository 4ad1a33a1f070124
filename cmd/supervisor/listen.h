/* Listening sockets, which the supervisor keeps over reloads. */
#ifndef CMD_SUPERVISOR_LISTEN_H
#define CMD_SUPERVISOR_LISTEN_H

#include "conf/conf.h"

struct super_socket {
	enum conf_service service;
	char host[64]; /* "" : all addresses */
	uint16_t port; /* as configured */
	int fd;
	bool wanted; /* by the configuration that is coming */
};

struct super_sockets {
	struct super_socket *s;
	size_t n;
};

#define SOCKETS_ALL 0xffffffffu
/* What serves while there is no certificate for clients. */
#define SOCKETS_BARE (1u << CONF_SMTP | 1u << CONF_HTTP | 1u << CONF_METRICS)

/*
 * Makes set contain what conf wants of these services (bits, 1 <<
 * conf_service), reusing what is there.  On an error nothing has changed and
 * *err names service and address.  *changed: other sockets than before.
 */
int sockets_open(struct super_sockets *set, const struct conf *conf,
    unsigned services, bool *changed, struct err *err) RC_USE_RESULT;
/* Has this machine that address?  Nothing stays open. */
int sockets_check(const struct conf_listen *l, struct err *err) RC_USE_RESULT;
void sockets_close(struct super_sockets *set);

#endif
