/* One-time codes: the RFC's vectors, and each code once. */
#include <stdio.h>

#include "auth/totp.h"
#include "test/unit/unit.h"

#define SECRET SV("12345678901234567890")

/* [RFC 6238 B], cut to six digits; and [RFC 4226 D]. */
static const struct {
	int64_t seconds;
	uint32_t code;
} vectors[] = {
    {59, 287082},
    {1111111109, 81804},
    {1111111111, 50471},
    {1234567890, 5924},
    {2000000000, 279037},
    {20000000000, 353130},
    {0, 755224},
    {60, 359152},
    {90, 969429},
    {120, 338314},
    {270, 520489},
};

START_TEST(totp__has_the_codes_of_the_rfc)
{
	const uint64_t step = (uint64_t)vectors[_i].seconds / TOTP_STEP_S;
	uint64_t got;
	char text[20];

	ck_assert_uint_eq(totp_code(SECRET, step), vectors[_i].code);
	(void)snprintf(text, sizeof text, "%06u", vectors[_i].code);
	if (step == 0)
		return; /* the epoch itself is before any clock */
	ck_assert_int_eq(
	    totp_check(SECRET, sv_str(text), vectors[_i].seconds, 0, &got),
	    RC_OK);
	ck_assert_uint_eq(got, step);
}
END_TEST

START_TEST(totp__takes_the_steps_beside_it)
{
	const int64_t then = 1111111109;
	const uint64_t step = (uint64_t)then / TOTP_STEP_S;
	uint64_t got;
	int i;

	for (i = -3; i <= 3; i++) {
		const bool fits = i >= -1 && i <= 1;

		ck_assert_int_eq(totp_check(SECRET, SV("081804"),
				     then + i * TOTP_STEP_S, 0, &got),
		    fits ? RC_OK : RC_DENIED);
		if (fits)
			ck_assert_uint_eq(got, step);
	}
}
END_TEST

START_TEST(totp__takes_each_step_once)
{
	const int64_t then = 1111111109;
	const uint64_t step = (uint64_t)then / TOTP_STEP_S;
	char next[20];
	uint64_t got;

	ck_assert_int_eq(
	    totp_check(SECRET, SV("081804"), then, step - 1, &got), RC_OK);
	ck_assert_int_eq(
	    totp_check(SECRET, SV("081804"), then, step, &got), RC_DENIED);
	ck_assert_int_eq(
	    totp_check(SECRET, SV("081804"), then, step + 1, &got), RC_DENIED);
	/* The one behind it is another. */
	(void)snprintf(next, sizeof next, "%06u", totp_code(SECRET, step + 1));
	ck_assert_int_eq(
	    totp_check(SECRET, sv_str(next), then, step, &got), RC_OK);
	ck_assert_uint_eq(got, step + 1);
}
END_TEST

/* Two steps with the same digits, one behind the other (the first such pair of
 * this secret): who has used the first may use the second. */
START_TEST(totp__equal_codes_are_two)
{
	const uint64_t step = 910737;
	uint64_t got;
	char text[20];

	ck_assert_uint_eq(totp_code(SECRET, step), totp_code(SECRET, step + 1));
	(void)snprintf(text, sizeof text, "%06u", totp_code(SECRET, step));
	ck_assert_int_eq(totp_check(SECRET, sv_str(text),
			     (int64_t)(step + 1) * TOTP_STEP_S, step, &got),
	    RC_OK);
	ck_assert_uint_eq(got, step + 1);
	ck_assert_int_eq(totp_check(SECRET, sv_str(text),
			     (int64_t)(step + 1) * TOTP_STEP_S, step + 1, &got),
	    RC_DENIED);
}
END_TEST

static const struct {
	const char *code;
	int rc;
} codes[] = {
    {"081804", RC_OK},
    {"081 804", RC_OK},
    {" 081804 ", RC_OK},
    {"081-804", RC_OK},
    {"", RC_DENIED},
    {"81804", RC_DENIED},
    {"0081804", RC_DENIED},
    {"081804x", RC_DENIED},
    {"08180\t4", RC_DENIED},
    {"000000", RC_DENIED},
};

START_TEST(totp__reads_codes_as_people_type_them)
{
	uint64_t got;

	ck_assert_int_eq(
	    totp_check(SECRET, sv_str(codes[_i].code), 1111111109, 0, &got),
	    codes[_i].rc);
}
END_TEST

START_TEST(totp__is_told_to_phones)
{
	struct buf b;

	buf_init(&b, 1000);
	totp_secret_text(SECRET, &b);
	ck_assert_str_eq(b.p, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	buf_reset(&b);
	totp_secret_text(SV("f"), &b);
	buf_addc(&b, ' ');
	totp_secret_text(SV("fo"), &b);
	buf_addc(&b, ' ');
	totp_secret_text(SV("foo"), &b);
	buf_addc(&b, ' ');
	totp_secret_text(SV("foobar"), &b);
	ck_assert_str_eq(b.p, "MY MZXQ MZXW6 MZXW6YTBOI");
	buf_reset(&b);
	totp_uri(SECRET, SV("mail.example.org"), SV("anna & ben"), &b);
	ck_assert_str_eq(b.p,
	    "otpauth://totp/mail.example.org:anna%20%26%20ben?secret="
	    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=mail.example.org&"
	    "algorithm=SHA1&digits=6&period=30");
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(totp)
{
	TCase *t = tcase_create("totp");

	tcase_add_loop_test(t, totp__has_the_codes_of_the_rfc, 0,
	    (int)(sizeof vectors / sizeof vectors[0]));
	tcase_add_test(t, totp__takes_the_steps_beside_it);
	tcase_add_test(t, totp__takes_each_step_once);
	tcase_add_test(t, totp__equal_codes_are_two);
	tcase_add_loop_test(t, totp__reads_codes_as_people_type_them, 0,
	    (int)(sizeof codes / sizeof codes[0]));
	tcase_add_test(t, totp__is_told_to_phones);
	return t;
}
