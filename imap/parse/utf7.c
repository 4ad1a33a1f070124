#include "imap/parse/utf7.h"

#include "base/ascii.h"
#include "base/utf8.h"

/* As BASE64, but "," for "/". */
static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int
value(char c)
{
	if (ascii_is_upper(c))
		return c - 'A';
	if (ascii_is_lower(c))
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* UTF-16 units in, UTF-8 out; *high keeps a first surrogate. */
static int
unit(uint32_t u, uint32_t *high, struct buf *out)
{
	if (*high != 0) {
		if (u < 0xdc00 || u > 0xdfff)
			return RC_SYNTAX;
		utf8_put(
		    out, 0x10000 + ((*high - 0xd800) << 10) + (u - 0xdc00));
		*high = 0;
		return RC_OK;
	}
	if (u >= 0xdc00 && u <= 0xdfff)
		return RC_SYNTAX;
	if (u >= 0xd800 && u <= 0xdbff) {
		*high = u;
		return RC_OK;
	}
	/* Printable ASCII stands for itself; controls are in no name. */
	if (u < 0x80)
		return RC_SYNTAX;
	utf8_put(out, u);
	return RC_OK;
}

/* What is between "&" and "-", not empty. */
static int
shifted(struct sv in, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	unsigned nbits = 0;
	size_t i;

	for (i = 0; i < in.n; i++) {
		int v = value(in.p[i]);

		if (v < 0)
			return RC_SYNTAX;
		bits = bits << 6 | (uint32_t)v;
		nbits += 6;
		if (nbits < 16)
			continue;
		nbits -= 16;
		if (unit(bits >> nbits & 0xffff, &high, out) != RC_OK)
			return RC_SYNTAX;
		bits &= (1u << nbits) - 1;
	}
	if (high != 0 || nbits >= 6 || bits != 0)
		return RC_SYNTAX;
	return RC_OK;
}

int
imap_utf7_decode(struct sv in, struct buf *out)
{
	bool after_shift = false;

	while (in.n > 0) {
		size_t n;

		if (!ascii_is_print(in.p[0]))
			return RC_SYNTAX;
		if (in.p[0] != '&') {
			buf_addc(out, in.p[0]);
			in = sv_skip(in, 1);
			after_shift = false;
			continue;
		}
		in = sv_skip(in, 1);
		n = sv_chr(in, '-');
		if (n == in.n)
			return RC_SYNTAX;
		if (n == 0)
			buf_addc(out, '&');
		else if (after_shift || shifted(sv_first(in, n), out) != RC_OK)
			return RC_SYNTAX;
		after_shift = n > 0;
		in = sv_skip(in, n + 1);
	}
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

struct encoder {
	struct buf *out;
	bool shifted;
	uint32_t bits;
	unsigned nbits;
};

static void
encode_unit(struct encoder *e, uint32_t u)
{
	e->bits = e->bits << 16 | u;
	e->nbits += 16;
	while (e->nbits >= 6) {
		e->nbits -= 6;
		buf_addc(e->out, alphabet[e->bits >> e->nbits & 63]);
	}
	e->bits &= (1u << e->nbits) - 1;
}

static void
encode_end(struct encoder *e)
{
	if (!e->shifted)
		return;
	if (e->nbits > 0)
		buf_addc(e->out, alphabet[e->bits << (6 - e->nbits) & 63]);
	buf_addc(e->out, '-');
	*e = (struct encoder){.out = e->out};
}

void
imap_utf7_encode(struct sv in, struct buf *out)
{
	struct encoder e = {.out = out};

	while (in.n > 0) {
		uint32_t cp;

		if (utf8_next(&in, &cp) != RC_OK)
			cp = 0xfffd;
		if (cp >= ' ' && cp <= '~') {
			encode_end(&e);
			buf_addc(out, (char)cp);
			if (cp == '&')
				buf_addc(out, '-');
			continue;
		}
		if (!e.shifted)
			buf_addc(out, '&');
		e.shifted = true;
		if (cp >= 0x10000) {
			encode_unit(&e, 0xd800 + ((cp - 0x10000) >> 10));
			encode_unit(&e, 0xdc00 + ((cp - 0x10000) & 0x3ff));
		} else {
			encode_unit(&e, cp);
		}
	}
	encode_end(&e);
}
