#include <stdio.h>

#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/command/sight.h"
#include "cmd/supervisor/preflight.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"

#define ANSWER_S 120 /* all processes are told */

/* Reloaded, and yet not all is well. */
static void
print_warnings(const struct conf *conf)
{
	char place[CONF_PLACE_MAX];
	struct err err;
	size_t i;

	for (i = 0; i < conf->nrelay; i++)
		if (preflight_relay(&conf->relay[i], &err))
			printf("WARNING: %s%s: mail for %s will wait\n",
			    conf_place_print(
				conf, conf->relay[i].password_at, place),
			    err.text, conf->relay[i].host);
	if (preflight_outbound(conf, &err))
		printf("WARNING: %s%s: mail to the outside will wait\n",
		    conf_place_print(conf, conf->outbound.source_at, place),
		    err.text);
	if (preflight_backup(conf, &err))
		printf("WARNING: %s%s\n",
		    conf_place_print(conf, conf->backup.folder_at, place),
		    err.text);
}

/* What is there for this shell and not for the service. */
static void
print_unseen(void *arg, const struct sight *s, const char *text)
{
	char place[CONF_PLACE_MAX];

	printf("WARNING: %s%s: %s\n", conf_place_print(arg, s->at, place),
	    s->key, text);
}

static void
print_open(void *arg, const char *text)
{
	(void)arg;
	printf("WARNING: %s\n", text);
}

/* Connecting is the order. */
static int
order(const struct conf *conf, struct err *err)
{
	char text[ERR_TEXT_MAX];
	struct msg m;
	int fd = command_connect(conf, "reload.sock"), r;

	if (fd < 0) {
		r = command_unreached(conf, err);
		if (r == RC_TEMP)
			(void)err_set(err, r,
			    "no server is running on %.100s; if the key "
			    "\"data\" has changed, restart the server",
			    conf->data);
		return r;
	}
	command_patience(fd, ANSWER_S);
	r = line_recv_fd(fd, &m);
	io_close(&fd);
	if (r == RC_MORE)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	if (r != RC_OK)
		return err_set(err, r, "the server has stopped; see its log");
	r = msg_answer_read(&m, RC_SYNTAX, text);
	msg_fini(&m);
	return r == RC_OK
		   ? r
		   : err_set(err, r, "refused, nothing was changed: %s", text);
}

int
cmd_reload(const char *config, int argc, char **argv)
{
	const struct command_words words = {.command = "reload"};
	struct err err = {.text = ""};
	struct conf *conf;
	int r = command_words(&words, argc, argv, NULL);

	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	r = order(conf, &err);
	if (r == RC_OK) {
		puts("reloaded");
		print_warnings(conf);
		(void)sight_missing(conf, config, print_unseen, conf);
		(void)preflight_open_files(conf, config, print_open, NULL);
	}
	conf_free(&conf);
	return r == RC_OK ? EXIT_FINE
			  : command_fail("reload", EXIT_FAILED, "%s", err.text);
}
