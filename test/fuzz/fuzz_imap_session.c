/*
 * IMAP after login: the input is all that a client sends.  The store is a
 * real one in a temporary folder (in memory if there is /dev/shm) and lives
 * on from input to input, so that later ones find mailboxes and messages.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "imap/session/session.h"

#define INPUTS_PER_STORE 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static struct store *store;
static unsigned inputs;

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
store_gone(void)
{
	if (store == NULL)
		return;
	store_close(&store);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
store_fresh(void)
{
	struct store_opts o = {.low_water_bytes = 1};
	struct err err;

	if (store == NULL)
		(void)atexit(store_gone);
	store_gone();
	(void)snprintf(dir, sizeof dir, "%s/fuzz-imap-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL);
	must(store_open(dir, &o, &store, &err) == RC_OK);
}

/* Takes what the session says, so that it never has to wait. */
static void *
drain(void *arg)
{
	char b[65536];
	int *fd = arg;

	while (read(*fd, b, sizeof b) > 0)
		;
	return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_session_args args = {
	    .account = "anna",
	    .hostname = "mail.example.org",
	    .peer = "192.0.2.1",
	    .tag = SV("login"),
	    .limits = IMAP_LIMITS_DEFAULT,
	};
	struct pool_task *t;
	pthread_t reader;
	int pair[2];

	if (inputs++ % INPUTS_PER_STORE == 0) {
		log_setup("fuzz", LOG_ERROR);
		store_fresh();
	}
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	must(pthread_create(&reader, NULL, drain, &pair[0]) == 0);
	must(send(pair[0], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	(void)shutdown(pair[0], SHUT_WR);
	args.store = store;
	args.fd = pair[1];
	args.limits.append = 100000;
	t = imap_session_new(&args);
	while (t->run(t) != POOL_DONE)
		;
	t->end(t);
	(void)pthread_join(reader, NULL);
	close(pair[0]);
	return 0;
}
