#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"

/*
 * Each probe returns true if the forbidden thing worked.  They go through
 * syscall() where libc would do more than the one call.  Whatever one of them
 * manages to do must be harmless: the tests run them with the sandbox off.
 */

static bool
can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static bool
probe_shadow(const char *other)
{
	(void)other;
	return can_open("/etc/shadow", O_RDONLY);
}

static bool
probe_passwd(const char *other)
{
	(void)other;
	return can_open("/etc/passwd", O_RDONLY);
}

static bool
probe_other_folder(const char *other)
{
	return other != NULL && can_open(other, O_RDONLY | O_DIRECTORY);
}

static bool
probe_dotdot(const char *other)
{
	struct stat root, up;
	int fd = open("../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)other;
	if (fd < 0)
		return false;
	/* In a chroot ".." of the root is the root. */
	if (fstat(fd, &up) != 0 || stat(".", &root) != 0)
		root = up;
	(void)close(fd);
	return up.st_ino != root.st_ino || up.st_dev != root.st_dev;
}

static bool
probe_write_tmp(const char *other)
{
	char path[64];
	int fd;

	(void)other;
	(void)snprintf(
	    path, sizeof path, "/tmp/.hearthmail-probe-%d", (int)getpid());
	fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	(void)close(fd);
	(void)unlink(path);
	return true;
}

static bool
probe_connect(const char *other)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(9),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)other;
	if (fd < 0)
		return false;
	/* Refused by the peer is possible for us. */
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 &&
	    errno != ECONNREFUSED) {
		(void)close(fd);
		return false;
	}
	(void)close(fd);
	return true;
}

static bool
probe_socket(const char *other)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)other;
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static bool
probe_netlink(const char *other)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

	(void)other;
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* A process that may connect out may still not take connections. */
static bool
probe_listen(const char *other)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	(void)other;
	if (fd < 0)
		return false;
	ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
	     listen(fd, 1) == 0;
	(void)close(fd);
	return ok;
}

static bool
probe_exec(const char *other)
{
	char *const none[] = {NULL};

	(void)other;
	/* A file that is not a program: with exec allowed the answer is about
	 * the file, not about the call. */
	(void)execve("/proc/self/status", none, none);
	return errno == EACCES || errno == ENOEXEC || errno == ENOENT;
}

static bool
probe_fork(const char *other)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)other;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return false;
	(void)syscall(SYS_wait4, pid, NULL, 0, NULL);
	return true;
}

static bool
probe_ptrace(const char *other)
{
	(void)other;
	return syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, 0) == 0 ||
	       errno == EPERM || errno == ESRCH;
}

static bool
probe_signal(const char *other)
{
	(void)other;
	return syscall(SYS_kill, getppid(), 0) == 0 || errno == EPERM;
}

static bool
probe_truncate(const char *other)
{
	(void)other;
	return syscall(SYS_truncate, "/nonexistent/probe", 0) == 0 ||
	       errno == ENOENT;
}

static bool
probe_chmod(const char *other)
{
	(void)other;
	return syscall(SYS_fchmodat, AT_FDCWD, ".", 0700) == 0 ||
	       errno == EPERM;
}

static bool
probe_chown(const char *other)
{
	(void)other;
	return syscall(SYS_fchownat, AT_FDCWD, ".", getuid(), getgid(), 0) ==
		   0 ||
	       errno == EPERM;
}

static bool
probe_utime(const char *other)
{
	(void)other;
	return syscall(SYS_utimensat, AT_FDCWD, "/nonexistent", NULL, 0) == 0 ||
	       errno == ENOENT;
}

static bool
probe_xattr(const char *other)
{
	(void)other;
	return syscall(SYS_setxattr, "/nonexistent", "user.probe", "x", 1, 0) ==
		   0 ||
	       errno == ENOENT || errno == ENOTSUP;
}

static bool
probe_symlink(const char *other)
{
	(void)other;
	return syscall(SYS_symlinkat, "x", AT_FDCWD, "/nonexistent/x") == 0 ||
	       errno == ENOENT;
}

static bool
probe_link(const char *other)
{
	(void)other;
	return syscall(SYS_linkat, AT_FDCWD, "/nonexistent", AT_FDCWD,
		   "/nonexistent2", 0) == 0 ||
	       errno == ENOENT;
}

