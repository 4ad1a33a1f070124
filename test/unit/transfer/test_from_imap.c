/*
 * Reading the mailboxes of a server that plays a part: mail comes and goes
 * while it is read, or the names of its mailboxes are a burden.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "imap/transfer/message.h"
#include "imap/transfer/state.h"
#include "imap/transfer/to_imap.h"
#include "ipc/line.h"
#include "ipc/msg_import.h"
#include "test/unit/unit.h"

#define MESSAGES  450 /* in INBOX at first; they are read 200 at a time */
#define UID_MAX	  1000
#define REPLY_MAX (64u << 20)

enum phase {
	AT_EXAMINE,
	AT_ROWS,
	AT_BODIES,
	PHASES
};

/* What happens to INBOX, and when. */
struct event {
	enum phase at;
	unsigned nth;	/* of the commands of that phase, from 0 */
	unsigned after; /* rows or messages that are sent before it */
	unsigned arrive;
	uint32_t expunge; /* this number then; 0: nothing */
	/* The rows of that command that are not there; it is told only at the
	 * next NOOP, and here may be refused, too. */
	bool untold, refused;
};

/* ---- the server ---- */

static struct {
	int fd;
	pthread_t thread;
	struct event event;
	unsigned count[PHASES];
	uint32_t uid[UID_MAX], next; /* what the client knows of */
	size_t n;
	uint32_t gone;	  /* a UID that is not there any more, untold yet */
	bool hit;	  /* this command has asked for it */
	uint32_t mute;	  /* one that is there, but has no row */
	uint32_t sick;	  /* one that it cannot give ... */
	const char *says; /* ... and what it says then; NULL: it hangs up */
	bool refuses;	  /* that ends the command */
	bool in_rows;	  /* it cannot even list that */
	/* Mailboxes beside INBOX. */
	size_t names, name_bytes;
	const char *more;  /* further LIST responses */
	const char *bad;   /* a mailbox whose name it does not understand */
	const char *hangs; /* a command that it does not survive for "Sick" */
	struct buf in, out;
} far;

static void
send_out(void)
{
	/* A client that has seen enough hangs up. */
	(void)(io_write_all(far.fd, far.out.p, far.out.n) == RC_OK);
	buf_reset(&far.out);
}

static void
expunge(uint32_t number)
{
	ck_assert(number > 0 && number <= far.n);
	memmove(&far.uid[number - 1], &far.uid[number],
	    (far.n - number) * sizeof far.uid[0]);
	far.n--;
	buf_addf(&far.out, "* %u EXPUNGE\r\n", number);
}

static void
happen(void)
{
	unsigned i;

	for (i = 0; i < far.event.arrive; i++) {
		far.uid[far.n++] = far.next++;
		buf_addf(&far.out, "* %zu EXISTS\r\n", far.n);
	}
	if (far.event.expunge == 0)
		return;
	if (far.event.untold)
		far.gone = far.uid[far.event.expunge - 1];
	else
		expunge(far.event.expunge);
}

/* Is it time?  `sent` rows or messages have been sent. */
static void
moment(enum phase p, unsigned sent)
{
	if (far.event.at == p && far.event.nth == far.count[p] &&
	    far.event.after == sent)
		happen();
}

/* All that is left of this command's moments is over. */
static void
phase_end(enum phase p, unsigned sent)
{
	if (far.event.at == p && far.event.nth == far.count[p] &&
	    far.event.after > sent)
		happen();
	far.count[p]++;
}

static void
do_list(struct sv args)
{
	size_t i, k;

	if (sv_eq(args, SV("\"\" INBOX"))) {
		buf_adds(&far.out, "* LIST () \"/\" INBOX\r\n");
		return;
	}
	if (far.more != NULL)
		buf_adds(&far.out, far.more);
	for (i = 0; i < far.names; i++) {
		buf_addf(&far.out, "* LIST () \"/\" {%zu}\r\n%08zu",
		    far.name_bytes, i);
		for (k = 8; k < far.name_bytes; k++)
			buf_addc(&far.out, 'x');
		buf_adds(&far.out, "\r\n");
		if (far.out.n > 1u << 20)
			send_out();
	}
}

