/* What a trace shows of a line, and what it does not. */
#include <check.h>
#include <string.h>

#include "base/log.h"
#include "base/trace.h"
#include "test/unit/unit.h"

static const struct {
	const char *name;
	char direction;
	const char *line, *want;
} rows[] = {
    {"a command", '<', "MAIL FROM:<a@example.org>",
	"\"MAIL FROM:<a@example.org>\""},
    {"a password at once", '<', "AUTH PLAIN AGFubmE=", "\"AUTH PLAIN ***\""},
    {"a password afterwards", '<', "auth login", "\"auth login\""},
    {"the challenge", '>', "334 UGFzc3dvcmQ6", "\"334 UGFzc3dvcmQ6\""},
    {"the answer", '<', "c2VjcmV0", "\"***\""},
    {"and what follows", '<', "NOOP", "\"NOOP\""},
    {"as the client of a host", '<', "334 ", "\"334 \""},
    {"its answer", '>', "c2VjcmV0", "\"***\""},
    {"IMAP's login", '<', "a LOGIN anna secret", "\"a LOGIN ***\""},
    {"with a literal", '<', "a LOGIN anna {6}", "\"a LOGIN ***\""},
    {"the literal", '<', "secret", "\"***\""},
    {"POP3's", '<', "PASS my secret", "\"PASS ***\""},
    {"not a command", '<', "a PASSION fruit", "\"a PASSION fruit\""},
    {"control characters", '>', "\033[2J", "\"\\x1b[2J\""},
};

START_TEST(trace_mask__hides_what_is_secret)
{
	struct trace_state t = {0};
	char q[LOG_Q_MAX];
	size_t i;

	/* One after the other: a challenge makes its answer secret. */
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(strcmp(trace_mask(&t, rows[i].direction,
					 sv_str(rows[i].line), q),
				  rows[i].want) == 0,
		    "%s: %s", rows[i].name, q);
}
END_TEST

START_TEST(trace_mask__cuts_long_lines)
{
	struct trace_state t = {0};
	char q[LOG_Q_MAX], line[5000];

	memset(line, 'x', sizeof line);
	(void)trace_mask(&t, '<', sv_of(line, sizeof line), q);
	ck_assert_uint_lt(strlen(q), 200);
	ck_assert_ptr_nonnull(strstr(q, "x ...\""));
	memcpy(line, "AUTH ", 5);
	(void)trace_mask(&t, '<', sv_of(line, sizeof line), q);
	ck_assert_uint_lt(strlen(q), 200);
}
END_TEST

UNIT_TESTS(trace)
{
	TCase *t = tcase_create("trace");

	tcase_add_test(t, trace_mask__hides_what_is_secret);
	tcase_add_test(t, trace_mask__cuts_long_lines);
	return t;
}
