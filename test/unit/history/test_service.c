/* The process that keeps the history: who may write what, what it answers, and
 * a disk that is full. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/log.h"
#include "history/mine.h"
#include "history/record.h"
#include "history/service.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

static const struct history_db_opts opts = {
    14 * 24 * 3600 * 1000ll, 64u << 20, true};
static char folder[] = "/tmp/hearthmail-history.XXXXXX";
static struct ev_loop *loop;
static struct history_service *service;
static unsigned accused;

static void
judge(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	accused++;
}

static void
set_up(void)
{
	log_setup("test", LOG_NOTHING);
	(void)signal(SIGXFSZ, SIG_IGN);
	memcpy(strrchr(folder, '.'), ".XXXXXX", 8);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	accused = 0;
	line_set_judge(judge, NULL);
	loop = ev_loop_new();
	service = history_service_new(loop, &opts);
}

static void
tear_down(void)
{
	history_service_free(&service);
	ev_loop_free(&loop);
	line_set_judge(NULL, NULL);
	(void)unlink(HISTORY_DB_NAME);
	(void)unlink(HISTORY_DB_NAME "-wal");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- one message and its answer ---- */

static struct msg answer;
static bool answered;

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	(void)arg;
	answer = *m;
	msg_init(m, 0);
	answered = true;
	ev_stop(loop);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)arg;
	line_free(&l);
	ev_stop(loop);
}

static struct line *
writer(enum history_writer who, const char *account)
{
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	history_service_add_writer(service, fd[1], who, account);
	return line_new(loop, fd[0], on_msg, on_eof, NULL);
}

static int
say(struct line *l, struct msg *m)
{
	char text[ERR_TEXT_MAX];
	int r;

	answered = false;
	m->id = 1;
	line_tell(l, m);
	ev_run(loop);
	must(answered); /* Check itself writes at each of its assertions */
	r = msg_answer_read(&answer, RC_IO, text);
	msg_fini(&answer);
	return r;
}

static int
note(struct line *l, const struct history_step *s)
{
	struct history_notes notes = {.n = 1};
	struct history_step step = *s;
	struct buf b;
	struct msg m;
	int r;

	step.when = clk_now();
	buf_init(&b, 65536);
	buf_add(&b, s->id, sizeof s->id);
	history_record_put(&step, &b);
	notes.steps = buf_sv(&b);
	msg_init(&m, HISTORY_NOTES);
	history_notes_put(&m, &notes);
	r = say(l, &m);
	buf_fini(&b);
	return r;
}

static const struct {
	enum history_writer who;
	const char *account;
	enum history_kind kind;
	const char *of; /* the account in the step */
	bool allowed;
} rows[] = {
    {HISTORY_W_SMTP, "", HISTORY_ACCEPTED, "", true},
    {HISTORY_W_SMTP, "", HISTORY_REFUSED, "", true},
    {HISTORY_W_SMTP, "", HISTORY_STORED, "", false},
    {HISTORY_W_SMTP, "", HISTORY_SENT, "", false},
    {HISTORY_W_SMTP, "", HISTORY_QUEUED, "", false},
    {HISTORY_W_SUBMISSION, "", HISTORY_ACCEPTED, "anna", true},
    {HISTORY_W_SUBMISSION, "", HISTORY_HOST, "", false},
    {HISTORY_W_ACCOUNT, "anna", HISTORY_STORED, "anna", true},
    {HISTORY_W_ACCOUNT, "anna", HISTORY_STORED, "ben", false},
    {HISTORY_W_ACCOUNT, "anna", HISTORY_STORED, "", false},
    {HISTORY_W_ACCOUNT, "anna", HISTORY_REMARK, "anna", true},
    {HISTORY_W_ACCOUNT, "anna", HISTORY_ACCEPTED, "anna", false},
    {HISTORY_W_QUEUE, "", HISTORY_QUEUED, "", true},
    {HISTORY_W_QUEUE, "", HISTORY_RETURNED, "", true},
    {HISTORY_W_QUEUE, "", HISTORY_STORED, "", false},
    {HISTORY_W_MX, "", HISTORY_HOST, "", true},
    {HISTORY_W_MX, "", HISTORY_SENT, "", false},
    {HISTORY_W_MX, "", HISTORY_REMARK, "", true},
};

START_TEST(service__takes_from_each_what_is_theirs)
{
	struct line *l = writer(rows[_i].who, rows[_i].account);
	const struct history_step s = {.kind = (uint8_t)rows[_i].kind,
	    .count = HISTORY_C_NONE,
	    .id = {1},
	    .account = sv_str(rows[_i].of)};

	ck_assert_msg((note(l, &s) == RC_OK) == rows[_i].allowed, "%d", _i);
	ck_assert_uint_eq(accused, !rows[_i].allowed);
	line_free(&l);
}
END_TEST