static void
do_examine(struct sv name)
{
	if (!sv_eq(name, SV("INBOX"))) {
		buf_adds(&far.out, "* 0 EXISTS\r\n* OK [UIDVALIDITY 8]\r\n");
		return;
	}
	buf_addf(&far.out, "* %zu EXISTS\r\n* OK [UIDVALIDITY 7]\r\n", far.n);
	phase_end(AT_EXAMINE, 0);
}

static const char *
hang(void)
{
	send_out();
	(void)shutdown(far.fd, SHUT_RDWR);
	return "";
}

/* By number, as it stands at each moment: what moves is told twice or not at
 * all.  NULL: all is well; else the end of the command. */
static const char *
do_rows(struct sv set)
{
	uint64_t from, to, i;
	unsigned sent = 0;

	ck_assert_int_eq(sv_take_u64(&set, UINT32_MAX, &from), RC_OK);
	set = sv_skip(set, 1);
	ck_assert_int_eq(sv_take_u64(&set, UINT32_MAX, &to), RC_OK);
	if (from < 1 || to < from || to > far.n)
		return "BAD no such message";
	for (i = from; i <= to; i++) {
		moment(AT_ROWS, sent++);
		if (i > far.n || far.uid[i - 1] == far.mute)
			continue;
		if (far.uid[i - 1] == far.gone) {
			far.hit = true;
			continue;
		}
		if (far.in_rows && far.uid[i - 1] == far.sick) {
			if (far.says == NULL || far.refuses)
				return far.says == NULL ? hang() : far.says;
			buf_adds(&far.out, far.says);
			continue;
		}
		buf_addf(&far.out,
		    "* %u FETCH (UID %u FLAGS () RFC822.SIZE 5)\r\n",
		    (unsigned)i, far.uid[i - 1]);
	}
	phase_end(AT_ROWS, sent);
	return NULL;
}

/* NULL: all is well; else the end of the command, "": there is none. */
static const char *
do_bodies(struct sv args)
{
	struct sv set = sv_split(&args, ' ');
	unsigned sent = 0;

	while (set.p != NULL) {
		uint32_t uid = 0;
		size_t i;

		moment(AT_BODIES, sent++);
		ck_assert_int_eq(
		    sv_to_u32(sv_split(&set, ','), UINT32_MAX, &uid), RC_OK);
		if (uid == far.sick) {
			if (far.says == NULL)
				return hang();
			if (far.refuses)
				return far.says;
			buf_addf(&far.out, "* %u FETCH (UID %u BODY[] %s)\r\n",
			    uid, uid, far.says);
			continue;
		}
		for (i = 0; i < far.n; i++)
			if (far.uid[i] == uid && uid != far.gone)
				buf_addf(&far.out,
				    "* %zu FETCH (UID %u BODY[] "
				    "{5}\r\nhello)\r\n",
				    i + 1, uid);
	}
	phase_end(AT_BODIES, sent);
	return NULL;
}

static void
do_noop(void)
{
	size_t i;

	for (i = 0; i < far.n; i++)
		if (far.uid[i] == far.gone)
			expunge((uint32_t)i + 1);
	far.gone = 0;
}

