/*
 * The owner's rules at a delivery: which scripts there are, what lib/sieve
 * decides by them, and how that is carried out.
 *
 * What was filled in on pages comes first (pagerules/pagerules.h), then the
 * person's active script; each is compiled once, when it has changed.  Without
 * them a delivery costs one look at a number.
 *
 * What is decided is one commit of the store (store/rules.h): the message in
 * its folders, what is remembered, and what is to be sent, which
 * account/outgoing.h hands to the queue afterwards.  So a crash at any place
 * repeats nothing, and loses nothing.
 *
 * A message that was judged to be junk: keep puts it into the folder for junk,
 * nothing answers it and nothing forwards it; a rule that names a folder,
 * discards it or sets flags is done.
 *
 * A script that fails for good: the message is kept, the history says why, and
 * its owner gets one letter for each version of the script and place in it.
 *
 * Everything runs in the loop's thread.
 */
#ifndef ACCOUNT_RULES_H
#define ACCOUNT_RULES_H

#include "conf/conf.h"
#include "ipc/msg_account.h"
#include "sieve/sieve.h"
#include "store/rules.h"

struct rules;
struct zones;

struct rules *rules_new(struct store *store);
void rules_free(struct rules **r);
void rules_set_conf(struct rules *r, struct conf *conf, const char *account);
/* For days of people; borrowed. */
void rules_set_zones(struct rules *r, const struct zones *zones);
/* Is there any script for a delivery? */
bool rules_present(struct rules *r);

struct rules_message {
	const uint8_t *id; /* the delivery's, 16 bytes */
	struct sv bytes;
	struct sv sender, written; /* the envelope */
	struct sv verdict;
	bool junk;
	uint8_t junk_score; /* 0: nobody has judged it, else to 100 */
};

/* Where it went, and what else was done, for the history. */
struct rules_stored {
	char *folder;
	uint32_t uid;
};
struct rules_outcome {
	struct rules_stored *stored;
	size_t nstored;
	char **remark; /* in words */
	size_t nremark;
	uint8_t (*send)[16]; /* the ids of what was sent */
	size_t nsend;
	bool repeated; /* it was done before */
};
void rules_outcome_fini(struct rules_outcome *o);

/*
 * Decides and commits.  Consumes *body, whose bytes m has, also on error.  *out
 * is zero, or has remarks that were made before.
 * RC_TEMP: nothing is done, it is to be tried again.
 */
int rules_deliver(struct rules *r, const struct rules_message *m,
    struct store_body **body, struct rules_outcome *out, uint64_t *need,
    struct err *err) RC_USE_RESULT;

/*
 * What would become of it by the rules of pages and then that script, line by
 * line; nothing is done.  name empty: by the active one, if there is one.
 * RC_SYNTAX: the script has errors, which are in `lines`.
 */
int rules_test(struct rules *r, struct sv name, struct sv script,
    const struct rules_message *m, struct buf *lines) RC_USE_RESULT;
/* Compiles it: RC_OK, with warnings in `lines`; RC_SYNTAX, RC_TOOBIG with
 * errors. */
int rules_check(
    struct sv name, struct sv script, struct buf *lines) RC_USE_RESULT;

/* The folder that +detail names, if the owner of the server wants that and it
 * is there; appended to out.  false: INBOX. */
bool rules_detail_folder(struct rules *r, struct sv written, struct buf *out);

/* A letter to the owner: the queue has refused what a rule forwards. */
void rules_tell_refused(
    struct rules *r, struct sv to, struct sv why, bool put_back);

/* A letter of the server to the owner, as bytes.  Lines end with LF. */
void rules_letter(
    struct rules *r, struct sv subject, struct sv text, struct buf *out);

#endif
