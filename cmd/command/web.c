/* `hearthmail web login`: the owner of the machine looks at the admin's pages,
 * without an account that may. */
#include <stdio.h>

#include "cmd/command/auth_line.h"
#include "cmd/command/command.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"

static void
print_link(const struct conf *conf, struct sv token)
{
	/* The running server has one; its configuration may be older. */
	const uint16_t port = conf->nlisten[CONF_HTTPS] > 0
				  ? conf->listen[CONF_HTTPS][0].port
				  : 443;

	printf("https://%s", conf->hostname);
	if (port != 443)
		printf(":%u", port);
	printf("/web-login/%.*s\n", SV_ARG(token));
}

int
cmd_web(const char *config, int argc, char **argv)
{
	static const char *const verbs[] = {"login"};
	const struct command_words words = {.command = "web"};
	const struct auth_command o = {.weak = false};
	struct conf *conf;
	struct auth_said a;
	struct msg m;
	int r;

	if (command_verb("web", verbs, 1, argv[1]) == 1 ||
	    command_words(&words, argc - 1, argv + 1, NULL) != EXIT_FINE)
		return EXIT_USAGE;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	auth_said_init(&a);
	msg_init(&m, CMD_WEB_LOGIN);
	auth_command_put(&m, &o);
	r = auth_line_need("web", conf, &m, &a);
	if (r == EXIT_FINE)
		print_link(conf, buf_sv(&a.secret));
	/* One that nobody has seen ends by itself. */
	if (r == EXIT_FINE && !command_written("web"))
		r = EXIT_FAILED;
	auth_said_fini(&a);
	conf_free(&conf);
	return r;
}
