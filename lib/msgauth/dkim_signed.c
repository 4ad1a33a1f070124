#include <stdlib.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "msgauth/dkim_verify.h"
#include "msgauth/name.h"
#include "msgauth/taglist.h"

#define SIGNATURE_TEXT_MAX 4096 /* b= without blanks */
#define TIME_DIGITS	   12	/* [RFC 6376 3.5] more are infinite */

struct dkim_signed {
	enum dkim_field_kind kind;
	struct dkim_keys *keys; /* borrowed, or NULL */
	struct sv b_raw;	/* valid as long as the field is */
	struct dkim_verdict verdict;
	bool decided;
	bool has_hash;
	uint8_t hash[DKIM_HASH];      /* of the header */
	uint8_t body_hash[DKIM_HASH]; /* bh= */
	int body;		      /* the number of its hash */
	enum dkim_canon header_canon, body_canon;
	bool i_differs;
	int64_t first; /* when it came first, in seconds; 0: now */
	struct buf signature;
	char key_name[DNS_NAME_MAX];
};

static enum auth_result
result_of(enum dkim_reason r)
{
	switch (r) {
	case DKIM_R_NONE:
		return AUTH_PASS;
	case DKIM_R_BODY:
	case DKIM_R_SIGNATURE:
		return AUTH_FAIL;
	case DKIM_R_LENGTH:
	case DKIM_R_EXPIRED:
	case DKIM_R_FUTURE:
		return AUTH_POLICY;
	case DKIM_R_DNS:
	case DKIM_R_CRYPTO:
		return AUTH_TEMPERROR;
	case DKIM_R_SYNTAX:
	case DKIM_R_TOO_LONG:
	case DKIM_R_VERSION:
	case DKIM_R_MISSING:
	case DKIM_R_ALGORITHM:
	case DKIM_R_SHA1:
	case DKIM_R_CANON:
	case DKIM_R_QUERY:
	case DKIM_R_DOMAIN:
	case DKIM_R_FROM:
	case DKIM_R_SHORT:
	case DKIM_R_NO_KEY:
	case DKIM_R_KEY_SYNTAX:
	case DKIM_R_REVOKED:
	case DKIM_R_KEY_TYPE:
	case DKIM_R_KEY_HASH:
	case DKIM_R_KEY_SERVICE:
	case DKIM_R_KEY_STRICT:
	case DKIM_R_KEY_SHORT:
	case DKIM_R_KEY_LONG:
	case DKIM_REASONS:
		break;
	}
	return AUTH_PERMERROR;
}

static void
decide(struct dkim_signed *s, enum dkim_reason r)
{
	struct dkim_verdict *v = &s->verdict;

	s->decided = true;
	v->reason = r;
	v->result = result_of(r);
	/* [RFC 6376 3.6.1] as if it were not signed */
	if (v->testing && v->result != AUTH_PASS && v->result != AUTH_TEMPERROR)
		v->result = AUTH_NEUTRAL;
}

/* ---- the tags ---- */

/* 1*12DIGIT; false: not digits.  What has more is infinite. */
static bool
read_time(const struct taglist_tag *t, int64_t *out)
{
	uint64_t v;
	int r;

	if (t == NULL)
		return true;
	r = sv_to_u64(t->value, INT64_MAX, &v);
	if (r == RC_SYNTAX)
		return false;
	*out = r != RC_OK || t->value.n > TIME_DIGITS ? INT64_MAX : (int64_t)v;
	return true;
}

static enum dkim_reason
read_times(struct dkim_signed *s, const struct taglist *t)
{
	const struct taglist_tag *l = taglist_find(t, "l");
	struct dkim_verdict *v = &s->verdict;
	const struct taglist_tag *x = taglist_find(t, "x");
	int r;

	if (!read_time(taglist_find(t, "t"), &v->signed_at))
		return DKIM_R_SYNTAX;
	if (s->kind == DKIM_FIELD_AS)
		return DKIM_R_NONE;
	if (!read_time(x, &v->expires) ||
	    (x != NULL && v->expires <= v->signed_at))
		return DKIM_R_SYNTAX;
	if (l == NULL)
		return DKIM_R_NONE;
	v->has_length = true;
	r = sv_to_u64(l->value, BODIES_WHOLE - 1, &v->length);
	if (r == RC_TOOBIG && l->value.n <= 76)
		v->length = BODIES_WHOLE - 1;
	else if (r != RC_OK)
		return DKIM_R_SYNTAX;
	return DKIM_R_NONE;
}

