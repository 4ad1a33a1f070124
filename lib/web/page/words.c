#include "web/page/words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"
#include "base/utf8.h"

static const struct {
	const char *text[PAGE_LANGUAGES];
} table[PAGE_WORDS] = {
    [W_NONE] = {{"", ""}},
#define WORD(name, english, german) \
	[W_##name] = {{[PAGE_ENGLISH] = english, [PAGE_GERMAN] = german}},
#include "web/page/words_page.def"
#include "web/page/words_self.def"
#include "web/page/words_sign.def"
#include "web/page/words_admin.def"
#include "web/page/words_rules.def"
#undef WORD
};

static const char *const tags[PAGE_LANGUAGES] = {
    [PAGE_ENGLISH] = "en", [PAGE_GERMAN] = "de"};

const char *
page_word(enum page_language l, enum page_word w)
{
	must(l < PAGE_LANGUAGES && w < PAGE_WORDS);
	return table[w].text[l];
}

const char *
page_language_tag(enum page_language l)
{
	must(l < PAGE_LANGUAGES);
	return tags[l];
}

/* ---- which one ---- */

/* "0.8" in thousandths [RFC 9110 12.4.2]; anything else is 0. */
static unsigned
weight(struct sv s)
{
	unsigned w, digit = 100;
	size_t i;

	if (s.n == 0 || (s.p[0] != '0' && s.p[0] != '1'))
		return 0;
	w = s.p[0] == '1' ? 1000 : 0;
	if (s.n > 1 && s.p[1] != '.')
		return 0;
	for (i = 2; i < s.n && i < 5; i++, digit /= 10) {
		if (!ascii_is_digit(s.p[i]))
			return 0;
		w += digit * (unsigned)(s.p[i] - '0');
	}
	return w > 1000 ? 1000 : w;
}

/* "de-AT;q=0.8": which it is, and how much it is wanted. */
static enum page_language
range(struct sv one, unsigned *wanted)
{
	struct sv name = sv_trim(sv_split(&one, ';'));
	struct sv language = sv_split(&name, '-');
	enum page_language l;

	*wanted = 1000;
	while (one.n > 0) {
		struct sv parameter = sv_trim(sv_split(&one, ';'));

		if (sv_istarts(parameter, SV("q=")))
			*wanted = weight(sv_skip(parameter, 2));
	}
	if (sv_eq(language, SV("*")))
		return PAGE_ENGLISH;
	for (l = 0; l < PAGE_LANGUAGES; l++)
		if (sv_ieq(language, sv_str(tags[l])))
			return l;
	return PAGE_LANGUAGES;
}

enum page_language
page_language(struct sv accept)
{
	enum page_language best = PAGE_ENGLISH;
	unsigned best_wanted = 0, wanted;

	/* Of two that are wanted alike the first counts. */
	while (accept.n > 0) {
		enum page_language l = range(sv_split(&accept, ','), &wanted);

		if (l < PAGE_LANGUAGES && wanted > best_wanted) {
			best = l;
			best_wanted = wanted;
		}
	}
	return best;
}

/* ---- what strangers have written ---- */

/* Marks that are not seen, or that make a line read other than it is written
 * [Unicode UAX 9, UTS 39]. */
static bool
is_hidden(uint32_t cp)
{
	return cp == 0x00ad || cp == 0x061c || cp == 0x180e ||
	       (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
	       (cp >= 0xfff0 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

static bool
is_impossible(uint32_t cp)
{
	return (cp & 0xfffe) == 0xfffe || (cp >= 0xfdd0 && cp <= 0xfdef);
}

void
page_clean(struct sv s, struct buf *out)
{
	uint32_t cp;

	while (s.n > 0)
		if (utf8_next(&s, &cp) != RC_OK || is_impossible(cp))
			buf_adds(out, "\xef\xbf\xbd");
		else if (cp < ' ' || (cp >= 0x7f && cp <= 0x9f))
			buf_addc(out, ' ');
		else if (!is_hidden(cp))
			utf8_put(out, cp);
}

/* ---- arguments ---- */

static void
put_count(enum page_language l, uint64_t n, struct buf *out)
{
	char digits[24];
	int i, all = snprintf(
		   digits, sizeof digits, "%llu", (unsigned long long)n);

	for (i = 0; i < all; i++) {
		if (i > 0 && (all - i) % 3 == 0)
			buf_adds(out, page_word(l, W_THOUSANDS));
		buf_addc(out, digits[i]);
	}
}

/* With one digit behind the point, where there are not more before it. */
static void
put_size(enum page_language l, uint64_t bytes, struct buf *out)
{
	static const char *const unit[] = {
	    "bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
	uint64_t scale = 1, tenths;
	size_t u = 0;

	while (u + 1 < sizeof unit / sizeof unit[0] && bytes / scale >= 1000) {
		scale *= 1024;
		u++;
	}
	if (u == 0) {
		put_count(l, bytes, out);
		buf_addf(out, " %s", page_word(l, W_BYTES));
		return;
	}
	tenths = bytes / scale * 10 + bytes % scale * 10 / scale;
	if (tenths >= 100 || tenths % 10 == 0)
		put_count(l, (tenths + (tenths >= 100 ? 5 : 0)) / 10, out);
	else
		buf_addf(out, "%llu%s%llu", (unsigned long long)(tenths / 10),
		    page_word(l, W_DECIMAL), (unsigned long long)(tenths % 10));
	buf_addf(out, " %s", unit[u]);
}

static void
put_day(enum page_language l, const struct tm *t, struct buf *out)
{
	char day[12], year[12];

	(void)snprintf(day, sizeof day, "%d", t->tm_mday);
	(void)snprintf(year, sizeof year, "%d", t->tm_year + 1900);
	page_words(l, W_DAY_FORM,
	    (const struct page_arg[]){page_text(sv_str(day)),
		page_word_arg((enum page_word)((int)W_MONTH_1 + t->tm_mon)),
		page_text(sv_str(year))},
	    3, out);
}

static void
put_time(enum page_language l, int64_t ms, bool clock, struct buf *out)
{
	time_t seconds = (time_t)(ms / 1000);
	char hour[12], minute[12];
	struct buf day;
	struct tm t;

	/* What is not a time: nothing is better than 1970. */
	if (ms <= 0 || localtime_r(&seconds, &t) == NULL) {
		buf_adds(out, page_word(l, W_NO_TIME));
		return;
	}
	if (!clock) {
		put_day(l, &t, out);
		return;
	}
	buf_init(&day, 256);
	put_day(l, &t, &day);
	(void)snprintf(hour, sizeof hour, "%02d", t.tm_hour);
	(void)snprintf(minute, sizeof minute, "%02d", t.tm_min);
	page_words(l, W_TIME_FORM,
	    (const struct page_arg[]){page_text(buf_sv(&day)),
		page_text(sv_str(hour)), page_text(sv_str(minute))},
	    3, out);
	buf_fini(&day);
}

static void
put_arg(enum page_language l, const struct page_arg *a, struct buf *out)
{
	switch (a->kind) {
	case PAGE_ARG_NONE:
		break;
	case PAGE_ARG_TEXT:
		page_clean(a->text, out);
		break;
	case PAGE_ARG_WORD:
		buf_adds(out, page_word(l, (enum page_word)a->number));
		break;
	case PAGE_ARG_COUNT:
		put_count(l, (uint64_t)a->number, out);
		break;
	case PAGE_ARG_SIZE:
		put_size(l, (uint64_t)a->number, out);
		break;
	case PAGE_ARG_TIME:
		put_time(l, a->number, true, out);
		break;
	case PAGE_ARG_DAY:
		put_time(l, a->number, false, out);
		break;
	}
}

/* What is between { and }. */
static void
put_hole(enum page_language l, struct sv hole, const struct page_arg *args,
    size_t n, struct buf *out)
{
	struct sv number = sv_split(&hole, '|');
	struct sv one = sv_split(&hole, '|');
	uint64_t which = 0;

	must(sv_to_u64(number, 9, &which) == RC_OK && which > 0);
	if (which > n)
		return;
	if (one.n == 0 && hole.n == 0)
		put_arg(l, &args[which - 1], out);
	else
		buf_addsv(out, args[which - 1].number == 1 ? one : hole);
}

void
page_words(enum page_language l, enum page_word w, const struct page_arg *args,
    size_t n, struct buf *out)
{
	struct sv rest = sv_str(page_word(l, w));

	while (rest.n > 0) {
		size_t open = sv_chr(rest, '{');

		buf_addsv(out, sv_first(rest, open));
		if (open == rest.n)
			return;
		rest = sv_skip(rest, open + 1);
		put_hole(l, sv_split(&rest, '}'), args, n, out);
	}
}
