/*
 * The account's pages with others that say what the test wants: every string
 * that comes from them has markup in it, and every form is sent without what it
 * needs, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "history/history.h"
#include "history/record.h"
#include "ipc/line.h"
#include "ipc/msg_history.h"
#include "ipc/msg_person.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"
#include "web/self/self.h"

#define EVIL "\"'><script>alert(1)</script><!--&lt;\x01\xff\xe2\x80\xae"

static const char yaml[] =
    "hostname: mail.a.test\n"
    "domains: [a.test]\n"
    "accounts:\n"
    "  anna: { addresses: [anna@a.test, a@a.test], quota: 1M,\n"
    "          send_as: [shop@b.test] }\n"
    "  ben: { addresses: [ben@a.test] }\n"
    "aliases: { family@a.test: [anna, ben], only-ben@a.test: [ben] }\n"
    "listen: { https: [443], imaps: [993], submissions: [465] }\n";

/* What the others say, and what they were asked. */
static struct {
	bool silent, many;
	unsigned asked; /* in vain */
	int rc;
	uint8_t field;
	struct sv text, secret, link;
	bool totp;
	unsigned orders;
	struct person_order last;
	char last_text[4096], last_password[1024], last_code[64];
	char last_ids[4096];
	unsigned restores;
} other;

static void
devices(struct msg *reply)
{
	static struct person_device d[] = {
	    {SV(EVIL), 1795440309, 1795440400, SV("<script>'\""),
		SV("192.0.2.7" EVIL)},
	    {SV("old"), 1795440309, 0, SV(""), SV("")}};
	struct person_device row[70];
	struct person_devices all = {d, 2};
	size_t i;

	for (i = 0; i < 70; i++)
		row[i] = d[0];
	if (other.many)
		all = (struct person_devices){row, 70};
	person_devices_put(reply, &all);
}

static void
sessions(struct msg *reply)
{
	static struct person_session s[] = {
	    {7, 1795440309, 1795440400, SV("192.0.2.7"),
		SV("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
		   "Gecko/20100101 Firefox/128.0")},
	    {8, 1795440309, 1795440400, SV(EVIL), SV(EVIL)}};
	struct person_session row[PERSON_SESSIONS_MAX];
	struct person_sessions all = {s, 2};
	size_t i;

	for (i = 0; i < PERSON_SESSIONS_MAX; i++)
		row[i] = s[1];
	if (other.many)
		all = (struct person_sessions){row, PERSON_SESSIONS_MAX};
	person_sessions_put(reply, &all);
}

static void
logins(struct msg *reply)
{
	static struct person_login l[] = {
	    {1795440309, 1795440400, 3, SV("imaps"), SV(EVIL), SV(EVIL)},
	    {1795440309, 1795440400, 1234, SV("web"), SV("::1"), SV("")}};
	struct person_login row[PERSON_LOGINS_MAX];
	struct person_logins all = {l, 2};
	size_t i;

	for (i = 0; i < PERSON_LOGINS_MAX; i++)
		row[i] = l[0];
	if (other.many)
		all = (struct person_logins){row, PERSON_LOGINS_MAX};
	person_logins_put(reply, &all);
}

static void
order(struct msg *question, struct msg *reply)
{
	const struct person_done done = {.rc = other.rc,
	    .field = other.field,
	    .text = other.text,
	    .secret = other.secret,
	    .link = other.link};

	ck_assert_int_eq(person_order_get(question, &other.last), RC_OK);
	sv_copy(other.last.text, other.last_text, sizeof other.last_text);
	sv_copy(other.last.password, other.last_password,
	    sizeof other.last_password);
	sv_copy(other.last.code, other.last_code, sizeof other.last_code);
	other.orders++;
	person_done_put(reply, &done);
}

static int
ask_person(void *arg, struct msg *question, struct msg *reply)
{
	const struct person_state state = {true, other.totp, 9, 7};

	(void)arg;
	if (other.silent) {
		msg_fini(question);
		other.asked++;
		return RC_TIMEOUT;
	}
	msg_init(reply, MSG_REPLY);
	if (question->type == PERSON_STATE)
		person_state_put(reply, &state);
	else if (question->type == PERSON_DEVICES)
		devices(reply);
	else if (question->type == PERSON_SESSIONS)
		sessions(reply);
	else if (question->type == PERSON_LOGINS)
		logins(reply);
	else
		order(question, reply);
	msg_fini(question);
	return RC_OK;
}

