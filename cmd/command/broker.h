/*
 * The other side of imap/transfer/broker.h: a command that has an import or
 * export done by a worker behind walls, and opens for it what it may have.
 *
 * The worker has no files, no network and its own user.  What it asks for is
 * held below one folder (by the kernel: openat2), goes to one host, or is a
 * session of one account; what it says is escaped before it reaches a
 * terminal.
 */
#ifndef CMD_COMMAND_BROKER_H
#define CMD_COMMAND_BROKER_H

#include "conf/conf.h"
#include "imap/transfer/broker.h"

struct broker_job {
	const struct conf *conf;
	const char *command; /* for messages */
	const char *account;
	uint64_t who;	  /* of SESSION_LOCAL */
	int folder;	  /* -1: none */
	bool may_write;	  /* into the folder; else it is only read */
	int state;	  /* the state's file, -1: none */
	const char *host; /* NULL: no connections */
	const char *port;
	/* Runs in the worker; its result is the exit code. */
	int (*before)(void *arg, struct err *err); /* the walls are raised */
	int (*work)(struct broker *b, void *arg);
	void *arg;
};

/* Returns the worker's exit code. */
int broker_run(const struct broker_job *job);

#endif
