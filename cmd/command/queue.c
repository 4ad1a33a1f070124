/* What waits, as the owner sees it, and the owner's requests about it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/json.h"
#include "ipc/line.h"
#include "ipc/proto.h"
#include "queue/spool/listing.h"
#include "queue/spool/spool.h"

#define LISTING_MAX (1u << 30)
#define WIDTH	    80
#define ANSWER_S    300 /* of a queue that is long */

/* ---- words ---- */

static const char *const verbs[] = {
    "list", "show", "retry", "hold", "release", "remove"};

enum verb {
	LIST,
	SHOW,
	RETRY,
	HOLD,
	RELEASE,
	REMOVE,
	VERBS
};

struct order {
	enum verb verb;
	bool json, all, bounce;
	struct queue_selector *s;
	size_t n;
};

static bool
add_selector(struct order *o, enum queue_pick pick, const char *word)
{
	struct queue_selector s = {.pick = (uint8_t)pick, .text = sv_str(word)};

	if (pick == QUEUE_PICKS && queue_selector_parse(s.text, &s) != RC_OK)
		return false;
	o->s = xreallocarray(o->s, o->n + 1, sizeof *o->s);
	o->s[o->n++] = s;
	return s.text.n > 0;
}

static const char *
read_account(void *arg, const char *value)
{
	return add_selector(arg, QUEUE_PICK_ACCOUNT, value)
		   ? NULL
		   : "expected an account";
}

static const char *
read_domain(void *arg, const char *value)
{
	return add_selector(arg, QUEUE_PICK_DOMAIN, value)
		   ? NULL
		   : "expected a domain";
}

#define WHICH "an id, account, domain or address"

static int
read_selectors(struct order *o, int n, char **argv)
{
	int i;

	for (i = 1; i <= n; i++)
		if (!add_selector(o, QUEUE_PICKS, argv[i]))
			return command_misused(
			    "queue", "\"%s\": expected " WHICH, argv[i]);
	if (o->n > QUEUE_SELECTORS_MAX)
		return command_misused("queue",
		    "these are %zu arguments, but one command takes at most %d",
		    o->n, QUEUE_SELECTORS_MAX);
	return EXIT_FINE;
}

/* Do they go together?  first: the first one of WHICH. */
static int
check_order(const struct order *o, const char *first)
{
	if (o->bounce && o->verb != REMOVE)
		return command_misused("queue", "--bounce is for remove only");
	if (o->all && o->n > 0)
		return command_misused("queue",
		    "--all cannot be combined with %s%s%s",
		    first != NULL ? "\"" : "",
		    first != NULL ? first : "--account or --domain",
		    first != NULL ? "\"" : "");
	if (o->verb == SHOW && o->n == 1 && o->s[0].pick != QUEUE_PICK_ID)
		return command_misused("queue",
		    "\"%s\" is not an ID (queue list shows them)",
		    first != NULL ? first : "--account or --domain");
	if (o->verb == SHOW && o->n != 1)
		return command_misused(
		    "queue", "show: expected one ID (queue list shows them)");
	if (o->verb != LIST && o->n == 0 && !o->all)
		return command_misused("queue",
		    "%s: which messages? Expected " WHICH ", or --all",
		    verbs[o->verb]);
	return EXIT_FINE;
}

static int
read_words(int argc, char **argv, struct order *o)
{
	const struct command_option options[] = {{"--json", .flag = &o->json},
	    {"--all", .flag = &o->all}, {"--bounce", .flag = &o->bounce},
	    {"--account", "its name", .read = read_account, .arg = o,
		.many = true},
	    {"--domain", "its name", .read = read_domain, .arg = o,
		.many = true}};
	const struct command_words words = {.command = "queue",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = WHICH,
	    .most = argc};
	size_t verb = command_verb("queue", verbs, VERBS, argv[1]);
	int n = 0, r;

	if (verb == VERBS)
		return EXIT_USAGE;
	o->verb = (enum verb)verb;
	argv++;
	r = command_words(&words, argc - 1, argv, &n);
	if (r == EXIT_FINE)
		r = read_selectors(o, n, argv);
	if (r == EXIT_FINE)
		r = check_order(o, n > 0 ? argv[1] : NULL);
	if (r != EXIT_FINE)
		return r;
	if (o->n == 0) {
		o->all = true;
		(void)add_selector(o, QUEUE_PICK_ALL, "all");
	}
	return EXIT_FINE;
}

