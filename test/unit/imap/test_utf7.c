#include "test/unit/unit.h"

#include "imap/parse/utf7.h"

static const struct {
	const char *wire, *utf8; /* utf8 NULL: refused */
} rows[] = {
    {"", ""},
    {"INBOX", "INBOX"},
    {"a&-b", "a&b"},
    {"&-&-", "&&"},
    {"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
    /* The example of [RFC 3501 5.1.3]. */
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
					"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
    {"&2D3cCQ-", "\xf0\x9f\x90\x89"},
    {"&AOk--", "\xc3\xa9-"},
    {"&AOkA6Q-&-", "\xc3\xa9\xc3\xa9&"},
    {"&", NULL},
    {"a&AOk", NULL},	  /* not closed */
    {"&AOk-&AOk-", NULL}, /* superfluous shift */
    {"&AGE-", NULL},	  /* "a" has to stand for itself */
    {"&AAo-", NULL},	  /* a control character */
    {"&AOl-", NULL},	  /* bits left over */
    {"&A-", NULL},	  /* less than a unit */
    {"&AOkA-", NULL},	  /* six bits left over */
    {"&2D0-", NULL},	  /* half a pair */
    {"&3Ak-", NULL},	  /* the wrong half */
    {"&2D0AOQ-", NULL},	  /* a pair with a stranger */
    {"&AO/-", NULL},	  /* "/" is "," here */
    {"\xc3\xa9", NULL},
    {"a\tb", NULL},
};

START_TEST(imap_utf7__decodes_one_form_only)
{
	struct buf out;
	int r;

	buf_init(&out, 1000);
	r = imap_utf7_decode(sv_str(rows[_i].wire), &out);
	if (rows[_i].utf8 == NULL) {
		ck_assert_msg(r == RC_SYNTAX, "%s is taken", rows[_i].wire);
	} else {
		ck_assert_msg(r == RC_OK, "%s is refused", rows[_i].wire);
		ck_assert_str_eq(out.p, rows[_i].utf8);
		buf_reset(&out);
		imap_utf7_encode(sv_str(rows[_i].utf8), &out);
		ck_assert_str_eq(out.p, rows[_i].wire);
	}
	buf_fini(&out);
}
END_TEST

START_TEST(imap_utf7__encodes_bad_utf8_as_replacement)
{
	struct buf out;

	buf_init(&out, 1000);
	imap_utf7_encode(SV("a\xff"), &out);
	ck_assert_str_eq(out.p, "a&,,0-");
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(imap_utf7)
{
	TCase *tc = tcase_create("utf7");

	tcase_add_loop_test(tc, imap_utf7__decodes_one_form_only, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_test(tc, imap_utf7__encodes_bad_utf8_as_replacement);
	return tc;
}
