/* The admin's pages, with others at the ends of its lines who say what
 * strangers could have them say. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "history/record.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_control.h"
#include "ipc/msg_page.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/spool/listing.h"
#include "test/unit/unit.h"
#include "web/admin/admin.h"

/* What everybody is called here. */
#define EVIL "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&lt;"
#define CSRF "AAAAcsrf"
#define JSON_E \
	"<script>alert('x')</script>\\\"><img src=x onerror=alert(1)>&lt;"

static struct ev_loop *loop;
static struct admin *room;
static struct admin_opts opts;
static struct line *queue_end, *history_end, *auth_end, *page_end_;
static struct conf *conf;
static char acted[256]; /* what the queue or auth was told to do */
static char acted_on[256];
static char body[65536]; /* of the last page */
static struct page_answer answer;
static char location[1024];
static bool idle;
static unsigned many; /* entries of the queue */
static const char *languages;

/* ---- who is asked ---- */

static void
reply(struct line *l, struct msg *m, uint32_t id)
{
	m->id = id;
	line_tell(l, m);
}

static void
write_entry(struct msg *file, uint64_t id)
{
	struct queue_unit unit = {
	    .state = QUEUE_LATER, .place = SV(EVIL), .reply_text = SV(EVIL)};
	struct queue_rcpt rcpt[2] = {{.address = SV(EVIL), .outcome = 3},
	    {.address = SV("b@b.test"), .outcome = 3}};
	struct queue_try attempt = {.reply_text = SV(EVIL)};
	struct queue_entry e = {.id = id,
	    .size = 2048,
	    .arrived = 1700000000000,
	    .sender = SV(EVIL),
	    .owner = SV(EVIL),
	    .unit = &unit,
	    .nunit = 1,
	    .rcpt = rcpt,
	    .nrcpt = 2,
	    .attempt = &attempt,
	    .nattempt = 1};

	queue_entry_write(file, &e);
}

static int
file_of(struct sv bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_write_all(fd, bytes.p, bytes.n), RC_OK);
	return fd;
}

static void
on_queue(struct line *l, struct msg *m, void *arg)
{
	struct queue_listed listed = {.text = SV(""), .fd = -1};
	struct queue_done done = {
	    .text = SV(""), .messages = 2, .recipients = 3};
	struct queue_act act;
	struct msg file, r;
	uint64_t i;

	(void)arg;
	msg_init(&r, MSG_REPLY);
	if (m->type == CMD_QUEUE_LIST) {
		msg_init(&file, 0);
		file.b.max = 1 << 24;
		for (i = 0; i < many; i++)
			write_entry(&file, 17 + i);
		listed.n = many;
		listed.fd = file_of(buf_sv(&file.b));
		queue_listed_put(&r, &listed);
		msg_fini(&file);
	} else {
		ck_assert_int_eq(queue_act_get(m, &act), RC_OK);
		(void)snprintf(acted, sizeof acted, "%u %u %llu", act.action,
		    act.n, (unsigned long long)act.s[0].id);
		(void)snprintf(acted_on, sizeof acted_on, "%.*s %u",
		    SV_ARG(act.s[0].text), act.s[0].pick);
		queue_act_fini(&act);
		queue_done_put(&r, &done);
	}
	reply(l, &r, m->id);
}