static void
answer(struct sv line)
{
	struct sv tag = sv_split(&line, ' '), verb = sv_split(&line, ' ');
	const char *end = "OK done", *why;

	if (far.hangs != NULL && sv_starts(verb, sv_str(far.hangs)) &&
	    sv_starts(line, SV("Sick"))) {
		end = hang();
	} else if (far.bad != NULL && sv_starts(line, sv_str(far.bad))) {
		end = "BAD no such name";
	} else if (sv_eq(verb, SV("UID"))) {
		(void)sv_split(&line, ' ');
		why = do_bodies(line);
		end = why != NULL ? why : end;
	} else if (sv_eq(verb, SV("FETCH"))) {
		far.hit = false;
		why = do_rows(line);
		if (why != NULL)
			end = why;
		else if (far.hit && far.event.refused)
			end = "NO some are gone";
	} else if (sv_eq(verb, SV("EXAMINE"))) {
		do_examine(line);
	} else if (sv_eq(verb, SV("LIST"))) {
		do_list(line);
	} else if (sv_eq(verb, SV("NOOP"))) {
		do_noop();
	}
	if (end[0] == '\0')
		return;
	buf_addf(&far.out, "%.*s %s\r\n", SV_ARG(tag), end);
	send_out();
}

/* A line that ends in a literal's header goes on in the next: no name here has
 * a line end. */
static void *
serve(void *arg)
{
	char piece[4096];
	ssize_t k;
	size_t from = 0;

	(void)arg;
	while ((k = read(far.fd, piece, sizeof piece)) > 0) {
		buf_add(&far.in, piece, (size_t)k);
		for (;;) {
			struct sv rest = sv_skip(buf_sv(&far.in), from);
			size_t n = sv_find(rest, SV("\r\n"));

			if (n == rest.n)
				break;
			from += n + 2;
			if (n > 0 && rest.p[n - 1] == '}')
				continue;
			answer(sv_first(buf_sv(&far.in), from - 2));
			buf_consume(&far.in, from);
			from = 0;
		}
	}
	return NULL;
}

/* ---- what people are told ---- */

static struct {
	int fd;
	pthread_t thread;
	struct buf notes; /* a line each */
	unsigned n;
} told;

static void *
hear(void *arg)
{
	struct xfer_say said;
	struct msg m;

	(void)arg;
	while (line_recv_fd(told.fd, &m) == RC_OK) {
		ck_assert_int_eq(xfer_say_get(&m, &said), RC_OK);
		if (said.kind == BROKER_NOTE) {
			buf_addsv(&told.notes, said.text);
			buf_addc(&told.notes, '\n');
			told.n++;
		}
		msg_fini(&m);
	}
	return NULL;
}

/* ---- the sink ---- */

static struct {
	unsigned times[UID_MAX]; /* by UID */
	unsigned folders;
} came;

static int
sink_folder(void *arg, const struct transfer_folder *f, struct err *err)
{
	(void)arg;
	(void)f;
	(void)err;
	came.folders++;
	return RC_OK;
}

static bool
sink_want(void *arg, struct sv key)
{
	(void)arg;
	(void)key;
	return true;
}

static int
sink_nothing(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return RC_OK;
}

static int
sink_bytes(void *arg, struct sv bytes, struct err *err)
{
	(void)arg;
	(void)bytes;
	(void)err;
	return RC_OK;
}

static int
sink_end(void *arg, const struct transfer_msg *m, struct err *err)
{
	struct sv uid = m->key;
	uint32_t n = 0;

	(void)arg;
	(void)err;
	ck_assert(sv_eq(sv_split(&uid, '/'), SV("7")));
	ck_assert_int_eq(sv_to_u32(uid, UID_MAX - 1, &n), RC_OK);
	came.times[n]++;
	return RC_OK;
}

static void
sink_drop(void *arg)
{
	(void)arg;
}

static const struct sink sink = {.folder = sink_folder,
    .want = sink_want,
    .begin = sink_nothing,
    .bytes = sink_bytes,
    .end = sink_end,
    .drop = sink_drop,
    .folder_end = sink_nothing};

/* ---- one run ---- */

static struct broker broker;
static struct report report;
static struct transfer x;
static struct imap_client *client;