/* ---- asking ---- */

/* Sends m and waits; prints what went wrong.  On EXIT_FINE *reply is the
 * caller's to fini. */
static int
ask(const struct conf *conf, struct msg *m, struct msg *reply)
{
	struct err err = {.text = ""};
	int fd = command_connect(conf, "queue.sock"), r;

	if (fd < 0) {
		(void)command_unreached(conf, &err);
		msg_fini(m);
		return command_fail("queue", EXIT_FAILED, "%s", err.text);
	}
	command_patience(fd, ANSWER_S);
	r = line_send_fd(fd, m);
	if (r == RC_OK)
		r = line_recv_fd(fd, reply);
	io_close(&fd);
	return r == RC_OK
		   ? EXIT_FINE
		   : command_fail("queue", EXIT_FAILED,
			 "the queue process does not answer; try again, and "
			 "see the log");
}

static int
garbled(void)
{
	return command_fail(
	    "queue", EXIT_FAILED, "the queue's answer is invalid");
}

/* ---- the list ---- */

/* One line of the list: a message at a destination. */
struct row {
	const struct queue_entry *e;
	const struct queue_unit *u;
};

static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d = sv_cmp(x->u->place, y->u->place);

	if (d == 0)
		d = (int)x->u->state - (int)y->u->state;
	if (d == 0)
		d = sv_cmp(x->u->reply_text, y->u->reply_text);
	if (d == 0 && x->u->next / 60000 != y->u->next / 60000)
		d = x->u->next < y->u->next ? -1 : 1;
	if (d == 0 && x->e->id != y->e->id)
		d = x->e->id < y->e->id ? -1 : 1;
	return d;
}

/* Breaks a text at blanks. */
static void
print_wrapped(struct sv text, unsigned indent)
{
	const size_t room = WIDTH - indent;

	while (text.n > 0) {
		size_t n = text.n;

		if (n > room) {
			n = sv_rchr(sv_first(text, room + 1), ' ');
			if (n == 0 || n > room)
				n = room;
		}
		printf("%*s%.*s\n", (int)indent, "", (int)n, text.p);
		text = sv_skip(text, n);
		if (text.n > 0 && text.p[0] == ' ')
			text = sv_skip(text, 1);
	}
}

static void
size_words(uint64_t n, char out[16])
{
	if (n < 10000)
		(void)snprintf(out, 16, "%llu", (unsigned long long)n);
	else if (n < 10000000)
		(void)snprintf(out, 16, "%lluK", (unsigned long long)n >> 10);
	else
		(void)snprintf(out, 16, "%lluM", (unsigned long long)n >> 20);
}

static void
print_row(const struct queue_listing *l, const struct row *r)
{
	uint32_t unit = (uint32_t)(r->u - r->e->unit);
	size_t i, others = 0;
	bool first = true;
	char size[16];
	struct buf b;

	buf_init(&b, 8192);
	queue_sender_words(r->e, &b);
	buf_adds(&b, " -> ");
	for (i = 0; i < r->e->nrcpt; i++) {
		if (r->e->rcpt[i].unit != unit)
			continue;
		if (first)
			queue_escape(r->e->rcpt[i].address, &b);
		others += !first;
		first = false;
	}
	if (others > 0)
		buf_addf(&b, " and %zu more", others);
	size_words(r->e->size, size);
	printf("  %10llu %6s  ", (unsigned long long)r->e->id, size);
	if (b.n <= WIDTH - 21)
		printf("%s\n", b.p);
	else
		printf("%.*s...\n", WIDTH - 24, b.p);
	buf_fini(&b);
	(void)l;
}

