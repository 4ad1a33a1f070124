#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "base/base64.h"
#include "base/buf.h"
#include "fixture.h"

#define HEAD "From: Shop <a@shop.example>\r\nSubject: x\r\n"
#define HTML HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n"
#define TEXT HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n"

#define TEN(s)	  s s s s s s s s s s
#define BLANK_8K  TEN(TEN(TEN("\r\n  \r\n  ")))
#define BREAKS_8K TEN(TEN(TEN("<br>\r\n  ")))
#define WORDS_10  "one two three four five six seven eight nine ten "
#define WORDS_50  WORDS_10 WORDS_10 WORDS_10 WORDS_10 WORDS_10
#define WORDS_250 WORDS_50 WORDS_50 WORDS_50 WORDS_50 WORDS_50
#define LONG_TEXT                                                        \
	TEXT WORDS_250 WORDS_250 WORDS_250 WORDS_250 WORDS_250 WORDS_250 \
	    WORDS_250 "buy viagra"
#define BOTH                                                                  \
	HEAD "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" \
	     "Content-Type: text/plain\r\n\r\ngarden\r\n--b\r\n"              \
	     "Content-Type: text/html\r\n\r\n<p>viagra</p>\r\n--b--\r\n"

static const struct {
	const char *name, *message;
	enum junk_kind kind;
	const char *text;
	bool there;
} rows[] = {
    {"a comment in a word", HTML "<p>V<!-- q -->iagra</p>", JUNK_WORD, "viagra",
	true},
    {"what a comment has is hidden", HTML "V<!-- garden -->iagra", JUNK_HIDDEN,
	"garden", true},
    {"and not shown", HTML "V<!-- garden -->iagra", JUNK_WORD, "garden", false},
    {"a tag in a word", HTML "<p>Vi<b>ag</b>ra</p>", JUNK_WORD, "viagra", true},
    {"a cell is no part of a word", HTML "<td>one</td><td>two</td>", JUNK_WORD,
	"onetwo", false},
    {"not displayed",
	HTML "<div style=\"display: none\">novel <div>words</div>"
	     "</div> buy",
	JUNK_HIDDEN, "words", true},
    {"not displayed, not shown",
	HTML "<div style='display:none'>novel words</div> buy", JUNK_WORD,
	"novel", false},
    {"behind what is not displayed",
	HTML "<div style='display:none'><div>novel</div></div> buy", JUNK_WORD,
	"buy", true},
    {"white on white", HTML "<font color=#FFFFFF>novel</font> buy", JUNK_HIDDEN,
	"novel", true},
    {"white on blue is shown",
	HTML "<span style='color:white;background-color:blue'>offer</span>",
	JUNK_WORD, "offer", true},
    {"of no size", HTML "<span style='font-size:0px'>novel</span> buy",
	JUNK_HIDDEN, "novel", true},
    {"hidden by its attribute", HTML "<div hidden>novel</div> buy", JUNK_WORD,
	"novel", false},
    {"light on white, for certain",
	HTML "<p style='color:#fdfdfd !important'>novel</p> buy", JUNK_HIDDEN,
	"novel", true},
    {"white by its parts",
	HTML "<p style='COLOR: RGB(255, 255, 255)'>novel</p> buy", JUNK_HIDDEN,
	"novel", true},
    {"white on white by both",
	HTML "<p style='color:#fff;background:white'>novel</p> buy",
	JUNK_HIDDEN, "novel", true},
    {"grey is shown", HTML "<p style='color:#eee'>offer</p>", JUNK_WORD,
	"offer", true},
    {"smaller than the rest is shown",
	HTML "<span style='font-size:0.9em'>offer</span>", JUNK_WORD, "offer",
	true},
    {"smaller in percent", HTML "<span style='font-size:80%'>offer</span>",
	JUNK_WORD, "offer", true},
    {"far smaller", HTML "<span style='font-size:.1em'>novel</span> buy",
	JUNK_HIDDEN, "novel", true},
    {"half a pixel", HTML "<span style='font-size:0.5px'>novel</span> buy",
	JUNK_HIDDEN, "novel", true},
    {"half transparent is shown", HTML "<span style='opacity:0.5'>offer</span>",
	JUNK_WORD, "offer", true},
    {"transparent", HTML "<span style='opacity:0.0'>novel</span> buy",
	JUNK_HIDDEN, "novel", true},
    {"flat", HTML "<div style='max-height:0px;overflow:hidden'>novel</div> buy",
	JUNK_HIDDEN, "novel", true},
    {"out of the page",
	HTML "<div style='position:absolute;left:-9999px'>novel</div> buy",
	JUNK_HIDDEN, "novel", true},
    {"a margin is shown", HTML "<div style='margin-top:-8px'>offer</div>",
	JUNK_WORD, "offer", true},
    {"a paragraph that nobody ends",
	HTML "<p style='display:none'>novel<p>buy viagra", JUNK_WORD, "viagra",
	true},
    {"a cell likewise", HTML "<tr><td style='display:none'>novel<td>buy viagra",
	JUNK_WORD, "viagra", true},
    {"styles without end in front",
	HTML "<style>" WORDS_250 WORDS_250 WORDS_250 WORDS_250 WORDS_250
	    WORDS_250 WORDS_250 WORDS_250 WORDS_250 WORDS_250 WORDS_250
		WORDS_250 WORDS_250 WORDS_250 "</style><p>buy viagra</p>"
	     "<!-- " WORDS_250 "-->",
	JUNK_WORD, "viagra", true},
    {"line breaks without end in front", TEXT BLANK_8K "buy viagra" BLANK_8K,
	JUNK_WORD, "viagra", true},
    {"the same in HTML", HTML BREAKS_8K "buy viagra" BREAKS_8K, JUNK_WORD,
	"viagra", true},
    {"entities", HTML "V&#105;&#x61;gra", JUNK_WORD, "viagra", true},
    {"entities that are not seen", HTML "Vi&ZeroWidthSpace;a&lrm;gr&it;a",
	JUNK_WORD, "viagra", true},
    {"zero width",
	TEXT "V\xe2\x80\x8bi\xe2\x80\x8c"
	     "agra",
	JUNK_WORD, "viagra", true},
    {"soft hyphens",
	TEXT "vi\xc2\xad"
	     "agra",
	JUNK_WORD, "viagra", true},
    {"wide letters", TEXT "\xef\xbd\x96\xef\xbd\x89\xef\xbd\x81gra", JUNK_WORD,
	"viagra", true},
    {"fillers and tags",
	TEXT "V\xe3\x85\xa4i\xf3\xa0\x81\xa1"
	     "a\xe2\x81\xa6gra",
	JUNK_WORD, "viagra", true},
    {"lines through letters",
	TEXT "v\xcc\xb6i\xcc\xb6"
	     "a\xcc\xb6gra",
	JUNK_WORD, "viagra", true},
    {"letters in circles and squares",
	TEXT "\xe2\x93\xa5\xe2\x93\x98\xf0\x9f\x84\xb0\xe2\x84\x8a"
	     "r\xf0\x9f\x85\xb0",
	JUNK_WORD, "viagra", true},
    {"base64",
	HEAD "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n"
	     "\r\ndmlhZ3Jh\r\n",
	JUNK_WORD, "viagra", true},
    {"subject encoded",
	"From: a@b.example\r\nSubject: =?utf-8?B?dmlhZ3Jh?=\r\n\r\nx",
	JUNK_SUBJECT, "viagra", true},
    {"a link and an image only",
	HTML "<a href='http://www.pills.example/a'><img src='cid:1'></a>",
	JUNK_URL, "pills.example", true},
    {"domain of a link", TEXT "see http://www.Pills.example/x", JUNK_URL,
	"pills.example", true},
    {"of two forms the one that is shown", BOTH, JUNK_WORD, "viagra", true},
    {"and not the other", BOTH, JUNK_WORD, "garden", false},
    {"which is there", BOTH, JUNK_SHAPE, "only HTML", false},
    {"two words that follow each other", TEXT "lowest rates ever", JUNK_PAIR,
	"lowest rates", true},
    {"a part of a text without case", TEXT "LOWEST Rates", JUNK_PAIR,
	"lowest rates", true},
    {"the end of a long text", LONG_TEXT, JUNK_WORD, "viagra", true},
    {"a PDF only",
	HEAD "Content-Type: application/pdf; name=bill.pdf\r\n"
	     "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n",
	JUNK_ATTACHMENT, "is pdf", true},
    {"a program that says it is a picture",
	HEAD "Content-Type: image/png; name=a.png\r\n"
	     "Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=\r\n",
	JUNK_ATTACHMENT, "is program", true},
    {"its own mark", "X-Hearthmail-Junk: no score=1\r\n" TEXT "x", JUNK_HEADER,
	"X-Hearthmail-Junk", false},
    {"another filter's mark", "X-Spam-Status: No, score=-9\r\n" TEXT "x",
	JUNK_HEADER, "X-Spam-Status", false},
    {"that of one more", "X-Spamd-Result: default: False [-9]\r\n" TEXT "x",
	JUNK_HEADER, "X-Spamd-Result", false},
    {"of a gateway", "X-IronPort-Anti-Spam-Result: A0\r\n" TEXT "x",
	JUNK_HEADER, "X-IronPort-Anti-Spam-Result", false},
    {"of a scanner", "X-Antivirus-Status: Clean\r\n" TEXT "x", JUNK_HEADER,
	"X-Antivirus-Status", false},
    {"of a mail program", "X-Account-Key: account1\r\nX-UIDL: 7\r\n" TEXT "x",
	JUNK_HEADER, "X-Account-Key", false},
    {"what a program says of itself", "X-Mailer: a\r\n" TEXT "x", JUNK_HEADER,
	"X-Mailer", true},
};

