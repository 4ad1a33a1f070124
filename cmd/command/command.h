/*
 * The subcommands.  Each gets the configuration's path and its own words
 * (argv[0] is the subcommand's name) and returns an exit code.
 */
#ifndef CMD_COMMAND_COMMAND_H
#define CMD_COMMAND_COMMAND_H

#include "cmd/exit_code.h"
#include "conf/conf.h"
#include "ipc/msg.h"

#define HM_CONFIG "/etc/hearthmail.yaml"

int cmd_run(const char *config, int argc, char **argv);
int cmd_check(const char *config, int argc, char **argv);
int cmd_status(const char *config, int argc, char **argv);
int cmd_reload(const char *config, int argc, char **argv);
int cmd_backup(const char *config, int argc, char **argv);
int cmd_restore(const char *config, int argc, char **argv);
int cmd_import(const char *config, int argc, char **argv);
int cmd_export(const char *config, int argc, char **argv);
int cmd_fsck(const char *config, int argc, char **argv);
int cmd_account(const char *config, int argc, char **argv);
int cmd_passwd(const char *config, int argc, char **argv);
int cmd_app_password(const char *config, int argc, char **argv);
int cmd_device(const char *config, int argc, char **argv);
int cmd_debug(const char *config, int argc, char **argv);
int cmd_dns(const char *config, int argc, char **argv);
int cmd_queue(const char *config, int argc, char **argv);
int cmd_trace(const char *config, int argc, char **argv);
int cmd_reports(const char *config, int argc, char **argv);
int cmd_undelete(const char *config, int argc, char **argv);
int cmd_web(const char *config, int argc, char **argv);
int cmd_sieve(const char *config, int argc, char **argv);
int cmd_junk(const char *config, int argc, char **argv);
int cmd_purge(const char *config, int argc, char **argv);
int cmd_sendmail(const char *config, int argc, char **argv);
int cmd_totp(const char *config, int argc, char **argv);
int cmd_try(const char *config, int argc, char **argv);
int cmd_cert(const char *config, int argc, char **argv);
int cmd_dkim(const char *config, int argc, char **argv);

/* ---- the words behind a command ---- */

struct command_option {
	const char *name; /* "--since" */
	const char
	    *value; /* what its value is, "a folder"; NULL: it has none */
	bool *flag; /* becomes true; may be NULL if there is a value */
	const char **text; /* the value as it is, or: */
	/* NULL, or what was expected instead of that value. */
	const char *(*read)(void *arg, const char *value);
	void *arg;
	bool many; /* may be given more than once */
};

struct command_words {
	const char *command;
	const struct command_option *option;
	size_t noption;
	/* All other words: what they are, for people ("a domain"; NULL: there
	 * are none), and how many. */
	const char *what;
	int least, most;
	bool dashes; /* what begins with one dash is one of them */
};

/*
 * Reads argv[1] to argv[argc - 1], options as "--name VALUE" or
 * "--name=VALUE", behind "--" none; the other words, so many, are argv[1] and
 * following then.  If something is wrong, says which word, and what was
 * expected: EXIT_USAGE.
 */
int command_words(
    const struct command_words *w, int argc, char **argv, int *n_out);
/* Which of the names is the word?  n and EXIT_USAGE said, if none; word NULL:
 * it is missing. */
size_t command_verb(
    const char *command, const char *const *name, size_t n, const char *word);
/* As command_fail, for what was typed wrong, with a hint; EXIT_USAGE. */
int command_misused(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- what they share ---- */

/* Loads the configuration or prints what is wrong with it; NULL then. */
struct conf *command_conf(const char *config);
/*
 * A connection to DATA/run/NAME, -1 with errno if no server runs there or this
 * user may not speak to it.  Nothing is waited for longer than
 * COMMAND_PATIENCE_S; who needs more, or less, says so.
 */
#define COMMAND_PATIENCE_S 30
int command_connect(const struct conf *conf, const char *socket);
/* From now on reading or writing it fails after so many seconds. */
void command_patience(int fd, int seconds);
/* Right behind a -1: which of the two it is.  RC_TEMP or RC_DENIED. */
int command_unreached(const struct conf *conf, struct err *err);
/* An answer did not come in that time, or its connection was closed. */
#define COMMAND_SILENT "the server does not answer; try again, and see its log"
/*
 * An IMAP session of the account with the server that runs, whose login ends
 * with the tag "local".  `who` is a number for the sessions of this purpose:
 * one at a time.  RC_TEMP: no server runs, or not now.
 */
int command_session(const struct conf *conf, const char *account, uint64_t who,
    int *fd_out, struct err *err) RC_USE_RESULT;
/*
 * A time in words, in ms since 1970: "3d" or "12h" ago; a day, "2026-11-24",
 * at its beginning or its end; or a minute, "2026-11-24T17:30"; UTC.  false:
 * something else.
 */
#define COMMAND_WHEN \
	"a time is 3d or 12h (ago), 2026-11-24, or 2026-11-24T17:30 (UTC)"
bool command_when(const char *text, bool end_of_day, int64_t *out);
/* "90s", "10m", "2h", "3d" in ms; false: something else. */
bool command_duration(const char *text, int64_t *ms_out);
/* "14 days", "1 day", "36 hours". */
#define COMMAND_SPAN_MAX 32
const char *command_span(int64_t ms, char out[COMMAND_SPAN_MAX]);
/* Sets a password while no server runs; becomes the auth user for that and
 * stays it, effectively. */
int command_passwd_offline(const struct conf *conf, struct sv name,
    struct sv password, bool weak, struct err *err) RC_USE_RESULT;
/* The DKIM records that belong into a domain's DNS, old and new: lines
 * "SELECTOR STATE RECORD", from the running server or the domain's file; or why
 * they cannot be had.  RC_NOTFOUND: there are none yet. */
int command_dkim_records(const struct conf *conf, const char *domain,
    struct buf *out, struct buf *why) RC_USE_RESULT;
/* Prints the certificates; how many warnings. */
unsigned check_certificates(const struct conf *conf);
/* Prints the policies for TLS of the domains, and what of the web needs https;
 * how many warnings. */
unsigned check_web(const struct conf *conf);
/* Prints as JSON what run(arg) prints, with the file's text, and which of it is
 * about which line; returns what run does. */
int check_print_json(const char *config, int (*run)(void *arg), void *arg);
/* A line of standard input, byte by byte, so that what follows it is not
 * taken; false: none came, or it is too long for out. */
bool command_read_line(struct buf *out);
/* Asks for a secret, without echo on a terminal; false: none came. */
bool command_prompt(const char *text, struct buf *out);
/*
 * What other processes or mail say, before it reaches a terminal: control
 * characters but newlines and tabs, C1 too, become question marks.  before:
 * the byte in front of p, 0 at the beginning; the text stays as long.
 */
void command_defuse(char *p, size_t n, unsigned char before);
/* Has all that was printed gone out?  If not, says why it could not. */
bool command_written(const char *command);
/* Prints "hearthmail COMMAND: ..." to standard error, returns code. */
int command_fail(const char *command, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
