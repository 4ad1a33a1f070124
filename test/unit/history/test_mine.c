/* What an account is told of messages that others have a part in. */
#include <string.h>

#include "base/sv.h"
#include "history/history.h"
#include "history/mine.h"
#include "test/unit/unit.h"

static const struct history_owner anna = {.account = {"anna", 4},
    .address = {{"anna@a.test", 11}, {"family@a.test", 13}},
    .naddress = 2};

#define T(s) SV(s)

static size_t
see(struct history_step *s, size_t n, struct buf *room)
{
	buf_init(room, 1 << 20);
	return history_mine(&anna, s, n, room);
}

static bool
tells(const struct history_step *s, size_t n, const char *word)
{
	struct sv w = sv_str(word);
	size_t i, k;

	for (i = 0; i < n; i++) {
		const struct sv all[] = {s[i].who, s[i].account, s[i].peer,
		    s[i].sender, s[i].text, s[i].message_id, s[i].subject};

		for (k = 0; k < sizeof all / sizeof all[0]; k++)
			if (sv_ifind(all[k], w) < all[k].n)
				return true;
	}
	return false;
}

/* From another server, to two here, one of whom is not told of the other. */
START_TEST(mine__others_recipients_are_not_told)
{
	struct history_step s[] = {
	    {.kind = HISTORY_REFUSED,
		.writer = HISTORY_W_SMTP,
		.when = 1,
		.who = T("secret@a.test"),
		.peer = T("192.0.2.1"),
		.sender = T("x@b.test"),
		.text = T("mailbox full")},
	    {.kind = HISTORY_ACCEPTED,
		.writer = HISTORY_W_SMTP,
		.when = 2,
		.who = T("ben@a.test ANNA@a.test"),
		.peer = T("192.0.2.1"),
		.sender = T("x@b.test"),
		.subject = T("Hi"),
		.text = T("spf=pass")},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 3,
		.account = T("ben"),
		.text = T("Folder of Ben")},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 4,
		.account = T("anna"),
		.text = T("INBOX")},
	    {.kind = HISTORY_QUEUED,
		.writer = HISTORY_W_QUEUE,
		.when = 5,
		.who = T("ben@elsewhere.test"),
		.text = T("forwarded")},
	};
	struct buf room;
	size_t n = see(s, 5, &room);

	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(s[0].kind, HISTORY_ACCEPTED);
	ck_assert(sv_eq(s[0].who, T("ANNA@a.test")));
	ck_assert(sv_eq(s[0].peer, T("192.0.2.1")));
	ck_assert(sv_eq(s[1].text, T("INBOX")));
	ck_assert(!tells(s, n, "ben") && !tells(s, n, "secret"));
	ck_assert(history_mine_matches(s, n, T("hi x@B.test")));
	ck_assert(!history_mine_matches(s, n, T("ben")));
	buf_fini(&room);
}
END_TEST

/* Sent by somebody else here: not from where. */
START_TEST(mine__neighbours_have_no_place)
{
	struct history_step s[] = {
	    {.kind = HISTORY_ACCEPTED,
		.writer = HISTORY_W_SUBMISSION,
		.when = 1,
		.account = T("ben"),
		.peer = T("192.0.2.77"),
		.who = T("family@a.test zoe@a.test"),
		.sender = T("ben@a.test"),
		.flags = HISTORY_TLS},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 2,
		.account = T("anna"),
		.text = T("INBOX")},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 2,
		.account = T("zoe"),
		.text = T("Junk")},
	};
	struct buf room;
	size_t n = see(s, 3, &room);

	ck_assert_uint_eq(n, 2);
	ck_assert(!tells(s, n, "192.0.2.77") && !tells(s, n, "zoe"));
	ck_assert_uint_eq(s[0].account.n, 0);
	ck_assert(sv_eq(s[0].who, T("family@a.test")));
	buf_fini(&room);
}
END_TEST

