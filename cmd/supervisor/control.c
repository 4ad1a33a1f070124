/* The sockets on which the command line gives orders. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_answer.h"

/* A socket at DATA/run/NAME, reached by a path relative to it: the kernel's
 * limit for socket paths is 107 bytes. */
static int
control_socket(struct super *s, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct buf dir;
	int fd, here;

	buf_init(&dir, 4096);
	buf_addf(&dir, "%s/run", s->conf->data);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)strncat(a.sun_path, name, sizeof a.sun_path - 1);
	if (here < 0 || fd < 0 || chdir(dir.p) != 0) {
		io_close(&fd);
	} else {
		(void)unlink(name);
		if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
		    chmod(name, 0600) != 0 || listen(fd, 16) != 0)
			io_close(&fd);
		must(fchdir(here) == 0);
	}
	io_close(&here);
	buf_fini(&dir);
	if (fd < 0)
		mlog(LOG_ERROR, "control.fail", "socket=%s errno=%d", name,
		    errno);
	return fd;
}

/* The next connection of somebody who may give orders; -1 otherwise. */
static int
accept_owner(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct ucred who;
	socklen_t n = sizeof who;

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		mlog(LOG_WARN, "control.denied", "uid=%u", who.uid);
		io_close(&fd);
	}
	return fd;
}

/* A connection is the order; nothing is read from it. */
static void
reload_ordered(struct super *s, int fd)
{
	struct err err = {.code = RC_OK};
	struct msg m;

	super_reload(s, &err);
	msg_answer_make(
	    &m, 0, err.code, err.code != RC_OK ? err.text : "reloaded");
	if (line_send_fd(fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=reload");
	io_close(&fd);
}

/* Each socket's name below DATA/run, and whose connections are passed on,
 * unread; else what is done here. */
static const struct {
	const char *name;
	enum role role;
	void (*here)(struct super *s, int fd); /* takes fd */
} controls[SUPER_CONTROLS] = {
    {"reload.sock", ROLE_COUNT, reload_ordered},
    {"status.sock", ROLE_COUNT, status_begin},
    {"debug.sock", ROLE_COUNT, debug_ordered},
    {"auth.sock", ROLE_AUTH, NULL},
    {"queue.sock", ROLE_QUEUE, NULL},
    {"keeper.sock", ROLE_KEEPER, NULL},
    {"history.sock", ROLE_HISTORY, NULL},
    {"junk.sock", ROLE_JUNK, NULL},
};

static void
on_control_socket(struct ev *e, uint32_t events, void *arg)
{
	struct super_control *c = arg;
	size_t i = (size_t)(c - c->super->control);
	int fd = accept_owner(c->fd);

	(void)e;
	(void)events;
	if (fd < 0)
		return;
	if (controls[i].here != NULL)
		controls[i].here(c->super, fd);
	else
		procs_pass_control(c->super, controls[i].role, fd);
}

void
control_open(struct super *s)
{
	size_t i;

	for (i = 0; i < SUPER_CONTROLS; i++) {
		struct super_control *c = &s->control[i];

		c->super = s;
		c->fd = control_socket(s, controls[i].name);
		if (c->fd >= 0)
			c->ev = ev_add(
			    s->loop, c->fd, EPOLLIN, on_control_socket, c);
	}
}

void
control_close(struct super *s)
{
	size_t i;

	for (i = 0; i < SUPER_CONTROLS; i++) {
		ev_del(&s->control[i].ev);
		io_close(&s->control[i].fd);
	}
}
