/*
 * Rules that people make on a page, without writing Sieve: whom they do not
 * want to hear from, where mail is forwarded, what is answered while they are
 * away, and what goes into which folder.
 *
 * They are records, one for each part, in the account's journal beside its
 * scripts (STORE_SCRIPT_FORM of store/rules.h, which knows nothing of what is
 * in them), and run before the person's active script and outside of its slot:
 * whatever another program activates, they stay.
 *
 * A record is lines of fields as forms send them (base/form.h).  What a line
 * has that is not known is left out, and so is a line that cannot be read: a
 * later release may know more.
 *
 * How they run: pagerules_sieve makes one script of all of them, in memory
 * only, which lib/sieve then runs like every other.  In this order:
 *
 *   blocked    into Junk, and nothing else runs
 *   filters    in their order.  One that moves or deletes ends them unless it
 *              says "go on"; one that only marks always goes on.  What was
 *              moved does not come to the person's script, which may move what
 *              is still to be kept in the inbox; what was deleted is not
 *              forwarded or answered either.  Mail that is judged to be junk
 *              stays in Junk: filters are not for that
 *   forward    what is not kept here as well does not come to the person's
 *              script; what a filter has moved stays in its folder
 *   vacation
 *
 * Pure, but for random numbers and zones.
 */
#ifndef PAGERULES_PAGERULES_H
#define PAGERULES_PAGERULES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"

#define PAGERULES_FILTERS_MAX 100
#define PAGERULES_BLOCKED_MAX 500
#define PAGERULES_WORDS_MAX   200  /* bytes of what a filter looks for */
#define PAGERULES_FOLDER_MAX  255  /* bytes */
#define PAGERULES_SUBJECT_MAX 200  /* bytes */
#define PAGERULES_TEXT_MAX    4000 /* bytes of an answer */
#define PAGERULES_DAYS_MAX    90
#define PAGERULES_DAYS	      7
#define PAGERULES_ADDRESS_MAX 320
#define PAGERULES_RECORD_MAX  (64u << 10) /* STORE_SCRIPT_MAX */
#define PAGERULES_SCRIPT_MAX  (256u << 10)
#define PAGERULES_NO_DAY      INT64_MIN

/* A confirmation is waited for so long, and asked for so often. */
#define PAGERULES_CONFIRM_S   (7 * 24 * 3600)
#define PAGERULES_LETTERS_MAX 3 /* a day, whatever the address */
#define PAGERULES_SECRET      20
#define PAGERULES_HASH	      32

enum pagerules_part {
	PAGERULES_BLOCKED,
	PAGERULES_FILTERS,
	PAGERULES_FORWARD,
	PAGERULES_VACATION,
	PAGERULES_PARTS
};
/* Under which its record is kept. */
const char *pagerules_name(enum pagerules_part part);

enum pagerules_action {
	PAGERULES_STAYS, /* where it is: it is only marked */
	PAGERULES_MOVES,
	PAGERULES_DELETES, /* into Trash */
	PAGERULES_ACTIONS
};

/* All that is given must be there; one of the three at least is. */
struct pagerules_filter {
	uint32_t id; /* never given again */
	bool on;
	char *from, *to, *subject; /* "": any */
	uint8_t action;		   /* enum pagerules_action */
	char *folder;		   /* PAGERULES_MOVES */
	bool seen, starred, goes_on;
};

struct pagerules_vacation {
	bool on, contacts; /* only whom the account has written to */
	char *subject, *text;
	int64_t from, until; /* days since 1970, the last one included;
				PAGERULES_NO_DAY: open */
	char *zone;	     /* "": the server's */
	uint32_t days;	     /* between two answers to one sender */
};

struct pagerules_forward {
	bool on, keep, confirmed;
	char *to; /* "": nowhere */
	/* Of the secret in the letter that waits for an answer. */
	bool asked;
	uint8_t hash[PAGERULES_HASH];
	int64_t asked_s; /* since 1970 */
	/* How many letters were sent since then. */
	uint32_t letters;
	int64_t letters_s;
};

struct pagerules {
	/* "x@example.org" or "@example.org", lower case, with A-labels */
	char **blocked;
	size_t nblocked, blocked_cap;
	struct pagerules_filter *filter;
	size_t nfilter, filter_cap;
	uint32_t last_id;
	struct pagerules_forward forward;
	struct pagerules_vacation vacation;
};

void pagerules_init(struct pagerules *r);
void pagerules_fini(struct pagerules *r);
/* What the record says, in place of that part. */
void pagerules_read(
    struct pagerules *r, enum pagerules_part part, struct sv record);
void pagerules_write(
    const struct pagerules *r, enum pagerules_part part, struct buf *out);

/* ---- changes ---- */

/* RC_SYNTAX: it is neither an address nor a domain; RC_EXISTS: it is there
 * already; RC_TOOBIG: there are too many. */
int pagerules_block(struct pagerules *r, struct sv who) RC_USE_RESULT;
/* RC_NOTFOUND. */
int pagerules_unblock(struct pagerules *r, struct sv who) RC_USE_RESULT;

/* A new one at the end, empty and on; NULL: there are too many.  Good until the
 * next one. */
struct pagerules_filter *pagerules_add(struct pagerules *r);
/* NULL: none of that number. */
struct pagerules_filter *pagerules_find(struct pagerules *r, uint32_t id);
void pagerules_remove(struct pagerules *r, struct pagerules_filter *f);
/* One place up, if it is not the first. */
void pagerules_raise(struct pagerules *r, struct pagerules_filter *f);
/* In place of *text: without control characters, and valid UTF-8. */
void pagerules_set(char **text, struct sv to);

/* local@domain, as others may have it. */
bool pagerules_is_address(struct sv s);

/* ---- forwarding ---- */

/* A letter goes out: its secret, RC_DENIED: there were enough today.  now:
 * seconds. */
int pagerules_ask(struct pagerules_forward *f, int64_t now,
    uint8_t secret[PAGERULES_SECRET]) RC_USE_RESULT;
/* RC_OK: it is that one's and can be confirmed; RC_EXISTS: it was; RC_NOTFOUND:
 * another, or too late. */
int pagerules_look(const struct pagerules_forward *f, int64_t now,
    const uint8_t secret[PAGERULES_SECRET]) RC_USE_RESULT;

/* ---- how they run ---- */

/* The generated script has this name, which no person's can have. */
#define PAGERULES_SCRIPT "\x01page"
/* What it asks the host: environment items, "1" if it is so, and a list. */
#define PAGERULES_ENV_JUNK "vnd.hearthmail.junk"
#define PAGERULES_ENV_AWAY "vnd.hearthmail.away"
#define PAGERULES_CONTACTS "tag:hearthmail,2026:contacts"

/* Is there anything to do? */
bool pagerules_present(const struct pagerules *r);
/* The script.  Each rule is on a line of its own. */
void pagerules_sieve(const struct pagerules *r, struct buf *out);
/* What is on that line, for people: "filter 2". */
void pagerules_where(const struct pagerules *r, unsigned line, struct buf *out);
/* One line for each rule, for the command line: "on", "off" or what is
 * awaited, a TAB, and what it does. */
void pagerules_list(const struct pagerules *r, struct buf *out);

/* Is that day one to answer on? */
bool pagerules_away(const struct pagerules_vacation *v, int64_t day);

#endif
