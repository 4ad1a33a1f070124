/*
 * A message's story in words, for a person at a terminal.  Pure, but for the
 * local time zone.
 */
#ifndef HISTORY_WORDS_H
#define HISTORY_WORDS_H

#include "ipc/msg_history.h"

/* Appends what a stranger has written, fit for a terminal: valid UTF-8 without
 * control characters, and without those that turn the direction of a line or
 * cannot be seen. */
void history_show(struct sv s, struct buf *out);

/* "accepted", ... as in --json. */
const char *history_kind_name(enum history_kind k);
const char *history_writer_name(uint8_t writer);

/* One sentence. */
void history_step_words(const struct history_step *s, struct buf *out);

/*
 * In the order in which it happened, whatever the order in which it came, and
 * each thing once: what the queue handed to an account has been stored there.
 * Returns how many are left.
 */
size_t history_arrange(struct history_step *s, size_t n);
/* The whole story, arranged, with the newest step last. */
void history_story_words(
    const struct history_step *s, size_t n, struct buf *out);
/* The first of the steps that has it. */
struct sv history_sender(const struct history_step *s, size_t n);
struct sv history_subject(const struct history_step *s, size_t n);
struct sv history_message_id(const struct history_step *s, size_t n);

#endif
