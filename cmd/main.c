#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/sv.h"
#include "cmd/build.h"
#include "cmd/command/command.h"
#include "cmd/late.h"
#include "cmd/run/wiring.h"
#include "cmd/supervisor/supervisor.h"

#ifndef HM_CONFIG
#endif

#define CHILD_LABEL "hearthmail: "
#define CONTROL_FD  3
#define USAGE_WIDTH 42

struct command {
	const char *name;
	int (*run)(const char *config, int argc, char **argv);
	const char *usage;
	const char *what;
};

static const struct command commands[] = {
    {"run", cmd_run, "run [--debug]", "run the server until it is stopped"},
    {"check", cmd_check, "check [--here | --paths] [--json]",
	"read the configuration and say what the server would do"},
    {"reload", cmd_reload, "reload",
	"have the running server read its configuration again"},
    {"status", cmd_status, "status [--json | --metrics]",
	"processes, connections, mail, the queue, problems"},
    {"account", cmd_account, "account list",
	"the accounts, their addresses, and who has a password"},
    {"passwd", cmd_passwd, "passwd NAME [--stdin] [--weak]",
	"set an account's password"},
    {"app-password", cmd_app_password, "app-password NAME [LABEL [--revoke]]",
	"make, list or revoke a password for one device"},
    {"device", cmd_device,
	"device add ACCOUNT NAME [--address A] [--profile FILE] "
	"[--qr | --no-qr]",
	"what a phone needs, with a password of its own: text, code, profile"},
    {"device", cmd_device, "device list ACCOUNT [--json]",
	"the devices of an account, and when each was last used"},
    {"device", cmd_device, "device revoke ACCOUNT NAME",
	"lock a device out, at once"},
    {"totp", cmd_totp, "totp ACCOUNT --off",
	"sign in without codes again, if the phone is lost"},
    {"web", cmd_web, "web login",
	"a link to the admin's pages, for 15 minutes and one use"},
    {"dns", cmd_dns, "dns [DOMAIN] [--json | --brief] [--network]",
	"what is published, what is wrong, and what to paste"},
    {"dns", cmd_dns, "dns [DOMAIN] --print [--json]",
	"only the DNS records to publish"},
    {"trace", cmd_trace, "trace WHICH... [--since 3d] [--limit N] [--json]",
	"every step of each message with that address or subject"},
    {"reports", cmd_reports, "reports [DOMAIN] [--since 30d] [--json]",
	"what others saw of mail from your domains, in sentences"},
    {"cert", cmd_cert, "cert list | show NAME [--json]",
	"certificates: whose, until when, renewed when and why, what is wrong"},
    {"cert", cmd_cert, "cert renew NAME [--json]",
	"have a new one ordered now, if limits allow it"},
    {"dkim", cmd_dkim, "dkim list [DOMAIN]",
	"the keys that sign outgoing mail, and what they wait for"},
    {"dkim", cmd_dkim, "dkim rotate DOMAIN", "make a new key now"},
    {"dkim", cmd_dkim, "dkim use DOMAIN SELECTOR",
	"sign with an announced key though its records were not seen"},
    {"dkim", cmd_dkim, "dkim retire DOMAIN SELECTOR", "destroy a key"},
    {"queue", cmd_queue, "queue list [WHICH...] | show ID [--json]",
	"waiting mail, with reasons, times and attempts"},
    {"queue", cmd_queue,
	"queue retry | hold | release | remove [--bounce] WHICH... [--json]",
	"WHICH: an id, account, domain or address, or --all"},
    {"queue", cmd_queue, "queue ... [--account NAME] [--domain NAME]",
	"if a name could be an account or a domain"},
    {"fsck", cmd_fsck, "fsck [ACCOUNT...] [--rebuild | --repair] [--json]",
	"check all mail; report damage and the messages affected"},
    {"backup", cmd_backup, "backup DIR [--keep N]",
	"copy all that is new into DIR while the server runs"},
    {"backup", cmd_backup, "backup DIR --verify",
	"compare checksums and test-restore every account"},
    {"restore", cmd_restore, "restore DIR [--force]",
	"restore everything; with --account NAME one account"},
    {"restore", cmd_restore, "restore DIR --account NAME --folder F",
	"restore a folder; with --message WHICH one message"},
    {"undelete", cmd_undelete,
	"undelete ACCOUNT [--since 3d] [--from TEXT] [--subject TEXT]",
	"restore expunged messages matching all conditions"},
    {"undelete", cmd_undelete,
	"undelete ACCOUNT [--folder F] [--message ID] [--to FOLDER]",
	"only from one folder, or one message; into another folder"},
    {"undelete", cmd_undelete, "undelete ACCOUNT [--list] [--json]",
	"only list it; as JSON"},
    {"purge", cmd_purge,
	"purge ACCOUNT [--since 3d] [--from TEXT] [--subject TEXT]",
	"remove expunged mail for good, now"},
    {"purge", cmd_purge,
	"purge ACCOUNT [--folder F] [--message ID] [--all-expunged]",
	"only from one folder, one message, or everything"},
    {"purge", cmd_purge, "purge ACCOUNT [--list] [--json]",
	"only list it; as JSON"},
    {"sieve", cmd_sieve, "sieve ACCOUNT list | deactivate",
	"an account's scripts for its mail; use none of them"},
    {"sieve", cmd_sieve, "sieve ACCOUNT put NAME | check < FILE",
	"store a script; only look for errors"},
    {"sieve", cmd_sieve,
	"sieve ACCOUNT get | activate | delete NAME | rename NAME NEW",
	"print one; use it; remove it; rename it"},
    {"sieve", cmd_sieve, "sieve ACCOUNT test [NAME] [--from A] < MESSAGE",
	"say what it would do with a message, line by line"},
    {"junk", cmd_junk, "junk teach ACCOUNT --spam DIR | --ham DIR",
	"teach what is junk, and what is not, from folders of messages"},
    {"junk", cmd_junk, "junk explain ACCOUNT UID [--folder F]",
	"say why a message is taken for junk, or not"},
    {"junk", cmd_junk, "junk stats [ACCOUNT] | forget ACCOUNT",
	"what was learned, and when; forget what an account has taught"},
    {"import", cmd_import,
	"import NAME SOURCE... [--format maildir | mbox | eml]",
	"copy mail into an account: Maildir, mbox, MH, .eml, archives"},
    {"import", cmd_import,
	"import NAME imaps://USER@HOST [--password-file FILE] "
	"[--fingerprint SHA256]",
	"copy mail from another server"},
    {"import", cmd_import,
	"import NAME SOURCE... [--folder F] [--into FOLDER] [--again]",
	"only some folders; below another one; all of it again"},
    {"export", cmd_export,
	"export NAME DIR [--format maildir | mbox | eml] [--as-of DATE]",
	"copy an account's mail into a Maildir, mbox or .eml files"},
    {"export", cmd_export,
	"export NAME imaps://USER@HOST [--password-file FILE] "
	"[--fingerprint SHA256] [--into FOLDER] [--again]",
	"copy to another server; a second run copies what is new"},
    {"export", cmd_export, "export NAME ... [--folder F]",
	"only some folders; may be given more than once"},
    {"sendmail", cmd_sendmail, "sendmail [-t] [-i] [-f SENDER] [ADDRESS...]",
	"send mail from a program on this machine (standard input)"},
    {"debug", cmd_debug, "debug level LEVEL [PROCESS [NAME]]",
	"change the log level: error, warn, info or debug"},
    {"debug", cmd_debug, "debug trace ACCOUNT|PEER [--for TIME]",
	"log both sides of the protocol, without passwords; or off"},
    {"debug", cmd_debug, "debug dump FILE",
	"print a segment, table of contents or checkpoint"},
    {"try", cmd_try, "try [--dir DIR] [--relay HOST:PORT]",
	"run a complete demo on the loopback interface"},
};