static int
ask_history(void *arg, struct msg *question, struct msg *reply)
{
	static const struct history_step steps[] = {
	    {.kind = HISTORY_ACCEPTED,
		.writer = HISTORY_W_SMTP,
		.when = 1795440309000,
		.who = SV("x" EVIL),
		.peer = SV(EVIL),
		.sender = SV(EVIL),
		.text = SV(EVIL),
		.message_id = SV(EVIL),
		.subject = SV(EVIL)},
	    {.kind = HISTORY_TRIED,
		.writer = HISTORY_W_QUEUE,
		.when = 1795440309000,
		.code = 451,
		.number = 1795440310000,
		.who = SV(EVIL),
		.text = SV(EVIL)},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 1795440309000,
		.account = SV("anna"),
		.text = SV("INBOX" EVIL)}};
	struct trace_story story = {.id = {1}};
	struct trace_story row[10];
	struct trace_stories all = {.rc = RC_OK,
	    .more = true,
	    .before = 17,
	    .story = &story,
	    .nstory = 1};
	struct buf b;
	size_t i;

	(void)arg;
	ck_assert_uint_eq(question->type, TRACE_MINE);
	msg_fini(question);
	if (other.silent)
		return RC_TEMP;
	buf_init(&b, 65536);
	for (i = 0; i < sizeof steps / sizeof steps[0] * (other.many ? 5 : 1);
	     i++)
		history_record_put(&steps[i % 3], &b);
	story.steps = buf_sv(&b);
	for (i = 0; i < 10; i++)
		row[i] = story;
	if (other.many) {
		all.story = row;
		all.nstory = 10;
	}
	msg_init(reply, MSG_REPLY);
	trace_stories_put(reply, &all);
	buf_fini(&b);
	return RC_OK;
}

/* 60 of them, on two days. */
static int
look_expunged(void *arg, const struct self_deleted *which, struct buf *lines,
    uint64_t *total)
{
	unsigned i, n = 0;

	(void)arg;
	if (other.silent)
		return RC_IO;
	for (i = 0; i < 60; i++) {
		int64_t at = 1795440309000 - i * 3600000ll / 2;

		if (at < which->since ||
		    (which->until != 0 && at >= which->until))
			continue;
		if (n >= which->skip && n - which->skip < which->most)
			buf_addf(lines,
			    "3.%u\t%lld\t1000\tINBOX%s\tBen %s\tLunch %u %s\n",
			    i, (long long)at, EVIL, EVIL, i, EVIL);
		n++;
	}
	*total = n;
	return RC_OK;
}

static int
undelete(void *arg, struct sv ids, uint64_t *messages)
{
	(void)arg;
	if (other.silent)
		return RC_IO;
	sv_copy(ids, other.last_ids, sizeof other.last_ids);
	other.restores++;
	*messages = 2;
	return RC_OK;
}

static void
look_usage(void *arg, struct self_usage *out)
{
	(void)arg;
	*out = (struct self_usage){950000, 1234, 1 << 20};
}

/* ---- rules of pages ---- */

static struct pagerules rules;
static bool stranger;
static struct {
	unsigned letters;
	char to[512], subject[1024], text[4096];
} sent;

/* As much of it as there can be, all of it with markup. */
static void
fill_rules(bool many)
{
	char who[64];

	pagerules_set(&rules.vacation.subject, SV(EVIL));
	pagerules_set(&rules.vacation.text, SV("one\n" EVIL));
	rules.vacation.on = true;
	pagerules_set(&rules.forward.to, SV("\"<script>\"@b.test"));
	rules.forward.on = rules.forward.confirmed = true;
	for (unsigned i = 0; i < (many ? PAGERULES_FILTERS_MAX : 2u); i++) {
		struct pagerules_filter *f = pagerules_add(&rules);

		pagerules_set(&f->from, SV(EVIL));
		pagerules_set(&f->to, SV(EVIL));
		pagerules_set(&f->subject, SV(EVIL));
		pagerules_set(&f->folder, SV(EVIL));
		f->action = PAGERULES_MOVES;
		f->seen = f->starred = f->goes_on = true;
	}
	for (unsigned i = 0; i < (many ? PAGERULES_BLOCKED_MAX : 2u); i++) {
		(void)snprintf(who, sizeof who, "<script>'%u@b.test", i);
		rules.blocked = xgrow(rules.blocked, &rules.blocked_cap,
		    rules.nblocked + 1, sizeof(*rules.blocked));
		rules.blocked[rules.nblocked++] = xstrdup(who);
	}
}

static void
copy_rules(void *arg, struct pagerules *out)
{
	struct buf record;

	(void)arg;
	pagerules_init(out);
	for (unsigned i = 0; i < PAGERULES_PARTS; i++) {
		buf_init(&record, 1 << 20);
		pagerules_write(&rules, (enum pagerules_part)i, &record);
		if (i != PAGERULES_BLOCKED)
			pagerules_read(
			    out, (enum pagerules_part)i, buf_sv(&record));
		buf_fini(&record);
	}
	/* Those that no page would take. */
	out->blocked = xcalloc(rules.nblocked + 1, sizeof(*out->blocked));
	for (size_t i = 0; i < rules.nblocked; i++)
		out->blocked[out->nblocked++] = xstrdup(rules.blocked[i]);
}

