#include "msgauth/srs.h"

#include <sodium.h>

#include "base/ascii.h"
#include "base/fold.h"
#include "mail/lex.h"

#define HASH_BYTES 5
#define HASH_TEXT  8
#define GATE_TEXT  4 /* 20 bits */
#define SIGN_TEXT  (GATE_TEXT + HASH_TEXT)
#define STAMP_TEXT 2
#define STAMPS	   1024 /* days, then they begin again */
#define DAY	   86400
#define TAG_TEXT   5 /* "SRS0=" */

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* "SRS0" or "SRS1" and a separator at the front of a local part. */
static bool
has_tag(struct sv local, char digit)
{
	return local.n > TAG_TEXT && sv_istarts(local, SV("SRS")) &&
	       local.p[3] == digit && local.p[4] != '\0' &&
	       strchr("=+-", local.p[4]) != NULL;
}

/* local@domain; the domain has no "@". */
static bool
split(struct sv address, struct sv *local, struct sv *domain)
{
	size_t at = sv_rchr(address, '@');

	*local = sv_first(address, at);
	*domain = sv_skip(address, at + 1);
	return local->n > 0 && domain->n > 0;
}

/* Atoms and dots, in any order: mail_address_write writes it as one word. */
static bool
is_plain(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != '.' &&
		    ((unsigned char)s.p[i] >= 0x80 || !mail_is_atext(s.p[i])))
			return false;
	return true;
}

bool
srs_is(struct sv address)
{
	struct sv local = sv_first(address, sv_rchr(address, '@'));

	return has_tag(local, '0') || has_tag(local, '1');
}

