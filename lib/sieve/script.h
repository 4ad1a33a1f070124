/*
 * Inside lib/sieve only: a script as it is after parsing and checking.
 *
 * The parser knows the grammar alone [RFC 5228 8.2]: it yields commands with
 * arguments, whatever their names are.  The checker finds each in the table of
 * commands, binds the arguments, and refuses what cannot work; all that comes
 * behind relies on that.
 */
#ifndef SIEVE_SCRIPT_H
#define SIEVE_SCRIPT_H

#include "sieve/sieve.h"

/* ---- extensions ---- */

enum sieve_ext {
	E_BODY,
	E_NUMERIC, /* comparator-i;ascii-numeric */
	E_ASCII,
	E_OCTET,
	E_UNICODE,
	E_COPY,
	E_DATE,
	E_DUPLICATE,
	E_EDITHEADER,
	E_ENCLOSE,
	E_ENCODED,
	E_ENOTIFY,
	E_ENVELOPE,
	E_ENVIRONMENT,
	E_EREJECT,
	E_EXTLISTS,
	E_EXTRACTTEXT,
	E_FCC,
	E_FILEINTO,
	E_FOREVERYPART,
	E_IHAVE,
	E_FLAGS,
	E_INCLUDE,
	E_INDEX,
	E_MAILBOX,
	E_MAILBOXID,
	E_MBOXMETADATA,
	E_MIME,
	E_REGEX,
	E_REJECT,
	E_RELATIONAL,
	E_REPLACE,
	E_SERVERMETADATA,
	E_SPAMTEST,
	E_SPAMTESTPLUS,
	E_SPECIALUSE,
	E_SUBADDRESS,
	E_VACATION,
	E_VACATION_SECONDS,
	E_VARIABLES,
	E_VIRUSTEST,
	E_COUNT
};

#define EXT(e) (UINT64_C(1) << (e))

/* ---- values ---- */

struct sieve_string {
	struct sv s; /* without backslashes and dot-stuffing */
	bool refs;   /* has references to variables */
	unsigned line, column;
};

enum sieve_type {
	V_NONE,
	V_NUMBER,
	V_STRING, /* of the parser: one without brackets */
	V_LIST,
	V_TAG
};

struct sieve_value {
	enum sieve_type type;
	struct sv tag; /* without its colon */
	uint64_t number;
	struct sieve_string *s;
	size_t n;
	unsigned line, column;
};

/* ---- matching [RFC 5228 2.7] ---- */

enum sieve_match_type {
	M_IS,
	M_CONTAINS,
	M_MATCHES,
	M_REGEX,
	M_VALUE,
	M_COUNT,
	M_EXTLIST
};

enum sieve_comparator {
	C_ASCII,
	C_OCTET,
	C_NUMERIC,
	C_UNICODE
};
enum sieve_relation {
	R_GT,
	R_GE,
	R_LT,
	R_LE,
	R_EQ,
	R_NE
};
enum sieve_part {
	P_ALL,
	P_LOCALPART,
	P_DOMAIN,
	P_USER,
	P_DETAIL
};

struct sieve_match {
	enum sieve_match_type type;
	enum sieve_comparator comparator;
	enum sieve_relation relation;
	enum sieve_part part;
};

/* ---- commands ---- */

enum sieve_tag {
	/* In the order of sieve_match_type and sieve_part. */
	T_IS,
	T_CONTAINS,
	T_MATCHES,
	T_REGEX,
	T_VALUE,
	T_COUNT,
	T_EXTLIST,
	T_ALL,
	T_LOCALPART,
	T_DOMAIN,
	T_USER,
	T_DETAIL,
	T_COMPARATOR,
	T_OVER,
	T_UNDER,
	T_COPY,
	T_CREATE,
	T_SPECIALUSE,
	T_MAILBOXID,
	T_FLAGS,
	T_LIST,
	T_DAYS,
	T_SECONDS,
	T_SUBJECT,
	T_FROM,
	T_ADDRESSES,
	T_MIME,
	T_HANDLE,
	T_FCC,
	T_LOWER,
	T_UPPER,
	T_LOWERFIRST,
	T_UPPERFIRST,
	T_QUOTEWILDCARD,
	T_QUOTEREGEX,
	T_ENCODEURL,
	T_LENGTH,
	T_RAW,
	T_CONTENT,
	T_TEXT,
	T_ZONE,
	T_ORIGINALZONE,
	T_INDEX,
	T_LAST,
	T_ONCE,
	T_OPTIONAL,
	T_PERSONAL,
	T_GLOBAL,
	T_HEADER,
	T_UNIQUEID,
	T_IMPORTANCE,
	T_OPTIONS,
	T_MESSAGE,
	T_PERCENT,
	T_ANYCHILD,
	T_TYPE,
	T_SUBTYPE,
	T_CONTENTTYPE,
	T_PARAM,
	T_NAME,
	T_FIRST,
	T_HEADERS
};

