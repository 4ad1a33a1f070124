#include "base/base64.h"

#include "base/ascii.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
value(char c)
{
	if (ascii_is_upper(c))
		return c - 'A';
	if (ascii_is_lower(c))
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four; *n_out is how many bytes it holds. */
static int
group(const char *p, bool last, unsigned char out[3], size_t *n_out)
{
	size_t pad = 0, i;
	uint32_t v = 0;

	if (last && p[3] == '=')
		pad = p[2] == '=' ? 2 : 1;
	for (i = 0; i < 4 - pad; i++) {
		int k = value(p[i]);

		if (k < 0)
			return RC_SYNTAX;
		v = v << 6 | (uint32_t)k;
	}
	v <<= 6 * pad;
	if ((v & ((1u << (8 * pad)) - 1)) != 0)
		return RC_SYNTAX;
	out[0] = (unsigned char)(v >> 16);
	out[1] = (unsigned char)(v >> 8);
	out[2] = (unsigned char)v;
	*n_out = 3 - pad;
	return RC_OK;
}

int
base64_decode(struct sv in, struct buf *out)
{
	size_t before = out->n;
	size_t i;

	if (in.n % 4 != 0)
		return RC_SYNTAX;
	for (i = 0; i < in.n; i += 4) {
		unsigned char b[3];
		size_t n;

		if (group(in.p + i, i + 4 == in.n, b, &n) != RC_OK) {
			buf_truncate(out, before);
			return RC_SYNTAX;
		}
		buf_add(out, b, n);
	}
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

void
base64_encode(struct sv in, struct buf *out)
{
	size_t i;

	for (i = 0; i < in.n; i += 3) {
		size_t left = in.n - i < 3 ? in.n - i : 3;
		uint32_t v = (uint32_t)(unsigned char)in.p[i] << 16;
		char q[4];

		if (left > 1)
			v |= (uint32_t)(unsigned char)in.p[i + 1] << 8;
		if (left > 2)
			v |= (uint32_t)(unsigned char)in.p[i + 2];
		q[0] = alphabet[v >> 18];
		q[1] = alphabet[v >> 12 & 63];
		q[2] = left > 1 ? alphabet[v >> 6 & 63] : '=';
		q[3] = left > 2 ? alphabet[v & 63] : '=';
		buf_add(out, q, 4);
	}
}
