/* Names of domains in both of their forms. */
#include "base/rc.h"
#include "base/utf8.h"
#include "pagerules/idn.h"
#include "test/unit/unit.h"

/* NULL: it is not a name. */
static const struct {
	const char *in, *ascii, *shown;
} rows[] = {
    {"example.org", "example.org", "example.org"},
    {"Example.ORG", "Example.ORG", "Example.ORG"},
    {"b\xc3\xbc"
     "cher.example",
	"xn--bcher-kva.example",
	"b\xc3\xbc"
	"cher.example"},
    {"B\xc3\x9c"
     "CHER.Example",
	"xn--bcher-kva.example",
	"b\xc3\xbc"
	"cher.example"},
    /* In two characters. */
    {"bu\xcc\x88"
     "cher.example",
	"xn--bcher-kva.example",
	"b\xc3\xbc"
	"cher.example"},
    {"XN--Bcher-KVA.example", "XN--Bcher-KVA.example",
	"b\xc3\xbc"
	"cher.example"},
    {"x@b\xc3\xbc"
     "cher.example",
	"x@xn--bcher-kva.example",
	"x@b\xc3\xbc"
	"cher.example"},
    {"@b\xc3\xbc"
     "cher.example",
	"@xn--bcher-kva.example",
	"@b\xc3\xbc"
	"cher.example"},
    /* What is left of the last @ stays. */
    {"X\xc3\x9c@xn--bcher-kva.example", "X\xc3\x9c@xn--bcher-kva.example",
	"X\xc3\x9c@b\xc3\xbc"
	"cher.example"},
    {"stra\xc3\x9f"
     "e.example",
	"xn--strae-oqa.example",
	"stra\xc3\x9f"
	"e.example"},
    {"STRA\xe1\xba\x9e"
     "E.example",
	"xn--strae-oqa.example",
	"stra\xc3\x9f"
	"e.example"},
    {"\xce\xb2\xcf\x8c\xce\xbb\xce\xbf\xcf\x82.example", "xn--nxasmm1c.example",
	"\xce\xb2\xcf\x8c\xce\xbb\xce\xbf\xcf\x82.example"},
    /* [RFC 3492 7.1] (B), (F) and (O), with dots of their own. */
    {"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d"
     "\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82"
     "test",
	"xn--ihqwcrb4cv8a8dqg056pqjye.test",
	"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8"
	"\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87.test"},
    {"\xe3\x81\xb2\xe3\x81\xa8\xe3\x81\xa4\xe5\xb1\x8b\xe6\xa0\xb9\xe3\x81\xae"
     "\xe4\xb8\x8b"
     "2\xef\xbc\x8e"
     "test",
	"xn--2-u9tlzr9756bt3uc0v.test",
	"\xe3\x81\xb2\xe3\x81\xa8\xe3\x81\xa4\xe5\xb1\x8b\xe6\xa0\xb9\xe3\x81"
	"\xae\xe4\xb8\x8b"
	"2.test"},
    /* What stands for nothing is shown as it is. */
    {"xn--999999999999999.example", "xn--999999999999999.example",
	"xn--999999999999999.example"},
    {"xn--abc-.example", NULL, NULL},
    {"xn--bcher-kv.example", "xn--bcher-kv.example", NULL},
    {"", NULL, NULL},
    {"@", NULL, NULL},
    {"a..example", NULL, NULL},
    {"a b.example", NULL, NULL},
    {"\xc3.example", NULL, NULL},
    {"\xc3\xbc\xc3\xbc,example", NULL, NULL},
};

START_TEST(idn__row)
{
	struct buf ascii, shown;
	int r;

	buf_init(&ascii, 4096);
	buf_init(&shown, 4096);
	r = idn_ascii(sv_str(rows[_i].in), &ascii);
	ck_assert_int_eq(r, rows[_i].ascii != NULL ? RC_OK : RC_SYNTAX);
	ck_assert_str_eq(ascii.p, rows[_i].ascii != NULL ? rows[_i].ascii : "");
	ck_assert_int_eq(idn_shown(sv_str(rows[_i].in), &shown), r);
	if (rows[_i].shown != NULL)
		ck_assert_str_eq(shown.p, rows[_i].shown);
	buf_fini(&shown);
	buf_fini(&ascii);
}
END_TEST

/* Whatever is in a label: both forms are valid, and the one is the other's. */
START_TEST(idn__any_label)
{
	uint32_t seed = 7;

	for (unsigned n = 0; n < 20000; n++) {
		struct buf in, shown, ascii;

		buf_init(&in, 200);
		buf_init(&shown, 4096);
		buf_init(&ascii, 4096);
		buf_adds(&in, "xn--");
		for (unsigned i = 0; i < 1 + n % 59; i++) {
			seed = seed * 1664525 + 1013904223;
			buf_addc(&in, "abcdefghijklmnopqrstuvwxyz0123456789-"
					  [(seed >> 16) % 37]);
		}
		if (idn_shown(buf_sv(&in), &shown) == RC_OK) {
			ck_assert(utf8_valid(buf_sv(&shown)));
			ck_assert_int_eq(
			    idn_ascii(buf_sv(&shown), &ascii), RC_OK);
			ck_assert_str_eq(ascii.p, in.p);
		}
		buf_fini(&ascii);
		buf_fini(&shown);
		buf_fini(&in);
	}
}
END_TEST

UNIT_TESTS(idn)
{
	TCase *tc = tcase_create("idn");

	tcase_add_loop_test(
	    tc, idn__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, idn__any_label);
	return tc;
}
