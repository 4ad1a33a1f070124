/* What authorities answer, and what they should not. */
#include "acme/answer.h"

#include <string.h>

#include "acme/sentence.h"
#include "base/buf.h"
#include "test/unit/unit.h"

START_TEST(answer__problem)
{
	struct acme_problem p;
	char text[ERR_TEXT_MAX];

	ck_assert(acme_problem_read(
	    SV("{\"type\":\"urn:ietf:params:acme:error:rateLimited\","
	       "\"detail\":\"too\\nmany \\u001b[31m \\u00e9\"}"),
	    &p));
	ck_assert_str_eq(p.type, "rateLimited");
	/* Nothing of it moves a terminal's cursor. */
	ck_assert_str_eq(p.detail, "too many ?[31m ?\?");
	acme_sentence(&p, 429, ACME_BY_HTTP, "", text);
	ck_assert_str_eq(text,
	    "the certificate authority wants fewer requests (it says: too many "
	    "?[31m ?\?)");
	ck_assert(!acme_problem_read(SV("{}"), &p));
	ck_assert(!acme_problem_read(SV("<html>"), &p));
	ck_assert(!acme_problem_read(SV(""), &p));
	acme_sentence(&p, 418, ACME_BY_HTTP, "a.test", text);
	ck_assert_str_eq(
	    text, "the certificate authority refuses a.test (HTTP status 418)");
	ck_assert(acme_problem_read(
	    SV("{\"type\":\"about:blank\",\"detail\":7,\"subproblems\":[{"
	       "\"detail\":\"inner\",\"identifier\":{\"value\":\"A.test\"}},"
	       "{\"identifier\":{\"value\":\"a b\"}},5,null]}"),
	    &p));
	ck_assert_str_eq(p.detail, "inner");
	ck_assert_uint_eq(p.nname, 1);
	ck_assert_str_eq(p.name[0], "a.test");
}
END_TEST

START_TEST(answer__window)
{
	struct acme_window w = {.start = 0};
	struct err err;

	ck_assert_int_eq(
	    acme_window_read(SV("{\"suggestedWindow\":{\"start\":"
				"\"2025-01-02T04:00:00Z\",\"end\":"
				"\"2025-01-03T04:00:00Z\"},\"explanationURL\":"
				"\"https://ca.test/why\"}"),
		&w, &err),
	    RC_OK);
	ck_assert_int_eq(w.end - w.start, 86400);
	ck_assert_str_eq(w.explanation, "https://ca.test/why");
	ck_assert_int_eq(acme_window_read(SV("{\"suggestedWindow\":{\"start\":"
					     "\"2025-01-02T04:00:00Z\",\"end\":"
					     "\"2025-01-01T04:00:00Z\"}}"),
			     &w, &err),
	    RC_SYNTAX);
	ck_assert_int_eq(acme_window_read(SV("{}"), &w, &err), RC_SYNTAX);
	ck_assert_int_eq(
	    acme_window_read(SV("{\"suggestedWindow\":7}"), &w, &err),
	    RC_SYNTAX);
}
END_TEST

/* As many as they like; we take as many as we asked for. */
START_TEST(answer__long_lists)
{
	struct acme_order_said said;
	struct err err;
	struct buf b;
	int i;

	buf_init(&b, ACME_ANSWER_MAX);
	buf_adds(&b, "{\"status\":\"pending\",\"finalize\":\"https://c.test/f\""
		     ",\"authorizations\":[\"ftp://x\",5,{}");
	for (i = 0; i < 1000; i++)
		buf_addf(&b, ",\"https://c.test/%d\"", i);
	buf_adds(&b, "]}");
	ck_assert_int_eq(acme_order_read(buf_sv(&b), &said, &err), RC_OK);
	ck_assert_uint_le(said.nauthorization, ACME_NAMES_MAX);
	ck_assert_str_eq(said.authorization[0], "https://c.test/0");
	buf_reset(&b);
	for (i = 0; i < 100000; i++)
		buf_addc(&b, '[');
	ck_assert_int_eq(acme_order_read(buf_sv(&b), &said, &err), RC_SYNTAX);
	buf_fini(&b);
}
END_TEST

START_TEST(answer__addresses)
{
	static const char *const rows[] = {"http://a.test/", "https://", "",
	    "https://a.test/\\u0000", "https://a.test/ x", "https://a.test/\\n",
	    "ftp://a.test/x", "//a.test/x", "https://a.test/\\\"x"};
	struct acme_order_said said;
	struct err err;
	struct buf b;

	buf_init(&b, 4096);
	buf_addf(&b, "{\"status\":\"ready\",\"finalize\":\"%s\"}", rows[_i]);
	ck_assert_int_ne(acme_order_read(buf_sv(&b), &said, &err), RC_OK);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(answer)
{
	TCase *t = tcase_create("answer");

	tcase_add_test(t, answer__problem);
	tcase_add_test(t, answer__window);
	tcase_add_test(t, answer__long_lists);
	tcase_add_loop_test(t, answer__addresses, 0, 9);
	return t;
}
