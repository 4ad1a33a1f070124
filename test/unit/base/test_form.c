/* Forms as browsers send them. */
#include <stdio.h>

#include "base/form.h"
#include "test/unit/unit.h"

static const struct {
	const char *form, *name;
	int rc;
	const char *value;
} rows[] = {
    {"a=b", "a", RC_OK, "b"},
    {"a=b", "b", RC_NOTFOUND, ""},
    {"", "a", RC_NOTFOUND, ""},
    {"&&&", "a", RC_NOTFOUND, ""},
    {"x=1&a=b&a=c", "a", RC_OK, "b"},
    {"a", "a", RC_OK, ""},
    {"a=", "a", RC_OK, ""},
    {"a=b=c", "a", RC_OK, "b=c"},
    {"=v&a=b", "a", RC_OK, "b"},
    {"a=%C3%a9+a%20b", "a", RC_OK, "\xc3\xa9 a b"},
    {"a=%26%3d%2b%25", "a", RC_OK, "&=+%"},
    {"%61=b", "a", RC_OK, "b"},
    {"A=b", "a", RC_NOTFOUND, ""},
    {"a=%", "a", RC_SYNTAX, ""},
    {"a=%4", "a", RC_SYNTAX, ""},
    {"a=%4g", "a", RC_SYNTAX, ""},
    {"a=%-1", "a", RC_SYNTAX, ""},
    {"a=x%00y", "a", RC_SYNTAX, ""},
    {"b=%&a=c", "a", RC_OK, "c"},
    {"%=%&a=c", "a", RC_OK, "c"},
    {"a=12345678", "a", RC_OK, "12345678"},
    {"a=123456789", "a", RC_TOOBIG, ""},
    {"b=123456789&a=1", "a", RC_OK, "1"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1"
     "&a=2",
	"a", RC_OK, "2"},
};

START_TEST(form__gives_fields)
{
	const char *form = rows[_i].form;
	struct buf v;

	buf_init(&v, 12);
	buf_adds(&v, "is: ");
	ck_assert_msg(form_get(sv_str(form), rows[_i].name, &v) == rows[_i].rc,
	    "%s", form);
	ck_assert_str_eq(v.p + 4, rows[_i].value);
	ck_assert(buf_ok(&v));
	buf_fini(&v);
}
END_TEST

START_TEST(form__is_what_was_encoded)
{
	struct buf all, form, v;
	int i;

	buf_init(&all, 1000);
	buf_init(&form, 4000);
	buf_init(&v, 1000);
	for (i = 1; i < 256; i++)
		buf_addc(&all, (char)i);
	buf_adds(&form, "x=y&all=");
	form_encode(buf_sv(&all), &form);
	ck_assert_int_eq(form_get(buf_sv(&form), "all", &v), RC_OK);
	ck_assert(sv_eq(buf_sv(&v), buf_sv(&all)));
	buf_fini(&v);
	buf_fini(&form);
	buf_fini(&all);
}
END_TEST

UNIT_TESTS(form)
{
	TCase *t = tcase_create("form");

	tcase_add_loop_test(
	    t, form__gives_fields, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, form__is_what_was_encoded);
	return t;
}