static enum dkim_reason
read_algorithm(struct dkim_signed *s, struct sv a)
{
	s->verdict.algorithm_known = true;
	s->verdict.algorithm = DKIM_RSA;
	if (sv_ieq(a, SV("rsa-sha256")))
		return DKIM_R_NONE;
	s->verdict.algorithm = DKIM_ED25519;
	if (sv_ieq(a, SV("ed25519-sha256")))
		return DKIM_R_NONE;
	s->verdict.algorithm_known = false;
	return sv_ieq(a, SV("rsa-sha1")) ? DKIM_R_SHA1 : DKIM_R_ALGORITHM;
}

static bool
read_canon(struct sv word, enum dkim_canon *out)
{
	if (sv_ieq(word, SV("relaxed")))
		*out = DKIM_RELAXED;
	else if (sv_ieq(word, SV("simple")))
		*out = DKIM_SIMPLE;
	else
		return false;
	return true;
}

static enum dkim_reason
read_canons(struct dkim_signed *s, const struct taglist_tag *c)
{
	struct sv rest, word;

	if (s->kind == DKIM_FIELD_AS) {
		s->header_canon = DKIM_RELAXED;
		return DKIM_R_NONE;
	}
	s->header_canon = s->body_canon = DKIM_SIMPLE;
	if (c == NULL)
		return DKIM_R_NONE;
	rest = c->value;
	word = sv_split(&rest, '/');
	if (!read_canon(word, &s->header_canon) ||
	    (rest.p != NULL && !read_canon(rest, &s->body_canon)))
		return DKIM_R_CANON;
	return DKIM_R_NONE;
}

static enum dkim_reason
read_query(const struct taglist_tag *q)
{
	struct sv list, word;

	if (q == NULL)
		return DKIM_R_NONE;
	for (list = q->value; taglist_next_word(&list, &word);)
		if (sv_ieq(word, SV("dns/txt")))
			return DKIM_R_NONE;
	return DKIM_R_QUERY;
}

/* [ Local-part ] "@" domain-name; the domain within d= */
static enum dkim_reason
read_identity(struct dkim_signed *s, const struct taglist_tag *i)
{
	char name[DNS_NAME_MAX];
	size_t at;

	if (i == NULL || s->kind != DKIM_FIELD_DKIM)
		return DKIM_R_NONE;
	at = sv_rchr(i->value, '@');
	if (at == i->value.n)
		return DKIM_R_SYNTAX;
	if (name_ascii(sv_skip(i->value, at + 1), name) != RC_OK ||
	    !name_is_within(sv_str(name), sv_str(s->verdict.domain)))
		return DKIM_R_DOMAIN;
	s->i_differs = strcmp(name, s->verdict.domain) != 0;
	return DKIM_R_NONE;
}

static enum dkim_reason
read_names(struct dkim_signed *s, struct sv domain, struct sv selector)
{
	struct dkim_verdict *v = &s->verdict;
	struct buf name;
	bool ok;

	if (name_ascii(domain, v->domain) != RC_OK)
		return DKIM_R_DOMAIN;
	if (name_ascii(selector, v->selector) != RC_OK ||
	    name_labels(sv_str(v->domain)) < 2)
		return DKIM_R_DOMAIN;
	buf_init(&name, sizeof s->key_name - 1);
	buf_addf(&name, "%s._domainkey.%s", v->selector, v->domain);
	ok = buf_ok(&name) && lookup_name_valid(buf_sv(&name));
	if (ok)
		memcpy(s->key_name, name.p, name.n + 1);
	buf_fini(&name);
	return ok ? DKIM_R_NONE : DKIM_R_DOMAIN;
}

/* base64string: strict but for blanks */
static bool
read_base64(struct sv value, struct buf *text, struct buf *out)
{
	buf_reset(text);
	taglist_unfold(value, text);
	return buf_ok(text) && text->n > 0 &&
	       base64_decode(buf_sv(text), out) == RC_OK;
}

