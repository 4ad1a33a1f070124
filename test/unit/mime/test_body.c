#include "test/unit/mime/fixture.h"
#include "test/unit/unit.h"

static const struct {
	const char *name;
	enum mime_encoding enc;
	const char *in, *want;
} rows[] = {
    {"base64", MIME_ENC_BASE64, "SGVsbG8=", "Hello"},
    {"base64, two pads", MIME_ENC_BASE64, "SGVsbA==", "Hell"},
    {"base64, lines", MIME_ENC_BASE64, "SGVs\r\nbG8g\r\nd29ybGQ=\r\n",
	"Hello world"},
    {"base64, line break inside a quartet", MIME_ENC_BASE64,
	"SG\r\nVsbG8=", "Hello"},
    {"base64, foreign bytes", MIME_ENC_BASE64, "S!G-V*s bG8=", "Hello"},
    {"base64, no padding", MIME_ENC_BASE64, "SGVsbG8", "Hello"},
    {"base64, one left over", MIME_ENC_BASE64, "SGVsb", "Hel"},
    {"base64, glued", MIME_ENC_BASE64, "SGVsbA==bG8h", "Helllo!"},
    {"base64, empty", MIME_ENC_BASE64, "", ""},
    {"base64, only pads", MIME_ENC_BASE64, "====", ""},
    {"qp", MIME_ENC_QP, "J=C3=B6rg", "J\xc3\xb6rg"},
    {"qp, small hex", MIME_ENC_QP, "J=c3=b6rg", "J\xc3\xb6rg"},
    {"qp, soft break", MIME_ENC_QP, "a=\r\nb", "ab"},
    {"qp, soft break with blanks", MIME_ENC_QP, "a= \t\r\nb", "ab"},
    {"qp, hard break", MIME_ENC_QP, "a\r\nb\r\n", "a\r\nb\r\n"},
    {"qp, bare LF", MIME_ENC_QP, "a\nb=\nc", "a\nbc"},
    {"qp, trailing blanks", MIME_ENC_QP, "a  \r\nb \t", "a\r\nb"},
    {"qp, encoded trailing blank", MIME_ENC_QP, "a=20\r\n", "a \r\n"},
    {"qp, no hex", MIME_ENC_QP, "a=zz=4", "a=zz=4"},
    {"qp, equals at the end", MIME_ENC_QP, "a=", "a"},
    {"identity", MIME_ENC_IDENTITY, "a=20\r\n", "a=20\r\n"},
};

START_TEST(mime_decode_body__reads_each_row)
{
	struct buf got;

	buf_init(&got, 1000);
	mime_decode_body(sv_str(rows[_i].in), rows[_i].enc, &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(rows[_i].want)),
	    "%s: got \"%s\"", rows[_i].name, got.p);
	buf_fini(&got);
}
END_TEST

START_TEST(mime_to_utf8__knows_its_charsets)
{
	static const struct {
		const char *charset, *in, *want;
	} c[] = {{"us-ascii", "abc", "abc"},
	    {"US-ASCII", "\xc3\xb6", "\xc3\xb6"},
	    {"us-ascii", "\xf6", "\xc3\xb6"},
	    {"utf-8",
		"a\xff"
		"b",
		"a\xef\xbf\xbd"
		"b"},
	    {"iso-8859-1", "\xe4\xf6\xfc\x80",
		"\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac"},
	    {"ISO-8859-15", "\xa4", "\xe2\x82\xac"},
	    {"iso-8859-2", "\xb1", "\xc4\x85"},
	    {"windows-1251", "\xf2", "\xd1\x82"},
	    {"big5", "\xb4\xfa", "\xe6\xb8\xac"},
	    {"euc-kr", "\xc5\xd7", "\xed\x85\x8c"}, {"utf-16le", "", ""},
	    {"utf-7", "+AOQ-", "\xc3\xa4"},
	    {"x-unknown-thing", "a\xf6", "a\xef\xbf\xbd"},
	    {"euc-jp",
		"a\xff\xff"
		"b",
		"a\xef\xbf\xbd\xef\xbf\xbd"
		"b"},
	    {"shift_jis", "a\x83", "a\xef\xbf\xbd"}};
	struct buf got;
	size_t i;

	buf_init(&got, 1000);
	for (i = 0; i < sizeof c / sizeof c[0]; i++) {
		buf_reset(&got);
		mime_to_utf8(sv_str(c[i].charset), sv_str(c[i].in), &got);
		ck_assert_msg(sv_eq(buf_sv(&got), sv_str(c[i].want)),
		    "%s: got \"%s\"", c[i].charset, got.p);
	}
	ck_assert(mime_charset_known(SV("Windows-1252")));
	ck_assert(!mime_charset_known(SV("klingon")));
	ck_assert(!mime_charset_known(SV("x-unknown")));
	ck_assert(!mime_charset_known(SV("UNKNOWN-8BIT")));
	ck_assert(!mime_charset_known(SV("8bit")));
	ck_assert(!mime_charset_known(SV("default")));
	ck_assert(!mime_charset_known(SV("")));
	buf_fini(&got);
}
END_TEST

