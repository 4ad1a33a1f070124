#include <stdio.h>

#include "base/io.h"
#include "cmd/commands.h"
#include "ipc/line.h"

int
cmd_reload(const char *config, int argc, char **argv)
{
	struct conf *conf = command_conf(config);
	char text[ERR_TEXT_MAX];
	struct msg m;
	int fd, rc;

	(void)argv;
	if (conf == NULL)
		return EXIT_CONFIG;
	if (argc != 1) {
		conf_free(&conf);
		return command_fail(
		    "reload", EXIT_USAGE, "it takes no arguments");
	}
	fd = command_connect(conf, "reload.sock");
	if (fd < 0) {
		rc = command_fail(
		    "reload", EXIT_FAILED, "no server runs on %s", conf->data);
		conf_free(&conf);
		return rc;
	}
	conf_free(&conf);
	rc = line_recv_fd(fd, &m);
	io_close(&fd);
	if (rc != RC_OK)
		return command_fail("reload", EXIT_FAILED,
		    "the server has ended; its log says why");
	rc = (int)msg_get_u32(&m);
	msg_get_str(&m, text, sizeof text);
	msg_fini(&m);
	if (rc != RC_OK)
		return command_fail("reload", EXIT_FAILED,
		    "refused, nothing has changed: %s", text);
	puts("reloaded");
	return EXIT_FINE;
}
