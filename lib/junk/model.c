#include "junk/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "journal/crc32c.h"
#include "junk/prior.h"

#define LEARNERS 5
#define UNIT	 1024.0 /* of weights and of their use */
#define USE_0	 0.15	/* so that the first lesson is not all */
#define USE_MAX	 32.0	/* a weight never stops learning */
#define USE_SEEN 0.02	/* a lesson that was known already */
#define RATE	 1.2
/* Of margins that no lesson of the other side speaks for. */
#define CAP_WANTED 0.5
#define CAP_JUNK   0.3
#define CAP_EACH   0.12
/* On top of the threshold while little wanted mail is known: of rules, which
 * are sure, and of what was learned, which is not. */
#define DOUBT_RULES	      1.2
#define DOUBT_RULES_LESSONS   30.0
#define DOUBT_LEARNED	      3.3
#define DOUBT_LEARNED_LESSONS 30.0
#define PRIOR_KNOWN	      0.4 /* of what they say, when something is learned */
#define PRIOR_SHAPE	      1.5
#define PRIOR_SAID	      5.0
#define PRIOR_SUBJECT	      2.0
#define PRIOR_LEAST	      0.05
#define DOUBT_FIRST	      2.0    /* lessons, after which that is the more */
#define PRIOR_LESSONS	      1000.0 /* after which the rules count half */

#define SHARES_ALL 4.6

/* Each learner's part of the margin and its rate. */
static const struct {
	double share, rate;
} learner[LEARNERS] = {
    {1.3, 1.0}, /* all of the header, shapes, links */
    {1.2, 1.0}, /* words */
    {1.0, 1.0}, /* pairs, shapes, links */
    {0.5, 1.0}, /* senders, shapes, attachments */
    {0.6, 0.7}, /* letters */
};

/*
 * Who sees which kind.  A feature's weights, one for each that sees it, are
 * next to each other, in a row that begins at one of them: so that a feature
 * costs one look into memory.
 */
#define ROW 4

static const struct {
	uint8_t n, of[ROW];
} seen_by[16] = {
    [JUNK_WORD] = {1, {1}},
    [JUNK_PAIR] = {1, {2}},
    [JUNK_GRAM] = {1, {4}},
    [JUNK_HIDDEN] = {1, {1}},
    [JUNK_URL] = {3, {0, 2, 3}},
    [JUNK_SHAPE] = {3, {0, 2, 3}},
    [JUNK_ATTACHMENT] = {2, {1, 3}},
    [JUNK_SUBJECT] = {3, {0, 1, 2}},
    [JUNK_SENDER] = {2, {0, 3}},
    [JUNK_HEADER] = {2, {0, 3}},
    [JUNK_HEADER_WORD] = {1, {0}},
    [JUNK_SIGNAL] = {4, {0, 1, 3, 4}},
};

struct junk_model {
	unsigned bits;
	uint32_t lessons[2];
	int16_t *weight;
	uint16_t *use; /* the sum of squares of errors */
	struct junk_prior rules;
};

struct junk_model *
junk_model_new(unsigned bits)
{
	struct junk_model *m = xcalloc(1, sizeof(*m));

	m->bits = bits;
	m->weight = xcalloc((size_t)1 << bits, sizeof(m->weight[0]));
	m->use = xcalloc((size_t)1 << bits, sizeof(m->use[0]));
	junk_prior_init(&m->rules);
	return m;
}

void
junk_model_free(struct junk_model **m)
{
	if (*m == NULL)
		return;
	free((*m)->weight);
	free((*m)->use);
	free(*m);
	*m = NULL;
}

uint32_t
junk_model_lessons(const struct junk_model *m, bool junk)
{
	return m != NULL ? m->lessons[junk] : 0;
}

/* Where a feature's row begins. */
static inline uint32_t
slot_of(const struct junk_model *m, uint32_t feature)
{
	uint32_t h = feature * 0x9e3779b1U;

	h ^= h >> 15;
	return h * 0x85ebca77U >> (32 - m->bits);
}

static inline uint32_t
slot_in_row(uint32_t slot, unsigned i)
{
	return (slot & ~(ROW - 1U)) | ((slot + i) & (ROW - 1U));
}

/* ---- asking ---- */

/* What one look at each feature tells. */
struct margins {
	double of[LEARNERS];
	double norm[LEARNERS];
	double rules[JUNK_PRIOR_GROUPS]; /* sums of a fresh server's */
};

/* Those features of which something is known. */
struct known {
	uint16_t at[JUNK_FEATURES_MAX];
	size_t n;
};