/* Of one group a command has at most one. */
enum sieve_group {
	G_NONE,
	G_MATCH,
	G_PART,
	G_SIZE,
	G_TIME,
	G_CASE,
	G_FIRST_CASE,
	G_QUOTE,
	G_TRANSFORM,
	G_ZONE,
	G_LOCATION,
	G_ID,
	G_PLACE,
	G_WHAT
};

struct sieve_tag_spec {
	const char *name; /* NULL: the end */
	enum sieve_tag tag;
	enum sieve_group group;
	enum sieve_type type; /* of what follows it */
	uint64_t ext;	      /* any of them; 0: none */
};

enum sieve_flow {
	FLOW_ON,
	FLOW_STOP,   /* all scripts */
	FLOW_RETURN, /* from this script */
	FLOW_BREAK,  /* from a loop: run.breaking */
	FLOW_FAIL,   /* run.error is set */
	FLOW_TEMP
};

struct sieve_node;
struct sieve_check;
struct sieve_run;

enum sieve_class {
	K_CONTROL,
	K_ACTION,
	K_TEST
};
enum sieve_tests {
	TESTS_NONE,
	TESTS_ONE,
	TESTS_LIST
};

#define SIEVE_TAG_LISTS 5
#define SIEVE_POS_MAX	3

struct sieve_command {
	const char *name;
	enum sieve_class class;
	uint64_t ext; /* any of them; 0: none */
	const struct sieve_tag_spec *tags[SIEVE_TAG_LISTS];
	/* What follows the tags: a letter each, 's' one string, 'l' a list of
	 * them, 'n' a number; and what it is, for errors. */
	const char *pos;
	const char *what[SIEVE_POS_MAX];
	/* So many of them may be left out: the first ones; or the last ones. */
	unsigned optional_first, optional_last;
	enum sieve_tests tests;
	bool block;
	/* Beyond the table; false: there is an error.  May be NULL. */
	bool (*check)(struct sieve_check *c, struct sieve_node *n);
	enum sieve_flow (*run)(struct sieve_run *r, const struct sieve_node *n);
	enum sieve_flow (*test)(
	    struct sieve_run *r, const struct sieve_node *n, bool *out);
};

struct sieve_bound {
	const struct sieve_tag_spec *spec;
	unsigned line, column; /* of the tag */
	struct sieve_value *v; /* V_NONE: the tag alone */
};

struct sieve_node {
	struct sv name;
	unsigned line, column;
	struct sieve_value *arg;
	size_t narg;
	struct sieve_node *test; /* linked by next */
	bool has_tests, test_list;
	bool has_block;
	struct sieve_node *block; /* linked by next */
	struct sieve_node *next;
	/* From the checker. */
	const struct sieve_command *cmd;
	struct sieve_bound *tag;
	size_t ntag;
	struct sieve_value *pos[SIEVE_POS_MAX]; /* NULL: left out */
	struct sieve_match match;
	void **regex;	    /* one for each key, NULL: not constant */
	uint64_t ext;	    /* what it needs, if that is known when it is run */
	const char *broken; /* an error when it is run [RFC 5463 4] */
};

struct sieve_script {
	struct arena arena;
	struct sv name;
	struct sieve_limits limits;
	uint64_t ext; /* required */
	struct sieve_node *commands;
	void **regex; /* to be freed */
	size_t nregex, regex_cap;
};

/* ---- checking ---- */

#define SIEVE_LOOPS_MAX 8 /* one in another */

struct sieve_check {
	struct sieve_script *script;
	struct sieve_errors *errors;
	struct sieve_errors *warnings; /* may be NULL */
	uint64_t ext;
	/* What "ihave" tests ask for, wherever they are; and do they ask for
	 * something that is unknown here? */
	uint64_t asked;
	bool asked_unknown;
	/* foreverypart around it, and their names (p == NULL: none). */
	unsigned loops;
	struct sv loop[SIEVE_LOOPS_MAX];
	/* Names of variables that have been set, and are global. */
	struct sv *set, *global;
	size_t nset, set_cap, nglobal, global_cap;
};

#endif
