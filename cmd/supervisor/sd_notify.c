#include "cmd/supervisor/sd_notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"

#define VARIABLE "NOTIFY_SOCKET"

static char manager[sizeof((struct sockaddr_un *)0)->sun_path];

void
notify_setup(void)
{
	const char *name = getenv(VARIABLE);

	manager[0] = '\0';
	if (name != NULL && strlen(name) < sizeof manager)
		(void)strncat(manager, name, sizeof manager - 1);
	else if (name != NULL)
		mlog(LOG_WARN, "notify.fail",
		    "text=\"" VARIABLE " is longer than an address\"");
	(void)unsetenv(VARIABLE);
}

int
notify_send(const char *socket_name, struct sv state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(socket_name);
	ssize_t sent;
	int fd;

	if (n < 2 || n >= sizeof a.sun_path ||
	    (socket_name[0] != '/' && socket_name[0] != '@'))
		return RC_SYNTAX;
	memcpy(a.sun_path, socket_name, n);
	/* An abstract name begins with NUL and ends with its length. */
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return RC_IO;
	sent = sendto(fd, state.p, state.n, MSG_NOSIGNAL, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	io_close(&fd);
	return sent == (ssize_t)state.n ? RC_OK : RC_IO;
}

void
notify(const char *state)
{
	if (manager[0] != '\0' && notify_send(manager, sv_str(state)) != RC_OK)
		mlog(LOG_WARN, "notify.fail", "state=\"%s\"", state);
}

void
notify_reloading(void)
{
	struct timespec t = {0};
	char text[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	(void)snprintf(text, sizeof text,
	    "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	notify(text);
}
