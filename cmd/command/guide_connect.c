/* Port 25 of a large receiver: connects, waits for the greeting, says QUIT. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/ev.h"
#include "base/io.h"
#include "cmd/command/guide.h"
#include "msgauth/iprev.h"

#define WAIT_MS	     15000
#define GREETING_MAX 400
#define SMTP_PORT    25

struct attempt {
	struct ev_loop *loop;
	struct publish *p;
	guide_connected_fn *fn;
	void *arg;
	struct ev_timer *timer;
	struct ev *ev;
	int fd;
	bool connected;
	char where[LOOKUP_IP_TEXT];
	struct buf greeting;
};

static void __attribute__((format(printf, 3, 4)))
say(struct publish *p, enum publish_state state, const char *fmt, ...)
{
	va_list ap;

	p->state = state;
	buf_reset(&p->words);
	va_start(ap, fmt);
	buf_addv(&p->words, fmt, ap);
	va_end(ap);
}

static void
end(struct attempt *a)
{
	guide_connected_fn *fn = a->fn;
	void *arg = a->arg;

	ev_timer_del(&a->timer);
	ev_del(&a->ev);
	io_close(&a->fd);
	buf_fini(&a->greeting);
	free(a);
	fn(arg);
}

static void
say_blocked(struct attempt *a, const char *why)
{
	say(a->p, PUBLISH_DIFFERENT,
	    "cannot connect to port 25 of %s (%s): many providers block it for "
	    "home connections; ask yours to open it, or send through a relay",
	    a->where, why);
	end(a);
}

static void
on_time(void *arg)
{
	struct attempt *a = arg;

	a->timer = NULL;
	say_blocked(a, a->connected ? "no greeting" : "no answer");
}

/* Its first line, as far as it is printable. */
static void
read_greeting(struct attempt *a)
{
	struct sv line = buf_sv(&a->greeting);
	size_t i;

	line = sv_trim(sv_first(line, sv_chr(line, '\n')));
	buf_reset(&a->p->found);
	for (i = 0; i < line.n; i++)
		buf_addc(
		    &a->p->found, ascii_is_print(line.p[i]) ? line.p[i] : '?');
	if (sv_starts(line, SV("220")))
		say(a->p, PUBLISH_RIGHT, "%s", "");
	else
		say(a->p, PUBLISH_DIFFERENT,
		    "%s does not want to talk to this server", a->where);
	(void)!write(a->fd, "QUIT\r\n", 6);
	end(a);
}

static void
on_bytes(struct attempt *a)
{
	char b[GREETING_MAX];
	ssize_t n = read(a->fd, b, sizeof b);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&a->greeting, b, (size_t)n);
	if (n <= 0)
		say_blocked(a, "the connection was closed");
	else if (sv_chr(buf_sv(&a->greeting), '\n') < a->greeting.n ||
		 !buf_ok(&a->greeting))
		read_greeting(a);
}

static void
on_event(struct ev *e, uint32_t events, void *arg)
{
	struct attempt *a = arg;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (a->connected) {
		on_bytes(a);
		return;
	}
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		say_blocked(a, strerror(error));
		return;
	}
	a->connected = true;
	ev_set(e, EPOLLIN);
}

static int
begin_to_connect(int fd, const struct in6_addr *ip)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
	    .sin6_port = htons(SMTP_PORT),
	    .sin6_addr = *ip};
	struct sockaddr_in four = {
	    .sin_family = AF_INET, .sin_port = htons(SMTP_PORT)};

	memcpy(&four.sin_addr, ip->s6_addr + 12, 4);
	return IN6_IS_ADDR_V4MAPPED(ip)
		   ? connect(fd, (struct sockaddr *)&four, sizeof four)
		   : connect(fd, (struct sockaddr *)&six, sizeof six);
}

void
guide_connect(struct ev_loop *loop, struct publish *p,
    const struct dns_answer *addresses, guide_connected_fn *fn, void *arg)
{
	struct attempt *a = xcalloc(1, sizeof *a);
	struct in6_addr ip;
	int family;

	*a = (struct attempt){
	    .loop = loop, .p = p, .fn = fn, .arg = arg, .fd = -1};
	buf_init(&a->greeting, GREETING_MAX);
	if (addresses->n == 0 || dns_addr(addresses->record[0], &ip) != RC_OK) {
		say(p, PUBLISH_UNKNOWN, "the mail hosts of %s were not found",
		    p->name);
		end(a);
		return;
	}
	(void)lookup_ip_text(&ip, a->where);
	family = IN6_IS_ADDR_V4MAPPED(&ip) ? AF_INET : AF_INET6;
	a->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0 ||
	    (begin_to_connect(a->fd, &ip) != 0 && errno != EINPROGRESS)) {
		say_blocked(a, strerror(errno));
		return;
	}
	a->ev = ev_add(loop, a->fd, EPOLLOUT, on_event, a);
	a->timer = ev_timer_add(loop, WAIT_MS, on_time, a);
}