static void
begin(void)
{
	int fd[2], line[2];
	size_t i;

	memset(&far, 0, sizeof far);
	memset(&told, 0, sizeof told);
	memset(&came, 0, sizeof came);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ck_assert_int_eq(line_pair(line), RC_OK);
	for (i = 0; i < MESSAGES; i++)
		far.uid[i] = (uint32_t)i + 1;
	far.n = MESSAGES;
	far.next = MESSAGES + 1;
	far.event.nth = UINT32_MAX;
	far.fd = fd[1];
	buf_init(&far.in, 1u << 20);
	buf_init(&far.out, REPLY_MAX);
	told.fd = line[1];
	buf_init(&told.notes, 64u << 20);
	broker.fd = line[0];
	report_init(&report, &broker, "imported");
	x = (struct transfer){.broker = &broker, .report = &report};
	client = imap_client_new(fd[0], 60000);
}

static void
start(void)
{
	ck_assert_int_eq(pthread_create(&far.thread, NULL, serve, NULL), 0);
	ck_assert_int_eq(pthread_create(&told.thread, NULL, hear, NULL), 0);
}

/* What was told is there to be read from here on. */
static void
hang_up(void)
{
	imap_client_free(&client);
	pthread_join(far.thread, NULL);
	io_close(&broker.fd);
	pthread_join(told.thread, NULL);
	io_close(&far.fd);
	io_close(&told.fd);
}

static void
end(void)
{
	report_fini(&report);
	buf_fini(&told.notes);
	buf_fini(&far.out);
	buf_fini(&far.in);
}

static int
run(struct err *err)
{
	int r;

	start();
	r = from_imap(&x, client, &sink, err);
	hang_up();
	return r;
}

/* ---- mail that comes and goes ---- */

/* Whatever was there at first and has stayed has come, once; what has gone may
 * have come; what is new comes with the next run. */
static void
check_event(const struct event *e)
{
	bool stays[UID_MAX] = {false};
	struct err err = {.text = ""};
	char what[100];
	uint32_t uid;
	size_t i;
	int r;

	begin();
	far.event = *e;
	r = run(&err);
	(void)snprintf(what, sizeof what,
	    "phase %d, command %u, after %u: %u new, EXPUNGE %u", (int)e->at,
	    e->nth, e->after, e->arrive, e->expunge);
	ck_assert_msg(r == RC_OK, "%s: %s", what, err.text);
	for (i = 0; i < far.n; i++)
		stays[far.uid[i]] = far.uid[i] != far.gone;
	for (uid = 1; uid <= MESSAGES; uid++) {
		ck_assert_msg(came.times[uid] <= 1, "%s: UID %u came %u times",
		    what, uid, came.times[uid]);
		ck_assert_msg(!stays[uid] || came.times[uid] == 1,
		    "%s: UID %u did not come: %s", what, uid, told.notes.p);
	}
	ck_assert_msg(report.skipped <= (e->at == AT_BODIES),
	    "%s: was told: %s", what, told.notes.p);
	end();
}

START_TEST(from_imap__mail_that_comes_and_goes_costs_no_other)
{
	static const unsigned nth[PHASES][3] = {
	    {0, 0, 0}, {0, 1, 2}, {0, 3, 5}};
	static const unsigned after[] = {0, 30, UINT32_MAX};
	/* Read already, in the first window and the second, the last; with
	 * one that has come, above all. */
	static const uint32_t number[] = {
	    1, 20, 100, 200, 201, 330, MESSAGES, MESSAGES + 1};
	unsigned i, k, n;
	int p;

	for (p = AT_EXAMINE; p < PHASES; p++)
		for (i = 0; i < (p == AT_EXAMINE ? 1 : 3); i++)
			for (k = 0; k < 3; k++)
				for (n = 0; n < 8; n++)
					check_event(
					    &(struct event){.at = (enum phase)p,
						.nth = nth[p][i],
						.after = after[k],
						.arrive = number[n] > MESSAGES,
						.expunge = number[n]});
}
END_TEST

/* ---- one that the server cannot give ---- */

static bool
want_new(void *arg, struct sv key)
{
	struct sv uid = key;
	uint32_t n = 0;

	(void)arg;
	(void)sv_split(&uid, '/');
	return sv_to_u32(uid, UID_MAX - 1, &n) != RC_OK || came.times[n] == 0;
}

