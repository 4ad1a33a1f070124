#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/sandbox_priv.h"

static int
write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return RC_IO;
	r = io_write_all(fd, text, strlen(text));
	io_close(&fd);
	return r;
}

/* A user namespace in which a plain user may chroot, and nothing else: the
 * capabilities are dropped right afterwards. */
static bool
own_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) != 0)
		return false;
	(void)snprintf(map, sizeof map, "%u %u 1", uid, uid);
	if (write_proc("/proc/self/uid_map", map) != RC_OK ||
	    write_proc("/proc/self/setgroups", "deny") != RC_OK)
		return false;
	(void)snprintf(map, sizeof map, "%u %u 1", gid, gid);
	return write_proc("/proc/self/gid_map", map) == RC_OK;
}

static int
drop_user(const struct sandbox_opts *o, struct err *err)
{
	if (setgroups(0, NULL) != 0 || setresgid(o->gid, o->gid, o->gid) != 0 ||
	    setresuid(o->uid, o->uid, o->uid) != 0)
		return err_sys(
		    err, RC_IO, errno, "cannot become uid %u", o->uid);
	return RC_OK;
}

static int
drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capset, &head, data) != 0)
		return err_sys(
		    err, RC_IO, errno, "cannot drop the capabilities");
	return RC_OK;
}

/* Root must not be able to come back by any of the ways there are. */
static int
prove_no_way_back(const struct sandbox_opts *o, struct err *err)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	uid_t r, e, s;

	if (getresuid(&r, &e, &s) != 0 || r != e || e != s)
		return err_set(err, RC_DENIED, "uids differ after the drop");
	if (o->change_user && (e != o->uid || e == 0))
		return err_set(err, RC_DENIED, "still uid %u", e);
	if (e != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return err_set(err, RC_DENIED, "root could come back");
	if (syscall(SYS_capget, &head, data) != 0 ||
	    (data[0].effective | data[0].permitted | data[1].effective |
		data[1].permitted) != 0)
		return err_set(err, RC_DENIED, "capabilities are left");
	return RC_OK;
}

static int
set_limits(const struct sandbox_profile *p, struct err *err)
{
	const struct rlimit size = {p->file_max, p->file_max};
	struct rlimit none = {0, 0}, files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
#ifndef HM_SANITIZED /* whose reports are files */
	if (setrlimit(RLIMIT_FSIZE, &size) != 0)
		return err_sys(err, RC_IO, errno, "cannot bound the files");
#else
	(void)size;
#endif
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_sys(err, RC_IO, errno, "cannot forbid core files");
#ifndef HM_SANITIZED
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(err, RC_IO, errno, "cannot become undumpable");
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(err, RC_IO, errno, "no_new_privs is refused");
	return RC_OK;
}

int
sandbox_thread_count(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

/* chroot and user, as far as this start allows; *how says what holds. */
static int
change_root_and_user(const struct sandbox_opts *o, const char *folder,
    const char **how, struct err *err)
{
	int r;

	if (chdir(folder) != 0)
		return err_sys(err, RC_IO, errno, "cannot enter %s", folder);
	*how = "chroot, own user";
	if (!o->change_user) {
		*how = own_user_namespace() ? "chroot in a user namespace"
					    : "no chroot (needs root)";
		if ((*how)[0] == 'n')
			return RC_OK;
	}
	if (chroot(".") != 0)
		return err_sys(
		    err, RC_IO, errno, "cannot chroot to %s", folder);
	if (chdir("/") != 0)
		return err_sys(err, RC_IO, errno, "cannot enter the chroot");
	if (o->change_user && (r = drop_user(o, err)) != RC_OK)
		return r;
	return drop_capabilities(err);
}

int
sandbox_enter(const struct sandbox_profile *p, const struct sandbox_opts *o,
    const char *folder, struct err *err)
{
	const char *how = "";
	int abi, r;

	if (o->off) {
		if (chdir(folder) != 0)
			return err_sys(
			    err, RC_IO, errno, "cannot enter %s", folder);
		(void)err_set(err, RC_OK, "SANDBOX OFF by configuration");
		return RC_OK;
	}
#ifndef HM_SANITIZED
	must(sandbox_thread_count() <= 1);
#endif
	r = change_root_and_user(o, folder, &how, err);
	if (r == RC_OK)
		r = set_limits(p, err);
	if (r == RC_OK)
		r = prove_no_way_back(o, err);
	abi = landlock_abi(o->landlock_max);
	if (r == RC_OK && abi > 0)
		r = landlock_enter(p, abi, err);
#ifndef HM_SANITIZED
	if (r == RC_OK)
		r = seccomp_enter(p, o->kill_unknown, err);
#endif
	if (r != RC_OK)
		return r;
	(void)err_set(err, RC_OK, "%s, landlock %d%s, %s", how, abi,
	    abi == 0 ? " (absent)" : "",
#ifdef HM_SANITIZED
	    "NO seccomp (sanitizer build)"
#else
	    "seccomp"
#endif
	);
	return RC_OK;
}