static int
change_rules(
    void *arg, enum pagerules_part part, self_change_fn *fn, void *fn_arg)
{
	(void)arg;
	(void)part;
	return other.silent ? RC_IO : fn(fn_arg, &rules);
}

static void
look_script(void *arg, struct buf *name)
{
	(void)arg;
	buf_adds(name, EVIL);
}

static void
list_folders(void *arg, struct buf *lines)
{
	(void)arg;
	for (unsigned i = 0; i < (other.many ? 1000u : 2u); i++)
		buf_addf(lines, "%u%s\n", i, EVIL);
}

static bool
is_folder(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "bad") != 0;
}

static void
list_zones(void *arg, struct buf *lines)
{
	(void)arg;
	buf_adds(lines, "Europe/Berlin\nUTC\n<script>\n");
}

static const char *
local_zone(void *arg)
{
	(void)arg;
	return "Europe/Berlin";
}

static int64_t
day_in(void *arg, const char *zone)
{
	(void)arg;
	(void)zone;
	return 20788; /* 2026-12-01 */
}

static int
look_junk(void *arg, struct self_junk *out)
{
	(void)arg;
	*out = (struct self_junk){1, 2000, 3, 4, 1795440309};
	return other.silent ? RC_TIMEOUT : RC_OK;
}

static int
send_letter(void *arg, struct sv to, struct sv subject, struct sv text)
{
	(void)arg;
	sent.letters++;
	sv_copy(to, sent.to, sizeof sent.to);
	sv_copy(subject, sent.subject, sizeof sent.subject);
	sv_copy(text, sent.text, sizeof sent.text);
	return RC_OK;
}

static const struct self_calls calls = {.person = ask_person,
    .trace = ask_history,
    .expunged = look_expunged,
    .undelete = undelete,
    .usage = look_usage,
    .rules = copy_rules,
    .change = change_rules,
    .script = look_script,
    .folders = list_folders,
    .is_folder = is_folder,
    .zones = list_zones,
    .zone = local_zone,
    .day = day_in,
    .junk = look_junk,
    .letter = send_letter};

/* ---- asking ---- */

static struct conf *conf;
static struct self_once *once;
static struct self_reply reply;

static void
set_up(void)
{
	struct conf_errors e = {0};

	memset(&other, 0, sizeof other);
	memset(&sent, 0, sizeof sent);
	stranger = false;
	pagerules_init(&rules);
	ck_assert_msg(conf_parse(sv_str(yaml), "f", &conf, &e) == RC_OK, "%s",
	    e.e[0].text);
	once = self_once_new();
	self_reply_init(&reply);
}

static void
tear_down(void)
{
	self_reply_fini(&reply);
	self_once_free(&once);
	conf_free(&conf);
	pagerules_fini(&rules);
}

static unsigned
ask_in(const char *languages, const char *path, const char *query,
    const char *form)
{
	const struct page_ask ask = {
	    .method = form != NULL ? PAGE_POST : PAGE_GET,
	    .path = sv_str(path),
	    .query = sv_str(query),
	    .form = sv_str(form != NULL ? form : ""),
	    .languages = sv_str(languages)};
	const struct self_visit v = {.conf = conf,
	    .account = "anna",
	    .stranger = stranger,
	    .csrf = SV("token"),
	    .session = 7,
	    .now = 1795440309000,
	    .ask = &ask,
	    .once = once,
	    .calls = &calls};

	self_reply_fini(&reply);
	self_reply_init(&reply);
	self_answer(&v, &reply);
	ck_assert(buf_ok(&reply.body));
	ck_assert(buf_ok(&reply.location));
	return reply.status;
}

static unsigned
get(const char *path, const char *query)
{
	return ask_in("en", path, query, NULL);
}

static unsigned
post(const char *path, const char *form)
{
	return ask_in("en", path, "", form);
}

static bool
says(const char *text)
{
	return strstr(reply.body.p, text) != NULL;
}

/* From where a form has led. */
static void
follow(void)
{
	char path[256], *query;

	ck_assert_uint_eq(reply.status, 303);
	sv_copy(buf_sv(&reply.location), path, sizeof path);
	query = strchr(path, '?');
	ck_assert_ptr_nonnull(query);
	*query = '\0';
	ck_assert_uint_eq(get(path, query + 1), 200);
}

static const char *const pages[] = {"/home", "/devices", "/devices/new",
    "/sessions", "/password", "/second-factor", "/second-factor/new",
    "/second-factor/codes", "/addresses", "/restore", "/trace", "/vacation",
    "/filters", "/filters/edit", "/forward", "/junk"};

