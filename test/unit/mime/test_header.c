#include "test/unit/mime/fixture.h"
#include "test/unit/unit.h"

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"plain", "Hello", "Hello"},
    {"folded", "Hello\r\n world\r\n\tagain", "Hello world\tagain"},
    {"q", "=?iso-8859-1?Q?J=F6rg_x?=", "J\xc3\xb6rg x"},
    {"b", "=?UTF-8?B?SsO2cmc=?=", "J\xc3\xb6rg"},
    {"between text", "a =?utf-8?q?b?= c", "a b c"},
    {"two words join", "=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
    {"folded words join", "=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"},
    {"words of two charsets join",
	"=?utf-8?q?=C3=B6?= =?iso-8859-1?q?=F6?=", "\xc3\xb6\xc3\xb6"},
    {"text keeps its blanks", "=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
    {"character cut in two", "=?utf-8?q?=C3?= =?utf-8?q?=B6?=", "\xc3\xb6"},
    {"with a language", "=?us-ascii*en?q?Keith?=", "Keith"},
    {"blanks inside", "=?utf-8?q?a b?=", "a b"},
    {"no end", "=?utf-8?q?abc", "=?utf-8?q?abc"},
    {"bad encoding", "=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
    {"no charset", "=??q?abc?=", "=??q?abc?="},
    {"unknown charset", "=?klingon?q?a=FFb?=",
	"a\xef\xbf\xbd"
	"b"},
    {"empty word",
	"=?utf-8?q?"
	"?=",
	""},
    {"bad hex", "=?utf-8?q?=4?=", "=4"},
    {"glued to text", "x=?utf-8?q?a?=y", "xay"},
    {"raw utf-8", "J\xc3\xb6rg", "J\xc3\xb6rg"},
    {"raw latin-1", "J\xf6rg", "J\xc3\xb6rg"},
    {"raw windows-1252", "\x80 \x93x\x94",
	"\xe2\x82\xac \xe2\x80\x9cx\xe2\x80\x9d"},
    {"iso-2022-jp", "=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=",
	"\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"},
    {"koi8-r", "=?koi8-r?q?=D4=C5=D3=D4?=", "\xd1\x82\xd0\xb5\xd1\x81\xd1\x82"},
    {"gb2312", "=?gb2312?b?suLK1A==?=", "\xe6\xb5\x8b\xe8\xaf\x95"},
    {"shift_jis",
	"=?shift_jis?b?g2WDWINn?=", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"},
};

START_TEST(mime_decode_header__reads_each_row)
{
	struct buf got;

	buf_init(&got, 1000);
	mime_decode_header(sv_str(rows[_i].in), &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(rows[_i].want)),
	    "%s: got \"%s\"", rows[_i].name, got.p);
	buf_fini(&got);
}
END_TEST

static const struct {
	const char *in, *want;
} texts[] = {
    {"", ""},
    {" \t\r\n ", ""},
    {"a", "a"},
    {"quarterly report of\r\n\tthe committee",
	"quarterly report of the committee"},
    {"  a  b\r\n   c\t\td ", "a b c d"},
    {"a\rb\nc", "a b c"},
    {"=?utf-8?q?a_=20b=09?= c", "a b c"},
    {"=?utf-8?q?a?=\r\n\t =?utf-8?q?b?=", "ab"},
    {"=?utf-8?q?a=0D=0Ab?=", "a b"},
    {"x\r\n =?utf-8?q?J=C3=B6rg?=\r\n\ty", "x J\xc3\xb6rg y"},
};

START_TEST(mime_header_text__is_what_is_shown)
{
	struct buf got;

	buf_init(&got, 1000);
	buf_adds(&got, "before ");
	mime_header_text(sv_str(texts[_i].in), &got);
	ck_assert_msg(strncmp(got.p, "before ", 7) == 0 &&
			  strcmp(got.p + 7, texts[_i].want) == 0,
	    "%s: got \"%s\"", texts[_i].in, got.p);
	buf_reset(&got);
	mime_narrow(SV(" a \t b "), true, &got);
	ck_assert_str_eq(got.p, " a b ");
	buf_reset(&got);
	mime_narrow(SV("\t "), true, &got);
	ck_assert_str_eq(got.p, " ");
	buf_fini(&got);
}
END_TEST

START_TEST(mime_decode_header__is_linear_in_hostile_input)
{
	static const char *const bad[] = {
	    "=?", "=?a?q?", "=?utf-8?q?a?= ", "=?utf-8?b?\xff", "?=", "="};
	struct buf in, out;

	buf_init(&in, 1 << 20);
	buf_init(&out, 16u << 20);
	while (buf_ok(&in))
		buf_adds(&in, bad[_i]);
	mime_decode_header(buf_sv(&in), &out);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

static const struct {
	const char *name, *value, *param, *want; /* NULL: not there */
} params[] = {
    {"token", "text/plain; charset=utf-8", "charset", "utf-8"},
    {"quoted", "text/plain; name=\"a \\\"b\\\".txt\"", "name", "a \"b\".txt"},
    {"case", "text/plain; CharSet=UTF-8", "charset", "UTF-8"},
    {"blanks", "text/plain ; charset = utf-8 ; x=y", "charset", "utf-8"},
    {"comment", "text/plain; charset=utf-8 (that one)", "charset", "utf-8"},
    {"missing", "text/plain; format=flowed", "charset", NULL},
    {"no type", "; charset=utf-8", "charset", "utf-8"},
    {"behind a broken one", "text/plain; =x; foo; charset=utf-8", "charset",
	"utf-8"},
    {"unquoted slashes and equals", "multipart/mixed; boundary=--=_x/1:2",
	"boundary", "--=_x/1:2"},
    {"pieces", "application/x; name*0=\"ab\"; name*1=\"cd\"", "name", "abcd"},
    {"pieces in any order", "application/x; name*1=cd; name*0=ab", "name",
	"abcd"},
    {"encoded", "application/x; name*=utf-8''J%C3%B6rg", "name", "J\xc3\xb6rg"},
    {"encoded latin-1", "application/x; name*=iso-8859-1'de'J%F6rg", "name",
	"J\xc3\xb6rg"},
    {"encoded pieces", "a/b; name*0*=utf-8''J%C3%B6; name*1=\"r%g\"", "name",
	"J\xc3\xb6r%g"},
    {"starred wins", "a/b; name=x; name*=utf-8''y", "name", "y"},
    {"encoded word", "a/b; name=\"=?utf-8?q?J=C3=B6rg?=\"", "name",
	"J\xc3\xb6rg"},
    {"bad percent", "a/b; name*=utf-8''100%", "name", "100%"},
    {"no quotes", "a/b; name*=x%41", "name", "xA"},
    {"piece without a beginning", "a/b; name*1=x", "name", NULL},
};

START_TEST(mime_param__reads_each_row)
{
	struct buf got;
	bool found;

	buf_init(&got, 1000);
	found = mime_param(
	    sv_str(params[_i].value), sv_str(params[_i].param), &got);
	ck_assert_msg(
	    found == (params[_i].want != NULL), "%s", params[_i].name);
	if (found)
		ck_assert_msg(sv_eq(buf_sv(&got), sv_str(params[_i].want)),
		    "%s: got \"%s\"", params[_i].name, got.p);
	buf_fini(&got);
}
END_TEST

START_TEST(mime_unfold__keeps_the_blanks)
{
	struct buf got;

	buf_init(&got, 100);
	mime_unfold(SV("a\r\n b\n\tc"), &got);
	ck_assert_str_eq(got.p, "a b\tc");
	buf_fini(&got);
}
END_TEST

UNIT_TESTS(header)
{
	TCase *tc = tcase_create("header");

	tcase_add_loop_test(tc, mime_header_text__is_what_is_shown, 0,
	    sizeof texts / sizeof texts[0]);
	tcase_add_loop_test(tc, mime_decode_header__reads_each_row, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(
	    tc, mime_decode_header__is_linear_in_hostile_input, 0, 6);
	tcase_add_loop_test(tc, mime_param__reads_each_row, 0,
	    (int)(sizeof params / sizeof params[0]));
	tcase_add_test(tc, mime_unfold__keeps_the_blanks);
	return tc;
}