static enum dkim_reason
read_data(struct dkim_signed *s, const struct taglist *t)
{
	const struct taglist_tag *bh = taglist_find(t, "bh");
	enum dkim_reason r = DKIM_R_NONE;
	struct buf text, hash;
	size_t n;

	buf_init(&text, SIGNATURE_TEXT_MAX);
	buf_init(&hash, SIGNATURE_TEXT_MAX);
	if (!read_base64(taglist_find(t, "b")->value, &text, &s->signature))
		r = DKIM_R_SYNTAX;
	n = text.n < sizeof s->verdict.b - 1 ? text.n : sizeof s->verdict.b - 1;
	if (r == DKIM_R_NONE)
		memcpy(s->verdict.b, text.p, n);
	if (r == DKIM_R_NONE && s->kind != DKIM_FIELD_AS) {
		if (!read_base64(bh->value, &text, &hash) ||
		    hash.n != DKIM_HASH)
			r = DKIM_R_SYNTAX;
		else
			memcpy(s->body_hash, hash.p, DKIM_HASH);
	}
	buf_fini(&hash);
	buf_fini(&text);
	return r;
}

/* Are all required tags there, and does a DKIM signature know its version? */
static enum dkim_reason
check_tags(const struct dkim_signed *s, const struct taglist *t)
{
	static const char *const required[] = {"a", "b", "d", "s", "bh", "h"};
	const struct taglist_tag *v = taglist_find(t, "v");
	size_t n = s->kind == DKIM_FIELD_AS ? 4 : 6, i;

	if (s->kind == DKIM_FIELD_DKIM) {
		if (v == NULL)
			return DKIM_R_MISSING;
		if (!sv_eq(v->value, SV("1")))
			return DKIM_R_VERSION;
	}
	for (i = 0; i < n; i++)
		if (taglist_find(t, required[i]) == NULL)
			return DKIM_R_MISSING;
	/* [RFC 8617 4.1.3] */
	if (s->kind == DKIM_FIELD_AS && taglist_find(t, "h") != NULL)
		return DKIM_R_SYNTAX;
	return DKIM_R_NONE;
}

static enum dkim_reason
read_tags(struct dkim_signed *s, const struct taglist *t)
{
	enum dkim_reason r = check_tags(s, t), algorithm;

	if (r != DKIM_R_NONE)
		return r;
	/* What the report wants is read first. */
	r = read_names(
	    s, taglist_find(t, "d")->value, taglist_find(t, "s")->value);
	algorithm = read_algorithm(s, taglist_find(t, "a")->value);
	if (r == DKIM_R_NONE)
		r = read_data(s, t);
	/* With SHA-1 bh= is shorter. */
	if (algorithm != DKIM_R_NONE)
		r = algorithm;
	if (r == DKIM_R_NONE)
		r = read_times(s, t);
	if (r == DKIM_R_NONE)
		r = read_canons(s, taglist_find(t, "c"));
	if (r == DKIM_R_NONE)
		r = read_query(taglist_find(t, "q"));
	if (r == DKIM_R_NONE)
		r = read_identity(s, taglist_find(t, "i"));
	return r;
}

/* ---- the header's hash ---- */

/*
 * hdr-name *( [FWS] ":" [FWS] hdr-name ), From among them.  Nothing between two
 * colons names no field, and is passed over as others do.  [RFC 8617 4.1.2]
 * the seal is put on after the message signature, which cannot cover it; many
 * cover the other two fields, which are there already.
 */
static enum dkim_reason
check_signed_names(const struct dkim_signed *s, struct sv h)
{
	bool from = false;
	size_t n = 0;
	struct sv name;

	while (taglist_next_word(&h, &name)) {
		if (++n > DKIM_NAMES_MAX)
			return DKIM_R_TOO_LONG;
		if (!sv_is_graph(name) ||
		    (s->kind == DKIM_FIELD_AMS && sv_ieq(name, SV("arc-seal"))))
			return DKIM_R_SYNTAX;
		from = from || sv_ieq(name, SV("from"));
	}
	return from ? DKIM_R_NONE : DKIM_R_FROM;
}

