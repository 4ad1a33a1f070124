#include "junk/model.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/be.h"
#include "journal/crc32c.h"
#include "junk/prior.h"

#define LEARNERS 5
#define UNIT	 1024.0 /* of weights and of their use */
#define USE_0	 0.06	/* so that the first lesson is not all */
#define USE_MAX	 32.0	/* a weight never stops learning */
#define USE_SEEN 0.02	/* a lesson that was known already */
#define RATE	 1.35
#define CAP_0	 2.6
#define CAP_EACH 0.4
/* On top of the threshold while little wanted mail is known: of rules, which
 * are sure, and of what was learned, which is not. */
#define DOUBT_RULES	      1.2
#define DOUBT_RULES_LESSONS   30.0
#define DOUBT_LEARNED	      4.0
#define DOUBT_LEARNED_LESSONS 15.0
#define DOUBT_FIRST	      2.0   /* lessons, after which that is the more */
#define PRIOR_LESSONS	      200.0 /* after which the rules count half */

#define K(kind) (1U << JUNK_##kind)

static const struct {
	uint32_t kinds;
	uint32_t salt;
	double share, rate;
} learner[LEARNERS] = {
    {K(HEADER) | K(HEADER_WORD) | K(SENDER) | K(SUBJECT) | K(SHAPE) | K(URL) |
	    K(SIGNAL),
	0x5bd1e995U, 1.3, 1.0},
    {K(WORD) | K(SUBJECT) | K(HIDDEN) | K(ATTACHMENT) | K(SIGNAL), 0x1b873593U,
	1.2, 1.0},
    {K(PAIR) | K(URL) | K(SHAPE) | K(SUBJECT), 0xcc9e2d51U, 1.0, 1.0},
    {K(HEADER) | K(SENDER) | K(SHAPE) | K(URL) | K(ATTACHMENT) | K(SIGNAL),
	0x85ebca6bU, 0.5, 1.0},
    {K(GRAM) | K(SIGNAL), 0xc2b2ae35U, 0.2, 0.7},
};

struct slot {
	int16_t weight;
	uint16_t use; /* the sum of squares of errors */
};

struct junk_model {
	unsigned bits;
	uint32_t lessons[2];
	struct slot *slot;
};

struct junk_model *
junk_model_new(unsigned bits)
{
	struct junk_model *m = xcalloc(1, sizeof(*m));

	m->bits = bits;
	m->slot = xcalloc((size_t)1 << bits, sizeof(m->slot[0]));
	return m;
}

void
junk_model_free(struct junk_model **m)
{
	if (*m == NULL)
		return;
	free((*m)->slot);
	free(*m);
	*m = NULL;
}

uint32_t
junk_model_lessons(const struct junk_model *m, bool junk)
{
	return m != NULL ? m->lessons[junk] : 0;
}

static inline uint32_t
slot_of(const struct junk_model *m, unsigned l, uint32_t feature)
{
	uint32_t h = (feature ^ learner[l].salt) * 0x9e3779b1U;

	h ^= h >> 15;
	return h * 0x85ebca77U >> (32 - m->bits);
}

static inline bool
sees(unsigned l, uint32_t feature)
{
	return (learner[l].kinds >> junk_feature_kind(feature) & 1U) != 0;
}

/* ---- asking ---- */

struct margins {
	double of[LEARNERS];
	double norm[LEARNERS];
};

static void
margins(const struct junk_model *a, const struct junk_model *b,
    const struct junk_features *f, struct margins *out)
{
	unsigned l;
	size_t i;

	for (l = 0; l < LEARNERS; l++) {
		int64_t sum = 0;
		uint32_t n = 1;

		for (i = 0; i < f->n; i++) {
			if (!sees(l, f->v[i]))
				continue;
			n++;
			if (a != NULL)
				sum += a->slot[slot_of(a, l, f->v[i])].weight;
			if (b != NULL)
				sum += b->slot[slot_of(b, l, f->v[i])].weight;
		}
		out->norm[l] = 1 / sqrt(n);
		out->of[l] = (double)sum / UNIT * out->norm[l];
	}
}

static double
prior(const struct junk_features *f)
{
	struct junk_prior rules;
	double sum = 0;
	size_t i;

	junk_prior_init(&rules);
	for (i = 0; i < f->n; i++)
		sum += junk_prior_weight(&rules, f->v[i]);
	return sum;
}

/* An account's lessons are in both models if it shares them. */
static double
lessons(const struct junk_model *a, const struct junk_model *b, bool junk)
{
	uint32_t x = junk_model_lessons(a, junk);
	uint32_t y = junk_model_lessons(b, junk);

	return x > y ? x : y;
}

/* How much the rules of a fresh server still count. */
static double
prior_share(const struct junk_model *a, const struct junk_model *b)
{
	double n = lessons(a, b, false) + lessons(a, b, true);

	return PRIOR_LESSONS / (PRIOR_LESSONS + n);
}

