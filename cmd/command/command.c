#include "cmd/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "ipc/line.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"

struct conf *
command_conf(const char *config)
{
	struct conf_errors errors;
	struct conf *conf = NULL;
	struct buf text, out;

	buf_init(&text, CONF_FILE_MAX);
	if (conf_load(config, &text, &conf, &errors) != RC_OK) {
		buf_init(&out, 65536);
		conf_errors_print(&errors, config, &out);
		fputs(out.p, stderr);
		buf_fini(&out);
		if (access(config, F_OK) != 0 && errno == ENOENT)
			fputs("hearthmail -c FILE COMMAND ... reads another "
			      "configuration; man hearthmail.yaml describes "
			      "it\n",
			    stderr);
	}
	buf_fini(&text);
	return conf;
}

int
command_connect(const struct conf *conf, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct buf dir;
	int fd, here, why = 0;

	/* Socket paths have 107 bytes: go there and use a short one. */
	buf_init(&dir, 4096);
	buf_addf(&dir, "%s/run", conf->data);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* For the connection, too: its queue may be full. */
	command_patience(fd, COMMAND_PATIENCE_S);
	(void)strncat(a.sun_path, name, sizeof a.sun_path - 1);
	if (here < 0 || fd < 0 || chdir(dir.p) != 0) {
		why = errno;
		io_close(&fd);
	} else {
		if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
			why = errno;
			io_close(&fd);
		}
		if (fchdir(here) != 0)
			io_close(&fd);
	}
	io_close(&here);
	buf_fini(&dir);
	errno = why;
	return fd;
}

/* Tests have less of it. */
static int
at_most(int seconds)
{
	const char *text = getenv("HEARTHMAIL_TEST_PATIENCE");
	uint32_t most;

	return text != NULL && sv_to_u32(sv_str(text), 3600, &most) == RC_OK &&
		       (int)most < seconds
		   ? (int)most
		   : seconds;
}

void
command_patience(int fd, int seconds)
{
	const struct timeval t = {.tv_sec = at_most(seconds)};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

int
command_unreached(const struct conf *conf, struct err *err)
{
	if (errno == EACCES || errno == EPERM)
		return err_set(err, RC_DENIED,
		    "%.100s/run is not accessible to uid %u: only root and the "
		    "user that runs the server may use it",
		    conf->data, geteuid());
	return err_set(err, RC_TEMP,
	    "no server is running on %.100s; start it first", conf->data);
}

int
command_fail(const char *command, int code, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "hearthmail %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

void
command_defuse(char *p, size_t n, unsigned char before)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		bool c0 = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
		/* As UTF-8 has them, or bare. */
		bool c1 =
		    c >= 0x80 && c < 0xa0 && (before == 0xc2 || before < 0x80);

		before = c;
		if (c0 || c1)
			p[i] = '?';
	}
}

bool
command_written(const char *command)
{
	int why = fflush(stdout) != 0 ? errno : 0;

	if (why == 0 && !ferror(stdout))
		return true;
	/* Once is enough: what fails again is the same. */
	clearerr(stdout);
	(void)command_fail(command, EXIT_FAILED, "cannot write the output: %s",
	    why != 0 ? strerror(why) : "an earlier part was lost");
	return false;
}

int
command_session(const struct conf *conf, const char *account, uint64_t who,
    int *fd_out, struct err *err)
{
	int line = command_connect(conf, "keeper.sock"), pair[2], r;
	struct session_local asked;
	char text[ERR_TEXT_MAX];
	struct msg m, reply;

	if (line < 0)
		return command_unreached(conf, err);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		io_close(&line);
		return err_sys(err, RC_TEMP, errno, "a session");
	}
	asked = (struct session_local){sv_str(account), who, pair[1]};
	msg_init(&m, SESSION_LOCAL);
	m.id = 1;
	session_local_put(&m, &asked);
	r = line_send_fd(line, &m);
	if (r == RC_OK)
		r = line_recv_fd(line, &reply);
	io_close(&line);
	if (r != RC_OK) {
		io_close(&pair[0]);
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	}
	r = msg_answer_read(&reply, RC_SYNTAX, text);
	msg_fini(&reply);
	if (r == RC_OK)
		*fd_out = pair[0];
	else
		io_close(&pair[0]);
	return r == RC_OK ? RC_OK : err_set(err, r, "%s", text);
}