START_TEST(self__markup_of_others_is_text)
{
	static const char *const queries[] = {"",
	    "q=%22%27%3E%3Cscript%3E&from=%3Cscript%3E&subject=%22%3E%3Cscript"
	    "%3E&day=%3Cscript%3E&ticket=%3Cscript%3E&done=%3Cscript%3E&"
	    "restored=%3Cscript%3E&before=%3Cscript%3E&skip=%3Cscript%3E"};
	size_t i, j, k;

	fill_rules(false);
	for (i = 0; i < sizeof pages / sizeof pages[0]; i++)
		for (j = 0; j < 2; j++)
			for (k = 0; k < 4; k++) {
				other.totp = k % 2 == 1;
				ck_assert_uint_eq(
				    ask_in(k < 2 ? "en" : "de", pages[i],
					queries[j], NULL),
				    200);
				ck_assert_msg(!says("<script") &&
						  !says("<!--") &&
						  !says("\"'") && !says("\xff"),
				    "%s: %s", pages[i], reply.body.p);
				ck_assert(says("</html>"));
			}
}
END_TEST

/* As much as there can be, and all of it to be escaped. */
START_TEST(self__what_others_say_is_shown_however_much_it_is)
{
	static const char *const shown[] = {"/home", "/devices", "/sessions",
	    "/restore", "/trace", "/filters", "/filters/edit", "/vacation"};
	size_t i, k;

	fill_rules(true);
	for (i = 0; i < sizeof shown / sizeof shown[0]; i++)
		for (k = 0; k < 2; k++) {
			other.many = k == 1;
			ck_assert_uint_eq(get(shown[i], ""), 200);
			ck_assert_msg(says("&lt;script&gt;alert(1)") &&
					  !says("That did not work"),
			    "%s", shown[i]);
		}
	ck_assert_uint_eq(get("/devices", ""), 200);
	ck_assert(says("href=\"/devices?skip=30\""));
	ck_assert_uint_eq(get("/devices", "skip=60"), 200);
	ck_assert(says("&lt;script") && says("skip=30") && !says("skip=90"));
	ck_assert_uint_eq(get("/filters", "skip=80"), 200);
	ck_assert(says("&lt;script") && says("skip=60") && !says("skip=100"));
	ck_assert_uint_eq(get("/filters/edit", "id=100"), 200);
	ck_assert(says("&lt;script") && says("value=\"100\""));
	ck_assert_uint_eq(get("/junk", "skip=450"), 200);
	ck_assert(says("&lt;script&gt;&#39;499@b.test") && says("skip=400") &&
		  !says("skip=500"));
	ck_assert_uint_eq(get("/sessions", "skip=80"), 200);
	ck_assert(says("skip=40") && !says("skip=120"));
}
END_TEST

START_TEST(self__each_page_in_the_readers_language)
{
	size_t i;

	for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		(void)ask_in("de-DE,de;q=0.9,en;q=0.5", pages[i], "", NULL);
		ck_assert(says("<html lang=\"de\">") && says("Abmelden") &&
			  !says("Sign out"));
		(void)ask_in("fr", pages[i], "", NULL);
		ck_assert(says("<html lang=\"en\">") && says("Sign out") &&
			  !says("Abmelden"));
	}
}
END_TEST

START_TEST(self__who_does_not_answer_is_said)
{
	size_t i;

	other.silent = true;
	for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		other.asked = 0;
		ck_assert_uint_eq(get(pages[i], ""), 200);
		ck_assert(says("</html>"));
		/* It takes so long each time. */
		ck_assert_uint_le(other.asked, 1);
	}
	ck_assert_uint_eq(get("/devices", ""), 200);
	ck_assert(says("Try again in a minute"));
	other.asked = 0;
	ck_assert_uint_eq(post("/devices/add", "csrf=token&label=x"), 503);
	ck_assert_uint_eq(other.asked, 1);
	ck_assert(says("Try again in a minute"));
	ck_assert_uint_eq(post("/restore", "csrf=token&id=3.1"), 503);
}
END_TEST

static const char *const forms[] = {"/devices/add", "/devices/revoke",
    "/sessions/end", "/sessions/end-others", "/password",
    "/second-factor/begin", "/second-factor/confirm", "/second-factor/off",
    "/second-factor/more", "/restore", "/vacation", "/filters/edit", "/forward",
    "/forward/again", "/forward/remove", "/junk/block", "/junk/unblock"};

