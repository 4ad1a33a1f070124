#include "history/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/fold.h"
#include "base/utf8.h"

#define PARSE_TEXT_MAX 900

/* ---- what a text may mean ---- */

/* A copy in room, A to Z folded. */
static struct sv
keep(struct buf *room, struct sv s)
{
	char *p = buf_reserve(room, s.n);

	if (p == NULL)
		return SV("");
	fold_ascii(s, p);
	buf_added(room, s.n);
	return sv_of(p, s.n);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_id(struct sv s, uint8_t out[16])
{
	size_t i;

	if (s.n != 32)
		return false;
	for (i = 0; i < 16; i++) {
		int high = hex_digit(s.p[2 * i]);
		int low = hex_digit(s.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
is_word(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == ' ' || s.p[i] == '\t')
			return false;
	return true;
}

static struct sv
without_angles(struct sv s)
{
	if (s.n > 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		return sv_of(s.p + 1, s.n - 2);
	return s;
}

size_t
history_parse(struct sv text, struct buf *room,
    struct history_term out[HISTORY_PARSE_MAX])
{
	struct sv s = sv_trim(text), bare = without_angles(s);
	struct history_term t = {.kind = HISTORY_BY_SUBJECT};
	size_t n = 0;

	memset(out, 0, HISTORY_PARSE_MAX * sizeof *out);
	if (s.n == 0 || s.n > PARSE_TEXT_MAX || sv_chr(s, '\0') < s.n ||
	    buf_reserve(room, 4 * s.n) == NULL)
		return 0;
	if (read_id(s, t.id)) {
		t.kind = HISTORY_BY_ID;
		out[n++] = t;
		return n;
	}
	if (is_word(s) && s.p[0] == '@') {
		out[n].kind = HISTORY_BY_DOMAIN;
		out[n++].text = keep(room, sv_skip(s, 1));
		return out[0].text.n > 0 ? n : 0;
	}
	if (sv_chr(bare, '@') < bare.n && (is_word(bare) || bare.p[0] == '"')) {
		out[n].kind = HISTORY_BY_ADDRESS;
		out[n++].text = keep(room, bare);
		out[n].kind = HISTORY_BY_MESSAGE_ID;
		out[n++].text = out[0].text;
		return n;
	}
	if (sv_to_u64(s, UINT64_MAX, &t.number) == RC_OK) {
		out[n].kind = HISTORY_BY_QUEUE_ID;
		out[n++].number = t.number;
	} else if (is_word(s)) {
		out[n].kind = HISTORY_BY_ACCOUNT;
		out[n++].text = keep(room, s);
		if (sv_chr(s, '.') < s.n) {
			out[n].kind = HISTORY_BY_DOMAIN;
			out[n++].text = keep(room, s);
		}
		out[n].kind = HISTORY_BY_MESSAGE_ID;
		out[n++].text = keep(room, bare);
	}
	out[n].kind = HISTORY_BY_SUBJECT;
	out[n++].text = keep(room, s);
	return n;
}

/* ---- does a step fit? ---- */

struct history_search {
	const struct history_term *term;
	size_t n;
	struct buf *folded; /* of each term: the words of a subject */
	struct buf subject; /* of the step at hand */
};

struct history_search *
history_search_new(const struct history_term *t, size_t n)
{
	struct history_search *s = xcalloc(1, sizeof *s);
	size_t i;

	s->term = t;
	s->n = n;
	s->folded = xcalloc(n + 1, sizeof *s->folded);
	for (i = 0; i < n; i++) {
		buf_init(&s->folded[i], 8 * HISTORY_TEXT_MAX);
		if (t[i].kind == HISTORY_BY_SUBJECT)
			fold_utf8(t[i].text, &s->folded[i]);
	}
	buf_init(&s->subject, 8 * HISTORY_TEXT_MAX);
	return s;
}

void
history_search_free(struct history_search **sp)
{
	struct history_search *s = *sp;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		buf_fini(&s->folded[i]);
	buf_fini(&s->subject);
	free(s->folded);
	free(s);
	*sp = NULL;
}

/* One of the addresses with blanks between them. */
static bool
has_address(struct sv all, struct sv address)
{
	size_t at;

	while ((at = sv_ifind(all, address)) < all.n) {
		size_t end = at + address.n;

		if ((at == 0 || all.p[at - 1] == ' ') &&
		    (end == all.n || all.p[end] == ' '))
			return true;
		all = sv_skip(all, at + 1);
	}
	return false;
}

static bool
has_domain(struct sv all, struct sv domain)
{
	size_t at;

	while ((at = sv_ifind(all, domain)) < all.n) {
		size_t end = at + domain.n;

		if (at > 0 && all.p[at - 1] == '@' &&
		    (end == all.n || all.p[end] == ' '))
			return true;
		all = sv_skip(all, at + 1);
	}
	return false;
}

static void
fold_subject(struct history_search *s, struct sv subject)
{
	char *p;

	buf_reset(&s->subject);
	if (utf8_has_8bit(subject)) {
		fold_utf8(subject, &s->subject);
	} else if ((p = buf_reserve(&s->subject, subject.n)) != NULL) {
		fold_ascii(subject, p);
		buf_added(&s->subject, subject.n);
	}
}

static bool
is_number(struct sv word)
{
	size_t i = 0;

	while (i < word.n && ascii_is_digit(word.p[i]))
		i++;
	return word.n > 0 && i == word.n;
}

static bool
is_letter(char c)
{
	return ascii_is_alnum(c) || (unsigned char)c >= 0x80;
}

/* Part of a word will do, but part of a number is another number. */
static bool
has_word(struct sv subject, struct sv word)
{
	bool number = is_number(word);
	size_t at;

	while ((at = sv_find(subject, word)) < subject.n) {
		size_t end = at + word.n;

		if (!number ||
		    ((at == 0 || !is_letter(subject.p[at - 1])) &&
			(end == subject.n || !is_letter(subject.p[end]))))
			return true;
		subject = sv_skip(subject, end);
	}
	return false;
}

/* All the words, wherever they are. */
static bool
has_words(struct sv subject, struct sv words)
{
	bool any = false;

	while (words.n > 0) {
		struct sv word = sv_trim(sv_split(&words, ' '));

		if (word.n > 0 && !has_word(subject, word))
			return false;
		any = any || word.n > 0;
	}
	return any;
}

static bool
subject_fits(
    struct history_search *s, size_t i, const struct history_step *step)
{
	if (step->subject.n == 0)
		return false;
	if (s->subject.n == 0)
		fold_subject(s, step->subject);
	return has_words(buf_sv(&s->subject), buf_sv(&s->folded[i]));
}

static bool
fits(struct history_search *s, size_t i, const struct history_step *step)
{
	const struct history_term *t = &s->term[i];

	switch ((enum history_term_kind)t->kind) {
	case HISTORY_BY_ADDRESS:
		return sv_ieq(step->sender, t->text) ||
		       has_address(step->who, t->text);
	case HISTORY_BY_DOMAIN:
		return has_domain(step->sender, t->text) ||
		       has_domain(step->who, t->text);
	case HISTORY_BY_ACCOUNT:
		return step->account.n > 0 && sv_ieq(step->account, t->text);
	case HISTORY_BY_MESSAGE_ID:
		return step->message_id.n > 0 &&
		       sv_ieq(step->message_id, t->text);
	case HISTORY_BY_QUEUE_ID:
		return step->kind == HISTORY_QUEUED &&
		       step->number == t->number;
	case HISTORY_BY_ID:
		return memcmp(step->id, t->id, sizeof t->id) == 0;
	case HISTORY_BY_SUBJECT:
		return subject_fits(s, i, step);
	case HISTORY_TERM_KINDS:
		break;
	}
	return false;
}

bool
history_search_matches(
    struct history_search *s, const struct history_step *step)
{
	size_t i;

	buf_reset(&s->subject);
	for (i = 0; i < s->n; i++)
		if (fits(s, i, step))
			return true;
	return false;
}
