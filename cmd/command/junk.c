/*
 * What was learned of junk: taught from folders, explained, counted, forgotten.
 *
 * Mail is read by a process behind walls, which sees one message after another
 * from a pipe and sends only features to the server.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_junk.h"
#include "ipc/proto.h"
#include "junk/feature.h"

#define ANSWER_S  10
#define DEPTH_MAX 3 /* of folders: DIR/cur/... */

struct work {
	const struct conf *conf;
	const char *account;
	const char *spam, *ham; /* folders */
	const char *folder;	/* a mailbox */
	bool json;

	int fd;	  /* the junk process */
	int pipe; /* messages: length (4), bytes */
	uint8_t teaching;
	struct junk_features features;
};

/* ---- asking the process ---- */

static int
send_order(struct work *w, const struct junk_order *o, struct msg *reply,
    struct junk_told *told, struct err *err)
{
	int r;

	msg_init(reply, CMD_JUNK);
	junk_order_put(reply, o);
	r = line_send_fd(w->fd, reply);
	if (r == RC_OK)
		r = line_recv_fd(w->fd, reply);
	if (r != RC_OK)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	if (junk_told_get(reply, told) != RC_OK) {
		msg_fini(reply);
		return err_set(
		    err, RC_SYNTAX, "the server's answer is garbled");
	}
	if (told->rc == RC_OK)
		return RC_OK;
	r = err_set(err, told->rc, "%.*s", SV_ARG(told->text));
	junk_told_fini(told);
	msg_fini(reply);
	return r;
}

static int
connect_to(struct work *w, const char *socket)
{
	struct err err = {.text = ""};

	w->fd = command_connect(w->conf, socket);
	if (w->fd < 0) {
		(void)command_unreached(w->conf, &err);
		return command_fail("junk", EXIT_FAILED, "%s", err.text);
	}
	command_patience(w->fd, ANSWER_S);
	return EXIT_FINE;
}

static int
is_account(const struct work *w)
{
	size_t i;

	for (i = 0; i < w->conf->naccount; i++)
		if (strcmp(w->conf->account[i].name, w->account) == 0)
			return EXIT_FINE;
	return command_fail(
	    "junk", EXIT_FAILED, "there is no account \"%s\"", w->account);
}

/* ---- teach: the process that reads the folder ---- */

static bool
feed_file(int at, const char *name, int out)
{
	struct buf b;
	unsigned char n[4];
	int fd = openat(at, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool ok = true;
	ssize_t got;
	char *p;

	if (fd < 0)
		return true;
	buf_init(&b, JUNK_MESSAGE_MAX);
	p = buf_reserve(&b, JUNK_MESSAGE_MAX);
	while (b.n < JUNK_MESSAGE_MAX &&
	       (got = read(fd, p + b.n, JUNK_MESSAGE_MAX - b.n)) > 0)
		buf_added(&b, (size_t)got);
	if (b.n > 0) {
		be_put32(n, (uint32_t)b.n);
		ok = io_write_all(out, n, 4) == RC_OK &&
		     io_write_all(out, b.p, b.n) == RC_OK;
	}
	buf_fini(&b);
	(void)close(fd);
	return ok;
}

/* A file a message, in order of their names; so Maildirs are read, too. */
static void
feed_folder(int at, const char *name, int out, unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	int i, n;
	DIR *d;

	if (fd < 0 || depth > DEPTH_MAX)
		return;
	n = scandirat(fd, ".", &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		const char *file = list[i]->d_name;

		if (file[0] == '.')
			continue;
		if (list[i]->d_type == DT_DIR)
			feed_folder(fd, file, out, depth + 1);
		else if (list[i]->d_type == DT_REG && !feed_file(fd, file, out))
			_exit(1);
	}
	d = fdopendir(fd);
	if (d != NULL)
		(void)closedir(d);
}

static pid_t
start_feeder(struct work *w, const char *folder, int *out)
{
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return -1;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)close(fd[0]);
		io_close(&w->fd);
		feed_folder(AT_FDCWD, folder, fd[1], 0);
		_exit(0);
	}
	(void)close(fd[1]);
	*out = fd[0];
	return pid;
}

/* ---- teach: the one behind walls ---- */

static int
read_exactly(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return RC_EOF;
		p += got;
		n -= (size_t)got;
	}
	return RC_OK;
}

