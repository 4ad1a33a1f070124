#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "history/history.h"
#include "history/words.h"
#include "test/unit/unit.h"

static const struct {
	struct history_step s;
	const char *words;
} rows[] = {
    {{.kind = HISTORY_ACCEPTED,
	 .who = SV("a@x.test b@x.test"),
	 .peer = SV("192.0.2.1"),
	 .flags = HISTORY_TLS,
	 .text = SV("dmarc=pass")},
	"accepted from 192.0.2.1 over TLS for a@x.test, b@x.test: dmarc=pass"},
    {{.kind = HISTORY_ACCEPTED, .who = SV("a@x.test"), .account = SV("anna")},
	"accepted from the account anna for a@x.test"},
    {{.kind = HISTORY_REFUSED,
	 .who = SV("a@x.test"),
	 .peer = SV("192.0.2.1"),
	 .code = 550,
	 .text = SV("5.1.1 no")},
	"refused from 192.0.2.1 for a@x.test: 550 5.1.1 no"},
    {{.kind = HISTORY_STORED, .account = SV("anna"), .text = SV("INBOX")},
	"stored for the account anna in INBOX"},
    {{.kind = HISTORY_STORED,
	 .account = SV("anna"),
	 .text = SV("Junk"),
	 .flags = HISTORY_JUNK},
	"stored for the account anna in Junk"},
    {{.kind = HISTORY_STORED,
	 .account = SV("anna"),
	 .text = SV("INBOX"),
	 .flags = HISTORY_JUNK},
	"stored for the account anna in INBOX, as junk"},
    {{.kind = HISTORY_QUEUED, .number = 17, .who = SV("x@y.test")},
	"queued as 17 for x@y.test"},
    {{.kind = HISTORY_TRIED,
	 .who = SV("x@y.test"),
	 .code = 451,
	 .text = SV("451 later"),
	 .number = 1795536046000},
	"not taken now for x@y.test: 451 later; next try at 2026-11-24 "
	"16:00:46"},
    {{.kind = HISTORY_SENT,
	 .who = SV("x@y.test"),
	 .code = 250,
	 .text = SV("250 ok")},
	"sent to x@y.test: 250 ok"},
    {{.kind = HISTORY_RETURNED,
	 .who = SV("x@y.test"),
	 .text = SV("550 no"),
	 .flags = HISTORY_TOLD},
	"given up for x@y.test: 550 no; its sender gets a report"},
    {{.kind = HISTORY_HOST,
	 .who = SV("x@y.test"),
	 .peer = SV("mx.y.test[192.0.2.9]"),
	 .flags = HISTORY_TLS,
	 .code = 250,
	 .text = SV("250 ok")},
	"asked the host mx.y.test[192.0.2.9] over TLS for x@y.test: 250 ok"},
    {{.kind = HISTORY_REMARK, .text = SV("forwarded"), .who = SV("x@y.test")},
	"forwarded, for x@y.test"},
};

START_TEST(words__are_sentences)
{
	struct buf b;

	(void)setenv("TZ", "UTC", 1);
	tzset();
	buf_init(&b, 4096);
	history_step_words(&rows[_i].s, &b);
	ck_assert_str_eq(b.p, rows[_i].words);
	buf_fini(&b);
}
END_TEST

/* Each kind has a name and words. */
START_TEST(words__know_all_kinds)
{
	struct buf b;
	unsigned k;

	buf_init(&b, 4096);
	for (k = 0; k < HISTORY_KINDS; k++) {
		struct history_step s = {
		    .kind = (uint8_t)k, .text = SV("words")};

		buf_reset(&b);
		history_step_words(&s, &b);
		ck_assert_uint_gt(b.n, 0);
		ck_assert_ptr_nonnull(history_kind_name((enum history_kind)k));
	}
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *name, *in, *out;
} shown[] = {
    {"plain", "Hello", "Hello"},
    {"UTF-8",
	"Gr\xc3\xbc\xc3\x9f"
	"e",
	"Gr\xc3\xbc\xc3\x9f"
	"e"},
    {"escape", "a\x1b[31mb\x07", "a [31mb "},
    {"C1",
	"a\xc2\x9b"
	"31mb",
	"a 31mb"},
    {"bad bytes",
	"a\xff\x80"
	"b",
	"a\xef\xbf\xbd\xef\xbf\xbd"
	"b"},
    {"direction",
	"a\xe2\x80\xae"
	"b\xe2\x81\xa6",
	"ab"},
    {"line separator",
	"a\xe2\x80\xa8"
	"b\nc",
	"ab c"},
    {"zero width",
	"a\xe2\x80\x8b\xef\xbb\xbf"
	"b",
	"ab"},
};

START_TEST(show__is_safe_for_terminals)
{
	struct buf b;

	buf_init(&b, 4096);
	history_show(sv_str(shown[_i].in), &b);
	ck_assert_msg(
	    strcmp(b.p, shown[_i].out) == 0, "%s: %s", shown[_i].name, b.p);
	buf_fini(&b);
}
END_TEST