static void
on_history(struct line *l, struct msg *m, void *arg)
{
	uint64_t story = 5;
	struct trace_found found = {
	    .text = SV(""), .story = &story, .nstory = 1};
	struct history_step step = {.kind = HISTORY_REFUSED,
	    .when = 1700000000000,
	    .who = SV("a@a.test"),
	    .peer = SV("192.0.2.1"),
	    .sender = SV(EVIL),
	    .text = SV(EVIL),
	    .subject = SV(EVIL),
	    .message_id = SV(EVIL)};
	struct trace_steps steps = {.text = SV("")};
	struct history_row row[] = {{20000, HISTORY_C_RECEIVED, 1234},
	    {19999, HISTORY_C_RECEIVED, 617}, {20000, HISTORY_C_RATE, 3},
	    {20000, HISTORY_C_SIZE, 4}, {19000, HISTORY_C_SENT, 9},
	    {20001, HISTORY_C_SENT, 9}, {20000, 4000000000, 9},
	    {20000, HISTORY_SAMPLE_AT(HISTORY_S_WAITING, 5), 17},
	    {20000, HISTORY_SAMPLE_AT(HISTORY_S_DISK, 4), UINT64_MAX}};
	const struct history_days days = {.today = 20000,
	    .hour = 5,
	    .row = row,
	    .n = sizeof row / sizeof row[0]};
	struct buf bytes;
	struct msg r;

	(void)arg;
	msg_init(&r, MSG_REPLY);
	if (m->type == CMD_DAYS) {
		history_days_put(&r, &days);
	} else if (m->type == CMD_TRACE_FIND) {
		trace_found_put(&r, &found);
	} else {
		buf_init(&bytes, 65536);
		history_record_put(&step, &bytes);
		steps.steps = buf_sv(&bytes);
		trace_steps_put(&r, &steps);
		buf_fini(&bytes);
	}
	reply(l, &r, m->id);
}

static void
on_auth(struct line *l, struct msg *m, void *arg)
{
	struct auth_done done = {.text = SV(""), .secret = SV("")};
	struct auth_command o;
	struct msg r;

	(void)arg;
	if (m->type == MSG_REPLY) { /* to PAGE_OPEN */
		char text[ERR_TEXT_MAX];

		answer.status = (uint16_t)msg_answer_read(m, RC_TEMP, text);
		if (answer.status != RC_OK)
			ev_stop(loop);
		return;
	}
	ck_assert_int_eq(auth_command_get(m, &o), RC_OK);
	if (m->type == CMD_ACCOUNTS)
		done.text = SV("anna             password     2 app passwords  "
			       "anna@a.test\n");
	else if (m->type == CMD_DEVICE_LIST)
		done.text = SV("1700000000 1700000001 imaps 192.0.2.1 " EVIL
			       "\n1700000000 0 - - phone\n");
	else
		(void)snprintf(acted, sizeof acted, "%u %.*s %.*s", m->type,
		    SV_ARG(o.account), SV_ARG(o.arg));
	msg_init(&r, MSG_REPLY);
	auth_done_put(&r, &done);
	reply(l, &r, m->id);
}

static const char *const printed[ERRANDS] = {
    [ERRAND_STATUS] =
	"{\"lines\":[{\"kind\":\"row\",\"heading\":\"disk\","
	"\"text\":\"fine\",\"wrong\":false},"
	"{\"kind\":\"row\",\"heading\":\"names\",\"text\":\"" JSON_E
	"\",\"wrong\":true},"
	"{\"kind\":\"item\",\"heading\":\"smtp\",\"text\":\"for 1 min\","
	"\"wrong\":false},"
	"{\"kind\":\"event\",\"heading\":\"\",\"text\":\"" JSON_E
	"\",\"wrong\":false}]}",
    [ERRAND_CHECK] =
	"{\"file\":\"/etc/h.yaml\",\"fine\":true,\"findings\":"
	"[{\"line\":2,\"text\":\"" JSON_E "\"}],"
	"\"output\":\"fine\\n\",\"text\":\"a: 1\\nb: " JSON_E "\\nc: 3\\n\"}",
    [ERRAND_DNS] =
	"{\"records\":[{\"domain\":\"a.test\",\"name\":\"a.test\","
	"\"type\":\"MX\",\"state\":\"wrong\",\"trouble\":true,"
	"\"found\":\"" JSON_E "\",\"text\":\"" JSON_E "\",\"value\":\"10 x\"}],"
	"\"looked_up\":true,\"resolver\":\"\",\"domains\":[{\"domain\":"
	"\"a.test\",\"reached_text\":\"" JSON_E "\"}]}",
    [ERRAND_DKIM] = "a.test s1 " EVIL "\n",
    [ERRAND_REPORTS] = EVIL " reports\n",
};

struct done {
	enum errand what;
};