static size_t
count_place(const struct row *row, size_t n)
{
	size_t i = 1;

	while (i < n && sv_eq(row[i].u->place, row[0].u->place))
		i++;
	return i;
}

static void
print_rows(const struct queue_listing *l, const struct row *row, size_t n)
{
	struct buf words, last;
	size_t i, left = 0;

	buf_init(&words, 4096);
	buf_init(&last, 4096);
	for (i = 0; i < n; i++) {
		if (left == 0) {
			left = count_place(row + i, n - i);
			buf_reset(&words);
			queue_escape(row[i].u->place, &words);
			printf("\n%s%.*s: %zu message%s\n",
			    row[i].u->local ? "account " : "",
			    words.n > 60 ? 60 : (int)words.n, words.p, left,
			    plural(left));
			buf_reset(&last);
		}
		left--;
		buf_reset(&words);
		queue_unit_words(row[i].u, &l->clock, &words);
		if (!sv_eq(buf_sv(&words), buf_sv(&last)))
			print_wrapped(buf_sv(&words), 2);
		buf_reset(&last);
		buf_addsv(&last, buf_sv(&words));
		print_row(l, &row[i]);
	}
	buf_fini(&last);
	buf_fini(&words);
}

static void
print_list(const struct order *o, const struct queue_listing *l)
{
	struct row *row = NULL;
	size_t i, j, n = 0, cap = 0;
	struct buf b;

	if (l->n == 0) {
		puts(o->all ? "The queue is empty."
			    : "No waiting mail matches.");
		return;
	}
	for (i = 0; i < l->n; i++)
		for (j = 0; j < l->e[i].nunit; j++) {
			row = xgrow(row, &cap, n + 1, sizeof *row);
			row[n++] = (struct row){&l->e[i], &l->e[i].unit[j]};
		}
	if (n > 0)
		qsort(row, n, sizeof *row, compare_rows);
	buf_init(&b, 256);
	queue_span_words(l->clock.now - l->e[0].arrived, &b);
	printf("%zu message%s, the oldest for %s.\n", l->n,
	    l->n == 1 ? " waits" : "s wait", b.p);
	buf_fini(&b);
	print_rows(l, row, n);
	free(row);
}

/* ---- show ---- */

static void
print_recipient(
    const struct queue_listing *l, const struct queue_entry *e, size_t i)
{
	struct buf b;

	buf_init(&b, 8192);
	queue_recipient_words(e, i, &l->clock, &b);
	print_wrapped(buf_sv(&b), 2);
	buf_fini(&b);
}

static void
print_attempts(const struct queue_listing *l, const struct queue_entry *e)
{
	struct buf b;
	size_t i;

	buf_init(&b, 8192);
	puts(e->nattempt > 0 ? "\nattempts" : "\nno attempt has failed yet");
	for (i = 0; i < e->nattempt; i++) {
		buf_reset(&b);
		queue_time_words(&l->clock, e->attempt[i].when, &b);
		buf_addc(&b, ' ');
		queue_escape(e->rcpt[e->attempt[i].rcpt].address, &b);
		buf_adds(&b, ": ");
		queue_escape(e->attempt[i].reply_text, &b);
		print_wrapped(buf_sv(&b), 2);
	}
	buf_fini(&b);
}

static void
print_show(const struct queue_listing *l, const struct queue_entry *e)
{
	struct buf b;
	size_t i;

	buf_init(&b, 8192);
	printf("message %llu\n", (unsigned long long)e->id);
	queue_sender_words(e, &b);
	if (e->owner.n > 0) {
		buf_adds(&b, ", sent by the account ");
		queue_escape(e->owner, &b);
	}
	printf("  from  %s\n  size  %llu bytes\n", b.p,
	    (unsigned long long)e->size);
	buf_reset(&b);
	queue_time_words(&l->clock, e->arrived, &b);
	buf_adds(&b, ", ");
	queue_span_words(l->clock.now - e->arrived, &b);
	printf("  came  %s ago\n%s\nrecipients\n", b.p,
	    e->held ? "  held  until you release it\n" : "");
	for (i = 0; i < e->nrcpt; i++)
		print_recipient(l, e, i);
	print_attempts(l, e);
	buf_fini(&b);
}

