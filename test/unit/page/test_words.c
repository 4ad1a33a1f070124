/* Texts in all languages: which one, that none is missing, and numbers, sizes
 * and times as each language writes them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "test/unit/unit.h"
#include "web/page/words.h"

/* Which arguments a text has, as bits; and is it well formed? */
static unsigned
holes(const char *text)
{
	unsigned all = 0;
	const char *p = text;

	while ((p = strchr(p, '{')) != NULL) {
		const char *end = strchr(p, '}');

		ck_assert_msg(end != NULL && p[1] >= '1' && p[1] <= '9' &&
				  (p[2] == '}' || p[2] == '|'),
		    "%s", text);
		if (p[2] == '|') {
			const char *second = strchr(p + 3, '|');

			ck_assert_msg(
			    second != NULL && second < end &&
				memchr(second + 1, '|',
				    (size_t)(end - second - 1)) == NULL,
			    "%s", text);
		}
		all |= 1u << (p[1] - '0');
		p = end;
	}
	return all;
}

START_TEST(words__none_is_missing)
{
	enum page_language l;
	enum page_word w;

	for (w = W_NONE + 1; w < PAGE_WORDS; w++)
		for (l = 0; l < PAGE_LANGUAGES; l++) {
			const char *text = page_word(l, w);

			ck_assert_msg(text != NULL && text[0] != '\0' &&
					  utf8_valid(sv_str(text)),
			    "word %d in %s", (int)w, page_language_tag(l));
			ck_assert_msg(
			    holes(text) == holes(page_word(PAGE_ENGLISH, w)),
			    "%s", text);
		}
}
END_TEST

START_TEST(words__the_browser_chooses_the_language)
{
	static const struct {
		const char *accept;
		enum page_language l;
	} rows[] = {
	    {"", PAGE_ENGLISH},
	    {"de", PAGE_GERMAN},
	    {"DE-at", PAGE_GERMAN},
	    {"de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", PAGE_GERMAN},
	    {"en-US,en;q=0.9,de;q=0.8", PAGE_ENGLISH},
	    {"de;q=0.5, en;q=0.7", PAGE_ENGLISH},
	    {"fr, de;q=0.3, en;q=0.2", PAGE_GERMAN},
	    {"fr-CH, fr;q=0.9, *;q=0.5", PAGE_ENGLISH},
	    {"de;q=0, *;q=0.1", PAGE_ENGLISH},
	    {"de;q=0", PAGE_ENGLISH},
	    {"de;q=0.001", PAGE_GERMAN},
	    {"de ; q=1.000 , en", PAGE_GERMAN},
	    {"de;q=x", PAGE_ENGLISH},
	    {"de;level=1;q=0.4,en;q=0.3", PAGE_GERMAN},
	    {"deu", PAGE_ENGLISH},
	    {",,;;=,de", PAGE_GERMAN},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(
		    page_language(sv_str(rows[i].accept)) == rows[i].l, "%s",
		    rows[i].accept);
}
END_TEST

static void
is(enum page_language l, enum page_word w, struct page_arg a,
    const char *expected)
{
	struct buf b;

	buf_init(&b, 1000);
	page_words(l, w, &a, 1, &b);
	ck_assert_str_eq(b.p, expected);
	buf_fini(&b);
}

START_TEST(words__numbers_and_sizes)
{
	is(PAGE_ENGLISH, W_PLAIN, page_count(0), "0");
	is(PAGE_ENGLISH, W_PLAIN, page_count(999), "999");
	is(PAGE_ENGLISH, W_PLAIN, page_count(1234567), "1,234,567");
	is(PAGE_GERMAN, W_PLAIN, page_count(1234), "1.234");
	is(PAGE_ENGLISH, W_PLAIN, page_size(0), "0 bytes");
	is(PAGE_ENGLISH, W_PLAIN, page_size(999), "999 bytes");
	is(PAGE_GERMAN, W_PLAIN, page_size(12), "12 Bytes");
	is(PAGE_ENGLISH, W_PLAIN, page_size(1024), "1 KB");
	is(PAGE_ENGLISH, W_PLAIN, page_size(1600 * 1024), "1.5 MB");
	is(PAGE_GERMAN, W_PLAIN, page_size(1600 * 1024), "1,5 MB");
	is(PAGE_ENGLISH, W_PLAIN, page_size(200ull << 30), "200 GB");
	is(PAGE_ENGLISH, W_PLAIN, page_size(UINT64_MAX), "16 EB");
}
END_TEST

START_TEST(words__one_and_several)
{
	is(PAGE_ENGLISH, W_DEVICES_COUNT, page_count(1),
	    "1 device has a password of its own.");
	is(PAGE_ENGLISH, W_DEVICES_COUNT, page_count(0),
	    "0 devices have a password of their own.");
	is(PAGE_GERMAN, W_DEVICES_COUNT, page_count(1),
	    "1 Gerät hat ein eigenes Passwort.");
	is(PAGE_GERMAN, W_DEVICES_COUNT, page_count(21),
	    "21 Geräte haben ein eigenes Passwort.");
}
END_TEST

START_TEST(words__times)
{
	const int64_t ms = 1795440309000; /* 2026-11-23 13:25:09 UTC */

	ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
	tzset();
	is(PAGE_ENGLISH, W_PLAIN, page_time(ms), "23 November 2026, 13:25");
	is(PAGE_GERMAN, W_PLAIN, page_time(ms), "23. November 2026, 13:25 Uhr");
	is(PAGE_GERMAN, W_PLAIN, page_day(ms), "23. November 2026");
	is(PAGE_ENGLISH, W_PLAIN, page_time(0), "never");
	is(PAGE_ENGLISH, W_PLAIN, page_time(INT64_MIN), "never");
}
END_TEST

START_TEST(words__arguments_are_not_words)
{
	is(PAGE_ENGLISH, W_DEVICE_NEW_FOR, page_text(SV("{1} {2} } { %s")),
	    "For \"{1} {2} } { %s\".");
	is(PAGE_ENGLISH, W_DEVICE_NEW_FOR, page_word_arg(W_SIZE),
	    "For \"Size\".");
}
END_TEST

START_TEST(words__strangers_texts_are_made_fit_to_be_read)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"plain \xc3\xa4", "plain \xc3\xa4"},
	    {"a\tb\r\nc\x7f", "a b  c "},
	    {"\x1b[31mred", " [31mred"},
	    {"bad \xff\xc3 end", "bad \xef\xbf\xbd\xef\xbf\xbd end"},
	    {"\xc2\x9b", " "},
	    {"a\xe2\x80\xae"
	     "b",
		"ab"}, /* right to left */
	    {"a\xe2\x81\xa6"
	     "b",
		"ab"},			      /* isolate */
	    {"pay\xc2\xadpal", "paypal"},     /* soft hyphen */
	    {"\xf3\xa0\x80\xa1x", "x"},	      /* a tag */
	    {"\xef\xbf\xbf", "\xef\xbf\xbd"}, /* no character */
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		page_clean(sv_str(rows[i].in), &b);
		ck_assert_str_eq(b.p, rows[i].out);
	}
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(words)
{
	TCase *t = tcase_create("words");

	tcase_add_test(t, words__none_is_missing);
	tcase_add_test(t, words__the_browser_chooses_the_language);
	tcase_add_test(t, words__numbers_and_sizes);
	tcase_add_test(t, words__one_and_several);
	tcase_add_test(t, words__times);
	tcase_add_test(t, words__arguments_are_not_words);
	tcase_add_test(t, words__strangers_texts_are_made_fit_to_be_read);
	return t;
}