#define NCOMMANDS (sizeof commands / sizeof commands[0])

static int (*const processes[ROLE_COUNT])(int control_fd) = {
    [ROLE_AUTH] = run_auth,
    [ROLE_HISTORY] = run_history,
    [ROLE_JUNK] = run_junk,
    [ROLE_KEEPER] = run_keeper,
    [ROLE_QUEUE] = run_queue,
    [ROLE_DNS] = run_dns,
    [ROLE_MX] = run_mx,
    [ROLE_REPORT] = run_report,
    [ROLE_ACME] = run_acme,
    [ROLE_ADMIN] = run_admin,
    [ROLE_SMTP] = run_smtp,
    [ROLE_SUBMISSION] = run_submission,
    [ROLE_IMAP] = run_imap,
    [ROLE_POP3] = run_pop3,
    [ROLE_SIEVE] = run_sieve,
    [ROLE_WEB] = run_web,
    [ROLE_ACCOUNT] = run_account,
};

static void
usage(FILE *to)
{
	size_t i;

	fputs("usage: hearthmail [-c FILE] COMMAND ...\n\n", to);
	/* What is too long for its column has a line of its own. */
	for (i = 0; i < NCOMMANDS; i++)
		if (strlen(commands[i].usage) <= USAGE_WIDTH)
			fprintf(to, "  %-*s  %s\n", USAGE_WIDTH,
			    commands[i].usage, commands[i].what);
		else
			fprintf(to, "  %s\n%*s%s\n", commands[i].usage,
			    USAGE_WIDTH + 4, "", commands[i].what);
	fputs("\n  -c FILE   the configuration (default: " HM_CONFIG ")\n"
	      "  -V        print the version\n",
	    to);
}

/* The lines of the table that begin with this name; false: there are none. */
static bool
usage_of(const char *name)
{
	bool found = false;
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		printf("%s hearthmail [-c FILE] %s\n",
		    found ? "      " : "usage:", commands[i].usage);
		printf("         %s\n", commands[i].what);
		found = true;
	}
	if (found)
		printf("\nMore: man hearthmail-%s\n", name);
	return found;
}