/* What a queue and a host have done, one line for each thing. */
START_TEST(story__says_each_thing_once)
{
	struct history_step s[] = {
	    {.kind = HISTORY_ACCEPTED,
		.when = 1000,
		.account = SV("ben"),
		.sender = SV("ben@x.test"),
		.who = SV("anna@x.test c@y.test d@z.test")},
	    {.kind = HISTORY_HANDED, .when = 3000, .account = SV("anna")},
	    {.kind = HISTORY_STORED,
		.when = 3000,
		.account = SV("anna"),
		.text = SV("INBOX")},
	    {.kind = HISTORY_HANDED, .when = 3000, .account = SV("carl")},
	    {.kind = HISTORY_REMARK,
		.when = 2000,
		.writer = HISTORY_W_QUEUE,
		.text = SV("is sent on")},
	    {.kind = HISTORY_QUEUED, .when = 2000, .number = 7},
	    {.kind = HISTORY_SENT,
		.when = 4000,
		.who = SV("c@y.test"),
		.code = 250,
		.text = SV("250 ok (mx.y.test)")},
	    {.kind = HISTORY_HOST,
		.when = 4000,
		.peer = SV("mx.y.test"),
		.code = 250,
		.text = SV("250 ok")},
	    {.kind = HISTORY_HOST,
		.when = 5000,
		.peer = SV("mx.z.test"),
		.code = 451,
		.text = SV("451 later")},
	    {.kind = HISTORY_TRIED,
		.when = 5001,
		.who = SV("d@z.test"),
		.text = SV("the queue is stopped")},
	    {.kind = HISTORY_RETURNED,
		.when = 6000,
		.who = SV("d@z.test"),
		.text = SV("451 later (mx.z.test)")},
	};
	struct buf b;
	size_t n;

	(void)setenv("TZ", "UTC", 1);
	tzset();
	buf_init(&b, 4096);
	n = history_arrange(s, sizeof s / sizeof s[0]);
	history_story_words(s, n, &b);
	ck_assert_str_eq(b.p,
	    "(no subject recorded)\n"
	    "  from ben@x.test\n"
	    "  id 00000000000000000000000000000000\n"
	    "  1970-01-01 00:00:01  accepted from the account ben for "
	    "anna@x.test, c@y.test, d@z.test\n"
	    "  1970-01-01 00:00:02  queued as 7\n"
	    "  1970-01-01 00:00:02  is sent on\n"
	    "  1970-01-01 00:00:03  stored for the account anna in INBOX\n"
	    "  1970-01-01 00:00:03  handed over to the account carl\n"
	    "  1970-01-01 00:00:04  asked the host mx.y.test without TLS: "
	    "250 ok\n"
	    "  1970-01-01 00:00:04  sent to c@y.test\n"
	    "  1970-01-01 00:00:05  asked the host mx.z.test without TLS: "
	    "451 later\n"
	    "  1970-01-01 00:00:05  not taken now for d@z.test: the queue is "
	    "stopped\n"
	    "  1970-01-01 00:00:06  given up for d@z.test; its sender is not "
	    "told\n");
	buf_fini(&b);
}
END_TEST

/* What is said in place of a subject is true. */
START_TEST(story__without_a_subject)
{
	static const struct {
		struct history_step s;
		const char *name;
	} heads[] = {
	    {{.kind = HISTORY_ACCEPTED}, "(no subject recorded)\n"},
	    {{.kind = HISTORY_REFUSED, .sender = SV("a@x.test")},
		"(subject not known)\n"},
	    {{.kind = HISTORY_STORED}, "(subject not known)\n"},
	    {{.kind = HISTORY_QUEUED}, "(a report from this server)\n"},
	    {{.kind = HISTORY_QUEUED, .sender = SV("a@x.test")},
		"(subject not known)\n"},
	    {{.kind = HISTORY_ACCEPTED, .subject = SV("Lunch")}, "Lunch\n"},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		buf_reset(&b);
		history_story_words(&heads[i].s, 1, &b);
		ck_assert_msg(
		    sv_starts(buf_sv(&b), sv_str(heads[i].name)), "%s", b.p);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(arrange__is_by_time)
{
	struct history_step s[] = {{.kind = HISTORY_SENT, .when = 5},
	    {.kind = HISTORY_HOST, .when = 5},
	    {.kind = HISTORY_QUEUED, .when = 2},
	    {.kind = HISTORY_ACCEPTED, .when = 2},
	    {.kind = HISTORY_REMARK, .when = 9}};
	static const uint8_t want[] = {HISTORY_ACCEPTED, HISTORY_QUEUED,
	    HISTORY_HOST, HISTORY_SENT, HISTORY_REMARK};
	size_t i;

	ck_assert_uint_eq(history_arrange(s, 5), 5);
	for (i = 0; i < 5; i++)
		ck_assert_uint_eq(s[i].kind, want[i]);
}
END_TEST

UNIT_TESTS(words)
{
	TCase *t = tcase_create("words");

	tcase_add_loop_test(
	    t, words__are_sentences, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, words__know_all_kinds);
	tcase_add_loop_test(
	    t, show__is_safe_for_terminals, 0, sizeof shown / sizeof shown[0]);
	tcase_add_test(t, arrange__is_by_time);
	tcase_add_test(t, story__says_each_thing_once);
	tcase_add_test(t, story__without_a_subject);
	return t;
}
