/*
 * Line ends, both ways, over a stream of pieces.  Mail has CR LF; files of
 * Unix have LF.
 */
#ifndef IMAP_TRANSFER_LINES_H
#define IMAP_TRANSFER_LINES_H

#include "base/buf.h"

/* LF without CR becomes CR LF; all else stays. */
struct lines_in {
	char last; /* the byte before */
};

/* Appends to out; false if it does not fit. */
bool lines_to_crlf(struct lines_in *l, struct sv piece, struct buf *out);

/*
 * Can a message be written with LF alone and be read back as it was?  Not if
 * it has an LF without CR, or CR CR LF.  Such a message is written as it is.
 */
struct lines_check {
	char last, before; /* the two bytes before */
	bool unclean;
};

void lines_check(struct lines_check *c, struct sv piece);

/* CR LF becomes LF; a CR at the end of a piece waits for the next. */
struct lines_out {
	bool cr;
};

bool lines_to_lf(struct lines_out *l, struct sv piece, struct buf *out);
/* The end: a CR that still waits. */
bool lines_to_lf_end(struct lines_out *l, struct buf *out);

#endif
