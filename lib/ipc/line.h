/*
 * A line: one end of a SOCK_SEQPACKET pair between two processes, living as
 * long as both.  A death is an EOF.  Sending never blocks: what the socket
 * does not take waits in a bounded queue, and a full queue is a temporary
 * failure.
 *
 * struct peer is "the process that has that role now": a place for a line that
 * is replaced when the other process is started anew, and the requests that are
 * open on it.  EOF fails every open request with RC_TEMP at once; so does its
 * deadline with RC_TIMEOUT, which travels with the request: one that arrives
 * after its deadline is thrown away.  A reply that comes too late is dropped
 * and its descriptors are closed.
 */
#ifndef IPC_LINE_H
#define IPC_LINE_H

#include "base/ev.h"
#include "ipc/msg.h"

struct line;
typedef void line_msg_fn(struct line *l, struct msg *m, void *arg);
typedef void line_eof_fn(struct line *l, void *arg);

/*
 * Takes fd.  on_msg gets every message (and does not free it); on_eof is
 * called once; the line may be freed in both.  What is not a message
 * counts as EOF: the other side is broken.
 */
struct line *line_new(struct ev_loop *loop, int fd, line_msg_fn *on_msg,
    line_eof_fn *on_eof, void *arg);
void line_free(struct line **l);

/*
 * The other side has sent what it may not: none of our processes does that, so
 * it has been taken over.  Tells the process's judge, who knows by the
 * descriptor whose line it is; the caller cuts the line.  What is not even a
 * message is brought before the judge by the line itself.
 */
void line_accuse(struct line *l);
/* One for the process, before its first line; without, nothing happens. */
void line_set_judge(void (*judge)(int fd, void *arg), void *arg);

/* From any thread.  Consumes m, also on error: RC_TEMP if the queue is full
 * or the other side is gone. */
int line_send(struct line *l, struct msg *m) RC_USE_RESULT;
/* A message could not be sent, or EOF came: the other side has ended. */
bool line_gone(struct line *l);
/* The same for news that may be lost: the other side's end is seen anyway. */
void line_tell(struct line *l, struct msg *m);

/* A connected pair, close-on-exec, with buffers for the largest message. */
int line_pair(int fd[2]) RC_USE_RESULT;
/* One message on a bare descriptor, blocking: for the first and last words
 * of a process, when no loop runs. */
int line_send_fd(int fd, struct msg *m) RC_USE_RESULT;
int line_recv_fd(int fd, struct msg *m) RC_USE_RESULT;
/* A question on a bare descriptor and its answer, for a thread that may wait:
 * RC_TIMEOUT, RC_EOF, RC_SYNTAX, RC_TEMP.  Consumes m; on RC_OK *reply is the
 * caller's to fini. */
int line_ask_fd(
    int fd, struct msg *m, int64_t timeout_ms, struct msg *reply) RC_USE_RESULT;

/* ---- peers ---- */

struct peer;
/*
 * on_msg (may be NULL) gets messages that are not replies.  on_up (may be NULL)
 * is called when a new line is there.  All run in the loop's thread.
 */
struct peer *peer_new(struct ev_loop *loop, const char *name,
    line_msg_fn *on_msg, ev_fn *on_up, void *arg);
void peer_free(struct peer **p);
/* Puts a fresh line in the old one's place; takes fd. */
void peer_connect(struct peer *p, int fd);
bool peer_up(struct peer *p);

/* rc: RC_OK with a reply, else why there is none (reply is NULL). */
typedef void peer_reply_fn(int rc, struct msg *reply, void *arg);

/* From any thread.  Consumes m.  fn is called exactly once, in the loop's
 * thread, never before peer_ask has returned. */
void peer_ask(struct peer *p, struct msg *m, int64_t timeout_ms,
    peer_reply_fn *fn, void *arg);
/*
 * The same for requests that can wait until the peer has been started anew:
 * while there is no line it is kept and sent on the next one, up to its
 * deadline.  What was sent is never sent again.
 */
void peer_ask_later(struct peer *p, struct msg *m, int64_t timeout_ms,
    peer_reply_fn *fn, void *arg);
/* For threads other than the loop's: waits.  On RC_OK *reply is the caller's
 * to fini. */
int peer_call(struct peer *p, struct msg *m, int64_t timeout_ms,
    struct msg *reply) RC_USE_RESULT;
/* As peer_ask_later. */
int peer_call_later(struct peer *p, struct msg *m, int64_t timeout_ms,
    struct msg *reply) RC_USE_RESULT;
/* A message without an answer. */
int peer_tell(struct peer *p, struct msg *m) RC_USE_RESULT;
/* Waits until the peer has a line, at most timeout_ms: other threads only. */
int peer_wait_up(struct peer *p, int64_t timeout_ms) RC_USE_RESULT;

/* Answers a request that came over l: type REPLY with its id. */
#define MSG_REPLY 1

#endif