static const char *const garbage[] = {
    "", "0123456789abcdef", "0123456789abcdef\1\1\1\1\1\1\1\1"};

START_TEST(service__accuses_who_sends_garbage)
{
	struct line *l = writer(HISTORY_W_SMTP, "");
	struct history_notes notes = {.n = 1, .steps = sv_str(garbage[_i])};
	struct msg m;

	msg_init(&m, HISTORY_NOTES);
	history_notes_put(&m, &notes);
	ck_assert_int_ne(say(l, &m), RC_OK);
	ck_assert_uint_eq(accused, 1);
	line_free(&l);
}
END_TEST

/* ---- an account, about its own mail ---- */

static void
owner(void *arg, const char *account, struct history_owner *out)
{
	static const char *const family = "family@a.test";

	(void)arg;
	if (strcmp(account, "anna") == 0) {
		out->address[0] = SV("anna@a.test");
		out->address[1] = sv_str(family);
		out->naddress = 2;
	}
}

static int
try_mine(struct line *l, const struct trace_mine *ask, uint32_t *n_out,
    uint64_t *before_out)
{
	struct trace_stories found;
	struct msg m;
	int r;

	answered = false;
	msg_init(&m, TRACE_MINE);
	trace_mine_put(&m, ask);
	m.id = 1;
	line_tell(l, &m);
	ev_run(loop);
	must(answered);
	must(trace_stories_get(&answer, &found) == RC_OK);
	r = found.rc;
	*n_out = found.nstory;
	*before_out = found.more ? found.before : 0;
	trace_stories_fini(&found);
	msg_fini(&answer);
	return r;
}

/* How many stories it is told, and where to go on. */
static uint32_t
ask_mine(struct line *l, const char *text, uint64_t *before, uint32_t most)
{
	const struct trace_mine ask = {sv_str(text), *before, most};
	uint32_t n;

	must(try_mine(l, &ask, &n, before) == RC_OK);
	return n;
}

START_TEST(service__tells_an_account_of_its_own_mail)
{
	struct line *smtp = writer(HISTORY_W_SMTP, "");
	struct line *anna = writer(HISTORY_W_ACCOUNT, "anna");
	struct line *ben = writer(HISTORY_W_ACCOUNT, "ben");
	struct history_step s = {.kind = HISTORY_ACCEPTED,
	    .count = HISTORY_C_NONE,
	    .who = SV("ben@a.test anna@a.test"),
	    .subject = SV("Lunch"),
	    .sender = SV("x@b.test")};
	struct history_step stored = {.kind = HISTORY_STORED,
	    .count = HISTORY_C_NONE,
	    .account = SV("anna"),
	    .text = SV("INBOX")};
	uint64_t before = 0;
	uint32_t i;

	history_service_set_owner(service, owner, NULL);
	for (i = 1; i <= 5; i++) {
		s.id[0] = stored.id[0] = (uint8_t)i;
		ck_assert_int_eq(note(smtp, &s), RC_OK);
		ck_assert_int_eq(note(anna, &stored), RC_OK);
	}
	s.id[0] = 9; /* of ben only */
	s.who = SV("ben@a.test");
	ck_assert_int_eq(note(smtp, &s), RC_OK);
	ck_assert_uint_eq(ask_mine(anna, "", &before, 50), 5);
	ck_assert_uint_eq(ask_mine(anna, "LUNCH x@b", &before, 50), 5);
	ck_assert_uint_eq(ask_mine(anna, "ben@a.test", &before, 50), 0);
	ck_assert_uint_eq(ask_mine(anna, "", &before, 2), 2);
	ck_assert(before > 0);
	ck_assert_uint_eq(ask_mine(anna, "", &before, 2), 2);
	ck_assert_uint_eq(ask_mine(anna, "", &before, 2), 1);
	ck_assert(before == 0);
	ck_assert_uint_eq(ask_mine(ben, "", &before, 50), 0);
	ck_assert_uint_eq(accused, 0);
	line_free(&smtp);
	line_free(&anna);
	line_free(&ben);
}
END_TEST