/* ---- JSON ---- */

static json_t *
json_unit(const struct queue_listing *l, const struct queue_unit *u)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 8192);
	queue_unit_words(u, &l->clock, &b);
	j = json_pack("{s:o, s:b, s:s, s:s, s:o, s:i, s:o}", "destination",
	    command_json_text(u->place), "local", u->local, "state",
	    queue_state_name(u->state), "why", b.p, "next_try",
	    command_json_time(u->next, false), "tries", (int)u->tries, "said",
	    command_json_text(u->reply_text));
	buf_fini(&b);
	return j;
}

static json_t *
json_entry(
    const struct queue_listing *l, const struct queue_entry *e, bool attempts)
{
	static const char *const outcomes[] = {
	    "delivered", "failed", "removed", "waits"};
	json_t *units = json_array(), *to = json_array(), *tries, *all;
	size_t i;

	for (i = 0; i < e->nunit; i++)
		(void)json_array_append_new(units, json_unit(l, &e->unit[i]));
	for (i = 0; i < e->nrcpt; i++)
		(void)json_array_append_new(to,
		    json_pack("{s:o, s:b, s:b, s:s, s:i}", "address",
			command_json_text(e->rcpt[i].address), "local",
			e->rcpt[i].local, "held", e->rcpt[i].held, "outcome",
			outcomes[e->rcpt[i].outcome < 4 ? e->rcpt[i].outcome
							: 3],
			"attempts", (int)e->rcpt[i].attempts));
	all = json_pack("{s:I, s:I, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "id",
	    (json_int_t)e->id, "size", (json_int_t)e->size, "arrived",
	    command_json_time(e->arrived, false), "sender",
	    command_json_text(e->sender), "account",
	    e->owner.n > 0 ? command_json_text(e->owner) : json_null(), "held",
	    e->held, "report", (e->flags & SPOOL_REPORT) != 0, "waits", units,
	    "recipients", to);
	if (!attempts)
		return all;
	tries = json_array();
	for (i = 0; i < e->nattempt; i++)
		(void)json_array_append_new(tries,
		    json_pack("{s:o, s:o, s:o}", "time",
			command_json_time(e->attempt[i].when, false),
			"recipient",
			command_json_text(e->rcpt[e->attempt[i].rcpt].address),
			"said", command_json_text(e->attempt[i].reply_text)));
	(void)json_object_set_new(all, "attempts", tries);
	return all;
}

static void
print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)putchar('\n');
	json_decref(j);
}

static void
print_json_list(const struct queue_listing *l)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < l->n; i++)
		(void)json_array_append_new(
		    all, json_entry(l, &l->e[i], false));
	print_json(json_pack("{s:o}", "messages", all));
}

/* ---- the commands ---- */

/* Nothing is there for an account: because there is no such account?  A word
 * alone may be a domain. */
static int
check_accounts(const struct conf *conf, const struct order *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->s[i].pick == QUEUE_PICK_ACCOUNT &&
		    conf_account_by_name(conf, o->s[i].text) < 0)
			return command_fail("queue", EXIT_FAILED,
			    "there is no account \"%.*s\" in the "
			    "configuration",
			    SV_ARG(o->s[i].text));
	return EXIT_FINE;
}

static int
print_listing(const struct conf *conf, const struct order *o,
    const struct queue_listing *l)
{
	int r = EXIT_FINE;

	if (o->verb == SHOW && l->n == 0)
		return command_fail("queue", EXIT_FAILED,
		    "no message %llu waits; hearthmail queue list",
		    (unsigned long long)o->s[0].id);
	if (o->verb == SHOW && o->json)
		print_json(json_entry(l, &l->e[0], true));
	else if (o->verb == SHOW)
		print_show(l, &l->e[0]);
	else if (o->json)
		print_json_list(l);
	else if (l->n > 0 || check_accounts(conf, o) == EXIT_FINE)
		print_list(o, l);
	else
		r = EXIT_FAILED;
	/* A list that is empty is one for programs, too. */
	if (r == EXIT_FINE && o->json && o->verb == LIST && l->n == 0)
		r = check_accounts(conf, o);
	return r;
}