static int
teach_one(struct work *w, struct sv msg, struct err *err)
{
	const struct junk_source src = {.msg = msg,
	    .hostname = sv_str(w->conf->hostname),
	    .kinds = JUNK_ALL};
	struct junk_order o = {.kind = JUNK_ORDER_TEACH,
	    .account = sv_str(w->account),
	    .teaching = w->teaching};
	struct junk_told told;
	struct buf b;
	struct msg m;
	size_t i;
	int r;

	buf_init(&b, MSG_MAX);
	junk_features_take(&src, &w->features);
	for (i = 0; i < w->features.n; i++) {
		unsigned char n[4];

		be_put32(n, w->features.v[i]);
		buf_add(&b, n, 4);
	}
	o.features = buf_sv(&b);
	r = send_order(w, &o, &m, &told, err);
	if (r == RC_OK) {
		junk_told_fini(&told);
		msg_fini(&m);
	}
	buf_fini(&b);
	return r;
}

static int
teach_inside(void *arg)
{
	struct work *w = arg;
	struct err err = {.text = ""};
	unsigned long done = 0;
	unsigned char n[4];
	struct buf b;
	int r = RC_OK;

	buf_init(&b, JUNK_MESSAGE_MAX + 1);
	while (r == RC_OK && read_exactly(w->pipe, (char *)n, 4) == RC_OK) {
		size_t size = be_get32(n);
		char *p;

		buf_reset(&b);
		p = buf_reserve(&b, size);
		if (p == NULL || read_exactly(w->pipe, p, size) != RC_OK)
			break;
		buf_added(&b, size);
		r = teach_one(w, buf_sv(&b), &err);
		done += r == RC_OK;
	}
	buf_fini(&b);
	printf("%lu message%s read as %s\n", done, plural(done),
	    w->teaching == JUNK_TEACH_JUNK ? "junk" : "wanted");
	if (r != RC_OK)
		return command_fail("junk", EXIT_FAILED, "%s", err.text);
	return EXIT_FINE;
}

static int
teach_folder(struct work *w, const char *folder, uint8_t teaching)
{
	struct buf empty;
	pid_t feeder;
	int code;

	w->teaching = teaching;
	if (access(folder, R_OK | X_OK) != 0)
		return command_fail(
		    "junk", EXIT_FAILED, "%s: %s", folder, strerror(errno));
	feeder = start_feeder(w, folder, &w->pipe);
	if (feeder < 0)
		return command_fail(
		    "junk", EXIT_FAILED, "no process: %s", strerror(errno));
	buf_init(&empty, 4096);
	buf_addf(&empty, "%s/run/empty", w->conf->data);
	code = confined_run(
	    w->conf, "junk", empty.p, ROLE_ACCOUNT, teach_inside, w);
	buf_fini(&empty);
	io_close(&w->pipe);
	(void)waitpid(feeder, NULL, 0);
	return code;
}

static int
teach(struct work *w)
{
	int r = is_account(w);

	if (w->spam == NULL && w->ham == NULL)
		return command_misused(
		    "junk", "what of? name a folder: --spam DIR or --ham DIR");
	if (r == EXIT_FINE)
		r = connect_to(w, "junk.sock");
	if (r == EXIT_FINE && w->spam != NULL)
		r = teach_folder(w, w->spam, JUNK_TEACH_JUNK);
	if (r == EXIT_FINE && w->ham != NULL)
		r = teach_folder(w, w->ham, JUNK_TEACH_WANTED);
	return r;
}

/* ---- stats, forget ---- */

static void
print_stats(struct sv text)
{
	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');
		struct sv name = sv_split(&line, '\t');
		struct sv junk = sv_split(&line, '\t');
		struct sv wanted = sv_split(&line, '\t');

		if (name.n == 0)
			name = SV("(server)");
		printf("%-20.*s  junk %6.*s  wanted %6.*s", SV_ARG(name),
		    SV_ARG(junk), SV_ARG(wanted));
		if (line.n > 0)
			printf("  last lesson %.*s", SV_ARG(line));
		puts("");
	}
}

static int
order(struct work *w, enum junk_order_kind kind)
{
	const struct junk_order o = {.kind = (uint8_t)kind,
	    .account = sv_str(w->account != NULL ? w->account : "")};
	struct err err = {.text = ""};
	struct junk_told told;
	struct msg m;
	int r = connect_to(w, "junk.sock");

	if (r != EXIT_FINE)
		return r;
	if (send_order(w, &o, &m, &told, &err) != RC_OK)
		return command_fail("junk", EXIT_FAILED, "%s", err.text);
	if (kind == JUNK_ORDER_STATS)
		print_stats(told.text);
	else
		printf("what %s has taught is forgotten\n", w->account);
	junk_told_fini(&told);
	msg_fini(&m);
	return EXIT_FINE;
}