static void
note_list_field(struct dkim_verdict *v, struct sv name)
{
	if (!sv_istarts(name, SV("list-")))
		return;
	v->signs_list_id = v->signs_list_id || sv_ieq(name, SV("list-id"));
	v->signs_list_post =
	    v->signs_list_post || sv_ieq(name, SV("list-post"));
}

static bool
hash_names(struct dkim_signed *s, const struct mail_field *own, struct sv h,
    struct fieldset *fields, EVP_MD_CTX *md)
{
	bool ok = true;
	struct sv name;
	struct buf b;

	buf_init(&b, SIZE_MAX / 4);
	fieldset_rewind(fields);
	while (ok && taglist_next_word(&h, &name)) {
		const struct mail_field *f = fieldset_take(fields, name);

		/* It does not sign itself. */
		if (f != NULL && f->whole.p == own->whole.p)
			f = fieldset_take(fields, name);
		if (f == NULL)
			continue;
		note_list_field(&s->verdict, f->name);
		buf_reset(&b);
		dkim_field_canon(f, s->header_canon, &b);
		buf_adds(&b, "\r\n");
		ok = EVP_DigestUpdate(md, b.p, b.n) == 1;
	}
	buf_fini(&b);
	return ok;
}

static bool
hash_header(struct dkim_signed *s, const struct mail_field *own, struct sv h,
    struct fieldset *fields)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct buf b;
	bool ok;

	buf_init(&b, 2 * own->whole.n + 16);
	dkim_field_without(own, s->b_raw, s->header_canon, &b);
	ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	     hash_names(s, own, h, fields, md) &&
	     EVP_DigestUpdate(md, b.p, b.n) == 1 &&
	     EVP_DigestFinal_ex(md, s->hash, NULL) == 1;
	s->has_hash = ok;
	buf_fini(&b);
	EVP_MD_CTX_free(md);
	return ok;
}

static enum dkim_reason
read_field(struct dkim_signed *s, const struct mail_field *f,
    struct fieldset *fields, struct bodies *bodies)
{
	enum dkim_reason r;
	struct taglist t;
	struct sv h;
	int got;

	if (f->whole.n > DKIM_FIELD_MAX)
		return DKIM_R_TOO_LONG;
	got = taglist_parse(f->value, false, &t);
	if (got != RC_OK)
		return got == RC_TOOBIG ? DKIM_R_TOO_LONG : DKIM_R_SYNTAX;
	r = read_tags(s, &t);
	if (taglist_find(&t, "b") != NULL)
		s->b_raw = taglist_find(&t, "b")->raw;
	if (r != DKIM_R_NONE || s->kind == DKIM_FIELD_AS)
		return r;
	h = taglist_find(&t, "h")->value;
	r = check_signed_names(s, h);
	if (r != DKIM_R_NONE)
		return r;
	s->body = bodies_want(bodies, s->body_canon,
	    s->verdict.has_length ? s->verdict.length : BODIES_WHOLE);
	if (s->body < 0)
		return DKIM_R_TOO_LONG;
	return hash_header(s, f, h, fields) ? DKIM_R_NONE : DKIM_R_CRYPTO;
}

struct dkim_signed *
dkim_signed_new(const struct mail_field *f, enum dkim_field_kind kind,
    struct fieldset *fields, struct bodies *bodies, struct dkim_keys *keys)
{
	struct dkim_signed *s = xcalloc(1, sizeof *s);
	enum dkim_reason r;

	s->kind = kind;
	s->keys = keys;
	buf_init(&s->signature, SIGNATURE_TEXT_MAX);
	r = read_field(s, f, fields, bodies);
	if (r != DKIM_R_NONE)
		decide(s, r);
	return s;
}

void
dkim_signed_free(struct dkim_signed **sp)
{
	struct dkim_signed *s = *sp;

	if (s == NULL)
		return;
	buf_fini(&s->signature);
	free(s);
	*sp = NULL;
}

struct sv
dkim_signed_b(const struct dkim_signed *s)
{
	return s->b_raw;
}

