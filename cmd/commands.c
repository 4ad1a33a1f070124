#include "cmd/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"

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
	}
	buf_fini(&text);
	return conf;
}

int
command_connect(const struct conf *conf, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct buf dir;
	int fd, here;

	/* Socket paths have 107 bytes: go there and use a short one. */
	buf_init(&dir, 4096);
	buf_addf(&dir, "%s/run", conf->data);
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)strncat(a.sun_path, name, sizeof a.sun_path - 1);
	if (here < 0 || fd < 0 || chdir(dir.p) != 0) {
		io_close(&fd);
	} else {
		if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
			io_close(&fd);
		if (fchdir(here) != 0)
			io_close(&fd);
	}
	io_close(&here);
	buf_fini(&dir);
	return fd;
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
