#include "cmd/supervisor/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define BACKLOG	    1024
#define PATIENCE_MS 2000

struct address {
	struct sockaddr_storage a;
	socklen_t n;
};

/* Numeric only: a name server must not decide what we listen on. */
static bool
to_address(const char *host, uint16_t port, struct address *out)
{
	struct sockaddr_in *four = (void *)&out->a;
	struct sockaddr_in6 *six = (void *)&out->a;

	memset(out, 0, sizeof *out);
	if (host[0] != '\0' && inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		out->n = sizeof *four;
		return true;
	}
	six->sin6_addr = in6addr_any;
	if (host[0] != '\0' && inet_pton(AF_INET6, host, &six->sin6_addr) != 1)
		return false;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	out->n = sizeof *six;
	return true;
}

static int
listen_on(const struct address *a)
{
	const int one = 1, zero = 0;
	int fd = socket(
	    a->a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	/* Accepted sockets inherit it: replies are small and should not wait
	 * for each other. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (a->a.ss_family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, (const struct sockaddr *)&a->a, a->n) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		int e = errno;

		(void)close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/*
 * After the supervisor's own death its listeners need up to a second to
 * leave; a service manager that restarts us should not fail for that.
 */
static int
listen_patiently(const struct address *a)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};
	int64_t until = clk_mono() + PATIENCE_MS;
	int fd = listen_on(a);

	while (fd < 0 && errno == EADDRINUSE && clk_mono() < until) {
		(void)nanosleep(&pause, NULL);
		fd = listen_on(a);
	}
	return fd;
}

static const char *
hint(int e)
{
	switch (e) {
	case EADDRINUSE:
		return "; another program uses this port (ss -ltnp shows "
		       "which), or this server on another address: then "
		       "restart it";
	case EACCES:
		return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	case EADDRNOTAVAIL:
		return "; this machine does not have that address";
	default:
		return "";
	}
}

int
sockets_check(const struct conf_listen *l, struct err *err)
{
	struct address a;
	int fd, r = RC_OK;

	if (l->host == NULL || !to_address(l->host, 0, &a))
		return RC_OK; /* the parser has seen to that */
	fd = socket(a.a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a.a, a.n) != 0)
		r = err_set(err, RC_IO, "cannot listen on %s:%u: %s%s", l->host,
		    l->port, strerror(errno), hint(errno));
	io_close(&fd);
	return r;
}

static int
open_one(const struct conf *conf, enum conf_service service,
    const struct conf_listen *l, int *fd_out, struct err *err)
{
	const char *host = l->host != NULL ? l->host : "";
	uint16_t port = l->port;
	char place[CONF_PLACE_MAX];
	struct address a;
	int fd;

	must(to_address(host, port, &a));
	fd = listen_patiently(&a);
	if (fd < 0 && host[0] == '\0' && errno == EAFNOSUPPORT) {
		(void)to_address("0.0.0.0", port, &a); /* no IPv6 here */
		fd = listen_on(&a);
	}
	if (fd < 0)
		return err_set(err, RC_IO,
		    "%slisten.%s: cannot listen on "
		    "%s:%u: %s%s",
		    conf_place_print(conf, l->at, place),
		    conf_service_name(service), host[0] != '\0' ? host : "*",
		    port, strerror(errno), hint(errno));
	*fd_out = fd;
	return RC_OK;
}

static void
log_socket(const struct super_socket *s)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;
	char text[64] = "";
	uint16_t port;

	if (getsockname(s->fd, (struct sockaddr *)&a, &n) != 0)
		return;
	if (a.ss_family == AF_INET) {
		const struct sockaddr_in *f = (const void *)&a;

		(void)inet_ntop(AF_INET, &f->sin_addr, text, sizeof text);
		port = ntohs(f->sin_port);
	} else {
		const struct sockaddr_in6 *f = (const void *)&a;

		(void)inet_ntop(AF_INET6, &f->sin6_addr, text, sizeof text);
		port = ntohs(f->sin6_port);
	}
	mlog(LOG_INFO, "listen", "service=%s address=%s port=%u",
	    conf_service_name(s->service), text, port);
}

static struct super_socket *
find(struct super_sockets *set, enum conf_service service, const char *host,
    uint16_t port)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->s[i].service == service && set->s[i].port == port &&
		    strcmp(set->s[i].host, host) == 0)
			return &set->s[i];
	return NULL;
}

/* A process that was given a socket can have shut it down, for us, too. */
static bool
is_listening(int fd)
{
	int yes = 0;
	socklen_t n = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

/* True: there were such sockets, and they are forgotten. */
static bool
forget_deaf(struct super_sockets *set)
{
	bool any = false;
	size_t i = 0;

	while (i < set->n) {
		struct super_socket *s = &set->s[i];

		if (is_listening(s->fd)) {
			i++;
			continue;
		}
		mlog(LOG_ERROR, "listen.lost",
		    "service=%s port=%u text=\"one of the server's processes "
		    "has shut this socket down; it is opened again\"",
		    conf_service_name(s->service), s->port);
		io_close(&s->fd);
		*s = set->s[--set->n];
		any = true;
	}
	return any;
}

/* Drops sockets by whether they are wanted. */
static bool
drop(struct super_sockets *set, bool wanted, size_t from)
{
	bool any = false;
	size_t i = from;

	while (i < set->n)
		if (set->s[i].wanted == wanted) {
			io_close(&set->s[i].fd);
			set->s[i] = set->s[--set->n];
			any = true;
		} else {
			i++;
		}
	return any;
}

/* Adds one that is not there yet. */
static int
add_socket(struct super_sockets *set, const struct conf *conf,
    enum conf_service service, const struct conf_listen *l, struct err *err)
{
	struct super_socket *s;
	int fd, r = open_one(conf, service, l, &fd, err);

	if (r != RC_OK)
		return r;
	set->s = xreallocarray(set->s, set->n + 1, sizeof *set->s);
	s = &set->s[set->n++];
	memset(s, 0, sizeof *s);
	s->service = service;
	s->port = l->port;
	s->fd = fd;
	s->wanted = true;
	(void)strncat(
	    s->host, l->host != NULL ? l->host : "", sizeof s->host - 1);
	log_socket(s);
	return RC_OK;
}

int
sockets_open(struct super_sockets *set, const struct conf *conf,
    unsigned services, bool *changed, struct err *err)
{
	size_t i, old;
	int service, r;

	*changed = forget_deaf(set);
	old = set->n;
	for (i = 0; i < set->n; i++)
		set->s[i].wanted = false;
	for (service = 0; service < CONF_SERVICES; service++)
		for (i = 0; i < conf->nlisten[service] &&
			    (services & 1u << service) != 0;
		     i++) {
			const struct conf_listen *l = &conf->listen[service][i];
			const char *host = l->host != NULL ? l->host : "";
			enum conf_service sv = (enum conf_service)service;
			struct super_socket *s = find(set, sv, host, l->port);

			if (s != NULL) {
				s->wanted = true;
				continue;
			}
			r = add_socket(set, conf, sv, l, err);
			if (r != RC_OK) {
				(void)drop(set, true, old);
				return r;
			}
			*changed = true;
		}
	if (drop(set, false, 0))
		*changed = true;
	return RC_OK;
}

void
sockets_close(struct super_sockets *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		io_close(&set->s[i].fd);
	free(set->s);
	*set = (struct super_sockets){NULL, 0};
}
