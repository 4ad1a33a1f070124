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

/* Whoever may connect out may still not take connections. */
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
	/* A file that is no program: with exec allowed the answer is about
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

struct probe {
	const char *name;
	bool (*run)(const char *other);
	bool connects_may; /* part of what mx and dns are for */
};

static const struct probe probes[] = {
    {"etc-shadow", probe_shadow, false},
    {"etc-passwd", probe_passwd, false},
    {"other-folder", probe_other_folder, false},
    {"dotdot", probe_dotdot, false},
    {"write-tmp", probe_write_tmp, false},
    {"connect", probe_connect, true},
    {"socket", probe_socket, false},
    {"netlink", probe_netlink, false},
    {"listen", probe_listen, false},
    {"exec", probe_exec, false},
    {"fork", probe_fork, false},
    {"ptrace", probe_ptrace, false},
    {"signal", probe_signal, false},
    {"truncate", probe_truncate, false},
    {"chmod", probe_chmod, false},
    {"chown", probe_chown, false},
    {"utime", probe_utime, false},
    {"xattr", probe_xattr, false},
    {"symlink", probe_symlink, false},
    {"link", probe_link, false},
    {"chroot", probe_chroot, false},
    {"namespace", probe_namespace, false},
    {"exec-memory", probe_exec_memory, false},
    {"setuid", probe_setuid, false},
    {"bpf", probe_bpf, false},
    {"io-uring", probe_io_uring, false},
};

void
sandbox_probe(const struct sandbox_profile *p, const char *other)
{
	size_t i;

	for (i = 0; i < sizeof probes / sizeof probes[0]; i++) {
		bool possible;

		if (probes[i].connects_may && p->connects)
			continue;
		errno = 0;
		possible = probes[i].run(other);
		mlog(LOG_INFO, "probe", "process=%s name=%s result=%s errno=%d",
		    p->name, probes[i].name, possible ? "possible" : "refused",
		    errno);
	}
}