static int
stats(struct work *w)
{
	return order(w, JUNK_ORDER_STATS);
}

static int
forget(struct work *w)
{
	return order(w, JUNK_ORDER_FORGET);
}

/* ---- explain ---- */

static int
explain_message(struct work *w, uint32_t uid, struct buf *lines)
{
	struct junk_explain o = {.account = sv_str(w->account),
	    .mailbox = sv_str(w->folder != NULL ? w->folder : "INBOX"),
	    .uid = uid};
	int file = memfd_create("junk", MFD_CLOEXEC), r;
	char text[ERR_TEXT_MAX];
	struct msg m;

	o.fd = file >= 0 ? dup(file) : -1;
	if (o.fd < 0) {
		io_close(&file);
		return command_fail("junk", EXIT_FAILED, "no file");
	}
	msg_init(&m, JUNK_EXPLAIN);
	junk_explain_put(&m, &o);
	r = line_send_fd(w->fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(w->fd, &m);
	if (r != RC_OK) {
		io_close(&file);
		return command_fail("junk", EXIT_FAILED, "%s", COMMAND_SILENT);
	}
	r = msg_answer_read(&m, RC_SYNTAX, text);
	msg_fini(&m);
	if (r == RC_OK && (lseek(file, 0, SEEK_SET) != 0 ||
			      io_read_rest(file, lines) != RC_OK))
		r = RC_IO;
	io_close(&file);
	return r == RC_OK
		   ? EXIT_FINE
		   : command_fail("junk", EXIT_FAILED, "%s: %s", w->account,
			 text[0] != '\0' ? text : "no answer");
}

static int
explain(struct work *w, const char *which)
{
	struct buf lines;
	uint32_t uid;
	int r;

	if (sv_to_u32(sv_str(which), UINT32_MAX, &uid) != RC_OK || uid == 0)
		return command_misused(
		    "junk", "\"%s\" is not the UID of a message", which);
	r = is_account(w);
	if (r == EXIT_FINE)
		r = connect_to(w, "keeper.sock");
	if (r != EXIT_FINE)
		return r;
	buf_init(&lines, 1 << 20);
	r = explain_message(w, uid, &lines);
	if (r == EXIT_FINE) {
		command_defuse(lines.p, lines.n, 0);
		(void)fwrite(lines.p, 1, lines.n, stdout);
	}
	buf_fini(&lines);
	return r;
}

/* ---- the command ---- */

enum verb {
	TEACH,
	FORGET,
	EXPLAIN,
	STATS,
	VERBS
};

static int
do_verb(struct work *w, enum verb verb, int n, char **argv)
{
	static const int least[] = {1, 1, 2, 0}, most[] = {1, 1, 2, 1};

	if (n < least[verb] || n > most[verb])
		return command_misused(
		    "junk", verb == EXPLAIN ? "expected an account and a UID"
					    : "expected an account");
	w->account = n > 0 ? argv[2] : NULL;
	switch (verb) {
	case TEACH:
		return teach(w);
	case FORGET:
		return forget(w);
	case EXPLAIN:
		return explain(w, argv[3]);
	case STATS:
	case VERBS:
		break;
	}
	return stats(w);
}

int
cmd_junk(const char *config, int argc, char **argv)
{
	static const char *const verbs[] = {
	    "teach", "forget", "explain", "stats"};
	struct work *w = xcalloc(1, sizeof *w);
	const struct command_option options[] = {
	    {"--spam", "a folder of messages", .text = &w->spam},
	    {"--ham", "a folder of messages", .text = &w->ham},
	    {"--folder", "a mailbox", .text = &w->folder}};
	const struct command_words words = {.command = "junk",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "teach, forget, explain or stats, and an account",
	    .least = 1,
	    .most = 3};
	struct conf *conf;
	int n, r = command_words(&words, argc, argv, &n);
	size_t verb = VERBS;

	if (r == EXIT_FINE)
		verb = command_verb("junk", verbs, VERBS, argv[1]);
	if (r != EXIT_FINE || verb == VERBS) {
		free(w);
		return EXIT_USAGE;
	}
	conf = command_conf(config);
	w->fd = w->pipe = -1;
	w->conf = conf;
	r = conf != NULL ? do_verb(w, (enum verb)verb, n - 1, argv)
			 : EXIT_CONFIG;
	io_close(&w->fd);
	conf_free(&conf);
	free(w);
	return r;
}
