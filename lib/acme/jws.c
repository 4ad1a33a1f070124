#include "acme/jws.h"

#include <stdlib.h>

#include <jansson.h>
#include <sodium.h>

#define SECRET_MAX 1024
#define PART_MAX   65536

/* Appends text as a JSON string. */
static void
add_string(struct buf *out, const char *text)
{
	json_t *s = json_string(text);
	char *quoted =
	    s != NULL ? json_dumps(s, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	buf_adds(out, quoted != NULL ? quoted : "\"\"");
	free(quoted);
	json_decref(s);
}

/* The two signed parts, joined with a dot. */
static void
join(struct sv head, struct sv payload, struct buf *out)
{
	acme_base64url(head, out);
	buf_addc(out, '.');
	acme_base64url(payload, out);
}

static void
put(struct sv head, struct sv payload, struct sv signature, struct buf *out)
{
	buf_adds(out, "{\"protected\":\"");
	acme_base64url(head, out);
	buf_adds(out, "\",\"payload\":\"");
	acme_base64url(payload, out);
	buf_adds(out, "\",\"signature\":\"");
	acme_base64url(signature, out);
	buf_adds(out, "\"}");
}

void
acme_jws(const struct acme_jws *j, struct sv payload, struct buf *out)
{
	unsigned char signature[64];
	struct buf head, both;

	buf_init(&head, PART_MAX);
	buf_init(&both, 2 * PART_MAX);
	buf_adds(&head, "{\"alg\":\"ES256\",");
	if (j->account == NULL) {
		buf_adds(&head, "\"jwk\":");
		acme_key_jwk(j->key, &head);
	} else {
		buf_adds(&head, "\"kid\":");
		add_string(&head, j->account);
	}
	buf_adds(&head, ",\"nonce\":");
	add_string(&head, j->nonce);
	buf_adds(&head, ",\"url\":");
	add_string(&head, j->url);
	buf_addc(&head, '}');
	join(buf_sv(&head), payload, &both);
	acme_key_sign(j->key, buf_sv(&both), signature);
	put(buf_sv(&head), payload, sv_of(signature, sizeof signature), out);
	buf_fini(&both);
	buf_fini(&head);
}

static void
hmac(struct sv key, struct sv text,
    unsigned char out[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state st;

	(void)crypto_auth_hmacsha256_init(
	    &st, (const unsigned char *)key.p, key.n);
	(void)crypto_auth_hmacsha256_update(
	    &st, (const unsigned char *)text.p, text.n);
	(void)crypto_auth_hmacsha256_final(&st, out);
	sodium_memzero(&st, sizeof st);
}

int
acme_jws_external(const struct acme_key *key, const char *id, struct sv secret,
    const char *url, struct buf *out)
{
	unsigned char signature[crypto_auth_hmacsha256_BYTES];
	struct buf head, jwk, both, raw;
	int r;

	buf_init(&raw, SECRET_MAX);
	buf_init(&head, PART_MAX);
	buf_init(&jwk, PART_MAX);
	buf_init(&both, 2 * PART_MAX);
	r = acme_base64url_read(secret, &raw);
	if (r == RC_OK && raw.n == 0)
		r = RC_SYNTAX;
	if (r == RC_OK) {
		buf_adds(&head, "{\"alg\":\"HS256\",\"kid\":");
		add_string(&head, id);
		buf_adds(&head, ",\"url\":");
		add_string(&head, url);
		buf_addc(&head, '}');
		acme_key_jwk(key, &jwk);
		join(buf_sv(&head), buf_sv(&jwk), &both);
		hmac(buf_sv(&raw), buf_sv(&both), signature);
		put(buf_sv(&head), buf_sv(&jwk),
		    sv_of(signature, sizeof signature), out);
	}
	buf_fini(&both);
	buf_fini(&jwk);
	buf_fini(&head);
	buf_wipe(&raw);
	return r;
}