START_TEST(self__forms_need_their_token)
{
	static const char *const wrong[] = {"", "csrf=", "csrf=toke",
	    "csrf=tokenx", "csrf=TOKEN", "csrf=%00", "csrf=x&csrf=token",
	    "crsf=token", "csrf=token%00", "csrf"};
	char form[256];
	size_t i, j;

	for (i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		for (j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
			(void)snprintf(form, sizeof form,
			    "%s&label=x&old=a&new=b&again=b&id=3.1&otp=1&"
			    "password=x&number=8&who=x%%40b.test&to=x%%40b.test"
			    "&from=x&folder=F&action=move&text=x&days=1&on=1",
			    wrong[j]);
			ck_assert_uint_eq(post(forms[i], form), 403);
			ck_assert(says("nothing was changed"));
			/* It can be filled in again at once. */
			ck_assert(says("name=\"csrf\" value=\"token\""));
			ck_assert(says("<form method=\"post\" action=\"/"));
		}
		/* Not by a link either. */
		ck_assert_uint_eq(
		    get(forms[i], "csrf=token&label=x&id=3.1&otp=1"), 200);
	}
	ck_assert_uint_eq(
	    post("/filters", "csrf=&remove=1&to=x%40b.test&who=x%40b.test"),
	    403);
	ck_assert_uint_eq(rules.nfilter + rules.nblocked + sent.letters, 0);
	ck_assert_uint_eq(other.orders, 0);
	ck_assert_uint_eq(other.restores, 0);
	ck_assert_uint_eq(post("/home", "csrf=token"), 405);
	ck_assert_uint_eq(post("/trace", "csrf=token"), 405);
}
END_TEST

START_TEST(self__a_device_is_shown_once)
{
	other.secret = SV("abcd-efgh");
	other.link = SV("/device/TOKEN");
	ck_assert_uint_eq(
	    post("/devices/add",
		"csrf=token&label=+Anna%27s+%3Cphone%3E+&address=a%40a.test"),
	    303);
	ck_assert_uint_eq(reply.body.n, 0);
	ck_assert_uint_eq(other.last.what, PERSON_DEVICE_ADD);
	ck_assert_str_eq(other.last_text, "Anna's <phone>");
	follow();
	ck_assert(says("<code>abcd-efgh</code>"));
	ck_assert(says("https://mail.a.test/device/TOKEN"));
	ck_assert(says("<svg class=\"qr\""));
	ck_assert(says("Anna&#39;s &lt;phone&gt;"));
	ck_assert(says("a@a.test"));
	ck_assert(says("port 993, SSL/TLS"));
	(void)get("/devices/new", "ticket=AAAAAAAAAAAAAAAAAAAAAA");
	ck_assert(!says("abcd-efgh"));
}
END_TEST

START_TEST(self__a_device_is_gone_from_the_page_after_a_reload)
{
	char query[256];

	other.secret = SV("abcd-efgh");
	ck_assert_uint_eq(post("/devices/add", "csrf=token&label=x"), 303);
	sv_copy(sv_skip(buf_sv(&reply.location), strlen("/devices/new?")),
	    query, sizeof query);
	(void)get("/devices/new", query);
	ck_assert(says("abcd-efgh"));
	(void)get("/devices/new", query);
	ck_assert(!says("abcd-efgh"));
	ck_assert(says("shown already"));
}
END_TEST

