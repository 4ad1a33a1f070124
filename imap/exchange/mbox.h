/*
 * mbox files, pure: one message after another, each begun by a line
 *
 *   From anna@example.org Tue Nov 24 11:36:46 2026
 *
 * behind an empty line.  Written as mboxrd: lines of the message that look
 * like that, with or without '>' before it, get one more '>', so that what is
 * read is what was written.
 *
 * Leniency in reading: mboxo, where only lines without '>' were quoted, reads
 * as well, but for a message that had ">From " itself.  A line "From " that is
 * not behind an empty line or has no date is text: some programs do not quote
 * at all.  Lines may end in CR LF.
 *
 * Flags are in header fields, as other programs write them: Status: R (seen);
 * X-Status: A (answered) F (flagged) T (draft) D (deleted); X-Keywords: words.
 * Ours are the first three fields of a message, in that order and with
 * X-Hearthmail behind them, which says whether the last line has an end; where
 * they are so, fields of those names further down are the message's own and
 * stay.  Else they are taken out wherever they are, and so
 * are X-UID, X-IMAPbase and Content-Length, which speak of the file.
 */
#ifndef IMAP_EXCHANGE_MBOX_H
#define IMAP_EXCHANGE_MBOX_H

#include <stdint.h>

#include "base/buf.h"

#define MBOX_LINE_MAX	(64u * 1024)  /* looked at in one piece */
#define MBOX_HEADER_MAX (512u * 1024) /* in which flags are looked for */

struct mbox_info {
	int64_t date; /* of the From line, 0: none */
	int32_t zone;
	struct sv flags; /* of IMAP, separated by spaces */
	bool internal;	 /* no message: a program's notes to itself */
};

struct mbox_ops {
	int (*begin)(void *arg);
	/* Bytes of the message, with CR LF. */
	int (*data)(void *arg, struct sv bytes);
	int (*end)(void *arg, const struct mbox_info *info);
	void *arg;
};

struct mbox {
	const struct mbox_ops *ops;
	struct buf line;
	bool line_began; /* a part of this line has been dealt with ... */
	bool marks;	 /* ... which was nothing but '>', */
	bool mark_held;	 /* of which one is held back */

	bool open;   /* a message is being read */
	bool blank;  /* the line before was empty, and is held back */
	bool ended;  /* a line end is held back */
	bool header; /* being gathered */
	bool bare;   /* ours: it had no line end at its end */
	struct buf head, flags;
	struct mbox_info info;
};

/* ops is borrowed. */
void mbox_init(struct mbox *m, const struct mbox_ops *ops);
void mbox_fini(struct mbox *m);
/* RC_SYNTAX: it does not begin like an mbox.  Or what ops have returned. */
int mbox_feed(struct mbox *m, struct sv piece) RC_USE_RESULT;
/* The end of the file. */
int mbox_end(struct mbox *m) RC_USE_RESULT;

/* ---- writing ---- */

/* The From line and the three fields; bare: the message's last line has no
 * end. */
void mbox_put_head(struct buf *out, int64_t date, struct sv flags, bool bare);

struct mbox_quote {
	bool inside; /* a line, behind its marks and what may be "From " */
	size_t word; /* bytes of "From " that have come, held back */
};

/* Bytes of a message, quoted. */
void mbox_put(struct mbox_quote *q, struct sv piece, struct buf *out);
/*
 * The end of the message: what is held back, and the empty line behind it.
 * last: the message's last byte, -1 if it has none; a CR there needs one more
 * so as not to be taken for a part of the line's end.
 */
void mbox_put_end(struct mbox_quote *q, int last, struct buf *out);

#endif
