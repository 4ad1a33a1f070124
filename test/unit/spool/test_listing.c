/* What waits: words, records, selectors. */
#include <check.h>

#include "queue/spool/listing.h"
#include "queue/spool/spool.h"
#include "test/unit/unit.h"

#define NOW 1700000000000LL /* 2023-11-14 22:13:20 UTC */
#define MIN 60000LL

static const struct {
	const char *name;
	struct queue_unit u;
	const char *want;
} words[] = {
    {"held", {.state = QUEUE_HELD}, "on hold"},
    {"in_flight", {.state = QUEUE_IN_FLIGHT}, "is being delivered now"},
    {"turn", {.state = QUEUE_TURN, .place = {"example.test", 12}},
	"waits for its turn at example.test"},
    {"account", {.state = QUEUE_TURN, .local = true, .place = {"anna", 4}},
	"waits for the account anna"},
    {"away",
	{.state = QUEUE_AWAY,
	    .place = {"example.test", 12},
	    .next = NOW + 12 * MIN,
	    .reply_text = {"connection refused", 18}},
	"example.test cannot be reached: connection refused; next try at "
	"22:25, in 12 minutes"},
    {"smarthost",
	{.state = QUEUE_AWAY, .place = {"relay r.test:25", 15}, .next = NOW},
	"the smarthost r.test:25 cannot be reached; next try now"},
    {"grey",
	{.state = QUEUE_GREYLISTED,
	    .next = NOW + 30000,
	    .reply_text = {"450 g", 5}},
	"greylisted: 450 g; next try at 22:13, in 30 seconds"},
    {"tomorrow",
	{.state = QUEUE_LATER,
	    .place = {"x.test", 6},
	    .next = NOW + 180 * MIN,
	    .reply_text = {"a\x1b[1m", 5}},
	"put off by x.test: a\\x1b[1m; next try at 2023-11-15 01:13, in 3 "
	"hours"},
};

START_TEST(queue_words__say_why_and_until_when)
{
	struct queue_clock c = {.now = NOW};
	struct buf b;

	buf_init(&b, 1000);
	queue_unit_words(&words[_i].u, &c, &b);
	ck_assert_msg(sv_eq(buf_sv(&b), sv_str(words[_i].want)), "%s: %s",
	    words[_i].name, b.p);
	buf_fini(&b);
}
END_TEST

static struct spool_recipient to[2] = {
    {.address = (char[]){"x@Example.test"}, .outcome = SPOOL_WAITS},
    {.address = (char[]){"ben"}, .local = true, .outcome = SPOOL_WAITS}};
static const struct spool_item item = {.seq = 17,
    .sender = (char[]){"anna@home.test"},
    .owner = (char[]){"anna"},
    .rcpt = to,
    .nrcpt = 2};

static const struct {
	const char *word;
	int want; /* bit 0: x@example.test, bit 1: ben; -1: no selector */
} picks[] = {{"17", 3}, {"18", 0}, {"anna", 3}, {"ben", 2}, {"Ben", 0},
    {"example.test", 1}, {"@EXAMPLE.TEST", 1}, {"home.test", 0},
    {"ANNA@home.test", 3}, {"x@example.test", 1}, {"ben@home.test", 0},
    {"", -1}, {"@", -1}, {"x", 0}};

START_TEST(queue_selector__means_whom_it_says)
{
	struct queue_selector s;
	int r = queue_selector_parse(sv_str(picks[_i].word), &s);

	if (picks[_i].want < 0) {
		ck_assert_int_eq(r, RC_SYNTAX);
		return;
	}
	ck_assert_int_eq(r, RC_OK);
	ck_assert_msg(
	    (queue_selector_matches(&s, &item, 0) |
		queue_selector_matches(&s, &item, 1) << 1) == picks[_i].want,
	    "%s", picks[_i].word);
}
END_TEST

static void
put_entry(struct msg *m)
{
	struct queue_unit u = {
	    .state = QUEUE_TURN, .place = SV("example.test")};
	struct queue_rcpt r = {.address = SV("x@example.test"),
	    .via = SV("club@home.test"),
	    .held = true,
	    .outcome = SPOOL_WAITS};
	struct queue_entry e = {
	    .id = 17,
	    .size = 21,
	    .arrived = NOW,
	    .sender = SV("anna@home.test"),
	    .owner = SV("anna"),
	    .unit = &u,
	    .nunit = 1,
	    .rcpt = &r,
	    .nrcpt = 1,
	};

	queue_entry_write(m, &e);
}

START_TEST(queue_entry__is_read_whole_or_not_at_all)
{
	struct queue_entry e;
	struct msg m, cut;
	size_t n;

	msg_init(&m, 0);
	put_entry(&m);
	ck_assert_int_eq(queue_entry_read(&m, &e), RC_OK);
	ck_assert_int_eq(msg_end(&m), RC_OK);
	ck_assert_uint_eq(e.id, 17);
	ck_assert(sv_eq(e.rcpt[0].address, SV("x@example.test")));
	ck_assert(sv_eq(e.rcpt[0].via, SV("club@home.test")));
	ck_assert(e.rcpt[0].held && e.held);
	queue_entry_fini(&e);
	for (n = 0; n < m.b.n; n++) {
		msg_init(&cut, 0);
		buf_add(&cut.b, m.b.p, n);
		ck_assert_int_eq(queue_entry_read(&cut, &e), RC_SYNTAX);
		msg_fini(&cut);
	}
	msg_fini(&m);
}
END_TEST

UNIT_TESTS(listing)
{
	TCase *t = tcase_create("listing");

	tcase_add_loop_test(t, queue_words__say_why_and_until_when, 0,
	    sizeof words / sizeof words[0]);
	tcase_add_loop_test(t, queue_selector__means_whom_it_says, 0,
	    sizeof picks / sizeof picks[0]);
	tcase_add_test(t, queue_entry__is_read_whole_or_not_at_all);
	return t;
}