START_TEST(self__what_is_wrong_is_said_beside_the_field)
{
	static const struct {
		const char *path, *form;
		int rc;
		enum person_field field;
		const char *said;
	} rows[] = {
	    {"/devices/add", "label=", RC_OK, 0, "Fill in this field."},
	    {"/devices/add", "label=+++", RC_OK, 0, "Fill in this field."},
	    {"/devices/add", "label=x", RC_EXISTS, PERSON_FIELD_TEXT,
		"device of this name already"},
	    {"/devices/add", "label=x", RC_SYNTAX, PERSON_FIELD_TEXT,
		"said by auth"},
	    {"/password", "old=a&new=b&again=c", RC_OK, 0, "This differs"},
	    {"/password", "old=&new=b&again=b", RC_OK, 0, "Fill in"},
	    {"/password", "old=a&new=b&again=b", RC_DENIED,
		PERSON_FIELD_PASSWORD, "This is not your password."},
	    {"/password", "old=a&new=b&again=b", RC_DENIED, PERSON_FIELD_TEXT,
		"said by auth"},
	    {"/second-factor/off", "password=a&otp=1", RC_DENIED,
		PERSON_FIELD_CODE, "This code is wrong"},
	    {"/second-factor/off", "password=a&otp=1", RC_DENIED,
		PERSON_FIELD_PASSWORD, "This is not your password."},
	    {"/second-factor/more", "password=a&otp=1", RC_DENIED,
		PERSON_FIELD_PASSWORD, "This is not your password."},
	    {"/second-factor/more", "password=a&otp=1", RC_DENIED,
		PERSON_FIELD_CODE, "This code is wrong"},
	    {"/vacation", "on=1&text=&days=7", RC_OK, 0, "Fill in"},
	    {"/vacation", "text=x&days=0", RC_OK, 0, "from 1 to 90"},
	    {"/vacation", "text=x&days=7&from=x", RC_OK, 0, "Enter a day"},
	    {"/vacation", "text=x&days=7&from=2026-01-02&until=2026-01-01",
		RC_OK, 0, "before the first"},
	    {"/filters/edit", "action=move&folder=F", RC_OK, 0,
		"fill in one of these"},
	    {"/filters/edit", "from=x&action=move&new_folder=bad", RC_OK, 0,
		"cannot be the name"},
	    {"/forward", "to=x", RC_OK, 0, "not a mail address"},
	    {"/forward", "to=a%28b%29c%40b.test", RC_OK, 0,
		"not a mail address"},
	    {"/forward", "to=a%2Cb%40b.test", RC_OK, 0, "not a mail address"},
	    {"/junk/block", "who=%40test", RC_OK, 0, "of this server"},
	    /* Letters that are as wide as they are high are the same. */
	    {"/junk/block", "who=%40%EF%BD%81.TEST", RC_OK, 0,
		"of this server"},
	    {"/junk/block", "who=a%40%EF%BD%81.test", RC_OK, 0,
		"your own address"},
	    {"/forward", "to=anna%40a.test", RC_OK, 0, "your own mailbox"},
	    {"/forward", "to=FAMILY%40a.test", RC_OK, 0, "your own mailbox"},
	    {"/junk/block", "who=x", RC_OK, 0, "neither an address"},
	    {"/junk/block", "who=a%2Bx%40a.test", RC_OK, 0, "your own address"},
	    {"/devices/add", "label=x", RC_TEMP, PERSON_FIELD_NONE,
		"said by auth"},
	};
	char form[256], error[300];
	size_t i;

	other.totp = true;
	other.text = SV("said by auth");
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		other.rc = rows[i].rc;
		other.field = (uint8_t)rows[i].field;
		(void)snprintf(
		    form, sizeof form, "csrf=token&%s", rows[i].form);
		ck_assert_uint_eq(post(rows[i].path, form), 422);
		(void)snprintf(error, sizeof error, "%s", rows[i].said);
		ck_assert_msg(says(error), "%s %s", rows[i].path, rows[i].form);
		if (rows[i].rc != RC_TEMP)
			ck_assert(says("aria-invalid=\"true\""));
		else
			ck_assert(says("role=\"alert\""));
		/* What was typed stays, but for secrets. */
		ck_assert(!says("value=\"a\"") && !says("value=\"b\""));
	}
}
END_TEST

/* No room on the disk: neither a field's fault, nor in words of the inside. */
START_TEST(self__a_trouble_of_the_server_is_said_as_one)
{
	static const char *const rows[][2] = {
	    {"/devices/add", "csrf=token&label=x"},
	    {"/devices/revoke", "csrf=token&label=x"},
	    {"/password", "csrf=token&old=a&new=b&again=b"},
	    {"/second-factor/begin", "csrf=token"},
	    {"/second-factor/off", "csrf=token&password=a&otp=1"},
	    {"/sessions/end", "csrf=token&number=1"},
	};
	size_t i;

	other.totp = true;
	other.rc = _i % 2 == 0 ? RC_NOSPACE : RC_IO;
	other.field = (uint8_t)(_i / 2);
	other.text = SV("cannot write secrets");
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_uint_eq(post(rows[i][0], rows[i][1]), 503);
		ck_assert(says("Try again in") && says("role=\"alert\""));
		ck_assert(!says("aria-invalid") && !says("secrets"));
	}
}
END_TEST

START_TEST(self__a_long_label_is_said_and_a_long_form_does_no_harm)
{
	char form[20000];

	(void)snprintf(form, sizeof form, "csrf=token&label=%0*d", 19000, 1);
	ck_assert_uint_eq(post("/devices/add", form), 422);
	ck_assert(says("This name is too long."));
	ck_assert_uint_eq(other.orders, 0);
}
END_TEST

START_TEST(self__the_second_factor)
{
	char form[256];

	other.secret = SV("GEZDGNBVGY3TQOJQ");
	other.link = SV("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ");
	ck_assert_uint_eq(post("/second-factor/begin", "csrf=token"), 303);
	follow();
	ck_assert(says("GEZD GNBV GY3T QOJQ") && says("<svg class=\"qr\""));
	ck_assert(says("autocomplete=\"one-time-code\""));
	/* A wrong code shows it again. */
	(void)snprintf(form, sizeof form, "csrf=token&otp=123+456&%s",
	    strstr(reply.body.p, "name=\"ticket\"") != NULL ? "ticket=" : "");
	sv_copy(
	    sv_first(sv_str(strstr(reply.body.p, "name=\"ticket\" value=\"") +
			    strlen("name=\"ticket\" value=\"")),
		22),
	    form + strlen(form), 23);
	other.rc = RC_DENIED;
	other.field = PERSON_FIELD_CODE;
	ck_assert_uint_eq(post("/second-factor/confirm", form), 422);
	ck_assert(says("GEZD GNBV GY3T QOJQ") && says("This code is wrong"));
	ck_assert_str_eq(other.last_code, "123 456");
	other.rc = RC_OK;
	other.link = SV("");
	other.secret = SV("code-1\ncode-2");
	ck_assert_uint_eq(post("/second-factor/confirm", form), 303);
	follow();
	ck_assert(says("code-1\ncode-2"));
}
END_TEST

