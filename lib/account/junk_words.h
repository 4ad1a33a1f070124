/* What was learned of a message, in words: the field that it gets, and the
 * sentences of `hearthmail junk explain`.  Pure. */
#ifndef ACCOUNT_JUNK_WORDS_H
#define ACCOUNT_JUNK_WORDS_H

#include "ipc/msg_junk.h"
#include "junk/feature.h"

#define JUNK_SIGNALS 8

/* What was found out when it came (msgauth/verdict.h) as signals; returns how
 * many, 0 where there is no verdict. */
size_t junk_signals_of(struct sv verdict, struct junk_signal out[JUNK_SIGNALS]);
/* Has the account written to the author, and is it from there?  Then it is not
 * junk, unless its owner has said so of this content. */
bool junk_is_known(struct sv verdict);
/* 1 to 100; 50: just as likely the one as the other. */
uint32_t junk_score_of(const struct junk_told *told);
/* "X-Hearthmail-Junk: yes score=93 reasons=...", with its line end. */
struct junk_opinion {
	bool junk;
	uint32_t score;
	bool known; /* it is not junk since its author is known */
};
/* What follows from an answer, with this threshold. */
struct junk_opinion junk_opinion_of(
    const struct junk_told *told, bool known, uint32_t threshold);
void junk_field(const struct junk_told *told, const struct junk_opinion *o,
    struct buf *out);
void junk_sentences(const struct junk_source *src, const struct junk_told *told,
    const struct junk_opinion *o, struct buf *out);

#endif
