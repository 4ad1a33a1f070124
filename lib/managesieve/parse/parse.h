/*
 * ManageSieve's commands [RFC 5804 4]: taken off a stream of bytes, and read.
 * Pure and bounded; no I/O, no log.
 *
 * A command is a line; strings in it may be literals, "{5+}" and a line break
 * and five bytes, behind which it goes on.  What is longer than the limits is
 * skipped, and said; what is far longer ends the connection, since reading it
 * to throw it away helps nobody.
 */
#ifndef MANAGESIEVE_PARSE_PARSE_H
#define MANAGESIEVE_PARSE_PARSE_H

#include "base/arena.h"
#include "base/buf.h"

struct msv_limits {
	size_t line;	/* bytes outside of literals */
	size_t literal; /* of one */
	uint64_t skip;	/* a literal up to here is skipped, above: the end */
	unsigned bad;	/* bad commands in a row */
};

/* ---- framing ---- */

enum msv_event {
	MSV_MORE,    /* all was taken, and it is not whole */
	MSV_COMMAND, /* frame.text is one, without its line break */
	MSV_TOOLONG, /* one was too long; it has been skipped */
	MSV_CLOSE,   /* it is so long that the connection should end */
	MSV_LOST     /* a literal without "+", or of a size that cannot be: what
			follows might be its text, not a command */
};

struct msv_frame {
	const struct msv_limits *lim;
	struct buf text;
	size_t line;	   /* bytes of it outside of literals */
	size_t line_start; /* in text: behind the last literal */
	uint64_t literal;  /* bytes of it that are still to come */
	bool skipping;	   /* it is too long */
	bool ready;	   /* text has been given out */
};

void msv_frame_init(struct msv_frame *f, const struct msv_limits *lim);
/* Overwrites what it has: it may have been a password. */
void msv_frame_wipe(struct msv_frame *f);
/* Takes bytes off in; *used gets how many.  After MSV_COMMAND text is valid
 * until the next call. */
enum msv_event msv_frame_feed(struct msv_frame *f, struct sv in, size_t *used);

/* ---- reading ---- */

#define MSV_ARGS_MAX 3

struct msv_arg {
	bool is_number;
	uint64_t number;
	struct sv text; /* a string's; in the arena or the command */
};

struct msv_command {
	struct sv name; /* as it was written */
	struct msv_arg arg[MSV_ARGS_MAX];
	size_t n;
};

/* What BYE says. */
const char *msv_event_text(enum msv_event e);

/* command = name *(SP (string / number)), with blanks where a space may be;
 * RC_SYNTAX with *why, for a reply. */
int msv_command_read(struct sv text, struct arena *arena,
    struct msv_command *out, const char **why) RC_USE_RESULT;
/* A line that is a string alone: an answer to AUTHENTICATE's challenge. */
int msv_string_read(
    struct sv text, struct arena *arena, struct sv *out) RC_USE_RESULT;

/* ---- writing ---- */

/* As a quoted string if it can be one, else as a literal. */
void msv_string_write(struct sv s, struct buf *out);
/* "OK (CODE) text"; code NULL: none.  Text may have several lines, which end
 * with LF. */
void msv_reply_write(
    struct buf *out, const char *status, const char *code, struct sv text);

/* What both halves say: all but SASL and STARTTLS. */
void msv_capabilities_write(
    const char *sieve, const char *notify, unsigned redirects, struct buf *out);

#endif