/* Her own, to an alias here that leads elsewhere, and to another server. */
START_TEST(mine__what_she_has_sent)
{
	struct history_step s[] = {
	    {.kind = HISTORY_ACCEPTED,
		.writer = HISTORY_W_SUBMISSION,
		.when = 1,
		.account = T("anna"),
		.peer = T("192.0.2.7"),
		.who = T("club@a.test x@b.test"),
		.sender = T("anna@a.test"),
		.subject = T("Lunch")},
	    {.kind = HISTORY_STORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 2,
		.account = T("zoe"),
		.text = T("Secret folder"),
		.number = 9,
		.flags = HISTORY_JUNK},
	    {.kind = HISTORY_UNSTORED,
		.writer = HISTORY_W_ACCOUNT,
		.when = 2,
		.account = T("max"),
		.text = T("full")},
	    {.kind = HISTORY_QUEUED,
		.writer = HISTORY_W_QUEUE,
		.when = 3,
		.who = T("x@b.test hidden@c.test"),
		.number = 4},
	    {.kind = HISTORY_HOST,
		.writer = HISTORY_W_MX,
		.when = 4,
		.who = T("x@b.test"),
		.peer = T("mx.b.test"),
		.code = 250,
		.text = T("250 ok")},
	    {.kind = HISTORY_HOST,
		.writer = HISTORY_W_MX,
		.when = 5,
		.who = T("hidden@c.test"),
		.peer = T("mx.c.test"),
		.text = T("550 no such user")},
	    {.kind = HISTORY_RETURNED,
		.writer = HISTORY_W_QUEUE,
		.when = 6,
		.who = T("x@b.test hidden@c.test"),
		.text = T("550 <HIDDEN@c.test> unknown")},
	};
	struct buf room;
	size_t n = see(s, 7, &room);

	ck_assert_uint_eq(n, 5);
	ck_assert(sv_eq(s[0].who, T("club@a.test x@b.test")));
	ck_assert(sv_eq(s[0].peer, T("192.0.2.7")));
	ck_assert_uint_eq(s[1].kind, HISTORY_STORED);
	ck_assert_uint_eq(s[1].account.n + s[1].text.n + s[1].number, 0);
	ck_assert_uint_eq(s[1].flags, 0);
	ck_assert(sv_eq(s[2].who, T("x@b.test")));
	ck_assert(sv_eq(s[3].text, T("250 ok")));
	ck_assert(!tells(s, n, "hidden") && !tells(s, n, "c.test") &&
		  !tells(s, n, "zoe") && !tells(s, n, "max"));
	ck_assert(history_mine_matches(s, n, T("x@b.test lunch")));
	ck_assert(!history_mine_matches(s, n, T("hidden@c.test")));
	buf_fini(&room);
}
END_TEST

/* A stranger may write her name on an envelope, and she may be one whose mail
 * was refused: each is told from whom it is for. */
START_TEST(mine__refused_and_forged)
{
	struct history_step forged[] = {{.kind = HISTORY_ACCEPTED,
	    .writer = HISTORY_W_SMTP,
	    .sender = T("anna@a.test"),
	    .who = T("ben@a.test"),
	    .subject = T("private")}};
	struct history_step refused[] = {{.kind = HISTORY_REFUSED,
					     .writer = HISTORY_W_SMTP,
					     .code = 552,
					     .who = T("anna+shop@a.test"),
					     .sender = T("x@b.test"),
					     .peer = T("192.0.2.1"),
					     .text = T("5.2.2 full")},
	    {.kind = HISTORY_ACCEPTED,
		.writer = HISTORY_W_SMTP,
		.who = T("ben@a.test"),
		.sender = T("x@b.test"),
		.subject = T("private")}};
	struct history_step at_data[] = {{.kind = HISTORY_REFUSED,
	    .writer = HISTORY_W_SMTP,
	    .code = 554,
	    .who = T("ben@a.test anna@a.test"),
	    .sender = T("x@b.test"),
	    .text = T("5.7.1 DMARC")}};
	struct buf room;

	ck_assert_uint_eq(see(forged, 1, &room), 0);
	buf_fini(&room);
	ck_assert_uint_eq(see(refused, 2, &room), 1);
	ck_assert_uint_eq(refused[0].kind, HISTORY_REFUSED);
	ck_assert(sv_eq(refused[0].text, T("5.2.2 full")));
	ck_assert(!tells(refused, 1, "private"));
	buf_fini(&room);
	ck_assert_uint_eq(see(at_data, 1, &room), 1);
	ck_assert(sv_eq(at_data[0].who, T("anna@a.test")));
	ck_assert(sv_eq(at_data[0].text, T("5.7.1 DMARC")));
	buf_fini(&room);
}
END_TEST

START_TEST(mine__names_that_are_nearly_hers)
{
	static const char *const others[] = {"anna@a.test.evil", "xanna@a.test",
	    "anna@b.test", "annax+y@a.test", "anna+x@b.test", "+anna@a.test",
	    "anna", "@a.test", "anna+@", ""};
	struct buf room;
	size_t i;

	for (i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct history_step s[] = {{.kind = HISTORY_REFUSED,
		    .writer = HISTORY_W_SMTP,
		    .who = sv_str(others[i])}};

		ck_assert_msg(see(s, 1, &room) == 0, "%s", others[i]);
		buf_fini(&room);
	}
}
END_TEST

UNIT_TESTS(mine)
{
	TCase *t = tcase_create("mine");

	tcase_add_test(t, mine__others_recipients_are_not_told);
	tcase_add_test(t, mine__neighbours_have_no_place);
	tcase_add_test(t, mine__what_she_has_sent);
	tcase_add_test(t, mine__refused_and_forged);
	tcase_add_test(t, mine__names_that_are_nearly_hers);
	return t;
}
