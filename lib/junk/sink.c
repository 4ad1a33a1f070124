/* Where features go: each once, of each kind so many. */
#include "junk/feature_priv.h"

#define NAME_MAX_BYTES 128

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

/* Every bit of the hash counts for every bit of the result. */
static uint32_t
feature(enum junk_kind kind, uint32_t h)
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

static void __attribute__((noinline))
tell_name(struct sink *k, uint32_t f, struct sv name)
{
	size_t i;

	for (i = 0; i < k->n_wanted; i++)
		if (k->wanted[i] == f)
			k->fn(k->arg, f, name);
}

void
junk_put_hash(
    struct sink *k, enum junk_kind kind, uint32_t hash, struct sv name)
{
	uint32_t *set = k->out->set, f, i;

	if (junk_is_full(k, kind))
		return;
	f = feature(kind, hash);
	for (i = f % JUNK_SET_SLOTS; set[i] != 0; i = (i + 1) % JUNK_SET_SLOTS)
		if (set[i] == f)
			return;
	if (k->out->n == JUNK_FEATURES_MAX)
		return;
	set[i] = f;
	k->out->v[k->out->n++] = f;
	k->count[kind]++;
	if (k->fn != NULL)
		tell_name(k, f, name);
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
		return feature(kind, junk_hash(JUNK_HASH_0, text));
	first = sv_split(&text, ' ');
	return feature(kind, junk_pair_hash(junk_hash(JUNK_HASH_0, first),
				 junk_hash(JUNK_HASH_0, text), 1));
}