START_TEST(self__ends_the_session_that_is_meant)
{
	ck_assert_uint_eq(
	    post("/sessions/end", "csrf=token&number=18446744073709551615"),
	    303);
	ck_assert_uint_eq(other.last.what, PERSON_SESSION_END);
	ck_assert(other.last.number == UINT64_MAX);
	ck_assert_uint_eq(post("/sessions/end-others", "csrf=token"), 303);
	ck_assert_uint_eq(other.last.what, PERSON_SESSIONS_END);
}
END_TEST

START_TEST(self__restores_by_day_and_by_page)
{
	ck_assert_uint_eq(get("/restore", ""), 200);
	ck_assert(
	    says("60 messages") && says("Lunch 0 ") && !says("Lunch 20 "));
	ck_assert(says("skip=20"));
	ck_assert_uint_eq(get("/restore", "skip=40"), 200);
	ck_assert(says("Lunch 59 ") && !says("Lunch 39 ") && says("skip=20") &&
		  !says("skip=60"));
	ck_assert_uint_eq(get("/restore", "skip=18446744073709551615"), 200);
	ck_assert_uint_eq(get("/restore", "day=2026-13-01"), 200);
	ck_assert(says("Enter a day"));
	ck_assert_uint_eq(get("/restore", "day=2026-11-22"), 200);
	ck_assert(says("Deleted on 22 November 2026") &&
		  !says("Deleted on 23 November 2026"));
	ck_assert_uint_eq(
	    post("/restore", "csrf=token&id=3.1&id=3.2&id=%27x&id="), 303);
	ck_assert_str_eq(other.last_ids, "3.1 3.2");
	ck_assert_str_eq(reply.location.p, "/restore?restored=2");
	ck_assert_uint_eq(
	    post("/restore", "csrf=token&id=3.1&one=4.9&id=3.2"), 303);
	ck_assert_str_eq(other.last_ids, "4.9");
	/* Nothing was chosen: nothing is brought back, least of all all. */
	ck_assert_uint_eq(post("/restore", "csrf=token"), 303);
	ck_assert_uint_eq(post("/restore", "csrf=token&id=all&one=%2A"), 303);
	ck_assert_uint_eq(other.restores, 2);
	ck_assert_str_eq(reply.location.p, "/restore?restored=0");
}
END_TEST

START_TEST(self__addresses_that_are_mine)
{
	(void)get("/addresses", "");
	ck_assert(says("anna@a.test") && says("a@a.test") &&
		  says("family@a.test") && says("shop@b.test") &&
		  says("postmaster@a.test"));
	ck_assert(!says("ben@a.test"));
}
END_TEST

START_TEST(self__unknown_pages)
{
	static const char *const unknown[] = {"/", "", "/homes", "/home/",
	    "/HOME", "/devices/../home", "/<script>"};
	size_t i;

	for (i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		ck_assert_uint_eq(get(unknown[i], ""), 404);
		ck_assert(!says("<script"));
		ck_assert_uint_eq(post(unknown[i], "csrf=token"), 404);
	}
}
END_TEST

START_TEST(self__filters_one_by_one)
{
	ck_assert_uint_eq(
	    post("/filters/edit", "csrf=token&id=0&from=+x%0D%0Ay+&action=move&"
				  "folder=A&new_folder=B%2FC&seen=1"),
	    303);
	ck_assert_uint_eq(rules.nfilter, 1);
	ck_assert_str_eq(rules.filter[0].from, "x  y");
	ck_assert_str_eq(rules.filter[0].folder, "B/C");
	ck_assert(rules.filter[0].seen && rules.filter[0].on);
	ck_assert_uint_eq(
	    post("/filters/edit", "csrf=token&id=1&subject=z&action=delete"),
	    303);
	ck_assert_uint_eq(rules.nfilter, 1);
	ck_assert_uint_eq(rules.filter[0].action, PAGERULES_DELETES);
	ck_assert_str_eq(rules.filter[0].from, "");
	ck_assert_str_eq(rules.filter[0].folder, "");
	ck_assert_uint_eq(
	    post("/filters/edit", "csrf=token&id=7&subject=z&action=delete"),
	    303);
	ck_assert_str_eq(reply.location.p, "/filters?done=not-there");
	ck_assert_uint_eq(get("/filters/edit", "id=7"), 303);
	ck_assert_uint_eq(post("/filters", "csrf=token&off=1"), 303);
	ck_assert(!rules.filter[0].on);
	ck_assert_uint_eq(post("/filters", "csrf=token"), 303);
	ck_assert_uint_eq(post("/filters", "csrf=token&remove=1"), 303);
	ck_assert_uint_eq(rules.nfilter, 0);
	fill_rules(true);
	ck_assert_uint_eq(
	    post("/filters/edit", "csrf=token&id=0&subject=z&action=delete"),
	    422);
	ck_assert(says("no room for more"));
	ck_assert_uint_eq(
	    post("/junk/block", "csrf=token&who=x%40b.test"), 422);
	ck_assert(says("500 blocked senders"));
}
END_TEST

