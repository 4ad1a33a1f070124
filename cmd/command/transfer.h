/*
 * What import and export share: their words, the other server, the state's
 * file, and the worker's loop that takes up what was broken off.
 */
#ifndef CMD_COMMAND_TRANSFER_H
#define CMD_COMMAND_TRANSFER_H

#include "cmd/command/broker.h"
#include "imap/transfer/message.h"
#include "imap/transfer/state.h"
#include "net/tls.h"

#define TRANSFER_FOLDERS 100 /* named with --folder */

enum transfer_format {
	FORMAT_NONE, /* not given */
	FORMAT_MAILDIR,
	FORMAT_MBOX,
	FORMAT_EML,
	FORMAT_IMAP
};

/* Another IMAP server. */
struct transfer_server {
	char *user, *host, *port; /* NULL: there is none */
	bool implicit;		  /* TLS from the first byte; else STARTTLS */
	struct buf password;
	char pin[65]; /* SHA-256 of its certificate, or "" */
	struct tls_client *tls;
};

struct transfer_order {
	const char *command; /* "import" */
	const struct conf *conf;
	const char *account;
	enum transfer_format format;
	const char *place; /* the source or destination, as it was given */
	const char *path;  /* of a single mbox below the folder; else "" */
	bool packed;	   /* path is an archive */
	const char *inner; /* what of it is meant; "": all mail in it */
	bool again;
	const char *password_file, *into;
	int64_t as_of; /* ms, 0: now; export only */
	const char *only[TRANSFER_FOLDERS];
	const char *map[TRANSFER_FOLDERS]; /* NAME=FOLDER */
	size_t nmap;
	const char *self; /* the name of the place, without its path */
	size_t nonly;
	struct transfer_server server;
	int state_read; /* -1: none */

	/* The worker's. */
	struct transfer x;
	struct report report;
	struct archive *archive;
	struct state *state;
	struct imap_client *here, *there;
};

/* Takes the options of both commands out of argv and says what is wrong with
 * them: an exit code.  What is left are *n_out words from argv[1] on. */
int transfer_words(struct transfer_order *o, int argc, char **argv, int *n_out);
/* Is there such an account, and data that a server has made? */
int transfer_check_account(const struct transfer_order *o);
/* When it is known whether o->place is a server: do the options fit? */
int transfer_check_options(const struct transfer_order *o);

/* Is it the address of a server?  *server_out then; RC_NOTFOUND: no.
 * RC_SYNTAX with a text. */
int transfer_server_parse(const char *text, struct transfer_server *server_out,
    struct err *err) RC_USE_RESULT;
void transfer_server_fini(struct transfer_server *s);
/* Reads the password and the bundle of authorities. */
int transfer_server_prepare(
    struct transfer_order *o, struct err *err) RC_USE_RESULT;

/* Opens the state's file of this account and place, makes it where there is
 * none, and locks it.  *fd_out is to be appended to. */
int transfer_state_open(struct transfer_order *o, const char *identity,
    int *fd_out, struct err *err) RC_USE_RESULT;

/* A number for the sessions of this command and place: SESSION_LOCAL. */
uint64_t transfer_who(const struct transfer_order *o, const char *identity);

/* ---- in the worker ---- */

/* Before the walls: what is opened by path. */
int transfer_before(void *arg, struct err *err) RC_USE_RESULT;
/* Has all folders and messages put into *to. */
typedef int transfer_source_fn(
    struct transfer_order *o, const struct sink *to, struct err *err);
/*
 * Before anything is made: are the folders there that --folder names?
 * RC_NOTFOUND: no, and those that there are have been printed.
 */
int transfer_find_folders(struct transfer_order *o, transfer_source_fn *source,
    struct err *err) RC_USE_RESULT;
/* Has the source put into *to, unless r is an error, and ends it: as a whole,
 * or so that the next run goes on from there.  Frees *to. */
int transfer_into_imap(struct transfer_order *o, struct to_imap **to, int r,
    transfer_source_fn *source, struct err *err) RC_USE_RESULT;
/*
 * Opens the sessions that are needed and calls once(); again after a break
 * that may pass, as long as anything comes.  Prints the summary.  Returns the
 * exit code.
 */
int transfer_work(struct transfer_order *o, struct broker *b, const char *verb,
    int (*once)(struct transfer_order *o, struct err *err));

#endif
