/* What an account asks the junk process and teaches it. */
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "account/deliver.h"
#include "account/junk.h"
#include "account/junk_lesson.h"
#include "base/alloc.h"
#include "base/io.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_junk.h"
#include "ipc/proto.h"
#include "junk/feature.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct store *st;
static struct account_junk *j;
static struct rules *rules; /* else what comes back is not delivered */
static unsigned back;

static void
comes_back(void *arg, struct incoming *in)
{
	struct err err = {.text = ""};
	struct delivered out = {.junk = false};
	const struct delivering how = {.account = "anna",
	    .store = st,
	    .rules = rules,
	    .message_max = 1 << 20};
	uint64_t need = 0;

	(void)arg;
	back++;
	if (rules != NULL)
		ck_assert_int_eq(
		    account_deliver(&how, in, &out, &need, &err), RC_OK);
	rules_outcome_fini(&out.o);
	incoming_fini(in);
}

static int process; /* our end of its line */

static void
setup(void)
{
	struct conf conf = {.junk = {.on = true, .threshold = 50}};
	int pair[2];

	fixture_make();
	st = fixture_open();
	loop = ev_loop_new();
	j = account_junk_new(loop, &(struct account_junk_opts){.name = "anna",
				       .hostname = "mail.home.test",
				       .store = st,
				       .back = comes_back});
	account_junk_set_conf(j, &conf);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	account_junk_connect(j, pair[0]);
	process = pair[1];
	back = 0;
}

static void
teardown(void)
{
	account_junk_free(&j);
	ev_loop_free(&loop);
	(void)close(process);
	store_close(&st);
	fixture_remove();
}

#define FRONT "Received: by us\r\n"

static bool
deliver_text(const struct buf *text)
{
	struct mail_delivery d = {.account = SV("anna"),
	    .flags = DELIVER_ALIEN,
	    .front = SV(FRONT),
	    .size = text->n,
	    .fd = memfd_create("m", MFD_CLOEXEC)};
	struct incoming in;
	struct msg m;
	bool taken;

	ck_assert_int_eq(io_write_all(d.fd, text->p, text->n), RC_OK);
	msg_init(&m, DELIVER);
	mail_delivery_put(&m, &d);
	ck_assert_int_eq(incoming_init(&in, &m), RC_OK);
	taken = account_junk_judge(j, &in);
	if (!taken)
		incoming_fini(&in);
	return taken;
}

static bool
deliver(void)
{
	struct buf b;
	bool taken;

	buf_init(&b, 100);
	buf_adds(&b, "Subject: x\r\n\r\nhello\r\n");
	taken = deliver_text(&b);
	buf_fini(&b);
	return taken;
}

/* What was asked is not delivered by an account that is being freed, and
 * nothing of the line stays open. */
START_TEST(account_junk__ends_with_a_question)
{
	struct pollfd p;
	struct msg m;

	ck_assert(deliver());
	ck_assert(account_junk_busy(j));
	account_junk_free(&j);
	ck_assert_uint_eq(back, 0);
	p = (struct pollfd){.fd = process, .events = POLLIN};
	while (poll(&p, 1, 60 * 1000) > 0 && line_recv_fd(process, &m) == RC_OK)
		msg_fini(&m);
	ck_assert(p.revents != 0);
}
END_TEST

/* Without a line nothing is taken. */
START_TEST(account_junk__without_a_line)
{
	struct account_junk *other = account_junk_new(
	    loop, &(struct account_junk_opts){
		      .name = "ben", .store = st, .back = comes_back});
	struct account_junk *first = j;

	j = other;
	ck_assert(!deliver());
	account_junk_free(&j);
	j = first;
	ck_assert_uint_eq(back, 0);
}
END_TEST

/* The next message to the process, as far as the loop gets by itself. */
static bool
next_message(struct msg *out)
{
	struct pollfd p = {.fd = process, .events = POLLIN};

	ev_post(loop, (ev_fn *)ev_stop, loop);
	ev_run(loop);
	return poll(&p, 1, 0) > 0 && line_recv_fd(process, out) == RC_OK;
}

