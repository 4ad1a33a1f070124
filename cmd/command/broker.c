#include "cmd/command/broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/users.h"
#include "ipc/line.h"
#include "ipc/msg_import.h"
#include "ipc/proto.h"
#include "sandbox/sandbox.h"

#define PATH_BYTES   XFER_PATH_MAX
#define LIST_BYTES   48000 /* of names in one message */
#define NAME_BYTES   5	   /* in front of each name */
#define CONNECT_MS   30000
#define SCRATCH_NAME "hearthmail.XXXXXX"

struct serving {
	const struct broker_job *job;
	int line;
	bool terminal;
	bool in_progress; /* the terminal's line has progress in it */
	DIR *list;
};

/* ---- words ---- */

/* What may not reach a terminal: controls, and what turns the direction of
 * writing round. */
static bool
is_harmful(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 ||
	       cp == 0x2029 || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

static void
escape(struct sv s, struct buf *out)
{
	while (s.n > 0) {
		struct sv rest = s;
		uint32_t cp = 0;
		int r = utf8_next(&rest, &cp);

		if (r == RC_OK && !is_harmful(cp))
			buf_add(out, s.p, s.n - rest.n);
		else
			for (; s.n > rest.n; s = sv_skip(s, 1))
				buf_addf(out, "\\x%02x", (unsigned char)s.p[0]);
		s = rest;
	}
}

static unsigned
columns(void)
{
	struct winsize w;

	return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static void
clear_progress(struct serving *s)
{
	if (s->in_progress)
		fputs("\r\033[K", stderr);
	s->in_progress = false;
}

/* Do both end in the same place, so that what is said twice is read twice? */
static bool
outputs_are_one(void)
{
	struct stat a, b;

	return fstat(1, &a) == 0 && fstat(2, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void
on_say(struct serving *s, struct msg *m)
{
	struct xfer_say said;
	unsigned kind;
	struct buf b;

	if (xfer_say_get(m, &said) != RC_OK)
		return;
	kind = said.kind;
	buf_init(&b, 32768);
	escape(said.text, &b);
	/* The summary names again what was left out: for those who keep it
	 * without the notes. */
	if (kind == BROKER_RESULT && sv_starts(buf_sv(&b), SV("left out: ")) &&
	    outputs_are_one()) {
		buf_fini(&b);
		return;
	}
	if (kind == BROKER_PROGRESS) {
		if (s->terminal)
			fprintf(
			    stderr, "\r\033[K%.*s", (int)columns() - 1, b.p);
		s->in_progress = s->terminal;
	} else if (kind == BROKER_STEP && s->terminal) {
		clear_progress(s);
	} else {
		clear_progress(s);
		fflush(stderr);
		fprintf(kind == BROKER_RESULT ? stdout : stderr, "%s\n", b.p);
		fflush(stdout);
	}
	buf_fini(&b);
}

/* ---- answers ---- */

static void
answer(struct serving *s, struct msg *m)
{
	/* A worker that is gone is seen at the next read. */
	(void)!line_send_fd(s->line, m);
}

/* The descriptor is the message's from here on. */
static void
answer_fd(struct serving *s, int r, int fd, const struct err *err)
{
	const struct xfer_done done = {.rc = r,
	    .text = r == RC_OK ? SV("") : sv_str(err->text),
	    .fd = r == RC_OK ? fd : -1};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	xfer_done_put(&m, &done);
	answer(s, &m);
}

static void
answer_rc(struct serving *s, int r, const struct err *err)
{
	answer_fd(s, r, -1, err);
}

static int
because(struct err *err)
{
	int e = errno, r = RC_IO;

	if (e == ENOENT)
		r = RC_NOTFOUND;
	else if (e == EEXIST)
		r = RC_EXISTS;
	else if (e == ENOSPC || e == EDQUOT)
		r = RC_NOSPACE;
	return err_set(err, r, "%s",
	    e == EXDEV ? "it is a link that leads out of the folder"
		       : strerror(e));
}

/* ---- files ---- */

/* Below the folder, whatever links there are: the kernel sees to it. */
static int
open_below(int folder, const char *path, int flags, mode_t mode)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
	    .mode = (flags & O_CREAT) != 0 ? mode : 0,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

	if (folder < 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_openat2, folder, path[0] != '\0' ? path : ".",
	    &how, sizeof how);
}

static void
on_open(struct serving *s, const char *path)
{
	struct err err = {.text = ""};
	struct stat st;
	int r = RC_OK, fd;

	/* O_NONBLOCK: a pipe of that name must not hold us. */
	fd = open_below(
	    s->job->folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		r = because(&err);
	else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = err_set(&err, RC_PERM, "it is not a file");
	if (r != RC_OK)
		io_close(&fd);
	answer_fd(s, r, fd, &err);
}

static enum broker_type
type_of(int dir, const struct dirent *e)
{
	struct stat st;

	switch (e->d_type) {
	case DT_REG:
		return BROKER_FILE;
	case DT_DIR:
		return BROKER_FOLDER;
	case DT_LNK:
	case DT_UNKNOWN:
		if (fstatat(dir, e->d_name, &st, 0) != 0)
			return BROKER_OTHER;
		return S_ISDIR(st.st_mode)   ? BROKER_FOLDER
		       : S_ISREG(st.st_mode) ? BROKER_FILE
					     : BROKER_OTHER;
	default:
		return BROKER_OTHER;
	}
}

/* As many of the names that are left as go into a message. */
static void
send_names(struct serving *s)
{
	struct xfer_names names = {.n = 0};
	struct err err = {.text = ""};
	struct dirent *e = NULL;
	size_t cap = 0, at = 0;
	struct buf text; /* of the names */
	struct msg m;
	uint32_t i;

	buf_init(&text, MSG_MAX);
	errno = 0;
	while (text.n + names.n * NAME_BYTES < LIST_BYTES &&
	       (e = readdir(s->list)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0) {
			names.name = xgrow(
			    names.name, &cap, names.n + 1, sizeof *names.name);
			names.name[names.n++] = (struct xfer_name){
			    (uint8_t)type_of(dirfd(s->list), e),
			    {NULL, strlen(e->d_name)}};
			buf_adds(&text, e->d_name);
		}
		errno = 0;
	}
	if (e == NULL && errno != 0)
		names.rc = because(&err);
	for (i = 0; i < names.n; at += names.name[i++].name.n)
		names.name[i].name.p = text.p + at;
	names.text = sv_str(err.text);
	names.more = e != NULL;
	msg_init(&m, MSG_REPLY);
	xfer_names_put(&m, &names);
	if (e == NULL || names.rc != RC_OK) {
		(void)closedir(s->list);
		s->list = NULL;
	}
	free(names.name);
	buf_fini(&text);
	answer(s, &m);
}

static void
on_list(struct serving *s, const char *path)
{
	int fd = open_below(s->job->folder, path, O_RDONLY | O_DIRECTORY, 0);
	struct err err;

	if (s->list != NULL)
		(void)closedir(s->list);
	s->list = fd >= 0 ? fdopendir(fd) : NULL;
	if (s->list == NULL) {
		answer_rc(s, because(&err), &err);
		io_close(&fd);
		return;
	}
	send_names(s);
}

static void
on_list_more(struct serving *s)
{
	struct err err;

	if (s->list != NULL)
		send_names(s);
	else
		answer_rc(s, err_set(&err, RC_SYNTAX, "no list"), &err);
}

/* The folder above the path's last part, and that part. */
static int
open_parent(struct serving *s, const char *path, const char **last)
{
	struct sv p = sv_str(path);
	size_t slash = sv_rchr(p, '/');
	struct buf b;
	int fd;

	*last = slash < p.n ? path + slash + 1 : path;
	if (!s->job->may_write || (*last)[0] == '\0' ||
	    strcmp(*last, "..") == 0 || strcmp(*last, ".") == 0) {
		errno = EPERM;
		return -1;
	}
	buf_init(&b, PATH_BYTES);
	if (slash < p.n)
		buf_add(&b, path, slash);
	fd = open_below(s->job->folder, b.p, O_PATH | O_DIRECTORY, 0);
	buf_fini(&b);
	return fd;
}

static void
on_make(struct serving *s, const char *path)
{
	struct err err = {.text = ""};
	const char *last;
	int fd = open_parent(s, path, &last), r = RC_OK;

	if (fd < 0 || (mkdirat(fd, last, 0700) != 0 && errno != EEXIST))
		r = because(&err);
	io_close(&fd);
	answer_rc(s, r, &err);
}

static void
on_create(struct serving *s, const char *path)
{
	struct err err = {.text = ""};
	int fd = -1, r = RC_OK;

	if (!s->job->may_write)
		errno = EPERM;
	else
		fd = open_below(s->job->folder, path,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		r = because(&err);
	answer_fd(s, r, fd, &err);
}

static int
rename_in(int a, const char *from, int b, const char *to, int64_t mtime,
    struct err *err)
{
	struct timespec t[2] = {
	    {.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	if (mtime != 0)
		t[1] = (struct timespec){.tv_sec = mtime};
	if (a < 0 || b < 0 || utimensat(a, from, t, AT_SYMLINK_NOFOLLOW) != 0 ||
	    renameat2(a, from, b, to, RENAME_NOREPLACE) != 0)
		return because(err);
	return RC_OK;
}

static void
on_finish(struct serving *s, struct msg *m)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	struct err err = {.text = ""};
	struct xfer_finish asked;
	const char *a, *b;
	int r, old, new;

	if (xfer_finish_get(m, &asked) != RC_OK) {
		answer_rc(s, err_set(&err, RC_SYNTAX, "garbled"), &err);
		return;
	}
	sv_copy(asked.from, from, sizeof from);
	sv_copy(asked.to, to, sizeof to);
	old = open_parent(s, from, &a);
	new = open_parent(s, to, &b);
	r = rename_in(old, a, new, b, asked.mtime, &err);
	io_close(&old);
	io_close(&new);
	answer_rc(s, r, &err);
}

static void
on_scratch(struct serving *s)
{
	const char *dir = getenv("TMPDIR");
	struct err err = {.text = ""};
	struct buf b;
	int r = RC_OK, fd;

	buf_init(&b, PATH_BYTES);
	buf_addf(&b, "%s/%s", dir != NULL ? dir : "/var/tmp", SCRATCH_NAME);
	fd = mkostemp(b.p, O_CLOEXEC);
	if (fd < 0)
		r = because(&err);
	else
		(void)unlink(b.p);
	buf_fini(&b);
	answer_fd(s, r, fd, &err);
}

static void
on_log(struct serving *s, struct msg *m)
{
	struct err err = {.text = ""};
	struct xfer_log asked;
	int r = RC_OK;

	if (xfer_log_get(m, &asked) != RC_OK)
		r = err_set(&err, RC_SYNTAX, "garbled");
	else if (s->job->state < 0 ||
		 io_write_all(s->job->state, asked.text.p, asked.text.n) !=
		     RC_OK ||
		 fdatasync(s->job->state) != 0)
		r = err_sys(
		    &err, RC_NOSPACE, errno, "what has come cannot be noted");
	answer_rc(s, r, &err);
}

/* ---- the others ---- */

static int
open_session(const struct broker_job *job, int *fd_out, struct err *err)
{
	return command_session(job->conf, job->account, job->who, fd_out, err);
}

static int
connect_to(const struct addrinfo *a)
{
	int fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t n = sizeof errno;
	int e = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 &&
	    errno == EINPROGRESS) {
		if (poll(&p, 1, CONNECT_MS) <= 0)
			e = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
			e = errno;
	} else if (errno != 0 && errno != EINPROGRESS) {
		e = errno;
	}
	if (e != 0)
		io_close(&fd);
	errno = e;
	return fd;
}

static int
open_connection(const struct broker_job *job, int *fd_out, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	int fd = -1, r;

	if (job->host == NULL)
		return err_set(err, RC_DENIED, "there is no other server");
	r = getaddrinfo(job->host, job->port, &hints, &list);
	if (r != 0)
		return err_set(err, r == EAI_AGAIN ? RC_TEMP : RC_PERM,
		    "%.60s: %s", job->host, gai_strerror(r));
	for (a = list; a != NULL && fd < 0; a = a->ai_next) {
		errno = 0;
		fd = connect_to(a);
	}
	freeaddrinfo(list);
	if (fd < 0)
		return err_sys(
		    err, RC_TEMP, errno, "%.60s port %s", job->host, job->port);
	*fd_out = fd;
	return RC_OK;
}

static void
on_fd(struct serving *s,
    int (*open_it)(const struct broker_job *job, int *fd, struct err *err))
{
	struct err err = {.text = ""};
	int fd = -1, r = open_it(s->job, &fd, &err);

	answer_fd(s, r, fd, &err);
}

/* ---- serving ---- */

static void
on_path(struct serving *s, struct msg *m)
{
	char path[XFER_PATH_MAX];
	struct xfer_path asked;
	struct err err;

	if (xfer_path_get(m, &asked) != RC_OK) {
		answer_rc(s, err_set(&err, RC_SYNTAX, "garbled"), &err);
		return;
	}
	sv_copy(asked.path, path, sizeof path);
	if (m->type == XFER_OPEN)
		on_open(s, path);
	else if (m->type == XFER_LIST)
		on_list(s, path);
	else if (m->type == XFER_MAKE)
		on_make(s, path);
	else
		on_create(s, path);
}

static void
on_request(struct serving *s, struct msg *m)
{
	struct err err;

	switch (m->type) {
	case XFER_SAY:
		on_say(s, m);
		break;
	case XFER_OPEN:
	case XFER_LIST:
	case XFER_MAKE:
	case XFER_CREATE:
		on_path(s, m);
		break;
	case XFER_LIST_MORE:
		on_list_more(s);
		break;
	case XFER_FINISH:
		on_finish(s, m);
		break;
	case XFER_SCRATCH:
		on_scratch(s);
		break;
	case XFER_LOG:
		on_log(s, m);
		break;
	case XFER_SESSION:
		on_fd(s, open_session);
		break;
	case XFER_CONNECT:
		on_fd(s, open_connection);
		break;
	default:
		answer_rc(
		    s, err_set(&err, RC_NOSUPPORT, "no such request"), &err);
		break;
	}
}

static void __attribute__((noreturn)) inside(const struct broker_job *job,
    int line, const struct super_user *user, bool change)
{
	const struct sandbox_profile walls = {
	    .name = job->command, .file_max = SANDBOX_ANY_SIZE};
	struct sandbox_opts o = {.off = !job->conf->sandbox,
	    .landlock_max = -1,
	    .change_user = change,
	    .uid = user->uid,
	    .gid = user->gid};
	struct broker b = {.fd = line};
	struct err err = {.text = ""};
	struct buf empty;
	int r = RC_OK, null;

	if (job->folder >= 0)
		(void)close(job->folder);
	if (job->state >= 0)
		(void)close(job->state);
	/* It speaks through its broker: nothing else reaches the terminal. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, 0);
		(void)dup2(null, 1);
		if (isatty(2))
			(void)dup2(null, 2);
		(void)close(null);
	}
	must(sodium_init() >= 0);
	buf_init(&empty, PATH_BYTES);
	buf_addf(&empty, "%s/run/empty", job->conf->data);
	if (job->before != NULL)
		r = job->before(job->arg, &err);
	if (r == RC_OK)
		r = sandbox_enter(&walls, &o, empty.p, &err);
	if (r != RC_OK) {
		broker_say(&b, BROKER_NOTE, sv_str(err.text));
		_exit(EXIT_FAILED);
	}
	_exit(job->work(&b, job->arg));
}

int
broker_run(const struct broker_job *job)
{
	struct super_user user[ROLE_COUNT];
	struct serving s = {.job = job, .terminal = isatty(2) == 1};
	const char *how;
	int pair[2], status = 0;
	struct msg m;
	bool change;
	pid_t pid;

	users_find(user, &change, &how);
	if (line_pair(pair) != RC_OK)
		return command_fail(
		    job->command, EXIT_FAILED, "%s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return command_fail(job->command, EXIT_FAILED, "no process: %s",
		    strerror(errno));
	if (pid == 0) {
		(void)close(pair[0]);
		inside(job, pair[1], &user[ROLE_IMAP], change);
	}
	io_close(&pair[1]);
	s.line = pair[0];
	while (line_recv_fd(s.line, &m) == RC_OK) {
		on_request(&s, &m);
		msg_fini(&m);
	}
	clear_progress(&s);
	if (s.list != NULL)
		(void)closedir(s.list);
	io_close(&s.line);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return command_fail(job->command, EXIT_FAILED,
	    "the process at work died of signal %d", WTERMSIG(status));
}
