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
 * as well, but for a message that had ">From " itself.  Programs write all
 * sorts of things behind "From ", or nothing, as Thunderbird does, and some do
 * not quote at all, or leave out the empty line.  So the line behind it counts:
 *
 *   behind an empty line, with a date or bare   a field or an empty line
 *   behind an empty line, anything else	 a field that mail has
 *   not behind one, with a date or bare	 a field that mail has
 *
 * All else is text; where a field follows, it is counted as doubtful.  Lines
 * may end in CR LF, or all in CR; the file may begin with a mark of UTF-8.
 *
 * Flags, keywords and labels are in header fields, as other programs write
 * them (imap/transfer/fields.h), and are taken out wherever they are.  Ours are
 * the first three fields of a message, Status, X-Status and X-Keywords in that
 * order and with X-Hearthmail behind them, which says whether the last line has
 * an end; where they are so, fields of those names further down are the
 * message's own and stay.
 */
#ifndef IMAP_TRANSFER_MBOX_H
#define IMAP_TRANSFER_MBOX_H

#include <stdint.h>

#include "base/buf.h"
#include "imap/transfer/fields.h"

#define MBOX_LINE_MAX	(64u * 1024)  /* looked at in one piece */
#define MBOX_HEADER_MAX (512u * 1024) /* in which flags are looked for */

struct mbox_info {
	int64_t date; /* of the From line, else of the header; 0: none */
	int32_t zone;
	struct sv flags; /* of IMAP, separated by spaces */
	bool internal;	 /* no message: a program's notes to itself */
	bool expunged;	 /* deleted, and only not yet cut out of the file */
	bool ours;	 /* an export has written it */
	bool labels;	 /* it had labels: place is the folder they say */
	struct sv place;
	unsigned use;
	unsigned doubtful; /* lines in it that may begin others; at the end */
};

struct mbox_ops {
	/* All of info but what is known at the end only. */
	int (*begin)(void *arg, const struct mbox_info *info);
	/* Bytes of the message, with CR LF. */
	int (*data)(void *arg, struct sv bytes);
	int (*end)(void *arg, const struct mbox_info *info);
	void *arg;
};

enum mbox_ends {
	MBOX_ENDS_UNKNOWN,
	MBOX_ENDS_LF, /* or CR LF */
	MBOX_ENDS_CR
};

struct mbox {
	const struct mbox_ops *ops;
	enum mbox_ends ends;
	bool cr_waits; /* of the first line's end */
	unsigned mark; /* bytes of the mark at the beginning, 3: it is over */
	struct buf line;
	bool line_began; /* a part of this line has been dealt with ... */
	bool marks;	 /* ... which was nothing but '>', */
	bool mark_held;	 /* of which one is held back */

	bool is_held; /* a line that may begin a message waits for the next */
	struct buf held;
	bool held_dated;
	int64_t held_date;
	int32_t held_zone;

	bool open;   /* a message is being read */
	bool begun;  /* ops know of it */
	bool blank;  /* the line before was empty, and is held back */
	bool ended;  /* a line end is held back */
	bool header; /* being gathered */
	bool bare;   /* ours: it had no line end at its end */
	struct buf head;
	struct fields fields;
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