START_TEST(feature__row)
{
	struct junk_features *f = calloc(1, sizeof *f);

	take(rows[_i].message, f);
	ck_assert_msg(has(f, rows[_i].kind, rows[_i].text) == rows[_i].there,
	    "%s", rows[_i].name);
	free(f);
}
END_TEST

/* The tail of a long text in base64 is text, wherever it is cut. */
START_TEST(feature__base64_from_the_end)
{
	struct junk_features *f = calloc(1, sizeof *f);
	struct buf b, plain;

	buf_init(&b, 1 << 20);
	buf_init(&plain, 1 << 20);
	for (int i = 0; i < 20; i++)
		buf_adds(&plain, WORDS_250);
	buf_adds(&plain, "buy viagra");
	buf_adds(&b, HEAD "Content-Transfer-Encoding: base64\r\n\r\n");
	/* Lines of any length. */
	for (size_t at = 0; at < plain.n; at += 42) {
		base64_encode(sv_first(sv_skip(buf_sv(&plain), at), 42), &b);
		buf_adds(&b, at % 84 == 0 ? "\r\n" : "\r\n ");
	}
	for (int i = 0; i < 4; i++) {
		buf_adds(&b, " ");
		memset(f, 0, sizeof *f);
		take(b.p, f);
		ck_assert_msg(has(f, JUNK_WORD, "viagra"), "%d", i);
	}
	buf_fini(&plain);
	buf_fini(&b);
	free(f);
}
END_TEST