/* A message's length counts by its root. */
static void
norms(const uint32_t of_kind[16], double norm[LEARNERS])
{
	uint32_t n[LEARNERS];
	unsigned kind, i;

	for (i = 0; i < LEARNERS; i++)
		n[i] = 1;
	for (kind = 0; kind < 16; kind++)
		for (i = 0; i < seen_by[kind].n; i++)
			n[seen_by[kind].of[i]] += of_kind[kind];
	for (i = 0; i < LEARNERS; i++)
		norm[i] = 1 / sqrt(n[i]);
}

/* Adds what a model knows of a feature to what learners say; false: nothing,
 * nor of its neighbours in the row. */
static inline bool
add_weights(const struct junk_model *m, uint32_t v, int64_t sum[LEARNERS])
{
	uint32_t kind = v >> 28, slot = slot_of(m, v);
	const int16_t *row = m->weight + (slot & ~(ROW - 1U));
	uint64_t any;
	unsigned i;

	memcpy(&any, row, sizeof any);
	if (any == 0)
		return false;
	for (i = 0; i < seen_by[kind].n; i++)
		sum[seen_by[kind].of[i]] += row[(slot + i) & (ROW - 1U)];
	return true;
}

static inline bool
add_rule(
    const struct junk_prior *rules, uint32_t v, double sum[JUNK_PRIOR_GROUPS])
{
	unsigned s;

	if (!junk_prior_may_have(rules, v))
		return false;
	s = junk_prior_find(rules, v);
	sum[rules->group[s]] += (double)rules->weight[s];
	return true;
}

/*
 * One pass over the features, since each is a look into memory.  The models
 * and the rules may be NULL, but not both models.  known: NULL, or those that
 * may add something.
 */
static void
margins(const struct junk_model *a, const struct junk_model *b,
    const struct junk_prior *rules, const struct junk_features *f,
    struct margins *out, struct known *known)
{
	uint32_t of_kind[16] = {0};
	int64_t sum[LEARNERS] = {0};
	size_t at, n = 0;
	unsigned i;

	*out = (struct margins){.of = {0}};
	for (at = 0; at < f->n; at++) {
		uint32_t v = f->v[at];
		bool any = false;

		of_kind[v >> 28]++;
		if (a != NULL)
			any |= add_weights(a, v, sum);
		if (b != NULL)
			any |= add_weights(b, v, sum);
		if (rules != NULL)
			any |= add_rule(rules, v, out->rules);
		if (known != NULL && any)
			known->at[n++] = (uint16_t)at;
	}
	if (known != NULL)
		known->n = n;
	norms(of_kind, out->norm);
	for (i = 0; i < LEARNERS; i++)
		out->of[i] = (double)sum[i] / UNIT * out->norm[i];
}

/* What says the same in other words counts less and less. */
static double
prior(const double sum[JUNK_PRIOR_GROUPS])
{
	return sum[JUNK_PRIOR_REST] +
	       PRIOR_SHAPE * tanh(sum[JUNK_PRIOR_SHAPE] / PRIOR_SHAPE) +
	       PRIOR_SAID * asinh(sum[JUNK_PRIOR_SAID] / PRIOR_SAID) +
	       PRIOR_SUBJECT * asinh(sum[JUNK_PRIOR_SUBJECT] / PRIOR_SUBJECT);
}

/* An account's lessons are in both models if it shares them. */
static double
lessons(const struct junk_model *a, const struct junk_model *b, bool junk)
{
	uint32_t x = junk_model_lessons(a, junk);
	uint32_t y = junk_model_lessons(b, junk);

	return x > y ? x : y;
}

/* Who says only what is junk teaches little of what is not: all lessons, but of
 * junk no more than two for each of what was wanted. */
static double
balanced(const struct junk_model *a, const struct junk_model *b)
{
	double wanted = lessons(a, b, false), junk = lessons(a, b, true);

	return wanted + fmin(junk, 2 * wanted);
}

/* How much the rules of a fresh server still count. */
static double
prior_share(const struct junk_model *a, const struct junk_model *b)
{
	double n = balanced(a, b);

	return PRIOR_LESSONS / (PRIOR_LESSONS + n);
}

static double
bounded(double margin, const struct junk_model *a, const struct junk_model *b)
{
	double cap = (margin < 0 ? CAP_WANTED : CAP_JUNK) +
		     CAP_EACH * lessons(a, b, margin < 0);

	return cap * tanh(margin / cap);
}

static double
together(const struct margins *m, const struct junk_model *a,
    const struct junk_model *b)
{
	double sum = 0, share = prior_share(a, b);
	unsigned l;

	for (l = 0; l < LEARNERS; l++)
		sum += m->of[l] * learner[l].share / SHARES_ALL;
	sum = bounded(sum, a, b);
	if (share > PRIOR_LEAST)
		sum += share * prior(m->rules);
	return sum;
}

