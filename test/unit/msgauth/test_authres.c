#include "msgauth/authres.h"

#include "test/unit/unit.h"

START_TEST(authres__writes_a_field)
{
	struct authres_writer w;
	struct buf b;

	buf_init(&b, 4000);
	authres_begin(&w, &b, "mx.example.org", false);
	authres_method(&w, "spf", AUTH_PASS, NULL);
	authres_prop(&w, "smtp", "mailfrom", SV("example.net"));
	authres_method(&w, "dkim", AUTH_FAIL, "body hash did not verify");
	authres_prop(&w, "header", "d", SV("example.net"));
	authres_prop(&w, "header", "b", SV("ab/d+=="));
	authres_end(&w);
	ck_assert_str_eq(b.p,
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tspf=pass smtp.mailfrom=example.net;\r\n"
	    "\tdkim=fail reason=\"body hash did not verify\" "
	    "header.d=example.net\r\n\t header.b=\"ab/d+==\"\r\n");
	buf_reset(&b);
	authres_begin(&w, &b, "mx.example.org", true);
	authres_end(&w);
	ck_assert_str_eq(b.p, "mx.example.org; none");
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *in, *want; /* "": left out */
} values[] = {
    {"example.org", "example.org"},
    {"a.b+c@example.org", "a.b+c@example.org"},
    {"@example.org", "@example.org"},
    {"a b@example.org", "\"a b@example.org\""},
    {"x;dkim=pass", "\"x;dkim=pass\""},
    {"x\" ; dkim=pass header.d=\"y", "\"x\\\" ; dkim=pass header.d=\\\"y\""},
    {"x\\", "\"x\\\\\""},
    {"(x", "\"(x\""},
    {"x\r\nDKIM: y", ""},
    {"x\ny", ""},
    {"\xff", ""},
    {"2001:db8::1", "\"2001:db8::1\""},
    {"..@x", "\"..@x\""},
    {"a@b;c", "\"a@b;c\""},
};

START_TEST(authres__nothing_breaks_out)
{
	struct buf b;

	buf_init(&b, 4000);
	if (authres_value(sv_str(values[_i].in), &b))
		ck_assert_str_eq(b.p, values[_i].want);
	else
		ck_assert_str_eq("", values[_i].want);
	buf_fini(&b);
}
END_TEST

START_TEST(authres__reads_a_field)
{
	struct authres_reader r;
	struct authres_item it;
	struct sv t, p, v;

	ck_assert_int_eq(
	    authres_reader_init(&r,
		SV(" (x) \"example.org\" (y) 1 ; dkim / 1 = pass (good; ok)"
		   " reason = \"a; b\" header.d\r\n = (c) x.test header.b=a==;"
		   "spf=fail smtp.mailfrom=\"a b\"@y.test; x")),
	    RC_OK);
	ck_assert_str_eq(r.id.p, "example.org");
	ck_assert_int_eq(authres_next(&r, &it), RC_OK);
	ck_assert(sv_eq(it.method, SV("dkim")));
	ck_assert(sv_eq(it.result, SV("pass")));
	ck_assert(sv_eq(it.reason, SV("a; b")));
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_OK);
	ck_assert(sv_eq(t, SV("header")) && sv_eq(p, SV("d")));
	ck_assert(sv_eq(v, SV("x.test")));
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_OK);
	ck_assert(sv_eq(v, SV("a==")));
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_EOF);
	ck_assert_int_eq(authres_next(&r, &it), RC_OK);
	ck_assert(sv_eq(it.method, SV("spf")) && it.reason.p == NULL);
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_OK);
	ck_assert(sv_eq(v, SV("a b@y.test")));
	ck_assert_int_eq(authres_next(&r, &it), RC_SYNTAX);
	authres_reader_fini(&r);
	ck_assert_int_eq(authres_reader_init(&r,
			     SV("mx.example.org 1; dmarc=pass (p=none sp=[1,2])"
				" action=none header.from=x.test")),
	    RC_OK);
	ck_assert_int_eq(authres_next(&r, &it), RC_OK);
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_OK);
	ck_assert(t.n == 0 && sv_eq(p, SV("action")));
	ck_assert_int_eq(authres_next_prop(&r, &t, &p, &v), RC_OK);
	ck_assert(sv_eq(t, SV("header")) && sv_eq(v, SV("x.test")));
	authres_reader_fini(&r);
	ck_assert_int_eq(
	    authres_reader_init(&r, SV("example.org; none")), RC_OK);
	ck_assert_int_eq(authres_next(&r, &it), RC_EOF);
	ck_assert(r.none);
	authres_reader_fini(&r);
}
END_TEST

