#include "msgauth/srs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/ascii.h"
#include "base/fold.h"
#include "mail/lex.h"

#define HASH_BYTES 5
#define HASH_TEXT  8
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
	unsigned char md[EVP_MAX_MD_SIZE] = {0};
	unsigned n = 0;
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
	must(HMAC(EVP_sha256(), key.p, (int)key.n, (unsigned char *)b.p, b.n,
		 md, &n) != NULL);
	for (i = 0; i < HASH_BYTES; i++)
		bits = bits << 8 | md[i];
	for (i = HASH_TEXT - 1; i >= 0; i--, bits >>= 5)
		out[i] = alphabet[bits & 31];
	buf_fini(&b);
}

/* Was it made of this text with one of the keys? */
static bool
is_ours(const struct srs_keys *k, struct sv given, struct sv text)
{
	char want[HASH_TEXT], have[HASH_TEXT];
	bool found = false;
	size_t i;

	if (given.n != HASH_TEXT)
		return false;
	fold_ascii(given, have);
	for (i = 0; i < k->n; i++) {
		hash(k->key[i], text, k->context, want);
		found = CRYPTO_memcmp(want, have, HASH_TEXT) == 0 || found;
	}
	return found;
}

/* ---- forward ---- */

static unsigned
day_of(int64_t now)
{
	return (unsigned)(now / DAY % STAMPS);
}

/* "SRS1=" hash "=" first "=" rest, which begins with the separator of SRS0 */
static void
put_srs1(
    const struct srs_keys *k, struct sv first, struct sv rest, struct buf *out)
{
	char h[HASH_TEXT];
	struct buf b;

	buf_init(&b, first.n + rest.n + 2);
	buf_addsv(&b, first);
	buf_addc(&b, '=');
	buf_addsv(&b, rest);
	hash(k->key[0], buf_sv(&b), k->context, h);
	buf_addf(out, "SRS1=%.*s=", HASH_TEXT, h);
	buf_addsv(out, buf_sv(&b));
	buf_fini(&b);
}

static void
put_srs0(const struct srs_keys *k, int64_t now, struct sv local,
    struct sv domain, struct buf *out)
{
	unsigned day = day_of(now);
	char h[HASH_TEXT];
	struct buf b;

	buf_init(&b, local.n + domain.n + 8);
	buf_addc(&b, alphabet[day >> 5]);
	buf_addc(&b, alphabet[day & 31]);
	buf_addc(&b, '=');
	buf_addsv(&b, domain);
	buf_addc(&b, '=');
	buf_addsv(&b, local);
	hash(k->key[0], buf_sv(&b), k->context, h);
	buf_addf(out, "SRS0=%.*s=", HASH_TEXT, h);
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
		put_srs1(k, first, rest, out);
	else if (has_tag(local, '0'))
		put_srs1(k, from, sv_skip(local, TAG_TEXT - 1), out);
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

static int
back_srs0(
    const struct srs_keys *k, int64_t now, struct sv local, struct buf *out)
{
	struct sv s = sv_skip(local, TAG_TEXT), given, stamp, domain, all;
	unsigned day, age;

	given = sv_split(&s, '=');
	all = s;
	stamp = sv_split(&s, '=');
	domain = sv_split(&s, '=');
	if (s.n == 0 || domain.n == 0 || !read_stamp(stamp, &day) ||
	    !is_ours(k, given, all))
		return RC_DENIED;
	age = (day_of(now) + STAMPS - day) % STAMPS;
	/* A day ahead is a clock that was set back. */
	if (age > k->days && age != STAMPS - 1)
		return RC_TIMEOUT;
	buf_addsv(out, s);
	buf_addc(out, '@');
	buf_addsv(out, domain);
	return RC_OK;
}

static int
back_srs1(const struct srs_keys *k, struct sv local, struct buf *out)
{
	struct sv given, first, rest;

	if (!split_srs1(local, &given, &first, &rest) ||
	    !is_ours(
		k, given, sv_of(first.p, (size_t)(rest.p + rest.n - first.p))))
		return RC_DENIED;
	buf_adds(out, "SRS0");
	buf_addsv(out, rest);
	buf_addc(out, '@');
	buf_addsv(out, first);
	return RC_OK;
}

int
srs_reverse(
    const struct srs_keys *k, int64_t now, struct sv address, struct buf *out)
{
	struct sv local, domain;
	int r;

	if (!split(address, &local, &domain) || !srs_is(address))
		return RC_NOTFOUND;
	r = has_tag(local, '0') ? back_srs0(k, now, local, out)
				: back_srs1(k, local, out);
	return r == RC_OK && !buf_ok(out) ? RC_TOOBIG : r;
}
