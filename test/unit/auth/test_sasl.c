/* PLAIN and LOGIN, whatever protocol carries them. */
#include <string.h>

#include "auth/sasl.h"
#include "test/unit/unit.h"

#define NUL "\0"

/* What is said, '\n' before each further response; and what comes of it:
 * challenges, and at the end the message with '|' for NUL or the refusal. */
static const struct {
	const char *name, *mechanism, *initial, *responses, *want;
} rows[] = {
    {"PLAIN", "PLAIN", NULL, "AGFubmEAc2VjcmV0", "+ |anna|secret"},
    {"PLAIN at once", "plain", "AGFubmEAc2VjcmV0", NULL, "|anna|secret"},
    {"PLAIN, empty at once", "PLAIN", "", NULL, ""},
    {"PLAIN for another", "PLAIN", "YmVuAGFubmEAeA==", NULL, "ben|anna|x"},
    {"PLAIN, no base64", "PLAIN", NULL, "!!", "+ no base64"},
    {"PLAIN, no padding", "PLAIN", "AGEAYg", NULL, "no base64"},
    {"LOGIN", "LOGIN", NULL, "YW5uYQ==\nc2VjcmV0",
	"+ VXNlcm5hbWU6+ UGFzc3dvcmQ6|anna|secret"},
    {"LOGIN, the name at once", "login", "YW5uYQ==", "c2VjcmV0",
	"+ UGFzc3dvcmQ6|anna|secret"},
    {"LOGIN, an empty name", "LOGIN", NULL, "\nc2VjcmV0",
	"+ VXNlcm5hbWU6+ UGFzc3dvcmQ6||secret"},
    {"LOGIN, a bad name", "LOGIN", NULL, "!", "+ VXNlcm5hbWU6no base64"},
    {"LOGIN, a bad password", "LOGIN", "YW5uYQ==", "!",
	"+ UGFzc3dvcmQ6no base64"},
    {"LOGIN, a NUL in the name", "LOGIN", "AGI=", "c2VjcmV0",
	"+ UGFzc3dvcmQ6no name"},
    {"LOGIN, a NUL in the password", "LOGIN", "YW5uYQ==", "YQBi",
	"+ UGFzc3dvcmQ6no name"},
    {"another", "CRAM-MD5", NULL, NULL, "no mechanism"},
    {"none", "", NULL, NULL, "no mechanism"},
};

static const char *const refusals[] = {[SASL_NO_BASE64] = "no base64",
    [SASL_NO_NAME] = "no name",
    [SASL_NO_MECHANISM] = "no mechanism"};

START_TEST(sasl__answers_each_row)
{
	struct sv responses = SV(""), initial = {NULL, 0};
	struct buf message, out;
	enum sasl_next next;
	struct sasl s;
	size_t i;

	sasl_init(&s);
	buf_init(&message, SASL_MAX);
	buf_init(&out, 1000);
	if (rows[_i].initial != NULL)
		initial = sv_str(rows[_i].initial);
	if (rows[_i].responses != NULL)
		responses = sv_str(rows[_i].responses);
	next = sasl_start(&s, sv_str(rows[_i].mechanism), initial, &message);
	while (next == SASL_CHALLENGE) {
		ck_assert(sasl_waits(&s));
		buf_addf(&out, "+ %s", s.challenge);
		next = sasl_respond(&s, sv_split(&responses, '\n'), &message);
	}
	ck_assert(!sasl_waits(&s));
	ck_assert_uint_eq(s.name.n, 0);
	if (next != SASL_MESSAGE) {
		ck_assert_uint_eq(message.n, 0);
		buf_adds(&out, refusals[next]);
	}
	for (i = 0; i < message.n; i++)
		buf_addc(&out, message.p[i] == '\0' ? '|' : message.p[i]);
	ck_assert_msg(sv_eq(buf_sv(&out), sv_str(rows[_i].want)),
	    "%s: got \"%s\"", rows[_i].name, out.p);
	buf_fini(&out);
	buf_wipe(&message);
}
END_TEST

START_TEST(sasl_compose__takes_what_fits)
{
	static char text[SASL_MAX + 1];
	struct buf message;

	memset(text, 'x', sizeof text);
	buf_init(&message, SASL_MAX);
	ck_assert_int_eq(
	    sasl_compose(SV("anna"), SV("a b"), &message), SASL_MESSAGE);
	ck_assert(sv_eq(buf_sv(&message), SV(NUL "anna" NUL "a b")));
	ck_assert_int_eq(
	    sasl_compose(SV("a" NUL "b"), SV("c"), &message), SASL_NO_NAME);
	ck_assert_int_eq(
	    sasl_compose(SV("a"), SV("b" NUL), &message), SASL_NO_NAME);
	ck_assert_int_eq(
	    sasl_compose(SV("a"), (struct sv){text, SASL_MAX - 3}, &message),
	    SASL_MESSAGE);
	ck_assert_int_eq(
	    sasl_compose(SV("a"), (struct sv){text, SASL_MAX - 2}, &message),
	    SASL_NO_NAME);
	ck_assert_uint_eq(message.n, 0);
	buf_wipe(&message);
}
END_TEST

/* A name that was never used goes with what began it. */
START_TEST(sasl_start__begins_anew)
{
	struct sv none = {NULL, 0};
	struct buf message;
	struct sasl s;

	sasl_init(&s);
	buf_init(&message, SASL_MAX);
	ck_assert_int_eq(sasl_start(&s, SV("LOGIN"), SV("YW5uYQ=="), &message),
	    SASL_CHALLENGE);
	ck_assert_int_eq(
	    sasl_start(&s, SV("PLAIN"), none, &message), SASL_CHALLENGE);
	ck_assert_str_eq(s.challenge, "");
	ck_assert_uint_eq(s.name.n, 0);
	sasl_forget(&s);
	ck_assert(!sasl_waits(&s));
	ck_assert_int_eq(
	    sasl_respond(&s, SV("AGEAYg=="), &message), SASL_NO_BASE64);
	buf_wipe(&message);
}
END_TEST

UNIT_TESTS(sasl)
{
	TCase *t = tcase_create("sasl");

	tcase_add_loop_test(
	    t, sasl__answers_each_row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, sasl_compose__takes_what_fits);
	tcase_add_test(t, sasl_start__begins_anew);
	return t;
}
