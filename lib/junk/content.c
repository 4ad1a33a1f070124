#include "junk/content.h"

#include <string.h>

#define LEAST 12 /* features, of which some may be others in a copy */
#define ALIKE 14 /* of the sketch's places */

static uint64_t
mixed(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	return h ^ h >> 33;
}

/* Of so little everything must be the same. */
static void
exact_sketch(uint64_t sum, struct junk_content *out)
{
	for (unsigned j = 0; j < JUNK_SKETCH; j++)
		out->sketch[j] = (uint32_t)(mixed(sum + j) >> 32) | 1;
}

/* What a message says, and who, not by which way it came. */
static bool
is_said(uint32_t feature)
{
	const uint32_t said = 1U << JUNK_WORD | 1U << JUNK_PAIR |
			      1U << JUNK_URL | 1U << JUNK_SUBJECT |
			      1U << JUNK_SENDER | 1U << JUNK_ATTACHMENT;

	return (said >> junk_feature_kind(feature) & 1U) != 0;
}

void
junk_content_of(const struct junk_features *f, struct junk_content *out)
{
	uint64_t sum = 0;
	unsigned n = 0, j;
	size_t i;

	out->id = 0;
	memset(out->sketch, 0xff, sizeof out->sketch);
	for (i = 0; i < f->n; i++) {
		uint64_t h = mixed(f->v[i]);

		if (junk_feature_kind(f->v[i]) != JUNK_SIGNAL)
			out->id += h;
		if (!is_said(f->v[i]))
			continue;
		n++;
		sum += h;
		for (j = 0; j < JUNK_SKETCH; j++) {
			uint32_t low =
			    (uint32_t)(h * (2ULL * j + 0x9e3779b97f4a7c15ULL) >>
				       32);

			if (low < out->sketch[j])
				out->sketch[j] = low;
		}
	}
	if (n == 0)
		memset(out->sketch, 0, sizeof out->sketch);
	else if (n < LEAST)
		exact_sketch(sum, out);
}

bool
junk_content_alike(const struct junk_content *a, const struct junk_content *b)
{
	unsigned same = 0, i;

	if (a->id == b->id)
		return true;
	for (i = 0; i < JUNK_SKETCH; i++)
		same += a->sketch[i] == b->sketch[i] && a->sketch[i] != 0;
	return same >= ALIKE;
}
