#include "pagerules/idn.h"

#include <string.h>

#include "base/ascii.h"
#include "base/fold.h"
#include "base/nfc.h"
#include "base/utf8.h"
#include "mail/path.h"

#define NAME_MAX_BYTES 1024 /* of UTF-8: more than a name comes from */
#define LABEL_MAX      64   /* code points: an A-label has no more bytes */

/* ---- Punycode [RFC 3492] ---- */

/* [RFC 3492 5] */
#define BASE	  36u
#define TMIN	  1u
#define TMAX	  26u
#define SKEW	  38u
#define DAMP	  700u
#define BIAS_0	  72u
#define N_0	  128u
#define DELTA_MAX (UINT32_MAX / 2)

/* [RFC 3492 6.1] */
static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static uint32_t
threshold(uint32_t k, uint32_t bias)
{
	return k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
}

static void
put_delta(uint32_t q, uint32_t bias, struct buf *out)
{
	static const char digit[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias);

		if (q < t)
			break;
		buf_addc(out, digit[t + (q - t) % (BASE - t)]);
		q = (q - t) / (BASE - t);
	}
	buf_addc(out, digit[q]);
}

/* The lowest of them that is n or more. */
static uint32_t
next_of(const uint32_t *cp, size_t ncp, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < ncp; i++)
		if (cp[i] >= n && cp[i] < least)
			least = cp[i];
	return least;
}

/* [RFC 3492 6.3] With ncp at most LABEL_MAX nothing overflows. */
static void
encode(const uint32_t *cp, size_t ncp, struct buf *out)
{
	uint32_t n = N_0, delta = 0, bias = BIAS_0, done = 0, plain, next;

	for (size_t i = 0; i < ncp; i++)
		if (cp[i] < N_0) {
			buf_addc(out, (char)cp[i]);
			done++;
		}
	plain = done;
	if (plain > 0)
		buf_addc(out, '-');
	for (; done < ncp; delta++, n++) {
		next = next_of(cp, ncp, n);
		delta += (next - n) * (done + 1);
		n = next;
		for (size_t i = 0; i < ncp; i++) {
			delta += cp[i] < n;
			if (cp[i] != n)
				continue;
			put_delta(delta, bias, out);
			bias = adapt(delta, done + 1, done == plain);
			delta = 0;
			done++;
		}
	}
}

/* BASE and more: it is not one. */
static uint32_t
digit_of(char c)
{
	return ascii_is_alpha(c)   ? (uint32_t)(ascii_lower(c) - 'a')
	       : ascii_is_digit(c) ? (uint32_t)(c - '0') + 26
				   : BASE;
}

/* One delta of several digits off *s. */
static int
take_delta(struct sv *s, uint32_t bias, uint32_t *out)
{
	uint32_t delta = 0, weight = 1;

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t d = s->n > 0 ? digit_of(s->p[0]) : BASE;
		uint32_t t = threshold(k, bias);

		if (d >= BASE || d > (DELTA_MAX - delta) / weight)
			return RC_SYNTAX;
		*s = sv_skip(*s, 1);
		delta += d * weight;
		if (d < t)
			break;
		if (weight > DELTA_MAX / (BASE - t))
			return RC_SYNTAX;
		weight *= BASE - t;
	}
	*out = delta;
	return RC_OK;
}

/* [RFC 3492 6.2] */
static int
decode(struct sv s, uint32_t cp[LABEL_MAX], size_t *ncp)
{
	uint32_t n = N_0, i = 0, bias = BIAS_0, delta = 0, have = 0;
	size_t dash = sv_rchr(s, '-');

	for (; dash < s.n && have < dash && have < LABEL_MAX; have++)
		cp[have] = (unsigned char)ascii_lower(s.p[have]);
	if (dash < s.n)
		s = sv_skip(s, dash + 1);
	for (; s.n > 0; have++, i++) {
		if (have == LABEL_MAX || take_delta(&s, bias, &delta) != RC_OK)
			return RC_SYNTAX;
		bias = adapt(delta, have + 1, n == N_0 && i == 0);
		i += delta;
		n += i / (have + 1);
		i %= have + 1;
		if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
			return RC_SYNTAX;
		memmove(&cp[i + 1], &cp[i], (have - i) * sizeof cp[0]);
		cp[i] = n;
	}
	*ncp = have;
	return RC_OK;
}

/* ---- names ---- */

/* Small letters, composed; letters that only look like several small ones stay
 * [UTS #46 4, nontransitional].  The dots of other scripts are dots. */
