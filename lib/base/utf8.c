#include "base/utf8.h"

bool
utf8_has_8bit(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] & 0x80)
			return true;
	return false;
}

/* Length of the sequence that a first byte announces, 0 for a bad one. */
static size_t
length_of(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

int
utf8_next(struct sv *s, uint32_t *cp_out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s->p;
	uint32_t cp;
	size_t i, n;

	if (s->n == 0)
		return RC_EOF;
	n = length_of(p[0]);
	if (n == 0 || n > s->n)
		goto bad;
	cp = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto bad;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		goto bad;
	*s = sv_skip(*s, n);
	*cp_out = cp;
	return RC_OK;
bad:
	*s = sv_skip(*s, 1);
	return RC_SYNTAX;
}

bool
utf8_valid(struct sv s)
{
	uint32_t cp;

	while (s.n > 0)
		if (utf8_next(&s, &cp) != RC_OK)
			return false;
	return true;
}

void
utf8_put(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_addc(out, (char)cp);
	} else if (cp < 0x800) {
		buf_addc(out, (char)(0xc0 | cp >> 6));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_addc(out, (char)(0xe0 | cp >> 12));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | cp >> 18));
		buf_addc(out, (char)(0x80 | (cp >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	}
}

void
utf8_repair(struct buf *out, struct sv s)
{
	while (s.n > 0) {
		struct sv before = s;
		uint32_t cp;

		if (utf8_next(&s, &cp) == RC_OK)
			buf_add(out, before.p, before.n - s.n);
		else
			utf8_put(out, 0xfffd);
	}
}
