#include "msgauth/dkim_keys.h"

#include <pthread.h>
#include <stdio.h>

#include "msgauth/dkim_record.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/unit.h"

static const uint8_t hash[DKIM_HASH] = {1, 2, 3};

static void
sign(EVP_PKEY *k, struct buf *out)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
	unsigned char sig[DKIM_SIGNATURE_MAX];
	size_t n = sizeof sig;

	ck_assert_int_eq(EVP_PKEY_sign_init(c), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	ck_assert_int_eq(EVP_PKEY_sign(c, sig, &n, hash, DKIM_HASH), 1);
	buf_add(out, sig, n);
	EVP_PKEY_CTX_free(c);
}

/* With this record's text, that many bits. */
static enum dkim_reason
verify(struct sv record, struct sv signature, struct dkim_keys *keys,
    unsigned *bits)
{
	const struct dkim_claim c = {DKIM_RSA, false, hash, signature};
	struct dkim_record r;

	ck_assert_int_eq(dkim_record_parse(record, &r), RC_OK);
	return dkim_record_verify(&r, &c, keys, bits);
}

/* Whether a key is remembered makes no difference to any answer. */
START_TEST(dkim_keys__answer_alike)
{
	const unsigned sizes[] = {768, 1024, 2048};
	struct dkim_keys *keys = dkim_keys_new();
	unsigned bits;
	size_t i, turn;

	for (turn = 0; turn < 3; turn++)
		for (i = 0; i < 3; i++) {
			enum dkim_reason good =
			    sizes[i] < 1024 ? DKIM_R_KEY_SHORT : DKIM_R_NONE;
			EVP_PKEY *k = signer_rsa(sizes[i]);
			struct buf b, sig;

			buf_init(&b, 4096);
			buf_init(&sig, 4096);
			sign(k, &sig);
			signer_record(k, "v=DKIM1; ", &b);
			ck_assert_int_eq(
			    verify(buf_sv(&b), buf_sv(&sig), keys, &bits),
			    good);
			ck_assert_uint_eq(bits, sizes[i]);
			buf_reset(&b);
			signer_record(k, "s=tlsrpt; ", &b);
			ck_assert_int_eq(
			    verify(buf_sv(&b), buf_sv(&sig), keys, &bits),
			    DKIM_R_KEY_SERVICE);
			buf_reset(&b);
			signer_record(k, "k=ed25519; ", &b);
			ck_assert_int_eq(
			    verify(buf_sv(&b), buf_sv(&sig), keys, &bits),
			    DKIM_R_KEY_TYPE);
			buf_reset(&b);
			signer_record(k, "", &b);
			buf_addc(&b, '!');
			ck_assert_int_eq(
			    verify(buf_sv(&b), buf_sv(&sig), keys, &bits),
			    DKIM_R_KEY_SYNTAX);
			b.n--;
			sig.p[7] ^= 1;
			ck_assert_int_eq(
			    verify(buf_sv(&b), buf_sv(&sig), keys, &bits),
			    sizes[i] < 1024 ? DKIM_R_KEY_SHORT
					    : DKIM_R_SIGNATURE);
			buf_fini(&sig);
			buf_fini(&b);
		}
	dkim_keys_free(&keys);
}
END_TEST

START_TEST(dkim_keys__are_bounded)
{
	struct dkim_keys *keys = dkim_keys_new();
	EVP_PKEY *k = signer_rsa(1024), *got;
	char text[DKIM_KEYS_TEXT + 2];
	size_t i, n = 0;

	for (i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "key%zu", i);
		ck_assert_ptr_null(dkim_keys_get(keys, sv_str(text)));
		dkim_keys_put(keys, sv_str(text), k);
		dkim_keys_put(keys, sv_str(text), k);
		got = dkim_keys_get(keys, sv_str(text));
		ck_assert_ptr_eq(got, k);
		EVP_PKEY_free(got);
		/* What is in use stays. */
		got = dkim_keys_get(keys, SV("key0"));
		ck_assert_ptr_eq(got, k);
		EVP_PKEY_free(got);
	}
	for (i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "key%zu", i);
		got = dkim_keys_get(keys, sv_str(text));
		n += got != NULL;
		EVP_PKEY_free(got);
	}
	ck_assert_uint_le(n, DKIM_KEYS_MAX);
	memset(text, 'x', sizeof text);
	dkim_keys_put(keys, sv_of(text, DKIM_KEYS_TEXT + 1), k);
	ck_assert_ptr_null(
	    dkim_keys_get(keys, sv_of(text, DKIM_KEYS_TEXT + 1)));
	dkim_keys_put(NULL, SV("x"), k);
	ck_assert_ptr_null(dkim_keys_get(NULL, SV("x")));
	dkim_keys_free(&keys);
	dkim_keys_free(&keys);
}
END_TEST

