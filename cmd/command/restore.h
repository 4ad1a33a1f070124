/* Inside the command `restore`. */
#ifndef CMD_COMMAND_RESTORE_H
#define CMD_COMMAND_RESTORE_H

#include "backup/backup.h"
#include "cmd/supervisor/datadir.h"

#define SCRATCH "restore.part" /* where things are unpacked */

struct restore {
	const struct conf *conf;
	const char *account, *folder, *message;
	bool force;
	int fd;	     /* the backup */
	int data;    /* the data folder */
	int session; /* of the account, -1: none */
	json_t *manifest;
	bool restored;
	bool found;   /* the one message that was asked for */
	unsigned bad; /* files of the backup that do not fit their checksums */
	struct buf config; /* what of it comes from the backup */
	struct super_user user[ROLE_COUNT];
	char aside[64];
};

/*
 * A folder, or one message of it, is added to what the account has: through an
 * IMAP session if the server runs, else directly.
 */
int restore_pieces(struct restore *x, struct err *err) RC_USE_RESULT;

#endif
