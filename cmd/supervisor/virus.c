/*
 * Connections to ClamAV's daemon, for those who may not make any: they get the
 * connection, and nothing else of that socket's place.
 *
 * The socket belongs to another user, who must not be able to have root
 * connect elsewhere: what listens there must be the owner of the socket, and
 * the folder must be that owner's or root's.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/io.h"
#include "cmd/supervisor/supervisor_priv.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

static bool
is_owners(const char *path, uid_t listener)
{
	struct stat s, folder;
	struct buf dir;
	bool ok;

	buf_init(&dir, 4096);
	buf_addsv(&dir, sv_first(sv_str(path), sv_rchr(sv_str(path), '/')));
	ok = lstat(path, &s) == 0 && S_ISSOCK(s.st_mode) &&
	     s.st_uid == listener && stat(dir.p, &folder) == 0 &&
	     (folder.st_uid == 0 || folder.st_uid == listener);
	buf_fini(&dir);
	return ok;
}

/* -1: it is not there, or busy. */
static int
connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who;
	socklen_t n = sizeof who;
	int fd;

	if (strlen(path) >= sizeof a.sun_path)
		return -1;
	(void)strncat(a.sun_path, path, sizeof a.sun_path - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		mlog(LOG_WARN, "virus.connect",
		    "socket=%s errno=%d text=\"is clamd running?\"", path,
		    errno);
		io_close(&fd);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
		   !is_owners(path, who.uid)) {
		mlog(LOG_ERROR, "virus.connect",
		    "socket=%s text=\"its folder belongs to somebody else "
		    "than the one who listens\"",
		    path);
		io_close(&fd);
	}
	return fd;
}

void
virus_asked(struct super *s, struct line *by)
{
	const char *path = s->conf->virus.clamd;
	const struct ctl_clamd said = {path != NULL ? connect_to(path) : -1};
	struct msg m;

	msg_init(&m, CTL_CLAMD);
	ctl_clamd_put(&m, &said);
	line_tell(by, &m);
}