static void
give(void *arg)
{
	struct done *d = arg;
	struct ctl_errand_done done = {.what = (uint8_t)d->what,
	    .when = 1700000000000,
	    .fd = file_of(sv_str(printed[d->what]))};
	struct msg m;

	msg_init(&m, CTL_ERRAND_DONE);
	ctl_errand_done_put(&m, &done);
	admin_errand_done(room, &m);
	msg_fini(&m);
	free(d);
}

static void
on_errand(void *arg, enum errand what, uint64_t ms)
{
	struct done *d = malloc(sizeof *d);

	(void)arg;
	(void)ms;
	d->what = what;
	ev_post(loop, give, d);
}

/* ---- the visitor ---- */

static struct conf *
conf_now(void *arg)
{
	(void)arg;
	return conf_ref(conf);
}

static void
on_idle(void *arg)
{
	(void)arg;
	idle = true;
	ev_stop(loop);
}

static void
on_gone(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
}

static void
on_opened(struct line *l, struct msg *m, void *arg)
{
	(void)arg;
	if (m->type == PAGE_OPEN)
		admin_open(room, l, m);
}

static struct peer *
pair(line_msg_fn *fn, line_msg_fn *there, struct line **end)
{
	struct peer *p = peer_new(loop, "test", there, NULL, NULL);
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(p, fd[0]);
	*end = line_new(loop, fd[1], fn, on_gone, NULL);
	return p;
}

static void
setup(void)
{
	struct conf_errors e = {0};

	loop = ev_loop_new();
	many = 1;
	languages = "en";
	idle = false;
	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.a.test\ndomains: [a.test]\n"
			  "accounts: { anna: { quota: 1G }, ben: {} }\n"
			  "aliases: { mum@a.test: anna }\n"),
		"f", &conf, &e),
	    RC_OK);
	opts = (struct admin_opts){.loop = loop,
	    .queue = pair(on_queue, NULL, &queue_end),
	    .history = pair(on_history, NULL, &history_end),
	    .auth = pair(on_auth, on_opened, &auth_end),
	    .conf = conf_now,
	    .errand = on_errand,
	    .idle = on_idle,
	    .idle_ms = 600000};
	room = admin_new(&opts);
}

static void
teardown(void)
{
	ck_assert(admin_free(&room));
	peer_free(&opts.queue);
	peer_free(&opts.history);
	peer_free(&opts.auth);
	line_free(&queue_end);
	line_free(&history_end);
	line_free(&auth_end);
	line_free(&page_end_);
	conf_free(&conf);
	ev_loop_free(&loop);
}

static void
on_page(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	(void)arg;
	ck_assert_int_eq(page_answer_get(m, &answer), RC_OK);
	(void)snprintf(body, sizeof body, "%.*s", SV_ARG(answer.body));
	(void)snprintf(
	    location, sizeof location, "%.*s", SV_ARG(answer.location));
	page_answer_fini(&answer);
	ev_stop(loop);
}

static unsigned
visit(bool is_admin, const char *path, const char *query, const char *form)
{
	struct page_open o = {.account = SV("anna"),
	    .admin = is_admin,
	    .csrf = SV(CSRF),
	    .peer = SV("192.0.2.9"),
	    .session = 3,
	    .person = -1};
	const struct page_ask ask = {.method = form != NULL,
	    .path = sv_str(path),
	    .query = sv_str(query),
	    .form = sv_str(form),
	    .languages = sv_str(languages)};
	struct msg m;
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	line_free(&page_end_);
	page_end_ = line_new(loop, fd[1], on_page, on_gone, NULL);
	o.fd = fd[0];
	body[0] = location[0] = acted[0] = '\0';
	answer.status = 0;
	msg_init(&m, PAGE_OPEN);
	page_open_put(&m, &o);
	m.id = 9;
	ck_assert_int_eq(line_send(auth_end, &m), RC_OK);
	msg_init(&m, PAGE_ASK);
	page_ask_put(&m, &ask);
	ck_assert_int_eq(line_send(page_end_, &m), RC_OK);
	ev_run(loop);
	return answer.status;
}