void
dkim_signed_set_hash(struct dkim_signed *s, const uint8_t hash[DKIM_HASH])
{
	memcpy(s->hash, hash, DKIM_HASH);
	s->has_hash = true;
}

void
dkim_signed_expiring(const struct dkim_signed *s, struct buf *out)
{
	if (s->verdict.expires > 0)
		buf_addsv(out, buf_sv(&s->signature));
}

void
dkim_signed_first_seen(struct dkim_signed *s, int64_t first)
{
	s->first = first;
}

const struct dkim_verdict *
dkim_signed_verdict(const struct dkim_signed *s)
{
	return &s->verdict;
}

/* ---- the judgement ---- */

static enum dkim_reason
check_body(struct dkim_signed *s, const struct bodies *bodies)
{
	uint8_t got[DKIM_HASH];

	if (!bodies_hash(bodies, s->body, got))
		return s->verdict.has_length ? DKIM_R_SHORT : DKIM_R_CRYPTO;
	s->verdict.body_matches = memcmp(got, s->body_hash, DKIM_HASH) == 0;
	return s->verdict.body_matches ? DKIM_R_NONE : DKIM_R_BODY;
}

/* One of the TXT records at the name. */
static enum dkim_reason
try_record(struct dkim_signed *s, struct sv record, bool *is_key)
{
	struct dkim_verdict *v = &s->verdict;
	enum dkim_reason r = DKIM_R_KEY_SYNTAX;
	const struct dkim_claim c = {
	    v->algorithm, s->i_differs, s->hash, buf_sv(&s->signature)};
	struct dkim_record key;
	unsigned bits;
	struct buf text;

	buf_init(&text, LOOKUP_BYTES_MAX);
	*is_key = dns_txt(record, &text) == RC_OK &&
		  dkim_record_parse(buf_sv(&text), &key) == RC_OK;
	if (*is_key) {
		r = dkim_record_verify(&key, &c, s->keys, &bits);
		v->testing = key.testing;
		v->bits = bits;
	}
	buf_fini(&text);
	return r;
}

static enum dkim_reason
check_key(struct dkim_signed *s, const struct dns_answer *a)
{
	enum dkim_reason best = DKIM_R_NO_KEY, r;
	size_t i, tried = 0;
	bool is_key;

	if (a->rc == RC_TEMP)
		return DKIM_R_DNS;
	for (i = 0; i < a->n && tried < DKIM_RECORDS_MAX; i++) {
		r = try_record(s, a->record[i], &is_key);
		if (r == DKIM_R_NONE)
			return r;
		tried += is_key;
		/* The later ones in the list are nearer to a success. */
		if (r > best || best == DKIM_R_NO_KEY)
			best = r;
	}
	return best;
}

/* It verifies; is it to be trusted? */
static enum dkim_reason
check_trust(const struct dkim_signed *s, int64_t now)
{
	const struct dkim_verdict *v = &s->verdict;
	int64_t came = s->first > 0 && s->first < now ? s->first : now;

	if (v->expires > 0 && came - DKIM_DRIFT > v->expires)
		return DKIM_R_EXPIRED;
	if (v->signed_at - DKIM_DRIFT > now)
		return DKIM_R_FUTURE;
	return v->has_length ? DKIM_R_LENGTH : DKIM_R_NONE;
}

int
dkim_signed_evaluate(struct dkim_signed *s, const struct bodies *bodies,
    struct lookup *l, enum lookup_part part, int64_t now)
{
	enum dkim_reason r = DKIM_R_NONE;
	const struct dns_answer *a;

	if (s->decided)
		return RC_OK;
	if (s->kind != DKIM_FIELD_AS && bodies_ended(bodies)) {
		r = check_body(s, bodies);
		if (r != DKIM_R_NONE) {
			decide(s, r);
			return RC_OK;
		}
	}
	a = lookup_get(l, part, DNS_TXT, sv_str(s->key_name));
	if (a == NULL || (s->kind != DKIM_FIELD_AS && !bodies_ended(bodies)))
		return RC_MORE;
	r = s->has_hash ? check_key(s, a) : DKIM_R_CRYPTO;
	if (r == DKIM_R_NONE)
		r = check_trust(s, now);
	decide(s, r);
	return RC_OK;
}
