/*
 * The history: what became of each message, step by step, so that its owner
 * can be told why it went where it went (`hearthmail trace`).
 *
 * Those who have a message in hand write a step (struct history_step in
 * ipc/msg_history.h) for each thing that happens to it:
 *
 *   writer      kinds
 *   smtp        ACCEPTED, REFUSED, DEFERRED
 *   submission  the same
 *   account     STORED, UNSTORED
 *   queue       QUEUED, TRIED, SENT, HANDED, RETURNED, DELAYED, HELD, RELEASED,
 *               REMOVED, RETRIED
 *   mx          HOST
 *   all         REMARK: words of their own
 *
 * A process that writes kinds of another has been taken over.  What joins steps
 * of one message is its delivery id, 16 random bytes that smtp or submission
 * gives it at MAIL and that go with it through the keeper, the account, the
 * queue and mx; a report that the queue writes has one of its own.
 *
 *   struct history *h = history_new(loop);
 *   history_connect(h, fd);           whenever there is a line
 *   history_note(h, &(struct history_step){.kind = HISTORY_STORED, ...});
 *
 * history_note() may be called from any thread, and does not wait: the step is
 * put into a buffer, which goes to the history's process at most 200 ms later,
 * with all that has come meanwhile.  Two buffers are on the way at most.  When
 * the process is away or slow, the buffer fills up (48 KB, some 200 steps);
 * what does not fit is dropped and counted, and the number goes with the next
 * one that does.  So mail never waits for its history, and is never lost with
 * it: the history may lag, and may have holes, which it shows.
 *
 * Never in a step: bodies, passwords.  Texts may be anything that a stranger
 * has sent; they are cut to their limits, repaired to valid UTF-8, and lose
 * their control characters here.
 */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include "base/ev.h"
#include "ipc/line.h"
#include "ipc/msg_history.h"

/* Whose line it is. */
enum history_writer {
	HISTORY_W_SMTP,
	HISTORY_W_SUBMISSION,
	HISTORY_W_ACCOUNT,
	HISTORY_W_QUEUE,
	HISTORY_W_MX,
	HISTORY_WRITERS
};

struct history;

struct history *history_new(struct ev_loop *loop);
/* Sends what is there, if it can go at once.  NULL-safe. */
void history_free(struct history **h);
/* A line to the history's process; takes fd. */
void history_connect(struct history *h, int fd);
/* What is there goes now: before the process ends. */
void history_flush(struct history *h);

/* h NULL: nothing.  Slices are the caller's again afterwards. */
void history_note(struct history *h, const struct history_step *s);
/* Something of which there is no step. */
void history_count(struct history *h, enum history_count what);
/* Something that is not about one message, without an answer: it is dropped
 * while the history's process is away.  From any thread; consumes m.  h NULL:
 * nothing. */
void history_tell(struct history *h, struct msg *m);
/* As peer_ask. */
void history_ask(
    struct history *h, struct msg *m, int64_t ms, peer_reply_fn *fn, void *arg);

/* As peer_call: not from the loop's thread. */
int history_call(struct history *h, struct msg *m, int64_t ms,
    struct msg *reply) RC_USE_RESULT;

/*
 * Refusals have steps, too, but as many as a network (/24,
 * /64) and all together may have in an hour, so that nobody fills the disk or
 * pushes out what matters.  From any thread.  false: only count it.
 */
#define HISTORY_PEER_REFUSALS 20
#define HISTORY_ALL_REFUSALS  300
struct history_gate;
struct history_gate *history_gate_new(void);
void history_gate_free(struct history_gate **g);
bool history_gate_may(struct history_gate *g, const char *peer);

#endif
