/*
 * The walls around a process, raised once, in this order:
 *
 *   1. users and chroot   hold on every kernel; need root.  Started by a plain
 *                         user, a user namespace gives the chroot instead
 *                         where the kernel lets it.
 *   2. no_new_privs, not dumpable, no core, no capability left, and proof
 *      that root cannot come back
 *   3. Landlock           the folder only, read or write as the profile says;
 *                         absent on some kernels; logged
 *   4. seccomp            required: a list of what may be called, all else
 *                         answers ENOSYS (or kills, in tests)
 *
 * All that libraries load lazily must be loaded before.  The caller has one
 * thread; threads made later inherit everything.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

enum sandbox_files {
	SANDBOX_FILES_NONE,  /* no path is opened any more */
	SANDBOX_FILES_WRITE, /* files inside the folder, made, renamed, unlinked
			      */
};

enum sandbox_threads {
	SANDBOX_THREADS_NONE,
	SANDBOX_THREADS_FEW, /* at the start: sandbox_no_more_threads ends it */
	SANDBOX_THREADS_MANY /* at any time */
};

#define SANDBOX_ANY_SIZE UINT64_MAX

struct sandbox_profile {
	const char *name;
	enum sandbox_files files;
	enum sandbox_threads threads;
	bool accepts;	/* takes connections from listening sockets */
	bool pairs;	/* makes socket pairs, to hand one end on */
	bool memfd;	/* makes memory files for messages */
	bool lends;	/* gives files away and asks whether they are back */
	bool connects;	/* makes sockets and connects out: mx and dns only */
	bool binds;	/* and says from which address */
	bool datagrams; /* and UDP sockets: dns only */
	/* Bytes of the largest file, also of one in memory, that it may
	 * write: what it claims a message has, it must not be able to have. */
	uint64_t file_max;
	/* If not NULL: TCP goes to these ports only (Landlock ABI 4). */
	const uint16_t *ports;
	size_t nports;
};

struct sandbox_opts {
	bool off;	   /* `sandbox: off`: nothing at all is done */
	int landlock_max;  /* use at most this ABI; 0: as if absent, -1: all */
	bool kill_unknown; /* an unlisted call kills: to find what is missing */
	bool change_user;  /* started as root */
	uid_t uid;
	gid_t gid;
};

/*
 * `folder` becomes the root and the working folder.  On success *err holds a
 * sentence that says what holds, for the log.  On failure the process must
 * end: it may be half way.
 */
int sandbox_enter(const struct sandbox_profile *p, const struct sandbox_opts *o,
    const char *folder, struct err *err) RC_USE_RESULT;

/* For SANDBOX_THREADS_FEW, when all threads run: there will be no more. */
int sandbox_no_more_threads(
    const struct sandbox_opts *o, struct err *err) RC_USE_RESULT;

/*
 * Tries what a taken-over process would try: files outside, another account's
 * folder, connecting out, exec, fork, ptrace, signals, truncate, chmod and so
 * on.  Logs one line "probe" for each with result=refused or result=possible;
 * what the profile itself allows is not tried.  `other` names a folder of
 * somebody else, or NULL.  Tests compare the lines.
 */
void sandbox_probe(const struct sandbox_profile *p, const char *other);

/* Threads of this process, from the kernel; 0 if it cannot be known. */
int sandbox_thread_count(void);

#endif
