/*
 * What became of a message: every step, from the history.  Asks the process
 * that keeps it; when no server runs, reads the database itself, behind the
 * same walls.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/json.h"
#include "history/ask.h"
#include "history/search.h"
#include "history/service.h"
#include "history/words.h"
#include "ipc/line.h"
#include "ipc/proto.h"

#define LIMIT	  50
#define LIMIT_MAX 100000
#define STORY_MAX (64u << 20)
#define ANSWER_S  5 /* one takes a quarter of a second at most */

struct trace {
	const struct conf *conf;
	bool json;
	int64_t since;
	uint64_t limit;
	struct buf which; /* the words */

	int fd;		       /* the history's process; -1: */
	struct history_db *db; /* the database itself */
	struct history_list list;
};

/* ---- words ---- */

static const char *
read_since(void *arg, const char *value)
{
	struct trace *t = arg;

	return command_when(value, false, &t->since) ? NULL : COMMAND_WHEN;
}

static const char *
read_limit(void *arg, const char *value)
{
	struct trace *t = arg;

	return sv_to_u64(sv_str(value), LIMIT_MAX, &t->limit) == RC_OK &&
		       t->limit > 0
		   ? NULL
		   : "expected a number of messages, from 1 to 100000";
}

/* Before anybody is asked. */
static int
read_which(struct sv text)
{
	struct history_term term[HISTORY_PARSE_MAX];
	struct buf room;
	size_t n;

	buf_init(&room, 65536);
	n = history_parse(text, &room, term);
	buf_fini(&room);
	return n > 0 ? EXIT_FINE
		     : command_misused("trace",
			   "expected an address, a Message-ID, a number of the "
			   "queue or words of a subject, not %s",
			   text.n == 0 ? "nothing" : "so long a text");
}

/* Words of a subject may begin with a dash, but not with two. */
static int
read_words(struct trace *t, int argc, char **argv)
{
	const struct command_option options[] = {{"--json", .flag = &t->json},
	    {"--since", COMMAND_WHEN, .read = read_since, .arg = t},
	    {"--limit", "the number of messages", .read = read_limit,
		.arg = t}};
	const struct command_words words = {.command = "trace",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "an address, a Message-ID, a number of the queue or words "
		    "of a subject",
	    .least = 1,
	    .most = argc,
	    .dashes = true};
	int i, n, r = command_words(&words, argc, argv, &n);

	if (r != EXIT_FINE)
		return r;
	/* One text: quotes around a subject are not needed. */
	for (i = 1; i <= n; i++) {
		buf_adds(&t->which, i > 1 ? " " : "");
		buf_adds(&t->which, argv[i]);
	}
	return read_which(buf_ok(&t->which) ? buf_sv(&t->which) : SV(""));
}

/* ---- asking ---- */

/* Asks the process or the database. */
static int
ask(void *arg, struct msg *m, struct msg *reply)
{
	struct trace *t = arg;
	int r;

	if (t->db != NULL) {
		if (m->type == CMD_TRACE_FIND)
			(void)history_answer_find(t->db, m, reply);
		else
			(void)history_answer_read(t->db, m, reply);
		msg_fini(m);
		return RC_OK;
	}
	r = line_send_fd(t->fd, m);
	return r == RC_OK ? line_recv_fd(t->fd, reply) : r;
}

/* ---- for programs ---- */

static json_t *
json_list(struct sv all)
{
	json_t *list = json_array();

	while (all.n > 0) {
		struct sv one = sv_split(&all, ' ');

		if (one.n > 0)
			(void)json_array_append_new(
			    list, command_json_text(one));
	}
	return list;
}

static void
set_words(json_t *j, const char *name, struct sv s)
{
	if (s.n > 0)
		(void)json_object_set_new(j, name, command_json_text(s));
}

static void
set_number(json_t *j, const char *name, uint64_t n)
{
	if (n > 0)
		(void)json_object_set_new(j, name, json_integer((json_int_t)n));
}

static json_t *
json_step(const struct history_step *s)
{
	struct buf words;
	json_t *j;

	buf_init(&words, 1 << 20);
	history_step_words(s, &words);
	j = json_pack("{s:o, s:s, s:s, s:s%}", "time",
	    command_json_time(s->when, true), "step",
	    history_kind_name((enum history_kind)s->kind), "process",
	    history_writer_name(s->writer), "words", words.p, words.n);
	buf_fini(&words);
	if (j == NULL)
		return json_null();
	(void)json_object_set_new(j, "recipients", json_list(s->who));
	set_words(j, "account", s->account);
	set_words(j, "peer", s->peer);
	set_number(j, "code", s->code);
	set_words(j, s->kind == HISTORY_STORED ? "folder" : "said", s->text);
	if (s->kind == HISTORY_ACCEPTED)
		set_number(j, "size", s->number);
	if (s->kind == HISTORY_QUEUED)
		set_number(j, "queue_id", s->number);
	if (s->kind == HISTORY_TRIED && s->number > 0)
		(void)json_object_set_new(
		    j, "next_try", command_json_time((int64_t)s->number, true));
	if ((s->flags & HISTORY_TLS) != 0)
		(void)json_object_set_new(j, "tls", json_true());
	if ((s->flags & HISTORY_JUNK) != 0)
		(void)json_object_set_new(j, "junk", json_true());
	if (s->kind == HISTORY_RETURNED)
		(void)json_object_set_new(j, "sender_told",
		    json_boolean((s->flags & HISTORY_TOLD) != 0));
	return j;
}

