/*
 * What has been learned of junk: scores from features, lessons into weights.
 *
 * Pure: no clock, no files.  A model is one table of weights, reached by hash,
 * in which several learners, each with an eye for other kinds of features, have
 * their places.  Each is an online logistic regression on the features that a
 * message has, with a learning rate of each weight's own that falls as it is
 * used (AdaGrad) but never to nothing, so that what is new is learned however
 * much was learned before.  A message's length counts by its root.  The margin
 * is the mean of the learners', so that one that is misled is outvoted.
 *
 * Only what was wrong or not sure is learned (margin training).  And nothing
 * is sure before both sides are known: who has seen only junk would take all
 * mail for junk; so the margin is bounded by the number of lessons of the
 * other side, and until there are some, the rules of a fresh server stay.
 *
 * Two models answer together: the server's, and on top of it the account's,
 * which learns what the server's gets wrong for this account.
 */
#ifndef JUNK_MODEL_H
#define JUNK_MODEL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "junk/feature.h"

#define JUNK_SERVER_BITS  20 /* slots: 4 MiB */
#define JUNK_ACCOUNT_BITS 18 /* 1 MiB */

/* A margin, the log of the odds as it were, above which mail is junk. */
#define JUNK_THRESHOLD 2.0

struct junk_model;

struct junk_model *junk_model_new(unsigned bits);
void junk_model_free(struct junk_model **m);
/* Lessons that count now. */
uint32_t junk_model_lessons(const struct junk_model *m, bool junk);

/* A feature and how much it adds to the margin. */
struct junk_reason {
	uint32_t feature;
	float weight;
};
#define JUNK_REASONS 8

struct junk_answer {
	double margin;
	struct junk_reason reason[JUNK_REASONS]; /* the weightiest first */
	size_t n;
};

/* own may be NULL. */
void junk_model_ask(const struct junk_model *server,
    const struct junk_model *own, const struct junk_features *f,
    struct junk_answer *out);
double junk_model_margin(const struct junk_model *server,
    const struct junk_model *own, const struct junk_features *f);
/* The threshold, and a little more as long as little wanted mail is known. */
double junk_model_border(
    const struct junk_model *server, const struct junk_model *own);
/* 0 to 1, of a margin. */
double junk_score(double margin);

/*
 * One lesson into `learner`, on top of `below` (NULL: none), with `weight` of
 * 0 to 1 of the full rate.  What it changed is appended to undo (NULL: not
 * wanted), in pieces of JUNK_UNDO_BYTES.  `count` is false for repetitions.
 */
struct junk_lesson {
	const struct junk_features *f;
	bool junk, count;
	double weight;
	double sure; /* not learned if it is surer than that margin */
};
#define JUNK_SURE	1.1
#define JUNK_UNDO_BYTES 8
void junk_model_learn(struct junk_model *learner,
    const struct junk_model *below, const struct junk_lesson *lesson,
    struct buf *undo);
/* Takes back what a lesson changed, whatever was learned since. */
void junk_model_undo(struct junk_model *m, struct sv undo, bool junk);
/* The lesson again, as it was: for who reads it from a log. */
void junk_model_redo(
    struct junk_model *m, struct sv undo, bool junk, bool count);

/*
 * As bytes: "HMJ2", version, bits, lessons (junk, wanted), then each slot that
 * is not zero as its distance from the last, weight and use, in big-endian
 * order, and a CRC-32C of all before.  RC_DAMAGED: not of this version, or not
 * whole.
 */
void junk_model_encode(const struct junk_model *m, struct buf *out);
int junk_model_decode(struct sv bytes, struct junk_model **out) RC_USE_RESULT;

#endif
