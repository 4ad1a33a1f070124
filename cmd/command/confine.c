#include "cmd/command/confine.h"
#include "cmd/supervisor/users.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/command/command.h"
#include "mime/mime.h"
#include "sandbox/sandbox.h"

#define DESCRIPTORS 65536 /* that may be open */

static const struct sandbox_profile walls = {.name = "command",
    .files = SANDBOX_FILES_WRITE,
    .file_max = SANDBOX_ANY_SIZE};

/* A folder's descriptor undoes a chroot. */
static void
close_folders(void)
{
	struct stat st;
	int fd;

	for (fd = 3; fd < DESCRIPTORS; fd++)
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			(void)close(fd);
}

/* How landlock would be on an older kernel: for tests, as in the server. */
static int
landlock_max(void)
{
	uint64_t n;

	return sv_to_u64(sv_str(getenv("HEARTHMAIL_TEST_LANDLOCK")), 100, &n) ==
		       RC_OK
		   ? (int)n
		   : -1;
}

static void __attribute__((noreturn))
inside(const struct conf *conf, const char *command, const char *folder,
    const struct super_user *user, bool change, int (*fn)(void *arg), void *arg)
{
	struct sandbox_opts o = {.off = !conf->sandbox,
	    .landlock_max = landlock_max(),
	    .change_user = change,
	    .uid = user->uid,
	    .gid = user->gid};
	struct err err = {.text = ""};
	int code;

	close_folders();
	tzset();
	mime_charset_setup();
	if (sandbox_enter(&walls, &o, folder, &err) != RC_OK)
		code = command_fail(command, EXIT_FAILED, "%s", err.text);
	else
		code = fn(arg);
	if (!command_written(command) && code == EXIT_FINE)
		code = EXIT_FAILED;
	_exit(code);
}

/* What it prints: whatever mail may have made of it, our terminal is ours. */
struct outlet {
	int from, to;
	unsigned char before;
	int why; /* errno: it could not be written */
};

/* false: nothing comes any more. */
static bool
pass_on(struct outlet *o)
{
	char b[4096];
	ssize_t n = read(o->from, b, sizeof b);
	unsigned char last;

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		io_close(&o->from);
		return false;
	}
	last = (unsigned char)b[n - 1];
	command_defuse(b, (size_t)n, o->before);
	o->before = last;
	if (o->why == 0 && io_write_all(o->to, b, (size_t)n) != RC_OK)
		o->why = errno;
	return true;
}

static void
pass_all(struct outlet o[2])
{
	struct pollfd p[2];
	int i;

	while (o[0].from >= 0 || o[1].from >= 0) {
		for (i = 0; i < 2; i++)
			p[i] =
			    (struct pollfd){.fd = o[i].from, .events = POLLIN};
		if (poll(p, 2, -1) < 0)
			continue;
		for (i = 0; i < 2; i++)
			if (p[i].revents != 0)
				(void)pass_on(&o[i]);
	}
}

static int
open_outlets(struct outlet o[2], int theirs[3])
{
	int i, fd[2];

	theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < 2; i++) {
		if (pipe2(fd, O_CLOEXEC) != 0)
			return RC_IO;
		o[i] = (struct outlet){.from = fd[0], .to = i + 1};
		theirs[i + 1] = fd[1];
	}
	return theirs[0] >= 0 ? RC_OK : RC_IO;
}

static void
take_outlets(struct outlet o[2], int theirs[3])
{
	int i;

	io_close(&o[0].from);
	io_close(&o[1].from);
	for (i = 0; i < 3; i++) {
		(void)dup2(theirs[i], i);
		io_close(&theirs[i]);
	}
}

static int
outcome(
    const char *command, const char *folder, const struct outlet *o, int status)
{
	if (!WIFEXITED(status))
		return command_fail(command, EXIT_FAILED,
		    "the process for %s died of signal %d", folder,
		    WTERMSIG(status));
	if (o->why != 0)
		return command_fail(command, EXIT_FAILED,
		    "cannot write the output: %s", strerror(o->why));
	return WEXITSTATUS(status);
}

int
confined_run(const struct conf *conf, const char *command, const char *folder,
    enum role role, int (*fn)(void *arg), void *arg)
{
	struct super_user user[ROLE_COUNT];
	struct outlet o[2] = {{.from = -1}, {.from = -1}};
	int theirs[3] = {-1, -1, -1}, status = 0, i;
	const char *how;
	bool change;
	pid_t pid = -1;

	users_find(user, &change, &how);
	fflush(stdout);
	if (open_outlets(o, theirs) == RC_OK)
		pid = fork();
	if (pid == 0) {
		take_outlets(o, theirs);
		inside(conf, command, folder, &user[role], change, fn, arg);
	}
	for (i = 0; i < 3; i++)
		io_close(&theirs[i]);
	if (pid < 0) {
		io_close(&o[0].from);
		io_close(&o[1].from);
		return command_fail(
		    command, EXIT_FAILED, "no process: %s", strerror(errno));
	}
	pass_all(o);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	return outcome(command, folder, &o[0], status);
}
