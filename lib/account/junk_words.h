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
/* 1 to 100; 50: just as likely the one as the other. */
uint32_t junk_score_of(const struct junk_told *told);
/* "X-Hearthmail-Junk: yes score=93 reasons=...", with its line end. */
void junk_field(const struct junk_told *told, bool junk, struct buf *out);
void junk_sentences(const struct junk_source *src, const struct junk_told *told,
    struct buf *out);

#endif
