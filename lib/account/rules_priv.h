/* Inside: what the parts of account/rules.h share. */
#ifndef ACCOUNT_RULES_PRIV_H
#define ACCOUNT_RULES_PRIV_H

#include "account/rules.h"

struct rules_script {
	char *name;
	struct sieve_script *script; /* NULL: it does not compile */
	char *error;		     /* then why */
};

struct rules {
	struct store *store;
	struct conf *conf;
	int account; /* number, -1: it is not in the configuration */
	uint64_t version;
	struct rules_script *script; /* in the order in which they run */
	size_t n;
};

/* One run, for the host's functions. */
struct rules_run {
	struct rules *r;
	const struct rules_message *m;
	struct buf *lines; /* `test`: what each command says; or NULL */
};

extern const struct sieve_host rules_host;

/* ---- rules_host.c ---- */
bool rules_is_mine(const struct rules *r, struct sv address);
/* The mailbox with that special use, not one that is only shown; false: there
 * is none. */
bool rules_special(struct rules *r, unsigned use, struct buf *name_out);
/* "\\Junk" -> STORE_USE_JUNK; 0: no such use. */
unsigned rules_use(struct sv name);

/* ---- rules_trust.c ---- */
/* Why it is not forwarded, or not answered (vacation, reject, ereject), for a
 * remark, before the address; NULL: it is. */
const char *rules_stays(const struct rules *r, const struct rules_message *m,
    const struct sieve_action *a);
const char *rules_unanswered(
    const struct rules_message *m, enum sieve_kind kind);

/* ---- rules.c ---- */
int rules_run_scripts(struct rules *r, const struct rules_message *m,
    struct sieve_result *out) RC_USE_RESULT;

#endif