/* The path of the letter's link. */
static const char *
link_path(void)
{
	static char path[256];
	const char *at = strstr(sent.text, "/confirm/");

	ck_assert_ptr_nonnull(at);
	sv_copy(
	    sv_first(sv_str(at), sv_chr(sv_str(at), '\n')), path, sizeof path);
	return path;
}

START_TEST(self__a_forward_is_agreed_to_by_its_target)
{
	char path[256];

	ck_assert_uint_eq(
	    post("/forward", "csrf=token&to=x%40b.test&on=1"), 303);
	ck_assert_uint_eq(sent.letters, 1);
	ck_assert_str_eq(sent.to, "x@b.test");
	ck_assert_ptr_nonnull(
	    strstr(sent.text, "https://mail.a.test/confirm/"));
	ck_assert(rules.forward.on && !rules.forward.keep);
	sv_copy(sv_str(link_path()), path, sizeof path);
	stranger = true;
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		ck_assert_uint_eq(get(pages[i], ""), 404);
		ck_assert_uint_eq(post(pages[i], "csrf=token"), 404);
		ck_assert(!says("x@b.test"));
	}
	ck_assert_uint_eq(get("/confirm/", ""), 404);
	ck_assert_uint_eq(post("/confirm/00", ""), 404);
	ck_assert_uint_eq(get(path, ""), 200);
	ck_assert(says("x@b.test") && says("anna@a.test") &&
		  !says("Sign out") && !says("<nav"));
	ck_assert(!rules.forward.confirmed);
	ck_assert_uint_eq(post(path, ""), 200);
	ck_assert(rules.forward.confirmed);
	ck_assert_uint_eq(get(path, ""), 200);
	ck_assert(says("agreed to already"));
	stranger = false;
	/* The same address again, in capitals: it has agreed. */
	ck_assert_uint_eq(
	    post("/forward", "csrf=token&to=X%40B.test&on=1&keep=1"), 303);
	ck_assert(rules.forward.confirmed && rules.forward.keep);
	ck_assert_uint_eq(sent.letters, 1);
	ck_assert_uint_eq(
	    post("/forward", "csrf=token&to=y%40b.test&on=1"), 303);
	ck_assert(!rules.forward.confirmed);
	ck_assert_uint_eq(sent.letters, 2);
	ck_assert_uint_eq(post("/forward/again", "csrf=token"), 303);
	ck_assert_uint_eq(post("/forward/again", "csrf=token"), 429);
	ck_assert_uint_eq(sent.letters, 3);
	ck_assert_uint_eq(post("/forward/remove", "csrf=token"), 303);
	ck_assert_str_eq(rules.forward.to, "");
	ck_assert_uint_eq(post("/forward/again", "csrf=token"), 303);
	ck_assert_str_eq(reply.location.p, "/forward?done=not-there");
}
END_TEST

UNIT_TESTS(self)
{
	TCase *t = tcase_create("self");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, self__markup_of_others_is_text);
	tcase_add_test(t, self__what_others_say_is_shown_however_much_it_is);
	tcase_add_test(t, self__each_page_in_the_readers_language);
	tcase_add_test(t, self__who_does_not_answer_is_said);
	tcase_add_test(t, self__forms_need_their_token);
	tcase_add_test(t, self__a_device_is_shown_once);
	tcase_add_test(t, self__a_device_is_gone_from_the_page_after_a_reload);
	tcase_add_test(t, self__what_is_wrong_is_said_beside_the_field);
	tcase_add_loop_test(
	    t, self__a_trouble_of_the_server_is_said_as_one, 0, 10);
	tcase_add_test(
	    t, self__a_long_label_is_said_and_a_long_form_does_no_harm);
	tcase_add_test(t, self__the_second_factor);
	tcase_add_test(t, self__ends_the_session_that_is_meant);
	tcase_add_test(t, self__restores_by_day_and_by_page);
	tcase_add_test(t, self__addresses_that_are_mine);
	tcase_add_test(t, self__unknown_pages);
	tcase_add_test(t, self__filters_one_by_one);
	tcase_add_test(t, self__a_forward_is_agreed_to_by_its_target);
	return t;
}
