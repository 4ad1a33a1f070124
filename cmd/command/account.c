#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "auth/credentials.h"
#include "base/io.h"
#include "cmd/command/auth_line.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/datadir.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"

#define PASSWORD_MAX 1024

/*
 * Without a server the file is changed here, as the user that owns it.  The
 * effective user only: this process is the owner's own and ends right away.
 */
static int
open_offline(const struct conf *conf, struct credentials **c, struct buf *path,
    struct err *err)
{
	struct super_user user[ROLE_COUNT];
	const char *how;
	bool change;
	int r;

	users_find(user, &change, &how);
	r = folders_make(conf, user, err);
	if (r != RC_OK)
		return r;
	/* Entered first: the folders above may be closed to that user. */
	buf_addf(path, "%s/auth", conf->data);
	if (chdir(path->p) != 0)
		return err_set(err, RC_IO, "cannot enter %s", path->p);
	buf_reset(path);
	buf_adds(path, "credentials");
	if (change && (setegid(user[ROLE_AUTH].gid) != 0 ||
			  seteuid(user[ROLE_AUTH].uid) != 0))
		return err_set(err, RC_IO, "cannot become the auth user");
	return credentials_load(path->p, c, err);
}

int
command_passwd_offline(const struct conf *conf, struct sv name,
    struct sv password, bool weak, struct err *err)
{
	struct credentials *c = NULL;
	struct buf path;
	int r = RC_OK;

	buf_init(&path, 4096);
	if (conf_account_by_name(conf, name) < 0)
		r = err_set(err, RC_NOTFOUND,
		    "there is no account \"%.*s\" "
		    "in the configuration",
		    SV_ARG(name));
	if (r == RC_OK && !weak)
		r = credentials_check_strength(name, password, err);
	if (r == RC_OK)
		r = open_offline(conf, &c, &path, err);
	if (r == RC_OK)
		r = credentials_set_password(c, name, password, err);
	if (r == RC_OK)
		r = credentials_save(c, path.p, err);
	credentials_free(&c);
	buf_fini(&path);
	return r;
}

/* ---- passwords ---- */

static int
get_password(const char *name, bool from_stdin, struct buf *out)
{
	struct buf again;
	char text[128];
	bool same;

	(void)snprintf(text, sizeof text, "New password for %.60s: ", name);
	if (!(from_stdin ? command_read_line(out)
			 : command_prompt(text, out))) {
		if (!buf_ok(out))
			return command_fail("passwd", EXIT_FAILED,
			    "the password is too long (at most %d bytes)",
			    PASSWORD_MAX);
		return command_fail("passwd", EXIT_FAILED, "no password%s",
		    from_stdin ? " on standard input" : "");
	}
	if (from_stdin)
		return EXIT_FINE;
	buf_init(&again, PASSWORD_MAX);
	same = command_prompt("Repeat the password: ", &again) &&
	       sv_eq(buf_sv(out), buf_sv(&again));
	buf_wipe(&again);
	return same ? EXIT_FINE
		    : command_fail("passwd", EXIT_FAILED,
			  "the passwords do not match; nothing was changed");
}

static int
set_password(
    const struct conf *conf, const char *name, struct sv password, bool weak)
{
	const struct auth_command o = {sv_str(name), password, weak};
	struct auth_said a;
	struct err err = {.text = ""};
	struct msg m;
	int r;

	auth_said_init(&a);
	msg_init(&m, CMD_PASSWD);
	auth_command_put(&m, &o);
	r = auth_line_ask(conf, &m, &a, &err);
	if (r == RC_NOTFOUND)
		r = command_passwd_offline(
		    conf, sv_str(name), password, weak, &err);
	else if (r == RC_OK && (r = a.rc) != RC_OK)
		(void)err_set(&err, r, "%s", a.text.p);
	auth_said_fini(&a);
	if (r != RC_OK)
		return command_fail("passwd", EXIT_FAILED, "%s", err.text);
	return EXIT_FINE;
}