START_TEST(mime_part_text__decodes_and_converts)
{
	static const char in[] =
	    "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nJ=F6rg\r\n";
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct mime_msg m;
	struct buf got;

	buf_init(&got, 100);
	mime_parse(sv_str(in), &lim, &m);
	mime_part_text(sv_str(in), &m, 0, &got);
	ck_assert_str_eq(got.p, "J\xc3\xb6rg\r\n");
	mime_msg_fini(&m);
	buf_fini(&got);
}
END_TEST

/* In pieces of every size: the same as at once. */
START_TEST(mime_decode_some__is_the_same_in_pieces)
{
	struct sv in = sv_str(rows[_i].in);
	struct buf want, got, raw;
	size_t step, at;

	buf_init(&want, 4096);
	buf_init(&got, 4096);
	buf_init(&raw, 4096);
	mime_decode_body(in, rows[_i].enc, &want);
	for (step = 1; step <= in.n; step++) {
		struct mime_decoder d = {.enc = rows[_i].enc};

		buf_reset(&got);
		buf_reset(&raw);
		for (at = 0; at < in.n; at += step) {
			buf_addsv(&raw, sv_first(sv_skip(in, at), step));
			buf_consume(&raw, mime_decode_some(&d, buf_sv(&raw),
					      at + step >= in.n, &got));
		}
		ck_assert_uint_eq(raw.n, 0);
		ck_assert_msg(sv_eq(buf_sv(&got), buf_sv(&want)),
		    "row %d in steps of %zu: %s", _i, step, got.p);
	}
	buf_fini(&raw);
	buf_fini(&got);
	buf_fini(&want);
}
END_TEST

/* A line without end is not kept as a whole. */
START_TEST(mime_decode_some__bounds_what_is_left)
{
	static const char *const fill[] = {"a", " ", "=", "=4", "=41", "a =\r"};
	struct buf raw, got;
	size_t i, k;

	buf_init(&raw, 1 << 20);
	buf_init(&got, 8 << 20);
	for (i = 0; i < sizeof fill / sizeof fill[0]; i++) {
		struct mime_decoder d = {.enc = MIME_ENC_QP};

		buf_reset(&raw);
		buf_reset(&got);
		for (k = 0; k < 200000; k++) {
			buf_adds(&raw, fill[i]);
			if (k % 1000 != 0)
				continue;
			buf_consume(&raw,
			    mime_decode_some(&d, buf_sv(&raw), false, &got));
			ck_assert_uint_lt(raw.n, MIME_DECODE_LEFT);
		}
		buf_consume(
		    &raw, mime_decode_some(&d, buf_sv(&raw), true, &got));
		ck_assert_uint_eq(raw.n, 0);
		ck_assert(buf_ok(&raw) && buf_ok(&got));
		if (i == 4)
			ck_assert_uint_eq(got.n, 200000);
	}
	buf_fini(&got);
	buf_fini(&raw);
}
END_TEST

static const struct {
	const char *header;
	bool known;
} encodings[] = {
    {"Subject: x\r\n\r\n", true},
    {"", true},
    {"Content-Transfer-Encoding: 7bit\r\n\r\n", true},
    {"content-transfer-encoding: (c) Quoted-Printable\r\n\r\n", true},
    {"Content-Transfer-Encoding: BINARY\r\n", true},
    {"Content-Transfer-Encoding:\r\n\r\n", true},
    {"Content-Transfer-Encoding: x-uuencode\r\n\r\n", false},
    {"Content-Transfer-Encoding: base-64\r\n\r\n", false},
};

START_TEST(mime_encoding_known__reads_each_row)
{
	ck_assert_msg(mime_encoding_known(sv_str(encodings[_i].header)) ==
			  encodings[_i].known,
	    "%s", encodings[_i].header);
}
END_TEST

UNIT_TESTS(body)
{
	TCase *tc = tcase_create("body");

	tcase_add_loop_test(tc, mime_decode_some__is_the_same_in_pieces, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_test(tc, mime_decode_some__bounds_what_is_left);
	tcase_add_loop_test(tc, mime_encoding_known__reads_each_row, 0,
	    sizeof encodings / sizeof encodings[0]);
	tcase_add_loop_test(tc, mime_decode_body__reads_each_row, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, mime_to_utf8__knows_its_charsets);
	tcase_add_test(tc, mime_part_text__decodes_and_converts);
	return tc;
}
