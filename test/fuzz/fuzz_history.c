/*
 * The history: records of another process, which may be anything, and what an
 * owner types.  A record that is taken comes back as the same; a text has terms
 * that can be searched for, and what is shown is fit for a terminal.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"
#include "history/record.h"
#include "history/search.h"
#include "history/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
come_back(const struct history_step *s)
{
	struct history_step got = {.kind = 0};
	struct buf b;
	struct sv all;

	buf_init(&b, 1 << 20);
	history_record_put(s, &b);
	all = buf_sv(&b);
	must(history_record_get(&all, &got) && all.n == 0);
	must(got.kind == s->kind && got.when == s->when &&
	     got.number == s->number && got.code == s->code);
	must(sv_eq(got.who, s->who) && sv_eq(got.text, s->text) &&
	     sv_eq(got.subject, s->subject));
	buf_fini(&b);
}

static void
show(const struct history_step *s)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 20);
	history_step_words(s, &b);
	must(buf_ok(&b) && utf8_valid(buf_sv(&b)));
	for (i = 0; i < b.n; i++)
		must((unsigned char)b.p[i] >= ' ' && b.p[i] != 0x7f);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history_term term[HISTORY_PARSE_MAX];
	struct history_step s = {.kind = 0};
	struct history_search *search;
	struct sv all = sv_of(data, size);
	struct buf room, bare;
	size_t n;

	buf_init(&room, 65536);
	buf_init(&bare, 1 << 20);
	n = history_parse(sv_first(all, size / 2), &room, term);
	must(n <= HISTORY_PARSE_MAX);
	search = history_search_new(term, n);
	(void)history_record_strip(all, HISTORY_TAG_SUBJECT, &bare);
	must(bare.n <= size);
	while (history_record_get(&all, &s)) {
		come_back(&s);
		show(&s);
		(void)history_search_matches(search, &s);
	}
	history_search_free(&search);
	buf_fini(&bare);
	buf_fini(&room);
	return 0;
}
