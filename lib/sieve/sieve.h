/*
 * Sieve [RFC 5228]: people's own rules for their mail.  Pure and bounded.
 *
 * sieve_compile() makes a script of text, or says what is wrong with it.
 * sieve_run() asks scripts what is to become of one message.  It does nothing
 * by itself: it has a table of questions that it may ask the host, and returns
 * a list of actions that are decided.  The host then carries out all of them
 * together, storage before sending, so that what fails for now can be tried
 * again as a whole, and nothing is done twice.
 *
 *	r = sieve_compile(text, &options, &script, &errors);
 *	...
 *	r = sieve_run(&script, 1, &message, &host, arg, &result);
 *	if (r == RC_TEMP)	nothing has been decided: try again later
 *	if (result.failed)	its owner is told; the message is kept
 *	for each result.action: do it
 *	for each result.record: remember it; in the same commit
 *	sieve_result_fini(&result);
 *
 * Extensions: see sieve_extensions().  Errors are written for people, with the
 * line and the column, as those of the configuration are (lib/conf/conf.h).
 *
 * However a script is written, compiling it is linear in its length, and
 * running it is bounded by sieve_limits: in steps, in time (which is counted,
 * not measured, so that a run ends the same way each time), in nesting and in
 * memory.
 */
#ifndef SIEVE_SIEVE_H
#define SIEVE_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* ---- limits ---- */

struct sieve_limits {
	size_t script;	   /* bytes of one script */
	unsigned nesting;  /* of blocks, and of tests */
	unsigned commands; /* and tests, in one script */
	unsigned strings;  /* in one list */
	unsigned steps;	   /* commands and tests that are run */
	/* What a run may take, in nanoseconds of an ordinary machine, more or
	 * less: so much, and so much for each byte of the message. */
	uint64_t work, work_per_byte;
	size_t value;	    /* bytes of one variable [RFC 5229 6] */
	unsigned variables; /* of one script */
	unsigned redirects; /* of one message, all scripts together */
	unsigned actions;   /* of one message, all scripts together */
	unsigned notifies;  /* of one message */
	unsigned includes;  /* nested [RFC 6609 3.1] */
	size_t regex;	    /* bytes of one regular expression */
	int64_t vacation_s; /* shortest and longest time between two answers */
	int64_t vacation_max_s;
	int64_t duplicate_s; /* longest time that "duplicate" remembers */
};

#define SIEVE_LIMITS_DEFAULT                       \
	((struct sieve_limits){.script = 64 << 10, \
	    .nesting = 32,                         \
	    .commands = 10000,                     \
	    .strings = 5000,                       \
	    .steps = 10000,                        \
	    .work = 12 << 20,                      \
	    .work_per_byte = 240,                  \
	    .value = 4096,                         \
	    .variables = 128,                      \
	    .redirects = 4,                        \
	    .actions = 32,                         \
	    .notifies = 4,                         \
	    .includes = 10,                        \
	    .regex = 2048,                         \
	    .vacation_s = 600,                     \
	    .vacation_max_s = 90 * 86400,          \
	    .duplicate_s = 30 * 86400})

/* ---- errors ---- */

#define SIEVE_ERROR_MAX	 320
#define SIEVE_ERRORS_MAX 20
#define SIEVE_NAME_MAX	 512 /* bytes of a script's name */

/* Text is UTF-8 without line breaks; what is quoted of a script is cut. */
struct sieve_error {
	unsigned line, column; /* from 1, the column in characters; 0: the
				  script as a whole */
	char text[SIEVE_ERROR_MAX];
};

struct sieve_errors {
	struct sieve_error e[SIEVE_ERRORS_MAX];
	size_t n; /* may be larger than the array: the rest was dropped */
};

/* "NAME:3:1: text" lines, with LF; without a name "line 3, column 1: text". */
void sieve_errors_print(
    const struct sieve_errors *e, const char *name, struct buf *out);

/* ---- scripts ---- */

struct sieve_script;

struct sieve_options {
	struct sieve_limits limits;
	/* Under which name errors at run time speak of it; "" is allowed. */
	struct sv name;
	/* NULL, or what is allowed but hardly meant: a comparison that is true
	 * of text that is not a number, redirects that may exceed the limit. */
	struct sieve_errors *warnings;
};

#define SIEVE_OPTIONS_DEFAULT \
	((struct sieve_options){.limits = SIEVE_LIMITS_DEFAULT})

