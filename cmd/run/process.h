/*
 * What all processes but the supervisor have in common: the control line, the
 * configuration, the walls, the loop.  Each NAME.c reads in the order in which
 * it happens:
 *
 *   child_boot      read the configuration from its descriptor
 *   ...             open and load what is needed
 *   child_enter     chroot, user, limits, Landlock, seccomp; one log line
 *   ...             start threads
 *   child_serve     the loop, until the supervisor says stop or is gone
 */
#ifndef CMD_RUN_PROCESS_H
#define CMD_RUN_PROCESS_H

#include <pthread.h>

#include "base/ev.h"
#include "cmd/run/wiring.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "ipc/numbers.h"
#include "ipc/proto.h"
#include "net/tls.h"
#include "sandbox/sandbox.h"

#define CHILD_SOCKETS 32

struct child;
struct sni;

struct child_ops {
	/* A fresh line to a process of that role (and account). Takes fd. */
	void (*line)(
	    struct child *c, enum role role, const char *account, int fd);
	/* The configuration was swapped; may be NULL. */
	void (*conf)(struct child *c);
	/* Accept no more; call child_stop when the last session has ended.
	 * NULL: stop at once. */
	void (*drain)(struct child *c, int64_t ms);
	/* A listener: the others serve, clients may come. May be NULL. */
	void (*let_in)(struct child *c);
	/* Does all of it still work?  Calls child_alive, at once or later,
	 * from any thread.  NULL: the loop answers for all. */
	void (*alive)(struct child *c);
	/* Connections now; lines for people into *text. May be NULL. */
	unsigned (*status)(struct child *c, struct buf *text);
	/* Fills in what only this role counts (ipc/numbers.h), all of them 0
	 * before; may be NULL. */
	void (*numbers)(struct child *c, uint64_t n[NUMBERS]);
	/* Other messages of the control line; may be NULL. */
	void (*control)(struct child *c, struct msg *m);
};

struct child {
	struct ev_loop *loop;
	struct line *control;
	int control_fd;
	enum role role;
	uint32_t generation;
	uint32_t account; /* number, accounts only */
	char account_name[CONF_NAME_MAX];
	char folder[512];
	char other[512]; /* somebody else's folder, for the probes */
	bool probe;
	int memory_fd;	  /* of its own in /proc, opened before the walls */
	int certs_fd;	  /* of those who speak TLS, until child_tls */
	struct buf certs; /* what is in it, until child_domain_tls */
	struct sandbox_opts walls;
	struct conf *conf_now; /* see child_conf */
	struct {
		enum conf_service service;
		int fd;
	} sock[CHILD_SOCKETS];
	unsigned nsock;
	uint8_t *line_role; /* of each descriptor that is a line; else
			     * ROLE_COUNT */
	int nline_role;
	const struct child_ops *ops;
	void *arg; /* the process's own */
	int exit_code;
	pthread_mutex_t lock; /* of conf_now */
};

/* Reads the first messages.  Exits the process if they are broken. */
void child_boot(struct child *c, int control_fd, const struct child_ops *ops);
/* The server's own certificate and key, as the supervisor has given them. */
struct tls_ctx *child_tls(struct child *c);
/* Behind it, once: those of domains.  web: a listener of HTTP, which gets the
 * table of them; else it may be NULL: there are none. */
struct sni *child_domain_tls(struct child *c, struct tls_ctx *first, bool web);
/* Raises the walls, runs the probes if asked, logs what holds; exits the
 * process if they are not up. */
void child_enter(struct child *c, const struct sandbox_profile *p);
/* So many event loops a listener has. */
unsigned child_cores(void);
/* All threads run: from now on there are only those. */
void child_no_more_threads(struct child *c);
/* Says ready and serves; returns the exit code. */
int child_serve(struct child *c);
void child_stop(struct child *c, int exit_code);
/* The same from any thread, with code 0; arg is the child. */
void child_stop_soon(void *arg);
/* Prints what is wrong and ends the process. */
void child_die(struct child *c, const char *what, const struct err *err)
    __attribute__((noreturn));
/* From any thread: a reference, to be given back with conf_free. */
struct conf *child_conf(struct child *c);

/* The process works: see child_ops. */
void child_alive(struct child *c);

/* From any thread: a process that is there when it is needed is needed. */
void child_wake(struct child *c, enum role role);
/* Sends a message to the supervisor; consumes it. */
void child_tell(struct child *c, struct msg *m);

#endif