static const struct {
	const char *value;
	bool forged;
} rows[] = {
    {"mx.example.org; dkim=pass", true},
    {"MX.Example.ORG; dkim=pass", true},
    {" (mx) mx.example.org (x); dkim=pass", true},
    {"\"mx.example.org\"; dkim=pass", true},
    {"\"mx.exam\\ple.org\"; dkim=pass", true},
    {"mx.example.org.; dkim=pass", true},
    {"mx.example.org", true},
    {"mx.example.org 1; dkim=pass", true},
    {"mx.example.org/2; dkim=pass", true},
    {"\r\n\tmx.example.org;\r\n\tdkim=pass", true},
    {"xn--mller-kva.test; dkim=pass", true},
    {"m\xc3\xbcller.test; dkim=pass", true},
    {"other.test 2; dkim=pass", true},
    {"; mx.example.org; dkim=pass", true},
    {"x mx.example.org; dkim=pass", true},
    {"mx. example.org; dkim=pass", true},
    {"mx.example.org\xff; dkim=pass", true},
    {"mx.example.org:25; dkim=pass", true},
    {"mx.example.org, x; dkim=pass", true},
    {"mx.example.org-2; dkim=pass", false},
    {"other.test; dkim=pass header.d=mx.example.org", false},
    {"mx.example.org.other.test; dkim=pass", false},
    {"xmx.example.org; dkim=pass", false},
    {"", false},
};

START_TEST(authres_is_forged__row)
{
	static const char *const ids[] = {
	    "mx.example.org", "m\xc3\xbcller.test"};

	ck_assert_msg(authres_is_forged(sv_str(rows[_i].value), ids, 2) ==
			  rows[_i].forged,
	    "%s", rows[_i].value);
}
END_TEST

START_TEST(authres_strip__leaves_the_rest)
{
	static const char *const ids[] = {"mx.example.org"};
	struct buf b;

	buf_init(&b, 4000);
	ck_assert_uint_eq(
	    authres_strip(SV("From a@b\r\nA: 1\r\n"
			     "authentication-results : mx.example.org;\r\n"
			     "\tdkim=pass\r\n"
			     "Authentication-Results: other.test; none\r\n"
			     "junk\r\nB: 2\r\n"
			     "Authentication-Results: MX.example.org; none\r\n"
			     "\r\nAuthentication-Results: mx.example.org\r\n"),
		ids, 1, &b),
	    2);
	ck_assert_str_eq(b.p, "From a@b\r\nA: 1\r\n"
			      "Authentication-Results: other.test; none\r\n"
			      "junk\r\nB: 2\r\n\r\n"
			      "Authentication-Results: mx.example.org\r\n");
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(authres)
{
	TCase *tc = tcase_create("authres");

	tcase_add_test(tc, authres__writes_a_field);
	tcase_add_loop_test(tc, authres__nothing_breaks_out, 0,
	    (int)(sizeof values / sizeof values[0]));
	tcase_add_test(tc, authres__reads_a_field);
	tcase_add_loop_test(
	    tc, authres_is_forged__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, authres_strip__leaves_the_rest);
	return tc;
}
