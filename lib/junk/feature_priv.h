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
	struct sink *sink; /* of tags */
};

/* ---- sink.c ---- */

/* seed: of what comes before it, or 0. */
uint32_t junk_hash(uint32_t seed, struct sv s);
/* Nothing of that kind is taken any more. */
bool junk_is_full(const struct sink *k, enum junk_kind kind);
/* As text of one piece, and of several between which is a space. */
void junk_put(struct sink *k, enum junk_kind kind, struct sv text);
void junk_put2(struct sink *k, enum junk_kind kind, struct sv a, struct sv b);
void junk_putf(struct sink *k, enum junk_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The hash is the caller's, the text only its name. */
void junk_put_hash(
    struct sink *k, enum junk_kind kind, uint32_t hash, struct sv name);

/* ---- text.c ---- */

/* Takes the next word; false at the end. */
bool junk_word(struct sv *text, struct sv *word);
void junk_text_words(
    struct sink *k, enum junk_kind kind, struct sv text, const char *prefix);
void junk_text_pairs(struct sink *k, struct sv text);
void junk_text_grams(struct sink *k, enum junk_kind kind, struct sv text);
/* Case folded, what has no width left out, blanks narrowed. */
void junk_text_plain(struct sv text, bool fold, struct buf *out);
void junk_text_links(struct sv text, struct buf *links);
void junk_text_shape(struct sink *k, struct sv text, const char *of);

/* ---- html.c ---- */

void junk_html(struct sv html, const struct html_out *out);

/* ---- header.c ---- */

void junk_header(
    struct sink *k, const struct junk_source *src, struct sv header);

#endif
