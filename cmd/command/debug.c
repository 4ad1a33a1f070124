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

/* argv[0] is "level". */
static int
read_level(int argc, char **argv, struct order *o)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	const struct command_words words = {.command = "debug",
	    .what = "a level, a process and its account",
	    .least = 1,
	    .most = 3};
	int n, r = command_words(&words, argc, argv, &n);

	if (r != EXIT_FINE)
		return r;
	for (o->level = 0; o->level <= LOG_DEBUG; o->level++)
		if (strcmp(argv[1], names[o->level]) == 0)
			break;
	if (o->level > LOG_DEBUG)
		return command_misused("debug",
		    "\"%s\" is not a level: error, warn, info or debug",
		    argv[1]);
	(void)snprintf(o->process, sizeof o->process, "%s%s%s",
	    n > 1 ? argv[2] : "", n > 2 ? " " : "", n > 2 ? argv[3] : "");
	return EXIT_FINE;
}

static const char *
read_time(void *arg, const char *value)
{
	return command_duration(value, arg)
		   ? NULL
		   : "expected a time such as 10m or 2h";
}

/* argv[0] is "trace". */
static int
read_trace(int argc, char **argv, struct order *o)
{
	int64_t ms = TRACE_MS;
	const struct command_option option = {
	    "--for", "a time such as 10m or 2h", .read = read_time, .arg = &ms};
	const struct command_words words = {.command = "debug",
	    .option = &option,
	    .noption = 1,
	    .what = "an account, an address or name of a host, or off",
	    .least = 1,
	    .most = 1};
	int r = command_words(&words, argc, argv, NULL);

	if (r != EXIT_FINE)
		return r;
	if (strlen(argv[1]) >= TRACE_NAME_MAX)
		return command_misused(
		    "debug", "\"%.20s...\" is too long", argv[1]);
	o->what = argv[1];
	o->ms = strcmp(argv[1], "off") == 0 ? 0 : (uint64_t)ms;
	return EXIT_FINE;
}

static int
dump_inside(void *arg)
{
	return dump_file(*(int *)arg);
}

static int
dump(const struct conf *conf, const char *file)
{
	struct buf empty;
	int fd, code;

	fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return command_fail(
		    "debug", EXIT_FAILED, "%s: %s", file, strerror(errno));
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
	static const char *const verbs[] = {"level", "trace", "dump"};
	const struct command_words dump_words = {
	    .command = "debug", .what = "one file", .least = 1, .most = 1};
	struct order o = {.level = AS_IT_IS, .what = ""};
	size_t verb = command_verb("debug", verbs, 3, argv[1]);
	struct conf *conf;
	int code;

	if (verb == 3)
		return EXIT_USAGE;
	code = verb == 0 ? read_level(argc - 1, argv + 1, &o)
	       : verb == 1
		   ? read_trace(argc - 1, argv + 1, &o)
		   : command_words(&dump_words, argc - 1, argv + 1, NULL);
	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	code = verb == 2 ? dump(conf, argv[2]) : tell_server(conf, &o);
	conf_free(&conf);
	return code;
}