static void
check_sick(const char *what)
{
	uint32_t uid;

	for (uid = 1; uid <= MESSAGES; uid++)
		ck_assert_msg(came.times[uid] == (uid != far.sick),
		    "%s: UID %u came %u times", what, uid, came.times[uid]);
	ck_assert_msg(
	    report.skipped == 1 && strstr(told.notes.p, "UID 213") != NULL,
	    "%s: was told: %s", what, told.notes.p);
}

static const struct {
	const char *says;
	bool refuses;
} sick[] = {{"BAD Command Error. 12", true}, {"NO [SERVERBUG] broken", true},
    {"NIL", false}, {"{0}\r\n", false}, {"\"\"", false}, {"{3}\r\nhel", false}};

START_TEST(from_imap__one_that_cannot_be_given_costs_no_other)
{
	struct err err = {.text = ""};

	begin();
	far.sick = 213;
	far.says = sick[_i].says;
	far.refuses = sick[_i].refuses;
	ck_assert_msg(run(&err) == RC_OK, "%s: %s", far.says, err.text);
	check_sick(far.says);
	end();
}
END_TEST

static void
come_back(void)
{
	int fd[2];

	imap_client_free(&client);
	pthread_join(far.thread, NULL);
	io_close(&far.fd);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	far.fd = fd[1];
	buf_reset(&far.in);
	client = imap_client_new(fd[0], 60000);
	ck_assert_int_eq(pthread_create(&far.thread, NULL, serve, NULL), 0);
	report_begin(&report);
}

START_TEST(from_imap__hanging_up_at_one_costs_no_other)
{
	struct sink again = sink;
	struct err err = {.text = ""};
	unsigned tries = 0;
	int r;

	again.want = want_new;
	begin();
	far.sick = 213;
	start();
	while (
	    (r = from_imap(&x, client, &again, &err)) == RC_EOF || r == RC_IO) {
		ck_assert_uint_lt(++tries, 5);
		come_back();
	}
	hang_up();
	ck_assert_msg(r == RC_OK, "%s", err.text);
	ck_assert_uint_eq(tries, 3);
	check_sick("hung up");
	while (x.nbroken > 0)
		free(x.broken[--x.nbroken].folder);
	end();
}
END_TEST

/* From one connection to the next, as long as something is learnt. */
static void
run_until_over(const struct sink *to, unsigned most)
{
	struct err err = {.text = ""};
	unsigned tries = 0;
	size_t learnt;
	int r;

	start();
	for (;;) {
		learnt = x.learnt;
		r = from_imap(&x, client, to, &err);
		if (r != RC_EOF && r != RC_IO)
			break;
		ck_assert_uint_lt(++tries, most);
		ck_assert_uint_gt(x.learnt, learnt);
		come_back();
	}
	hang_up();
	ck_assert_msg(r == RC_OK, "%s", err.text);
	while (x.nbroken > 0)
		free(x.broken[--x.nbroken].folder);
}

static const struct {
	uint32_t uid;
	const char *says;
	bool refuses;
} unlisted[] = {{1, NULL, false}, {213, NULL, false}, {MESSAGES, NULL, false},
    {1, "BAD Command Error. 12", true}, {213, "NO [SERVERBUG] broken", true},
    {MESSAGES, "BAD Command Error. 12", true},
    {213, "* 213 FETCH (UID 213 FLAGS () RFC822.SIZE -1)\r\n", false},
    {213, "* 213 FETCH (UID\r\n", false}};

/* What cannot be listed costs no other, and is named. */
START_TEST(from_imap__one_that_cannot_be_listed_costs_no_other)
{
	struct sink again = sink;
	char name[40];
	uint32_t uid;

	again.want = want_new;
	begin();
	far.in_rows = true;
	far.sick = unlisted[_i].uid;
	far.says = unlisted[_i].says;
	far.refuses = unlisted[_i].refuses;
	run_until_over(&again, 13);
	for (uid = 1; uid <= MESSAGES; uid++)
		ck_assert_msg(came.times[uid] == (uid != far.sick),
		    "UID %u came %u times", uid, came.times[uid]);
	(void)snprintf(name, sizeof name, "message %u:", far.sick);
	ck_assert_msg(report.skipped == 1 && strstr(told.notes.p, name) != NULL,
	    "was told: %s", told.notes.p);
	end();
}
END_TEST

