/* Where features go: each once, of each kind so many. */
#include "junk/feature_priv.h"

#define NAME_MAX_BYTES 128

_Static_assert(JUNK_FEATURES_MAX < UINT16_MAX, "a place in the set");

const uint16_t junk_most[JUNK_KINDS] = {
    [JUNK_WORD] = 600,
    [JUNK_PAIR] = 800,
    [JUNK_GRAM] = 500,
    [JUNK_HIDDEN] = 100,
    [JUNK_URL] = 80,
    [JUNK_SHAPE] = 120,
    [JUNK_ATTACHMENT] = 50,
    [JUNK_SUBJECT] = 60,
    [JUNK_SENDER] = 50,
    [JUNK_HEADER] = 150,
    [JUNK_HEADER_WORD] = 250,
    [JUNK_SIGNAL] = 50,
};

static const char *const kind_name[JUNK_KINDS] = {
    [JUNK_WORD] = "word",
    [JUNK_PAIR] = "words",
    [JUNK_GRAM] = "letters",
    [JUNK_HIDDEN] = "hidden",
    [JUNK_URL] = "link",
    [JUNK_SHAPE] = "shape",
    [JUNK_ATTACHMENT] = "attachment",
    [JUNK_SUBJECT] = "subject",
    [JUNK_SENDER] = "sender",
    [JUNK_HEADER] = "header",
    [JUNK_HEADER_WORD] = "header-word",
    [JUNK_HEADER_GRAM] = "header-letters",
    [JUNK_SIGNAL] = "signal",
};

const char *
junk_kind_name(enum junk_kind kind)
{
	return kind < JUNK_KINDS ? kind_name[kind] : "unknown";
}

void
junk_sink_begin(struct sink *k)
{
	unsigned i;

	memset(k->out->set, 0, sizeof k->out->set);
	k->out->n = 0;
	for (i = 0; i < JUNK_KINDS; i++)
		k->count[i] = (k->kinds & 1U << i) != 0 ? 0 : junk_most[i];
}

uint32_t
junk_hash(uint32_t h, struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		h = junk_hash_byte(h, s.p[i]);
	return h;
}

void
junk_tell_name(struct sink *k, uint32_t f, struct sv name)
{
	size_t i;

	for (i = 0; i < k->n_wanted; i++)
		if (k->wanted[i] == f)
			k->fn(k->arg, f, name);
}

void
junk_put(struct sink *k, enum junk_kind kind, struct sv text)
{
	junk_put_hash(k, kind, junk_hash(JUNK_HASH_0, text), text);
}

static void
name_add(char *name, size_t *n, struct sv text)
{
	size_t room = NAME_MAX_BYTES - *n;

	if (text.n > room)
		text.n = room;
	memcpy(name + *n, text.p, text.n);
	*n += text.n;
}

void
junk_put2(struct sink *k, enum junk_kind kind, struct sv a, struct sv b)
{
	uint32_t h = junk_hash(JUNK_HASH_0, a);
	char name[NAME_MAX_BYTES];
	size_t n = 0;

	h = junk_hash(junk_hash_byte(h, ' '), b);
	if (k->fn != NULL) {
		name_add(name, &n, a);
		name_add(name, &n, SV(" "));
		name_add(name, &n, b);
	}
	junk_put_hash(k, kind, h, sv_of(name, n));
}

void
junk_put_number(struct sink *k, enum junk_kind kind, struct sv what, unsigned n)
{
	char digits[10];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	junk_put2(k, kind, what, sv_of(digits + at, sizeof digits - at));
}

uint32_t
junk_feature_of(enum junk_kind kind, struct sv text)
{
	struct sv first;

	if (kind != JUNK_PAIR)
		return junk_feature_made(kind, junk_hash(JUNK_HASH_0, text));
	first = sv_split(&text, ' ');
	return junk_feature_made(
	    kind, junk_pair_hash(junk_hash(JUNK_HASH_0, first),
		      junk_hash(JUNK_HASH_0, text), 1));
}
