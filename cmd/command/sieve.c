/* `hearthmail sieve`: the scripts of an account, and what they would do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/command/command.h"
#include "ipc/line.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"

#define OUTPUT_MAX (8u << 20)

struct work {
	const struct conf *conf;
	const char *account, *name, *to, *from, *written;
	enum rules_action action;
	bool deactivate;
	int fd;	       /* what goes in, and what comes back */
	uint64_t size; /* of what goes in */
	struct buf out;
};

/* In the order of enum rules_action; deactivate is one more. */
static const char *const verbs[] = {"list", "put", "check", "get", "activate",
    "delete", "rename", "test", "deactivate"};
static const bool has_name[] = {
    false, true, false, true, true, true, true, true, false};

/* ---- what goes in ---- */

static int
put_input(void *arg, const char *p, size_t n)
{
	struct work *w = arg;

	w->size += n;
	return io_write_all(w->fd, p, n);
}

/* All of standard input; a message gets the line ends that mail has. */
static int
read_input(struct work *w)
{
	bool message = w->action == RULES_TEST;
	char p[65536], last = 0;
	int r = RC_OK;
	ssize_t n;

	while (r == RC_OK && (n = read(STDIN_FILENO, p, sizeof p)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RC_IO;
		for (ssize_t i = 0, from = 0; r == RC_OK && i < n; i++) {
			if (message && p[i] == '\n' && last != '\r') {
				r = put_input(w, p + from, (size_t)(i - from));
				if (r == RC_OK)
					r = put_input(w, "\r", 1);
				from = i;
			}
			last = p[i];
			if (i == n - 1 && r == RC_OK)
				r = put_input(w, p + from, (size_t)(n - from));
		}
	}
	return r;
}

/* ---- the server ---- */

/* "<a@b>" is the path a@b, and "<>" the empty one. */
static struct sv
path_of(const char *s)
{
	struct sv path = s != NULL ? sv_str(s) : SV("");

	if (sv_starts(path, SV("<")) && sv_ends(path, SV(">")))
		path = sv_of(path.p + 1, path.n - 2);
	return path;
}

static int
ask(struct work *w, int line, struct err *err)
{
	struct rules_ask asked = {.account = sv_str(w->account),
	    .action = (uint8_t)w->action,
	    .name = sv_str(w->name),
	    .to = sv_str(w->to),
	    .sender = path_of(w->from),
	    .written = path_of(w->written),
	    .size = w->size,
	    .fd = dup(w->fd)};
	char text[ERR_TEXT_MAX];
	struct msg m;
	int r;

	if (asked.fd < 0)
		return err_set(err, RC_TEMP, "too many open files");
	msg_init(&m, RULES);
	rules_ask_put(&m, &asked);
	r = line_send_fd(line, &m);
	if (r == RC_OK)
		r = line_recv_fd(line, &m);
	if (r != RC_OK)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	r = msg_answer_read(&m, RC_SYNTAX, text);
	msg_fini(&m);
	if (lseek(w->fd, (off_t)w->size, SEEK_SET) < 0 ||
	    io_read_rest(w->fd, &w->out) != RC_OK)
		buf_reset(&w->out);
	return r == RC_OK ? r : err_set(err, r, "%s", text);
}

/* ---- what is printed ---- */

static void
print_list(struct sv rest)
{
	bool scripts = true;

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');
		struct sv active = sv_split(&line, '\t');
		struct sv size = scripts ? sv_split(&line, '\t') : SV("");

		if (scripts && active.n + size.n + line.n == 0) {
			scripts = false;
			printf("Rules of the pages, which run before:\n");
			continue;
		}
		if (!scripts) {
			printf("%-8.*s %.*s\n", SV_ARG(active), SV_ARG(line));
			continue;
		}
		printf("%-8.*s %7.*s  %.*s\n", SV_ARG(active), SV_ARG(size),
		    SV_ARG(line));
	}
}

static int
print(struct work *w, int r, const struct err *err)
{
	/* A script comes back as it is, into a file; all else may have been
	 * written by a stranger. */
	if (w->action != RULES_GET || isatty(STDOUT_FILENO))
		command_defuse(w->out.p, w->out.n, 0);
	if (w->action == RULES_LIST)
		print_list(buf_sv(&w->out));
	else if (w->out.n > 0)
		(void)fwrite(w->out.p, 1, w->out.n,
		    r == RC_OK && w->action != RULES_PUT ? stdout : stderr);
	if (r != RC_OK)
		return command_fail(
		    "sieve", EXIT_FAILED, "%s: %s", w->account, err->text);
	return EXIT_FINE;
}

static int
run(struct work *w)
{
	struct err err = {.text = ""};
	int line, r = RC_OK;

	w->fd = memfd_create("sieve", MFD_CLOEXEC);
	if (w->fd < 0)
		return command_fail(
		    "sieve", EXIT_FAILED, "too many open files");
	if (w->action == RULES_PUT || w->action == RULES_CHECK ||
	    w->action == RULES_TEST)
		r = read_input(w);
	if (r != RC_OK) {
		io_close(&w->fd);
		return command_fail(
		    "sieve", EXIT_FAILED, "standard input cannot be read");
	}
	line = command_connect(w->conf, "keeper.sock");
	if (line < 0) {
		(void)command_unreached(w->conf, &err);
		io_close(&w->fd);
		return command_fail("sieve", EXIT_FAILED, "%s", err.text);
	}
	buf_init(&w->out, OUTPUT_MAX);
	r = print(w, ask(w, line, &err), &err);
	buf_fini(&w->out);
	io_close(&line);
	io_close(&w->fd);
	return r;
}

/* ---- the command line ---- */

static int
parse(struct work *w, int argc, char **argv)
{
	const struct command_option option[] = {
	    {"--from", "the sender's address", .text = &w->from},
	    {"--to", "the recipient's address", .text = &w->written}};
	const struct command_words words = {.command = "sieve",
	    .option = option,
	    .noption = 2,
	    .what = "an account, what to do, and a script's name",
	    .least = 2,
	    .most = 4};
	size_t verb, n = sizeof verbs / sizeof verbs[0];
	int words_n, r = command_words(&words, argc, argv, &words_n), want;

	if (r != EXIT_FINE)
		return r;
	w->account = argv[1];
	verb = command_verb("sieve", verbs, n, argv[2]);
	if (verb == n)
		return EXIT_USAGE;
	want = 2 + (has_name[verb] ? 1 : 0) + (verb == RULES_RENAME ? 1 : 0);
	/* Without one, all that runs at a delivery. */
	if (verb == RULES_TEST && words_n == want - 1)
		want--;
	if (words_n < want)
		return command_misused("sieve",
		    verb == RULES_RENAME ? "expected a script's name, and its "
					   "new one"
					 : "expected a script's name");
	if (words_n > want)
		return command_misused(
		    "sieve", "unexpected \"%s\"", argv[want + 1]);
	if ((w->from != NULL || w->written != NULL) && verb != RULES_TEST)
		return command_misused("sieve", "%s is for test",
		    w->from != NULL ? "--from" : "--to");
	w->name = want > 2 ? argv[3] : "";
	w->to = want > 3 ? argv[4] : "";
	w->deactivate = verb == n - 1;
	w->action = w->deactivate ? RULES_ACTIVATE : (enum rules_action)verb;
	return EXIT_FINE;
}

int
cmd_sieve(const char *config, int argc, char **argv)
{
	struct work w = {.fd = -1};
	int code = parse(&w, argc, argv);
	struct conf *conf;

	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	w.conf = conf;
	code = run(&w);
	conf_free(&conf);
	return code;
}
