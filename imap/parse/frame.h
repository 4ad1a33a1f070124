/*
 * Framing: finds the end of an IMAP command in a stream of bytes.
 *
 * A command is a line, but a line that ends in "{12}" goes on behind the
 * twelve bytes of a literal [RFC 3501 4.3, RFC 7888].  struct imap_frame
 * gathers a command's text, literals with their headers included, so that
 * the grammar (imap/parse/parse.h) works on whole commands only.
 *
 * For each literal the caller is asked before a byte of it is taken: it may be
 * a message for APPEND, which is not gathered here.
 *
 * Leniency: a line may also end in a bare LF.
 */
#ifndef IMAP_PARSE_FRAME_H
#define IMAP_PARSE_FRAME_H

#include "base/buf.h"
#include "imap/parse/limits.h"

enum imap_frame_got {
	IMAP_FRAME_MORE,    /* all input is used, the command is not over */
	IMAP_FRAME_COMMAND, /* f->text is a command without its line end */
	IMAP_FRAME_LITERAL, /* a literal is announced: accept, skip, stream */
	IMAP_FRAME_TOOLONG, /* a command is over, but was above the limits;
			       f->text has its beginning */
	IMAP_FRAME_SKIPPED  /* a command is over of which a literal was
			       skipped: it has been answered then */
};

struct imap_literal {
	uint64_t size; /* UINT64_MAX: not even a 63-bit number */
	bool nonsync;  /* {n+} or {n-}: the client does not wait for us */
	bool binary;   /* ~{n} [RFC 3516] */
};

struct imap_frame {
	struct buf text;
	const struct imap_limits *lim;
	/* The command being read. */
	uint64_t literal;  /* bytes of the literal that are still to come */
	size_t line;	   /* bytes outside literals */
	size_t line_start; /* in text: behind the last literal */
	char tail[32];	   /* last bytes of a line that is not kept */
	size_t ntail;
	bool asked;    /* waits for the caller's word on a literal */
	bool overflow; /* a limit was reached */
	bool skipping; /* answered already, text not kept */
};

/* lim is borrowed for the frame's lifetime. */
void imap_frame_init(struct imap_frame *f, const struct imap_limits *lim);
void imap_frame_fini(struct imap_frame *f);
/* For the next command; keeps the memory. */
void imap_frame_reset(struct imap_frame *f);
/* As reset, but overwrites and frees: the text held a password. */
void imap_frame_wipe(struct imap_frame *f);

/*
 * Takes bytes from in; *used_out says how many.  After anything but MORE and
 * LITERAL call imap_frame_reset before the next feed.  *lit_out is set with
 * IMAP_FRAME_LITERAL.
 */
enum imap_frame_got imap_frame_feed(struct imap_frame *f, struct sv in,
    size_t *used_out, struct imap_literal *lit_out);

/*
 * The answers to IMAP_FRAME_LITERAL.
 *
 * accept: its bytes become part of the text; false if that would break the
 * limits: skip it then.
 *
 * skip: the client has been answered already.  With a synchronising literal
 * the command is over and the frame reset; else its bytes and the rest of the
 * command are read and thrown away until IMAP_FRAME_SKIPPED.
 *
 * stream: the caller takes the literal's bytes out of the input by itself.
 * The text becomes empty; what the frame returns next is what follows
 * the literal.
 */
bool imap_frame_literal_accept(
    struct imap_frame *f, const struct imap_literal *lit) RC_USE_RESULT;
void imap_frame_literal_skip(
    struct imap_frame *f, const struct imap_literal *lit);
void imap_frame_literal_stream(struct imap_frame *f);

#endif