static void
put_mapped(struct sv s, struct buf *out)
{
	struct buf folded;

	buf_init(&folded, 8 * NAME_MAX_BYTES);
	while (s.n > 0) {
		struct sv before = s;
		uint32_t cp;

		if (utf8_next(&s, &cp) != RC_OK)
			continue;
		if (cp == 0x3002 || cp == 0xff61)
			buf_addc(&folded, '.');
		else if (cp == 0xdf || cp == 0x1e9e) /* sharp s */
			utf8_put(&folded, 0xdf);
		else if (cp == 0x3c2) /* sigma at a word's end */
			utf8_put(&folded, cp);
		else if (cp != 0xad) /* a soft hyphen */
			fold_utf8(sv_first(before, before.n - s.n), &folded);
	}
	nfc_put(buf_sv(&folded), out);
	buf_fini(&folded);
}

static int
put_ascii_label(struct sv label, struct buf *out)
{
	uint32_t cp[LABEL_MAX];
	size_t n = 0;

	if (!utf8_has_8bit(label)) {
		buf_addsv(out, label);
		return RC_OK;
	}
	for (; label.n > 0; n++)
		if (n == LABEL_MAX || utf8_next(&label, &cp[n]) != RC_OK)
			return RC_SYNTAX;
	buf_adds(out, "xn--");
	encode(cp, n, out);
	return RC_OK;
}

/* What does not stand for anything stays. */
static void
put_shown_label(struct sv label, struct buf *out)
{
	uint32_t cp[LABEL_MAX];
	size_t n;

	if (sv_istarts(label, SV("xn--")) &&
	    decode(sv_skip(label, 4), cp, &n) == RC_OK)
		for (size_t i = 0; i < n; i++)
			utf8_put(out, cp[i]);
	else
		buf_addsv(out, label);
}

static struct sv
domain_of(struct sv who, struct sv *local)
{
	size_t at = sv_rchr(who, '@');

	*local = sv_first(who, at < who.n ? at + 1 : 0);
	return at < who.n ? sv_skip(who, at + 1) : who;
}

int
idn_ascii(struct sv who, struct buf *out)
{
	struct sv local, rest, domain = domain_of(who, &local);
	struct buf mapped, name;
	bool more = true;
	int r = RC_OK;

	if (domain.n > NAME_MAX_BYTES || !utf8_valid(domain))
		return RC_SYNTAX;
	buf_init(&mapped, 8 * NAME_MAX_BYTES);
	buf_init(&name, 8 * NAME_MAX_BYTES);
	if (utf8_has_8bit(domain))
		put_mapped(domain, &mapped);
	else
		buf_addsv(&mapped, domain);
	for (rest = buf_sv(&mapped); more && r == RC_OK;) {
		more = sv_chr(rest, '.') < rest.n;
		r = put_ascii_label(sv_split(&rest, '.'), &name);
		buf_adds(&name, more ? "." : "");
	}
	if (r == RC_OK && mail_domain_valid(buf_sv(&name))) {
		buf_addsv(out, local);
		buf_addsv(out, buf_sv(&name));
	} else {
		r = RC_SYNTAX;
	}
	buf_fini(&name);
	buf_fini(&mapped);
	return r;
}

/* Is it what these labels stand for? */
static bool
stands_for(struct sv shown, struct sv ascii)
{
	struct buf b;
	bool yes;

	buf_init(&b, 8 * NAME_MAX_BYTES);
	yes = idn_ascii(shown, &b) == RC_OK && sv_ieq(buf_sv(&b), ascii);
	buf_fini(&b);
	return yes;
}

int
idn_shown(struct sv who, struct buf *out)
{
	struct sv local, rest;
	struct buf ascii, shown;
	int r;

	buf_init(&ascii, 8 * NAME_MAX_BYTES);
	buf_init(&shown, 8 * NAME_MAX_BYTES);
	r = idn_ascii(who, &ascii);
	if (r == RC_OK) {
		bool more = true;

		rest = domain_of(buf_sv(&ascii), &local);
		buf_addsv(&shown, local);
		while (more) {
			more = sv_chr(rest, '.') < rest.n;
			put_shown_label(sv_split(&rest, '.'), &shown);
			buf_adds(&shown, more ? "." : "");
		}
		buf_addsv(out,
		    buf_ok(&shown) && stands_for(buf_sv(&shown), buf_sv(&ascii))
			? buf_sv(&shown)
			: buf_sv(&ascii));
	}
	buf_fini(&shown);
	buf_fini(&ascii);
	return r;
}