START_TEST(from_imap__one_mailbox_that_hangs_up_costs_no_other)
{
	static const char *const commands[] = {"EXAMINE", "STATUS"};
	struct sink again = sink;

	again.want = want_new;
	begin();
	far.hangs = commands[_i];
	far.more = "* LIST () \"/\" Sick\r\n* LIST () \"/\" Well\r\n";
	run_until_over(&again, 4);
	ck_assert_uint_eq(came.times[MESSAGES], 1);
	/* INBOX each time that it got so far, Well once; Sick if it could. */
	ck_assert_uint_eq(came.folders, _i == 0 ? 4 : 3);
	ck_assert_uint_eq(report.skipped, _i == 0);
	ck_assert(_i != 0 || strstr(told.notes.p, "left out: Sick") != NULL);
	end();
}
END_TEST

/* New mail is the next run's, and nothing that people are told of. */
START_TEST(from_imap__new_mail_is_no_error)
{
	int p;

	for (p = AT_EXAMINE; p < PHASES; p++)
		check_event(&(struct event){
		    .at = (enum phase)p, .after = 3, .arrive = 7});
}
END_TEST

/* What another session has expunged cannot be told during FETCH
 * [RFC 3501 7.4.1]: its row is not there, or the whole is refused. */
START_TEST(from_imap__what_is_gone_untold_costs_no_other)
{
	static const uint32_t number[] = {1, 200, 201, 400, MESSAGES};
	unsigned i, n;

	for (i = 0; i < 3; i++)
		for (n = 0; n < 10; n++)
			check_event(&(struct event){.at = AT_ROWS,
			    .nth = i,
			    .expunge = number[n / 2],
			    .untold = true,
			    .refused = n % 2 == 1});
}
END_TEST

/* A message that is there and of which the server says nothing is named. */
START_TEST(from_imap__what_is_never_listed_is_named)
{
	struct err err = {.text = ""};

	begin();
	far.mute = 420;
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(report.skipped, 1);
	ck_assert_msg(sv_find(buf_sv(&told.notes),
			  SV("1 of the messages 401 to 450")) < told.notes.n,
	    "%s", told.notes.p);
	end();
}
END_TEST

/* ---- names ---- */

static long
peak_kib(void)
{
	struct rusage u;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

/* Sanitizers keep what was freed. */
static void
check_memory(long before)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_lt(peak_kib() - before, 24 * 1024);
#else
	(void)before;
#endif
}

/* Each of a length that no server's have. */
START_TEST(from_imap__long_names_are_left_out_and_counted)
{
	struct err err = {.text = ""};
	long before = peak_kib();

	begin();
	far.names = 20000;
	far.name_bytes = TRANSFER_PATH_MAX + 1;
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(came.folders, 1);
	ck_assert_uint_eq(came.times[MESSAGES], 1);
	ck_assert_uint_gt(report.skipped, 0);
	ck_assert_uint_lt(told.n, 100);
	ck_assert_msg(sv_find(buf_sv(&told.notes), SV("19980 more mailboxes")) <
			  told.notes.n,
	    "%s", told.notes.p);
	check_memory(before);
	end();
}
END_TEST

/* Each fits, but not all of them. */
START_TEST(from_imap__all_names_together_are_bounded)
{
	struct err err = {.text = ""};
	long before = peak_kib();

	begin();
	far.names = 20000;
	far.name_bytes = 3000;
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_gt(came.folders, 100);
	ck_assert_uint_lt(came.folders, 3000);
	ck_assert_uint_eq(came.times[MESSAGES], 1);
	ck_assert_uint_eq(report.skipped, 1);
	check_memory(before);
	end();
}
END_TEST

