/*
 * Which messages are meant: the words of `trace WHICH`, and whether a step fits
 * them.  Pure.
 */
#ifndef HISTORY_SEARCH_H
#define HISTORY_SEARCH_H

#include "ipc/msg_history.h"

/*
 * What a text may mean, each as a term; any of them is enough:
 *
 *   @example.net        the domain of the sender or of a recipient
 *   ben@example.net     the sender, a recipient, or a Message-ID
 *   <ben@example.net>   the same
 *   17                  a number in the queue, or one in a subject
 *   32 hex digits       the id that the answer to DATA has
 *   anything else       words of the subject, an account, or a domain; parts
 *                       of words will do, but parts of numbers will not
 *
 * Texts are appended to room, which must outlive the terms.  Returns how many
 * terms there are, at most HISTORY_PARSE_MAX; 0: the text is empty or too long.
 */
#define HISTORY_PARSE_MAX 4
size_t history_parse(struct sv text, struct buf *room,
    struct history_term out[HISTORY_PARSE_MAX]);

struct history_search;

/* Copies nothing: the terms must outlive it. */
struct history_search *history_search_new(
    const struct history_term *t, size_t n);
void history_search_free(struct history_search **s);
bool history_search_matches(
    struct history_search *s, const struct history_step *step);

#endif