static int
look(const struct conf *conf, const struct order *o)
{
	const struct queue_list asked = {
	    .attempts = o->verb == SHOW, .s = o->s, .n = (uint32_t)o->n};
	struct queue_listed listed;
	struct queue_listing l;
	struct msg m, reply;
	int r;

	msg_init(&m, CMD_QUEUE_LIST);
	queue_list_put(&m, &asked);
	r = ask(conf, &m, &reply);
	if (r != EXIT_FINE)
		return r;
	queue_listing_init(&l, LISTING_MAX);
	if (queue_listed_get(&reply, &listed) != RC_OK) {
		r = garbled();
	} else {
		if (listed.rc != RC_OK)
			r = command_fail(
			    "queue", EXIT_FAILED, "%.*s", SV_ARG(listed.text));
		else if (queue_listing_read(&l, &listed) != RC_OK)
			r = garbled();
		else
			r = print_listing(conf, o, &l);
		queue_listed_fini(&listed);
	}
	msg_fini(&reply);
	queue_listing_fini(&l);
	return r;
}

static int
print_done(
    const struct order *o, enum queue_action action, const struct queue_done *d)
{
	struct buf words;
	int r = EXIT_FINE;

	if (o->json) {
		print_json(json_pack("{s:s, s:i, s:i, s:i, s:i}", "action",
		    verbs[o->verb], "messages", (int)d->messages, "recipients",
		    (int)d->recipients, "busy", (int)d->busy, "held",
		    (int)d->held));
	} else {
		buf_init(&words, 4096);
		queue_done_words(action, d, o->all, &words);
		fputs(words.n > 0 ? words.p : "", stdout);
		buf_fini(&words);
	}
	buf_init(&words, 4096);
	queue_busy_words(action, d, &words);
	if (words.n > 0)
		r = command_fail("queue", EXIT_FAILED, "%s", words.p);
	buf_fini(&words);
	if (r != EXIT_FINE)
		return r;
	if (d->messages == 0 && d->held == 0 && !o->all)
		return command_fail("queue", EXIT_FAILED,
		    o->verb == RELEASE ? "no held mail matches"
				       : "no waiting mail matches");
	return EXIT_FINE;
}

static int
act(const struct conf *conf, const struct order *o)
{
	static const enum queue_action actions[VERBS] = {[RETRY] = QUEUE_RETRY,
	    [HOLD] = QUEUE_HOLD,
	    [RELEASE] = QUEUE_RELEASE,
	    [REMOVE] = QUEUE_REMOVE};
	const struct queue_act asked = {
	    .action = (uint8_t)(o->bounce ? QUEUE_BOUNCE : actions[o->verb]),
	    .s = o->s,
	    .n = (uint32_t)o->n};
	struct queue_done done;
	struct msg m, reply;
	int r;

	msg_init(&m, CMD_QUEUE_ACT);
	queue_act_put(&m, &asked);
	r = ask(conf, &m, &reply);
	if (r != EXIT_FINE)
		return r;
	if (queue_done_get(&reply, &done) != RC_OK)
		r = garbled();
	else if (done.rc != RC_OK)
		r = command_fail(
		    "queue", EXIT_FAILED, "%.*s", SV_ARG(done.text));
	else
		r = print_done(o, (enum queue_action)asked.action, &done);
	msg_fini(&reply);
	return r;
}

int
cmd_queue(const char *config, int argc, char **argv)
{
	struct order o = {.verb = LIST};
	struct conf *conf;
	int r = read_words(argc, argv, &o);

	if (r != EXIT_FINE) {
		free(o.s);
		return r;
	}
	conf = command_conf(config);
	if (conf == NULL)
		r = EXIT_CONFIG;
	else if (o.verb == LIST || o.verb == SHOW)
		r = look(conf, &o);
	else
		r = act(conf, &o);
	conf_free(&conf);
	free(o.s);
	return r;
}