static json_t *
json_story(const struct history_story *s)
{
	json_t *steps = json_array(), *j = json_object();
	char hex[33] = "";
	size_t i;

	for (i = 0; s->n > 0 && i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", s->step[0].id[i]);
	for (i = 0; i < s->n; i++)
		(void)json_array_append_new(steps, json_step(&s->step[i]));
	(void)json_object_set_new(j, "id", json_string(hex));
	(void)json_object_set_new(
	    j, "sender", command_json_text(history_sender(s->step, s->n)));
	set_words(j, "message_id", history_message_id(s->step, s->n));
	set_words(j, "subject", history_subject(s->step, s->n));
	(void)json_object_set_new(j, "steps", steps);
	return j;
}

/* ---- the command ---- */

static void
say_none(const struct trace *t)
{
	int64_t keep = t->conf->history.keep_ms;
	char span[COMMAND_SPAN_MAX];

	if (keep == 0)
		puts("The history is off (history.keep in the configuration).");
	else
		printf("No message of %s%s matches. (Refusals above %d an hour "
		       "from one\nnetwork are only counted: hearthmail "
		       "status.)\n",
		    t->since > 0 ? "that time" : "the last ",
		    t->since > 0 ? "" : command_span(keep, span),
		    HISTORY_PEER_REFUSALS);
}

static void
print_words(const struct history_story *s, bool first)
{
	struct buf out;

	buf_init(&out, STORY_MAX);
	history_story_words(s->step, s->n, &out);
	printf("%s%s", first ? "" : "\n", out.p);
	buf_fini(&out);
}

/* The oldest first: the newest is the last one that is read. */
static int
print_stories(struct trace *t, const struct history_ask *a)
{
	json_t *all = t->json ? json_array() : NULL;
	const struct history_list *l = &t->list;
	struct err err = {.text = ""};
	int r = EXIT_FINE;
	bool first = true;
	size_t i;

	if (!t->json && l->more && l->n == 1)
		puts("The newest message (--limit N shows more):\n");
	else if (!t->json && l->more && l->n >= t->limit)
		printf("The newest %zu messages (--limit N shows more):\n\n",
		    l->n);
	for (i = l->n; r == EXIT_FINE && i-- > 0;) {
		struct history_story s;

		if (history_ask_story(a, l->story[i], &s, &err) != RC_OK)
			r = command_fail("trace", EXIT_FAILED, "%s", err.text);
		else if (t->json)
			(void)json_array_append_new(all, json_story(&s));
		else if (s.n > 0)
			print_words(&s, first);
		first = first && s.n == 0;
		history_story_fini(&s);
	}
	if (t->json && r == EXIT_FINE) {
		json_t *j =
		    json_pack("{s:O, s:b}", "messages", all, "more", l->more);

		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		puts("");
		json_decref(j);
	}
	json_decref(all);
	return r;
}

/* An address of one account: what that got, by whatever name. */
static struct sv
account_of(void *arg, struct sv address)
{
	const struct trace *t = arg;

	return sv_str(conf_account_of(t->conf, address));
}

static int
answer(struct trace *t)
{
	const struct history_ask a = {.ask = ask,
	    .account = account_of,
	    .arg = t,
	    .since = t->since,
	    .limit = t->limit,
	    .bytes = STORY_MAX};
	struct err err = {.text = ""};
	int r = history_ask_find(
	    &a, buf_ok(&t->which) ? buf_sv(&t->which) : SV(""), &t->list, &err);

	if (r != RC_OK)
		return command_fail("trace", EXIT_FAILED, "%s", err.text);
	if (t->list.n == 0 && !t->json)
		say_none(t);
	r = t->list.n > 0 || t->json ? print_stories(t, &a) : EXIT_FINE;
	if (r == EXIT_FINE && t->list.n == 0)
		r = EXIT_FAILED;
	history_list_fini(&t->list);
	return r;
}

/* In a process of its own, in the history's folder. */
static int
inside(void *arg)
{
	struct trace *t = arg;
	const struct history_db_opts o = {.keep_ms = t->conf->history.keep_ms,
	    .size = t->conf->history.size,
	    .subjects = true};
	struct err err = {.text = ""};
	int r;

	if (history_db_open(&o, &t->db, &err) != RC_OK)
		return command_fail("trace", EXIT_FAILED, "%s", err.text);
	r = answer(t);
	history_db_close(&t->db);
	return r;
}

static int
look(struct trace *t)
{
	struct buf folder;
	struct err err = {.text = ""};
	int r;

	t->fd = command_connect(t->conf, "history.sock");
	if (t->fd >= 0) {
		command_patience(t->fd, ANSWER_S);
		r = answer(t);
		io_close(&t->fd);
		return r;
	}
	if (command_unreached(t->conf, &err) == RC_DENIED)
		return command_fail("trace", EXIT_FAILED, "%s", err.text);
	buf_init(&folder, 4096);
	buf_addf(&folder, "%s/history", t->conf->data);
	if (access(folder.p, F_OK) != 0 && errno == ENOENT)
		r = command_fail("trace", EXIT_FAILED,
		    "%s is missing: no server has run there yet", folder.p);
	else
		r = confined_run(
		    t->conf, "trace", folder.p, ROLE_HISTORY, inside, t);
	buf_fini(&folder);
	return r;
}

int
cmd_trace(const char *config, int argc, char **argv)
{
	struct trace t = {.fd = -1, .limit = LIMIT};
	struct conf *conf;
	int r;

	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	t.conf = conf;
	tzset();
	buf_init(&t.which, 4096);
	r = read_words(&t, argc, argv);
	if (r == EXIT_FINE)
		r = look(&t);
	buf_fini(&t.which);
	conf_free(&conf);
	return r;
}