START_TEST(from_imap__a_name_that_just_fits_is_read)
{
	struct err err = {.text = ""};

	begin();
	far.names = 2;
	far.name_bytes = TRANSFER_PATH_MAX;
	far.more = "* LIST (\\Sent) \"/\" INBOX\r\n";
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(came.folders, 3); /* INBOX once */
	ck_assert_uint_eq(report.skipped, 0);
	end();
}
END_TEST

/* Some servers do not understand the names that they list. */
START_TEST(from_imap__a_name_that_is_bad_costs_no_other)
{
	struct err err = {.text = ""};

	begin();
	far.more = "* LIST () \"/\" Bad\r\n* LIST () \"/\" Good\r\n";
	far.bad = "Bad";
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(came.folders, 2);
	ck_assert_uint_eq(report.skipped, 1);
	end();
}
END_TEST

/* Expunged mail that another Hearthmail shows is not to be imported, but
 * for those who ask for it; a mailbox of that name is. */
START_TEST(from_imap__the_tree_of_expunged_mail_stays_there)
{
	static const char tree[] =
	    "* LIST (\\Noselect \\HasChildren \\HearthmailRestore) \"/\" "
	    "Restore\r\n"
	    "* LIST (\\HasNoChildren \\HearthmailRestore) \"/\" "
	    "Restore/2026-11-24\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Restored\r\n";
	const char *only[] = {"Restore/2026-11-24"};
	struct err err = {.text = ""};

	begin();
	far.more = tree;
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(came.folders, 2);
	ck_assert_uint_eq(report.skipped, 0);
	end();
	begin();
	far.more = tree;
	x.only = only;
	x.nonly = 1;
	ck_assert_int_eq(run(&err), RC_OK);
	ck_assert_uint_eq(came.folders, 1);
	end();
}
END_TEST

START_TEST(to_imap__names_of_the_other_server_are_bounded)
{
	struct err err = {.text = ""};
	struct state *state = state_new();
	struct to_imap *t;
	long before = peak_kib();

	begin();
	far.names = 20000;
	far.name_bytes = 3000;
	far.more = "* LIST (\\Sent) \"/\" Gesendet\r\n";
	t = to_imap_new(&x, client, state);
	start();
	ck_assert_int_eq(to_imap_begin(t, &err), RC_OK);
	check_memory(before);
	to_imap_free(&t);
	hang_up();
	end();
	state_free(&state);
}
END_TEST

UNIT_TESTS(transfer_from_imap)
{
	TCase *t = tcase_create("from_imap");

	tcase_add_test(t, from_imap__mail_that_comes_and_goes_costs_no_other);
	tcase_add_test(t, from_imap__new_mail_is_no_error);
	tcase_add_loop_test(t,
	    from_imap__one_that_cannot_be_given_costs_no_other, 0,
	    (int)(sizeof sick / sizeof sick[0]));
	tcase_add_test(t, from_imap__hanging_up_at_one_costs_no_other);
	tcase_add_loop_test(t,
	    from_imap__one_that_cannot_be_listed_costs_no_other, 0,
	    sizeof unlisted / sizeof unlisted[0]);
	tcase_add_loop_test(
	    t, from_imap__one_mailbox_that_hangs_up_costs_no_other, 0, 2);
	tcase_add_test(t, from_imap__what_is_gone_untold_costs_no_other);
	tcase_add_test(t, from_imap__what_is_never_listed_is_named);
	tcase_add_test(t, from_imap__long_names_are_left_out_and_counted);
	tcase_add_test(t, from_imap__all_names_together_are_bounded);
	tcase_add_test(t, from_imap__a_name_that_just_fits_is_read);
	tcase_add_test(t, from_imap__a_name_that_is_bad_costs_no_other);
	tcase_add_test(t, from_imap__the_tree_of_expunged_mail_stays_there);
	tcase_add_test(t, to_imap__names_of_the_other_server_are_bounded);
	return t;
}
