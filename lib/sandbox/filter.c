#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox_priv.h"

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#define CALL(name) SCMP_SYS(name)

/* What every process may call: memory, threads, time, and descriptors that it
 * already has.  Ordered by purpose. */
static const int base_calls[] = {
    /* bytes */
    CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64),
    CALL(pwrite64), CALL(preadv), CALL(pwritev), CALL(lseek), CALL(close),
    CALL(fstat), CALL(dup),
    /* memory */
    CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise),
    /* threads and signals */
    CALL(futex), CALL(set_robust_list), CALL(rseq), CALL(gettid), CALL(getpid),
    CALL(exit), CALL(exit_group), CALL(sched_yield), CALL(rt_sigaction),
    CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack),
    CALL(restart_syscall), CALL(membarrier), CALL(sched_getaffinity),
    CALL(set_tid_address),
    /* time and chance */
    CALL(clock_gettime), CALL(clock_nanosleep), CALL(nanosleep),
    CALL(gettimeofday), CALL(time), CALL(getrandom), CALL(clock_getres),
    /* waiting */
    CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
    CALL(eventfd2), CALL(poll), CALL(ppoll),
    /* sockets that are there already */
    CALL(recvmsg), CALL(recvfrom), CALL(shutdown), CALL(getsockname),
    CALL(getpeername), CALL(getsockopt),
    /* who am I */
    CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getrusage),
    CALL(sysinfo)};

static const int accept_calls[] = {CALL(accept4), CALL(accept)};

static const int memfd_calls[] = {CALL(memfd_create), CALL(ftruncate)};

/* Deliberately not here: truncate, chmod, chown, utime, xattr, link, symlink,
 * mknod, mount: Landlock of kernel 6.1 does not see them. */
static const int file_calls[] = {CALL(openat), CALL(open), CALL(unlink),
    CALL(unlinkat), CALL(rename), CALL(renameat), CALL(renameat2), CALL(mkdir),
    CALL(mkdirat), CALL(fdatasync), CALL(fsync), CALL(ftruncate),
    CALL(fallocate), CALL(getdents64), CALL(statfs), CALL(fstatfs), CALL(stat),
    CALL(lstat), CALL(sync_file_range), CALL(fadvise64), CALL(msync)};

static const int connect_calls[] = {CALL(connect), CALL(recvmmsg)};

/* To be set on sockets that are there: nothing that binds them to a device,
 * filters or locks them, or lets a later connect() slip past Landlock. */
static const int tcp_options[] = {TCP_NODELAY, TCP_CORK, TCP_QUICKACK};
static const int socket_options[] = {SO_SNDBUF, SO_RCVBUF, SO_SNDTIMEO,
    SO_RCVTIMEO, SO_LINGER, SO_REUSEADDR, SO_KEEPALIVE};
/* libunbound's; the first two are refused to all but root. */
static const int client_options[] = {SO_RCVBUFFORCE, SO_SNDBUFFORCE};
static const int client_tcp_options[] = {TCP_MAXSEG};

static int
allow_list(scmp_filter_ctx f, const int *calls, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

#define ALLOW(f, list) allow_list(f, list, sizeof(list) / sizeof((list)[0]))

static int
allow_options(scmp_filter_ctx f, int level, const int *options, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setsockopt), 2,
		    SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)level),
		    SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return r;
}

#define OPTIONS(f, level, list) \
	allow_options(f, level, list, sizeof(list) / sizeof((list)[0]))

/*
 * Sending on sockets that are there.  MSG_FASTOPEN would make a connection: a
 * listening socket that was shut down can be connected by it, and Landlock
 * does not look at it.  libunbound tries it first on each stream, and goes on
 * with connect() if it is told that the socket cannot do that.
 */
static int
allow_sending(scmp_filter_ctx f, bool connects)
{
	int r;

	if ((r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(sendto), 1,
		 SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0))) != 0 ||
	    (r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(sendmsg), 1,
		 SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0))) != 0 ||
	    (connects &&
		(r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(sendmmsg), 1,
		     SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0))) != 0) ||
	    (r = OPTIONS(f, IPPROTO_TCP, tcp_options)) != 0 ||
	    (r = OPTIONS(f, SOL_SOCKET, socket_options)) != 0 || !connects)
		return r;
	if ((r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EOPNOTSUPP), CALL(sendmsg),
		 1, SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN))) !=
		0 ||
	    (r = OPTIONS(f, SOL_SOCKET, client_options)) != 0 ||
	    (r = OPTIONS(f, IPPROTO_TCP, client_tcp_options)) != 0 ||
	    (r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setsockopt), 1,
		 SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6))) != 0)
		return r;
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setsockopt), 1,
	    SCMP_A1(SCMP_CMP_EQ, IPPROTO_IP));
}

/* Threads, not processes.  clone3 hides its flags behind a pointer; told that
 * it does not exist, libc falls back to clone.  (A rule that says what the
 * default says is an error to libseccomp.) */
