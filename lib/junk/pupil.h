/*
 * What one account has taught, and the server's model below it.
 *
 * Each content counts once.  What was taught otherwise before is undone, to
 * the last bit of what that lesson had changed, and what it had replaced is
 * learned again: moved to and fro, a message counts for what it did at first,
 * and that a program says so with a keyword as well changes nothing.
 * If it is on the side that is wanted now, nothing more is learned.  Else it
 * is learned, and learned again until it is on that side, a few times at most;
 * and copies of it are known by their content from then on, however little was
 * taught so far.
 *
 * Hints (a message that was answered or flagged) are learned once, with less
 * weight, and never against a lesson.  Still less weighs that a message was
 * read: it is taken back if the message is thrown away then.
 *
 * An account's lessons count in the server's model, too, if it shares them:
 * above PUPIL_SHARE_FREE lessons with less weight the more of them are its own,
 * and next to nothing where they contradict what others have taught, so that
 * one who teaches wrongly does not spoil it for others.
 */
#ifndef JUNK_PUPIL_H
#define JUNK_PUPIL_H

#include "junk/content.h"
#include "junk/store.h"

#define PUPIL_ROWS	 4000 /* contents that are remembered */
#define PUPIL_UNDO	 1000 /* of which can be undone exactly, at most ... */
#define PUPIL_UNDO_BYTES (3 << 20) /* ... and as many as this has room for */
#define PUPIL_UNDO_READ	 64	   /* likewise, of what was only read */
#define PUPIL_SHARE_FREE 100

#define PUPIL_READ_WEIGHT 0.5 /* of a lesson */

enum pupil_side {
	PUPIL_JUNK,
	PUPIL_WANTED,
	PUPIL_HINT,  /* wanted, as it seems */
	PUPIL_READ,  /* less than that */
	PUPIL_THROWN /* nothing: READ is undone */
};

#define PUPIL_SHARED  1u   /* the server's model has it, too */
#define PUPIL_AGAINST 2u   /* which was sure of something else */
#define PUPIL_SAID    4u   /* put back to what it was: again is no news */
#define PUPIL_EMPTY   8u   /* and that was nothing: there is no lesson */
#define PUPIL_BEFORE  4	   /* from this bit on: 1 + the side that it replaced */
#define PUPIL_SIDES   7u   /* the mask of that */
#define PUPIL_FADED   128u /* it cannot be undone any more, and stays counted */

struct pupil_row {
	struct junk_content content;
	int64_t when;			  /* ms since 1970 */
	uint8_t side;			  /* enum pupil_side */
	uint8_t shared;			  /* PUPIL_SHARED, AGAINST, ... */
	struct buf undo_own, undo_server; /* may be empty: too long ago */
};

struct pupil {
	struct junk_file file; /* its own model */
	struct pupil_row *row; /* oldest first */
	size_t n;
	size_t undo_bytes; /* of all rows */
	uint32_t shared;   /* lessons of it that the server's model has */
	uint32_t against;  /* of all: those against what that was sure of */
	uint32_t all;
};

/* The server's model. */
int pupil_server_open(struct junk_file *f, struct err *err) RC_USE_RESULT;
int pupil_open(
    struct pupil *p, const char *account, struct err *err) RC_USE_RESULT;
/* Are there files of it with something in them?  Then it can be opened. */
bool pupil_was_taught(const char *account);
/* Both write what was not written. */
void pupil_server_close(struct junk_file *f);
void pupil_close(struct pupil *p);
/* Its own model and what it has taught; what the server's has learned of it
 * stays there, where nobody can tell whose it was. */
void pupil_forget(const char *account);

/* own may be NULL. */
struct pupil_answer {
	struct junk_answer answer;
	double border;
	bool junk;
	bool taught; /* it, or what it is a copy of, was taught as such */
};
void pupil_ask(const struct junk_file *server, const struct pupil *own,
    const struct junk_features *f, struct pupil_answer *out);

/* True: something was learned or undone. */
bool pupil_teach(struct junk_file *server, struct pupil *own,
    const struct junk_features *f, enum pupil_side side, int64_t now,
    bool share);

#endif
