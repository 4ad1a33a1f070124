/*
 * What is remembered between runs, as JSON in one small file: the account's
 * address, and of each certificate its window, its failures, and the names that
 * did not work.  Pure: text in, text out.
 */
#ifndef ACME_STATE_H
#define ACME_STATE_H

#include "acme/certificate.h"
#include "acme/names.h"
#include "acme/renew.h"

#define ACME_STATE_MAX (16 << 20)

/* A name that did not work: it is left out until then. */
struct acme_bad_name {
	char name[ACME_NAME_MAX];
	char why[ERR_TEXT_MAX];
	int64_t until;
	unsigned failures;
};

struct acme_record {
	char file[ACME_NAME_MAX + 16]; /* as in struct acme_names */
	struct acme_life life;	       /* without what the certificate says */
	/* The window is of the certificate with this id. */
	char window_id[ACME_ID_MAX];
	char asked_id[ACME_ID_MAX]; /* of the one that was asked about last */
	char explanation[ACME_URL_MAX];
	int64_t ask_window; /* not sooner */
	int64_t begun; /* an attempt that has not ended; 0: there is none */
	unsigned cuts; /* attempts in a row that had no end */
	int64_t first_failed;
	char why[ERR_TEXT_MAX]; /* the last failure; "": it was none */
	/* What was decided last: when, and why then. */
	int64_t next;
	char reason[ACME_REASON_MAX];
	int64_t next_key;     /* since when FILE.next.tlsa has what it has */
	unsigned told;	      /* the urgency that the admin has a letter of */
	enum acme_way way;    /* that comes first: it worked, or is next */
	unsigned failed_ways; /* since it worked last: bits */
	struct acme_bad_name bad[ACME_NAMES_MAX];
	unsigned nbad;
};

struct acme_state {
	char directory[ACME_URL_MAX];
	char account[ACME_URL_MAX]; /* there */
	struct acme_record *record;
	unsigned nrecord;
};

void acme_state_init(struct acme_state *s);
void acme_state_fini(struct acme_state *s);
/* RC_SYNTAX with a sentence: it is not what acme_state_print has written, to
 * the last byte; *s is empty then. */
int acme_state_read(
    struct sv text, struct acme_state *s, struct err *err) RC_USE_RESULT;
void acme_state_print(const struct acme_state *s, struct buf *out);
/* The record of that file, which is made if there is none; valid until the next
 * one is made. */
struct acme_record *acme_state_record(struct acme_state *s, const char *file);

/*
 * Read at the start of a run.  What happened in the future has happened by now:
 * the clock was ahead, and must not make it wait for years.  True: the attempt
 * before was cut off.  Once, as by a restart, is nothing; from the second time
 * on it is a failure, or a crash would be followed by an order each time.
 */
bool acme_record_resume(struct acme_record *r, int64_t now);

/* ---- names that do not work ---- */

/* NULL: it is not left out now. */
const struct acme_bad_name *acme_record_bad(
    const struct acme_record *r, const char *name, int64_t now);
/* Has it not worked since it worked last, now or earlier? */
bool acme_record_is_blamed(const struct acme_record *r, const char *name);
/* It did not work, once more: not again for a while. */
void acme_record_blame(
    struct acme_record *r, const char *name, const char *why, int64_t now);
/* It works. */
void acme_record_clear(struct acme_record *r, const char *name);

#endif