static int
allow_threads(
    scmp_filter_ctx f, enum sandbox_threads threads, bool kill_unknown)
{
	int r = 0;

	if (threads == SANDBOX_THREADS_NONE)
		return 0;
	r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0 && kill_unknown)
		r = seccomp_rule_add(
		    f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	/* To raise one more wall: see sandbox_no_more_threads. */
	if (r == 0 && threads == SANDBOX_THREADS_FEW)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(seccomp), 1,
		    SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER));
	return r;
}

/* Calls that are allowed with certain arguments only. */
static int
allow_narrow(scmp_filter_ctx f)
{
	static const int fcntls[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL,
	    F_DUPFD_CLOEXEC, F_OFD_SETLK, F_OFD_GETLK, F_SETLK, F_GETLK,
	    F_ADD_SEALS, F_GET_SEALS};
	const scmp_datum_t pid = (scmp_datum_t)getpid();
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof fcntls / sizeof fcntls[0]; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
	if (r != 0)
		return r;
	/* Memory is never made executable. */
	if ((r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mmap), 1,
		 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) != 0 ||
	    (r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mprotect), 1,
		 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) != 0)
		return r;
	/* abort() signals its own process; limits are only asked. */
	if ((r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(tgkill), 1,
		 SCMP_A0(SCMP_CMP_EQ, pid))) != 0 ||
	    (r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prlimit64), 2,
		 SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0))) != 0)
		return r;
	/* What libc makes of fstat(fd). */
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(newfstatat), 1,
	    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
}

/* Sockets of the Internet only, and of TCP and UDP themselves: MPTCP is a
 * stream that Landlock's ports do not see. */
static int
allow_sockets(scmp_filter_ctx f, bool datagrams)
{
	static const struct {
		int family, type, protocol;
	} row[] = {
	    {AF_INET, SOCK_STREAM, 0},
	    {AF_INET, SOCK_STREAM, IPPROTO_TCP},
	    {AF_INET6, SOCK_STREAM, 0},
	    {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
	    {AF_INET, SOCK_DGRAM, 0},
	    {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
	    {AF_INET6, SOCK_DGRAM, 0},
	    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof row / sizeof row[0]; i++)
		if (datagrams || row[i].type == SOCK_STREAM)
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 3,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)row[i].family),
			    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf,
				(scmp_datum_t)row[i].type),
			    SCMP_A2(
				SCMP_CMP_EQ, (scmp_datum_t)row[i].protocol));
	return r;
}

static int
allow_profile(
    scmp_filter_ctx f, const struct sandbox_profile *p, bool kill_unknown)
{
	int r = ALLOW(f, base_calls);

	if (r == 0)
		r = allow_narrow(f);
	if (r == 0)
		r = allow_sending(f, p->connects);
	if (r == 0)
		r = allow_threads(f, p->threads, kill_unknown);
	if (r == 0 && p->accepts)
		r = ALLOW(f, accept_calls);
	if (r == 0 && p->pairs)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socketpair), 1,
		    SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (r == 0 && p->memfd)
		r = ALLOW(f, memfd_calls);
	if (r == 0 && p->lends)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, F_SETLEASE));
	if (r == 0 && p->files == SANDBOX_FILES_WRITE) {
		r = ALLOW(f, file_calls);
		if (r == 0)
			r = seccomp_rule_add(
			    f, SCMP_ACT_ALLOW, CALL(newfstatat), 0);
	}
	/* Giving back a thread's memory libc asks the kernel, in a file, how
	 * generous it is; it is content not to be told. */
	if (r == 0 && p->files != SANDBOX_FILES_WRITE && kill_unknown)
		r = seccomp_rule_add(
		    f, SCMP_ACT_ERRNO(ENOSYS), CALL(openat), 0);
	if (r == 0 && p->connects) {
		r = ALLOW(f, connect_calls);
		if (r == 0)
			r = allow_sockets(f, p->datagrams);
		/* From a port of one's own: dns against forged answers, mx
		 * where the owner names an address. */
		if (r == 0 && (p->datagrams || p->binds))
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(bind), 0);
	}
	return r;
}

int
seccomp_enter(
    const struct sandbox_profile *p, bool kill_unknown, struct err *err)
{
	scmp_filter_ctx f = seccomp_init(
	    kill_unknown ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
	int r;

	if (f == NULL)
		return err_set(err, RC_IO, "seccomp cannot start");
	r = allow_profile(f, p, kill_unknown);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r != 0)
		return err_sys(err, RC_IO, -r,
		    "seccomp: the filter cannot be loaded; this kernel is not "
		    "supported (or set `sandbox: off`)");
	return RC_OK;
}

int
sandbox_no_more_threads(const struct sandbox_opts *o, struct err *err)
{
#ifndef HM_SANITIZED
	/* By hand: libseccomp would have to ask the kernel things that are
	 * not allowed any more.  Other architectures' calls are refused by
	 * the filter that is there. */
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	const struct sock_fprog program = {
	    .len = sizeof code / sizeof code[0], .filter = code};

	if (o->off)
		return RC_OK;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return err_sys(err, RC_IO, errno,
		    "seccomp: new threads cannot be forbidden");
#else
	(void)o;
	(void)err;
#endif
	return RC_OK;
}
