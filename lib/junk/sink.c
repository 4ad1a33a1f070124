/* Where features go: each once, of each kind so many. */
#include <stdarg.h>

#include "junk/feature_priv.h"

/* So that no kind crowds out the others. */
static const uint32_t most[JUNK_KINDS] = {
    [JUNK_WORD] = 1500,
    [JUNK_PAIR] = 3000,
    [JUNK_GRAM] = 4000,
    [JUNK_HIDDEN] = 200,
    [JUNK_URL] = 200,
    [JUNK_SHAPE] = 200,
    [JUNK_ATTACHMENT] = 50,
    [JUNK_SUBJECT] = 100,
    [JUNK_SENDER] = 50,
    [JUNK_HEADER] = 200,
    [JUNK_HEADER_WORD] = 700,
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

uint32_t
junk_hash(uint32_t seed, struct sv s)
{
	uint32_t h = seed != 0 ? seed : 2166136261U;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619U;
	return h;
}

/* Every bit of the hash counts for every bit of the result. */
static uint32_t
mixed(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x7feb352dU;
	h ^= h >> 15;
	h *= 0x846ca68bU;
	return h ^ h >> 16;
}

static uint32_t
feature(enum junk_kind kind, uint32_t hash)
{
	uint32_t f = (uint32_t)kind << 28 | mixed(hash) >> 4;

	return f != 0 ? f : 1;
}

static void
tell_name(struct sink *k, uint32_t f, struct sv name)
{
	size_t i;

	for (i = 0; i < k->n_wanted; i++)
		if (k->wanted[i] == f)
			k->fn(k->arg, f, name);
}

bool
junk_is_full(const struct sink *k, enum junk_kind kind)
{
	return (k->kinds & 1U << kind) == 0 || k->count[kind] >= most[kind];
}

void
junk_put_hash(
    struct sink *k, enum junk_kind kind, uint32_t hash, struct sv name)
{
	uint32_t *set = k->out->set, f, i;

	if (junk_is_full(k, kind))
		return;
	f = feature(kind, hash);
	for (i = mixed(f) % JUNK_SET_SLOTS; set[i] != 0;
	     i = (i + 1) % JUNK_SET_SLOTS)
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
	junk_put_hash(k, kind, junk_hash(0, text), text);
}

void
junk_put2(struct sink *k, enum junk_kind kind, struct sv a, struct sv b)
{
	struct buf name;
	uint32_t h = junk_hash(junk_hash(junk_hash(0, a), SV(" ")), b);

	if (k->fn == NULL) {
		junk_put_hash(k, kind, h, a);
		return;
	}
	buf_init(&name, a.n + b.n + 1);
	buf_addsv(&name, a);
	buf_addc(&name, ' ');
	buf_addsv(&name, b);
	junk_put_hash(k, kind, h, buf_sv(&name));
	buf_fini(&name);
}

void
junk_putf(struct sink *k, enum junk_kind kind, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, 1024);
	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	if (buf_ok(&text))
		junk_put(k, kind, buf_sv(&text));
	buf_fini(&text);
}

uint32_t
junk_feature_of(enum junk_kind kind, struct sv text)
{
	return feature(kind, junk_hash(0, text));
}
