/*
 * The event loop: descriptors and timers on bare epoll, one thread per loop.
 *
 * Nobody is freed inside its own callback: ev_del takes the descriptor out of
 * epoll at once, the memory goes at the end of the tick.  Other threads may
 * only call ev_post() and ev_set().
 */
#ifndef BASE_EV_H
#define BASE_EV_H

#include <stdint.h>

struct ev_loop;
struct ev;
struct ev_timer;

typedef void ev_io_fn(struct ev *e, uint32_t events, void *arg);
typedef void ev_fn(void *arg);

struct ev_loop *ev_loop_new(void);
void ev_loop_free(struct ev_loop **l);
/* Runs until ev_stop; may be called again. */
void ev_run(struct ev_loop *l);
void ev_stop(struct ev_loop *l);

/* Level-triggered; events as of epoll (EPOLLIN ...).  fd stays the caller's. */
struct ev *ev_add(
    struct ev_loop *l, int fd, uint32_t events, ev_io_fn *fn, void *arg);
void ev_set(struct ev *e, uint32_t events);
/* NULL-safe; to be called before fd is closed. */
void ev_del(struct ev **e);

/* Calls fn once in ms milliseconds. */
struct ev_timer *ev_timer_add(
    struct ev_loop *l, int64_t ms, ev_fn *fn, void *arg);
/* NULL-safe.  A timer that has fired must not be deleted: set the pointer to
 * NULL in its function. */
void ev_timer_del(struct ev_timer **t);

/* From any thread: fn(arg) will run in the loop's thread. */
void ev_post(struct ev_loop *l, ev_fn *fn, void *arg);

#endif
