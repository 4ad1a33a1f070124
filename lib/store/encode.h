/*
 * Numbers inside the payloads of change records and in the checkpoint:
 * varints (7 bits a byte, low ones first), zigzag for signed ones.
 */
#ifndef STORE_ENCODE_H
#define STORE_ENCODE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"
#include "base/buf.h"

static inline void
encode_uint(struct buf *b, uint64_t v)
{
	char t[10];
	size_t n = 0;

	while (v >= 0x80) {
		t[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	t[n++] = (char)v;
	buf_add(b, t, n);
}

static inline uint64_t
zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* A reader over a slice; `bad` is sticky, then everything reads as 0. */
struct decoder {
	struct sv s;
	bool bad;
};

static inline uint64_t
decode_uint(struct decoder *w)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 10 && i < w->s.n; i++) {
		unsigned char c = (unsigned char)w->s.p[i];

		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c < 0x80) {
			w->s = sv_skip(w->s, i + 1);
			return v;
		}
	}
	w->bad = true;
	w->s.n = 0;
	return 0;
}

static inline uint32_t
decode_uint32(struct decoder *w)
{
	uint64_t v = decode_uint(w);

	if (v > UINT32_MAX)
		w->bad = true;
	return w->bad ? 0 : (uint32_t)v;
}

static inline int64_t
decode_int(struct decoder *w)
{
	return unzigzag(decode_uint(w));
}

static inline struct sv
decode_bytes(struct decoder *w, uint64_t n)
{
	struct sv out = {"", 0};

	if (n > w->s.n) {
		w->bad = true;
		w->s.n = 0;
		return out;
	}
	out = sv_first(w->s, (size_t)n);
	w->s = sv_skip(w->s, (size_t)n);
	return out;
}

static inline void
encode_text(struct buf *b, struct sv s)
{
	encode_uint(b, s.n);
	buf_addsv(b, s);
}

static inline struct sv
decode_text(struct decoder *w)
{
	return decode_bytes(w, decode_uint(w));
}

/* A text that becomes a C string: without a NUL. */
static inline struct sv
decode_name(struct decoder *w)
{
	struct sv s = decode_text(w);

	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		w->bad = true;
	return s;
}

#endif