/* How the message was taught; JUNK_TEACHINGS: it was not. */
static enum junk_teaching
taught(void)
{
	struct junk_teach lesson;
	struct msg m, reply;
	enum junk_teaching t;
	unsigned i;

	for (i = 0; i < 4; i++)
		if (next_message(&m))
			break;
	if (i == 4)
		return JUNK_TEACHINGS;
	ck_assert_int_eq(m.type, JUNK_TEACH);
	ck_assert_int_eq(junk_teach_get(&m, &lesson), RC_OK);
	t = (enum junk_teaching)lesson.teaching;
	ck_assert_uint_gt(lesson.features.n, 0);
	junk_teach_fini(&lesson);
	msg_answer_make(&reply, m.id, RC_OK, "");
	ck_assert_int_eq(line_send_fd(process, &reply), RC_OK);
	msg_fini(&m);
	return t;
}

#define LETTER                                                             \
	"X-Hearthmail-Junk: no score=10 reasons=none\r\nSubject: a letter" \
	"\r\n\r\nwith some text\r\n"

/* \Deleted and EXPUNGE in one go: the message is gone when the lesson's turn
 * comes. */
START_TEST(account_junk__learns_of_what_is_gone_already)
{
	static const struct {
		unsigned mark;
		enum junk_teaching want;
	} row[] = {
	    {ACCOUNT_MARK_THROWN, JUNK_TEACH_THROWN},
	    {ACCOUNT_MARK_JUNK, JUNK_TEACH_JUNK},
	    {ACCOUNT_MARK_WANTED, JUNK_TEACH_WANTED},
	    {ACCOUNT_MARK_HINT, JUNK_TEACH_HINT},
	    {ACCOUNT_MARK_READ, JUNK_TEACH_READ},
	};
	struct rangeset uids = RANGESET_EMPTY;
	size_t i;

	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		uint32_t uid = fixture_add(st, "INBOX", LETTER, STORE_DELETED);
		struct view *v = fixture_view(st, "INBOX");
		struct view_info info;
		uint64_t need = 0;

		view_info(v, &info, &need);
		rangeset_add(&uids, uid, uid);
		account_junk_marked(j, info.id, &uids, row[i].mark);
		fixture_expunge(v);
		view_close(&v);
		ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
		ck_assert_int_eq(taught(), row[i].want);
		rangeset_fini(&uids);
	}
}
END_TEST

/* Where it was and where it is: by special uses, and by the names that programs
 * give which do not ask for them. */