static bool
probe_chroot(const char *other)
{
	(void)other;
	return syscall(SYS_chroot, "/nonexistent") == 0 || errno == ENOENT ||
	       errno == EPERM;
}

static bool
probe_namespace(const char *other)
{
	(void)other;
	/* A flag that does not exist: EINVAL means that it was looked at. */
	return syscall(SYS_unshare, 1) == 0 || errno == EINVAL;
}

static bool
probe_exec_memory(const char *other)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)other;
	if (p == MAP_FAILED)
		return false;
	(void)munmap(p, 4096);
	return true;
}

static bool
probe_setuid(const char *other)
{
	(void)other;
	return syscall(SYS_setuid, 0) == 0 || errno == EPERM;
}

static bool
probe_bpf(const char *other)
{
	(void)other;
	return syscall(SYS_bpf, 0, NULL, 0) == 0 || errno == EINVAL ||
	       errno == EPERM || errno == EFAULT;
}

static bool
probe_io_uring(const char *other)
{
	(void)other;
	return syscall(SYS_io_uring_setup, 0, NULL) == 0 || errno == EFAULT ||
	       errno == EINVAL;
}

/* A socket of ours that listens, or one that could: the lowest there is. */
static int
stream_socket(void)
{
	int fd, kind;
	socklen_t n = sizeof kind;

	for (fd = 3; fd < 64; fd++) {
		struct sockaddr_storage a;
		socklen_t m = sizeof a;

		n = sizeof kind;
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &n) == 0 &&
		    kind == SOCK_STREAM &&
		    getsockname(fd, (struct sockaddr *)&a, &m) == 0 &&
		    (a.ss_family == AF_INET || a.ss_family == AF_INET6))
			return dup(fd);
	}
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Was the call itself let through?  What the socket thinks of it, being no
 * client's, does not matter. */
static bool
was_tried(long r)
{
	return r >= 0 || (errno != ENOSYS && errno != EBADF && errno != EACCES);
}

/* The same of a connection without connect(), which Landlock does not look at:
 * the filter says what a kernel does that cannot make one. */
static bool
was_connected(long r)
{
	return was_tried(r) && (r >= 0 || errno != EOPNOTSUPP);
}

typedef long send_fn(int fd, struct msghdr *m);

static long
by_sendto(int fd, struct msghdr *m)
{
	return sendto(fd, m->msg_iov->iov_base, m->msg_iov->iov_len,
	    MSG_FASTOPEN | MSG_NOSIGNAL, m->msg_name, m->msg_namelen);
}

static long
by_sendmsg(int fd, struct msghdr *m)
{
	return sendmsg(fd, m, MSG_FASTOPEN | MSG_NOSIGNAL);
}

static long
by_sendmmsg(int fd, struct msghdr *m)
{
	struct mmsghdr many[2] = {{.msg_hdr = *m}, {.msg_hdr = *m}};

	return sendmmsg(fd, many, 2, MSG_FASTOPEN | MSG_NOSIGNAL);
}

static bool
fastopens(send_fn *by)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(9),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char x[] = "x";
	struct iovec v = {.iov_base = x, .iov_len = 1};
	struct msghdr m = {.msg_name = &a,
	    .msg_namelen = sizeof a,
	    .msg_iov = &v,
	    .msg_iovlen = 1};
	int fd = stream_socket();
	bool ok = was_connected(by(fd, &m));

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool
probe_fastopen(const char *other)
{
	(void)other;
	return fastopens(by_sendto);
}

static bool
probe_fastopen_message(const char *other)
{
	(void)other;
	return fastopens(by_sendmsg);
}

static bool
probe_fastopen_messages(const char *other)
{
	(void)other;
	return fastopens(by_sendmmsg);
}

/* Streams and datagrams that ports' rules do not see. */
static bool
can_make(int type, int protocol)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		(void)close(fd);
	/* A kernel without it has looked, too. */
	return was_tried(fd);
}

