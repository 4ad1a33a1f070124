/* Transfer encodings of bodies [RFC 2045 6]. */
#include "base/ascii.h"
#include "mime/mime_priv.h"

/* ---- base64 ---- */

#define B64_BAD 0xff
#define B64_PAD 0xfe

/* clang-format off */
static const uint8_t b64[256] = {
#define X B64_BAD
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,62,X,X,X,63, 52,53,54,55,56,57,58,59,60,61,X,X,
	X,B64_PAD,X,X, X,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,
	21,22,23,24,25,X,X,X,X,X, X,26,27,28,29,30,31,32,33,34,35,36,37,38,39,
	40,41,42,43,44,45,46,47,48,49,50,51,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
#undef X
};
/* clang-format on */

/* Whole quartets without foreign bytes; returns how many bytes were read. */
static size_t
b64_fast(const unsigned char *p, size_t n, unsigned char **q)
{
	unsigned char *o = *q;
	size_t i;

	for (i = 0; i + 4 <= n; i += 4) {
		uint8_t a = b64[p[i]], b = b64[p[i + 1]], c = b64[p[i + 2]],
			d = b64[p[i + 3]];

		if ((a | b | c | d) & 0xc0)
			break;
		o[0] = (unsigned char)(a << 2 | b >> 4);
		o[1] = (unsigned char)(b << 4 | c >> 2);
		o[2] = (unsigned char)(c << 6 | d);
		o += 3;
	}
	*q = o;
	return i;
}

/*
 * Foreign bytes are skipped, as RFC 2045 asks.  Padding ends a quartet; what
 * follows starts a new one, since some glue encoded pieces together.
 */
static void
decode_base64(struct mime_decoder *d, struct sv s, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char *start, *q;
	uint32_t acc = d->acc;
	unsigned have = d->have;
	size_t i = 0;

	start = (unsigned char *)buf_reserve(out, s.n / 4 * 3 + 3);
	if (start == NULL)
		return;
	q = start;
	while (i < s.n) {
		uint8_t v;

		if (have == 0) {
			i += b64_fast(p + i, s.n - i, &q);
			if (i == s.n)
				break;
		}
		v = b64[p[i++]];
		if (v == B64_BAD)
			continue;
		if (v == B64_PAD) {
			have = 0;
			continue;
		}
		acc = acc << 6 | v;
		switch (have++) {
		case 1:
			*q++ = (unsigned char)(acc >> 4);
			break;
		case 2:
			*q++ = (unsigned char)(acc >> 2);
			break;
		case 3:
			*q++ = (unsigned char)acc;
			have = 0;
			break;
		}
	}
	buf_added(out, (size_t)(q - start));
	d->acc = acc;
	d->have = have;
}

/* ---- quoted-printable ---- */

void
mime_decode_hex(struct sv s, char mark, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		int hi = -1, lo = -1;

		if (s.p[i] == mark && i + 2 < s.n) {
			hi = ascii_hex(s.p[i + 1]);
			lo = ascii_hex(s.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			buf_addc(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_addc(out, s.p[i]);
		}
	}
}

/* One line without its break; true if it ended with a soft line break. */
static bool
qp_line(struct sv s, char **q)
{
	char *o = *q;
	bool soft = false;

	while (s.n > 0) {
		size_t i = sv_chr(s, '=');
		int hi, lo;

		memcpy(o, s.p, i);
		o += i;
		s = sv_skip(s, i);
		if (s.n == 0)
			break;
		if (s.n == 1) {
			soft = true;
			break;
		}
		hi = ascii_hex(s.p[1]);
		lo = s.n > 2 ? ascii_hex(s.p[2]) : -1;
		if (hi >= 0 && lo >= 0) {
			*o++ = (char)(hi << 4 | lo);
			s = sv_skip(s, 3);
		} else {
			*o++ = '='; /* not encoded: as it is */
			s = sv_skip(s, 1);
		}
	}
	*q = o;
	return soft;
}

static void
decode_qp(struct sv s, struct buf *out)
{
	char *start = buf_reserve(out, s.n), *q = start;

	if (start == NULL)
		return;
	while (s.n > 0) {
		size_t end = sv_chr(s, '\n');
		struct sv line = sv_first(s, end), brk;
		size_t n = line.n;

		if (n > 0 && line.p[n - 1] == '\r')
			n--;
		brk = sv_of(line.p + n, line.n - n + (end < s.n));
		/* Blanks at the end were added on the way [RFC 2045 6.7]. */
		while (n > 0 && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
			n--;
		if (!qp_line(sv_first(line, n), &q)) {
			memcpy(q, brk.p, brk.n);
			q += brk.n;
		}
		s = sv_skip(s, line.n + (end < s.n));
	}
	buf_added(out, (size_t)(q - start));
}

/* The part of a line of no end that can be decoded without the rest: no "="
 * is cut off what belongs to it. */
static size_t
qp_some_of_line(struct sv s, struct buf *out)
{
	size_t n = s.n;
	char *start, *q;

	if (s.p[n - 1] == '=')
		n -= 1;
	else if (s.p[n - 2] == '=')
		n -= 2;
	start = q = buf_reserve(out, n);
	if (start == NULL)
		return s.n;
	(void)qp_line(sv_first(s, n), &q);
	buf_added(out, (size_t)(q - start));
	return n;
}

/* Whole lines, if there is any. */
static size_t
decode_some_qp(struct sv s, bool last, struct buf *out)
{
	size_t end = sv_rchr(s, '\n');

	if (last)
		end = s.n;
	else if (end < s.n)
		end++;
	else if (s.n >= MIME_DECODE_LEFT)
		return qp_some_of_line(s, out);
	else
		return 0;
	decode_qp(sv_first(s, end), out);
	s = sv_skip(s, end);
	if (s.n >= MIME_DECODE_LEFT)
		end += qp_some_of_line(s, out);
	return end;
}

size_t
mime_decode_some(
    struct mime_decoder *d, struct sv piece, bool last, struct buf *out)
{
	if (piece.n == 0)
		return 0;
	switch (d->enc) {
	case MIME_ENC_IDENTITY:
		buf_addsv(out, piece);
		break;
	case MIME_ENC_BASE64:
		decode_base64(d, piece, out);
		break;
	case MIME_ENC_QP:
		return decode_some_qp(piece, last, out);
	}
	return piece.n;
}

void
mime_decode_body(struct sv body, enum mime_encoding enc, struct buf *out)
{
	struct mime_decoder d = {.enc = enc};

	(void)mime_decode_some(&d, body, true, out);
}
