/* Shared by the files that take features: the sink that all of them fill. */
#ifndef JUNK_FEATURE_PRIV_H
#define JUNK_FEATURE_PRIV_H

#include <stdbool.h>

#include "base/buf.h"
#include "junk/feature.h"
#include "mime/mime.h"

struct sink {
	struct junk_features *out;
	uint32_t kinds;
	uint32_t count[JUNK_KINDS];
	/* of junk_features_name */
	const uint32_t *wanted;
	size_t n_wanted;
	junk_name_fn *fn;
	void *arg;
};

struct html_out {
	struct buf *shown, *hidden, *links;
	size_t shown_max;  /* then it ends */
	struct sink *sink; /* of tags */
};

/* ---- sink.c ---- */

#define JUNK_HASH_0 2166136261U

static inline uint32_t
junk_hash_byte(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * 16777619U;
}

/* h and what comes behind it. */
uint32_t junk_hash(uint32_t h, struct sv s);
/* How many of each kind are taken, so that none crowds out the others. */
extern const uint16_t junk_most[JUNK_KINDS];
void junk_sink_begin(struct sink *k);
/* Nothing of that kind is taken any more. */
static inline bool
junk_is_full(const struct sink *k, enum junk_kind kind)
{
	return k->count[kind] >= junk_most[kind];
}
/* As text of one piece, and of several between which is a space. */
void junk_put(struct sink *k, enum junk_kind kind, struct sv text);
void junk_put2(struct sink *k, enum junk_kind kind, struct sv a, struct sv b);
void junk_put_number(
    struct sink *k, enum junk_kind kind, struct sv what, unsigned n);

/* Of a kind and a hash: every bit of it counts for every bit of the result. */
static inline uint32_t
junk_feature_made(enum junk_kind kind, uint32_t h)
{
	uint32_t f;

	h ^= h >> 16;
	h *= 0x7feb352dU;
	h ^= h >> 15;
	h *= 0x846ca68bU;
	h ^= h >> 16;
	f = (uint32_t)kind << 28 | h >> 4;
	return f != 0 ? f : 1;
}

void junk_tell_name(struct sink *k, uint32_t f, struct sv name);

/* The hash is the caller's, the text only its name. */
static inline void
junk_put_hash(
    struct sink *k, enum junk_kind kind, uint32_t hash, struct sv name)
{
	struct junk_features *out = k->out;
	uint32_t f, i, at;

	if (junk_is_full(k, kind))
		return;
	f = junk_feature_made(kind, hash);
	for (i = f % JUNK_SET_SLOTS; (at = out->set[i]) != 0;
	     i = (i + 1) % JUNK_SET_SLOTS)
		if (out->v[at - 1] == f)
			return;
	if (out->n == JUNK_FEATURES_MAX)
		return;
	out->v[out->n++] = f;
	out->set[i] = (uint16_t)out->n;
	k->count[kind]++;
	if (k->fn != NULL)
		junk_tell_name(k, f, name);
}

/* ---- text.c ---- */

/* Words without case; `prefix`, if it is not empty, and a space are in front of
 * each. */
void junk_text_words(
    struct sink *k, enum junk_kind kind, struct sv text, struct sv prefix);
/* Two words, d apart, by their hashes. */
static inline uint32_t
junk_pair_hash(uint32_t a, uint32_t b, unsigned d)
{
	return (a * 31U + d) * 0x9e3779b1U + b;
}
/* Of the text as shown: words without case, and pairs of them. */
void junk_text_said(struct sink *k, struct sv text);
void junk_text_grams(struct sink *k, struct sv text);
/* What has no width left out, blanks narrowed. */
void junk_text_plain(struct sv text, struct buf *out);
void junk_text_links(struct sv text, struct buf *links);
/* In tenths: how much of it shouts, is digits, is of other scripts. */
void junk_text_shape(struct sink *k, struct sv text, struct sv of);
/* How many bits a number has. */
unsigned junk_log2(size_t n);

/* ---- html.c ---- */

/* Returns how much of it was used. */
size_t junk_html(struct sv html, const struct html_out *out);

/* ---- header.c ---- */

void junk_header(
    struct sink *k, const struct junk_source *src, struct sv header);

#endif
