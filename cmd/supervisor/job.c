#include "cmd/supervisor/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/io.h"

void
job_init(struct job *j, struct ev_loop *loop, size_t most)
{
	*j = (struct job){.loop = loop, .out = -1};
	buf_init(&j->output, most);
}

static void __attribute__((noreturn))
become(const char *config, const char *const *words, int out, bool quiet)
{
	const char *argv[JOB_WORDS_MAX + 4] = {"hearthmail", "-c", config};
	sigset_t none;
	size_t i;

	for (i = 0; i < JOB_WORDS_MAX && words[i] != NULL; i++)
		argv[3 + i] = words[i];
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)dup2(out, 1);
	(void)dup2(quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : out, 2);
	closefrom(3);
	(void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* More than is kept is read all the same: it must not wait for us. */
static ssize_t
hear(struct job *j)
{
	char b[4096];
	ssize_t n = read(j->out, b, sizeof b);

	if (n > 0 && j->output.n + (size_t)n <= j->output.max)
		buf_add(&j->output, b, (size_t)n);
	else if (n > 0)
		j->cut = true;
	return n;
}

static void
hang_up(struct job *j)
{
	ev_del(&j->ev);
	io_close(&j->out);
}

static void
on_output(struct ev *e, uint32_t events, void *arg)
{
	struct job *j = arg;
	ssize_t n = hear(j);

	(void)e;
	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(j);
}

int
job_start(struct job *j, const char *config, const char *const *words)
{
	int fd[2], e;
	pid_t pid;

	must(j->pid == 0);
	if (pipe2(fd, O_CLOEXEC) != 0)
		return errno;
	pid = fork();
	if (pid == 0)
		become(config, words, fd[1], j->quiet);
	e = errno;
	io_close(&fd[1]);
	if (pid < 0) {
		io_close(&fd[0]);
		return e;
	}
	hang_up(j); /* a child of the one before may still hold its end */
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	buf_reset(&j->output);
	j->cut = false;
	j->out = fd[0];
	j->ev = ev_add(j->loop, j->out, EPOLLIN, on_output, j);
	j->pid = pid;
	return 0;
}

bool
job_reap(struct job *j, pid_t pid)
{
	if (pid != j->pid || pid <= 0)
		return false;
	j->pid = 0;
	while (j->out >= 0 && hear(j) > 0)
		;
	hang_up(j);
	return true;
}

void
job_fini(struct job *j)
{
	hang_up(j);
	buf_fini(&j->output);
}