/* A NUL is in no address: what follows it cannot be taken for a part of one. */
static void
hash(struct sv key, struct sv text, struct sv context, char out[HASH_TEXT])
{
	unsigned char md[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state mac;
	struct buf b;
	uint64_t bits = 0;
	int i;

	buf_init(&b, text.n + context.n + 2);
	buf_addsv(&b, text);
	if (context.n > 0) {
		buf_addc(&b, '\0');
		buf_addsv(&b, context);
	}
	fold_ascii(buf_sv(&b), b.p);
	(void)crypto_auth_hmacsha256_init(
	    &mac, (const unsigned char *)key.p, key.n);
	(void)crypto_auth_hmacsha256_update(
	    &mac, (const unsigned char *)b.p, b.n);
	(void)crypto_auth_hmacsha256_final(&mac, md);
	for (i = 0; i < HASH_BYTES; i++)
		bits = bits << 8 | md[i];
	for (i = HASH_TEXT - 1; i >= 0; i--, bits >>= 5)
		out[i] = alphabet[bits & 31];
	buf_fini(&b);
}

/* The hash without its context: one look at it tells forgeries. */
static void
hash_gate(struct sv key, struct sv text, char out[HASH_TEXT])
{
	hash(key, text, sv_of("\0gate", 5), out);
}

static void
put_sign(const struct srs_keys *k, struct sv text, struct buf *out)
{
	char h[HASH_TEXT];

	hash_gate(k->key[0], text, h);
	buf_add(out, h, GATE_TEXT);
	hash(k->key[0], text, k->context, h);
	buf_add(out, h, HASH_TEXT);
}

/* With which key was it made of this text, as far as the gate can tell? */
static bool
find_key(const struct srs_keys *k, struct sv sign, struct sv text, size_t *at)
{
	char want[HASH_TEXT], have[SIGN_TEXT];
	size_t i;

	if (sign.n != SIGN_TEXT)
		return false;
	fold_ascii(sign, have);
	for (i = *at; i < k->n; i++) {
		hash_gate(k->key[i], text, want);
		if (sodium_memcmp(want, have, GATE_TEXT) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

/* Was it made of this text with one of the keys? */
static bool
is_ours(const struct srs_keys *k, struct sv sign, struct sv text)
{
	char want[HASH_TEXT], have[SIGN_TEXT];
	size_t i;

	for (i = 0; find_key(k, sign, text, &i); i++) {
		fold_ascii(sign, have);
		hash(k->key[i], text, k->context, want);
		if (sodium_memcmp(want, have + GATE_TEXT, HASH_TEXT) == 0)
			return true;
	}
	return false;
}

/* ---- forward ---- */

static unsigned
day_of(int64_t now)
{
	return (unsigned)(now / DAY % STAMPS);
}

static void
put_stamp(int64_t now, struct buf *out)
{
	unsigned day = day_of(now);

	buf_addc(out, alphabet[day >> 5]);
	buf_addc(out, alphabet[day & 31]);
}

/* "SRS1=" hash and day "=" first "=" rest, which begins with the separator of
 * SRS0.  Nobody but us looks into what is in front of `first`. */
static void
put_srs1(const struct srs_keys *k, int64_t now, struct sv first, struct sv rest,
    struct buf *out)
{
	struct buf b;

	buf_init(&b, first.n + rest.n + 8);
	put_stamp(now, &b);
	buf_addc(&b, '=');
	buf_addsv(&b, first);
	buf_addc(&b, '=');
	buf_addsv(&b, rest);
	buf_adds(out, "SRS1=");
	put_sign(k, buf_sv(&b), out);
	buf_addsv(out, buf_sv(&b));
	buf_fini(&b);
}

static void
put_srs0(const struct srs_keys *k, int64_t now, struct sv local,
    struct sv domain, struct buf *out)
{
	struct buf b;

	buf_init(&b, local.n + domain.n + 8);
	put_stamp(now, &b);
	buf_addc(&b, '=');
	buf_addsv(&b, domain);
	buf_addc(&b, '=');
	buf_addsv(&b, local);
	buf_adds(out, "SRS0=");
	put_sign(k, buf_sv(&b), out);
	buf_addc(out, '=');
	buf_addsv(out, buf_sv(&b));
	buf_fini(&b);
}

/* What another host has made: hash "=" first "=" rest, with SRS1 in front. */
static bool
split_srs1(struct sv local, struct sv *given, struct sv *first, struct sv *rest)
{
	struct sv s = sv_skip(local, TAG_TEXT);

	*given = sv_split(&s, '=');
	*first = sv_split(&s, '=');
	*rest = s;
	return first->n > 0 && rest->n > 1 &&
	       (rest->p[0] == '=' || rest->p[0] == '+' || rest->p[0] == '-');
}

int
srs_forward(const struct srs_keys *k, int64_t now, struct sv sender,
    struct sv domain, struct buf *out)
{
	struct sv local, from, given, first, rest;
	size_t had = out->n;

	must(k->n > 0 && k->key[0].n >= SRS_KEY_MIN);
	if (!split(sender, &local, &from) || !is_plain(local) ||
	    !is_plain(from) || memchr(from.p, '=', from.n) != NULL)
		return RC_SYNTAX;
	if (has_tag(local, '1') && split_srs1(local, &given, &first, &rest))
		put_srs1(k, now, first, rest, out);
	else if (has_tag(local, '0'))
		put_srs1(k, now, from, sv_skip(local, TAG_TEXT - 1), out);
	else
		put_srs0(k, now, local, from, out);
	if (out->n - had > SRS_LOCAL_MAX) {
		buf_truncate(out, had);
		return RC_TOOBIG;
	}
	buf_addc(out, '@');
	buf_addsv(out, domain);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

/* ---- back ---- */

static bool
read_stamp(struct sv s, unsigned *day)
{
	size_t i;

	*day = 0;
	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

		if (at == NULL)
			return false;
		*day = *day << 5 | (unsigned)(at - alphabet);
	}
	return s.n == STAMP_TEXT;
}

/* One of ours, in its parts; what they are cut of lives on. */
struct parts {
	struct sv sign, stamp;
	struct sv text;		 /* that is signed */
	struct sv local, domain; /* whose it is */
	bool again;		 /* of SRS1: local is that of an SRS0 */
};

static bool
take_apart(struct sv local, struct parts *p)
{
	struct sv s = sv_skip(local, TAG_TEXT), given, first, rest;

	p->again = has_tag(local, '1');
	if (!p->again) {
		p->sign = sv_split(&s, '=');
		p->text = s;
		p->stamp = sv_split(&s, '=');
		p->domain = sv_split(&s, '=');
		p->local = s;
		return s.n > 0 && p->domain.n > 0;
	}
	if (!split_srs1(local, &given, &first, &rest) ||
	    given.n != SIGN_TEXT + STAMP_TEXT)
		return false;
	p->sign = sv_first(given, SIGN_TEXT);
	p->stamp = sv_skip(given, SIGN_TEXT);
	p->text = sv_of(p->stamp.p, (size_t)(rest.p + rest.n - p->stamp.p));
	p->domain = first;
	p->local = rest;
	return true;
}

static int
check_age(const struct srs_keys *k, int64_t now, unsigned day)
{
	unsigned age = (day_of(now) + STAMPS - day) % STAMPS;

	/* A day ahead is a clock that was set back. */
	return age > k->days && age != STAMPS - 1 ? RC_TIMEOUT : RC_OK;
}

int
srs_gate(const struct srs_keys *k, struct sv address, size_t *key_out)
{
	struct sv local, domain;
	struct parts p;
	size_t at = 0;

	if (!split(address, &local, &domain) || !srs_is(address))
		return RC_NOTFOUND;
	if (!take_apart(local, &p) || !find_key(k, p.sign, p.text, &at))
		return RC_DENIED;
	*key_out = at;
	return RC_OK;
}

int
srs_reverse(
    const struct srs_keys *k, int64_t now, struct sv address, struct buf *out)
{
	struct sv local, domain;
	struct parts p;
	unsigned day;

	if (!split(address, &local, &domain) || !srs_is(address))
		return RC_NOTFOUND;
	if (!take_apart(local, &p) || !read_stamp(p.stamp, &day) ||
	    !is_ours(k, p.sign, p.text))
		return RC_DENIED;
	if (check_age(k, now, day) != RC_OK)
		return RC_TIMEOUT;
	buf_adds(out, p.again ? "SRS0" : "");
	buf_addsv(out, p.local);
	buf_addc(out, '@');
	buf_addsv(out, p.domain);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