static bool
probe_mptcp(const char *other)
{
	(void)other;
	return can_make(SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
}

static bool
probe_sctp(const char *other)
{
	(void)other;
	return can_make(SOCK_STREAM, IPPROTO_SCTP);
}

static bool
probe_udplite(const char *other)
{
	(void)other;
	return can_make(SOCK_DGRAM, IPPROTO_UDPLITE);
}

static bool
probe_udp(const char *other)
{
	(void)other;
	return can_make(SOCK_DGRAM, 0);
}

/* A filter that drops all clients of a socket that others hold, too. */
static bool
probe_socket_filter(const char *other)
{
	int fd = stream_socket(), one = 1;
	bool ok;

	(void)other;
	ok = was_tried(
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof one));
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool
probe_fastopen_connect(const char *other)
{
	int fd = stream_socket(), one = 1;
	bool ok;

	(void)other;
	ok = was_tried(setsockopt(
	    fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &one, sizeof one));
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* More threads than it needs: they count for all processes together. */
static bool
probe_thread(const char *other)
{
	(void)other;
	/* Without CLONE_SIGHAND: never made, but looked at. */
	return syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) >= 0 ||
	       errno != ENOSYS;
}

static bool
probe_pair(const char *other)
{
	int fd[2];

	(void)other;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return false;
	(void)close(fd[0]);
	(void)close(fd[1]);
	return true;
}

static bool
probe_big_file(const char *other)
{
	struct rlimit l;

	(void)other;
	return getrlimit(RLIMIT_FSIZE, &l) != 0 || l.rlim_max == RLIM_INFINITY;
}

struct probe {
	const char *name;
	bool (*run)(const char *other);
	/* Whose part it is; NULL: nobody's. */
	bool (*may)(const struct sandbox_profile *p);
};

static bool
may_connect(const struct sandbox_profile *p)
{
	return p->connects;
}

static bool
may_datagram(const struct sandbox_profile *p)
{
	return p->datagrams;
}

static bool
may_thread(const struct sandbox_profile *p)
{
	return p->threads != SANDBOX_THREADS_NONE;
}

static bool
may_pair(const struct sandbox_profile *p)
{
	return p->pairs;
}

static bool
may_write_any_size(const struct sandbox_profile *p)
{
	return p->file_max == SANDBOX_ANY_SIZE;
}

static const struct probe probes[] = {
    {"etc-shadow", probe_shadow, NULL},
    {"etc-passwd", probe_passwd, NULL},
    {"other-folder", probe_other_folder, NULL},
    {"dotdot", probe_dotdot, NULL},
    {"write-tmp", probe_write_tmp, NULL},
    {"connect", probe_connect, may_connect},
    {"socket", probe_socket, NULL},
    {"netlink", probe_netlink, NULL},
    {"listen", probe_listen, NULL},
    {"fastopen", probe_fastopen, NULL},
    {"fastopen-message", probe_fastopen_message, NULL},
    {"fastopen-messages", probe_fastopen_messages, NULL},
    {"fastopen-connect", probe_fastopen_connect, NULL},
    {"socket-filter", probe_socket_filter, NULL},
    {"mptcp", probe_mptcp, NULL},
    {"sctp", probe_sctp, NULL},
    {"udplite", probe_udplite, NULL},
    {"udp", probe_udp, may_datagram},
    {"pair", probe_pair, may_pair},
    {"thread", probe_thread, may_thread},
    {"big-file", probe_big_file, may_write_any_size},
    {"exec", probe_exec, NULL},
    {"fork", probe_fork, NULL},
    {"ptrace", probe_ptrace, NULL},
    {"signal", probe_signal, NULL},
    {"truncate", probe_truncate, NULL},
    {"chmod", probe_chmod, NULL},
    {"chown", probe_chown, NULL},
    {"utime", probe_utime, NULL},
    {"xattr", probe_xattr, NULL},
    {"symlink", probe_symlink, NULL},
    {"link", probe_link, NULL},
    {"chroot", probe_chroot, NULL},
    {"namespace", probe_namespace, NULL},
    {"exec-memory", probe_exec_memory, NULL},
    {"setuid", probe_setuid, NULL},
    {"bpf", probe_bpf, NULL},
    {"io-uring", probe_io_uring, NULL},
};

void
sandbox_probe(const struct sandbox_profile *p, const char *other)
{
	size_t i;

	for (i = 0; i < sizeof probes / sizeof probes[0]; i++) {
		bool possible;

		if (probes[i].may != NULL && probes[i].may(p))
			continue;
		errno = 0;
		possible = probes[i].run(other);
		mlog(LOG_INFO, "probe", "process=%s name=%s result=%s errno=%d",
		    p->name, probes[i].name, possible ? "possible" : "refused",
		    errno);
	}
}