static double
bounded(double margin, const struct junk_model *a, const struct junk_model *b)
{
	double cap = CAP_0 + CAP_EACH * lessons(a, b, margin < 0);

	return cap * tanh(margin / cap);
}

static double
together(const struct margins *m, const struct junk_model *a,
    const struct junk_model *b, const struct junk_features *f)
{
	double sum = 0, weight = 0, share = prior_share(a, b);
	unsigned l;

	for (l = 0; l < LEARNERS; l++) {
		sum += m->of[l] * learner[l].share;
		weight += learner[l].share;
	}
	sum /= weight;
	sum = bounded(sum, a, b);
	if (share > 0.05)
		sum += share * prior(f);
	return sum;
}

double
junk_model_margin(const struct junk_model *server, const struct junk_model *own,
    const struct junk_features *f)
{
	struct margins m;

	margins(server, own, f, &m);
	return together(&m, server, own, f);
}

double
junk_model_border(const struct junk_model *server, const struct junk_model *own)
{
	double wanted = lessons(server, own, false);
	double all = wanted + lessons(server, own, true);
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

void
junk_model_ask(const struct junk_model *server, const struct junk_model *own,
    const struct junk_features *f, struct junk_answer *out)
{
	struct junk_prior rules;
	struct margins m;
	double share = prior_share(server, own);
	size_t i;

	junk_prior_init(&rules);
	margins(server, own, f, &m);
	out->n = 0;
	out->margin = together(&m, server, own, f);
	for (i = 0; i < f->n; i++) {
		double w = 0;
		unsigned l;

		/* Letters and pairs say little to people. */
		if (junk_feature_kind(f->v[i]) == JUNK_GRAM ||
		    junk_feature_kind(f->v[i]) == JUNK_HEADER_GRAM)
			continue;
		for (l = 0; l < LEARNERS; l++) {
			const struct junk_model *const both[] = {server, own};
			unsigned b;

			for (b = 0; sees(l, f->v[i]) && b < 2; b++)
				if (both[b] != NULL)
					w += both[b]
						 ->slot[slot_of(
						     both[b], l, f->v[i])]
						 .weight *
					     m.norm[l] * learner[l].share /
					     UNIT / LEARNERS;
		}
		if (share > 0.05)
			w += share * junk_prior_weight(&rules, f->v[i]);
		if (w != 0 && w * out->margin > 0)
			offer_reason(out, f->v[i], w);
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
	struct slot *s = &m->slot[i], old = *s;
	double use = s->use / UNIT + (rate > 0 ? error * error : USE_SEEN);

	if (use > USE_MAX)
		use = USE_MAX;
	s->use = (uint16_t)clamped(use * UNIT, 0, UINT16_MAX);
	s->weight = (int16_t)clamped(
	    s->weight + rate * error / sqrt(USE_0 + use) * UNIT, -32000, 32000);
	note_change(undo, i, s->weight - old.weight, s->use - old.use);
}

void
junk_model_learn(struct junk_model *m, const struct junk_model *below,
    const struct junk_lesson *lesson, struct buf *undo)
{
	const struct junk_features *f = lesson->f;
	struct margins got;
	unsigned l;
	size_t i;

	margins(below, m, f, &got);
	for (l = 0; l < LEARNERS; l++) {
		double error = (lesson->junk ? 1 : 0) - junk_score(got.of[l]);
		double side = lesson->junk ? got.of[l] : -got.of[l];

		double rate = RATE * learner[l].rate * lesson->weight;

		/* What was known leaves weights as they are, but makes them
		 * slower: so that what all mail has in common counts less. */
		if (side >= lesson->sure)
			rate = 0;
		for (i = 0; i < f->n; i++)
			if (sees(l, f->v[i]))
				step(m, slot_of(m, l, f->v[i]), error, rate,
				    undo);
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
		struct slot *s = &m->slot[be_get32(b) & ((1U << m->bits) - 1)];

		s->weight = (int16_t)clamped(
		    s->weight + sign * (int16_t)be_get16(b + 4), -32000, 32000);
		s->use = (uint16_t)clamped(
		    s->use + sign * (int16_t)be_get16(b + 6), 0, UINT16_MAX);
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

#define MAGIC "HMJ1"
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
		const struct slot *s = &m->slot[i];

		if (s->weight == 0 && s->use == 0)
			continue;
		b[0] = (unsigned char)((i - last) >> 16);
		be_put16(b + 1, (uint16_t)(i - last));
		be_put16(b + 3, (uint16_t)s->weight);
		be_put16(b + 5, s->use);
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
		m->slot[at].weight = (int16_t)be_get16(b + 3);
		m->slot[at].use = be_get16(b + 5);
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
