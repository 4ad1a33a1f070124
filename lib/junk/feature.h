/*
 * What a message looks like to the junk filter: a bounded set of hashed
 * features.
 *
 * Pure, bounded in memory and time whatever the message: only its first
 * JUNK_MESSAGE_MAX bytes are looked at, of its text a head and a tail, and of
 * each kind of feature only so many are taken.  A feature is a kind (4 bits)
 * and a hash (28 bits), so that who keeps the model never sees text; whoever
 * has the message can turn features back into words (junk_name).
 *
 * Text is taken as people see it: transfer encodings and charsets decoded,
 * encoded words decoded, HTML as it is shown, without what has no width.  What
 * HTML hides is kept apart, as features of its own, so that words that nobody
 * sees neither help a message nor make ordinary words suspicious.
 *
 * What filters write is not looked at, neither ours nor others': Return-Path,
 * Delivered-To, Authentication-Results, X-Spam-*, X-Hearthmail-* and their
 * like, nor the fields Received that this server puts on top: so a message has
 * the same features when it arrives and when it is taught from a folder.
 */
#ifndef JUNK_FEATURE_H
#define JUNK_FEATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/sv.h"

#define JUNK_FEATURES_MAX 2816
#define JUNK_MESSAGE_MAX  (96 << 10)

enum junk_kind {
	JUNK_WORD,	  /* of the text as shown, without case */
	JUNK_PAIR,	  /* two words near each other, and how near */
	JUNK_GRAM,	  /* four bytes of the text as shown */
	JUNK_HIDDEN,	  /* words that HTML hides */
	JUNK_URL,	  /* domains and shapes of links */
	JUNK_SHAPE,	  /* of the body: parts, tags, script, length */
	JUNK_ATTACHMENT,  /* types by name and by content */
	JUNK_SUBJECT,	  /* words of the subject */
	JUNK_SENDER,	  /* words and domains of From and Reply-To */
	JUNK_HEADER,	  /* which fields, their order and shape */
	JUNK_HEADER_WORD, /* words of other fields */
	JUNK_HEADER_GRAM, /* none are made any more; its number stays */
	JUNK_SIGNAL,	  /* given by the caller */
	JUNK_KINDS
};

/* Which kinds to take. */
#define JUNK_ALL ((1U << JUNK_KINDS) - 1)
#define JUNK_HEADERS \
	(1U << JUNK_SENDER | 1U << JUNK_HEADER | 1U << JUNK_HEADER_WORD)

/* What the caller knows of a message beside its bytes.  Numbers are those of
 * the model's files: never used anew. */
enum junk_signal_what {
	JUNK_SIG_SPF = 1, /* value: enum junk_result */
	JUNK_SIG_DKIM = 2,
	JUNK_SIG_DMARC = 3,
	JUNK_SIG_IPREV = 4,
	JUNK_SIG_LISTED = 5, /* on how many block lists */
	JUNK_SIG_KNOWN = 6,  /* 1: written to, and it is them; 2: claimed */
	JUNK_SIG_DOMAIN = 7, /* how its mail has fared: smtp/standing.h */
	JUNK_SIG_NETWORK = 8 /* likewise */
};

enum junk_result {
	JUNK_RESULT_NONE,
	JUNK_RESULT_PASS,
	JUNK_RESULT_FAIL,
	JUNK_RESULT_OTHER
};

struct junk_signal {
	uint8_t what;  /* enum junk_signal_what */
	uint8_t value; /* at most 15 */
};

struct junk_source {
	struct sv msg;
	/* Fields "Received: ... by HOST" on top are this server's. */
	struct sv hostname;
	const struct junk_signal *signal;
	size_t n_signal;
	uint32_t kinds; /* JUNK_ALL */
};

#define JUNK_SET_SLOTS (1U << 12) /* well above JUNK_FEATURES_MAX */

/* Distinct, in the order of their first appearance. */
struct junk_features {
	uint32_t v[JUNK_FEATURES_MAX];
	size_t n;
	/* Room to find what is there already: 1 + its place; 0: nothing. */
	uint16_t set[JUNK_SET_SLOTS];
};

static inline enum junk_kind
junk_feature_kind(uint32_t f)
{
	return (enum junk_kind)(f >> 28);
}

void junk_features_take(
    const struct junk_source *src, struct junk_features *out);

/*
 * Turns features back into words: calls fn for each of the n wanted that the
 * message has, with the text that it was made of.  Text is the sender's:
 * escape it before it is shown.
 */
typedef void junk_name_fn(void *arg, uint32_t feature, struct sv text);
void junk_features_name(const struct junk_source *src, const uint32_t *wanted,
    size_t n, junk_name_fn *fn, void *arg);

/* The feature that this text makes, for the rules of a fresh server; of a pair,
 * of two words that follow each other. */
uint32_t junk_feature_of(enum junk_kind kind, struct sv text);
const char *junk_kind_name(enum junk_kind kind);

#endif
