#include <check.h>
#include <string.h>

#include "history/search.h"
#include "test/unit/unit.h"

#define SOME "0123456789abcdef0123456789ABCDEF"

static const struct {
	const char *text;
	const char *kinds; /* a letter each: Address, Domain, aCcount,
			      Message-ID, Queue, Id, Subject */
	const char *first; /* the first text */
} parsed[] = {
    {"Ben@Example.NET", "AM", "ben@example.net"},
    {" <ben@example.net> ", "AM", "ben@example.net"},
    {"\"john doe\"@example.net", "AM", "\"john doe\"@example.net"},
    {"@Example.net", "D", "example.net"},
    {"@", "", ""},
    {"17", "QS", ""},
    {"18446744073709551616", "CMS", "18446744073709551616"},
    {SOME, "I", ""},
    {"Lunch", "CMS", "lunch"},
    {"example.net", "CDMS", "example.net"},
    {"<a.b>", "CDMS", "<a.b>"},
    {"lunch on Friday", "S", "lunch on friday"},
    {"mail me @ home", "S", "mail me @ home"},
    {"", "", ""},
    {"  ", "", ""},
};

static const char letters[HISTORY_TERM_KINDS] = {[HISTORY_BY_ADDRESS] = 'A',
    [HISTORY_BY_DOMAIN] = 'D',
    [HISTORY_BY_ACCOUNT] = 'C',
    [HISTORY_BY_MESSAGE_ID] = 'M',
    [HISTORY_BY_QUEUE_ID] = 'Q',
    [HISTORY_BY_ID] = 'I',
    [HISTORY_BY_SUBJECT] = 'S'};

START_TEST(parse__knows_what_a_text_may_mean)
{
	struct history_term term[HISTORY_PARSE_MAX];
	char kinds[HISTORY_PARSE_MAX + 1] = "";
	struct buf room;
	size_t i, n;

	buf_init(&room, 65536);
	n = history_parse(sv_str(parsed[_i].text), &room, term);
	for (i = 0; i < n; i++)
		kinds[i] = letters[term[i].kind];
	ck_assert_msg(strcmp(kinds, parsed[_i].kinds) == 0, "%s: %s",
	    parsed[_i].text, kinds);
	ck_assert(n == 0 || sv_eq(term[0].text, sv_str(parsed[_i].first)) ||
		  parsed[_i].first[0] == '\0');
	buf_fini(&room);
}
END_TEST

START_TEST(parse__bounds_it)
{
	struct history_term term[HISTORY_PARSE_MAX];
	char text[2000];
	struct buf room;

	memset(text, 'a', sizeof text);
	buf_init(&room, 65536);
	ck_assert_uint_eq(
	    history_parse(sv_of(text, sizeof text), &room, term), 0);
	ck_assert_uint_eq(history_parse(sv_of("a\0b", 3), &room, term), 0);
	buf_fini(&room);
}
END_TEST

static const struct {
	const char *text;
	bool fits;
} rows[] = {
    {"anna@example.org", true},
    {"ANNA@EXAMPLE.ORG", true},
    {"nna@example.org", false},
    {"anna@example.or", false},
    {"ben@example.net", true},
    {"carl@example.com", true},
    {"@example.com", true},
    {"@ample.com", false},
    {"@example.co", false},
    {"@EXAMPLE.ORG", true},
    {"m1@host.example", true},
    {"<M1@host.example>", true},
    {"m1", false},
    {"anna", true}, /* the account */
    {"ann", false},
    {"gr\xc3\xbc\xc3\x9f"
     "e",
	true},
    {"GR\xc3\x9cSSE", true},
    {"aus gr\xc3\xbc\xc3\x9f"
     "e",
	true}, /* in any order */
    {"gr\xc3\xbc\xc3\x9f"
     "e an",
	false},
    {"12", true}, /* in the subject */
    {"13", false},
    {"1", false}, /* another number */
    {"2", false},
    {"haus 1", false},
    {"haus 12", true},
    {"7", true}, /* in 17 first */
    {"a4", true},
};

START_TEST(search__finds)
{
	static const struct history_step step = {.kind = HISTORY_ACCEPTED,
	    .who = SV("ben@example.net carl@example.com"),
	    .account = SV("anna"),
	    .sender = SV("Anna@Example.org"),
	    .message_id = SV("m1@host.example"),
	    .subject = SV("Gr\xc3\xbc\xc3\x9f"
			  "e aus Haus 12: 17 (7) a45")};
	struct history_term term[HISTORY_PARSE_MAX];
	struct history_search *s;
	struct buf room;
	size_t n;

	buf_init(&room, 65536);
	n = history_parse(sv_str(rows[_i].text), &room, term);
	s = history_search_new(term, n);
	ck_assert_msg(history_search_matches(s, &step) == rows[_i].fits, "%s",
	    rows[_i].text);
	history_search_free(&s);
	buf_fini(&room);
}
END_TEST

START_TEST(search__knows_numbers)
{
	static const struct history_term term[] = {
	    {HISTORY_BY_QUEUE_ID, 17, {0}, {0}},
	    {HISTORY_BY_ID, 0, {1, 2}, {0}}};
	struct history_search *s = history_search_new(term, 2);
	struct history_step step = {.kind = HISTORY_QUEUED, .number = 17};

	ck_assert(history_search_matches(s, &step));
	step.kind = HISTORY_STORED; /* a UID */
	ck_assert(!history_search_matches(s, &step));
	memcpy(step.id, "\1\2", 2);
	ck_assert(history_search_matches(s, &step));
	history_search_free(&s);
}
END_TEST

UNIT_TESTS(search)
{
	TCase *t = tcase_create("search");

	tcase_add_loop_test(t, parse__knows_what_a_text_may_mean, 0,
	    sizeof parsed / sizeof parsed[0]);
	tcase_add_test(t, parse__bounds_it);
	tcase_add_loop_test(t, search__finds, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, search__knows_numbers);
	return t;
}