static bool
asks_for_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 ||
	       strcmp(word, "help") == 0;
}

int
cmd_run(const char *config, int argc, char **argv)
{
	bool debug = false;
	const struct command_option option = {"--debug", .flag = &debug};
	const struct command_words words = {
	    .command = "run", .option = &option, .noption = 1};
	struct supervisor_opts o = {.config = config};

	if (command_words(&words, argc, argv, NULL) != EXIT_FINE)
		return EXIT_USAGE;
	if (debug)
		o.level = LOG_LEVEL_DEBUG;
	return supervisor_run(&o);
}

static bool
has_libraries(unsigned which)
{
	struct err err;

	if (late_load(which, &err) == RC_OK)
		return true;
	fprintf(stderr, "hearthmail: a library is missing: %s\n", err.text);
	return false;
}

/* The supervisor has made us one of its processes: the label says which. */
static int
child(struct sv label)
{
	char name[16];
	size_t i;

	/* ps and top show this; the kernel cuts it to 15 bytes. */
	(void)snprintf(name, sizeof name, "hm-%.*s", SV_ARG(label));
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	label = sv_split(&label, ' ');
	for (i = 0; i < ROLE_COUNT; i++)
		if (sv_eq(label, sv_str(role_info[i].name)))
			return has_libraries(role_info[i].libraries)
				   ? processes[i](CONTROL_FD)
				   : EXIT_FAILED;
	return EXIT_USAGE;
}

static int
no_such_command(const char *word)
{
	struct sv_nearest near = {.word = sv_str(word)};
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		sv_nearest(&near, sv_str(commands[i].name));
	if (word[0] == '-') {
		fprintf(stderr,
		    "hearthmail: unknown option %s; expected -c FILE, -V or "
		    "-h, and a command\n",
		    word);
		return EXIT_USAGE;
	}
	fprintf(stderr, "hearthmail: there is no command \"%s\"", word);
	if (near.best.n > 0)
		fprintf(
		    stderr, "; did you mean \"%.*s\"?\n", SV_ARG(near.best));
	else
		fputs("; hearthmail help lists them\n", stderr);
	return EXIT_USAGE;
}

static int
help(const char *name)
{
	if (name == NULL)
		usage(stdout);
	else if (!usage_of(name))
		return no_such_command(name);
	return EXIT_FINE;
}

/* "queue -h", "queue list --help"; further on it may be an option's value. */
static bool
wants_usage(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && i <= 2; i++)
		if (argv[i][0] == '-' && asks_for_help(argv[i]))
			return true;
	return false;
}

/* argv[0] is the command. */
static int
command(const char *config, int argc, char **argv)
{
	const char *name = argv[0];
	size_t k = 0;
	int i;

	while (k < NCOMMANDS && strcmp(name, commands[k].name) != 0)
		k++;
	if (k == NCOMMANDS)
		return no_such_command(name);
	if (wants_usage(argc, argv))
		return help(name);
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "-c") == 0)
			return command_fail(name, EXIT_USAGE,
			    "put -c FILE before the command: "
			    "hearthmail -c FILE %s ...",
			    name);
	if (!has_libraries(
		commands[k].run == cmd_run ? SUPERVISOR_LIBRARIES : LATE_ALL))
		return EXIT_FAILED;
	return commands[k].run(config, argc, argv);
}

static int
owner(int argc, char **argv)
{
	const char *config = HM_CONFIG;
	int i = 1;

	if (i < argc && strcmp(argv[i], "-c") == 0) {
		if (i + 1 >= argc) {
			fputs("hearthmail: -c needs a file\n", stderr);
			return EXIT_USAGE;
		}
		config = argv[i + 1];
		i += 2;
	}
	if (i >= argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (asks_for_help(argv[i]))
		return help(argv[i + 1]);
	if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
		puts(HM_BUILD);
		return EXIT_FINE;
	}
	return command(config, argc - i, argv + i);
}

/* The command's, behind -c FILE. */
static const char *
name_of(int argc, char **argv)
{
	int i = argc > 3 && strcmp(argv[1], "-c") == 0 ? 3 : 1;

	return i < argc ? argv[i] : "";
}

/* By the name under which others look for it: a link to us. */
static bool
is_sendmail(const char *name)
{
	struct sv s = sv_str(name);

	return sv_eq(s, SV("sendmail")) || sv_ends(s, SV("/sendmail"));
}

int
main(int argc, char **argv)
{
	int code;

	late_setup();
	alloc_setup();
	if (argc == 1 && sv_starts(sv_str(argv[0]), SV(CHILD_LABEL)))
		return child(sv_skip(sv_str(argv[0]), strlen(CHILD_LABEL)));
	if (is_sendmail(argv[0]))
		code = has_libraries(LATE_ALL)
			   ? cmd_sendmail(HM_CONFIG, argc, argv)
			   : EXIT_FAILED;
	else
		code = owner(argc, argv);
	/* What nobody could read has not been done well. */
	if (!command_written(name_of(argc, argv)) && code == EXIT_FINE)
		code = EXIT_FAILED;
	return code;
}