/* ---- tests ---- */

static const struct row {
	const char *name, *path, *query, *has;
	unsigned status;
} rows[] = {
    {"status", "/admin", "", "names: &lt;script&gt;", 200},
    {"plot", "/admin", "", "At most 1,234, now 1,234.", 200},
    {"plot of sums", "/admin", "", "At most 7, now 7.", 200},
    {"plot of nothing", "/admin", "", "At most 0, now 0.", 200},
    {"bars", "/admin", "", "x=\"521\" y=\"0\" width=\"38\" height=\"80\"", 200},
    {"lines", "/admin", "", "<polyline points=\"558,0 560,0\"", 200},
    {"queue", "/admin/queue", "", "/admin/queue/message?id=17", 200},
    {"queue of one", "/admin/queue",
	"which="
	"%3Cscript%3E",
	"&lt;script&gt;", 200},
    {"what was done", "/admin/queue", "done=retry&messages=2&recipients=3",
	"2 messages for 3 recipients: "
	"tried now",
	200},
    {"nothing was done", "/admin/queue", "done=x&messages=%3Cscript%3E",
	"Nothing was ticked", 200},
    {"message", "/admin/queue/message", "id=17", "&lt;script&gt;", 200},
    {"which message", "/admin/queue/message", "id=x", "no such page", 404},
    {"trace", "/admin/trace", "which=%3Cscript%3E%22", "&lt;script&gt;", 200},
    {"reports", "/admin/reports", "", "&lt;script&gt;", 200},
    {"dns", "/admin/dns", "", "&lt;script&gt;", 200},
    {"accounts", "/admin/accounts", "", "mum@a.test", 200},
    {"passwords", "/admin/accounts", "", "2 app passwords<", 200},
    {"devices", "/admin/accounts", "account=anna", "&lt;script&gt;", 200},
    {"configuration", "/admin/configuration", "", "   2  b: &lt;script&gt;",
	200},
    {"beside a line", "/admin/configuration", "", "      ^ &lt;script&gt;",
	200},
    {"none", "/admin/x%3Cscript%3E", "", "no such page", 404},
};

/* Nothing of what strangers say is markup, and the frame has none of it. */
START_TEST(admin__every_page_is_escaped)
{
	const struct row *r = &rows[_i];

	ck_assert_msg(visit(true, r->path, r->query, NULL) == r->status,
	    "%s: status %u", r->name, answer.status);
	ck_assert_msg(strstr(body, r->has) != NULL, "%s: %s", r->name, body);
	ck_assert_msg(strstr(body, "<script") == NULL &&
			  strstr(body, "<img") == NULL &&
			  strstr(body, "onerror=alert(1)>") == NULL,
	    "%s: %s", r->name, body);
	ck_assert_msg(strstr(body, "</html>") != NULL, "%s", r->name);
}
END_TEST

START_TEST(admin__acts_with_csrf_only)
{
	unsigned status =
	    visit(true, "/admin/queue", "", "id=17&id=18&action=hold");

	ck_assert_uint_eq(status, 403);
	ck_assert_str_eq(acted, "");
	status = visit(
	    true, "/admin/queue", "", "id=17&id=18&action=hold&csrf=" CSRF "x");
	ck_assert_uint_eq(status, 403);
	status =
	    visit(true, "/admin/queue", "", "csrf=&id=17&id=18&action=hold");
	ck_assert_uint_eq(status, 403);
	ck_assert_str_eq(acted, "");
	status = visit(true, "/admin/queue", "",
	    "id=17&id=18&action=hold&which=anna&csrf=" CSRF);
	ck_assert_uint_eq(status, 303);
	ck_assert_str_eq(acted, "1 2 17");
	ck_assert_str_eq(location,
	    "/admin/queue?done=hold&messages=2&recipients=3&busy=0&held=0"
	    "&which=anna");
}
END_TEST

