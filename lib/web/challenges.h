/*
 * Answers to HTTP-01 challenges [RFC 8555 8.3]: a small table that one process
 * fills and every loop of this one reads.
 */
#ifndef WEB_CHALLENGES_H
#define WEB_CHALLENGES_H

#include "base/buf.h"

struct challenges;

struct challenges *challenges_new(void);
void challenges_free(struct challenges **c);
/* From any thread.  RC_SYNTAX: that cannot be asked for; RC_TOOBIG: too many.
 * One that is there gets another answer. */
int challenges_set(
    struct challenges *c, struct sv token, struct sv answer) RC_USE_RESULT;
/* Empty: all. */
void challenges_clear(struct challenges *c, struct sv token);
/* Appends the answer; false: there is no such token. */
bool challenges_find(struct challenges *c, struct sv token, struct buf *out);

#endif
