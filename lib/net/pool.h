/*
 * Worker threads for sessions that are mostly silent.  A task is parked in
 * epoll while its peer says nothing and costs no thread; when its descriptor
 * becomes readable, or somebody wakes it, one worker calls its run(), never
 * two at once.  The workers wait in epoll themselves, so that there is no
 * hand-off; their number grows to the limit while all are busy and shrinks
 * again.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

struct pool;

enum pool_next {
	POOL_WAIT, /* park until there is input, a wake or the deadline */
	POOL_DONE  /* the task is over: end() is called */
};

struct pool_task {
	/* Set by the owner before pool_add: */
	int fd;
	uint64_t owner; /* whatever pool_stop_some's match() asks for */
	enum pool_next (*run)(struct pool_task *t);
	void (*end)(struct pool_task *t); /* frees the task; closes fd */
	/* Set by run() at will: run is called at that time of clk_mono() at
	 * the latest; 0: never. */
	_Atomic int64_t deadline;

	/* The pool's; run() reads `stopping`: say goodbye, return POOL_DONE. */
	atomic_bool stopping;
	int64_t stop_at; /* clk_mono, under the pool's lock */
	struct pool *pool;
	uint32_t slot;
	int state;
};

struct pool *pool_new(unsigned max_threads);
/* Asks all tasks to stop, waits for them up to timeout_ms, frees.  false: some
 * still run, and with what they use; nothing was freed. */
bool pool_stop(struct pool *p, int64_t timeout_ms) RC_USE_RESULT;
/* From any thread.  run is called at once, also without input. */
void pool_add(struct pool *p, struct pool_task *t);
/* From any thread, while the caller knows that t has not ended; calls during
 * run() lead to one more run(). */
void pool_wake(struct pool_task *t);
/* Calls fn(arg) once, from any thread, when a task runs next: who watches for
 * work need not look for it while there is none. */
void pool_watch(struct pool *p, void (*fn)(void *arg), void *arg);
/* By the owner, once a second while there is work: wakes tasks whose deadline
 * has passed, and cuts the connection of those that were to stop 3 seconds ago:
 * they may be held up by a client that takes nothing. */
void pool_tick(struct pool *p);
/* Sets `stopping` of those tasks for which match() says yes, and wakes them. */
void pool_stop_some(
    struct pool *p, bool (*match)(struct pool_task *, void *), void *arg);
unsigned pool_count(struct pool *p);
/* Is there a task for which match() says yes? */
bool pool_has(
    struct pool *p, bool (*match)(struct pool_task *, void *), void *arg);

#endif
