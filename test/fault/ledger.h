/*
 * A scripted life of an account, and what it was promised on the way.
 *
 * Each step changes something and then waits for the flush.  The ledger knows
 * what the account looked like at the last promise (acked) and what the steps
 * since then would have made of it (pending).  After any crash the account
 * must look like one of these, and nothing that was ever promised may come
 * back with another meaning.
 */
#ifndef TEST_FAULT_LEDGER_H
#define TEST_FAULT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define LEDGER_DELIVERIES 32

/* Three lives: all kinds of changes, with compactions that forget what was
 * expunged; one that keeps and uses it; one on a disk that fills up. */
enum script {
	SCRIPT_LIFE,
	SCRIPT_RESTORE,
	SCRIPT_FULL,
	SCRIPTS
};

struct testdisk;

struct fact {
	uint32_t hash;	/* of the key */
	char key[96];	/* mailbox, UIDVALIDITY, UID */
	char value[64]; /* hash of the bytes */
};

struct ledger {
	char *acked;
	char **pending;
	size_t npending;
	struct fact *fact;
	size_t nfact, cap;
	struct {
		uint8_t id[16];
		uint32_t uidvalidity, uid;
		bool acked;
	} delivery[LEDGER_DELIVERIES];
	size_t ndelivery;
	unsigned serial; /* of messages */
	struct {
		uint64_t body;
		uint32_t crc;
	} * expect; /* what was handed in under which number */
	size_t nexpect, expect_cap;
	struct {
		uint32_t box, validity, uid;
		uint64_t since; /* the client's MODSEQ before */
		bool acked;
	} * gone; /* what was expunged */
	size_t ndeleted_name, deleted_name_cap;
	uint32_t *history; /* checksums of all dumps in their order */
	size_t nhistory, history_cap;
	size_t acked_at; /* which of them acked is */
	enum script script;
	struct testdisk *disk; /* on which the script runs */
	bool full;
	bool hampered;	/* a call has failed: perhaps there is no reserve */
	unsigned step;	/* at which the script is */
	char why[2000]; /* the first broken promise */
};

void ledger_init(struct ledger *l);
void ledger_fini(struct ledger *l);
struct ledger *ledger_clone(const struct ledger *l);

/* Everything that a client can see, as text; NULL if something cannot be
 * read.  Without `read` the messages are taken to be what was handed in. */
char *ledger_dump(struct ledger *l, struct store *st, bool read);
/* What a second process shows is a promise, too. */
void ledger_shown(struct ledger *l, struct store *st);
/* false: a promise is broken, see why. */
bool ledger_check(struct ledger *l, struct store *st);

/* Whether this was ever so, from history[since] on. */
bool ledger_was(const struct ledger *l, const char *dump, size_t since);

/* ---- for the script ---- */

void ledger_broken(
    struct ledger *l, const char *what, const char *a, const char *b);
/* Whose bytes have this checksum. */
void ledger_expect(struct ledger *l, uint64_t body, uint32_t crc);
/* As it is now it may be after a crash; after the flush, it must. */
void ledger_pend(struct ledger *l, struct store *st);
bool ledger_flush(struct ledger *l, struct store *st, uint64_t need);
/* Pending: these left a mailbox that was so before. */
void ledger_expunged(struct ledger *l, const struct view_info *before,
    const struct rangeset *uids);

/* ---- the script ---- */

/* Does step i of the script; false when the store refused or failed. */
bool script_step(struct ledger *l, struct store *st, unsigned i);
unsigned script_length(const struct ledger *l);
const struct store_opts *script_opts(
    const struct ledger *l, const struct journal_io *io);
/* Makes l->disk as the script needs it. */
void script_disk(const struct ledger *l);

#endif