START_TEST(account_junk__lessons)
{
	static const struct {
		const char *from, *to;
		uint64_t n;
		enum junk_teaching want;
	} row[] = {
	    {"INBOX", "Junk", 1, JUNK_TEACH_JUNK},
	    {"INBOX", "Junk", 100000, JUNK_TEACH_JUNK},
	    {"INBOX", "Junk/2026", 1, JUNK_TEACH_JUNK},
	    {"INBOX", "Spam", 1, JUNK_TEACH_JUNK},
	    {"INBOX", "INBOX/Junk E-mail", 1, JUNK_TEACH_JUNK},
	    {"INBOX", "Bulk", 1, JUNK_TEACHINGS},
	    {"INBOX", "Lists/Spam", 1, JUNK_TEACH_HINT},
	    {"INBOX", "Archive", 1, JUNK_TEACH_HINT},
	    {"INBOX", "Archive", 21, JUNK_TEACHINGS},
	    {"INBOX", "Deleted Items", 1, JUNK_TEACH_THROWN},
	    {"INBOX", "Trash", 500, JUNK_TEACH_THROWN},
	    {"INBOX", "Trash", 501, JUNK_TEACHINGS},
	    {"Junk", "INBOX", 1, JUNK_TEACH_WANTED},
	    {"Junk", "Archive", 100, JUNK_TEACH_WANTED},
	    {"Junk", "Sent", 1, JUNK_TEACH_WANTED},
	    {"Junk", "Drafts", 1, JUNK_TEACHINGS},
	    {"Junk", "Brouillons", 1, JUNK_TEACHINGS},
	    {"Junk", "Junk/2026", 1, JUNK_TEACHINGS},
	    {"Junk", "Spam", 1, JUNK_TEACHINGS},
	    {"Junk", "Bulk", 1, JUNK_TEACHINGS},
	    {"Junk", "Trash", 1, JUNK_TEACHINGS},
	    {"Junk", "Trash/old", 1, JUNK_TEACHINGS},
	    {"Junk", "deleted messages", 1, JUNK_TEACHINGS},
	    {"Junk", "INBOX/Papierkorb", 1, JUNK_TEACHINGS},
	    {"inbox", "Inbox/Junk E-mail", 1, JUNK_TEACH_JUNK},
	    {"Spam", "INBOX", 1, JUNK_TEACH_WANTED},
	    {"Trash", "INBOX", 1, JUNK_TEACHINGS},
	    {"Deleted Items", "Archive", 1, JUNK_TEACHINGS},
	    {"Trash", "Junk", 1, JUNK_TEACH_JUNK},
	};
	static const struct {
		const char *name;
		unsigned use;
	} have[] = {{"INBOX", 0}, {"Archive", 0}, {"Brouillons", 0},
	    {"Bulk", 0}, {"Deleted Items", 0}, {"deleted messages", 0},
	    {"Drafts", STORE_USE_DRAFTS}, {"INBOX/Junk E-mail", 0},
	    {"INBOX/Papierkorb", 0}, {"Junk", STORE_USE_JUNK}, {"Junk/2026", 0},
	    {"Lists/Spam", 0}, {"Sent", STORE_USE_SENT}, {"Spam", 0},
	    {"Trash", STORE_USE_TRASH}, {"Trash/old", 0}};
	struct store_mailbox m[sizeof have / sizeof have[0]];
	const struct store_mailbox_list all = {m, sizeof m / sizeof m[0]};

	for (uint32_t i = 0; i < all.n; i++)
		m[i] = (struct store_mailbox){
		    .name = (char *)(uintptr_t)have[i].name,
		    .id = i + 1,
		    .use = have[i].use,
		    .exists = true,
		    .selectable = true};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const struct store_mailbox *from =
		    junk_mailbox_by_name(&all, row[i].from);
		const struct store_mailbox *to =
		    junk_mailbox_by_name(&all, row[i].to);
		struct junk_done d = {.deed = JUNK_MOVED, .n = row[i].n};

		ck_assert_ptr_nonnull(from);
		ck_assert_ptr_nonnull(to);
		d.from = from->id;
		ck_assert_msg(junk_lesson_of(&d, &all, to) == row[i].want,
		    "%s to %s", row[i].from, row[i].to);
	}
}
END_TEST

/* Moved into Junk, and out of it before that is learned: both are. */
START_TEST(account_junk__learns_of_what_has_moved_on)
{
	struct rangeset uids = RANGESET_EMPTY;
	struct view *inbox = fixture_view(st, "INBOX"), *junk;
	struct view_info from;
	uint64_t need = 0;
	uint32_t uid = fixture_add(st, "Junk", LETTER, STORE_DELETED);

	view_info(inbox, &from, &need);
	junk = fixture_view(st, "Junk");
	rangeset_add(&uids, uid, uid);
	account_junk_moved(j, from.id, "Junk", &uids);
	fixture_expunge(junk);
	view_close(&junk);
	view_close(&inbox);
	ck_assert_int_eq(taught(), JUNK_TEACH_JUNK);
	rangeset_fini(&uids);
}
END_TEST

/* The process answers, or does not: rc. */
static void
answer(int rc)
{
	const struct junk_told told = {.rc = rc, .margin = -5000};
	struct msg m, reply;

	ck_assert(next_message(&m));
	ck_assert_int_eq(m.type, JUNK_ASK);
	msg_init(&reply, MSG_REPLY);
	reply.id = m.id;
	junk_told_put(&reply, &told);
	ck_assert_int_eq(line_send_fd(process, &reply), RC_OK);
	msg_fini(&m);
}

/* What is stored: the fields in front, what was found out, and each byte of the
 * message, whether it was kept in memory meanwhile or is read again. */
