#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/trace.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/dump.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define AS_IT_IS  255
#define TRACE_MS  (10 * 60 * 1000)
#define NAME_MAX_ (CONF_NAME_MAX + 16)
#define USAGE                                          \
	"usage: debug level LEVEL [PROCESS [NAME]] | " \
	"trace ACCOUNT|PEER [--for TIME] | dump FILE"

struct order {
	char process[NAME_MAX_]; /* "" : all */
	uint8_t level;
	const char *what;
	uint64_t ms;
};

static int
send_order(const struct conf *conf, const struct order *o, struct err *err)
{
	int fd = command_connect(conf, "debug.sock"), r;
	const struct cmd_debug said = {
	    sv_str(o->process), {o->level, sv_str(o->what), o->ms}};
	char text[ERR_TEXT_MAX];
	struct msg m;

	if (fd < 0)
		return command_unreached(conf, err);
	msg_init(&m, CMD_DEBUG);
	cmd_debug_put(&m, &said);
	r = line_send_fd(fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(fd, &m);
	io_close(&fd);
	if (r != RC_OK)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	r = msg_answer_read(&m, RC_SYNTAX, text);
	msg_fini(&m);
	return err_set(err, r, "%s", text);
}

static int
read_level(int argc, char **argv, struct order *o)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	if (argc < 3 || argc > 5)
		return command_fail("debug", EXIT_USAGE, "%s", USAGE);
	for (o->level = 0; o->level <= LOG_DEBUG; o->level++)
		if (strcmp(argv[2], names[o->level]) == 0)
			break;
	if (o->level > LOG_DEBUG)
		return command_fail("debug", EXIT_USAGE,
		    "\"%s\" is not a level: error, warn, info or debug",
		    argv[2]);
	(void)snprintf(o->process, sizeof o->process, "%s%s%s",
	    argc > 3 ? argv[3] : "", argc > 4 ? " " : "",
	    argc > 4 ? argv[4] : "");
	return EXIT_FINE;
}

static int
read_trace(int argc, char **argv, struct order *o)
{
	int64_t ms;

	if (argc != 3 && argc != 5)
		return command_fail("debug", EXIT_USAGE, "%s", USAGE);
	if (strlen(argv[2]) >= TRACE_NAME_MAX)
		return command_fail(
		    "debug", EXIT_USAGE, "\"%.20s...\" is too long", argv[2]);
	o->what = argv[2];
	o->ms = TRACE_MS;
	if (strcmp(argv[2], "off") == 0)
		o->ms = 0;
	if (argc == 5 &&
	    (strcmp(argv[3], "--for") != 0 || !command_duration(argv[4], &ms)))
		return command_fail("debug", EXIT_USAGE,
		    "--for needs a time such as 10m or 2h");
	if (argc == 5)
		o->ms = (uint64_t)ms;
	return EXIT_FINE;
}

static int
dump_inside(void *arg)
{
	return dump_file(*(int *)arg);
}

static int
dump(const struct conf *conf, int argc, char **argv)
{
	struct buf empty;
	int fd, code;

	if (argc != 3)
		return command_fail("debug", EXIT_USAGE, "%s", USAGE);
	fd = open(argv[2], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return command_fail(
		    "debug", EXIT_FAILED, "%s: %s", argv[2], strerror(errno));
	buf_init(&empty, 4096);
	buf_addf(&empty, "%s/run/empty", conf->data);
	code = confined_run(conf, "debug",
	    access(empty.p, F_OK) == 0 ? empty.p : "/", ROLE_ACCOUNT,
	    dump_inside, &fd);
	buf_fini(&empty);
	io_close(&fd);
	return code;
}

static int
tell_server(const struct conf *conf, const struct order *o)
{
	struct err err = {.text = ""};

	if (send_order(conf, o, &err) != RC_OK)
		return command_fail("debug", EXIT_FAILED, "%s", err.text);
	puts(err.text);
	return EXIT_FINE;
}

int
cmd_debug(const char *config, int argc, char **argv)
{
	struct order o = {.level = AS_IT_IS, .what = ""};
	const char *verb = argc > 1 ? argv[1] : "";
	bool is_dump = strcmp(verb, "dump") == 0;
	struct conf *conf;
	int code = EXIT_FINE;

	if (strcmp(verb, "level") == 0)
		code = read_level(argc, argv, &o);
	else if (strcmp(verb, "trace") == 0)
		code = read_trace(argc, argv, &o);
	else if (!is_dump)
		code = command_fail("debug", EXIT_USAGE, "%s", USAGE);
	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	code = is_dump ? dump(conf, argc, argv) : tell_server(conf, &o);
	conf_free(&conf);
	return code;
}
