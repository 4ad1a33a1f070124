#include "cmd/command/confine.h"
#include "cmd/supervisor/users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/command/command.h"
#include "mime/mime.h"
#include "sandbox/sandbox.h"

static const struct sandbox_profile walls = {.name = "command",
    .files = SANDBOX_FILES_WRITE,
    .file_max = SANDBOX_ANY_SIZE};

static void __attribute__((noreturn))
inside(const struct conf *conf, const char *command, const char *folder,
    const struct super_user *user, bool change, int (*fn)(void *arg), void *arg)
{
	struct sandbox_opts o = {.off = !conf->sandbox,
	    .landlock_max = -1,
	    .change_user = change,
	    .uid = user->uid,
	    .gid = user->gid};
	struct err err = {.text = ""};
	int code;

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

int
confined_run(const struct conf *conf, const char *command, const char *folder,
    enum role role, int (*fn)(void *arg), void *arg)
{
	struct super_user user[ROLE_COUNT];
	const char *how;
	bool change;
	int status = 0;
	pid_t pid;

	users_find(user, &change, &how);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return command_fail(
		    command, EXIT_FAILED, "no process: %s", strerror(errno));
	if (pid == 0)
		inside(conf, command, folder, &user[role], change, fn, arg);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return command_fail(command, EXIT_FAILED,
	    "the process for %s died of signal %d", folder, WTERMSIG(status));
}