START_TEST(account_junk__delivers_each_byte)
{
	static const size_t size[] = {0, 10, JUNK_MESSAGE_MAX - 60,
	    JUNK_MESSAGE_MAX, JUNK_MESSAGE_MAX + 1, 3 * JUNK_MESSAGE_MAX};
	const int rc = _i % 2 == 0 ? RC_OK : RC_TEMP;
	struct buf text, want, got;
	struct store_msg m;
	uint64_t need = 0;
	struct view *v;

	rules = rules_new(st);
	buf_init(&text, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	for (unsigned i = 0; text.n < size[_i / 2]; i++)
		buf_addf(&text, "%u\r\n", i);
	buf_truncate(&text, size[_i / 2]);
	buf_addf(&want, "%s%s%s", FRONT,
	    rc == RC_OK ? "X-Hearthmail-Junk: no score=1 reasons=none\r\n" : "",
	    text.p);
	ck_assert(deliver_text(&text));
	answer(rc);
	for (unsigned i = 0; back == 0 && i < 4; i++) {
		ev_post(loop, (ev_fn *)ev_stop, loop);
		ev_run(loop);
	}
	ck_assert_uint_eq(back, 1);
	v = fixture_view(st, "INBOX");
	ck_assert_uint_eq(view_msgs(v, 1, 1, &m, &need), 1);
	ck_assert_uint_eq(m.size, want.n);
	ck_assert_int_eq(
	    store_read(st, m.body, 0, buf_reserve(&got, m.size), m.size),
	    RC_OK);
	buf_added(&got, m.size);
	ck_assert(sv_eq(buf_sv(&got), buf_sv(&want)));
	view_close(&v);
	buf_fini(&got);
	buf_fini(&want);
	buf_fini(&text);
	rules_free(&rules);
}
END_TEST

/* What was found in it is junk for rules as well, whatever the filter says. */
START_TEST(account_junk__what_is_attached_is_certain)
{
	static const char message[] =
	    "Content-Type: application/x-msdownload; name=a.exe\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA"
	    "//8AALgAAAAAAAAAQAAAAAAAAAA=\r\n";
	static const char script[] =
	    "require [\"fileinto\", \"spamtestplus\", \"relational\", "
	    "\"comparator-i;ascii-numeric\"]; if spamtest :percent :value "
	    "\"ge\" :comparator \"i;ascii-numeric\" \"90\" { fileinto "
	    "\"Trash\"; }";
	const struct delivering how = {.account = "anna",
	    .store = st,
	    .rules = rules = rules_new(st),
	    .message_max = 1 << 20,
	    .looks = true};
	struct incoming in = {.d = {.account = SV("anna"),
				  .verdict = SV("x"),
				  .junk_score = 5,
				  .written = SV("anna@home.test"),
				  .sender = SV("x@far.test"),
				  .size = sizeof message - 1,
				  .fd = memfd_create("m", MFD_CLOEXEC)}};
	struct delivered out = {.junk = false};
	struct conf_errors e = {0};
	struct conf *conf;
	struct err err = {.text = ""};
	uint64_t need = 0;

	ck_assert_int_eq(conf_parse(SV("hostname: mail.home.test\n"
				       "domains: [home.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &conf, &e),
	    RC_OK);
	rules_set_conf(rules, conf, "anna");
	ck_assert_int_eq(store_script_put(st, STORE_SCRIPT_PERSON, SV("s"),
			     sv_str(script), &need, &err),
	    RC_OK);
	ck_assert_int_eq(
	    store_script_activate(st, SV("s"), &need, &err), RC_OK);
	ck_assert_int_eq(
	    io_write_all(in.d.fd, message, sizeof message - 1), RC_OK);
	ck_assert_int_eq(account_deliver(&how, &in, &out, &need, &err), RC_OK);
	ck_assert(out.junk);
	ck_assert_uint_eq(out.o.nstored, 1);
	ck_assert_str_eq(out.o.stored[0].folder, "Trash");
	rules_outcome_fini(&out.o);
	(void)close(in.d.fd);
	rules_free(&rules);
	conf_free(&conf);
}
END_TEST

UNIT_TESTS(account_junk)
{
	TCase *tc = tcase_create("account_junk");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, account_junk__ends_with_a_question);
	tcase_add_test(tc, account_junk__without_a_line);
	tcase_add_test(tc, account_junk__learns_of_what_is_gone_already);
	tcase_add_test(tc, account_junk__lessons);
	tcase_add_test(tc, account_junk__learns_of_what_has_moved_on);
	tcase_add_loop_test(tc, account_junk__delivers_each_byte, 0, 12);
	tcase_add_test(tc, account_junk__what_is_attached_is_certain);
	return tc;
}
