#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/sandbox_priv.h"

/*
 * The kernel's interface in our own words: the headers of Debian 12 know only
 * ABI 2, and what newer kernels can restrict should be restricted there.
 */
struct ruleset_attr {
	uint64_t handled_fs;
	uint64_t handled_net; /* ABI 4 */
	uint64_t scoped;      /* ABI 6 */
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

struct net_port_attr {
	uint64_t allowed;
	uint64_t port;
};

#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT	  2

#define NET_BIND_TCP	(1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)

#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR    (1ULL << 7)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_TRUNCATE    (1ULL << 14)

/* All rights of the file system that each ABI can handle. */
static uint64_t
fs_rights(int abi)
{
	if (abi >= 5)
		return (1ULL << 16) - 1; /* + ioctl on devices */
	if (abi >= 3)
		return (1ULL << 15) - 1; /* + truncate */
	if (abi == 2)
		return (1ULL << 14) - 1; /* + refer */
	return (1ULL << 13) - 1;
}

int
landlock_abi(int max)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	if (abi < 1)
		return 0;
	return max >= 0 && abi > max ? max : (int)abi;
}

static int
allow_folder(int ruleset, uint64_t rights, struct err *err)
{
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct path_beneath_attr a = {.allowed = rights, .parent_fd = fd};
	int r = RC_OK;

	if (fd < 0 || syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH,
			  &a, 0) != 0)
		r = err_sys(err, RC_IO, errno,
		    "Landlock: cannot allow the process's own folder");
	io_close(&fd);
	return r;
}

/* TCP to the ports of the profile, if it has any. */
static int
allow_ports(int ruleset, const struct sandbox_profile *p, struct err *err)
{
	size_t i;

	for (i = 0; i < p->nports; i++) {
		struct net_port_attr a = {
		    .allowed = NET_CONNECT_TCP, .port = p->ports[i]};

		if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &a,
			0) != 0)
			return err_sys(err, RC_IO, errno,
			    "Landlock: cannot allow port %u", p->ports[i]);
	}
	if (p->binds) {
		/* Port 0: any that is free, to connect from. */
		struct net_port_attr a = {.allowed = NET_BIND_TCP, .port = 0};

		if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &a,
			0) != 0)
			return err_sys(err, RC_IO, errno,
			    "Landlock: cannot allow to choose an address");
	}
	return RC_OK;
}

int
landlock_enter(const struct sandbox_profile *p, int abi, struct err *err)
{
	struct ruleset_attr attr = {.handled_fs = fs_rights(abi)};
	size_t size = sizeof attr.handled_fs;
	int ruleset, r = RC_OK;

	if (abi >= 4) {
		attr.handled_net = NET_BIND_TCP;
		if (!p->connects || p->ports != NULL)
			attr.handled_net |= NET_CONNECT_TCP;
		size += sizeof attr.handled_net;
	}
	if (abi >= 6) {
		attr.scoped = 3; /* abstract sockets, signals */
		size += sizeof attr.scoped;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return err_sys(err, RC_IO, errno, "Landlock: no rule set");
	if (p->files == SANDBOX_FILES_WRITE)
		r = allow_folder(ruleset,
		    fs_rights(abi) &
			(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |
			    FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
			    FS_TRUNCATE),
		    err);
	if (r == RC_OK && abi >= 4 && p->connects)
		r = allow_ports(ruleset, p, err);
	if (r == RC_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		r = err_sys(err, RC_IO, errno, "Landlock: cannot be entered");
	io_close(&ruleset);
	return r;
}
