/* What was expunged: `undelete` brings it back, `purge` removes it for good. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clk.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "account/expunged.h"
#include "ipc/line.h"
#include "ipc/proto.h"

#define ASK_S	   (60 * 60)
#define LISTED_MAX (64u << 20)

struct work {
	const char *command;
	const struct conf *conf;
	const char *account;
	struct expunged_query q;
	bool chosen, list, json;

	struct buf lines;
	struct expunged_sum sum;
	uint64_t freed;
};

/* ---- what is printed ---- */

struct line {
	struct sv id, folder, from, subject;
	uint64_t at, size;
};

static struct line
line_split(struct sv text)
{
	struct line l = {.at = 0};
	struct sv number;

	l.id = sv_split(&text, '\t');
	number = sv_split(&text, '\t');
	(void)!sv_to_u64(number, INT64_MAX, &l.at);
	number = sv_split(&text, '\t');
	(void)!sv_to_u64(number, INT64_MAX, &l.size);
	l.folder = sv_split(&text, '\t');
	l.from = sv_split(&text, '\t');
	l.subject = text;
	return l;
}

/* At most so many bytes, and never half a character. */
static int
fit(struct sv s, size_t n)
{
	if (s.n <= n)
		return (int)s.n;
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

static void
print_line(const struct line *l)
{
	struct sv folder = l->folder.n > 0 ? l->folder : SV("(deleted)");
	struct clk_tm t;

	clk_civil((int64_t)(l->at / 1000), &t);
	printf("%-10.*s %04d-%02d-%02d %02d:%02d  %8" PRIu64
	       "  %-12.*s  %.*s  %.*s\n",
	    (int)l->id.n, l->id.p, t.year, t.month, t.day, t.hour, t.minute,
	    l->size, fit(folder, 24), folder.p, fit(l->from, 40),
	    l->from.n > 0 ? l->from.p : "", fit(l->subject, 60),
	    l->subject.n > 0 ? l->subject.p : "");
}

static json_t *
text_json(struct sv s)
{
	json_t *j = json_stringn(s.n > 0 ? s.p : "", s.n);

	return j != NULL ? j : json_string("?");
}

static void
print_json(const struct work *w, const char *done)
{
	struct sv rest = buf_sv(&w->lines);
	json_t *o = json_object(), *list = json_array();
	char *text;

	while (rest.n > 0) {
		struct line l = line_split(sv_split(&rest, '\n'));
		json_t *x = json_object();

		json_object_set_new(x, "id", text_json(l.id));
		json_object_set_new(
		    x, "expunged", json_integer((json_int_t)(l.at / 1000)));
		json_object_set_new(
		    x, "size", json_integer((json_int_t)l.size));
		json_object_set_new(x, "folder",
		    l.folder.n > 0 ? text_json(l.folder) : json_null());
		json_object_set_new(x, "from", text_json(l.from));
		json_object_set_new(x, "subject", text_json(l.subject));
		json_array_append_new(list, x);
	}
	json_object_set_new(o, "account", json_string(w->account));
	json_object_set_new(o, "done", json_string(done));
	json_object_set_new(o, "messages", list);
	json_object_set_new(
	    o, "count", json_integer((json_int_t)w->sum.messages));
	json_object_set_new(o, "bytes", json_integer((json_int_t)w->sum.bytes));
	json_object_set_new(
	    o, "disk_bytes_freed", json_integer((json_int_t)w->freed));
	text = json_dumps(o, JSON_COMPACT);
	puts(text != NULL ? text : "{}");
	free(text);
	json_decref(o);
}

static void
print_text(const struct work *w)
{
	const char *were = each(w->sum.messages, "was", "were");
	struct sv rest = buf_sv(&w->lines);

	while (rest.n > 0) {
		struct line l = line_split(sv_split(&rest, '\n'));

		print_line(&l);
	}
	printf("%" PRIu64 " message%s, %" PRIu64 " byte%s", w->sum.messages,
	    plural(w->sum.messages), w->sum.bytes, plural(w->sum.bytes));
	if (w->q.action == EXPUNGED_PURGE)
		printf(" %s permanently removed, freeing %" PRIu64
		       " byte%s on disk. Backups may still contain %s.\n",
		    were, w->freed, plural(w->freed),
		    each(w->sum.messages, "it", "them"));
	else if (w->q.action == EXPUNGED_UNDELETE)
		printf(" %s brought back\n", were);
	else
		printf(" can be brought back\n");
}

/* The exit code: a folder or a message that was named must be there. */
static int
print(const struct work *w)
{
	static const char *const done[] = {"listed", "undeleted", "purged"};
	struct sv named = w->q.id.n > 0 ? w->q.id : w->q.folder;
	char all[128];

	command_defuse(w->lines.p, w->lines.n, 0);
	if (w->json)
		print_json(w, done[w->q.action]);
	else
		print_text(w);
	if (w->sum.messages > 0 || named.n == 0)
		return EXIT_FINE;
	(void)snprintf(all, sizeof all, "%s %.80s --list shows them all",
	    w->command, w->account);
	return w->q.id.n > 0 ? command_fail(w->command, EXIT_FAILED,
				   "no expunged message %.*s matches; %s",
				   SV_ARG(named), all)
			     : command_fail(w->command, EXIT_FAILED,
				   "no matching message was expunged from the "
				   "folder \"%.*s\"; %s",
				   SV_ARG(named), all);
}

/* ---- through the server ---- */

static int
ask(struct work *w, int fd, struct err *err)
{
	struct expunged_ask asked = {.account = sv_str(w->account), .q = w->q};
	int lines = memfd_create("expunged", MFD_CLOEXEC), r;
	struct expunged_done done;
	struct msg m;

	asked.fd = lines >= 0 ? dup(lines) : -1;
	if (asked.fd < 0) {
		io_close(&lines);
		return err_set(err, RC_TEMP, "too many open files");
	}
	msg_init(&m, EXPUNGED);
	m.deadline = clk_mono() + ASK_S * 1000ll;
	expunged_ask_put(&m, &asked);
	command_patience(fd, ASK_S);
	r = line_send_fd(fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(fd, &m);
	if (r != RC_OK) {
		io_close(&lines);
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	}
	r = expunged_done_get(&m, &done);
	if (r != RC_OK) {
		(void)err_set(err, r, "the server's answer is garbled");
	} else if (done.rc == RC_OK) {
		w->sum.messages = done.messages;
		w->sum.bytes = done.bytes;
		w->freed = done.freed;
	} else {
		r = err_set(err, done.rc, "%.*s", SV_ARG(done.text));
	}
	msg_fini(&m);
	if (r == RC_OK && (lseek(lines, 0, SEEK_SET) != 0 ||
			      io_read_rest(lines, &w->lines) != RC_OK))
		r = err_set(err, RC_IO, "the answer is invalid");
	io_close(&lines);
	return r;
}

static int
online(struct work *w, int fd)
{
	struct err err = {.text = ""};
	int r = ask(w, fd, &err);

	io_close(&fd);
	if (r != RC_OK)
		return command_fail(
		    w->command, EXIT_FAILED, "%s: %s", w->account, err.text);
	return print(w);
}

/* ---- without a server ---- */

static int
inside(void *arg)
{
	struct work *w = arg;
	const struct store_opts o = {.retention_ms = w->conf->retention_ms};
	struct err err = {.text = ""};
	struct store *st = NULL;
	int r = store_open(".", &o, &st, &err);

	if (r == RC_OK)
		r = expunged_run(st, &w->q, &w->lines, &w->sum, &err);
	if (r == RC_OK && w->q.action == EXPUNGED_PURGE)
		r = expunged_reclaim(st, NULL, NULL, &w->freed, &err);
	store_close(&st);
	if (r != RC_OK)
		return command_fail(
		    w->command, EXIT_FAILED, "%s: %s", w->account, err.text);
	return print(w);
}

static int
offline(struct work *w)
{
	struct buf path;
	int code;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts/%s/log", w->conf->data, w->account);
	if (w->account[0] == '.' || strchr(w->account, '/') != NULL ||
	    access(path.p, F_OK) != 0) {
		code = command_fail(w->command, EXIT_FAILED,
		    "there is no mail for an account \"%s\"", w->account);
	} else {
		buf_truncate(&path, path.n - strlen("/log"));
		code = confined_run(
		    w->conf, w->command, path.p, ROLE_ACCOUNT, inside, w);
	}
	buf_fini(&path);
	return code;
}

/* ---- the command line ---- */

/* MAILBOX.UID, as the list has it. */
static bool
is_id(struct sv s)
{
	uint32_t n;

	return sv_to_u32(sv_split(&s, '.'), UINT32_MAX, &n) == RC_OK &&
	       sv_to_u32(s, UINT32_MAX, &n) == RC_OK;
}

static const char *
read_since(void *arg, const char *v)
{
	struct work *w = arg;

	return command_when(v, false, &w->q.since) ? NULL : COMMAND_WHEN;
}

static const char *
read_message(void *arg, const char *v)
{
	struct work *w = arg;

	w->q.id = sv_str(v);
	return is_id(w->q.id) ? NULL
			      : "expected an id such as 3.17, see --list";
}

/* Into a struct sv. */
static const char *
read_text(void *arg, const char *v)
{
	*(struct sv *)arg = sv_str(v);
	return v[0] != '\0' ? NULL : "it is empty";
}

/* [RFC 9051 5.1] */
static const char *
read_folder(void *arg, const char *v)
{
	*(struct sv *)arg =
	    sv_ieq(sv_str(v), SV("INBOX")) ? SV("INBOX") : sv_str(v);
	return v[0] != '\0' ? NULL : "it is empty";
}

static int
read_words(struct work *w, int argc, char **argv)
{
	bool purge = w->q.action == EXPUNGED_PURGE;
	const struct command_option options[] = {{"--list", .flag = &w->list},
	    {"--json", .flag = &w->json},
	    {"--since", COMMAND_WHEN, &w->chosen, .read = read_since, .arg = w},
	    {"--from", "words of the sender", &w->chosen, .read = read_text,
		.arg = &w->q.from},
	    {"--subject", "words of the subject", &w->chosen, .read = read_text,
		.arg = &w->q.subject},
	    {"--folder", "the folder's name", &w->chosen, .read = read_folder,
		.arg = &w->q.folder},
	    {"--message", "an id such as 3.17, see --list", &w->chosen,
		.read = read_message, .arg = w},
	    /* The last is of one of them only. */
	    purge
		? (struct command_option){"--all-expunged", .flag = &w->chosen}
		: (struct command_option){"--to", "a folder's name",
		      .read = read_folder, .arg = &w->q.to}};
	const struct command_words words = {.command = w->command,
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "one account",
	    .least = 1,
	    .most = 1};
	int r = command_words(&words, argc, argv, NULL);

	w->account = argv[1];
	return r;
}

static int
parse(struct work *w, int argc, char **argv)
{
	int r = read_words(w, argc, argv);

	if (r != EXIT_FINE)
		return r;
	if (!w->list && !w->chosen)
		return command_misused(w->command,
		    "which messages? --list shows them; --since, --from, "
		    "--subject, --folder or --message chooses%s",
		    w->q.action == EXPUNGED_PURGE
			? ", --all-expunged means all of them"
			: "");
	if (w->list)
		w->q.action = EXPUNGED_LIST;
	return EXIT_FINE;
}

static int
run(struct work *w, const char *config, int argc, char **argv)
{
	struct err err = {.text = ""};
	struct conf *conf;
	int code = parse(w, argc, argv), fd;

	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	w->conf = conf;
	buf_init(&w->lines, LISTED_MAX);
	fd = command_connect(conf, "keeper.sock");
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		(void)command_unreached(conf, &err);
		code = command_fail(w->command, EXIT_FAILED, "%s", err.text);
	} else {
		code = fd >= 0 ? online(w, fd) : offline(w);
	}
	buf_fini(&w->lines);
	conf_free(&conf);
	return code;
}

int
cmd_undelete(const char *config, int argc, char **argv)
{
	struct work w = {
	    .command = "undelete", .q = {.action = EXPUNGED_UNDELETE}};

	return run(&w, config, argc, argv);
}

int
cmd_purge(const char *config, int argc, char **argv)
{
	struct work w = {.command = "purge", .q = {.action = EXPUNGED_PURGE}};

	return run(&w, config, argc, argv);
}