/*
 * RC_OK; or RC_SYNTAX, or RC_TOOBIG where a limit is exceeded, with at least
 * one error.  A script that it accepts can still fail when it is run.  The text
 * is copied where it is needed.  Whatever a script says, nothing is asked of
 * the host: included scripts may be missing [RFC 6609 3.2], and so may folders.
 */
int sieve_compile(struct sv text, const struct sieve_options *options,
    struct sieve_script **out, struct sieve_errors *errors) RC_USE_RESULT;
void sieve_script_free(struct sieve_script **s);

/* The extensions, with a space between them, as ManageSieve's capability
 * "SIEVE" lists them [RFC 5804 1.7]; without "regex" if there is no library
 * for it.  "NOTIFY" lists sieve_notify_methods(). */
const char *sieve_extensions(void);
const char *sieve_notify_methods(void);

/*
 * The library for regular expressions is loaded when the first script requires
 * "regex".  A process that then is behind walls loads it before them, once, if
 * it may meet such a script.  RC_NOTFOUND: the package is missing; then the
 * extension is unknown, and all else works.
 */
int sieve_regex_load(struct err *err) RC_USE_RESULT;

/* ---- the message ---- */

/*
 * Slices live until sieve_result_fini: actions point into them.
 *
 * An envelope address is without angle brackets; from is empty for a bounce.
 * to is the one for which this delivery is, before aliases.
 */
struct sieve_message {
	struct sv bytes;   /* the whole message, as it would be stored */
	bool has_envelope; /* else the test "envelope" is false for all parts */
	struct sv from, to;
	/* What others said of it: 0 to 100 %, -1: not tested [RFC 5235]. */
	int spam;
	/* 0: not tested, 1: clean, ... 5: a virus for certain. */
	int virus;
	/* Is it delivered to the folder for junk?  Then nothing that answers
	 * is done: no vacation, no notify; and what is to be refused is kept,
	 * as reports (from is empty) are. */
	bool junk;
	/* Flags it has already, as strings ("\\Seen"); at delivery none. */
	const struct sv *flag;
	size_t nflag;
};

/* ---- what may be asked ---- */

#define SIEVE_KEY_BYTES 16

enum sieve_include {
	SIEVE_PERSONAL,
	SIEVE_GLOBAL
};

/*
 * The host.  Answers are RC_OK or as it is written there; RC_TEMP from any of
 * them ends the run with RC_TEMP.  Every entry may be NULL: then its answer is
 * RC_NOTFOUND or false.  Nothing may be changed by them.
 *
 * Names of mailboxes are UTF-8 as IMAP shows them; "/" separates levels.  A
 * first level "inbox", in any case, has become "INBOX", a "/" at the end is
 * gone, and characters are in form C (base/nfc.h).
 */
struct sieve_host {
	/* Seconds since 1970; NULL: clk_now(). */
	int64_t (*now)(void *arg);
	/* Minutes east of UTC, of the owner's time zone at that instant; NULL:
	 * UTC. */
	int32_t (*zone)(void *arg, int64_t at);

	/* RC_OK: mail can be put there; RC_NOTFOUND; RC_SYNTAX: it cannot be a
	 * name.  NULL: all of them exist. */
	int (*mailbox)(void *arg, struct sv name);
	/* The mailbox with that special use ("\\Junk", in any case) [RFC 8579].
	 */
	int (*special_use)(void *arg, struct sv use, struct buf *name_out);
	/* The mailbox with that MAILBOXID [RFC 8474], as IMAP shows it. */
	int (*mailbox_id)(void *arg, struct sv id, struct buf *name_out);
	/* A METADATA entry [RFC 5490]; mailbox.p is NULL for the server's. */
	int (*metadata)(
	    void *arg, struct sv mailbox, struct sv entry, struct buf *out);

	/* Is that address the owner's?  local@domain, in any case; also with a
	 * +detail. */
	bool (*is_mine)(void *arg, struct sv address);
	/* Is there a record of that key that has not expired? (duplicate,
	 * vacation) */
	int (*seen)(void *arg, const unsigned char key[SIEVE_KEY_BYTES],
	    bool *seen_out);

	/* The text of another script; RC_NOTFOUND. */
	int (*include)(void *arg, enum sieve_include where, struct sv name,
	    struct buf *text_out);

	/* External lists [RFC 6134], by their name.  RC_NOTFOUND: there is no
	 * such list.  list_has: is the value one of it?  list_each: all of
	 * them, which are addresses, until fn says something else than RC_OK,
	 * which is returned. */
	int (*list_has)(
	    void *arg, struct sv list, struct sv value, bool *has_out);
	int (*list_each)(void *arg, struct sv list,
	    int (*fn)(void *fn_arg, struct sv value), void *fn_arg);