double
junk_model_margin(const struct junk_model *server, const struct junk_model *own,
    const struct junk_features *f)
{
	const struct junk_model *any = server != NULL ? server : own;
	struct margins m;

	margins(server, own, &any->rules, f, &m, NULL);
	return together(&m, server, own);
}

double
junk_model_border(const struct junk_model *server, const struct junk_model *own)
{
	double wanted = lessons(server, own, false);
	double all = balanced(server, own);
	double learned = all / (all + DOUBT_FIRST);

	return JUNK_THRESHOLD +
	       (1 - learned) * DOUBT_RULES * DOUBT_RULES_LESSONS /
		   (DOUBT_RULES_LESSONS + wanted) +
	       learned * DOUBT_LEARNED * DOUBT_LEARNED_LESSONS /
		   (DOUBT_LEARNED_LESSONS + wanted);
}

double
junk_score(double margin)
{
	return 1 / (1 + exp(-margin));
}

/* Keeps the weightiest, in order. */
static void
offer_reason(struct junk_answer *out, uint32_t feature, double weight)
{
	size_t i = out->n;

	if (out->n < JUNK_REASONS)
		out->n++;
	else if (fabs(weight) <= fabs((double)out->reason[--i].weight))
		return;
	for (; i > 0 && fabs((double)out->reason[i - 1].weight) < fabs(weight);
	     i--)
		out->reason[i] = out->reason[i - 1];
	out->reason[i] =
	    (struct junk_reason){.feature = feature, .weight = (float)weight};
}

/* What a feature adds to the margin. */
static inline double
part_of(const struct junk_model *m, uint32_t v, const double part[LEARNERS])
{
	uint32_t kind = v >> 28, slot;
	unsigned i;
	double w;

	if (m == NULL)
		return 0;
	slot = slot_of(m, v);
	w = m->weight[slot] * part[seen_by[kind].of[0]];
	for (i = 1; i < seen_by[kind].n; i++)
		w +=
		    m->weight[slot_in_row(slot, i)] * part[seen_by[kind].of[i]];
	return w;
}

void
junk_model_ask(const struct junk_model *server, const struct junk_model *own,
    const struct junk_features *f, struct junk_answer *out)
{
	const struct junk_model *any = server != NULL ? server : own;
	double share = prior_share(server, own), part[LEARNERS];
	struct margins m;
	struct known known;
	unsigned l;
	size_t i;

	margins(server, own, &any->rules, f, &m, &known);
	out->n = 0;
	out->margin = together(&m, server, own);
	for (l = 0; l < LEARNERS; l++)
		part[l] = m.norm[l] * learner[l].share / SHARES_ALL / UNIT;
	for (i = 0; i < known.n; i++) {
		uint32_t v = f->v[known.at[i]];
		double w;

		/* Letters say little to people. */
		if (junk_feature_kind(v) == JUNK_GRAM)
			continue;
		w = part_of(server, v, part) + part_of(own, v, part);
		if (share > PRIOR_LEAST && junk_prior_may_have(&any->rules, v))
			w += share *
			     (double)any->rules
				 .weight[junk_prior_find(&any->rules, v)];
		if (w * out->margin > 0)
			offer_reason(out, v, w);
	}
}

/* ---- learning ---- */

static void
note_change(struct buf *undo, uint32_t slot, int dw, int du)
{
	unsigned char b[JUNK_UNDO_BYTES];

	if (undo == NULL || (dw == 0 && du == 0))
		return;
	be_put32(b, slot);
	be_put16(b + 4, (uint16_t)dw);
	be_put16(b + 6, (uint16_t)du);
	buf_add(undo, b, sizeof(b));
}

static int
clamped(double v, int low, int high)
{
	return v < low ? low : v > high ? high : (int)lrint(v);
}

/* One step of one weight; rounding never keeps it where it is. */
static void
step(struct junk_model *m, uint32_t i, double error, double rate,
    struct buf *undo)
{
	int weight = m->weight[i], was = m->use[i];
	double use = was / UNIT + (rate > 0 ? error * error : USE_SEEN);

	if (use > USE_MAX)
		use = USE_MAX;
	m->use[i] = (uint16_t)clamped(use * UNIT, 0, UINT16_MAX);
	m->weight[i] = (int16_t)clamped(
	    weight + rate * error / sqrt(USE_0 + use) * UNIT, -32000, 32000);
	note_change(undo, i, m->weight[i] - weight, m->use[i] - was);
}