START_TEST(admin__acts_on_all_that_match)
{
	ck_assert_uint_eq(visit(true, "/admin/queue", "",
			      "all=1&id=17&action=retry&csrf=" CSRF),
	    303);
	ck_assert_str_eq(acted, "0 1 0"); /* QUEUE_PICK_ALL */
	ck_assert_uint_eq(visit(true, "/admin/queue", "",
			      "all=1&which=%40a.test&action=hold&csrf=" CSRF),
	    303);
	ck_assert_str_eq(acted, "1 1 0");
	ck_assert_str_eq(acted_on, "a.test 3");
}
END_TEST

START_TEST(admin__turns_pages)
{
	many = 120;
	ck_assert_uint_eq(visit(true, "/admin/queue", "which=x", NULL), 200);
	ck_assert_ptr_nonnull(strstr(body, "?from="));
	ck_assert_ptr_nonnull(strstr(body, "&amp;which=x"));
	ck_assert_uint_eq(visit(true, "/admin/queue", "from=130", NULL), 200);
	ck_assert_ptr_null(strstr(body, "?id=129\""));
	ck_assert_ptr_nonnull(strstr(body, "?id=130\""));
	ck_assert_ptr_nonnull(strstr(body, "?id=136\""));
	ck_assert_ptr_null(strstr(body, "?from="));
}
END_TEST

START_TEST(admin__does_nothing_without_a_word)
{
	ck_assert_uint_eq(
	    visit(true, "/admin/queue", "", "csrf=" CSRF "&action=remove"),
	    303);
	ck_assert_str_eq(acted, "");
	ck_assert_uint_eq(visit(true, "/admin/queue", "",
			      "csrf=" CSRF "&id=17&action=destroy"),
	    303);
	ck_assert_str_eq(acted, "");
	ck_assert_uint_eq(visit(true, "/admin/trace", "", "csrf=" CSRF), 405);
}
END_TEST

START_TEST(admin__locks_a_device_out)
{
	ck_assert_uint_eq(visit(true, "/admin/accounts", "",
			      "account=anna&revoke=her+phone&csrf=" CSRF),
	    303);
	ck_assert_str_eq(strchr(acted, ' '), " anna her phone");
	ck_assert_str_eq(location, "/admin/accounts?account=anna&done=revoked");
}
END_TEST

/* Auth has looked already: here it is looked at again. */
START_TEST(admin__is_not_for_others)
{
	ck_assert_uint_eq(
	    visit(false, "/admin", "", NULL), (uint16_t)RC_DENIED);
	ck_assert_str_eq(body, "");
}
END_TEST

/* However much waits, whoever it is from. */
START_TEST(admin__a_long_queue_fits)
{
	many = 5000;
	ck_assert_uint_eq(visit(true, "/admin/queue", "", NULL), 200);
	ck_assert_ptr_nonnull(strstr(body, "5,000 messages wait"));
	ck_assert_ptr_nonnull(strstr(body, "</html>"));
}
END_TEST

START_TEST(admin__speaks_german)
{
	languages = "de-AT, en;q=0.5";
	ck_assert_uint_eq(visit(true, "/admin/queue", "", NULL), 200);
	ck_assert_ptr_nonnull(strstr(body, "Warum sie wartet"));
}
END_TEST

START_TEST(admin__leaves_when_nobody_comes)
{
	struct admin *other;
	struct admin_opts o = opts;

	o.idle_ms = 0;
	other = admin_new(&o);
	ev_run(loop);
	ck_assert(idle);
	ck_assert(admin_free(&other));
}
END_TEST

UNIT_TESTS(admin_pages)
{
	TCase *t = tcase_create("admin_pages");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, admin__every_page_is_escaped, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, admin__acts_with_csrf_only);
	tcase_add_test(t, admin__acts_on_all_that_match);
	tcase_add_test(t, admin__turns_pages);
	tcase_add_test(t, admin__does_nothing_without_a_word);
	tcase_add_test(t, admin__locks_a_device_out);
	tcase_add_test(t, admin__is_not_for_others);
	tcase_add_test(t, admin__a_long_queue_fits);
	tcase_add_test(t, admin__speaks_german);
	tcase_add_test(t, admin__leaves_when_nobody_comes);
	return t;
}