/* What checks is one thread's at a time, and only so many wait. */
START_TEST(dkim_keys__lend_what_checks)
{
	struct dkim_keys *keys = dkim_keys_new();
	EVP_PKEY *k = signer_rsa(1024);
	EVP_PKEY_CTX *c[3], *got;
	size_t i;

	dkim_keys_put(keys, SV("key"), k);
	ck_assert_ptr_null(dkim_keys_take_check(keys, SV("key")));
	for (i = 0; i < 3; i++) {
		c[i] = EVP_PKEY_CTX_new(k, NULL);
		dkim_keys_give_check(keys, SV("key"), c[i]);
	}
	dkim_keys_give_check(keys, SV("other"), EVP_PKEY_CTX_new(k, NULL));
	dkim_keys_give_check(NULL, SV("key"), EVP_PKEY_CTX_new(k, NULL));
	ck_assert_ptr_null(dkim_keys_take_check(keys, SV("other")));
	ck_assert_ptr_null(dkim_keys_take_check(NULL, SV("key")));
	got = dkim_keys_take_check(keys, SV("key"));
	ck_assert_ptr_eq(got, c[0]);
	ck_assert_ptr_eq(EVP_PKEY_CTX_get0_pkey(got), k);
	EVP_PKEY_CTX_free(got);
	got = dkim_keys_take_check(keys, SV("key"));
	ck_assert_ptr_eq(got, c[1]);
	ck_assert_ptr_null(dkim_keys_take_check(keys, SV("key")));
	dkim_keys_give_check(keys, SV("key"), got);
	/* Of keys that were pushed out nothing is left. */
	dkim_keys_free(&keys);
}
END_TEST

static struct {
	struct dkim_keys *keys;
	struct buf record[3], signature[3];
} shared;

static void *
verify_many(void *arg)
{
	unsigned bits;
	int i;

	(void)arg;
	for (i = 0; i < 300; i++)
		if (verify(buf_sv(&shared.record[i % 3]),
			buf_sv(&shared.signature[i % 3]), shared.keys,
			&bits) != DKIM_R_NONE)
			return shared.keys;
	return NULL;
}

START_TEST(dkim_keys__serve_many_threads)
{
	const unsigned sizes[] = {1024, 1536, 2048};
	pthread_t th[4];
	void *failed;
	int i;

	shared.keys = dkim_keys_new();
	for (i = 0; i < 3; i++) {
		buf_init(&shared.record[i], 4096);
		buf_init(&shared.signature[i], 4096);
		signer_record(signer_rsa(sizes[i]), "", &shared.record[i]);
		sign(signer_rsa(sizes[i]), &shared.signature[i]);
	}
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&th[i], NULL, verify_many, NULL), 0);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(th[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
	for (i = 0; i < 3; i++) {
		buf_fini(&shared.record[i]);
		buf_fini(&shared.signature[i]);
	}
	dkim_keys_free(&shared.keys);
}
END_TEST

UNIT_TESTS(dkim_keys)
{
	TCase *tc = tcase_create("dkim_keys");

	tcase_add_test(tc, dkim_keys__lend_what_checks);
	tcase_add_test(tc, dkim_keys__answer_alike);
	tcase_add_test(tc, dkim_keys__are_bounded);
	tcase_add_test(tc, dkim_keys__serve_many_threads);
	return tc;
}