void
junk_model_learn(struct junk_model *m, const struct junk_model *below,
    const struct junk_lesson *lesson, struct buf *undo)
{
	const struct junk_features *f = lesson->f;
	double error[LEARNERS], rate[LEARNERS], known;
	struct margins got;
	unsigned l, k;
	size_t i;

	margins(below, m, &m->rules, f, &got, NULL);
	/* What the rules know need not be learned, or only half. */
	known = PRIOR_KNOWN * prior_share(m, below) * prior(got.rules);
	for (l = 0; l < LEARNERS; l++) {
		double margin = got.of[l] + known;
		double side = lesson->junk ? margin : -margin;

		error[l] = (lesson->junk ? 1 : 0) - junk_score(margin);
		/* What was known leaves weights as they are, but makes them
		 * slower: so that what all mail has in common counts less. */
		rate[l] = side >= lesson->sure
			      ? 0
			      : RATE * learner[l].rate * lesson->weight;
	}
	for (i = 0; i < f->n; i++) {
		uint32_t v = f->v[i], slot = slot_of(m, v);

		for (k = 0; k < seen_by[v >> 28].n; k++) {
			l = seen_by[v >> 28].of[k];
			step(m, slot_in_row(slot, k), error[l], rate[l], undo);
		}
	}
	m->lessons[lesson->junk] += lesson->count;
}

/* What a lesson changed, changed again or back. */
static void
change_by(struct junk_model *m, struct sv undo, int sign)
{
	for (; undo.n >= JUNK_UNDO_BYTES;
	     undo = sv_skip(undo, JUNK_UNDO_BYTES)) {
		const unsigned char *b = (const unsigned char *)undo.p;
		uint32_t i = be_get32(b) & ((1U << m->bits) - 1);

		m->weight[i] = (int16_t)clamped(
		    m->weight[i] + sign * (int16_t)be_get16(b + 4), -32000,
		    32000);
		m->use[i] = (uint16_t)clamped(
		    m->use[i] + sign * (int16_t)be_get16(b + 6), 0, UINT16_MAX);
	}
}

void
junk_model_undo(struct junk_model *m, struct sv undo, bool junk)
{
	change_by(m, undo, -1);
	if (m->lessons[junk] > 0)
		m->lessons[junk]--;
}

void
junk_model_redo(struct junk_model *m, struct sv undo, bool junk, bool count)
{
	change_by(m, undo, 1);
	m->lessons[junk] += count;
}

/* ---- as bytes ---- */

#define MAGIC "HMJ2"
#define HEAD  16
#define SLOT  7 /* distance 3, weight 2, use 2 */

void
junk_model_encode(const struct junk_model *m, struct buf *out)
{
	size_t from = out->n, slots = (size_t)1 << m->bits;
	unsigned char b[HEAD] = MAGIC;
	uint32_t i, last = 0;

	be_put32(b + 4, m->bits);
	be_put32(b + 8, m->lessons[0]);
	be_put32(b + 12, m->lessons[1]);
	buf_add(out, b, HEAD);
	for (i = 0; i < slots; i++) {
		if (m->weight[i] == 0 && m->use[i] == 0)
			continue;
		b[0] = (unsigned char)((i - last) >> 16);
		be_put16(b + 1, (uint16_t)(i - last));
		be_put16(b + 3, (uint16_t)m->weight[i]);
		be_put16(b + 5, m->use[i]);
		buf_add(out, b, SLOT);
		last = i;
	}
	if (!buf_ok(out))
		return;
	be_put32(b, crc32c(0, out->p + from, out->n - from));
	buf_add(out, b, 4);
}

static bool
decode_slots(struct junk_model *m, struct sv s)
{
	uint32_t at = 0;

	for (; s.n >= SLOT; s = sv_skip(s, SLOT)) {
		const unsigned char *b = (const unsigned char *)s.p;

		at += (uint32_t)b[0] << 16 | be_get16(b + 1);
		if (at >= 1U << m->bits)
			return false;
		m->weight[at] = (int16_t)be_get16(b + 3);
		m->use[at] = be_get16(b + 5);
	}
	return s.n == 0;
}

int
junk_model_decode(struct sv s, struct junk_model **out)
{
	struct junk_model *m;
	uint32_t bits;

	if (s.n < HEAD + 4 || !sv_starts(s, SV(MAGIC)) ||
	    crc32c(0, s.p, s.n - 4) != be_get32(s.p + s.n - 4))
		return RC_DAMAGED;
	bits = be_get32(s.p + 4);
	if (bits != JUNK_SERVER_BITS && bits != JUNK_ACCOUNT_BITS)
		return RC_DAMAGED;
	m = junk_model_new(bits);
	m->lessons[0] = be_get32(s.p + 8);
	m->lessons[1] = be_get32(s.p + 12);
	if (!decode_slots(m, sv_skip(sv_first(s, s.n - 4), HEAD))) {
		junk_model_free(&m);
		return RC_DAMAGED;
	}
	*out = m;
	return RC_OK;
}