START_TEST(service__gives_an_account_a_share_of_its_time)
{
	struct line *smtp = writer(HISTORY_W_SMTP, "");
	struct line *anna = writer(HISTORY_W_ACCOUNT, "anna");
	struct line *ben = writer(HISTORY_W_ACCOUNT, "ben");
	struct history_step s = {.kind = HISTORY_ACCEPTED,
	    .count = HISTORY_C_NONE,
	    .who = SV("anna@a.test"),
	    .sender = SV("x@b.test")};
	const struct trace_mine all = {SV(""), 0, 50};
	uint64_t before;
	uint32_t n;
	int i, r = RC_OK;

	history_service_set_owner(service, owner, NULL);
	for (i = 1; i <= 100; i++) {
		s.id[0] = (unsigned char)i;
		ck_assert_int_eq(note(smtp, &s), RC_OK);
	}
	for (i = 0; i < 20000 && r == RC_OK; i++)
		r = try_mine(anna, &all, &n, &before);
	ck_assert_int_eq(r, RC_TEMP);
	ck_assert_int_gt(i, 1);
	/* Others have theirs. */
	ck_assert_int_eq(try_mine(ben, &all, &n, &before), RC_OK);
	line_free(&smtp);
	line_free(&anna);
	line_free(&ben);
}
END_TEST

/* Nobody else asks that. */
START_TEST(service__tells_nobody_else)
{
	struct line *smtp = writer(HISTORY_W_SMTP, "");
	struct msg m;

	msg_init(&m, TRACE_MINE);
	trace_mine_put(&m, &(struct trace_mine){.most = 5});
	line_tell(smtp, &m);
	ck_assert_int_eq(
	    note(smtp, &(struct history_step){.kind = HISTORY_ACCEPTED,
			   .count = HISTORY_C_NONE,
			   .id = {1}}),
	    RC_OK);
	ck_assert_uint_eq(accused, 1);
	line_free(&smtp);
}
END_TEST

static const char *
status(void)
{
	static struct buf b;

	buf_fini(&b);
	buf_init(&b, 4096);
	history_service_status(service, &b);
	return b.p;
}

START_TEST(service__counts)
{
	struct line *l = writer(HISTORY_W_SMTP, "");
	uint32_t count[HISTORY_COUNTS] = {[HISTORY_C_UNKNOWN] = 40};
	struct history_notes notes = {
	    .lost = 7, .count = count, .ncount = HISTORY_COUNTS};
	struct msg m;

	ck_assert_int_eq(
	    note(l, &(struct history_step){.kind = HISTORY_ACCEPTED,
			.count = HISTORY_C_RECEIVED,
			.id = {1}}),
	    RC_OK);
	msg_init(&m, HISTORY_NOTES);
	history_notes_put(&m, &notes);
	ck_assert_int_eq(say(l, &m), RC_OK);
	ck_assert_int_eq(strncmp(status(), "today: received 1, ", 19), 0);
	ck_assert_ptr_nonnull(strstr(status(), "refused 40"));
	ck_assert_ptr_nonnull(strstr(status(), "unknown address 40"));
	ck_assert_ptr_nonnull(strstr(status(), "not recorded 7"));
	ck_assert_ptr_nonnull(strstr(status(), "\n14 days: received 1, "));
	line_free(&l);
}
END_TEST

static bool
is_down(void)
{
	return strncmp(status(), HISTORY_STATUS_DOWN,
		   sizeof HISTORY_STATUS_DOWN - 1) == 0;
}

/* The mail goes on: steps are answered, the trouble is said, and ends. */
START_TEST(service__survives_a_full_disk)
{
	static char words[1000];
	struct line *l = writer(HISTORY_W_SMTP, "");
	struct history_step s = {.kind = HISTORY_ACCEPTED,
	    .count = HISTORY_C_RECEIVED,
	    .text = {words, sizeof words}};
	struct rlimit full = {1u << 20, 0}, before;
	unsigned i, n, good = 0;

	memset(words, 'x', sizeof words);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	full.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	/* It tries again from time to time, so it may just think that all is
	 * well. */
	for (i = 1; i <= 5000 || !is_down(); i++) {
		ck_assert_uint_lt(i, 50000);
		memcpy(s.id, &i, sizeof i);
		good += note(l, &s) == RC_OK;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (n = i + 5000; i < n; i++) {
		memcpy(s.id, &i, sizeof i);
		good += note(l, &s) == RC_OK;
	}
	ck_assert_uint_eq(good, i - 1);
	ck_assert_msg(strncmp(status(), "today: ", 7) == 0, "%s", status());
	ck_assert_ptr_nonnull(strstr(status(), "not recorded"));
	line_free(&l);
}
END_TEST

UNIT_TESTS(service)
{
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, service__takes_from_each_what_is_theirs, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(t, service__accuses_who_sends_garbage, 0,
	    sizeof garbage / sizeof garbage[0]);
	tcase_add_test(t, service__tells_an_account_of_its_own_mail);
	tcase_add_test(t, service__gives_an_account_a_share_of_its_time);
	tcase_add_test(t, service__tells_nobody_else);
	tcase_add_test(t, service__counts);
	tcase_add_test(t, service__survives_a_full_disk);
	return t;
}
