/*
 * Return codes and error texts.
 *
 * Everything that can fail returns int from enum rc: 0 is success, 1 means
 * "give me more bytes", negative is an error.  Out parameters come last, are
 * named *_out and stay untouched on error.
 *
 * struct err carries a sentence for a person, safe to put into a protocol
 * reply: printable ASCII, no CR or LF.  It never allocates, so it works while
 * memory or disk are failing.
 */
#ifndef BASE_RC_H
#define BASE_RC_H

enum rc {
	RC_OK = 0,
	RC_MORE = 1,
	RC_SYNTAX = -1,	   /* the bytes break the grammar */
	RC_TOOBIG = -2,	   /* a limit was reached */
	RC_IO = -3,	   /* a system call failed for good */
	RC_TEMP = -4,	   /* try again later */
	RC_PERM = -5,	   /* never going to work */
	RC_DENIED = -6,	   /* not allowed */
	RC_NOTFOUND = -7,  /* no such thing */
	RC_EXISTS = -8,	   /* there already */
	RC_EOF = -9,	   /* the peer has closed */
	RC_TIMEOUT = -10,  /* the deadline has passed */
	RC_NOSPACE = -11,  /* the disk or a quota is full */
	RC_DAMAGED = -12,  /* a checksum does not fit */
	RC_NOSUPPORT = -13 /* understood, but not offered */
};

#define RC_USE_RESULT __attribute__((warn_unused_result))

#define ERR_TEXT_MAX 400

struct err {
	int code; /* an enum rc */
	char text[ERR_TEXT_MAX];
};

/*
 * Sets code and text and returns code, so that a function can end with
 * `return err_set(err, RC_IO, "...")`.  err may be NULL.  Longer texts are
 * cut; bytes outside printable ASCII become '?'.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno value e behind it. */
int err_sys(struct err *err, int code, int e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The name of a code, for logs and tests: "RC_TEMP". */
const char *rc_name(int rc);

/*
 * Aborts with file and line if cond is false.  For bugs only: no byte that a
 * peer can send may reach a failing must(); the fuzzers prove it.
 */
#define must(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))
void must_fail(const char *cond, const char *file, int line)
    __attribute__((noreturn));

#endif
