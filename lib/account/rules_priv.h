/* Inside: what the parts of account/rules.h share. */
#ifndef ACCOUNT_RULES_PRIV_H
#define ACCOUNT_RULES_PRIV_H

#include "account/rules.h"
#include "pagerules/pagerules.h"
#include "pagerules/zone.h"

struct rules_script {
	char *name;
	struct sieve_script *script; /* NULL: it does not compile */
	char *error;		     /* then why */
	bool active;		     /* the person's */
};

struct rules {
	struct store *store;
	struct conf *conf;
	int account; /* number, -1: it is not in the configuration */
	uint64_t version;
	struct rules_script *script; /* in the order in which they run */
	size_t n;
	/* Of pages: the first script. */
	struct pagerules page;
	const struct zones *zones; /* borrowed, or NULL */
	struct zone *zone;	   /* in which the days are; NULL: not read */
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
/* RC_OK: it is there, perhaps in another form of the same characters, which is
 * appended to out; RC_NOTFOUND, or what store_status() says. */
int rules_mailbox(struct rules *r, struct sv name, struct buf *out);
/* "\\Junk" -> STORE_USE_JUNK; 0: no such use. */
unsigned rules_use(struct sv name);

/* ---- rules_page.c ---- */
/* Reads them.  true: they run; *out is the caller's, NULL if it is not one. */
bool rules_page_load(struct rules *r, struct sieve_script **out);
void rules_page_forget(struct rules *r);
int rules_page_environment(
    struct rules_run *run, struct sv item, struct buf *out) RC_USE_RESULT;
/* Is the author, who has that address, somebody of this server, or somebody to
 * whom the account has written?  Only if it is certain that it is them. */
bool rules_page_is_contact(const struct rules_run *run, struct sv author);
/* Whose days they are: the day there, since 1970. */
int64_t rules_page_day(struct rules *r, int64_t now);
/* Of the zone that the owner has chosen there, else of the server's; false: no
 * zones are known. */
bool rules_page_offset(struct rules *r, int64_t at, int32_t *minutes_out);
/* "SCRIPT:7", or which rule of a page it is. */
void rules_where(
    struct rules *r, struct sv script, unsigned line, struct buf *out);
/* ---- rules_trust.c ---- */
/* Why it is not forwarded, or not answered (vacation, reject, ereject), for a
 * remark, before the address; NULL: it is. */
const char *rules_stays(const struct rules *r, const struct rules_message *m,
    const struct sieve_action *a);
const char *rules_unanswered(
    const struct rules_message *m, enum sieve_kind kind);

/* What else must hold for an action, for `test`: words behind it, or "". */
const char *rules_provided(const struct rules *r, const struct sieve_action *a);

/* ---- rules.c ---- */
int rules_run_scripts(struct rules *r, const struct rules_message *m,
    struct sieve_result *out) RC_USE_RESULT;

#endif
