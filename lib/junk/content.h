/*
 * Which message it is, as far as its features tell: an exact id, and a sketch
 * by which copies with small changes are known, of the same campaign or the
 * same newsletter.  Pure.
 */
#ifndef JUNK_CONTENT_H
#define JUNK_CONTENT_H

#include <stdbool.h>

#include "junk/feature.h"

#define JUNK_SKETCH 16

struct junk_content {
	uint64_t id;
	/* The least of the features' hashes, for each of several hashes; of
	 * very few features one of all of them; all 0 where there are none. */
	uint32_t sketch[JUNK_SKETCH];
};

/* Without signals, which are not the message's own. */
void junk_content_of(const struct junk_features *f, struct junk_content *out);
bool junk_content_alike(
    const struct junk_content *a, const struct junk_content *b);

#endif
