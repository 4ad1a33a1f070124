#include "msgauth/dkim.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "msgauth/canon.h"

#define LINE_MAX_HERE 76

/* ---- which fields ---- */

static const struct chosen {
	const char *name;
	bool once_more;
} chosen[] = {
    {"from", true},
    {"sender", false},
    {"reply-to", false},
    {"to", true},
    {"cc", false},
    {"subject", true},
    {"date", true},
    {"message-id", true},
    {"in-reply-to", false},
    {"references", false},
    {"list-unsubscribe", false},
    {"list-unsubscribe-post", false},
    {"mime-version", true},
    {"content-type", true},
    {"content-transfer-encoding", true},
    {"resent-date", false},
    {"resent-from", false},
    {"resent-to", false},
    {"resent-cc", false},
};

#define CHOSEN (sizeof chosen / sizeof chosen[0])

/* The last fields of one name: a ring. */
struct found {
	struct mail_field f[DKIM_REPEAT_MAX];
	size_t n; /* of all there were */
};

static void
find_all(struct sv header, struct found *found)
{
	struct mail_field f;
	size_t i;

	while (mail_field_next(&header, &f))
		for (i = 0; i < CHOSEN; i++)
			if (sv_ieq(f.name, sv_str(chosen[i].name))) {
				struct found *at = &found[i];

				at->f[at->n++ % DKIM_REPEAT_MAX] = f;
				break;
			}
}

static void
add_name(struct buf *names, const char *name)
{
	if (names->n > 0)
		buf_addc(names, ':');
	buf_adds(names, name);
}

void
dkim_header_choose(struct sv header, struct buf *names, struct buf *canon)
{
	struct found *found = xcalloc(CHOSEN, sizeof *found);
	size_t i, k;

	find_all(header, found);
	for (i = 0; i < CHOSEN; i++) {
		const struct found *at = &found[i];

		/* [RFC 6376 5.4.2] from the last one upwards */
		for (k = 0; k < at->n && k < DKIM_REPEAT_MAX; k++) {
			add_name(names, chosen[i].name);
			dkim_field_relaxed(
			    &at->f[(at->n - 1 - k) % DKIM_REPEAT_MAX], canon);
			buf_adds(canon, "\r\n");
		}
		/* With more of them than are signed the next one to be named
		 * would be one that is there. */
		if (chosen[i].once_more && at->n <= DKIM_REPEAT_MAX)
			add_name(names, chosen[i].name);
	}
	free(found);
}

/* ---- the field ---- */

/* The value of h=, broken behind colons. */
static void
add_names(struct sv names, struct buf *out)
{
	size_t column = strlen("\th=");

	buf_adds(out, "\th=");
	while (names.n > 0) {
		struct sv name = sv_split(&names, ':');

		if (column + name.n + 1 > LINE_MAX_HERE) {
			buf_adds(out, "\r\n\t");
			column = 1;
		}
		buf_addsv(out, name);
		buf_addc(out, names.n > 0 ? ':' : ';');
		column += name.n + 1;
	}
	buf_adds(out, "\r\n");
}

void
dkim_signature_begin(const struct dkim_signature *s, struct buf *out)
{
	buf_addf(out,
	    "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n"
	    "\td=%.*s;\r\n\ts=%.*s; t=%lld;\r\n",
	    s->algorithm == DKIM_RSA ? "rsa-sha256" : "ed25519-sha256",
	    SV_ARG(s->domain), SV_ARG(s->selector), (long long)s->time);
	dkim_signature_tail(s->names, s->body_hash, out);
}

void
dkim_signature_tail(
    struct sv names, const uint8_t body_hash[DKIM_HASH], struct buf *out)
{
	add_names(names, out);
	buf_adds(out, "\tbh=");
	base64_encode(sv_of(body_hash, DKIM_HASH), out);
	buf_adds(out, ";\r\n\tb=");
}

void
dkim_signature_end(struct sv signature, struct buf *out)
{
	struct buf b;
	struct sv rest;
	size_t n = LINE_MAX_HERE - strlen("\tb=");

	buf_init(&b, 4096);
	base64_encode(signature, &b);
	for (rest = buf_sv(&b); rest.n > 0; rest = sv_skip(rest, n)) {
		if (rest.n < b.n)
			buf_adds(out, "\r\n\t");
		buf_addsv(out, sv_first(rest, n));
	}
	buf_adds(out, "\r\n");
	buf_fini(&b);
}

int
dkim_signature_hash(struct sv canon, struct sv field, uint8_t out[DKIM_HASH])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct mail_field f;
	struct buf own;
	int r = RC_TEMP;

	buf_init(&own, 2 * field.n + 16);
	if (mail_field_next(&field, &f))
		dkim_field_relaxed(&f, &own);
	/* [RFC 6376 3.7] without a line end */
	if (c != NULL && own.n > 0 && buf_ok(&own) &&
	    EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(c, canon.p, canon.n) == 1 &&
	    EVP_DigestUpdate(c, own.p, own.n) == 1 &&
	    EVP_DigestFinal_ex(c, out, NULL) == 1)
		r = RC_OK;
	buf_fini(&own);
	EVP_MD_CTX_free(c);
	return r;
}

/* ---- the body's hash ---- */

struct dkim_hash {
	struct dkim_body body;
	EVP_MD_CTX *md;
	bool failed;
};

static void
update(void *arg, struct sv bytes)
{
	struct dkim_hash *h = arg;

	if (EVP_DigestUpdate(h->md, bytes.p, bytes.n) != 1)
		h->failed = true;
}

struct dkim_hash *
dkim_hash_new(void)
{
	struct dkim_hash *h = xcalloc(1, sizeof *h);

	h->md = EVP_MD_CTX_new();
	h->failed =
	    h->md == NULL || EVP_DigestInit_ex(h->md, EVP_sha256(), NULL) != 1;
	dkim_body_init(&h->body, DKIM_RELAXED, update, h);
	return h;
}

void
dkim_hash_free(struct dkim_hash **hp)
{
	if (*hp == NULL)
		return;
	EVP_MD_CTX_free((*hp)->md);
	free(*hp);
	*hp = NULL;
}

void
dkim_hash_feed(struct dkim_hash *h, struct sv bytes)
{
	if (!h->failed)
		dkim_body_feed(&h->body, bytes);
}

int
dkim_hash_end(struct dkim_hash *h, uint8_t out[DKIM_HASH])
{
	if (!h->failed)
		dkim_body_end(&h->body);
	if (h->failed || EVP_DigestFinal_ex(h->md, out, NULL) != 1)
		return RC_TEMP;
	return RC_OK;
}
