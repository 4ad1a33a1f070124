/*
 * struct sv: a borrowed slice of bytes, not NUL-terminated, never owned.
 * The integer readers here are the only ones in the tree; test/run.py
 * refuses the others.
 */
#ifndef BASE_SV_H
#define BASE_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"

struct sv {
	const char *p;
	size_t n;
};

/* For string literals only. */
#define SV(lit) ((struct sv){"" lit, sizeof(lit) - 1})
/* For printf: "%.*s". */
#define SV_ARG(s) ((int)(s).n), ((s).p)

static inline struct sv
sv_of(const void *p, size_t n)
{
	return (struct sv){p, n};
}

/* NULL becomes the empty slice. */
static inline struct sv
sv_str(const char *s)
{
	return (struct sv){s, s != NULL ? strlen(s) : 0};
}

bool sv_eq(struct sv a, struct sv b);
/* Compares with A-Z folded onto a-z; all other bytes exactly. */
bool sv_ieq(struct sv a, struct sv b);
bool sv_starts(struct sv s, struct sv prefix);
bool sv_istarts(struct sv s, struct sv prefix);
bool sv_ends(struct sv s, struct sv suffix);
/* memcmp order, shorter first. */
int sv_cmp(struct sv a, struct sv b);

/* First place of byte c, or s.n. */
size_t sv_chr(struct sv s, char c);
/* Last place of byte c, or s.n. */
size_t sv_rchr(struct sv s, char c);
/* First place of needle, or s.n. */
size_t sv_find(struct sv s, struct sv needle);
/* As sv_find, ASCII case folded. */
size_t sv_ifind(struct sv s, struct sv needle);

/* How many letters must be added, left out or replaced to make b of a, without
 * regard to case.  Of long texts (SV_DISTANCE_MAX) only that they are far. */
#define SV_DISTANCE_MAX 64
unsigned sv_distance(struct sv a, struct sv b);

/*
 * "Did you mean ...?": which of several names a word with a typing error was
 * meant to be.  Begin with {.word = word} and show it each name; `best` is the
 * nearest, the first of several, and empty where none has enough in common.
 */
struct sv_nearest {
	struct sv word, best;
	unsigned distance; /* of best */
};
void sv_nearest(struct sv_nearest *n, struct sv name);

/* Clamped to the slice: never reads outside it. */
struct sv sv_skip(struct sv s, size_t n);
struct sv sv_first(struct sv s, size_t n);
/* Visible ASCII characters only, no blanks; of nothing, too. */
bool sv_is_graph(struct sv s);
/* Without SP, HTAB, CR and LF at both ends. */
struct sv sv_trim(struct sv s);

/*
 * Cuts the part before the first sep off *s and returns it; *s is what comes
 * behind.  Without sep, all of *s is returned and *s becomes empty with
 * p == NULL.
 */
struct sv sv_split(struct sv *s, char sep);

/*
 * The whole slice as a decimal number: digits only, no sign, no space.
 * RC_SYNTAX, or RC_TOOBIG above max.
 */
int sv_to_u64(struct sv s, uint64_t max, uint64_t *out) RC_USE_RESULT;
/* The leading digits of *s, which are cut off it. */
int sv_take_u64(struct sv *s, uint64_t max, uint64_t *out) RC_USE_RESULT;
int sv_to_u32(struct sv s, uint32_t max, uint32_t *out) RC_USE_RESULT;

/* A NUL-terminated copy, to be freed. */
char *sv_dup(struct sv s);
/* As a C string into out; that it fits has been seen to. */
void sv_copy(struct sv s, char *out, size_t size);

#endif
