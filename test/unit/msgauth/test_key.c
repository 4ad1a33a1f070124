#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "msgauth/key.h"
#include "test/unit/unit.h"

static struct dkim_pair pair;
static struct buf text;

static void
setup(void)
{
	struct err err = {.text = ""};

	dkim_key_setup();
	buf_init(&text, DKIM_PAIR_MAX);
	ck_assert_int_eq(dkim_pair_make(1795536046, &pair, &err), RC_OK);
	ck_assert_int_eq(dkim_pair_write(&pair, &text), RC_OK);
}

static void
teardown(void)
{
	dkim_pair_fini(&pair);
	dkim_pair_fini(&pair);
	buf_wipe(&text);
}

/* The key of the record, as a verifier reads it. */
static EVP_PKEY *
published(const struct dkim_key *k, const char *prefix)
{
	const unsigned char *der;
	EVP_PKEY *p;
	struct buf rec, bin;

	buf_init(&rec, 2000);
	buf_init(&bin, 2000);
	ck_assert_int_eq(dkim_key_record(k, &rec), RC_OK);
	ck_assert_msg(sv_starts(buf_sv(&rec), sv_str(prefix)), "%s", rec.p);
	ck_assert_int_eq(
	    base64_decode(sv_skip(buf_sv(&rec), strlen(prefix)), &bin), RC_OK);
	der = (const unsigned char *)bin.p;
	p = bin.n == 32
		? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, 32)
		: d2i_PUBKEY(NULL, &der, (long)bin.n);
	buf_fini(&bin);
	buf_fini(&rec);
	ck_assert_ptr_nonnull(p);
	return p;
}

START_TEST(dkim_key_sign__fits_the_record)
{
	uint8_t hash[DKIM_HASH];
	struct buf sig;
	EVP_PKEY *rsa = published(pair.key[DKIM_RSA], "v=DKIM1; k=rsa; p=");
	EVP_PKEY *ed =
	    published(pair.key[DKIM_ED25519], "v=DKIM1; k=ed25519; p=");
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa, NULL);
	EVP_MD_CTX *m = EVP_MD_CTX_new();

	memset(hash, 7, sizeof hash);
	buf_init(&sig, 1000);
	ck_assert_int_eq(dkim_key_sign(pair.key[DKIM_RSA], hash, &sig), RC_OK);
	ck_assert_uint_eq(sig.n, 256);
	ck_assert_int_eq(EVP_PKEY_verify_init(c), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	ck_assert_int_eq(EVP_PKEY_verify(c, (unsigned char *)sig.p, sig.n, hash,
			     sizeof hash),
	    1);
	buf_reset(&sig);
	ck_assert_int_eq(
	    dkim_key_sign(pair.key[DKIM_ED25519], hash, &sig), RC_OK);
	ck_assert_int_eq(EVP_DigestVerifyInit(m, NULL, NULL, NULL, ed), 1);
	ck_assert_int_eq(EVP_DigestVerify(m, (unsigned char *)sig.p, sig.n,
			     hash, sizeof hash),
	    1);
	buf_fini(&sig);
	EVP_MD_CTX_free(m);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed);
}
END_TEST

START_TEST(dkim_pair_read__gives_what_was_written)
{
	struct dkim_pair again;
	struct buf a, b;
	struct err err;
	int i;

	buf_init(&a, 2000);
	buf_init(&b, 2000);
	ck_assert_uint_eq(strlen(pair.selector[DKIM_RSA]), 18);
	ck_assert(
	    sv_starts(sv_str(pair.selector[DKIM_RSA]), SV("hm-rsa-202611-")));
	ck_assert(sv_starts(
	    sv_str(pair.selector[DKIM_ED25519]), SV("hm-ed-202611-")));
	ck_assert_str_eq(
	    pair.selector[DKIM_RSA] + 14, pair.selector[DKIM_ED25519] + 13);
	ck_assert_int_eq(dkim_pair_read(buf_sv(&text), &again, &err), RC_OK);
	for (i = 0; i < DKIM_ALGORITHMS; i++) {
		buf_reset(&a);
		buf_reset(&b);
		ck_assert_str_eq(again.selector[i], pair.selector[i]);
		ck_assert_int_eq(dkim_key_record(again.key[i], &a), RC_OK);
		ck_assert_int_eq(dkim_key_record(pair.key[i], &b), RC_OK);
		ck_assert(sv_eq(buf_sv(&a), buf_sv(&b)));
	}
	dkim_pair_fini(&again);
	buf_fini(&a);
	buf_fini(&b);
}
END_TEST

