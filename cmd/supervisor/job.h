/*
 * A command that the supervisor runs as anybody could by hand, now and then: it
 * is not one of the server's processes, reads no line of theirs and is not
 * restarted.  What it prints is kept, up to a limit, and is nothing but text.
 */
#ifndef CMD_SUPERVISOR_JOB_H
#define CMD_SUPERVISOR_JOB_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/ev.h"

#define JOB_OUTPUT_MAX 4096
#define JOB_WORDS_MAX  8

struct job {
	struct ev_loop *loop;
	pid_t pid; /* 0: it does not run */
	int out;
	struct ev *ev;
	struct buf output;
	bool quiet; /* what it says of errors goes nowhere */
	bool cut;   /* it has printed more than is kept */
};

/* most: bytes of output that are kept. */
void job_init(struct job *j, struct ev_loop *loop, size_t most);
/* The command goes on by itself. */
void job_fini(struct job *j);
/* `hearthmail -c CONFIG WORDS...`, words ending with NULL; must not run yet.
 * 0, or an errno. */
int job_start(struct job *j, const char *config, const char *const *words);
/* Is it this one that has ended?  Then output is complete. */
bool job_reap(struct job *j, pid_t pid);

#endif
