/* `hearthmail totp`: for somebody who has lost the phone with their codes. */
#include <stdio.h>

#include "cmd/command/auth_line.h"
#include "cmd/command/command.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"

int
cmd_totp(const char *config, int argc, char **argv)
{
	bool off = false;
	const struct command_option option = {"--off", .flag = &off};
	const struct command_words words = {.command = "totp",
	    .option = &option,
	    .noption = 1,
	    .what = "an account",
	    .least = 1,
	    .most = 1};
	struct auth_command o = {.weak = false};
	struct conf *conf;
	struct auth_said a;
	struct msg m;
	int n, r = command_words(&words, argc, argv, &n);

	if (r != EXIT_FINE)
		return r;
	if (!off)
		return command_misused("totp",
		    "--off is missing; codes are turned on at "
		    "https://HOSTNAME/second-factor");
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	o.account = sv_str(argv[1]);
	auth_said_init(&a);
	msg_init(&m, CMD_TOTP_OFF);
	auth_command_put(&m, &o);
	r = auth_line_need("totp", conf, &m, &a);
	if (r == EXIT_FINE)
		printf("%s signs in with the password alone now\n", argv[1]);
	auth_said_fini(&a);
	conf_free(&conf);
	return r;
}
