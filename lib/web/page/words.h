/*
 * All texts of the pages, in all languages, and numbers, sizes and times as
 * each language writes them.
 *
 * A row of words_*.def is WORD(name, "English", "German"); one that lacks a
 * language does not compile, and an empty one fails the test.  In a text
 *
 *   {1}                  is the first argument
 *   {1|message|messages} is one of two, by the number of the first argument
 */
#ifndef WEB_PAGE_WORDS_H
#define WEB_PAGE_WORDS_H

#include "base/buf.h"

enum page_language {
	PAGE_ENGLISH,
	PAGE_GERMAN,
	PAGE_LANGUAGES /* how many */
};

#define WORD(name, english, german) W_##name,
enum page_word {
	W_NONE, /* empty */
#include "web/page/words_page.def"
#include "web/page/words_self.def"
#include "web/page/words_sign.def"
#include "web/page/words_admin.def"
#include "web/page/words_rules.def"
	PAGE_WORDS /* how many */
};
#undef WORD

/* Of Accept-Language; English if none of ours is in it. */
enum page_language page_language(struct sv accept);
/* "en" */
const char *page_language_tag(enum page_language l);
/* As it is in the table. */
const char *page_word(enum page_language l, enum page_word w);

struct page_arg {
	enum page_arg_kind {
		PAGE_ARG_NONE,
		PAGE_ARG_TEXT,	/* made fit to be read */
		PAGE_ARG_WORD,	/* of the table, without arguments */
		PAGE_ARG_COUNT, /* 1,234 */
		PAGE_ARG_SIZE,	/* bytes: 1.5 GB */
		PAGE_ARG_TIME,	/* ms since 1970: 24 November 2026, 14:05 */
		PAGE_ARG_DAY
	} kind;
	struct sv text;
	int64_t number;
};

static inline struct page_arg
page_none(void)
{
	return (struct page_arg){.kind = PAGE_ARG_NONE};
}

static inline struct page_arg
page_text(struct sv s)
{
	return (struct page_arg){.kind = PAGE_ARG_TEXT, .text = s};
}

static inline struct page_arg
page_word_arg(enum page_word w)
{
	return (struct page_arg){.kind = PAGE_ARG_WORD, .number = (int64_t)w};
}

static inline struct page_arg
page_count(uint64_t n)
{
	return (struct page_arg){.kind = PAGE_ARG_COUNT, .number = (int64_t)n};
}

static inline struct page_arg
page_size(uint64_t bytes)
{
	return (struct page_arg){
	    .kind = PAGE_ARG_SIZE, .number = (int64_t)bytes};
}

static inline struct page_arg
page_time(int64_t ms)
{
	return (struct page_arg){.kind = PAGE_ARG_TIME, .number = ms};
}

static inline struct page_arg
page_day(int64_t ms)
{
	return (struct page_arg){.kind = PAGE_ARG_DAY, .number = ms};
}

/* Appends the text with its arguments.  One that is missing is nothing. */
void page_words(enum page_language l, enum page_word w,
    const struct page_arg *args, size_t n, struct buf *out);
/* Appends what somebody has written: valid UTF-8 without control characters,
 * those that cannot be seen, and those that turn a line's direction. */
void page_clean(struct sv s, struct buf *out);

#endif