/* Never the same name twice, not even in one month. */
START_TEST(dkim_pair_make__has_names_of_its_own)
{
	struct dkim_pair other;
	struct err err;
	int i;

	ck_assert_int_eq(dkim_pair_make(1795536046, &other, &err), RC_OK);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		ck_assert_str_ne(other.selector[i], pair.selector[i]);
	dkim_pair_fini(&other);
}
END_TEST

START_TEST(dkim_selector__is_one_of_ours)
{
	static const struct {
		const char *selector;
		bool made;
	} rows[] = {{"hm-rsa-202611-k7fq", true}, {"hm-ed-202611-k7fq", true},
	    {"hm-rsa-202611", true}, {"hm-ed-2026112", false},
	    {"hm-ed-202611-k7f", false}, {"hm-ed-202611-k7fq1", false},
	    {"hm-ed-20261a-k7fq", false}, {"hm-ed-202611-k7f.", false},
	    {"hm-ed-202611xk7fq", false}, {"hm-xx-202611-k7fq", false},
	    {"202611-k7fq", false}, {"", false},
	    {"secret.hm-ed-202611-k7fq", false}};
	size_t i;

	for (i = 0; i < DKIM_ALGORITHMS; i++)
		ck_assert(dkim_selector_is_made(sv_str(pair.selector[i])));
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(dkim_selector_is_made(sv_str(rows[i].selector)) ==
				  rows[i].made,
		    "%s", rows[i].selector);
}
END_TEST

/* Half a file is none, wherever it ends. */
START_TEST(dkim_pair_read__refuses_what_is_cut)
{
	struct dkim_pair again;
	struct err err;
	size_t n;

	for (n = 0; n < text.n; n++)
		ck_assert_int_eq(
		    dkim_pair_read(sv_first(buf_sv(&text), n), &again, &err),
		    RC_DAMAGED);
}
END_TEST

START_TEST(dkim_pair_read__refuses_others)
{
	static const char *const bad[] = {"", "hearthmail dkim 2\n",
	    "hearthmail dkim 1\nselector \n",
	    "hearthmail dkim 1\nselector a/b\n",
	    "hearthmail dkim 1\nselector x\n-----BEGIN PRIVATE KEY-----\n"
	    "AAAA\n-----END PRIVATE KEY-----\n"};
	struct dkim_pair again;
	struct err err;
	struct buf b;
	size_t i, at;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_int_eq(
		    dkim_pair_read(sv_str(bad[i]), &again, &err), RC_DAMAGED);
	/* Twice the RSA key. */
	buf_init(&b, DKIM_PAIR_MAX);
	at = sv_find(buf_sv(&text), SV("selector hm-ed"));
	buf_addsv(&b, sv_first(buf_sv(&text), at));
	buf_addsv(&b, sv_skip(sv_first(buf_sv(&text), at), 18));
	ck_assert_int_eq(dkim_pair_read(buf_sv(&b), &again, &err), RC_DAMAGED);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(key)
{
	TCase *tc = tcase_create("key");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, dkim_key_sign__fits_the_record);
	tcase_add_test(tc, dkim_pair_make__has_names_of_its_own);
	tcase_add_test(tc, dkim_selector__is_one_of_ours);
	tcase_add_test(tc, dkim_pair_read__gives_what_was_written);
	tcase_add_test(tc, dkim_pair_read__refuses_what_is_cut);
	tcase_add_test(tc, dkim_pair_read__refuses_others);
	return tc;
}