	/* An item of the environment [RFC 5183]: "domain", "host", "location",
	 * "phase", "remote-host", "remote-ip"; "name" and "version" are
	 * answered without it. */
	int (*environment)(void *arg, struct sv item, struct buf *out);

	/* What a command did, or why it did not, in words for its owner; line
	 * and script as in struct sieve_action.  For `sieve test`. */
	void (*trace)(
	    void *arg, struct sv script, unsigned line, struct sv text);
};

/* ---- what is decided ---- */

/* A letter that is ready to be sent. */
struct sieve_letter {
	struct sv from;	 /* envelope; empty: <> */
	struct sv to;	 /* envelope */
	struct sv bytes; /* the message, with CRLF */
};

/* Where and how a message is stored. */
struct sieve_store {
	struct sv mailbox; /* "INBOX", or as given to host.mailbox */
	bool create;	   /* it is created if it is not there, ... */
	struct sv use;	   /* ... with this special use, unless empty */
	/* IMAP flags and keywords: valid, each once in any case, the system
	 * flags in their usual spelling. */
	const struct sv *flag;
	size_t nflag;
};

enum sieve_kind {
	SIEVE_KEEP,	/* store: in INBOX */
	SIEVE_FILEINTO, /* store: in another mailbox */
	SIEVE_REDIRECT, /* to address, with the sender's envelope by the
			 * rules for forwarded mail */
	SIEVE_REJECT,	/* letter, or a refusal with `reason` at SMTP time */
	SIEVE_EREJECT,	/* the same; a refusal is preferred [RFC 5429 2.1] */
	SIEVE_VACATION, /* letter; and, if has_fcc, a copy in fcc */
	SIEVE_NOTIFY	/* letter; likewise */
};

struct sieve_action {
	enum sieve_kind kind;
	bool implicit;	  /* a keep that nobody wrote */
	struct sv script; /* the name, of the included one if it is one */
	unsigned line;	  /* 0: implicit */

	/* keep, fileinto, redirect: what is stored or sent, which is the
	 * message as it came unless the script has changed it before. */
	struct sv message;
	bool changed;

	struct sieve_store store;   /* keep, fileinto */
	struct sv address;	    /* redirect: local@domain */
	struct sv reason;	    /* reject, ereject: UTF-8, may have lines */
	struct sieve_letter letter; /* reject, ereject, vacation, notify */
	bool has_fcc;		    /* vacation, notify */
	struct sieve_store fcc;	    /* [RFC 8580] */
};

/* To be remembered with the delivery, for so many seconds from now on; one that
 * is there already is replaced. */
struct sieve_record {
	unsigned char key[SIEVE_KEY_BYTES];
	int64_t seconds;
	/* That the sender was answered (vacation): not to be remembered if the
	 * host does not send that. */
	bool answer;
};

/*
 * Actions are in the order in which they were decided.  Each mailbox is there
 * once, and so is each address [RFC 5228 2.10.3].  No action that stores and
 * none that sends: the message is discarded.
 *
 * If a script fails for good, `failed` is set: its own actions and records are
 * dropped, those of scripts before it stay, and the message is kept.
 */
struct sieve_result {
	const struct sieve_action *action;
	size_t n;
	const struct sieve_record *record;
	size_t nrecord;
	bool failed;
	struct sv failed_script; /* its name */
	struct sieve_error error;
	unsigned steps; /* how many it took */
	struct arena arena;
};

/*
 * Runs one script after another; the next one only as long as the implicit keep
 * is in effect: what a rule before it files, discards or refuses, does not come
 * to the next [RFC 5228 2.10.2].  "stop" ends the one that says it.  A refusal
 * takes back what scripts before it have answered or forwarded.  n may be 0: an
 * implicit keep.
 *
 * RC_OK: out is filled in and must be released, failed or not.  RC_TEMP: an
 * answer is not there for now; out is untouched.
 */
int sieve_run(struct sieve_script *const *script, size_t n,
    const struct sieve_message *message, const struct sieve_host *host,
    void *arg, struct sieve_result *out) RC_USE_RESULT;
void sieve_result_fini(struct sieve_result *r);

/* "fileinto \"Lists\" flags \\Seen": one line for people, for trace and test.
 */
void sieve_action_print(const struct sieve_action *a, struct buf *out);
const char *sieve_kind_name(enum sieve_kind k);

#endif