/* What this server puts on top when mail comes changes nothing. */
START_TEST(feature__same_before_and_after_delivery)
{
	struct junk_features *a = calloc(1, sizeof *a);
	struct junk_features *b = calloc(1, sizeof *b);

	take(TEXT "hello there", a);
	take("Return-Path: <a@shop.example>\r\n"
	     "Authentication-Results: mail.home.test; spf=pass\r\n"
	     "Received: from x.example ([192.0.2.1])\r\n"
	     "\tby mail.home.test with ESMTP id 1;\r\n"
	     "\tMon, 30 Nov 2026 17:16:43 +0000\r\n"
	     "X-Hearthmail-Junk: yes score=90 reasons=word\r\n" TEXT
	     "hello there",
	    b);
	ck_assert_uint_eq(a->n, b->n);
	ck_assert(memcmp(a->v, b->v, a->n * sizeof a->v[0]) == 0);
	free(b);
	free(a);
}
END_TEST

/* Text without end, and words without number: bounded, and each kind keeps
 * its room. */
START_TEST(feature__bounded)
{
	struct junk_features *f = calloc(1, sizeof *f);
	struct buf b;
	unsigned i;

	buf_init(&b, 32 << 20);
	buf_adds(&b, HTML);
	for (i = 0; i < 200000; i++)
		buf_addf(&b, "<b>word%u</b> http://h%u.example/ ", i * 7919, i);
	ck_assert(buf_ok(&b));
	take(b.p, f);
	ck_assert_uint_le(f->n, JUNK_FEATURES_MAX);
	ck_assert(has(f, JUNK_SUBJECT, "x"));
	ck_assert(has(f, JUNK_SHAPE, "tag b"));
	buf_fini(&b);
	free(f);
}
END_TEST

static void
count_names(void *arg, uint32_t feature, struct sv text)
{
	(void)feature;
	*(int *)arg += sv_eq(text, SV("viagra"));
}

START_TEST(feature__named)
{
	const struct junk_source src = {
	    .msg = SV(TEXT "buy viagra now"), .kinds = JUNK_ALL};
	const uint32_t want = junk_feature_of(JUNK_WORD, SV("viagra"));
	int n = 0;

	junk_features_name(&src, &want, 1, count_names, &n);
	ck_assert_int_eq(n, 1);
}
END_TEST

UNIT_TESTS(feature)
{
	TCase *t = tcase_create("feature");

	tcase_add_loop_test(
	    t, feature__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, feature__base64_from_the_end);
	tcase_add_test(t, feature__same_before_and_after_delivery);
	tcase_add_test(t, feature__bounded);
	tcase_add_test(t, feature__named);
	return t;
}
