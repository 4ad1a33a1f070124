/*
 * An account's quota, watched: one that has used nine tenths of it is told by a
 * letter in INBOX, and not again before it has been below eight tenths, so that
 * going to and fro about the mark, the letter itself included, is not news. The
 * keeper hears how much is used, so that nobody sends mail to who is full.
 *
 * That the letter has been written is remembered by an empty file,
 * `quota-warned`, in the account's folder: at worst a crash costs one letter
 * too many.
 */
#ifndef ACCOUNT_QUOTA_H
#define ACCOUNT_QUOTA_H

#include "conf/conf.h"
#include "ipc/msg.h"
#include "store/store.h"

struct quota_watch {
	struct store *store;
	struct conf *conf;
	int account;	  /* its number there, -1: removed */
	bool warned;	  /* as the file says */
	int64_t again_at; /* clk_mono; a letter that could not be written */
	bool told;	  /* the keeper knows what follows */
	uint64_t told_bytes, told_quota;
};

/* The store is borrowed; the working folder is the account's. */
void quota_watch_init(struct quota_watch *q, struct store *store);
void quota_watch_fini(struct quota_watch *q);
/* A new configuration: its quota goes to the store. */
void quota_watch_conf(
    struct quota_watch *q, struct conf *conf, const char *account);
/* A new keeper knows nothing. */
void quota_watch_forget(struct quota_watch *q);
/*
 * After each delivery and now and then.  True: *news is for the keeper.  May
 * add the letter and raise *need.
 */
bool quota_watch_look(struct quota_watch *q, struct msg *news, uint64_t *need);

#endif