int
cmd_passwd(const char *config, int argc, char **argv)
{
	bool from_stdin = false, weak = false;
	const struct command_option options[] = {
	    {"--stdin", .flag = &from_stdin}, {"--weak", .flag = &weak}};
	const struct command_words words = {.command = "passwd",
	    .option = options,
	    .noption = 2,
	    .what = "one account; the password is asked for",
	    .least = 1,
	    .most = 1};
	const char *name;
	struct buf password;
	struct conf *conf;
	int r = command_words(&words, argc, argv, NULL);

	if (r != EXIT_FINE)
		return r;
	name = argv[1];
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	must(sodium_init() >= 0);
	buf_init(&password, PASSWORD_MAX);
	/* Before two passwords are typed in vain. */
	r = conf_account_by_name(conf, sv_str(name)) < 0
		? command_fail("passwd", EXIT_FAILED,
		      "there is no account \"%s\" in the configuration", name)
		: get_password(name, from_stdin, &password);
	if (r == EXIT_FINE)
		r = set_password(conf, name, buf_sv(&password), weak);
	buf_wipe(&password);
	conf_free(&conf);
	if (r == EXIT_FINE)
		printf("the password of %s is set\n", name);
	return r;
}

/* ---- app passwords and the list ---- */

/* label NULL: the list. */
static int
ask_app(const struct conf *conf, uint16_t type, const char *name,
    const char *label, struct auth_said *a)
{
	const struct auth_command o = {sv_str(name), sv_str(label), false};
	struct msg m;

	msg_init(&m, type);
	auth_command_put(&m, &o);
	return auth_line_need("app-password", conf, &m, a);
}

/* One that nobody has seen must not let anybody in. */
static int
show_secret(const struct conf *conf, const char *name, const char *label,
    const struct auth_said *made)
{
	int code = EXIT_FAILED;
	struct auth_said a;

	printf("%s\n", made->secret.p);
	if (command_written("app-password"))
		return EXIT_FINE;
	auth_said_init(&a);
	if (ask_app(conf, CMD_APP_REVOKE, name, label, &a) == EXIT_FINE)
		(void)command_fail("app-password", code,
		    "the password could not be printed and was revoked");
	else
		(void)command_fail("app-password", code,
		    "the password could not be printed, but it is valid: "
		    "revoke it with app-password %s \"%s\" --revoke",
		    name, label);
	auth_said_fini(&a);
	return code;
}

int
cmd_app_password(const char *config, int argc, char **argv)
{
	bool revoke = false;
	const struct command_option option = {"--revoke", .flag = &revoke};
	const struct command_words words = {.command = "app-password",
	    .option = &option,
	    .noption = 1,
	    .what = "an account and a label",
	    .least = 1,
	    .most = 2};
	const char *label;
	struct conf *conf;
	struct auth_said a;
	int n, r = command_words(&words, argc, argv, &n);

	if (r != EXIT_FINE)
		return r;
	label = n > 1 ? argv[2] : NULL;
	if (revoke && label == NULL)
		return command_misused("app-password",
		    "--revoke: the label of the password is missing");
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	auth_said_init(&a);
	r = ask_app(conf,
	    label == NULL ? CMD_APP_LIST
	    : revoke	  ? CMD_APP_REVOKE
			  : CMD_APP_ADD,
	    argv[1], label, &a);
	if (r == EXIT_FINE && label == NULL)
		fputs(a.text.n > 0 ? a.text.p : "no app passwords\n", stdout);
	else if (r == EXIT_FINE && revoke)
		printf("revoked; its sessions are closed\n");
	else if (r == EXIT_FINE)
		r = show_secret(conf, argv[1], label, &a);
	auth_said_fini(&a);
	conf_free(&conf);
	return r;
}

int
cmd_account(const char *config, int argc, char **argv)
{
	struct conf *conf;
	struct auth_said a;
	static const char *const verbs[] = {"list"};
	const struct command_words words = {.command = "account"};
	const struct auth_command o = {.weak = false};
	struct msg m;
	int r;

	if (command_verb("account", verbs, 1, argv[1]) == 1 ||
	    command_words(&words, argc - 1, argv + 1, NULL) != EXIT_FINE)
		return EXIT_USAGE;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	auth_said_init(&a);
	msg_init(&m, CMD_ACCOUNTS);
	auth_command_put(&m, &o);
	r = auth_line_need("account", conf, &m, &a);
	if (r == EXIT_FINE)
		fputs(a.text.p, stdout);
	auth_said_fini(&a);
	conf_free(&conf);
	return r;
}
